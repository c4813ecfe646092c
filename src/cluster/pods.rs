//! Living pods by the object that owns them, with just the fields a decision needs. No network.
use std::collections::{BTreeMap, HashMap, HashSet};

use concertina_decision::Pod as PodState;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::api::Quantity;

/// An unready pod seen for the first time counts as "was Ready once" when its Ready condition last changed
/// this long after the pod's start (HPA's initial readiness delay).
const INITIAL_READINESS_SECONDS: i64 = 30;

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// The key of an object's metadata.
    #[must_use]
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Requests and limits of one container, in cores and bytes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerResources {
    /// The container's name.
    pub name: String,
    /// CPU request in cores.
    pub cpu_request: Option<f64>,
    /// CPU limit in cores.
    pub cpu_limit: Option<f64>,
    /// Memory request in bytes.
    pub memory_request: Option<f64>,
}

/// A living pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodRecord {
    /// Name; the namespace is the target's.
    pub name: String,
    /// The pod's uid: a pod of the same name may come again.
    pub uid: String,
    /// Ready, unready, or never Ready yet.
    pub state: PodState,
    /// Containers that run as long as the pod does, sidecars included.
    pub containers: Vec<ContainerResources>,
}

#[derive(Debug)]
struct Entry {
    owner: String,
    record: PodRecord,
}

/// All living pods that have a controlling owner.
#[derive(Debug, Default)]
pub struct PodTable {
    pods: HashMap<ObjectKey, Entry>,
    by_owner: HashMap<String, HashSet<ObjectKey>>,
    /// uid of a ReplicaSet → uid of what controls it, such as a Deployment.
    replica_set_owner: HashMap<String, String>,
    /// uid of what controls ReplicaSets → uids of these.
    replica_sets_of: HashMap<String, HashSet<String>>,
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
    pub fn replace_pods(&mut self, pods: Vec<Pod>) {
        // What was learned about readiness outlives a new list.
        let was_ready: HashSet<String> = self
            .pods
            .values()
            .filter(|entry| entry.record.state != PodState::Starting)
            .map(|entry| entry.record.uid.clone())
            .collect();
        self.pods.clear();
        self.by_owner.clear();
        for pod in pods {
            let known = pod
                .metadata
                .uid
                .as_ref()
                .is_some_and(|uid| was_ready.contains(uid));
            self.insert(&pod, known);
        }
        self.pods_synced = true;
    }

    /// Takes over one new or changed pod.
    pub fn apply_pod(&mut self, pod: &Pod) {
        let key = ObjectKey::of(&pod.metadata);
        let was_ready = self.pods.get(&key).is_some_and(|entry| {
            Some(&entry.record.uid) == pod.metadata.uid.as_ref() && entry.record.state != PodState::Starting
        });
        self.remove(&key);
        self.insert(pod, was_ready);
    }

    /// Forgets a pod.
    pub fn delete_pod(&mut self, pod: &Pod) {
        self.remove(&ObjectKey::of(&pod.metadata));
    }

    /// Takes over a complete list of ReplicaSets' metadata.
    pub fn replace_replica_sets<'a>(&mut self, sets: impl IntoIterator<Item = &'a ObjectMeta>) {
        self.replica_set_owner.clear();
        self.replica_sets_of.clear();
        for metadata in sets {
            self.apply_replica_set(metadata);
        }
        self.replica_sets_synced = true;
    }

    /// Takes over one ReplicaSet's metadata.
    pub fn apply_replica_set(&mut self, metadata: &ObjectMeta) {
        let Some(uid) = &metadata.uid else { return };
        self.delete_replica_set(metadata);
        if let Some(owner) = controller_of(metadata) {
            self.replica_set_owner.insert(uid.clone(), owner.uid.clone());
            self.replica_sets_of
                .entry(owner.uid.clone())
                .or_default()
                .insert(uid.clone());
        }
    }

    /// Forgets a ReplicaSet.
    pub fn delete_replica_set(&mut self, metadata: &ObjectMeta) {
        let Some(uid) = &metadata.uid else { return };
        if let Some(owner) = self.replica_set_owner.remove(uid)
            && let Some(sets) = self.replica_sets_of.get_mut(&owner)
        {
            sets.remove(uid);
            if sets.is_empty() {
                self.replica_sets_of.remove(&owner);
            }
        }
    }

    /// The living pods that `owner_uid` controls, directly or through its ReplicaSets, ordered by name.
    #[must_use]
    pub fn of_owner(&self, owner_uid: &str) -> Vec<PodRecord> {
        let sets = self
            .replica_sets_of
            .get(owner_uid)
            .into_iter()
            .flatten()
            .map(String::as_str);
        let mut pods: Vec<PodRecord> = std::iter::once(owner_uid)
            .chain(sets)
            .filter_map(|uid| self.by_owner.get(uid))
            .flatten()
            .filter_map(|key| self.pods.get(key))
            .map(|entry| entry.record.clone())
            .collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        pods
    }

    fn insert(&mut self, pod: &Pod, was_ready: bool) {
        let Some(owner) = controller_of(&pod.metadata) else {
            return;
        };
        let Some(record) = record_of(pod, was_ready) else {
            return;
        };
        let key = ObjectKey::of(&pod.metadata);
        self.by_owner
            .entry(owner.uid.clone())
            .or_default()
            .insert(key.clone());
        self.pods.insert(
            key,
            Entry {
                owner: owner.uid.clone(),
                record,
            },
        );
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(entry) = self.pods.remove(key) else {
            return;
        };
        if let Some(keys) = self.by_owner.get_mut(&entry.owner) {
            keys.remove(key);
            if keys.is_empty() {
                self.by_owner.remove(&entry.owner);
            }
        }
    }
}

fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata
        .owner_references
        .as_ref()?
        .iter()
        .find(|owner| owner.controller == Some(true))
}

/// `None` for a pod that is not living: ended, or being deleted.
fn record_of(pod: &Pod, was_ready: bool) -> Option<PodRecord> {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    if pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Failed" | "Succeeded")) {
        return None;
    }
    Some(PodRecord {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.clone()?,
        state: state_of(pod, was_ready),
        containers: containers_of(pod),
    })
}

fn state_of(pod: &Pod, was_ready: bool) -> PodState {
    let Some(status) = &pod.status else {
        return PodState::Starting;
    };
    let ready = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "Ready");
    let Some(ready) = ready else {
        return PodState::Starting;
    };
    if ready.status == "True" {
        return PodState::Ready;
    }
    let turned_unready_late = || -> Option<bool> {
        let started: Timestamp = status.start_time.as_ref()?.0;
        let changed: Timestamp = ready.last_transition_time.as_ref()?.0;
        Some(changed.as_second() - started.as_second() > INITIAL_READINESS_SECONDS)
    };
    if was_ready || turned_unready_late().unwrap_or(false) {
        PodState::Unready
    } else {
        PodState::Starting
    }
}

fn containers_of(pod: &Pod) -> Vec<ContainerResources> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers.iter().chain(sidecars).map(resources_of).collect()
}

fn resources_of(container: &Container) -> ContainerResources {
    let amount = |list: Option<&BTreeMap<String, RawQuantity>>, name: &str| {
        list?
            .get(name)?
            .0
            .parse::<Quantity>()
            .ok()
            .map(|quantity| quantity.as_f64())
    };
    let resources = container.resources.as_ref();
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    ContainerResources {
        name: container.name.clone(),
        cpu_request: amount(requests, "cpu"),
        cpu_limit: amount(limits, "cpu"),
        memory_request: amount(requests, "memory"),
    }
}

#[cfg(test)]
#[path = "pods_tests.rs"]
mod tests;
