//! What is rebuilt of a past, and that a restart is never bolder for it.
use proptest::prelude::*;
use serde_json::{Value, json};

use self::world::{START, World, at, by_rate, pod};
use super::*;
use crate::fixtures::{compiled, policy, record, with};
use crate::observe::table::{Naming, Wanted};

#[path = "past_world.rs"]
mod world;

fn history(text: &str, steps: Steps, wanted: &Wanted) -> History {
    let naming = match wanted {
        Wanted::Pods => Naming::CONTAINERS,
        Wanted::Labels(_) => Naming::OWN,
    };
    History::decode(text.as_bytes(), steps, wanted, naming).unwrap()
}

#[test]
fn with_full_history_a_restart_shrinks_at_the_very_tick_at_which_it_would_have_without() {
    for (window, period) in [(300, 15), (300, 5), (120, 60), (3600, 60), (600, 10)] {
        let policy = by_rate(window, period);
        let (window, period) = (i64::from(window), i64::from(period));
        let mut world = World::of(8, &[(-10_000, 80.0), (0, 20.0)]);
        world.run(&policy, -2 * window..0);
        let mut undisturbed = world.clone();
        undisturbed.run(&policy, 0..3 * window);
        let expected = undisturbed.shrinks_after(0);
        assert_eq!(expected, Some(window - period), "{window} {period}");
        for restart in (0..window).step_by(usize::try_from(period * 3).unwrap()) {
            let mut restarted = world.clone();
            restarted.run(&policy, 0..restart);
            restarted.restart(&policy, restart, |_| true);
            restarted.run(&policy, restart..3 * window);
            assert_eq!(
                restarted.replicas, undisturbed.replicas,
                "{window} {period}: at {restart}"
            );
        }
    }
}

#[test]
fn where_evaluations_were_closer_than_the_steps_a_restart_holds_no_shorter_than_the_window() {
    let policy = by_rate(300, 1);
    for drop in 0..10 {
        let mut world = World::of(8, &[(-10_000, 80.0), (drop, 20.0)]);
        world.run(&policy, -400..100);
        world.restart(&policy, 100, |_| true);
        world.run(&policy, 100..1000);
        let (last_high, found) = (drop - 1, world.shrinks_after(0).unwrap());
        assert!(
            (last_high + 300..last_high + 310).contains(&found),
            "{drop}: {found}"
        );
    }
}

#[test]
fn what_prometheus_does_not_know_does_not_count() {
    let policy = by_rate(300, 15);
    let mut world = World::of(8, &[(-10_000, 80.0), (0, 20.0)]);
    world.run(&policy, -600..270);
    // Undisturbed it would shrink at 285.
    let shrinks = |knows: &dyn Fn(i64) -> bool| {
        let mut world = world.clone();
        world.restart(&policy, 270, knows);
        world.run(&policy, 270..1000);
        world.shrinks_after(0).unwrap()
    };
    assert_eq!(shrinks(&|_| true), 285);
    assert_eq!(
        shrinks(&|_| false),
        555,
        "a window after the last that is not known"
    );
    assert_eq!(shrinks(&|second| second >= 170), 165 + 300);
    assert_eq!(shrinks(&|second| second < 170), 555);
    assert_eq!(
        shrinks(&|second| !(100..160).contains(&second)),
        150 + 300,
        "a gap may hide a want"
    );
}

#[test]
fn before_a_pod_was_ready_it_may_not_have_served() {
    let policy = by_rate(300, 15);
    let steps = Steps::before(START, 300, 15);
    // One pod at its target and one without load: together they are one too many, unless the second was no help yet.
    let row = |name: &str, value: f64| {
        let values: Vec<Value> = steps
            .times()
            .map(|time| json!([time.0 / 1000, value.to_string()]))
            .collect();
        json!({"metric": {"concertina": "value", "namespace": "shop", "pod": name}, "values": values})
    };
    let result = json!([row("a", 10.0), row("b", 0.0)]);
    let text = json!({"status": "success", "data": {"resultType": "matrix", "result": result}}).to_string();
    let history = Arc::new(history(&text, steps, &Wanted::Pods));
    let desired = |ready_seconds_ago: i64| {
        let since = |seconds: i64| PodRecord {
            ready_since: Some(Timestamp(START.0 - seconds * 1000)),
            ..pod("b")
        };
        let past = Past {
            compiled: &policy,
            namespace: "shop",
            pods: &[
                PodRecord {
                    name: "a".into(),
                    ..since(10_000)
                },
                since(ready_seconds_ago),
            ],
            replicas: 2,
            changes: &[],
            startup_seconds: None,
            histories: std::slice::from_ref(&history),
        };
        let idle = concertina_decision::PodReading {
            value: Some(1.0),
            ..Default::default()
        };
        let observation = Observation {
            current_replicas: 2,
            pods: vec![Pod::Ready; 2],
            metrics: vec![Reading::PerPod(vec![idle; 2])],
            ..Observation::default()
        };
        decide(
            &policy.decision,
            &rebuild(&past, START).unwrap(),
            &observation,
            START,
        )
        .desired
    };
    assert_eq!((desired(10_000), desired(200)), (1, 2));
}

#[test]
fn replicas_that_somebody_changed_unseen_rebuild_nothing() {
    let policy = by_rate(300, 15);
    let mut world = World::of(4, &[(-10_000, 80.0), (0, 20.0)]);
    world.run(&policy, -600..270);
    assert_eq!(at(&world.replicas, 0), 8);
    world.replicas.push((270, 9));
    world.restart(&policy, 271, |_| true);
    world.run(&policy, 271..1000);
    assert_eq!(world.shrinks_after(271), Some(571));
}

#[test]
fn an_empty_answer_of_the_past_is_never_taken_for_zero() {
    let metric =
        json!([{"name": "load", "prometheus": {"query": "load", "averageValue": 10}, "whenEmpty": "Zero"}]);
    let policy = compiled(&record(with(policy("web"), "/spec/metrics", metric)));
    let steps = Steps::before(START, 300, 15);
    let wants = |value: Option<f64>| {
        let values: Vec<Value> = steps
            .times()
            .filter_map(|time| Some(json!([time.0 / 1000, value?.to_string()])))
            .collect();
        let result = json!([{"metric": {}, "values": values}]);
        let text =
            json!({"status": "success", "data": {"resultType": "matrix", "result": result}}).to_string();
        let past = Past {
            compiled: &policy,
            namespace: "shop",
            pods: &[],
            replicas: 8,
            changes: &[],
            startup_seconds: None,
            histories: &[Arc::new(history(&text, steps, &Wanted::of(Some(&[]))))],
        };
        let observation = Observation {
            current_replicas: 8,
            pods: vec![Pod::Ready; 8],
            metrics: vec![Reading::Missing(concertina_decision::Missing::NoSamples)],
            ..Observation::default()
        };
        decide(
            &policy.decision,
            &rebuild(&past, START).unwrap(),
            &observation,
            START,
        )
        .reason
    };
    assert_eq!(wants(None), Reason::ScaleDownStabilized);
    assert_eq!(
        wants(Some(20.0)),
        Reason::MetricBelowTarget,
        "it was low all along"
    );
    assert_eq!(wants(Some(80.0)), Reason::ScaleDownStabilized);
}

#[test]
fn guards_and_the_fallback_do_not_begin_in_the_past() {
    let policy = with(
        policy("web"),
        "/spec/guards",
        json!([{"name": "errors", "query": "errors", "above": 1, "maxBlockSeconds": 60}]),
    );
    let policy = with(
        policy,
        "/spec/fallback",
        json!({"afterSeconds": 60, "replicas": 9}),
    );
    let policy = compiled(&record(policy));
    let text = json!({"status": "success", "data": {"resultType": "matrix", "result": []}}).to_string();
    let steps = Steps::before(START, 300, 15);
    let past = Past {
        compiled: &policy,
        namespace: "shop",
        pods: &[],
        replicas: 4,
        changes: &[],
        startup_seconds: None,
        histories: &[Arc::new(history(&text, steps, &Wanted::of(Some(&[]))))],
    };
    let observation = Observation {
        current_replicas: 4,
        ..Observation::default()
    };
    let decision = decide(
        &policy.decision,
        &rebuild(&past, START).unwrap(),
        &observation,
        START,
    );
    assert_eq!(decision.desired, 4);
    assert!(
        matches!(
            decision.guards[0].state,
            concertina_decision::GuardState::Missing(_)
        ),
        "{decision:?}"
    );
}

#[test]
fn pods_that_are_gone_count_as_much_as_those_that_stayed() {
    let policy = by_rate(300, 15);
    // Four pods with twice their load, of which three are exchanged at once; somebody else has doubled the replicas.
    let steps = Steps::before(START, 300, 15);
    let values = |load: &dyn Fn(Timestamp) -> f64| -> Vec<Value> {
        let value = |time: Timestamp| json!([time.0 / 1000, load(time).to_string()]);
        steps.times().map(value).collect()
    };
    let spike = Timestamp(START.0 - 240_000);
    let load = |time: Timestamp| if time <= spike { 20.0 } else { 1.0 };
    let row = json!([{"metric": {"concertina": "value", "namespace": "shop", "pod": "web"}, "values": values(&load)}]);
    let text = json!({"status": "success", "data": {"resultType": "matrix", "result": row}}).to_string();
    let pods: Vec<PodRecord> = ["web", "b", "c", "d", "e", "f", "g", "h"].map(pod).into();
    let change = Change {
        at: Timestamp(START.0 - 300_000),
        from: 3,
        to: 4,
        by: Writer::Other,
    };
    let grown = Change {
        at: spike,
        from: 4,
        to: 8,
        by: Writer::Own,
    };
    let past = Past {
        compiled: &policy,
        namespace: "shop",
        pods: &pods,
        replicas: 8,
        changes: &[change, grown],
        startup_seconds: Some(30),
        histories: &[Arc::new(history(&text, steps, &Wanted::Pods))],
    };
    let low = concertina_decision::PodReading {
        value: Some(1.0),
        ..Default::default()
    };
    let observation = Observation {
        current_replicas: 8,
        pods: vec![Pod::Ready; 8],
        metrics: vec![Reading::PerPod(vec![low; 8])],
        ..Observation::default()
    };
    let decision = decide(
        &policy.decision,
        &rebuild(&past, START).unwrap(),
        &observation,
        START,
    );
    assert_eq!(
        (decision.desired, decision.reason),
        (8, Reason::ScaleDownStabilized)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_restart_never_shrinks_earlier(
        loads in prop::collection::vec((1_i64..40, 1.0..400.0_f64), 1..12),
        by_other in prop::collection::vec((0_i64..60, 1..40_i32), 0..2),
        rollouts in prop::collection::vec(0_i64..60, 0..2),
        restart in 10_i64..60,
        unknown in prop::collection::vec((-20_i64..60, 0_i64..10), 0..3),
        window in prop_oneof![Just(120_u32), Just(300), Just(900)],
    ) {
        let policy = by_rate(window, 15);
        let mut second = -600;
        let load = loads.iter().map(|(periods, load)| {
            let from = second;
            second += periods * 15;
            (from, *load)
        });
        let mut world = World::of(5, &load.collect::<Vec<_>>());
        world.by_other = by_other.iter().map(|(period, replicas)| (period * 15, *replicas)).collect();
        world.rollouts = rollouts.iter().map(|period| period * 15).collect();
        let restart = restart * 15;
        world.run(&policy, -1800..restart);
        let mut undisturbed = world.clone();
        undisturbed.run(&policy, restart..2400);
        let knows = |second: i64| !unknown.iter().any(|(from, periods)| (*from..from + periods).contains(&(second / 15)));
        world.restart(&policy, restart, knows);
        world.run(&policy, restart..2400);
        let differs = (restart..2400).find(|second| at(&world.replicas, *second) != at(&undisturbed.replicas, *second));
        if let Some(second) = differs {
            let (found, expected) = (at(&world.replicas, second), at(&undisturbed.replicas, second));
            prop_assert!(found > expected, "at {second}: {found}, not {expected}");
        }
    }
}
