//! What the controller knows of the cluster: compact tables of policies, pods, targets and other autoscalers, kept current by
//! watches.
//!
//! The tables themselves never touch the network; [`watch`] feeds them. Locks are held for a lookup, never across an await, and not
//! while another question is put to [`Cluster`], which locks for itself. Who needs several takes them in the order of [`View`].
pub mod autoscalers;
pub mod feed;
pub mod guarded;
mod keda;
pub mod names;
mod owners;
pub mod parts;
pub mod places;
mod pod_fields;
mod pod_record;
mod pod_state;
pub mod pods;
pub mod policies;
mod policy_record;
mod requests;
pub mod rollout;
mod slab;
pub mod slim;
mod startup;
pub mod target_fields;
mod target_kinds;
mod target_names;
pub mod targets;
pub mod watch;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use concertina_decision::{Replicas, Rollout};

use autoscalers::AutoscalerTable;
use parts::{Part, Parts, Progress};
use pods::PodTable;
use policies::PolicyTable;
use targets::{TargetKey, TargetRecord, TargetTable};
use watch::Failure;

use crate::config::Config;

/// The tables, shared between the watches and the loop.
#[derive(Debug)]
pub struct Cluster {
    policies: Mutex<PolicyTable>,
    pods: Mutex<PodTable>,
    targets: Mutex<TargetTable>,
    autoscalers: Mutex<AutoscalerTable>,
    /// Whether the first lists were complete once.
    was_synced: AtomicBool,
    /// Woken when a policy appears, changes or goes.
    pub policies_changed: tokio::sync::Notify,
}

/// A ResourceQuota refuses pods of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaRefusal {
    /// For so many pods there is room: those that live.
    pub room: Replicas,
    /// The API server's words; they name the quota.
    pub message: String,
}

/// All tables at one moment, for as long as it is held: briefly, and never across an await.
#[derive(Debug)]
pub struct View<'c> {
    /// The targets.
    pub targets: MutexGuard<'c, TargetTable>,
    /// The pods.
    pub pods: MutexGuard<'c, PodTable>,
    /// The other autoscalers.
    pub autoscalers: MutexGuard<'c, AutoscalerTable>,
    /// The policies.
    pub policies: MutexGuard<'c, PolicyTable>,
}

/// How far a part of the cluster has been read, of what nothing can be decided without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'v> {
    /// First lists are missing.
    Awaited,
    /// Policies, pods and ReplicaSets are listed.
    Read,
    /// The controller may not list something there, or lost the right to it.
    Refused {
        /// What, in the plural.
        what: &'static str,
        /// The API server's words, where they are known.
        failure: Option<&'v Failure>,
    },
}

impl View<'_> {
    /// How far this part of the cluster has been read.
    #[must_use]
    pub fn standing(&self, part: Part) -> Standing<'_> {
        let lists = [
            ("scalingpolicies", self.policies.lists()),
            ("pods", self.pods.pod_lists()),
            ("replicasets", self.pods.replica_set_lists()),
        ];
        let refused = lists
            .iter()
            .find(|(_, lists)| lists.progress(part) == Progress::Refused);
        if let Some((what, lists)) = refused {
            return Standing::Refused {
                what,
                failure: lists.failure(part),
            };
        }
        if lists.iter().all(|(_, lists)| lists.is_listed(part)) {
            Standing::Read
        } else {
            Standing::Awaited
        }
    }

    /// The same for a namespace, which is one that is watched; other autoscalers are waited for too.
    #[must_use]
    pub fn standing_of(&self, namespace: &str) -> Standing<'_> {
        let Some(part) = self.policies.parts().of_namespace(namespace) else {
            return Standing::Awaited;
        };
        match self.standing(part) {
            Standing::Read if !self.autoscalers.is_synced(part) => Standing::Awaited,
            standing => standing,
        }
    }

    /// Whether the pods of the target with this record are being exchanged for those of another version; [`rollout`] says
    /// what that means for which kind.
    #[must_use]
    pub fn rollout(&self, target: &TargetKey, record: &TargetRecord) -> Rollout {
        self.pods.rollout_of(&target.gvk, record)
    }

    /// Whether a ResourceQuota refuses pods of the target with this record, as far as [`target_fields`] can see it.
    #[must_use]
    pub fn quota_refusal(&self, record: &TargetRecord) -> Option<QuotaRefusal> {
        let message = record.quota_refusal.as_deref()?.to_owned();
        let living = self.pods.count_of(&record.uid);
        Some(QuotaRefusal {
            room: Replicas::try_from(living).unwrap_or(Replicas::MAX),
            message,
        })
    }

    /// As [`Cluster::autoscaler_of`].
    #[must_use]
    pub fn autoscaler_of(&self, target: &TargetKey) -> Option<String> {
        self.autoscalers.of(target)
    }
}

impl Cluster {
    /// Empty tables; policies are compiled with this configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        let policies = PolicyTable::new(config);
        let parts = policies.parts().clone();
        Self {
            policies: Mutex::new(policies),
            pods: Mutex::new(PodTable::of(parts.clone())),
            targets: Mutex::new(TargetTable::of(parts.clone())),
            autoscalers: Mutex::new(AutoscalerTable::in_parts(parts)),
            was_synced: AtomicBool::new(false),
            policies_changed: tokio::sync::Notify::new(),
        }
    }

    /// All tables at this moment. They are locked in the order in which the fields stand.
    pub fn view(&self) -> View<'_> {
        View {
            targets: self.targets(),
            pods: self.pods(),
            autoscalers: self.autoscalers(),
            policies: self.policies(),
        }
    }

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
    /// The other autoscalers; hold the guard briefly.
    pub fn autoscalers(&self) -> MutexGuard<'_, AutoscalerTable> {
        lock(&self.autoscalers)
    }

    /// The parts of the cluster that are watched.
    #[must_use]
    pub fn parts(&self) -> Parts {
        self.policies().parts().clone()
    }

    /// Whether the first lists are complete: of policies and pods, since a pod that is not listed yet would look like a pod
    /// that is gone; and of other autoscalers, since what they own must not be touched. Those that may not be listed are not
    /// waited for, and KEDA, whose API is somebody else's and may be broken, no longer than 15 s once the rest is there.
    ///
    /// Of several namespaces those are not waited for in which the controller has no rights, as long as there is another. What
    /// happens to rights later is for [`View::standing_of`] to tell: the controller has begun.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        if self.was_synced.load(Ordering::Relaxed) {
            return true;
        }
        let is_synced = self.is_read();
        if is_synced {
            self.was_synced.store(true, Ordering::Relaxed);
        }
        is_synced
    }

    fn is_read(&self) -> bool {
        let view = self.view();
        let mut is_any_read = false;
        for (part, _) in view.policies.parts().iter() {
            match view.standing(part) {
                Standing::Read if view.autoscalers.is_synced(part) => is_any_read = true,
                Standing::Refused { .. } => {}
                Standing::Read | Standing::Awaited => return false,
            }
        }
        is_any_read
    }

    /// Whether the pods of `target` are being exchanged for those of another version.
    #[must_use]
    pub fn rollout(&self, target: &TargetKey) -> Rollout {
        let view = self.view();
        let record = view.targets.get(target);
        record.map_or(Rollout::None, |record| view.rollout(target, record))
    }

    /// Whether a ResourceQuota refuses pods of `target`.
    #[must_use]
    pub fn quota_refusal(&self, target: &TargetKey) -> Option<QuotaRefusal> {
        let view = self.view();
        view.quota_refusal(view.targets.get(target)?)
    }

    /// A living HorizontalPodAutoscaler or KEDA ScaledObject that scales `target`, such as `HorizontalPodAutoscaler web`. A
    /// controller that may not list them goes on without, and sees none.
    #[must_use]
    pub fn autoscaler_of(&self, target: &TargetKey) -> Option<String> {
        self.autoscalers().of(target)
    }

    /// Forgets what was learned of targets that are gone.
    pub fn forget_gone(&self) {
        let targets = self.targets();
        let mut pods = self.pods();
        let mut gone = pods.startups_without_pods();
        if !gone.is_empty() {
            for uid in targets.uids() {
                gone.remove(uid);
            }
            pods.forget_startups(&gone);
        }
    }
}

/// A table stays usable when a thread panicked while holding it: updates are single assignments.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
