//! Each form in which a part of a case may be written.

use concertina_decision::{Missing, Pod, PodReading, Policy, Reading, Rollout, Rules, Window};

use super::*;

fn observed(changes: Value) -> Observation {
    case(json!({ "observation": changes })).observation
}

/// The reading of the metric `cpu` where there are two pods.
fn reading(value: Value) -> Reading {
    let metrics = json!({ "cpu": value });
    observed(json!({ "replicas": 2, "metrics": metrics })).metrics[1].clone()
}

fn memory(changes: Value) -> Value {
    serde_json::to_value(case(json!({ "memory": changes })).memory).unwrap()
}

#[test]
fn pods_are_a_number_counts_or_a_list() {
    use Pod::{Crashing, CrashingAtStart, Ready, Starting, Unready};
    for (value, expected) in [
        (json!(null), vec![Ready; 4]),
        (json!(2), vec![Ready; 2]),
        (json!(0), vec![]),
        (json!({ "starting": 1, "ready": 2 }), vec![Ready, Ready, Starting]),
        (
            json!({ "ready": 1, "unready": 1, "crashing": 1, "starting": 1, "crashingAtStart": 1 }),
            vec![Ready, Unready, Crashing, Starting, CrashingAtStart],
        ),
        (json!({}), vec![]),
        (json!([]), vec![]),
        (
            json!(["Starting", "Ready", "CrashingAtStart", "Crashing", "Unready"]),
            vec![Starting, Ready, CrashingAtStart, Crashing, Unready],
        ),
    ] {
        assert_eq!(observed(json!({ "pods": value })).pods, expected, "{value}");
    }
}

#[test]
fn a_reading_is_a_number_numbers_per_pod_or_the_reason_why_there_is_none() {
    let total = |value, time| Reading::Total { value, time };
    let pod = |value| PodReading {
        value,
        ..PodReading::default()
    };
    for (value, expected) in [
        (json!(7), total(7.0, None)),
        (json!(0.25), total(0.25, None)),
        (json!("0.25"), total(0.25, None)),
        (json!("Infinity"), total(f64::INFINITY, None)),
        (json!("-Infinity"), total(f64::NEG_INFINITY, None)),
        (json!({ "total": 7, "age": 90 }), total(7.0, Some(ago(90)))),
        (
            json!({ "total": 7, "age": 0.5 }),
            total(7.0, Some(Timestamp(now().0 - 500))),
        ),
        (json!({ "total": 7, "time": "-90s" }), total(7.0, Some(ago(90)))),
        (
            json!({ "total": 7, "time": "2026-07-01T09:59:00Z" }),
            total(7.0, Some(ago(60))),
        ),
        (json!("PrometheusTimeout"), Reading::Missing(Missing::TimedOut)),
        (
            json!({ "missing": "StaleSamples" }),
            Reading::Missing(Missing::Stale),
        ),
        (json!({ "perPod": 0.5 }), Reading::PerPod(vec![pod(Some(0.5)); 2])),
        (
            json!({ "perPod": [0.5, null] }),
            Reading::PerPod(vec![pod(Some(0.5)), pod(None)]),
        ),
        (json!({ "perPod": [0.5] }), Reading::PerPod(vec![pod(Some(0.5))])),
        (json!({ "perPod": [] }), Reading::PerPod(vec![])),
        (
            json!({ "perPod": [0.5, { "value": 1, "limit": 3, "age": 5, "atLeast": true }], "request": 1, "limit": 2, "age": 10 }),
            Reading::PerPod(vec![
                PodReading {
                    value: Some(0.5),
                    time: Some(ago(10)),
                    request: Some(1.0),
                    limit: Some(2.0),
                    at_least: false,
                },
                PodReading {
                    value: Some(1.0),
                    time: Some(ago(5)),
                    request: Some(1.0),
                    limit: Some(3.0),
                    at_least: true,
                },
            ]),
        ),
    ] {
        assert_eq!(reading(value.clone()), expected, "{value}");
    }
    let nan = reading(json!("NaN"));
    assert!(matches!(nan, Reading::Total { value, time: None } if value.is_nan()));
}

#[test]
fn every_reason_for_a_missing_reading_is_read() {
    /// Fails to compile when there is a further one; then it belongs into the list.
    const fn place(missing: Missing) -> usize {
        match missing {
            Missing::NotReadYet => 0,
            Missing::UnknownServer => 1,
            Missing::UnknownSource => 2,
            Missing::Unreachable => 3,
            Missing::TimedOut => 4,
            Missing::Refused => 5,
            Missing::ServerError => 6,
            Missing::BadAnswer => 7,
            Missing::NoSamples => 8,
            Missing::Stale => 9,
            Missing::NotANumber => 10,
            Missing::Negative => 11,
            Missing::Ambiguous => 12,
            Missing::NoRequests => 13,
            Missing::NoReadyPods => 14,
            Missing::BadTarget => 15,
            Missing::WrongKind => 16,
        }
    }
    for (index, missing) in crate::case::reading::MISSING.into_iter().enumerate() {
        assert_eq!(place(missing), index);
        assert_eq!(
            reading(json!(missing.reason().as_str())),
            Reading::Missing(missing)
        );
    }
}

#[test]
fn what_stands_in_the_way_is_read() {
    let nothing = observed(json!({}));
    assert_eq!(nothing.rollout, Rollout::None);
    assert_eq!((nothing.quota_room, nothing.startup_seconds), (None, None));
    let much = observed(json!({ "rollout": 7, "quotaRoom": 5, "startupSeconds": 40 }));
    assert_eq!(much.rollout, Rollout::UnderWay { revision: 7 });
    assert_eq!((much.quota_room, much.startup_seconds), (Some(5), Some(40)));
    let rollout = observed(json!({ "rollout": { "revision": u64::MAX } })).rollout;
    assert_eq!(rollout, Rollout::UnderWay { revision: u64::MAX });
}

#[test]
fn windows_are_those_of_the_schedules_unless_they_are_written() {
    let window = |start: &str, end: &str, min_replicas| Window {
        schedule: 0,
        start: at(start),
        end: at(end),
        min_replicas,
        max_replicas: None,
    };
    let day = window("2026-07-01T08:00:00Z", "2026-07-01T18:00:00Z", Some(3));
    assert_eq!(observed(json!({})).windows, [day]);
    assert_eq!(observed(json!({ "windows": [] })).windows, []);
    let written = json!([{ "schedule": "day", "start": "-60s", "end": "+1h", "minReplicas": 5 }]);
    let hour = window("2026-07-01T09:59:00Z", "2026-07-01T11:00:00Z", Some(5));
    assert_eq!(observed(json!({ "windows": written })).windows, [hour]);
    let unnamed = json!([{ "schedule": 9, "start": "now", "end": 5, "maxReplicas": 2 }]);
    let odd = Window {
        schedule: 9,
        start: now(),
        end: Timestamp(5),
        min_replicas: None,
        max_replicas: Some(2),
    };
    assert_eq!(observed(json!({ "windows": unnamed })).windows, [odd]);
}

#[test]
fn a_policy_without_a_target_is_one_for_a_deployment() {
    assert_eq!(case(json!({})).spec.scale_target_ref.kind, "Deployment");
    let target = json!({ "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db" });
    let other = case(json!({ "policy": { "scaleTargetRef": target } }));
    assert_eq!(other.spec.scale_target_ref.kind, "StatefulSet");
}

#[test]
fn without_a_memory_nothing_has_been_seen() {
    assert_eq!(case(json!({})).memory, Memory::default());
    assert_eq!(case(json!({ "memory": {} })).memory, Memory::default());
}

#[test]
fn times_of_a_memory_are_absolute_or_relative() {
    let memory = memory(json!({
        "replicas": 4,
        "firstSeen": "2026-07-01T09:00:00Z",
        "recordedAt": "-15s",
        "lastNeeded": now().0,
        "missingSince": "-5m",
        "rollout": { "revision": 3, "since": "-1h 30m" },
        "guards": [{ "aboveSince": "-20s" }],
        "scaleDownWants": [{ "at": "-30s", "replicas": 6 }],
    }));
    let expected = json!({
        "replicas": 4,
        "firstSeen": ago(3600).0,
        "recordedAt": ago(15).0,
        "lastNeeded": now().0,
        "missingSince": ago(300).0,
        "rollout": { "revision": 3, "since": ago(5400).0 },
        "guards": [{ "aboveSince": ago(20).0, "blockingSince": null }],
        "scaleDownWants": [{ "since": ago(30).0, "at": ago(30).0, "replicas": 6 }],
    });
    for (field, expected) in expected.as_object().unwrap() {
        assert_eq!(memory[field], *expected, "{field}");
    }
    assert_eq!(memory["changes"], json!([]));
}

#[test]
fn guards_of_a_memory_may_go_by_name() {
    let memory = memory(json!({ "guards": { "errors": { "blockingSince": "-60s" } } }));
    assert_eq!(
        memory["guards"],
        json!([{ "aboveSince": null, "blockingSince": ago(60).0 }])
    );
}

#[test]
fn changes_tell_the_last_change_and_the_last_growth() {
    let changes = json!([
        { "at": "-90s", "from": 2, "to": 6, "by": "Own" },
        { "at": "-60s", "from": 6, "to": 4, "by": "Other" },
    ]);
    let told = memory(json!({ "changes": changes }));
    assert_eq!(told["lastChange"], ago(60).0);
    assert_eq!(told["lastGrowth"], ago(90).0);
    assert_eq!(told["lastWriter"], "Other");
    let written = memory(json!({ "changes": changes, "lastChange": "-10s", "lastWriter": "Own" }));
    assert_eq!(written["lastChange"], ago(10).0);
    assert_eq!(written["lastWriter"], "Own");
}

#[test]
fn a_quiet_past_is_what_evaluating_all_along_would_have_left() {
    for (current, wanted) in [(4, 4), (4, 2), (4, 9), (4, 0), (1, 0)] {
        let quiet = case(json!({
            "observation": { "replicas": current },
            "memory": { "quietSeconds": 3600, "wanted": wanted },
        }))
        .memory;
        // A policy that may not change anything, whose metric wants so many.
        let metrics = json!({ "backlog": wanted * 30, "cpu": { "perPod": 0 } });
        let held = case(json!({
            "policy": {
                "minReplicas": 0,
                "metrics": [{ "name": "backlog", "prometheus": { "query": "q", "averageValue": 30 } }],
                "guards": null,
                "schedules": null,
                "behavior": { "scaleUp": { "selectPolicy": "Disabled" }, "scaleDown": { "selectPolicy": "Disabled" } },
            },
            "observation": { "replicas": current, "metrics": { "backlog": metrics["backlog"], "cpu": null }, "guards": null },
        }));
        let policy = Policy {
            scale_up: with_window(held.spec.decision_policy().unwrap().scale_up),
            ..held.spec.decision_policy().unwrap()
        };
        let mut evaluated = Memory::default();
        for seconds in (15..=3600).rev().step_by(15) {
            let decision = decide(&policy, &evaluated, &held.observation, ago(seconds));
            evaluated.record(&decision, ago(seconds));
        }
        let without_guards = |memory: &Memory| {
            let mut value = serde_json::to_value(memory).unwrap();
            // Long before any window.
            value["scaleDownWants"]
                .as_array_mut()
                .unwrap()
                .retain(|want| want["at"] != ago(3600).0);
            value["scaleUpWants"]
                .as_array_mut()
                .unwrap()
                .retain(|want| want["at"] != ago(3600).0);
            value
        };
        assert_eq!(
            without_guards(&quiet),
            without_guards(&evaluated),
            "{current} {wanted}"
        );
    }
}

/// Growth has no window by default, and without one no want is remembered.
fn with_window(rules: Rules) -> Rules {
    Rules {
        stabilization_window_seconds: 300,
        ..rules
    }
}

#[test]
fn a_quiet_past_knows_nothing_of_the_time_before_it() {
    let past = memory(json!({ "quietSeconds": 60, "wanted": 2 }));
    assert_eq!(past["firstSeen"], ago(60).0);
    assert_eq!(past["scaleDownWants"][0]["replicas"], 4);
    assert_eq!(past["scaleDownWants"][0]["at"], ago(60).0);
    assert_eq!(past["recordedAt"], ago(15).0);
    let short = memory(json!({ "quietSeconds": 5 }));
    assert_eq!(short["recordedAt"], ago(5).0);
    let fields_win = memory(json!({ "quietSeconds": 60, "replicas": 7, "firstSeen": "-1h" }));
    assert_eq!(fields_win["replicas"], 7);
    assert_eq!(fields_win["firstSeen"], ago(3600).0);
}

#[test]
fn a_quiet_past_was_evaluated_as_often_as_the_policy_says() {
    let past = case(json!({ "policy": { "periodSeconds": 5 }, "memory": { "quietSeconds": 60 } }));
    let memory = serde_json::to_value(past.memory).unwrap();
    assert_eq!(memory["recordedAt"], ago(5).0);
}
