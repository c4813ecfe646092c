//! Living pods by the object that owns them, with just the fields a decision needs. No network.
use std::collections::{HashMap, HashSet};

use concertina_decision::{MAX_LEAD_SECONDS, Pod as PodState, Timestamp as Instant};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

pub use super::names::ObjectKey;
use super::pod_record::record_of;
pub use super::pod_record::{ContainerResources, PodRecord, Resources};
use super::pod_state::{has_restarted, ready_since};
use super::replica_sets::{ReplicaSetTable, SlimReplicaSet};
use super::rollout::{Newest, Versions, hash_of};
use super::slim::controller_among;
use super::startup::StartupTable;
pub use super::startup::StartupTimes;

/// The start-up time of a pod that was Ready before it was seen is known only when it became so no later than this: its
/// Ready condition may have changed since.
const UNSEEN_STARTUP_SECONDS: u32 = 600;
/// Labels that tell from which version of its owner a pod was made, where no ReplicaSet does.
const VERSION_LABELS: [&str; 2] = ["controller-revision-hash", "pod-template-hash"];

#[derive(Debug)]
struct Entry {
    /// uid of what controls the pod.
    owner: String,
    /// What it was made from, as a hash; of pods of a ReplicaSet that is the set itself.
    version: u64,
    /// A Ready pod is Crashing until then.
    trusted_from: Option<Timestamp>,
    record: PodRecord,
}

impl Entry {
    fn at(&self, now: Instant) -> PodRecord {
        let is_trusted = self
            .trusted_from
            .is_none_or(|from| now.0 >= from.as_millisecond());
        let mut record = self.record.clone();
        if !is_trusted {
            record.state = PodState::Crashing;
        }
        record
    }
}

/// How long one pod took to become Ready.
struct Startup {
    owner: String,
    ready_at: Timestamp,
    seconds: u32,
}

/// All living pods that have a controlling owner.
#[derive(Debug, Default)]
pub struct PodTable {
    pods: HashMap<ObjectKey, Entry>,
    by_owner: HashMap<String, HashSet<ObjectKey>>,
    replica_sets: ReplicaSetTable,
    startups: StartupTable,
    pods_synced: bool,
    replica_sets_synced: bool,
}

impl PodTable {
    /// Whether both first lists are complete.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.pods_synced && self.replica_sets_synced
    }

    /// Takes over a complete list of pods.
    pub fn replace_pods(&mut self, pods: &[Pod]) {
        // What was learned about readiness outlives a new list.
        let was_ready: HashMap<String, bool> = self
            .pods
            .drain()
            .map(|(_, entry)| (entry.record.uid, entry.record.state.was_ready()))
            .collect();
        self.by_owner.clear();
        let mut startups: Vec<Startup> = pods
            .iter()
            .filter_map(|pod| {
                let known = pod.metadata.uid.as_ref().and_then(|uid| was_ready.get(uid));
                self.insert(pod, known.copied())
            })
            .collect();
        startups.sort_by_key(|startup| startup.ready_at);
        for startup in &startups {
            self.learn(startup);
        }
        self.pods_synced = true;
    }

    /// Takes over one new or changed pod.
    pub fn apply_pod(&mut self, pod: &Pod) {
        let known = self
            .remove(&ObjectKey::of(&pod.metadata))
            .filter(|entry| Some(&entry.record.uid) == pod.metadata.uid.as_ref());
        let was_ready = known.map(|entry| entry.record.state.was_ready());
        if let Some(startup) = self.insert(pod, was_ready) {
            self.learn(&startup);
        }
    }

    /// Forgets a pod.
    pub fn delete_pod(&mut self, pod: &Pod) {
        self.remove(&ObjectKey::of(&pod.metadata));
    }

    /// Takes over a complete list of ReplicaSets.
    pub fn replace_replica_sets<'a>(&mut self, sets: impl IntoIterator<Item = &'a SlimReplicaSet>) {
        self.replica_sets.clear();
        for set in sets {
            self.apply_replica_set(set);
        }
        self.replica_sets_synced = true;
    }

    /// Takes over one ReplicaSet.
    pub fn apply_replica_set(&mut self, set: &SlimReplicaSet) {
        self.replica_sets.apply(set);
        if let Some(uid) = &set.metadata().uid
            && let Some(owner) = self.replica_sets.owner_of(uid)
        {
            self.startups.hand_over(uid, owner);
        }
    }

    /// Forgets a ReplicaSet.
    pub fn delete_replica_set(&mut self, set: &SlimReplicaSet) {
        self.replica_sets.delete(set);
    }

    /// The living pods that `owner_uid` controls, directly or through its ReplicaSets, ordered by name, with their state at
    /// `now`: a pod whose containers end again and again is not taken for Ready in the moments in which it runs.
    #[must_use]
    pub fn of_owner(&self, owner_uid: &str, now: Instant) -> Vec<PodRecord> {
        let mut pods: Vec<PodRecord> = self.entries_of(owner_uid).map(|entry| entry.at(now)).collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        pods
    }

    /// How many living pods `owner_uid` controls.
    #[must_use]
    pub fn count_of(&self, owner_uid: &str) -> usize {
        self.entries_of(owner_uid).count()
    }

    /// The living pods that `owner_uid` controls, by what they were made from.
    #[must_use]
    pub fn versions_of(&self, owner_uid: &str) -> Versions {
        let mut versions = Versions {
            newest: self.replica_sets.newest_of(owner_uid).map(|(uid, age)| Newest {
                version: hash_of(uid),
                rollout: hash_of(&(uid, age.revision)),
            }),
            ..Versions::default()
        };
        for set in self.replica_sets.of(owner_uid) {
            let pods = self.by_owner.get(set).map_or(0, HashSet::len);
            if pods > 0 {
                versions.add(hash_of(set), u32::try_from(pods).unwrap_or(u32::MAX));
            }
        }
        for key in self.by_owner.get(owner_uid).into_iter().flatten() {
            if let Some(entry) = self.pods.get(key) {
                versions.add(entry.version, 1);
            }
        }
        versions
    }

    /// How long pods of `owner_uid` took from creation to Ready.
    #[must_use]
    pub fn startup(&self, owner_uid: &str) -> Option<StartupTimes> {
        self.startups.get(owner_uid)
    }

    /// Takes over what was known before this process began. It is used until there are enough samples of its own.
    pub fn restore_startup(&mut self, owner_uid: &str, times: StartupTimes) {
        self.startups.restore(owner_uid, times);
    }

    /// Forgets the start-up times of what has no pods, no ReplicaSets, and is no target.
    pub fn forget_startups(&mut self, is_target: impl Fn(&str) -> bool) {
        let Self {
            startups,
            by_owner,
            replica_sets,
            ..
        } = self;
        startups.retain(|owner| {
            by_owner.contains_key(owner) || replica_sets.has_owner(owner) || is_target(owner)
        });
    }

    fn entries_of<'a>(&'a self, owner_uid: &'a str) -> impl Iterator<Item = &'a Entry> {
        std::iter::once(owner_uid)
            .chain(self.replica_sets.of(owner_uid))
            .filter_map(|uid| self.by_owner.get(uid))
            .flatten()
            .filter_map(|key| self.pods.get(key))
    }

    /// `was_ready` is `None` for a pod that was not known. Returns how long it took to start, if that is to be learned.
    fn insert(&mut self, pod: &Pod, was_ready: Option<bool>) -> Option<Startup> {
        let owner = controller_among(pod.metadata.owner_references.as_ref())?;
        let (record, trusted_from) = record_of(pod, was_ready.unwrap_or(false))?;
        let startup = startup_of(pod, &owner.uid, was_ready);
        let key = ObjectKey::of(&pod.metadata);
        self.by_owner
            .entry(owner.uid.clone())
            .or_default()
            .insert(key.clone());
        let entry = Entry {
            owner: owner.uid.clone(),
            version: version_of(pod),
            trusted_from,
            record,
        };
        self.pods.insert(key, entry);
        startup
    }

    fn learn(&mut self, startup: &Startup) {
        let owner = self.replica_sets.owner_of(&startup.owner);
        self.startups
            .learn(owner.unwrap_or(&startup.owner), startup.seconds);
    }

    fn remove(&mut self, key: &ObjectKey) -> Option<Entry> {
        let entry = self.pods.remove(key)?;
        if let Some(keys) = self.by_owner.get_mut(&entry.owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&entry.owner);
            }
        }
        Some(entry)
    }
}

fn version_of(pod: &Pod) -> u64 {
    let labels = pod.metadata.labels.as_ref();
    let version = VERSION_LABELS
        .iter()
        .find_map(|label| labels?.get(*label))
        .map_or("", String::as_str);
    hash_of(version)
}

/// A pod tells once how long it took: when it is seen becoming Ready for the first time, or when it is seen for the
/// first time and cannot have been unready since it became Ready.
///
/// Outages teach nothing: neither a pod whose containers were started anew, nor one that took longer than any floor may
/// begin early, such as one that waited for its image or for a node.
fn startup_of(pod: &Pod, owner: &str, was_ready: Option<bool>) -> Option<Startup> {
    let ready_at = ready_since(pod)?;
    let created = pod.metadata.creation_timestamp.as_ref()?.0;
    let seconds = u32::try_from(ready_at.as_second() - created.as_second()).ok()?;
    let longest = match was_ready {
        Some(true) => return None,
        Some(false) => MAX_LEAD_SECONDS,
        None => UNSEEN_STARTUP_SECONDS,
    };
    (seconds <= longest && !has_restarted(pod)).then(|| Startup {
        owner: owner.to_owned(),
        ready_at,
        seconds,
    })
}

#[cfg(test)]
#[path = "pods_tests.rs"]
mod tests;
