//! The kinds that the scripted API server serves, and how it tells of them.
use axum::body::Body as Answer;
use axum::http::Response;
use serde_json::{Value, json};

use crate::answers::{answer, page_not_found};

/// A kind that is served.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    /// The field behind `spec.replicas` of `/scale`, for kinds that have a `/scale`.
    pub(crate) replicas: Option<&'static str>,
}

const fn kind(
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    replicas: Option<&'static str>,
) -> Kind {
    Kind {
        api_version,
        kind,
        plural,
        replicas,
    }
}

pub(crate) const KINDS: [Kind; 11] = [
    kind("apps/v1", "Deployment", "deployments", Some("/spec/replicas")),
    kind("apps/v1", "StatefulSet", "statefulsets", Some("/spec/replicas")),
    kind("apps/v1", "ReplicaSet", "replicasets", Some("/spec/replicas")),
    kind("apps/v1", "DaemonSet", "daemonsets", None),
    kind("v1", "Pod", "pods", None),
    kind("v1", "ResourceQuota", "resourcequotas", None),
    kind("events.k8s.io/v1", "Event", "events", None),
    kind(
        "concertina.dev/v1alpha1",
        "ScalingPolicy",
        "scalingpolicies",
        None,
    ),
    kind(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        None,
    ),
    kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects", None),
    // Its count is not where its name suggests, and only `/scale` tells.
    kind("example.dev/v1", "Fleet", "fleets", Some("/spec/size")),
];

pub(crate) fn kind_of(object: &Value) -> &'static Kind {
    let known = KINDS
        .iter()
        .find(|kind| object["apiVersion"] == kind.api_version && object["kind"] == kind.kind);
    known.unwrap_or_else(|| panic!("no such kind is served: {object}"))
}

/// At zero replicas a Scale has no `spec.replicas`.
pub(crate) fn scale_of(object: &Value, field: &str) -> Value {
    let replicas = object.pointer(field).and_then(Value::as_i64).unwrap_or(1);
    let spec = if replicas == 0 {
        json!({})
    } else {
        json!({"replicas": replicas})
    };
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": spec,
        "status": {"replicas": replicas, "selector": "app=web"},
    })
}

pub(crate) fn discovery(api_version: &str) -> Response<Answer> {
    let kinds = KINDS.iter().filter(|kind| kind.api_version == api_version);
    let resources: Vec<Value> = kinds
        .flat_map(|kind| {
            let resource = |name: String, kind: &str, verbs: &[&str]| {
                json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs})
            };
            let whole = resource(kind.plural.into(), kind.kind, &["get", "list", "watch", "patch"]);
            let scale = kind.replicas.map(|_| {
                let mut scale = resource(format!("{}/scale", kind.plural), "Scale", &["get", "patch", "update"]);
                scale["group"] = "autoscaling".into();
                scale["version"] = "v1".into();
                scale
            });
            [Some(whole), scale].into_iter().flatten()
        })
        .collect();
    if resources.is_empty() {
        return page_not_found();
    }
    let list = json!({
        "apiVersion": "v1", "kind": "APIResourceList", "groupVersion": api_version, "resources": resources,
    });
    answer(200, &list)
}
