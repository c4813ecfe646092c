#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads best as an argument"
)]

use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::pods::StartupTimes;
use super::*;

fn web() -> TargetKey {
    TargetKey {
        gvk: GroupVersionKind::gvk("apps", "v1", "Deployment").into(),
        namespace: "shop".into(),
        name: "web".into(),
    }
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn metadata(name: &str, owner: Option<&str>) -> Value {
    let owner = owner.map(
        |owner| json!([{"apiVersion": "v1", "kind": "X", "name": owner, "uid": owner, "controller": true}]),
    );
    json!({"name": name, "namespace": "shop", "uid": name, "resourceVersion": "1", "ownerReferences": owner})
}

/// The Deployment `web` with pods of two ReplicaSets, of which `web-2` is the newer.
fn cluster() -> Cluster {
    let cluster = Cluster::new(Arc::new(crate::fixtures::config()));
    change(&cluster, 2, json!({}), json!({}));
    let sets = [("web-1", "1"), ("web-2", "2")].map(|(name, revision)| {
        let mut metadata = metadata(name, Some("web"));
        metadata["annotations"] = json!({"deployment.kubernetes.io/revision": revision});
        read(json!({"metadata": metadata}))
    });
    let mut pods = cluster.pods();
    for set in &sets {
        pods.apply_replica_set(set);
    }
    for (name, set) in [("web-1-a", "web-1"), ("web-2-a", "web-2"), ("web-2-b", "web-2")] {
        pods.apply_pod(read(json!({"metadata": metadata(name, Some(set))})));
    }
    drop(pods);
    cluster
}

fn change(cluster: &Cluster, version: u64, spec: Value, status: Value) {
    let mut metadata = metadata("web", None);
    metadata["resourceVersion"] = version.to_string().into();
    let object = read(json!({"metadata": metadata, "spec": spec, "status": status}));
    cluster.targets().apply(&web().gvk, &object);
}

#[test]
fn a_rollout_is_under_way_until_the_last_living_pod_of_the_old_set_is_on_its_way() {
    let cluster = cluster();
    assert!(matches!(cluster.rollout(&web()), Rollout::UnderWay { .. }));
    let mut dying = metadata("web-1-a", Some("web-1"));
    dying["deletionTimestamp"] = "2026-03-01T12:00:00Z".into();
    cluster.pods().apply_pod(read(json!({"metadata": dying})));
    assert_eq!(cluster.rollout(&web()), Rollout::None);
}

#[test]
fn a_rollout_ends_when_it_is_paused_or_given_up() {
    let cluster = cluster();
    change(&cluster, 3, json!({"paused": true}), json!({}));
    assert_eq!(cluster.rollout(&web()), Rollout::None);
    change(&cluster, 4, json!({}), json!({}));
    assert!(matches!(cluster.rollout(&web()), Rollout::UnderWay { .. }));
    let given_up = json!({"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]});
    change(&cluster, 5, json!({}), given_up);
    assert_eq!(cluster.rollout(&web()), Rollout::None);
}

#[test]
fn a_quota_that_refuses_pods_has_room_for_those_that_live() {
    let cluster = cluster();
    assert_eq!(cluster.quota_refusal(&web()), None);
    let message = "pods \"web-2-c\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=3, limited: pods=3";
    let condition =
        json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message});
    change(&cluster, 3, json!({}), json!({"conditions": [condition]}));
    let expected = QuotaRefusal {
        room: 3,
        message: message.into(),
    };
    assert_eq!(cluster.quota_refusal(&web()), Some(expected));
    change(&cluster, 4, json!({}), json!({}));
    assert_eq!(cluster.quota_refusal(&web()), None);
}

#[test]
fn of_what_is_not_there_nothing_is_known() {
    let cluster = Cluster::new(Arc::new(crate::fixtures::config()));
    assert_eq!(cluster.rollout(&web()), Rollout::None);
    assert_eq!(cluster.quota_refusal(&web()), None);
    assert_eq!(cluster.autoscaler_of(&web()), None);
    assert_eq!(cluster.targets().replicas_manager(&web()), None);
}

#[test]
fn start_up_times_are_kept_for_targets_without_pods_and_forgotten_when_they_are_gone() {
    let cluster = cluster();
    let times = StartupTimes {
        p50_seconds: 3,
        p95_seconds: 9,
        samples: 20,
    };
    for owner in ["web", "nobody"] {
        cluster.pods().restore_startup(&owner.into(), times);
    }
    cluster.pods().begin_pods(Part::WHOLE);
    cluster.pods().end_pods(Part::WHOLE);
    cluster.pods().begin_replica_sets(Part::WHOLE);
    cluster.pods().end_replica_sets(Part::WHOLE);
    cluster.forget_gone();
    assert_eq!(cluster.pods().startup(&"web".into()), Some(times));
    assert_eq!(cluster.pods().startup(&"nobody".into()), None);
    cluster.targets().delete(&web().gvk, &read(metadata("web", None)));
    // An older version than the known one is no news, so it is still there.
    cluster.forget_gone();
    assert_eq!(cluster.pods().startup(&"web".into()), Some(times));
    let mut gone = metadata("web", None);
    gone["resourceVersion"] = "9".into();
    cluster.targets().delete(&web().gvk, &read(gone));
    cluster.forget_gone();
    assert_eq!(cluster.pods().startup(&"web".into()), None);
}
