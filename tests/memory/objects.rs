//! Objects as an API server tells them: of ordinary names and sizes, most of which nobody here reads.
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub(crate) fn read<T: DeserializeOwned>(text: &str) -> T {
    serde_json::from_str(text).unwrap()
}

/// A UUID of its own for each kind and number.
pub(crate) fn uid(kind: &str, number: usize) -> String {
    let kind: u32 = kind.bytes().map(u32::from).sum();
    format!("{kind:08x}-d9cb-469f-a165-{number:012x}")
}

/// An object with its names and numbers filled in. The text is made once: there are many.
fn fill(template: &LazyLock<String>, values: &[(&str, String)]) -> String {
    let mut text = template.to_string();
    for (place, value) in values {
        text = text.replace(place, value);
    }
    text
}

fn metadata(owner_kind: &str) -> Value {
    let owner = json!([{"apiVersion": "apps/v1", "kind": owner_kind, "name": "OWNER", "uid": "OWNED-BY", "controller": true}]);
    json!({
        "name": "NAME", "namespace": "shop", "uid": "UID", "resourceVersion": "5", "generation": 1,
        "creationTimestamp": "2026-03-01T12:00:00Z", "ownerReferences": owner,
        "labels": {"app.kubernetes.io/name": "checkout-service", "pod-template-hash": "7d9f8b6c5d"},
        "annotations": {"deployment.kubernetes.io/revision": "REVISION", "checksum/config": "0123456789abcdef".repeat(4)},
        "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "apiVersion": "v1",
            "time": "2026-03-01T12:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:replicas": {}, "f:containers": {}}}}],
    })
}

static DEPLOYMENT: LazyLock<String> = LazyLock::new(|| {
    json!({
        "metadata": metadata("Application"),
        "spec": {"replicas": 3, "template": {"spec": {"containers": []}}}, "status": {"replicas": 3},
    })
    .to_string()
});

pub(crate) fn deployment(number: usize) -> String {
    let name = format!("checkout-service-{number:05}");
    fill(&DEPLOYMENT, &[("NAME", name), ("UID", uid("deployment", number))])
}

static REPLICA_SET: LazyLock<String> = LazyLock::new(|| {
    let counts = json!({"replicas": 77});
    json!({"metadata": metadata("Deployment"), "spec": counts, "status": counts}).to_string()
});

pub(crate) fn replica_set(number: usize, revision: usize, replicas: usize) -> String {
    let owner = format!("checkout-service-{number:05}");
    let values = [
        ("NAME", format!("{owner}-7d9f8b6c{revision:02}")),
        ("UID", uid("set", number * 100 + revision)),
        ("OWNED-BY", uid("deployment", number)),
        ("OWNER", owner),
        ("REVISION", revision.to_string()),
        ("77", replicas.to_string()),
    ];
    fill(&REPLICA_SET, &values)
}

static POD: LazyLock<String> = LazyLock::new(|| {
    let variables: Vec<Value> = (0..20)
        .map(|index| json!({"name": format!("SETTING_{index}"), "value": "a value of ordinary length"}))
        .collect();
    let status = json!({"name": "app", "ready": true, "restartCount": 0, "started": true, "image": "shop:1",
        "imageID": "sha256:0123", "containerID": "containerd://0123",
        "state": {"running": {"startedAt": "2026-03-01T12:00:05Z"}}, "lastState": {}});
    json!({
        "metadata": metadata("ReplicaSet"),
        "spec": {
            "nodeName": "node-1", "volumes": [{"name": "config", "configMap": {"name": "checkout"}}],
            "containers": [
                {"name": "app", "image": "shop:1", "env": variables,
                    "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"cpu": "1", "memory": "1Gi"}}},
                {"name": "proxy", "image": "proxy:1", "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}},
            ],
        },
        "status": {
            "phase": "Running", "podIP": "10.0.0.1", "startTime": "2026-03-01T12:00:01Z",
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-03-01T12:00:01Z"},
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-01T12:00:09Z"},
            ],
            "containerStatuses": [status],
        },
    })
    .to_string()
});

pub(crate) fn pod(owner: usize, number: usize) -> String {
    let set = format!("checkout-service-{owner:05}-7d9f8b6c10");
    let values = [
        ("NAME", format!("{set}-x2k9{number}")),
        ("UID", uid("pod", owner * 10 + number)),
        ("OWNED-BY", uid("set", owner * 100 + 10)),
        ("OWNER", set),
    ];
    fill(&POD, &values)
}
