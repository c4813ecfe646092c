//! The distinct queries that the policies of one tick need: those of their metrics and of their guards. Pure.
//!
//! Policies share a query by (server, what is asked, window) and the policies that wait for the same requests are one
//! group. The [`Planner`] remembers between ticks how wide the answers are and what a server refuses.
use std::sync::Arc;

pub use super::plan::Taken;
use super::plan::{QueryKey, needs};
use super::query::Namespaces;
use super::table::Wanted;
use crate::control::compile::CompiledPolicy;

mod assemble;
mod learn;
mod spread;

pub use learn::Planner;

/// Up to so many namespaces a query of built-in metrics names them; beyond it asks for all.
const NAMESPACES_NAMED: usize = 50;

/// One query to be sent, and what of its answer is wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is asked.
    pub query: Arc<QueryKey>,
    /// The namespaces of the policies that wait for it, in order where they are named. None for a query of a user's own.
    pub namespaces: Arc<[Arc<str>]>,
    /// Whether the query names these namespaces. Else it asks for all.
    pub is_named: bool,
    /// What of the answer is wanted.
    pub wanted: Wanted,
    /// Which part of the query this is, or of a user's own which lot of label sets; 0 for the whole.
    pub shard: u32,
}

impl Request {
    /// What the query is narrowed to.
    #[must_use]
    pub fn narrowing(&self) -> Namespaces {
        if self.is_named {
            Namespaces::named(self.namespaces.iter().cloned())
        } else {
            Namespaces::default()
        }
    }

    /// Whether the answer speaks of this namespace.
    #[must_use]
    pub fn covers(&self, namespace: &str) -> bool {
        !self.is_named
            || self
                .namespaces
                .binary_search_by(|name| (**name).cmp(namespace))
                .is_ok()
    }
}

/// Policies that wait for the same requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The requests, in the order of the policy's queries: metrics, then guards.
    pub requests: Box<[u32]>,
    /// Which of the due policies these are.
    pub members: Vec<u32>,
}

/// What to ask in one tick, and who waits for what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Each distinct request once.
    pub requests: Vec<Request>,
    /// Every due policy is a member of one of them.
    pub groups: Vec<Group>,
}

/// Who asks queries.
pub trait Asks {
    /// Its queries in their order, each with what it takes of the answer.
    fn needs(&self) -> impl Iterator<Item = (&Arc<QueryKey>, Taken<'_>)>;
}

impl Asks for CompiledPolicy {
    fn needs(&self) -> impl Iterator<Item = (&Arc<QueryKey>, Taken<'_>)> {
        needs(self)
    }
}

#[cfg(test)]
mod fleet;
#[cfg(test)]
mod tests;
