//! That `decide` and `record` allocate nothing in the steady state. Pure, but for counting allocations.
#![allow(unsafe_code, reason = "an allocator can only be counted by being one")]

#[path = "fixtures/mod.rs"]
mod fixtures;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use concertina_decision::*;
use fixtures::*;

thread_local! {
    /// Allocations of this thread; tests run on threads of their own.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting.
struct Counting;

fn count() {
    // While a thread ends its locals may be gone; nothing is measured then.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged to the system's allocator; counting does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
            before = ALLOCATIONS.get();
        }
        let decision = decide(policy, &memory, &observation, now);
        memory.record(&decision, now);
        if decision.verdict == Verdict::Scale {
            memory.record_change(decision.current, decision.desired, now);
            observation.current_replicas = decision.desired;
        }
    }
    ALLOCATIONS.get() - before
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
    let before = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![1, 2, 3]));
    assert_eq!(ALLOCATIONS.get() - before, 1);
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
    let (allocations, changes) = (ALLOCATIONS.get(), service.changes);
    for _ in 0..8000 {
        service.evaluate();
    }
    (ALLOCATIONS.get() - allocations, service.changes - changes)
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
        if tick == round {
            before = ALLOCATIONS.get();
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
    assert_eq!(ALLOCATIONS.get() - before, 0);
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
