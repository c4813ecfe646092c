//! Statuses of real policies with a past keep all of the past in the space they may take.
use concertina_decision::{Observation, Pod, PodReading, Reading};
use serde_json::{Value, json};

use super::*;
use crate::api::MAX_STATUS_BYTES;
use crate::cluster::QuotaRefusal;
use crate::cluster::pods::StartupTimes;
use crate::control::evaluate::ChangeByOther;
use crate::fixtures::{NOW, outcome_of, policy, total, with};
use crate::observe::join::total_reading;
use crate::observe::table::FetchError;
use crate::report::events::troubles;

/// One metric, everything else left to the defaults.
fn plain() -> Value {
    let metrics = json!([{"name": "cpu", "cpu": {"averageUtilization": 70}}]);
    with(
        with(policy("web"), "/spec/maxReplicas", json!(40)),
        "/spec/metrics",
        metrics,
    )
}

/// The policy of the README.
fn three_metrics() -> Value {
    let spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "minReplicas": 2, "maxReplicas": 40,
        "metrics": [
            {"name": "cpu", "cpu": {"averageUtilization": 70}},
            {"name": "rate", "requestRate": {"averageValue": 50}},
            {"name": "backlog", "prometheus": {
                "query": "sum by (queue) (rabbitmq_queue_messages_ready)", "match": {"queue": "orders"}, "averageValue": 30,
            }},
        ],
        "behavior": {"scaleDown": {"cooldownSeconds": 60, "stabilizationWindowSeconds": 300}},
    });
    with(policy("web"), "/spec", spec)
}

/// The same with limits of its own in both directions, two guards and a fallback.
fn rich() -> Value {
    let limits = json!([{"type": "Pods", "value": 4, "periodSeconds": 600}, {"type": "Percent", "value": 50, "periodSeconds": 60}]);
    let rules = json!({"policies": limits, "tolerance": "0.05", "selectPolicy": "Min"});
    let guards = json!([
        {"name": "errors", "query": "errors", "above": "0.01", "forSeconds": 0},
        {"name": "latency", "query": "latency", "above": "300m"},
    ]);
    let fallback = json!({"afterSeconds": 180, "replicas": 6});
    let policy = with(
        three_metrics(),
        "/spec/behavior",
        json!({"scaleUp": rules, "scaleDown": rules}),
    );
    with(with(policy, "/spec/guards", guards), "/spec/fallback", fallback)
}

/// Twelve replicas; each uses this share of the core that it requests.
fn observed(share: f64) -> Observation {
    let per_pod = |value: f64| {
        let reading = PodReading {
            value: Some(value),
            time: Some(Timestamp(NOW.0 - 7_000)),
            request: Some(1.0),
            ..PodReading::default()
        };
        Reading::PerPod(vec![reading; 12])
    };
    Observation {
        current_replicas: 12,
        pods: vec![Pod::Ready; 12],
        metrics: vec![per_pod(share), per_pod(48.25), total(345.0)],
        ..Observation::default()
    }
}

/// What became of it, by pods whose start-up time is known.
fn evaluated(policy: &Value, observation: &Observation) -> Outcome {
    let mut outcome = outcome_of(policy.clone(), observation);
    outcome.result.as_mut().unwrap().startup = Some(StartupTimes {
        p50_seconds: 12,
        p95_seconds: 31,
        samples: 64,
    });
    outcome
}

/// The stored status after five changes: by the controller and others in turn.
fn past(policy: &Value) -> ScalingPolicyStatus {
    let mut known: Option<ScalingPolicyStatus> = None;
    for round in 0..3 {
        let mut outcome = evaluated(policy, &observed(0.97));
        outcome.time = NOW.plus_seconds(round * 60);
        let decided = outcome.result.as_mut().unwrap();
        decided.effect = Effect::Written;
        decided.changed_by_other = Some(ChangeByOther {
            from: 10,
            to: 12,
            manager: None,
        });
        let before = known.as_ref().map(Known::of).unwrap_or_default();
        known = Some(status_of(&outcome, &before, &[]));
    }
    let known = known.unwrap();
    assert_eq!(known.last_changes.len(), 5);
    known
}

/// The status of this outcome after such a past, which must not have lost any of it.
fn remembered(policy: &Value, mut outcome: Outcome) -> ScalingPolicyStatus {
    let known = past(policy);
    outcome.time = NOW.plus_seconds(600);
    let status = status_of(&outcome, &Known::of(&known), &troubles(&outcome));
    let size = serde_json::to_string(&status).unwrap().len();
    assert!(size <= MAX_STATUS_BYTES, "{size} bytes");
    assert_eq!(status.last_changes, known.last_changes);
    assert_eq!(status.last_scale_time, known.last_scale_time);
    assert!(status.startup.is_some() && status.effective.is_some());
    status
}

#[test]
fn a_quiet_policy_of_one_metric_cuts_nothing_but_default_rules() {
    let mut observation = observed(0.7);
    observation.metrics.truncate(1);
    let status = remembered(&plain(), evaluated(&plain(), &observation));
    assert_eq!(status.metrics.len(), 1);
    assert!(!status.last_decision.unwrap().message.ends_with('…'));
    assert_eq!(status.conditions[1].message, Reason::Ready.message());
}

#[test]
fn a_quiet_policy_of_three_metrics_shows_them_all() {
    let status = remembered(&three_metrics(), evaluated(&three_metrics(), &observed(0.69)));
    assert_eq!((status.metrics.len(), status.metrics_omitted), (3, None));
    assert_eq!(status.metrics[0].value.as_deref(), Some("69%"));
}

#[test]
fn a_growing_policy_of_three_metrics_shows_them_all() {
    let outcome = evaluated(&three_metrics(), &observed(0.97));
    assert!(outcome.result.as_ref().unwrap().decision.desired > 12);
    let status = remembered(&three_metrics(), outcome);
    assert_eq!((status.metrics.len(), status.metrics_omitted), (3, None));
}

#[test]
fn a_policy_in_trouble_tells_it_and_its_guards() {
    let failed = FetchError::Rejected {
        status: 503,
        message: "the server is shutting down, and its store gateway eu-west-1-b is not to be reached from here: \
                  rpc error: code = Unavailable desc = connection error: dial tcp 10.96.12.7:10901: connect: refused"
            .into(),
    };
    let (reading, note) = total_reading(&[], &Err(failed));
    let mut observation = observed(0.4);
    observation.metrics = vec![reading.clone(); 3];
    observation.guards = vec![total(0.0234), reading.clone()];
    let silent = observation.clone();
    observation.metrics[0] = observed(0.4).metrics.remove(0);
    for observation in [observation, silent] {
        let mut outcome = evaluated(&rich(), &observation);
        let decided = outcome.result.as_mut().unwrap();
        decided.notes = observation
            .metrics
            .iter()
            .map(|metric| note.clone().filter(|_| *metric == reading))
            .collect();
        decided.guard_notes = vec![None, note.clone()];
        decided.unschedulable_pods = 3;
        decided.quota = Some(QuotaRefusal {
            room: 12,
            message: "pods \"web-5d9c7b6f4-x2lqp\" is forbidden: exceeded quota: small, requested: pods=1, \
                      used: pods=12, limited: pods=12"
                .into(),
        });
        let status = remembered(&rich(), outcome);
        let ready = &status.conditions[0];
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str()),
            ("False", "PrometheusError")
        );
        assert!(
            ready.message.contains("the server answered 503"),
            "{}",
            ready.message
        );
        let states: Vec<_> = status.guards.iter().map(|guard| guard.state.as_str()).collect();
        assert_eq!(states, ["Tripped", "Missing"]);
        assert_eq!((status.metrics.len(), status.metrics_omitted), (3, None));
    }
}

#[test]
fn a_policy_without_a_target_keeps_its_past() {
    let mut outcome = evaluated(&rich(), &observed(0.7));
    outcome.result = Err(Trouble {
        reason: Reason::TargetForbidden,
        message: format!(
            "{}: {}",
            Reason::TargetForbidden.message(),
            "deployments.apps \"web\" is forbidden: ".repeat(8)
        ),
    });
    let known = past(&rich());
    let status = status_of(&outcome, &Known::of(&known), &troubles(&outcome));
    assert_eq!(status.last_changes, known.last_changes);
    assert!(serde_json::to_string(&status).unwrap().len() <= MAX_STATUS_BYTES);
}
