//! What is read of a pod: who controls it, which version it is, what it asks for, and how it is. No network.
use std::hash::{Hash, Hasher};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::names::Uid;
use super::rollout::hash_of;
use super::slim::{Fields, Owner, Slim, SlimMetadata};
use crate::api::Quantity;

/// The part of a pod that is read.
pub type SlimPod = Slim<PodFields>;

/// What is used of a pod.
#[derive(Clone, Debug, Default)]
pub struct PodFields {
    /// uid of what controls it; `None` for a pod that nothing controls, or nothing that can be scaled.
    pub(super) owner: Option<Uid>,
    /// What it was made from, as a hash, where no ReplicaSet tells.
    pub(super) version: u64,
    pub(super) created: Option<Timestamp>,
    pub(super) is_deleting: bool,
    /// What it asks for as a whole.
    pub(super) resources: Resources,
    /// Containers that run as long as the pod does, sidecars included.
    pub(super) containers: Vec<ContainerResources>,
    pub(super) status: PodStatus,
}

/// Requests and limits of a container or a pod, in cores and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Resources {
    /// CPU request in cores.
    pub cpu_request: Option<f64>,
    /// CPU limit in cores.
    pub cpu_limit: Option<f64>,
    /// Memory request in bytes.
    pub memory_request: Option<f64>,
    /// Memory limit in bytes.
    pub memory_limit: Option<f64>,
}

/// A quantity is never NaN.
impl Eq for Resources {}

impl Hash for Resources {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            cpu_request,
            cpu_limit,
            memory_request,
            memory_limit,
        } = self;
        // Zero and minus zero are equal.
        let bits = |amount: &Option<f64>| amount.map(|amount| (amount + 0.0).to_bits());
        [cpu_request, cpu_limit, memory_request, memory_limit]
            .map(bits)
            .hash(state);
    }
}

/// Requests and limits of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ContainerResources {
    /// The container's name.
    pub name: String,
    /// What it asks for.
    pub resources: Resources,
}

/// The part of a pod's `spec` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    containers: Option<Vec<Container>>,
    init_containers: Option<Vec<Container>>,
    resources: Option<Asked>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    name: String,
    restart_policy: Option<RestartPolicy>,
    resources: Option<Asked>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
enum RestartPolicy {
    Always,
    #[serde(other)]
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    requests: Option<Amounts>,
    limits: Option<Amounts>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Amounts {
    cpu: Option<String>,
    memory: Option<String>,
}

/// The part of a pod's `status` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    pub(super) phase: Option<Phase>,
    pub(super) start_time: Option<Time>,
    conditions: Option<Vec<PodCondition>>,
    container_statuses: Option<Vec<ContainerStatus>>,
    init_container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Phase {
    Failed,
    Succeeded,
    #[serde(other)]
    Living,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PodCondition {
    #[serde(rename = "type")]
    pub(super) kind: ConditionKind,
    pub(super) status: ConditionStatus,
    pub(super) reason: Option<Reason>,
    pub(super) last_transition_time: Option<Time>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum ConditionKind {
    Ready,
    PodScheduled,
    #[serde(other)]
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum ConditionStatus {
    True,
    #[serde(other)]
    FalseOrUnknown,
}

/// Why a condition is so, or a container waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Reason {
    Unschedulable,
    CrashLoopBackOff,
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    pub(super) restart_count: i32,
    pub(super) state: Option<ContainerState>,
    pub(super) last_state: Option<ContainerState>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub(super) waiting: Option<Waiting>,
    pub(super) running: Option<Running>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) reason: Option<Reason>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Running {
    pub(super) started_at: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Terminated {
    pub(super) exit_code: i32,
    pub(super) started_at: Option<Time>,
    pub(super) finished_at: Option<Time>,
}

impl PodStatus {
    pub(super) fn condition(&self, kind: ConditionKind) -> Option<&PodCondition> {
        let mut conditions = self.conditions.iter().flatten();
        conditions.find(|condition| condition.kind == kind)
    }

    pub(super) fn containers(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.container_statuses.iter().flatten()
    }

    pub(super) fn init_containers(&self) -> impl Iterator<Item = &ContainerStatus> {
        self.init_container_statuses.iter().flatten()
    }
}

impl PodCondition {
    pub(super) fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }
}

impl Fields for PodFields {
    type Managers = IgnoredAny;
    type Spec = PodSpec;
    type Status = PodStatus;

    fn pick(metadata: &SlimMetadata, spec: Option<PodSpec>, status: Option<PodStatus>) -> Self {
        let spec = spec.unwrap_or_default();
        let owner = metadata.controller().filter(|owner| can_be_scaled(owner));
        Self {
            owner: owner.map(|owner| Uid::of(&owner.uid)),
            version: hash_of(metadata.version().unwrap_or_default()),
            created: metadata.created(),
            is_deleting: metadata.is_deleting(),
            resources: resources_of(spec.resources.as_ref()),
            containers: containers_of(&spec),
            status: status.unwrap_or_default(),
        }
    }
}

/// Jobs, DaemonSets and nodes have no `/scale`. All other owners may be targets, or belong to one.
fn can_be_scaled(owner: &Owner) -> bool {
    let group = owner.api_version.rsplit_once('/').map_or("", |(group, _)| group);
    !matches!(
        (group, owner.kind.as_str()),
        ("batch", "Job") | ("apps", "DaemonSet") | ("", "Node")
    )
}

fn containers_of(spec: &PodSpec) -> Vec<ContainerResources> {
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| container.restart_policy == Some(RestartPolicy::Always));
    let asked = |container: &Container| ContainerResources {
        name: container.name.clone(),
        resources: resources_of(container.resources.as_ref()),
    };
    let containers = spec.containers.iter().flatten();
    containers.chain(sidecars).map(asked).collect()
}

fn resources_of(asked: Option<&Asked>) -> Resources {
    let amount = |text: Option<&String>| {
        let quantity = text?.parse::<Quantity>().ok()?;
        Some(quantity.as_f64())
    };
    let requests = asked.and_then(|asked| asked.requests.as_ref());
    let limits = asked.and_then(|asked| asked.limits.as_ref());
    Resources {
        cpu_request: amount(requests.and_then(|requests| requests.cpu.as_ref())),
        cpu_limit: amount(limits.and_then(|limits| limits.cpu.as_ref())),
        memory_request: amount(requests.and_then(|requests| requests.memory.as_ref())),
        memory_limit: amount(limits.and_then(|limits| limits.memory.as_ref())),
    }
}
