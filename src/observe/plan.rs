//! The distinct queries that the policies of one tick need: those of their metrics and of their guards. Pure.
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::query::{Namespaces, Template};
use super::table::Wanted;
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

/// The distinct queries, each with the namespaces it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// By query.
    pub queries: BTreeMap<Arc<QueryKey>, (Namespaces, Wanted)>,
}

impl Plan {
    /// Adds what `policy` in `namespace` needs.
    pub fn add(&mut self, namespace: &str, policy: &CompiledPolicy) {
        for (key, matching) in needs(policy) {
            let wanted = || (Namespaces::default(), Wanted::of(matching));
            let (namespaces, wanted) = self.queries.entry(Arc::clone(key)).or_insert_with(wanted);
            namespaces.insert(namespace);
            wanted.include(matching);
        }
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
