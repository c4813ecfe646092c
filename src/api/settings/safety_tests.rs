//! What guards, fallback, schedules and a minimum of zero come to.

use serde_json::{Value, json};

use super::*;
use crate::api::settings::tests::{assert_refused, spec};

#[test]
fn a_guard_gets_the_documented_defaults_and_what_is_written_replaces_them() {
    let policy = spec(json!({"guards": [
        {"name": "errors", "query": "x", "above": "0.01"},
        {"name": "latency", "query": "y", "above": 0, "forSeconds": 0, "whenEmpty": "Zero",
         "maxBlockSeconds": 60, "action": "BlockShrink"},
    ]}))
    .unwrap()
    .decision_policy()
    .unwrap();
    let errors = Guard {
        above: 0.01,
        for_seconds: 30,
        max_block_seconds: 900,
        when_empty: concertina_decision::WhenEmpty::Missing,
    };
    let latency = Guard {
        above: 0.0,
        for_seconds: 0,
        max_block_seconds: 60,
        when_empty: concertina_decision::WhenEmpty::Zero,
    };
    assert_eq!(*policy.guards, [errors, latency]);
}

#[test]
fn fallback_and_rollout_freeze_reach_the_decision_and_the_status() {
    let spec = spec(json!({
        "fallback": {"afterSeconds": 180, "replicas": 6}, "behavior": {"rolloutFreezeSeconds": 0},
    }))
    .unwrap();
    let policy = spec.decision_policy().unwrap();
    let fallback = Fallback {
        after_seconds: 180,
        replicas: 6,
    };
    assert_eq!(policy.fallback, Some(fallback));
    assert_eq!(policy.rollout_freeze_seconds, 0);
    let effective = serde_json::to_value(spec.effective_settings(&policy, 15)).unwrap();
    assert_eq!(effective["fallback"], json!({"afterSeconds": 180, "replicas": 6}));
    assert_eq!(effective["rolloutFreezeSeconds"], json!(0));
}

#[test]
fn zero_is_allowed_beside_a_metric_that_is_there_without_pods() {
    let queue = json!({"name": "queue", "prometheus": {"query": "x", "averageValue": 30}});
    let cpu = json!({"name": "cpu", "cpu": {"averageUtilization": 70}});
    for metrics in [json!([queue]), json!([cpu, queue])] {
        let policy = spec(json!({"minReplicas": 0, "metrics": metrics})).unwrap();
        assert_eq!(policy.decision_policy().unwrap().min_replicas, 0);
    }
    let rate = json!({"name": "rate", "requestRate": {"averageValue": 50}});
    let refused = "minReplicas 0 needs a metric that is there without pods, or nothing would wake the target";
    assert_refused([
        (json!({"minReplicas": 0}), refused),
        (json!({"minReplicas": 0, "metrics": [rate, cpu]}), refused),
    ]);
}

#[test]
fn schedules_within_the_policys_maximum_are_accepted() {
    let schedule = |bounds: Value| {
        let mut schedule = json!({"name": "day", "start": "0 8 * * 1-5", "durationMinutes": 600});
        schedule
            .as_object_mut()
            .unwrap()
            .extend(bounds.as_object().unwrap().clone());
        json!({"schedules": [schedule]})
    };
    for bounds in [
        json!({"minReplicas": 10}),
        json!({"maxReplicas": 0}),
        json!({"minReplicas": 0, "maxReplicas": 0}),
        json!({"minReplicas": 4, "maxReplicas": 100_000}),
    ] {
        let spec = spec(schedule(bounds.clone())).unwrap();
        assert!(spec.decision_policy().is_ok(), "{bounds}");
    }
    assert_refused([
        (
            schedule(json!({})),
            "schedule day has no bounds: write minReplicas, maxReplicas or both",
        ),
        (
            schedule(json!({"minReplicas": 4, "maxReplicas": 2})),
            "schedule day: minReplicas 4 is greater than maxReplicas 2",
        ),
        (
            schedule(json!({"minReplicas": 11})),
            "schedule day: minReplicas 11 is greater than the policy's maxReplicas 10",
        ),
        (
            schedule(json!({"minReplicas": -1})),
            "schedule day minReplicas is -1: write 0 to 100000",
        ),
        (
            schedule(json!({"maxReplicas": 100_001})),
            "schedule day maxReplicas is 100001: write 0 to 100000",
        ),
        (
            schedule(json!({"minReplicas": 1, "durationMinutes": 0})),
            "schedule day durationMinutes is 0: write 1 to 10080 minutes",
        ),
    ]);
}

#[test]
fn guards_and_fallback_that_make_no_sense_are_refused_with_what_to_write() {
    let guard = |field: &str, value: Value| {
        let mut guard = json!({"name": "errors", "query": "x", "above": 1});
        guard[field] = value;
        json!({"guards": [guard]})
    };
    assert_refused([
        (guard("above", json!("9000000000e300")), "guard errors above is"),
        (
            guard("query", Value::Null),
            "guard errors has 0 of query, responseTime and failureRate: write exactly one",
        ),
        (
            guard("failureRate", json!({"source": "istio"})),
            "guard errors has 2 of query, responseTime and failureRate: write exactly one",
        ),
        (
            json!({"guards": [{"name": "a", "failureRate": {"source": "s"}, "match": {"a": "b"}, "above": 1}]}),
            "guard a has match beside responseTime or failureRate: write it into these",
        ),
        (
            json!({"guards": [{"name": "a", "responseTime": {"source": "s", "quantile": "2"}, "above": 1}]}),
            "guard a quantile is 2: write a share from 0.0001 to 0.9999",
        ),
        (
            guard("forSeconds", json!(3601)),
            "guard errors forSeconds is 3601: write 0 to 3600",
        ),
        (
            guard("maxBlockSeconds", json!(59)),
            "guard errors maxBlockSeconds is 59: write 60 to 86400",
        ),
        (
            json!({"fallback": {"afterSeconds": 29, "replicas": 1}}),
            "fallback.afterSeconds is 29: write 30 to 86400",
        ),
        (
            json!({"fallback": {"afterSeconds": 30, "replicas": 0}}),
            "fallback.replicas is 0: write 1 to 100000",
        ),
        (
            json!({"fallback": {"afterSeconds": 30, "replicas": 11}}),
            "fallback.replicas 11 is greater than maxReplicas 10: lower it or raise maxReplicas",
        ),
        (
            json!({"behavior": {"rolloutFreezeSeconds": -1}}),
            "behavior.rolloutFreezeSeconds is -1: write 0 to 86400 seconds",
        ),
    ]);
}

#[test]
fn lists_that_are_too_long_or_name_two_things_alike_are_refused() {
    let guards = |count: usize| vec![json!({"name": "errors", "query": "x", "above": 1}); count];
    let schedule = json!({"name": "day", "start": "0 8 * * *", "durationMinutes": 60, "minReplicas": 2});
    assert_refused([
        (
            json!({"guards": guards(9)}),
            "guards has 9 entries: write at most 8",
        ),
        (
            json!({"guards": guards(2)}),
            "two guards are named errors: give each a name of its own",
        ),
        (
            json!({"schedules": vec![schedule.clone(); 17]}),
            "schedules has 17 entries: write at most 16",
        ),
        (
            json!({"schedules": vec![schedule; 2]}),
            "two schedules are named day: give each a name of its own",
        ),
        (
            json!({"metrics": vec![json!({"name": "a", "cpu": {"averageUtilization": 1}}); 17]}),
            "metrics has 17 entries: write at most 16",
        ),
    ]);
}
