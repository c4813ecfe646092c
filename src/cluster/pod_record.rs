//! What is kept of one living pod. No network.
use std::collections::BTreeMap;

use concertina_decision::{Pod as PodState, Timestamp as Time};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as RawQuantity;

use super::pod_state::{Seen, is_unschedulable, ready_since};
use crate::api::Quantity;

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

/// Requests and limits of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContainerResources {
    /// The container's name.
    pub name: String,
    /// What it asks for.
    pub resources: Resources,
}

/// A living pod.
#[derive(Clone, Debug, PartialEq)]
pub struct PodRecord {
    /// Name; the namespace is the target's.
    pub name: String,
    /// The pod's uid: a pod of the same name may come again.
    pub uid: String,
    /// Whether it is Ready, was so once, and whether its containers end again and again.
    pub state: PodState,
    /// Since when it has been Ready, if it is.
    pub ready_since: Option<Time>,
    /// Whether the scheduler found no node for it.
    pub unschedulable: bool,
    /// What the pod asks for as a whole (`spec.resources`, KEP-2837). Where this says something it goes before the sum of
    /// the containers.
    pub resources: Resources,
    /// Containers that run as long as the pod does, sidecars included.
    pub containers: Vec<ContainerResources>,
}

/// `None` for a pod that is not living: ended, or being deleted. Else also until when it is not to be trusted.
pub(super) fn record_of(pod: &Pod, was_ready: bool) -> Option<(PodRecord, Option<Timestamp>)> {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    if pod.metadata.deletion_timestamp.is_some() || matches!(phase, Some("Failed" | "Succeeded")) {
        return None;
    }
    let seen = Seen::of(pod, was_ready);
    let record = PodRecord {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.clone()?,
        state: seen.state,
        ready_since: ready_since(pod).map(|since| Time(since.as_millisecond())),
        unschedulable: is_unschedulable(pod),
        resources: resources_of(pod.spec.as_ref().and_then(|spec| spec.resources.as_ref())),
        containers: containers_of(pod),
    };
    Some((record, seen.trusted_from))
}

fn containers_of(pod: &Pod) -> Vec<ContainerResources> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    let asked = |container: &Container| ContainerResources {
        name: container.name.clone(),
        resources: resources_of(container.resources.as_ref()),
    };
    spec.containers.iter().chain(sidecars).map(asked).collect()
}

fn resources_of(stated: Option<&ResourceRequirements>) -> Resources {
    let amount = |list: Option<&BTreeMap<String, RawQuantity>>, name: &str| {
        list?
            .get(name)?
            .0
            .parse::<Quantity>()
            .ok()
            .map(|quantity| quantity.as_f64())
    };
    let requests = stated.and_then(|stated| stated.requests.as_ref());
    let limits = stated.and_then(|stated| stated.limits.as_ref());
    Resources {
        cpu_request: amount(requests, "cpu"),
        cpu_limit: amount(limits, "cpu"),
        memory_request: amount(requests, "memory"),
        memory_limit: amount(limits, "memory"),
    }
}
