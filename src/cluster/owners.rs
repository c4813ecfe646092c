//! What controls pods: ReplicaSets, what controls those, and everything else that controls pods itself. Which ReplicaSet of an
//! owner is the newest. No network.
//!
//! Of a Deployment's ReplicaSets only those are kept that have, want or may have pods, and the newest: the others are its past.
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::names::Uid;
use super::parts::{Epoch, Lists, Part, Parts};
use super::slab::{Id, Index, Slab};
use super::slim::{Fields, Slim, SlimMetadata, lenient};
use super::watch::Failure;

/// The part of a ReplicaSet that is read.
pub type SlimReplicaSet = Slim<ReplicaSetFields>;

/// What is used of a ReplicaSet.
#[derive(Clone, Debug)]
pub struct ReplicaSetFields {
    owner: Option<Uid>,
    set: Set,
}

/// The part of a ReplicaSet's `spec` and of its `status` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Count {
    #[serde(deserialize_with = "lenient")]
    replicas: Option<i32>,
}

/// Later is greater. The revision comes first: after a roll-back the set made first is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    pub(super) revision: Option<u32>,
    /// In seconds since 1970, which is as precise as the API server tells it.
    created: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Set {
    age: Age,
    /// Wants no pods and has none, as far as it knows itself.
    is_idle: bool,
}

impl Fields for ReplicaSetFields {
    type Managers = IgnoredAny;
    type Spec = Count;
    type Status = Count;

    fn pick(metadata: &SlimMetadata, spec: Option<Count>, status: Option<Count>) -> Self {
        let wanted = spec.and_then(|spec| spec.replicas);
        let there = status.and_then(|status| status.replicas);
        Self {
            owner: metadata.controller().map(|owner| Uid::of(&owner.uid)),
            set: Set {
                age: Age {
                    revision: metadata.revision(),
                    created: metadata
                        .created()
                        .and_then(|created| created.as_second().try_into().ok()),
                },
                is_idle: wanted == Some(0) && there.unwrap_or(0) == 0,
            },
        }
    }
}

/// Something that controls pods or ReplicaSets.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) uid: Uid,
    /// One of the pods that it controls itself; they know their neighbours.
    pub(super) first_pod: Option<Id>,
    /// How many pods it controls itself.
    pub(super) pods: u32,
    /// One of its ReplicaSets.
    first_set: Option<Id>,
    /// The next ReplicaSet of what controls this one.
    next_set: Option<Id>,
    /// What controls this ReplicaSet.
    parent: Option<Id>,
    /// If it is a ReplicaSet.
    set: Option<Set>,
    /// The list in which it was seen last.
    epoch: Epoch,
}

/// All owners.
#[derive(Debug, Default)]
pub(super) struct OwnerTable {
    owners: Slab<Owner>,
    by_uid: Index,
    parts: Parts,
    lists: Lists,
}

impl OwnerTable {
    /// An empty table of owners in these parts of the cluster.
    pub(super) fn of(parts: Parts) -> Self {
        Self {
            parts,
            ..Self::default()
        }
    }

    /// The lists of ReplicaSets.
    pub(super) const fn lists(&self) -> &Lists {
        &self.lists
    }

    pub(super) fn note_failure(&mut self, part: Part, failure: Failure, now: std::time::Instant) -> bool {
        self.lists.note_refusal(part, failure, now)
    }

    pub(super) fn find(&self, uid: &Uid) -> Option<Id> {
        self.by_uid
            .find(uid, |id| self.get(id).is_some_and(|owner| owner.uid == *uid))
    }

    pub(super) fn get(&self, id: Id) -> Option<&Owner> {
        self.owners.get(id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Owner> {
        self.owners.get_mut(id)
    }

    /// The owner with this uid; a new one is to be given something, or to be [`Self::let_go`] of.
    pub(super) fn find_or_add(&mut self, uid: &Uid) -> Id {
        if let Some(known) = self.find(uid) {
            return known;
        }
        let id = self.owners.insert(Owner {
            uid: uid.clone(),
            first_pod: None,
            pods: 0,
            first_set: None,
            next_set: None,
            parent: None,
            set: None,
            epoch: Epoch::default(),
        });
        let owners = &self.owners;
        self.by_uid
            .insert(id, |id| owners.get(id).map(|owner| &owner.uid));
        id
    }

    /// Forgets an owner that has nothing left, and a ReplicaSet that has become one of the past.
    pub(super) fn let_go(&mut self, id: Id) {
        if let Some(parent) = self.get(id).and_then(|owner| owner.parent) {
            self.forget_past(parent);
        }
        self.forget_if_empty(id);
    }

    /// A new list of ReplicaSets begins.
    pub(super) fn begin_list(&mut self, part: Part) {
        self.lists.begin(part);
    }

    /// Forgets the ReplicaSets that were not in the list.
    pub(super) fn end_list(&mut self, part: Part) {
        let ended = self.lists.end(part);
        let is_gone = |owner: &Owner| owner.set.is_some() && owner.epoch.is_swept_by(ended);
        let gone: Vec<Id> = self
            .owners
            .iter()
            .filter(|(_, owner)| is_gone(owner))
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            self.delete_set(id);
        }
    }

    pub(super) fn apply(&mut self, set: &SlimReplicaSet) {
        let metadata = set.metadata();
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let uid = metadata.uid.as_deref().map(Uid::of);
        let (Some(uid), Some(part)) = (uid, self.parts.of_namespace(namespace)) else {
            return;
        };
        let Some(owner) = &set.fields.owner else {
            return self.delete(&uid);
        };
        let id = self.find_or_add(&uid);
        let parent = self.find_or_add(owner);
        let former = self.get(id).and_then(|owner| owner.parent);
        if former != Some(parent) {
            self.unlink(id);
            let next = self
                .get_mut(parent)
                .and_then(|parent| parent.first_set.replace(id));
            if let Some(owner) = self.get_mut(id) {
                (owner.parent, owner.next_set) = (Some(parent), next);
            }
        }
        let epoch = self.lists.epoch(part);
        if let Some(owner) = self.get_mut(id) {
            (owner.set, owner.epoch) = (Some(set.fields.set), epoch);
        }
        if let Some(former) = former.filter(|former| *former != parent) {
            self.forget_if_empty(former);
        }
        self.forget_past(parent);
    }

    /// Forgets a ReplicaSet.
    pub(super) fn delete(&mut self, uid: &Uid) {
        if let Some(id) = self.find(uid) {
            self.delete_set(id);
        }
    }

    /// What controls this ReplicaSet.
    pub(super) fn parent_of(&self, uid: &Uid) -> Option<&Uid> {
        let set = self.get(self.find(uid)?)?;
        Some(&self.get(set.parent?)?.uid)
    }

    /// The ReplicaSets that an owner controls.
    pub(super) fn sets_of(&self, owner: Id) -> impl Iterator<Item = (Id, &Owner)> {
        let row = |id: Option<Id>| id.and_then(|id| Some((id, self.get(id)?)));
        let first = row(self.get(owner).and_then(|owner| owner.first_set));
        std::iter::successors(first, move |(_, set)| row(set.next_set))
    }

    /// The newest of the ReplicaSets that an owner controls.
    pub(super) fn newest_of(&self, owner: Id) -> Option<(&Uid, Age)> {
        self.sets_of(owner)
            .filter_map(|(_, set)| Some((&set.uid, set.set?.age)))
            .max_by_key(|(uid, age)| (*age, *uid))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.owners.iter().count()
    }

    fn delete_set(&mut self, id: Id) {
        let parent = self.unlink(id);
        if let Some(owner) = self.get_mut(id) {
            owner.set = None;
        }
        self.forget_if_empty(id);
        if let Some(parent) = parent {
            self.forget_if_empty(parent);
        }
    }

    /// Takes a ReplicaSet from what controls it.
    fn unlink(&mut self, id: Id) -> Option<Id> {
        let set = self.get_mut(id)?;
        let (parent, next) = (set.parent.take()?, set.next_set.take());
        let before = self
            .sets_of(parent)
            .find(|(_, set)| set.next_set == Some(id))
            .map(|(before, _)| before);
        match before {
            Some(before) => self.get_mut(before)?.next_set = next,
            None => self.get_mut(parent)?.first_set = next,
        }
        Some(parent)
    }

    /// Forgets the idle ReplicaSets of an owner, the newest excepted.
    fn forget_past(&mut self, owner: Id) {
        let is_past = |set: &Owner| set.pods == 0 && set.set.is_some_and(|set| set.is_idle);
        loop {
            let newest = self.newest_of(owner).map(|(uid, _)| uid);
            let past = self
                .sets_of(owner)
                .find(|(_, set)| is_past(set) && Some(&set.uid) != newest)
                .map(|(id, _)| id);
            let Some(past) = past else { return };
            self.delete_set(past);
        }
    }

    fn forget_if_empty(&mut self, id: Id) {
        let is_empty = |owner: &Owner| owner.pods == 0 && owner.first_set.is_none() && owner.set.is_none();
        if !self.get(id).is_some_and(is_empty) {
            return;
        }
        if let Some(owner) = self.owners.get(id) {
            self.by_uid.remove(id, &owner.uid);
        }
        self.owners.remove(id);
    }
}
