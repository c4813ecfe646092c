//! What a spec comes to, and what is said about one that cannot be acted on.

use proptest::prelude::*;
use serde_json::{Value, json};

use concertina_decision::{RateKind, RatePolicy, Target};

use super::*;

/// A sound spec with `changes` merged into it.
pub(super) fn spec(changes: Value) -> Result<ScalingPolicySpec, serde_json::Error> {
    let mut spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 10,
        "metrics": [{"name": "cpu", "cpu": {"averageUtilization": 70}}],
    });
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    spec.as_object_mut().unwrap().extend(changes);
    serde_json::from_value(spec)
}

/// That every change is refused, and with these words.
pub(super) fn assert_refused<const N: usize>(table: [(Value, &str); N]) {
    for (changes, expected) in table {
        let error = spec(changes.clone())
            .unwrap()
            .decision_policy()
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{changes}: {error}");
    }
}

fn policy(mode: Option<&str>, until: Option<&str>, annotation: Option<&str>) -> ScalingPolicy {
    let mut changes = json!({});
    if let Some(mode) = mode {
        changes["mode"] = json!(mode);
    }
    if let Some(until) = until {
        changes["pausedUntil"] = json!(until);
    }
    let mut policy = ScalingPolicy::new("web", spec(changes).unwrap());
    if let Some(text) = annotation {
        policy
            .annotations_mut()
            .insert(PAUSED_UNTIL_ANNOTATION.to_owned(), text.to_owned());
    }
    policy
}

#[test]
fn a_spec_without_tunables_gets_the_documented_defaults() {
    let spec = spec(json!({})).unwrap();
    let policy = spec.decision_policy().unwrap();
    assert_eq!((policy.min_replicas, policy.max_replicas), (1, 10));
    assert_eq!(policy.metrics[0].max_age_seconds, 120);
    assert_eq!((policy.guards.len(), policy.fallback), (0, None));
    let effective = serde_json::to_value(spec.effective_settings(&policy, 15)).unwrap();
    assert_eq!(
        effective,
        json!({
            "minReplicas": 1,
            "maxReplicas": 10,
            "periodSeconds": 15,
            "prometheus": "default",
            "scaleUp": {
                "cooldownSeconds": 0, "stabilizationWindowSeconds": 0, "tolerance": "0.1", "selectPolicy": "Max",
            },
            "scaleDown": {
                "cooldownSeconds": 60, "stabilizationWindowSeconds": 300, "tolerance": "0.1", "selectPolicy": "Max",
                "policies": [{"type": "Percent", "value": 25, "periodSeconds": 60}],
            },
            "rolloutFreezeSeconds": 600,
        })
    );
}

#[test]
fn what_a_spec_says_replaces_the_defaults() {
    let spec = spec(json!({
        "minReplicas": 2, "periodSeconds": 5, "prometheusRef": {"name": "thanos"},
        "metrics": [
            {"name": "cpu", "cpu": {"averageValue": "250m"}, "maxAgeSeconds": 30},
            {"name": "memory", "memory": {"averageValue": "1Gi"}},
            {"name": "rate", "requestRate": {"averageValue": 50}},
            {"name": "p99", "prometheus": {"query": "x", "value": "0.2"}},
        ],
        "behavior": {"scaleDown": {"cooldownSeconds": 0, "tolerance": "200m", "selectPolicy": "Disabled",
            "policies": [{"type": "Pods", "value": 4, "periodSeconds": 30}]}},
    }))
    .unwrap();
    let policy = spec.decision_policy().unwrap();
    let targets: Vec<_> = policy
        .metrics
        .iter()
        .map(|metric| (metric.target, metric.cpu_bound))
        .collect();
    assert_eq!(
        targets,
        [
            (Target::AverageValue { per_replica: 0.25 }, true),
            (
                Target::AverageValue {
                    per_replica: 1_073_741_824.0
                },
                false
            ),
            (Target::AverageValue { per_replica: 50.0 }, true),
            (Target::Value { value: 0.2 }, false),
        ]
    );
    assert_eq!(policy.metrics[0].max_age_seconds, 30);
    assert_eq!(policy.scale_down.cooldown_seconds, 0);
    assert_eq!(
        policy.scale_down.select_policy,
        concertina_decision::SelectPolicy::Disabled
    );
    assert_eq!(
        policy.scale_down.policies[0],
        RatePolicy {
            kind: RateKind::Pods,
            value: 4,
            period_seconds: 30
        }
    );
    let effective = spec.effective_settings(&policy, 15);
    assert_eq!(
        (effective.period_seconds, effective.prometheus.as_str()),
        (5, "thanos")
    );
    assert_eq!(effective.scale_down.unwrap().tolerance, "0.2");
}

#[test]
fn what_an_older_schema_let_through_is_refused_with_what_to_write() {
    let metric = |metric: Value| json!({"metrics": [metric]});
    let down = |rules: Value| json!({"behavior": {"scaleDown": rules}});
    let table = [
        (
            json!({"minReplicas": 0}),
            "minReplicas 0 needs a metric that is there without pods",
        ),
        (json!({"minReplicas": -3}), "minReplicas is -3: write 0 to 100000"),
        (
            json!({"periodSeconds": 7}),
            "periodSeconds is 7: write one of 1, 2, 5, 10, 15, 30 and 60",
        ),
        (json!({"maxReplicas": 0}), "maxReplicas is 0: write 1 to 100000"),
        (
            json!({"minReplicas": 11}),
            "minReplicas 11 is greater than maxReplicas 10: lower minReplicas",
        ),
        (
            json!({"pausedUntil": "2026-12-24T18:00:00Z"}),
            "write both or neither",
        ),
        (json!({"metrics": []}), "metrics has no entry: write 1 to 16"),
        (metric(json!({"name": "a"})), "metric a has 0 of cpu"),
        (
            metric(
                json!({"name": "a", "cpu": {"averageUtilization": 1}, "memory": {"averageUtilization": 1}}),
            ),
            "metric a has 2 of cpu",
        ),
        (
            metric(json!({"name": "a", "cpu": {}})),
            "metric a needs exactly one of averageUtilization",
        ),
        (
            metric(json!({"name": "a", "cpu": {"averageUtilization": 0}})),
            "per cent from 1",
        ),
        (
            metric(json!({"name": "a", "cpu": {"averageValue": "-1"}})),
            "metric a averageValue is -1: write cores above 0",
        ),
        (
            metric(json!({"name": "a", "memory": {"averageValue": 0}})),
            "write bytes above 0, such as 512Mi",
        ),
        (
            metric(json!({"name": "a", "requestRate": {"averageValue": 0}})),
            "an amount above 0, such as 50",
        ),
        (
            metric(json!({"name": "a", "prometheus": {"query": "x"}})),
            "exactly one of averageValue and value",
        ),
        (
            metric(json!({"name": "a", "prometheus": {"query": "x", "value": "0"}})),
            "metric a value is 0",
        ),
        (
            metric(json!({"name": "a", "cpu": {"averageUtilization": 1}, "maxAgeSeconds": 0})),
            "write 5 to 3600",
        ),
        (
            metric(json!({"name": "a", "cpu": {"averageUtilization": 1}, "windowSeconds": -1})),
            "one of 15, 30",
        ),
        (
            down(json!({"cooldownSeconds": -1})),
            "behavior.scaleDown.cooldownSeconds is -1: write 0 to 3600 seconds",
        ),
        (
            down(json!({"tolerance": "1.5"})),
            "behavior.scaleDown.tolerance is 1500m: write a share from 0 to 1",
        ),
        (
            down(json!({"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1}]})),
            "policies.value is 0",
        ),
        (
            down(json!({"policies": [{"type": "Pods", "value": 1, "periodSeconds": 9999}]})),
            "1 to 1800 seconds",
        ),
    ];
    assert_refused(table);
    let twins = json!({"metrics": [
        {"name": "a", "cpu": {"averageUtilization": 1}}, {"name": "a", "memory": {"averageUtilization": 1}}]});
    let error = spec(twins).unwrap().decision_policy().unwrap_err().to_string();
    assert!(error.contains("two metrics are named a"), "{error}");
}

#[test]
fn a_spec_that_cannot_be_read_says_where() {
    let table = [
        (
            json!({"maxReplicas": "ten"}),
            "spec.maxReplicas: invalid type: string \"ten\"",
        ),
        (
            json!({"metrics": [{"name": "a", "cpu": {"averageValue": "12q"}}]}),
            "spec.metrics[0].cpu.averageValue: \"12q\"",
        ),
        (
            json!({"metrics": [{"cpu": {}}]}),
            "spec.metrics[0]: missing field `name`",
        ),
        (
            json!({"mode": "Sleep"}),
            "spec.mode: unknown variant `Sleep`, expected one of `Auto`, `DryRun`, `Paused`",
        ),
    ];
    for (changes, expected) in table {
        let error = spec(changes.clone()).unwrap_err().to_string();
        assert!(error.contains(expected), "{changes}: {error}");
    }
}

#[test]
fn one_unreadable_object_does_not_hide_the_others_nor_an_unreadable_status_its_spec() {
    let sound = serde_json::to_value(policy(None, None, None)).unwrap();
    let mut unreadable = sound.clone();
    unreadable["spec"]["maxReplicas"] = json!("ten");
    let mut other_status = sound.clone();
    other_status["status"] = json!({"metrics": "from another version"});
    let list: Vec<kube::core::DeserializeGuard<ScalingPolicy>> =
        serde_json::from_value(json!([unreadable, sound, other_status])).unwrap();
    assert!(list[0].0.as_ref().unwrap_err().error.contains("spec.maxReplicas"));
    assert!(list[1].0.is_ok());
    assert_eq!(
        list[2].0.as_ref().unwrap().status,
        Some(super::super::ScalingPolicyStatus::default())
    );
}

#[test]
fn a_pause_ends_by_itself_and_the_annotation_wins_over_the_spec() {
    let now: Timestamp = "2026-12-24T18:00:00Z".parse().unwrap();
    let (past, future) = (Some("2026-12-24T18:00:00Z"), Some("2026-12-24T19:00:00+00:30"));
    let table = [
        (policy(None, None, None), Mode::Auto),
        (policy(Some("DryRun"), None, None), Mode::DryRun),
        (policy(Some("Paused"), None, None), Mode::Paused),
        (policy(Some("Paused"), future, None), Mode::Paused),
        (policy(Some("Paused"), past, None), Mode::Auto),
        (policy(None, None, future), Mode::Paused),
        (policy(Some("DryRun"), None, past), Mode::DryRun),
        (policy(Some("Paused"), past, future), Mode::Paused),
    ];
    for (policy, expected) in table {
        assert_eq!(policy.mode_in_force(now), Ok(expected), "{policy:?}");
    }
    let error = policy(None, None, Some("tomorrow"))
        .mode_in_force(now)
        .unwrap_err();
    assert!(error.to_string().contains("write an RFC 3339 time"), "{error}");
}

/// Any number, most often one near the bounds.
fn number() -> impl Strategy<Value = i32> {
    prop_oneof![1 => any::<i32>(), 9 => -1..12]
}

proptest! {
    #[test]
    fn any_numbers_make_a_policy_within_bounds_or_an_error(
        min in number(), max in number(), percent in number(), seconds in number(), value in number(),
        target in "[+-]?[0-9]{1,3}(m|Ki|E|e9)?", tolerance in "-?[01][.][0-9]",
    ) {
        let changes = json!({
            "minReplicas": min, "maxReplicas": max,
            "metrics": [
                {"name": "a", "cpu": {"averageUtilization": percent}, "maxAgeSeconds": seconds},
                {"name": "b", "prometheus": {"query": "x", "value": target}},
            ],
            "behavior": {"scaleUp": {"cooldownSeconds": seconds, "tolerance": tolerance,
                "policies": [{"type": "Percent", "value": value, "periodSeconds": seconds}]},
                "rolloutFreezeSeconds": seconds},
            "guards": [{"name": "g", "query": "x", "above": target, "forSeconds": seconds}],
            "fallback": {"afterSeconds": percent, "replicas": value},
        });
        if let Ok(policy) = spec(changes).unwrap().decision_policy() {
            prop_assert!(0 <= policy.min_replicas && policy.min_replicas <= policy.max_replicas);
            prop_assert!(policy.metrics.iter().all(|metric| metric.target.number() > 0.0));
            prop_assert!((0.0..=1.0).contains(&policy.scale_up.tolerance));
            prop_assert!(policy.scale_up.cooldown_seconds <= 3600);
            prop_assert!(policy.rollout_freeze_seconds <= 86_400);
            prop_assert!(policy.guards.iter().all(|guard| guard.above.is_finite() && guard.for_seconds <= 3600));
            let fallback = policy.fallback.unwrap();
            prop_assert!((1..=policy.max_replicas).contains(&fallback.replicas) && fallback.after_seconds >= 30);
        }
    }
}
