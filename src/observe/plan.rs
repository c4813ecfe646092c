//! The distinct queries that the policies of one tick need: those of their metrics and of their guards. Pure.
use std::collections::BTreeMap;

use super::query::{Namespaces, Template};
use crate::control::compile::CompiledPolicy;

/// One query to one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryKey {
    /// Name of the server.
    pub server: String,
    /// What is asked.
    pub template: Template,
}

/// The distinct queries, each with the namespaces it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By query.
    pub queries: BTreeMap<QueryKey, Namespaces>,
}

impl Plan {
    /// Adds what `policy` in `namespace` needs.
    pub fn add(&mut self, namespace: &str, policy: &CompiledPolicy) {
        for key in policy.queries() {
            self.queries.entry(key).or_default().insert(namespace);
        }
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
