//! Which object controls a ReplicaSet, and which of its ReplicaSets is the newest. No network.
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::de::IgnoredAny;

use super::slim::{Fields, Slim, SlimMetadata};

/// The part of a ReplicaSet that is read.
pub type SlimReplicaSet = Slim<ReplicaSetFields>;

/// What is used of a ReplicaSet.
#[derive(Clone, Debug)]
pub struct ReplicaSetFields {
    owner: Option<String>,
    age: Age,
}

/// Later is greater. The revision comes first: after a roll-back the set made first is the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Age {
    pub(super) revision: Option<u64>,
    created: Option<Timestamp>,
}

impl Fields for ReplicaSetFields {
    type Spec = IgnoredAny;
    type Status = IgnoredAny;

    fn pick(metadata: &SlimMetadata, _: Option<IgnoredAny>, _: Option<IgnoredAny>) -> Self {
        Self {
            owner: metadata.controller().map(|owner| owner.uid.clone()),
            age: Age {
                revision: metadata.revision(),
                created: metadata.created(),
            },
        }
    }
}

#[derive(Debug)]
struct Entry {
    owner: String,
    age: Age,
}

/// All ReplicaSets that something controls, such as a Deployment.
#[derive(Debug, Default)]
pub(super) struct ReplicaSetTable {
    sets: HashMap<String, Entry>,
    by_owner: HashMap<String, HashSet<String>>,
}

impl ReplicaSetTable {
    pub(super) fn clear(&mut self) {
        self.sets.clear();
        self.by_owner.clear();
    }

    pub(super) fn apply(&mut self, set: &SlimReplicaSet) {
        self.delete(set);
        if let (Some(uid), Some(owner)) = (&set.metadata().uid, &set.fields.owner) {
            let entry = Entry {
                owner: owner.clone(),
                age: set.fields.age,
            };
            self.sets.insert(uid.clone(), entry);
            self.by_owner
                .entry(owner.clone())
                .or_default()
                .insert(uid.clone());
        }
    }

    pub(super) fn delete(&mut self, set: &SlimReplicaSet) {
        let Some(uid) = &set.metadata().uid else { return };
        if let Some(entry) = self.sets.remove(uid)
            && let Some(sets) = self.by_owner.get_mut(&entry.owner)
        {
            sets.remove(uid);
            if sets.is_empty() {
                self.by_owner.remove(&entry.owner);
            }
        }
    }

    /// What controls the ReplicaSet with this uid.
    pub(super) fn owner_of(&self, uid: &str) -> Option<&str> {
        self.sets.get(uid).map(|set| set.owner.as_str())
    }

    /// Whether `owner` has any.
    pub(super) fn has_owner(&self, owner: &str) -> bool {
        self.by_owner.contains_key(owner)
    }

    /// The uids of those that `owner` controls.
    pub(super) fn of<'a>(&'a self, owner: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.by_owner.get(owner).into_iter().flatten().map(String::as_str)
    }

    /// The newest of those that `owner` controls.
    pub(super) fn newest_of(&self, owner: &str) -> Option<(&str, Age)> {
        self.of(owner)
            .filter_map(|uid| Some((uid, self.sets.get(uid)?.age)))
            .max_by_key(|(uid, age)| (*age, *uid))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.sets.is_empty() && self.by_owner.is_empty()
    }
}
