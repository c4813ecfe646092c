//! The queries of a policy: those of its metrics and of its guards. Pure.
use std::sync::{Arc, LazyLock};

use super::query::Template;
use crate::control::compile::{CompiledPolicy, Measure};
use crate::intern::Interner;

/// One query to one server.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryKey {
    /// Name of the server.
    pub server: Arc<str>,
    /// What is asked.
    pub template: Template,
}

static QUERIES: LazyLock<Interner<QueryKey>> = LazyLock::new(Interner::default);

impl QueryKey {
    /// The one allocation of this key: policies that share a query share it too.
    #[must_use]
    pub fn shared(server: &Arc<str>, template: Template) -> Arc<Self> {
        QUERIES.get(Self {
            server: Arc::clone(server),
            template,
        })
    }
}

/// The labels by which a policy takes its series of a query; `None` where it takes those of its pods.
pub type Taken<'p> = Option<&'p [(Arc<str>, Box<str>)]>;

/// The queries of a policy in their order, each with the labels by which the policy takes its series; `None` where it
/// takes those of its pods.
pub fn needs(policy: &CompiledPolicy) -> impl Iterator<Item = (&Arc<QueryKey>, Taken<'_>)> {
    let of_metrics = policy.metrics.iter().map(|metric| match &metric.measure {
        Measure::Total { matching } => Some(&**matching),
        _ => None,
    });
    let of_guards = policy.guards().iter().map(|guard| Some(&*guard.matching));
    policy.queries.iter().zip(of_metrics.chain(of_guards))
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
