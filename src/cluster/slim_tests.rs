use serde_json::{Value, json};

use super::*;

fn metadata(metadata: Value) -> SlimMetadata<Managers> {
    serde_json::from_value(metadata).unwrap()
}

fn entry(manager: &str, time: &str, subresource: &str, fields: &Value) -> Value {
    json!({
        "manager": manager, "operation": "Update", "apiVersion": "apps/v1", "time": time, "subresource": subresource,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    })
}

#[test]
fn the_count_was_written_last_by_the_latest_manager_that_owns_it() {
    let count = json!({"f:spec": {"f:replicas": {}}});
    let applied = json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:selector": {}, "f:replicas": {}}});
    let status = json!({"f:status": {"f:replicas": {}, "f:conditions": {".": {}}}});
    let written = |entries: Value| {
        let metadata = metadata(json!({"name": "web", "managedFields": entries}));
        metadata.replicas_manager().map(str::to_owned)
    };
    let kubectl = entry("kubectl", "2026-03-01T12:00:00Z", "scale", &count);
    let flux = entry("kustomize-controller", "2026-03-01T11:00:00Z", "", &applied);
    let kubelet = entry(
        "kube-controller-manager",
        "2026-03-01T13:00:00Z",
        "status",
        &status,
    );
    assert_eq!(
        written(json!([kubectl, flux, kubelet])).as_deref(),
        Some("kubectl")
    );
    assert_eq!(
        written(json!([kubelet, flux])).as_deref(),
        Some("kustomize-controller")
    );
    assert_eq!(written(json!([kubelet])), None);
    assert_eq!(written(json!([])), None);
    let timeless = json!([{"manager": "old", "fieldsV1": count}]);
    assert_eq!(written(timeless).as_deref(), Some("old"));
}

#[test]
fn revisions_are_numbers_or_none() {
    let revision = |annotations: Value| metadata(json!({"annotations": annotations})).revision();
    assert_eq!(
        revision(json!({"deployment.kubernetes.io/revision": "12", "other": "x"})),
        Some(12)
    );
    assert_eq!(revision(json!({"rollout.argoproj.io/revision": "3"})), Some(3));
    assert_eq!(
        revision(json!({"deployment.kubernetes.io/revision": "twelve"})),
        None
    );
    assert_eq!(revision(json!(null)), None);
}

#[derive(Clone, Debug)]
struct Nothing;

impl Fields for Nothing {
    type Managers = IgnoredAny;
    type Spec = IgnoredAny;
    type Status = IgnoredAny;

    fn pick(_: &SlimMetadata, _: Option<IgnoredAny>, _: Option<IgnoredAny>) -> Self {
        Self
    }
}

#[test]
fn of_the_metadata_only_names_are_kept() {
    let object: Slim<Nothing> = serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "Thing", "spec": {"deep": [1, 2]}, "status": 7,
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7",
            "labels": {"app": "web"}, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "managedFields": [entry("kubectl", "2026-03-01T12:00:00Z", "", &json!({"f:spec": {}}))],
        },
    }))
    .unwrap();
    let expected = ObjectMeta {
        name: Some("web".into()),
        namespace: Some("shop".into()),
        uid: Some("u".into()),
        resource_version: Some("7".into()),
        ..ObjectMeta::default()
    };
    assert_eq!(*object.metadata(), expected);
}

#[test]
fn a_bookmark_can_be_read_as_any_kind() {
    let bookmark = json!({
        "kind": "Thing", "apiVersion": "v1",
        "metadata": {"resourceVersion": "12746", "creationTimestamp": null},
    });
    let read: Slim<Nothing> = serde_json::from_value(bookmark).unwrap();
    assert_eq!(read.metadata().resource_version.as_deref(), Some("12746"));
}
