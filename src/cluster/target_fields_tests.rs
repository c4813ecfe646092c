use serde_json::{Value, json};

use super::*;

fn fields(object: Value) -> TargetFields {
    serde_json::from_value::<SlimTarget>(object).unwrap().fields
}

const OVER_QUOTA: &str = "pods \"web-5f6c8-x7k2p\" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=3, limited: pods=3";

/// A Deployment as the API server holds it while a quota refuses its pods.
fn refused(kind: &str, reason: &str, message: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 3,
            "labels": {"app": "web"}, "annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"replicas": 5, "selector": {"matchLabels": {"app": "web"}}, "template": {"spec": {"containers": []}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}},
        "status": {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "unavailableReplicas": 2, "conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "message": "Deployment has minimum availability."},
            {"type": kind, "status": "True", "reason": reason, "message": message},
            {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "ReplicaSet is progressing."},
        ]},
    })
}

#[test]
fn a_quota_that_refuses_pods_is_told_in_its_words() {
    let fields = fields(refused("ReplicaFailure", "FailedCreate", OVER_QUOTA));
    assert_eq!(fields.quota_refusal.as_deref(), Some(OVER_QUOTA));
    assert_eq!(fields.replicas, Some(5));
    assert_eq!(fields.rollout, RolloutProgress::default());
}

#[test]
fn a_quota_that_wants_requests_refuses_too() {
    let message = "pods \"web-1\" is forbidden: failed quota: compute: must specify requests.cpu for: app";
    let fields = fields(refused("ReplicaFailure", "FailedCreate", message));
    assert_eq!(fields.quota_refusal.as_deref(), Some(message));
}

#[test]
fn other_refusals_and_other_conditions_are_no_wall() {
    let limit = "pods \"web-1\" is forbidden: maximum cpu usage per Container is 1, but limit is 2";
    for (kind, reason, message) in [
        ("ReplicaFailure", "FailedCreate", limit),
        ("ReplicaFailure", "FailedDelete", OVER_QUOTA),
        ("Stuck", "FailedCreate", OVER_QUOTA),
    ] {
        assert_eq!(
            fields(refused(kind, reason, message)).quota_refusal,
            None,
            "{kind} {reason}"
        );
    }
    let mut passed = refused("ReplicaFailure", "FailedCreate", OVER_QUOTA);
    passed["status"]["conditions"][1]["status"] = "False".into();
    assert_eq!(fields(passed).quota_refusal, None);
}

#[test]
fn long_messages_are_cut_between_characters() {
    let message = format!("exceeded quota: {}", "ä".repeat(400));
    let kept = fields(refused("ReplicaFailure", "FailedCreate", &message)).quota_refusal;
    assert_eq!(kept.unwrap().len(), 512);
    let message = format!("exceeded quota:{}", "ä".repeat(400));
    let kept = fields(refused("ReplicaFailure", "FailedCreate", &message)).quota_refusal;
    assert_eq!(kept.unwrap().len(), 511);
}

#[test]
fn paused_and_given_up_rollouts_are_stopped() {
    let stopped = |object: Value| fields(object).rollout.is_stopped;
    assert!(stopped(json!({"spec": {"paused": true}})));
    assert!(!stopped(json!({"spec": {"paused": false}})));
    let progressing = |status: &str, reason: &str| json!({"status": {"conditions": [{"type": "Progressing", "status": status, "reason": reason}]}});
    assert!(stopped(progressing("False", "ProgressDeadlineExceeded")));
    assert!(!stopped(progressing("True", "NewReplicaSetAvailable")));
    assert!(!stopped(progressing("Unknown", "DeploymentPaused")));
}

#[test]
fn a_stateful_set_tells_its_revision_and_partition() {
    let fields = fields(json!({
        "spec": {"replicas": 3, "serviceName": "db", "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}},
        "status": {"currentRevision": "db-5b9", "updateRevision": "db-7c4", "replicas": 3},
    }));
    let expected = RolloutProgress {
        is_stopped: false,
        update_revision: Some(hash_of("db-7c4")),
        partition: 2,
    };
    assert_eq!(fields.rollout, expected);
}

#[test]
fn fields_of_custom_kinds_may_be_of_any_type() {
    let fields = fields(json!({
        "metadata": {"name": "ships", "uid": "u"},
        "spec": {"replicas": {"min": 1}, "paused": "no", "updateStrategy": "InPlace"},
        "status": {"updateRevision": 7, "conditions": {"Progressing": "False"}},
    }));
    assert_eq!(fields.replicas, None);
    assert_eq!(fields.rollout, RolloutProgress::default());
    for bare in [
        json!({}),
        json!({"metadata": {"name": "ships"}, "spec": null, "status": null}),
    ] {
        assert_eq!(self::fields(bare).rollout, RolloutProgress::default());
    }
}

#[test]
fn conditions_may_lack_everything() {
    let fields = fields(json!({"status": {"conditions": [{}, {"type": "Progressing", "status": "False"}]}}));
    assert!(fields.rollout.is_stopped);
}
