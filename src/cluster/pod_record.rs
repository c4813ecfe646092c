//! What is kept of one living pod. No network.
use std::sync::Arc;

use concertina_decision::{Pod as PodState, Timestamp as Instant};
use jiff::Timestamp;

use super::names::Uid;
use super::parts::Epoch;
pub use super::pod_fields::{ContainerResources, Resources};
use super::slab::Id;

/// A living pod. Cloning it copies no text.
#[derive(Clone, Debug, PartialEq)]
pub struct PodRecord {
    /// Name; the namespace is the target's.
    pub name: Arc<str>,
    /// The pod's uid: a pod of the same name may come again.
    pub uid: Uid,
    /// Whether it is Ready, was so once, and whether its containers end again and again.
    pub state: PodState,
    /// Since when it has been Ready, if it is.
    pub ready_since: Option<Instant>,
    /// Whether the scheduler found no node for it.
    pub unschedulable: bool,
    /// What the pod asks for as a whole (`spec.resources`, KEP-2837). Where this says something it goes before the sum of
    /// the containers.
    pub resources: Resources,
    /// Containers that run as long as the pod does, sidecars included. Pods of one template share them.
    pub containers: Arc<[ContainerResources]>,
}

/// A living pod as its table keeps it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) namespace: Arc<str>,
    pub(super) name: Arc<str>,
    pub(super) uid: Uid,
    /// What controls it.
    pub(super) owner: Id,
    /// Its neighbours among the pods of its owner.
    pub(super) previous: Option<Id>,
    pub(super) next: Option<Id>,
    /// What it was made from, as a hash; of pods of a ReplicaSet that is the set itself.
    pub(super) version: u64,
    /// A Ready pod is Crashing until then.
    pub(super) trusted_from: Option<Timestamp>,
    pub(super) ready_since: Option<Instant>,
    pub(super) state: PodState,
    pub(super) unschedulable: bool,
    /// Only pods that ask for something as a whole have any.
    pub(super) resources: Option<Arc<Resources>>,
    pub(super) containers: Arc<[ContainerResources]>,
    /// The list in which it was seen last.
    pub(super) epoch: Epoch,
}

impl Entry {
    /// The pod as it is at `now`.
    pub(super) fn at(&self, now: Instant) -> PodRecord {
        let is_trusted = self
            .trusted_from
            .is_none_or(|from| now.0 >= from.as_millisecond());
        PodRecord {
            name: Arc::clone(&self.name),
            uid: self.uid.clone(),
            state: if is_trusted {
                self.state
            } else {
                PodState::Crashing
            },
            ready_since: self.ready_since,
            unschedulable: self.unschedulable,
            resources: self.resources.as_deref().copied().unwrap_or_default(),
            containers: Arc::clone(&self.containers),
        }
    }
}
