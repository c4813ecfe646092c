//! That `decide` and `record` allocate nothing in the steady state, and what a policy and its memory hold then. Pure, but
//! for counting allocations.

#[path = "../../../src/counted.rs"]
mod counted;
#[path = "fixtures/mod.rs"]
mod fixtures;

use concertina_decision::*;
use counted::{allocations, bytes_since};
use fixtures::*;

/// Evaluates every five seconds; the observation is changed in place, as the controller does. Gives the allocations of
/// the second half.
fn allocations_in_the_second_half(
    policy: &Policy,
    mut observation: Observation,
    ticks: u32,
    mut change: impl FnMut(u32, &mut Observation),
) -> usize {
    let mut memory = Memory::default();
    let mut before = 0;
    for tick in 0..ticks {
        let now = after(tick * 5);
        change(tick, &mut observation);
        if tick == ticks / 2 {
            before = allocations();
        }
        let decision = decide(policy, &memory, &observation, now);
        memory.record(&decision, now);
        if decision.verdict == Verdict::Scale {
            memory.record_change(decision.current, decision.desired, now);
            observation.current_replicas = decision.desired;
        }
    }
    allocations() - before
}

fn windows(policy: Policy) -> Policy {
    Policy {
        scale_up: Rules {
            stabilization_window_seconds: 60,
            cooldown_seconds: 10,
            ..unlimited()
        },
        scale_down: Rules {
            stabilization_window_seconds: 300,
            cooldown_seconds: 60,
            ..free()
        },
        ..policy
    }
}

#[test]
fn the_counter_counts() {
    let before = allocations();
    drop(std::hint::black_box(vec![1, 2, 3]));
    assert_eq!(allocations() - before, 1);
    let before = bytes_since(0);
    let mut list = Vec::<u64>::with_capacity(10);
    assert_eq!(bytes_since(before), 80);
    list.push(1);
    list.shrink_to_fit();
    assert_eq!(bytes_since(before), 8);
    drop(list);
    assert_eq!(bytes_since(before), 0);
}

#[test]
fn a_steady_load_allocates_nothing() {
    let policy = windows(policy(&[cpu(), rate(), queue(), latency()]));
    let readings = vec![
        limited_cores(&[0.5; 20]),
        per_pod(&[10.0; 20]),
        total(200.0),
        total(100.0),
    ];
    let allocations = allocations_in_the_second_half(&policy, observation(20, readings), 500, |_, _| {});
    assert_eq!(allocations, 0);
}

#[test]
fn a_load_that_goes_up_and_down_allocates_nothing_once_the_memory_has_its_size() {
    let policy = windows(policy(&[queue()]));
    let mut changes = 0;
    let mut last = 20;
    let allocations = allocations_in_the_second_half(
        &policy,
        observation(20, vec![total(200.0)]),
        10_000,
        |tick, seen| {
            changes += usize::from(seen.current_replicas != last);
            last = seen.current_replicas;
            let phase = f64::from(tick % 720) / 720.0 * std::f64::consts::TAU;
            if let Some(Reading::Total { value, .. }) = seen.metrics.first_mut() {
                *value = 300.0 + 250.0 * phase.sin();
            }
        },
    );
    assert!(changes > 50, "only {changes} changes: nothing was tested");
    assert_eq!(allocations, 0);
}

#[test]
fn missing_metrics_allocate_nothing() {
    let policy = windows(policy(&[cpu(), queue()]));
    let readings = vec![limited_cores(&[0.2; 20]), total(20.0)];
    let allocations =
        allocations_in_the_second_half(&policy, observation(20, readings), 2000, |tick, seen| {
            if let Some(reading) = seen.metrics.last_mut() {
                *reading = if tick % 3 == 0 {
                    Reading::Missing(Missing::TimedOut)
                } else {
                    total(20.0)
                };
            }
        });
    assert_eq!(allocations, 0);
}

/// What a service allocates in the later part of its life, and how often its replicas changed in that time.
fn allocations_of(mut service: service::Service) -> (usize, u32) {
    for _ in 0..2000 {
        service.evaluate();
    }
    let (before, changes) = (allocations(), service.changes);
    for _ in 0..8000 {
        service.evaluate();
    }
    (allocations() - before, service.changes - changes)
}

#[test]
fn full_behaviour_allocates_nothing() {
    for service in [
        service::Service::of_one_metric(),
        service::Service::of_three_metrics(3),
        service::Service::of_three_metrics(100),
    ] {
        let (allocations, changes) = allocations_of(service);
        assert!(changes > 50, "only {changes} changes: nothing was tested");
        assert_eq!(allocations, 0);
    }
}

#[test]
fn guards_windows_and_rollouts_that_come_and_go_allocate_nothing() {
    let policy = service::full(policy(&[queue()]));
    let calm = Observation {
        guards: vec![total(0.0)],
        windows: vec![Window {
            schedule: 0,
            start: noon(),
            end: noon(),
            min_replicas: Some(3),
            max_replicas: None,
        }],
        startup_seconds: Some(60),
        ..observation(5, vec![total(20.0)])
    };
    let mut reasons = std::collections::BTreeSet::new();
    let mut memory = Memory::default();
    let mut observation = calm;
    let mut before = 0;
    // After so many ticks everything comes back in the same order.
    let round = 10_800;
    for tick in 0..2 * round {
        let now = after(tick * 5);
        observation.rollout = match tick / 40 % 3 {
            0 => Rollout::None,
            _ => Rollout::UnderWay {
                revision: u64::from(tick / 120),
            },
        };
        observation.guards[0] = match tick / 60 % 4 {
            0 => total(1.0),
            1 => Reading::Missing(Missing::TimedOut),
            _ => total(0.0),
        };
        observation.metrics[0] = match tick / 90 % 3 {
            0 => Reading::Missing(Missing::TimedOut),
            1 => total(20.0),
            _ => total(60.0),
        };
        observation.windows[0] = Window {
            start: after(tick / 200 * 1000 + 300),
            end: after(tick / 200 * 1000 + 600),
            ..observation.windows[0]
        };
        if tick % 240 == 0 {
            // By another's hand, so that there is a change every twenty minutes: a memory without any gives its room back.
            observation.current_replicas += 1;
        }
        if tick == round {
            before = allocations();
        }
        let decision = decide(&policy, &memory, &observation, now);
        memory.record(&decision, now);
        if decision.verdict == Verdict::Scale {
            memory.record_change(decision.current, decision.desired, now);
            observation.current_replicas = decision.desired;
        }
        if tick < round {
            reasons.insert(decision.reason);
        }
    }
    assert_eq!(allocations() - before, 0);
    for reason in [
        Reason::GuardTripped,
        Reason::GuardMissing,
        Reason::RolloutUnderWay,
        Reason::MetricAboveTarget,
        Reason::MetricBelowTarget,
        Reason::MetricsMissing,
    ] {
        assert!(reasons.contains(&reason), "{reason} is not in {reasons:?}");
    }
}

/// The bytes that a policy of these metrics and its memory hold, on the heap and in themselves, after an hour in which the
/// load comes and goes and another in which it is off by up to 3 %: evaluated every 15 seconds, with the behaviour that
/// a policy has when it names none. Also the allocations of the last half hour.
fn held_by(metrics: &[Metric], readings: &[Reading]) -> (usize, usize) {
    let mut seen = observation(3, readings.to_vec());
    let (bytes, mut before) = (bytes_since(0), 0);
    let mut held = Box::new((with_default_behavior(metrics), Memory::default()));
    for tick in 0..480 {
        if tick == 360 {
            before = allocations();
        }
        let noise = f64::from(tick * 7919 % 61) / 1000.0 - 0.03;
        let share = match tick {
            0..240 => 1.0 + 0.8 * (f64::from(tick) / 60.0 * std::f64::consts::TAU).sin(),
            _ => 1.0 + noise,
        };
        // As many pods as at first, each with its share of the load: fewer replicas each have more.
        for (reading, original) in seen.metrics.iter_mut().zip(readings) {
            match (reading, original) {
                (Reading::Total { value, .. }, Reading::Total { value: original, .. }) => {
                    *value = original * share;
                }
                (Reading::PerPod(pods), Reading::PerPod(originals)) => {
                    for (pod, original) in pods.iter_mut().zip(originals) {
                        pod.value = original
                            .value
                            .map(|value| value * share * 3.0 / f64::from(seen.current_replicas));
                    }
                }
                _ => unreachable!("the readings keep their kind"),
            }
        }
        let now = after(tick * 15);
        let (policy, memory) = &mut *held;
        let decision = decide(policy, memory, &seen, now);
        memory.record(&decision, now);
        if decision.verdict == Verdict::Scale {
            assert!(tick < 300, "at tick {tick} something is still changed");
            memory.record_change(decision.current, decision.desired, now);
            seen.current_replicas = decision.desired;
        }
        if tick == 239 {
            assert!(memory.changes().len() > 3, "nothing was to be forgotten");
        }
    }
    assert!(
        held.1.changes().is_empty(),
        "the last change is older than half an hour"
    );
    (bytes_since(bytes), allocations() - before)
}

fn with_default_behavior(metrics: &[Metric]) -> Policy {
    Policy {
        scale_up: unlimited(),
        scale_down: Rules {
            cooldown_seconds: 60,
            stabilization_window_seconds: 300,
            policies: [DEFAULT_SCALE_DOWN_POLICY].into(),
            ..free()
        },
        ..policy(metrics)
    }
}

#[test]
fn a_policy_and_its_memory_hold_few_bytes_once_nothing_changes() {
    // A controller holds 100,000 of them.
    let one = held_by(&[queue()], &[total(27.0)]);
    let three = held_by(
        &[cpu(), rate(), queue()],
        &[limited_cores(&[0.45; 3]), per_pod(&[9.0; 3]), total(27.0)],
    );
    println!(
        "policy {} bytes, metric {}, memory {}; with what they hold {one:?} and {three:?}",
        size_of::<Policy>(),
        size_of::<Metric>(),
        size_of::<Memory>(),
    );
    assert!(size_of::<Memory>() <= 232);
    assert_eq!((one.1, three.1), (0, 0));
    assert!(one.0 <= 512, "{} bytes for one metric", one.0);
    assert!(three.0 <= 640, "{} bytes for three metrics", three.0);
}
