#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads best as an argument"
)]

use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::*;

use Source::{HorizontalPodAutoscaler as Horizontal, Keda};

/// A HorizontalPodAutoscaler named `name` on the Deployment `target`.
fn horizontal(name: &str, target: &str) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": "shop", "uid": name, "resourceVersion": "5"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "minReplicas": 1, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}],
        },
        "status": {"currentReplicas": 1, "desiredReplicas": 1, "conditions": []},
    })
}

/// A ScaledObject with this `scaleTargetRef`.
fn scaled_object(name: &str, target: Value) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": "shop", "annotations": {"autoscaling.keda.sh/paused": "true"}},
        "spec": {"scaleTargetRef": target, "triggers": [{"type": "cron", "metadata": {"desiredReplicas": "10"}}]},
    })
}

/// What KEDA makes of a ScaledObject.
fn made_by_keda(scaled_object: &str, target: &str) -> Value {
    let mut made = horizontal(&format!("keda-hpa-{scaled_object}"), target);
    made["metadata"]["labels"] = json!({"scaledobject.keda.sh/name": scaled_object});
    made["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": scaled_object, "uid": "so",
        "controller": true, "blockOwnerDeletion": true,
    }]);
    made
}

fn read(object: Value) -> SlimAutoscaler {
    serde_json::from_value(object).unwrap()
}

fn target(group: &str, kind: &str, namespace: &str, name: &str) -> TargetKey {
    TargetKey {
        gvk: GroupVersionKind::gvk(group, "v1", kind).into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

fn list(table: &mut AutoscalerTable, source: Source, autoscalers: &[SlimAutoscaler]) {
    table.begin_list(source, Part::WHOLE);
    for autoscaler in autoscalers {
        table.apply(source, autoscaler);
    }
    table.end_list(source, Part::WHOLE);
}

/// Who scales the Deployment of this name.
fn owner(table: &AutoscalerTable, name: &str) -> Option<String> {
    table.of(&target("apps", "Deployment", "shop", name))
}

#[test]
fn an_autoscaler_owns_the_object_that_it_names_and_no_other() {
    let mut table = AutoscalerTable::default();
    table.apply(Horizontal, &read(horizontal("cpu", "web")));
    assert_eq!(
        owner(&table, "web").as_deref(),
        Some("HorizontalPodAutoscaler cpu")
    );
    for other in [
        target("apps", "Deployment", "shop", "api"),
        target("apps", "Deployment", "till", "web"),
        target("apps", "StatefulSet", "shop", "web"),
        target("", "Deployment", "shop", "web"),
    ] {
        assert_eq!(table.of(&other), None, "{other:?}");
    }
}

#[test]
fn scaled_objects_name_deployments_where_they_say_nothing_else() {
    let mut table = AutoscalerTable::default();
    table.apply(Keda, &read(scaled_object("queue", json!({"name": "web"}))));
    assert_eq!(
        owner(&table, "web").as_deref(),
        Some("ScaledObject queue"),
        "a paused one too"
    );
    let rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web"});
    table.apply(Keda, &read(scaled_object("queue", rollout)));
    assert_eq!(owner(&table, "web"), None);
    assert_eq!(
        table
            .of(&target("argoproj.io", "Rollout", "shop", "web"))
            .as_deref(),
        Some("ScaledObject queue")
    );
}

#[test]
fn what_keda_made_goes_by_the_name_of_its_scaled_object() {
    let mut table = AutoscalerTable::default();
    table.apply(Horizontal, &read(made_by_keda("queue", "web")));
    assert_eq!(owner(&table, "web").as_deref(), Some("ScaledObject queue"));
    table.apply(Keda, &read(scaled_object("queue", json!({"name": "web"}))));
    assert_eq!(owner(&table, "web").as_deref(), Some("ScaledObject queue"));
    table.delete(
        Keda,
        read(scaled_object("queue", json!({"name": "web"}))).metadata(),
    );
    assert_eq!(
        owner(&table, "web").as_deref(),
        Some("ScaledObject queue"),
        "its autoscaler still lives"
    );
}

#[test]
fn one_that_is_being_deleted_owns_nothing() {
    let mut table = AutoscalerTable::default();
    table.apply(Horizontal, &read(horizontal("cpu", "web")));
    let mut dying = horizontal("cpu", "web");
    dying["metadata"]["deletionTimestamp"] = "2026-03-01T12:00:00Z".into();
    table.apply(Horizontal, &read(dying));
    assert_eq!(owner(&table, "web"), None);
    assert!(
        table.objects.is_empty() && table.by_target.is_empty(),
        "{table:?}"
    );
}

#[test]
fn of_several_the_first_by_name_is_told() {
    let mut table = AutoscalerTable::default();
    for name in ["b", "a", "c"] {
        table.apply(Horizontal, &read(horizontal(name, "web")));
    }
    assert_eq!(owner(&table, "web").as_deref(), Some("HorizontalPodAutoscaler a"));
    table.delete(Horizontal, read(horizontal("a", "web")).metadata());
    assert_eq!(owner(&table, "web").as_deref(), Some("HorizontalPodAutoscaler b"));
}

#[test]
fn changes_lists_and_deletions_leave_nothing_behind() {
    let mut table = AutoscalerTable::default();
    table.apply(Keda, &read(scaled_object("queue", json!({"name": "till"}))));
    table.apply(Horizontal, &read(horizontal("cpu", "web")));
    table.apply(Horizontal, &read(horizontal("cpu", "api")));
    assert_eq!(
        (owner(&table, "web"), owner(&table, "api").is_some()),
        (None, true)
    );
    list(&mut table, Horizontal, &[read(horizontal("memory", "web"))]);
    assert_eq!(
        (owner(&table, "api"), owner(&table, "web").is_some()),
        (None, true)
    );
    assert!(owner(&table, "till").is_some(), "other kinds are not touched");
    list(&mut table, Horizontal, &[]);
    list(&mut table, Keda, &[]);
    assert!(
        table.objects.is_empty() && table.by_target.is_empty(),
        "{table:?}"
    );
}

#[test]
fn an_autoscaler_without_a_target_owns_nothing() {
    let mut table = AutoscalerTable::default();
    for spec in [json!(null), json!({}), json!({"scaleTargetRef": null})] {
        let mut broken = scaled_object("queue", json!({"name": "web"}));
        broken["spec"] = spec;
        table.apply(Keda, &read(broken));
    }
    assert!(table.objects.is_empty());
}

fn failure(is_forbidden: bool, is_unserved: bool) -> Failure {
    Failure {
        is_forbidden,
        is_unserved,
        message: "no".into(),
    }
}

#[test]
fn lists_are_awaited_unless_they_are_refused() {
    let mut table = AutoscalerTable::default();
    assert!(!table.is_synced(Part::WHOLE));
    list(&mut table, Horizontal, &[]);
    assert!(!table.is_synced(Part::WHOLE), "of KEDA nothing is known yet");
    assert!(table.go_without(Keda));
    assert!(table.is_synced(Part::WHOLE));

    let mut table = AutoscalerTable::default();
    list(&mut table, Keda, &[]);
    assert!(
        !table.note_failure(Horizontal, Part::WHOLE, failure(false, false), Instant::now()),
        "it is tried again"
    );
    assert!(!table.is_synced(Part::WHOLE));
    assert!(table.note_failure(Horizontal, Part::WHOLE, failure(true, false), Instant::now()));
    assert!(
        !table.note_failure(Horizontal, Part::WHOLE, failure(true, false), Instant::now()),
        "said once"
    );
    assert!(table.is_synced(Part::WHOLE));

    let mut table = AutoscalerTable::default();
    assert!(table.note_failure(Horizontal, Part::WHOLE, failure(false, true), Instant::now()));
    assert!(
        !table.note_failure(Keda, Part::WHOLE, failure(false, false), Instant::now()),
        "it is tried again too"
    );
    assert!(!table.is_synced(Part::WHOLE));
    assert!(table.note_failure(Keda, Part::WHOLE, failure(true, false), Instant::now()));
    assert!(table.is_synced(Part::WHOLE));
}

#[test]
fn a_failure_after_the_first_list_takes_nothing_away() {
    let mut table = AutoscalerTable::default();
    list(&mut table, Horizontal, &[read(horizontal("cpu", "web"))]);
    assert!(!table.note_failure(Horizontal, Part::WHOLE, failure(true, false), Instant::now()));
    assert!(owner(&table, "web").is_some());
}

#[test]
fn while_a_list_comes_what_was_known_stays() {
    let mut table = AutoscalerTable::default();
    list(&mut table, Horizontal, &[read(horizontal("cpu", "web"))]);
    table.begin_list(Horizontal, Part::WHOLE);
    table.apply(Horizontal, &read(horizontal("cpu", "api")));
    table.begin_list(Horizontal, Part::WHOLE);
    table.apply(Horizontal, &read(horizontal("memory", "till")));
    assert!(owner(&table, "api").is_some());
    table.end_list(Horizontal, Part::WHOLE);
    assert_eq!(owner(&table, "api"), None);
    assert!(owner(&table, "till").is_some());
}
