//! Whether the pods of a target are being exchanged for those of another version. No network.
//!
//! | target       | a rollout is under way while                                                               |
//! |--------------|--------------------------------------------------------------------------------------------|
//! | Deployment   | a living pod belongs to another ReplicaSet than the newest                                 |
//! | StatefulSet  | a living pod has another revision than `status.updateRevision`, those below the partition excepted |
//! | other kinds  | its living pods belong to more than one ReplicaSet, or carry more than one revision's hash |
//!
//! None is under way once it was given up (condition `Progressing` is False) or is paused (`spec.paused`). Only living pods
//! count: the last old pod ends a rollout when its deletion begins. The moment between the change of a template and the
//! new ReplicaSet is not seen: a Deployment's generation moves with each change of its count too.
use std::hash::{DefaultHasher, Hash, Hasher};

use concertina_decision::Rollout;
use kube::core::GroupVersionKind;

/// What a target says of its rollouts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolloutProgress {
    /// Paused, or given up.
    pub is_stopped: bool,
    /// The hash of `status.updateRevision`.
    pub update_revision: Option<u64>,
    /// So many pods are to stay as they are.
    pub partition: u32,
}

/// The living pods of a target, by what they were made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Versions {
    /// The version that was counted first: its hash and the number of pods. All pods are of one nearly always.
    pub first: Option<(u64, u32)>,
    /// The same of all others, in no order.
    pub others: Vec<(u64, u32)>,
    /// The newest ReplicaSet, if the target has any.
    pub newest: Option<Newest>,
}

/// The newest ReplicaSet of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Newest {
    /// The hash of its uid.
    pub version: u64,
    /// The hash of its uid and its revision: rolling out an old set once more is another rollout.
    pub rollout: u64,
}

impl Versions {
    /// Adds `pods` of `version`.
    pub fn add(&mut self, version: u64, pods: u32) {
        if self.first.is_none() {
            self.first = Some((version, pods));
            return;
        }
        let mut known = self.first.iter_mut().chain(&mut self.others);
        match known.find(|(known, _)| *known == version) {
            Some((_, count)) => *count = count.saturating_add(pods),
            None => self.others.push((version, pods)),
        }
    }

    fn all(&self) -> impl Iterator<Item = &(u64, u32)> {
        self.first.iter().chain(&self.others)
    }

    fn other_than(&self, version: u64) -> u32 {
        self.all()
            .filter(|(other, _)| *other != version)
            .map(|(_, count)| count)
            .sum()
    }
}

/// The rollout of a target of this kind.
#[must_use]
pub fn rollout(kind: &GroupVersionKind, progress: RolloutProgress, versions: &Versions) -> Rollout {
    let is = |name: &str| kind.group == "apps" && kind.kind == name;
    let (is_under_way, revision) = match (progress.update_revision, versions.newest) {
        (Some(update), _) if is("StatefulSet") => (versions.other_than(update) > progress.partition, update),
        (_, Some(newest)) if is("Deployment") => (versions.other_than(newest.version) > 0, newest.rollout),
        (_, Some(newest)) => (!versions.others.is_empty(), newest.rollout),
        (_, None) if versions.others.is_empty() => return Rollout::None,
        (_, None) => {
            let mut known: Vec<u64> = versions.all().map(|(version, _)| *version).collect();
            known.sort_unstable();
            (true, hash_of(&known))
        }
    };
    if is_under_way && !progress.is_stopped {
        Rollout::UnderWay { revision }
    } else {
        Rollout::None
    }
}

/// The same number for the same value in every run of this program.
pub(super) fn hash_of(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[path = "rollout_tests.rs"]
mod tests;
