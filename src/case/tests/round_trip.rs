//! A case that was written is read to the same decision, whatever was observed and remembered.

use concertina_decision::{Missing, Pod, PodReading, Reading, Replicas, Rollout, Window};
use proptest::prelude::*;

use super::*;
use crate::case::document::{Documents, cases_of};

/// Five metrics of different kinds, two guards, two schedules and windows in both directions.
fn rich_spec() -> ScalingPolicySpec {
    let spec = json!({
        "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
        "minReplicas": 0,
        "maxReplicas": 50,
        "metrics": [
            { "name": "cpu", "cpu": { "averageUtilization": 70 }, "tolerance": { "scaleUp": "0.05" } },
            { "name": "memory", "memory": { "averageValue": "512Mi" }, "onMissing": "Ignore" },
            { "name": "rate", "requestRate": { "averageValue": "12.5" }, "activation": 1 },
            { "name": "backlog", "prometheus": { "query": "q", "averageValue": 30 }, "whenEmpty": "Zero" },
            { "name": "latency", "prometheus": { "query": "q", "value": "200m" } },
        ],
        "behavior": {
            "scaleUp": { "stabilizationWindowSeconds": 30, "policies": [{ "type": "Percent", "value": 50, "periodSeconds": 60 }] },
            "scaleDown": { "cooldownSeconds": 10, "stabilizationWindowSeconds": 60 },
        },
        "guards": [
            { "name": "errors", "query": "q", "above": "0.01" },
            { "name": "slow", "query": "q", "above": 3, "whenEmpty": "Zero" },
        ],
        "schedules": [
            { "name": "day", "start": "0 8 * * 1-5", "durationMinutes": 600, "minReplicas": 6 },
            { "name": "night", "start": "0 22 * * *", "durationMinutes": 480, "maxReplicas": 9, "timeZone": "Europe/Berlin" },
        ],
        "fallback": { "afterSeconds": 60, "replicas": 7 },
    });
    serde_json::from_value(spec).unwrap()
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..200.0,
        3 => any::<f64>(),
        1 => proptest::num::f64::ANY,
        1 => prop::sample::select(vec![
            f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, 0.1 + 0.2,
        ]),
    ]
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (-900_000i64..900_000).prop_map(|milliseconds| Timestamp(now().0 + milliseconds)),
        1 => any::<i64>().prop_map(Timestamp),
        1 => prop::sample::select(vec![Timestamp(i64::MIN), Timestamp(i64::MAX), Timestamp(0)]),
    ]
}

fn any_pod() -> impl Strategy<Value = Pod> {
    prop::sample::select(vec![
        Pod::Ready,
        Pod::Ready,
        Pod::Unready,
        Pod::Crashing,
        Pod::Starting,
        Pod::CrashingAtStart,
    ])
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let pod = (
        prop::option::of(any_number()),
        prop::option::of(any_time()),
        prop::option::of(any_number()),
        prop::option::of(any_number()),
        any::<bool>(),
    )
        .prop_map(|(value, time, request, limit, at_least)| PodReading {
            value,
            time,
            request,
            limit,
            at_least,
        });
    prop_oneof![
        1 => prop::sample::select(crate::case::reading::MISSING.to_vec()).prop_map(Reading::Missing),
        3 => (any_number(), prop::option::of(any_time())).prop_map(|(value, time)| Reading::Total { value, time }),
        3 => prop::collection::vec(pod, 0..6).prop_map(Reading::PerPod),
    ]
}

fn any_window() -> impl Strategy<Value = Window> {
    let bound = || prop::option::of(prop_oneof![4 => 0..60, 1 => any::<Replicas>()]);
    (0..4u8, any_time(), any_time(), bound(), bound()).prop_map(
        |(schedule, start, end, min_replicas, max_replicas)| Window {
            schedule,
            start,
            end,
            min_replicas,
            max_replicas,
        },
    )
}

prop_compose! {
    fn any_observation()(
        current_replicas in prop_oneof![8 => 0..60, 1 => any::<Replicas>()],
        pods in prop::collection::vec(any_pod(), 0..6),
        metrics in prop::collection::vec(any_reading(), 0..7),
        guards in prop::collection::vec(any_reading(), 0..4),
        windows in prop::collection::vec(any_window(), 0..3),
        startup_seconds in prop::option::of(any::<u32>()),
        revision in prop::option::of(any::<u64>()),
        quota_room in prop::option::of(any::<Replicas>()),
    ) -> Observation {
        Observation {
            current_replicas, pods, metrics, guards, windows, startup_seconds, quota_room,
            rollout: revision.map_or(Rollout::None, |revision| Rollout::UnderWay { revision }),
        }
    }
}

/// A memory made by evaluating, with or without writing.
fn remembered(past: &[(Observation, Timestamp, bool)]) -> Memory {
    let policy = rich_spec().decision_policy().unwrap();
    let mut memory = Memory::default();
    for (observation, time, writes) in past {
        let decision = decide(&policy, &memory, observation, *time);
        memory.record(&decision, *time);
        if *writes && decision.verdict == Verdict::Scale {
            memory.record_change(decision.current, decision.desired, *time);
        }
    }
    memory
}

/// Reads the one case of a text.
fn read(text: &str) -> Case {
    let document = Documents::new(Box::new(text.as_bytes()))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let cases = cases_of(document).unwrap();
    Case::read(cases.into_iter().next().unwrap()).unwrap()
}

proptest! {
    #[test]
    fn a_written_case_is_decided_as_the_one_it_was_written_from(
        past in prop::collection::vec((any_observation(), any_time(), any::<bool>()), 0..8),
        observation in any_observation(),
        now in any_time(),
    ) {
        let memory = remembered(&past);
        let original = Case::of(&rich_spec(), &observation, &memory, now);
        let value = original.write();
        // As text of JSON, and as text of YAML. The words for what is no number are compared by their names.
        for text in [value.to_string(), serde_saphyr::to_string(&value).unwrap()] {
            let copy = read(&text);
            prop_assert_eq!(&copy.memory, &memory, "{}", text);
            prop_assert_eq!(copy.now, now);
            let (expected, found) = (original.decide().unwrap(), copy.decide().unwrap());
            prop_assert_eq!(format!("{expected:?}"), format!("{found:?}"), "{}", text);
            prop_assert_eq!(copy.write(), value.clone());
        }
    }

    #[test]
    fn the_memory_that_is_shown_is_the_next_cases_memory(
        past in prop::collection::vec((any_observation(), any_time(), any::<bool>()), 0..4),
        observation in any_observation(),
        now in any_time(),
    ) {
        let case = Case::of(&rich_spec(), &observation, &remembered(&past), now);
        let decided = case.decide().unwrap();
        let shown = serde_json::to_value(Receipt::of(&case, &decided)).unwrap();
        let mut next = case.write();
        next["memory"] = shown["memory"].clone();
        prop_assert_eq!(Case::read(next).unwrap().memory, decided.memory);
    }
}

#[test]
fn numbers_that_json_would_be_read_off_by_a_bit_are_exact() {
    let mut observation = Observation {
        current_replicas: 3,
        ..Observation::default()
    };
    // Found among doubles that a fast reader rounds wrongly.
    for bits in (0..2_000_000u64)
        .map(|index| index.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .step_by(997)
    {
        let value = f64::from_bits(bits);
        observation.metrics = vec![Reading::Missing(Missing::NoSamples); 3];
        observation.metrics.push(Reading::Total { value, time: None });
        let case = Case::of(&rich_spec(), &observation, &Memory::default(), now());
        let copy = read(&case.write().to_string());
        let Some(Reading::Total { value: read, .. }) = copy.observation.metrics.get(3) else {
            panic!("no total");
        };
        assert!(
            read.to_bits() == bits || (read.is_nan() && value.is_nan()),
            "{value:e}"
        );
    }
}

#[test]
fn a_short_list_of_readings_means_that_the_others_were_not_read() {
    let case = Case::of(&rich_spec(), &Observation::default(), &Memory::default(), now());
    let missing = json!({ "missing": "NotReadYet" });
    assert_eq!(case.write()["observation"]["metrics"]["latency"], missing);
    assert_eq!(case.write()["observation"]["guards"]["slow"], missing);
}

#[test]
fn changes_whose_last_one_was_forgotten_stay_so() {
    let memory: Memory =
        serde_json::from_value(json!({ "changes": [{ "at": 5, "from": 1, "to": 2, "by": "Own" }] })).unwrap();
    let case = Case::of(&rich_spec(), &Observation::default(), &memory, now());
    assert_eq!(Case::read(case.write()).unwrap().memory, memory);
}
