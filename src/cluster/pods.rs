//! Living pods by the object that owns them, with just the fields a decision needs. No network.
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time;

use concertina_decision::{MAX_LEAD_SECONDS, Rollout, Timestamp as Instant};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::GroupVersionKind;

pub use super::names::ObjectKey;
use super::names::Uid;
use super::owners::OwnerTable;
pub use super::owners::SlimReplicaSet;
use super::parts::{Lists, Part, Parts};
pub use super::pod_fields::SlimPod;
use super::pod_fields::{Phase, PodFields};
use super::pod_record::Entry;
pub use super::pod_record::{ContainerResources, PodRecord, Resources};
use super::pod_state::{Seen, has_restarted, is_unschedulable, ready_since};
use super::rollout::{Newest, Versions, hash_of, rollout};
use super::slab::{Id, Index, Slab};
use super::startup::StartupTable;
pub use super::startup::StartupTimes;
use super::targets::TargetRecord;
use super::watch::Failure;
use crate::intern::{self, Interner};

/// The start-up time of a pod that was Ready before it was seen is known only when it became so no later than this: its
/// Ready condition may have changed since.
const UNSEEN_STARTUP_SECONDS: u32 = 600;

static CONTAINERS: LazyLock<Interner<[ContainerResources]>> = LazyLock::new(Interner::default);
static RESOURCES: LazyLock<Interner<Resources>> = LazyLock::new(Interner::default);

/// How long one pod took to become Ready.
#[derive(Debug)]
struct Startup {
    part: Part,
    owner: Uid,
    ready_at: Timestamp,
    seconds: u32,
}

/// All living pods that have a controlling owner.
#[derive(Debug, Default)]
pub struct PodTable {
    pods: Slab<Entry>,
    by_name: Index,
    owners: OwnerTable,
    startups: StartupTable,
    parts: Parts,
    lists: Lists,
    /// While a list comes: in the order of names; they are learned from in the order of time.
    to_learn: Vec<Startup>,
}

impl PodTable {
    /// An empty table of pods in these parts of the cluster.
    #[must_use]
    pub fn of(parts: Parts) -> Self {
        Self {
            owners: OwnerTable::of(parts.clone()),
            parts,
            ..Self::default()
        }
    }

    /// The lists of pods.
    pub(super) const fn pod_lists(&self) -> &Lists {
        &self.lists
    }

    /// The lists of ReplicaSets.
    pub(super) const fn replica_set_lists(&self) -> &Lists {
        self.owners.lists()
    }

    /// A list of pods begins; what is known stays until it ends.
    pub fn begin_pods(&mut self, part: Part) {
        self.lists.begin(part);
    }

    /// Notes why the watch of pods failed, as of `now`. Returns whether it is news that nothing will be heard of this part.
    pub fn note_pods_failure(&mut self, part: Part, failure: Failure, now: time::Instant) -> bool {
        self.lists.note_refusal(part, failure, now)
    }

    /// A list of pods has ended: what was not in it is gone.
    pub fn end_pods(&mut self, part: Part) {
        let ended = self.lists.end(part);
        let gone: Vec<Id> = self
            .pods
            .iter()
            .filter(|(_, entry)| entry.epoch.is_swept_by(ended))
            .map(|(id, _)| id)
            .collect();
        for id in gone {
            self.remove(id);
        }
        let told = std::mem::take(&mut self.to_learn);
        let (mut startups, others): (Vec<_>, Vec<_>) =
            told.into_iter().partition(|startup| startup.part == part);
        self.to_learn = others;
        startups.sort_by_key(|startup| startup.ready_at);
        for startup in &startups {
            self.learn(startup);
        }
    }

    /// Takes over one pod of a list, or one that is new or changed.
    pub fn apply_pod(&mut self, pod: SlimPod) {
        let metadata = pod.metadata();
        let (Some(name), Some(uid)) = (&metadata.name, &metadata.uid) else {
            return;
        };
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let Some(part) = self.parts.of_namespace(namespace) else {
            return;
        };
        let (name, uid) = (name.as_str(), Uid::of(uid));
        let known = self.find(namespace, name);
        let before = known
            .and_then(|id| self.pods.get(id))
            .filter(|entry| entry.uid == uid);
        let was_ready = before.map(|entry| entry.state.was_ready());
        let Some(owner) = pod.fields.owner.as_ref().filter(|_| is_living(&pod.fields)) else {
            return self.forget(known);
        };
        let startup = startup_of(part, &pod.fields, owner, was_ready);
        let seen = Seen::of(&pod.fields.status, was_ready.unwrap_or(false));
        let is_same = before.is_some_and(|entry| self.owners.find(owner) == Some(entry.owner));
        if !is_same {
            self.forget(known);
        }
        let name: Arc<str> = match known.filter(|_| is_same).and_then(|id| self.pods.get(id)) {
            Some(entry) => Arc::clone(&entry.name),
            None => name.into(),
        };
        let mut entry = Entry {
            namespace: intern::name(namespace),
            name,
            uid,
            owner: self.owners.find_or_add(owner),
            previous: None,
            next: None,
            version: pod.fields.version,
            trusted_from: seen.trusted_from,
            ready_since: ready_since(&pod.fields.status).map(|since| Instant(since.as_millisecond())),
            state: seen.state,
            unschedulable: is_unschedulable(&pod.fields.status),
            resources: Some(pod.fields.resources)
                .filter(|resources| *resources != Resources::default())
                .map(|resources| RESOURCES.get(resources)),
            containers: CONTAINERS.get(pod.fields.containers),
            epoch: self.lists.epoch(part),
        };
        match known.filter(|_| is_same).and_then(|id| self.pods.get_mut(id)) {
            Some(place) => {
                (entry.previous, entry.next) = (place.previous, place.next);
                *place = entry;
            }
            None => self.insert(entry),
        }
        match startup {
            Some(startup) if self.lists.is_under_way(part) => self.to_learn.push(startup),
            Some(startup) => self.learn(&startup),
            None => {}
        }
    }

    /// Forgets a pod.
    pub fn delete_pod(&mut self, metadata: &ObjectMeta) {
        let name = metadata.name.as_deref().unwrap_or_default();
        let known = self.find(metadata.namespace.as_deref().unwrap_or_default(), name);
        self.forget(known);
    }

    /// A list of ReplicaSets begins; what is known stays until it ends.
    pub fn begin_replica_sets(&mut self, part: Part) {
        self.owners.begin_list(part);
    }

    /// Notes why the watch of ReplicaSets failed. Returns whether it is news that nothing will be heard of this part.
    pub fn note_replica_sets_failure(&mut self, part: Part, failure: Failure, now: time::Instant) -> bool {
        self.owners.note_failure(part, failure, now)
    }

    /// A list of ReplicaSets has ended: what was not in it is gone.
    pub fn end_replica_sets(&mut self, part: Part) {
        self.owners.end_list(part);
    }

    /// Takes over one ReplicaSet.
    pub fn apply_replica_set(&mut self, set: &SlimReplicaSet) {
        self.owners.apply(set);
        let Some(uid) = set.metadata().uid.as_deref().map(Uid::of) else {
            return;
        };
        if let Some(owner) = self.owners.parent_of(&uid) {
            self.startups.hand_over(&uid, owner);
        }
    }

    /// Forgets a ReplicaSet.
    pub fn delete_replica_set(&mut self, metadata: &ObjectMeta) {
        if let Some(uid) = &metadata.uid {
            self.owners.delete(&Uid::of(uid));
        }
    }

    /// Adds the living pods that `owner` controls, directly or through its ReplicaSets, ordered by name, with their state at
    /// `now`: a pod whose containers end again and again is not taken for Ready in the moments in which it runs.
    pub fn of_owner(&self, owner: &Uid, now: Instant, into: &mut Vec<PodRecord>) {
        let before = into.len();
        if let Some(owner) = self.owners.find(owner) {
            into.extend(self.entries_of(owner).map(|entry| entry.at(now)));
        }
        if let Some(added) = into.get_mut(before..) {
            added.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        }
    }

    /// How many living pods `owner` controls.
    #[must_use]
    pub fn count_of(&self, owner: &Uid) -> usize {
        let Some(owner) = self.owners.find(owner) else {
            return 0;
        };
        let own = self.owners.get(owner).map_or(0, |owner| owner.pods);
        let through_sets: u32 = self.owners.sets_of(owner).map(|(_, set)| set.pods).sum();
        usize::try_from(own + through_sets).unwrap_or(usize::MAX)
    }

    /// Whether `owner` controls any living pod.
    #[must_use]
    pub fn has_any(&self, owner: &Uid) -> bool {
        self.count_of(owner) > 0
    }

    /// The living pods that `owner` controls, by what they were made from.
    #[must_use]
    pub fn versions_of(&self, owner: &Uid) -> Versions {
        let mut versions = Versions::default();
        let Some(owner) = self.owners.find(owner) else {
            return versions;
        };
        versions.newest = self.owners.newest_of(owner).map(|(uid, age)| Newest {
            version: hash_of(uid),
            rollout: hash_of(&(uid, age.revision)),
        });
        for (_, set) in self.owners.sets_of(owner).filter(|(_, set)| set.pods > 0) {
            versions.add(hash_of(&set.uid), set.pods);
        }
        for entry in self.own_entries_of(owner) {
            versions.add(entry.version, 1);
        }
        versions
    }

    /// Whether the pods of a target of this kind are being exchanged for those of another version.
    #[must_use]
    pub fn rollout_of(&self, kind: &GroupVersionKind, target: &TargetRecord) -> Rollout {
        if target.rollout.is_stopped {
            return Rollout::None;
        }
        rollout(kind, target.rollout, &self.versions_of(&target.uid))
    }

    /// How long pods of `owner` took from creation to Ready.
    #[must_use]
    pub fn startup(&self, owner: &Uid) -> Option<StartupTimes> {
        self.startups.get(owner)
    }

    /// Takes over what was known before this process began. It is used until there are enough samples of its own.
    pub fn restore_startup(&mut self, owner: &Uid, times: StartupTimes) {
        self.startups.restore(owner, times);
    }

    /// Those of which start-up times are known, but neither pods nor ReplicaSets.
    #[must_use]
    pub fn startups_without_pods(&self) -> HashSet<Uid> {
        let owners = self.startups.owners();
        owners
            .filter(|owner| self.owners.find(owner).is_none())
            .cloned()
            .collect()
    }

    /// Forgets their start-up times.
    pub fn forget_startups(&mut self, owners: &HashSet<Uid>) {
        self.startups.retain(|owner| !owners.contains(owner));
    }

    /// The pods that an owner controls itself.
    fn own_entries_of(&self, owner: Id) -> impl Iterator<Item = &Entry> {
        let row = |id: Option<Id>| id.and_then(|id| self.pods.get(id));
        let first = row(self.owners.get(owner).and_then(|owner| owner.first_pod));
        std::iter::successors(first, move |entry| row(entry.next))
    }

    fn entries_of(&self, owner: Id) -> impl Iterator<Item = &Entry> {
        let sets = self.owners.sets_of(owner).map(|(set, _)| set);
        std::iter::once(owner)
            .chain(sets)
            .flat_map(|owner| self.own_entries_of(owner))
    }

    fn find(&self, namespace: &str, name: &str) -> Option<Id> {
        self.by_name.find(&(namespace, name), |id| {
            let entry = self.pods.get(id);
            entry.is_some_and(|entry| *entry.name == *name && *entry.namespace == *namespace)
        })
    }

    fn insert(&mut self, mut entry: Entry) {
        let owner = entry.owner;
        entry.next = self.owners.get(owner).and_then(|owner| owner.first_pod);
        let next = entry.next;
        let id = self.pods.insert(entry);
        if let Some(next) = next.and_then(|next| self.pods.get_mut(next)) {
            next.previous = Some(id);
        }
        if let Some(owner) = self.owners.get_mut(owner) {
            owner.first_pod = Some(id);
            owner.pods += 1;
        }
        let pods = &self.pods;
        self.by_name.insert(id, |id| {
            let entry = pods.get(id)?;
            Some((&*entry.namespace, &*entry.name))
        });
    }

    fn forget(&mut self, known: Option<Id>) {
        if let Some(id) = known {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: Id) {
        let Some(entry) = self.pods.remove(id) else { return };
        self.by_name.remove(id, &(&*entry.namespace, &*entry.name));
        match entry.previous.and_then(|previous| self.pods.get_mut(previous)) {
            Some(previous) => previous.next = entry.next,
            None => {
                if let Some(owner) = self.owners.get_mut(entry.owner) {
                    owner.first_pod = entry.next;
                }
            }
        }
        if let Some(next) = entry.next.and_then(|next| self.pods.get_mut(next)) {
            next.previous = entry.previous;
        }
        if let Some(owner) = self.owners.get_mut(entry.owner) {
            owner.pods = owner.pods.saturating_sub(1);
            if owner.pods == 0 {
                self.owners.let_go(entry.owner);
            }
        }
    }

    fn learn(&mut self, startup: &Startup) {
        let owner = self.owners.parent_of(&startup.owner);
        self.startups
            .learn(owner.unwrap_or(&startup.owner), startup.seconds);
    }
}

/// Neither ended nor being deleted.
fn is_living(pod: &PodFields) -> bool {
    !pod.is_deleting && !matches!(pod.status.phase, Some(Phase::Failed | Phase::Succeeded))
}

/// A pod tells once how long it took: when it is seen becoming Ready for the first time, or when it is seen for the
/// first time and cannot have been unready since it became Ready.
///
/// Outages teach nothing: neither a pod whose containers were started anew, nor one that took longer than any floor may
/// begin early, such as one that waited for its image or for a node.
fn startup_of(part: Part, pod: &PodFields, owner: &Uid, was_ready: Option<bool>) -> Option<Startup> {
    let ready_at = ready_since(&pod.status)?;
    let seconds = u32::try_from(ready_at.as_second() - pod.created?.as_second()).ok()?;
    let longest = match was_ready {
        Some(true) => return None,
        Some(false) => MAX_LEAD_SECONDS,
        None => UNSEEN_STARTUP_SECONDS,
    };
    (seconds <= longest && !has_restarted(&pod.status)).then(|| Startup {
        part,
        owner: owner.clone(),
        ready_at,
        seconds,
    })
}

#[cfg(test)]
#[path = "pods_tests.rs"]
mod tests;
