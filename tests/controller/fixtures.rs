//! Objects that read as sentences: policies, and workloads with their pods.
use serde_json::{Value, json};

use crate::api_server::{ApiServer, NAMESPACE};
use crate::patches::set;

/// A policy on the Deployment of the same name, between 1 and 10 replicas, at 10 requests per second and replica. It
/// shrinks without waiting, so that scenarios need not.
pub(crate) fn policy(name: &str) -> Policy {
    Policy(json!({
        "apiVersion": "concertina.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": 10,
            "metrics": [rate(10)],
            "behavior": {"scaleDown": {
                "cooldownSeconds": 0, "stabilizationWindowSeconds": 0,
                "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
            }},
        },
    }))
}

/// So many requests per second and replica.
pub(crate) fn rate(per_replica: i32) -> Value {
    json!({"name": "rate", "requestRate": {"averageValue": per_replica}})
}

/// CPU in per cent of what is requested.
pub(crate) fn cpu(percent: i32) -> Value {
    json!({"name": "cpu", "cpu": {"averageUtilization": percent}})
}

/// A query whose answer is divided among the replicas.
pub(crate) fn query(text: &str, per_replica: i32) -> Value {
    json!({"name": "custom", "prometheus": {"query": text, "averageValue": per_replica}})
}

/// A policy in the making.
#[derive(Clone)]
pub(crate) struct Policy(Value);

impl Policy {
    pub(crate) fn with(mut self, pointer: &str, value: impl Into<Value>) -> Self {
        set(&mut self.0, pointer, value.into());
        self
    }

    pub(crate) fn on(self, api_version: &str, kind: &str, name: &str) -> Self {
        self.with(
            "/spec/scaleTargetRef",
            json!({"apiVersion": api_version, "kind": kind, "name": name}),
        )
    }

    pub(crate) fn on_deployment(self, name: &str) -> Self {
        self.on("apps/v1", "Deployment", name)
    }

    pub(crate) fn by(self, metrics: &[Value]) -> Self {
        self.with("/spec/metrics", metrics.to_vec())
    }

    pub(crate) fn between(self, min: i32, max: i32) -> Self {
        self.with("/spec/minReplicas", min).with("/spec/maxReplicas", max)
    }

    pub(crate) fn in_mode(self, mode: &str) -> Self {
        self.with("/spec/mode", mode)
    }

    pub(crate) fn asking(self, server: &str) -> Self {
        self.with("/spec/prometheusRef", json!({"name": server}))
    }

    pub(crate) fn created(self, time: &str) -> Self {
        self.with("/metadata/creationTimestamp", time)
    }
}

impl From<Policy> for Value {
    fn from(policy: Policy) -> Self {
        policy.0
    }
}

/// A Deployment whose pods are Ready, each with one container `app` that requests and may use one core.
pub(crate) fn deployment(api: &ApiServer, name: &str, replicas: usize) -> String {
    deployment_in(NAMESPACE, api, name, replicas)
}

/// The same in another namespace.
pub(crate) fn deployment_in(namespace: &str, api: &ApiServer, name: &str, replicas: usize) -> String {
    let uid = api.has(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {}, "template": {}},
    }));
    let owners = [owner("apps/v1", "Deployment", name, &uid)];
    let set = api.has(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"name": format!("{name}-rs"), "namespace": namespace, "ownerReferences": owners},
        "spec": {"replicas": replicas},
    }));
    for index in 0..replicas {
        pod((namespace, name, index), api, &set);
    }
    uid
}

/// The Deployment tells who has written its count, as the real API server makes it.
pub(crate) fn is_marked_as_written_by(api: &ApiServer, name: &str, manager: &str) {
    api.set(
        "deployments",
        name,
        "/metadata/managedFields",
        json!([{
            "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "subresource": "scale",
            "time": "2023-11-14T22:14:00Z", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}},
        }]),
    );
}

/// Brings pods up so that the Deployment has so many, or takes the last ones away.
pub(crate) fn pods(api: &ApiServer, name: &str, before: usize, after: usize) {
    let set = api.object("replicasets", &format!("{name}-rs"))["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    for index in before..after {
        pod((NAMESPACE, name, index), api, &set);
    }
    for index in after..before {
        api.delete("pods", &format!("{name}-{index}"));
    }
}

fn pod((namespace, name, index): (&str, &str, usize), api: &ApiServer, set: &str) {
    api.has(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("{name}-{index}"), "namespace": namespace,
            "ownerReferences": [owner("apps/v1", "ReplicaSet", &format!("{name}-rs"), set)],
        },
        "spec": {"containers": [
            {"name": "app", "resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "4"}}},
        ]},
        "status": {"phase": "Running", "startTime": "2023-11-14T00:00:00Z", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2023-11-14T00:00:10Z"},
        ]},
    }));
}

fn owner(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true})
}
