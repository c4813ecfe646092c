//! What the controller knows of the cluster: compact tables of policies, pods and targets, kept current by watches.
//!
//! The tables themselves never touch the network; [`watch`] feeds them. Locks are held for a lookup, never across an await.
pub mod feed;
pub mod pods;
pub mod policies;
pub mod targets;
pub mod watch;

use std::sync::{Mutex, MutexGuard, PoisonError};

use pods::PodTable;
use policies::PolicyTable;
use targets::TargetTable;

/// The tables, shared between the watches and the loop.
#[derive(Debug, Default)]
pub struct Cluster {
    policies: Mutex<PolicyTable>,
    pods: Mutex<PodTable>,
    targets: Mutex<TargetTable>,
    /// Woken when a policy appears, changes or goes.
    pub policies_changed: tokio::sync::Notify,
}

impl Cluster {
    /// The policies; hold the guard briefly.
    pub fn policies(&self) -> MutexGuard<'_, PolicyTable> {
        lock(&self.policies)
    }
    /// The pods; hold the guard briefly.
    pub fn pods(&self) -> MutexGuard<'_, PodTable> {
        lock(&self.pods)
    }
    /// The targets; hold the guard briefly.
    pub fn targets(&self) -> MutexGuard<'_, TargetTable> {
        lock(&self.targets)
    }

    /// Whether the first lists of policies and pods are complete: before that a pod that is not
    /// listed yet would look like a pod that is gone.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.policies().is_synced() && self.pods().is_synced()
    }
}

/// A table stays usable when a thread panicked while holding it: updates are single assignments.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
