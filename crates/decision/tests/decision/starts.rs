//! What pods burn while they start is no load, and what is known across a restart of the controller.

use concertina_decision::*;

use crate::fixtures::*;

/// CPU at 70 % of a quarter of a core, with a limit of two cores.
fn service() -> Policy {
    let cpu = Metric {
        target: Target::Utilization { percent: 70.0 },
        ..cpu()
    };
    policy(&[cpu])
}

/// So many pods at this use, and so many that were not Ready for the whole window.
fn cpu_of(settled: (usize, f64), young: (usize, f64)) -> Observation {
    let reading = |value, at_least| PodReading {
        value: Some(value),
        time: None,
        request: Some(0.25),
        limit: Some(2.0),
        at_least,
    };
    let readings = std::iter::repeat_n(reading(settled.1, false), settled.0)
        .chain(std::iter::repeat_n(reading(young.1, true), young.0))
        .collect();
    let pods = ready(settled.0 + young.0);
    Observation {
        current_replicas: Replicas::try_from(pods.len()).unwrap_or(0),
        pods,
        metrics: vec![Reading::PerPod(readings)],
        ..Observation::default()
    }
}

#[test]
fn what_a_start_burns_grows_nothing() {
    use Reason::{FewerWouldNotDo, MetricAboveTarget, PartialRates, WithinTolerance};
    for (settled, young, desired, reason) in [
        // 60 % and a burst of 400 %: the new one counts as the others do.
        ((4, 0.15), (1, 1.0), 5, FewerWouldNotDo),
        ((5, 0.15), (5, 1.0), 10, PartialRates),
        // The others are overloaded, and that alone is followed.
        ((4, 0.35), (1, 2.0), 10, MetricAboveTarget),
        // Less than the others is less.
        ((4, 0.35), (4, 0.0), 8, WithinTolerance),
        // Nobody else is there: as at the target.
        ((0, 0.0), (4, 2.0), 4, WithinTolerance),
        ((0, 0.0), (4, 0.05), 4, PartialRates),
    ] {
        let decision = once(&service(), &cpu_of(settled, young));
        assert_eq!(
            (decision.desired, decision.reason),
            (desired, reason),
            "{settled:?} {young:?}"
        );
        assert!(!decision.proposals[0].censored, "{settled:?} {young:?}");
    }
}

#[test]
fn an_average_of_cpu_or_bytes_is_not_lifted_by_starts_and_one_of_requests_is() {
    let young = |value| PodReading {
        at_least: true,
        ..core(Some(value), None)
    };
    let readings = || {
        Reading::PerPod(vec![
            core(Some(10.0), None),
            core(Some(10.0), None),
            young(90.0),
            young(90.0),
        ])
    };
    for (starts_hot, desired) in [(true, 4), (false, 20)] {
        let metric = Metric { starts_hot, ..rate() };
        let decision = once(&policy(&[metric]), &observation(4, vec![readings()]));
        assert_eq!(decision.desired, desired);
    }
}

#[test]
fn together_starts_count_at_most_like_the_others_or_as_at_the_target() {
    let hot = Metric {
        starts_hot: true,
        ..rate()
    };
    let young = |value| PodReading {
        at_least: true,
        ..core(Some(value), None)
    };
    let settled = |value| core(Some(value), None);
    let among_three = |one, other| {
        vec![
            settled(12.0),
            settled(12.0),
            settled(18.0),
            young(one),
            young(other),
        ]
    };
    for (metric, readings, measured) in [
        // The others have 14 each on average; one that starts may have less, and the next one more for it.
        (hot, among_three(90.0, 90.0), 14.0),
        (hot, among_three(4.0, 90.0), 14.0),
        (hot, among_three(4.0, 9.0), 11.0),
        (hot, vec![young(90.0), young(90.0), young(90.0)], 10.0),
        (hot, vec![young(3.0), young(3.0), young(6.0)], 4.0),
        (hot, vec![settled(0.0), young(90.0)], 0.0),
    ] {
        let pods = i32::try_from(readings.len()).unwrap();
        let decision = once(
            &policy(&[metric]),
            &observation(pods, vec![Reading::PerPod(readings)]),
        );
        assert_eq!(
            decision.proposals[0].measured,
            Some(Measured::PerReplica(measured))
        );
    }
    // Per cent are weighed by the requests: 60 % of three cores, and a burst on one core.
    let sized = |value, request, at_least| PodReading {
        value: Some(value),
        request: Some(request),
        at_least,
        ..PodReading::default()
    };
    for (readings, percent) in [
        (vec![sized(1.8, 3.0, false), sized(5.0, 1.0, true)], 60.0),
        (vec![sized(1.8, 3.0, true), sized(5.0, 1.0, true)], 50.0),
        (vec![sized(1.8, 3.0, false), sized(0.2, 1.0, true)], 50.0),
    ] {
        let decision = once(
            &policy(&[cpu()]),
            &observation(2, vec![Reading::PerPod(readings)]),
        );
        assert_eq!(decision.proposals[0].measured, Some(Measured::Percent(percent)));
    }
}

#[test]
fn the_last_replica_waits_after_a_restart_as_if_it_had_just_been_needed() {
    let mut policy = Policy {
        min_replicas: 0,
        ..policy(&[queue()])
    };
    policy.scale_down.cooldown_seconds = 1800;
    let mut target = Timeline::new(policy, 1);
    // The status tells of a change hours ago; when the queue was last filled it does not tell.
    target.memory.restore_change(Change {
        at: Timestamp(noon().0 - 10_000_000),
        from: 3,
        to: 1,
        by: Writer::Own,
    });
    target.at(0).total(0.0).gives(1, Reason::IdleCooldown);
    target.at(1799).total(0.0).gives(1, Reason::IdleCooldown);
    target.at(1800).total(0.0).gives(0, Reason::Idle);
}

#[test]
fn zero_that_the_object_says_is_ours_is_no_pause() {
    let mut target = Timeline::new(policy(&[queue()]), 0);
    target.memory.restore_own_zero();
    target.at(0).total(50.0).gives(5, Reason::MetricAboveTarget);
}

#[test]
fn a_guard_that_was_tripped_is_tripped_after_a_restart() {
    let guard = Guard {
        above: 0.01,
        for_seconds: 300,
        max_block_seconds: 900,
        when_empty: WhenEmpty::Missing,
    };
    let guarded = Policy {
        guards: [guard].into_iter().collect(),
        ..policy(&[queue()])
    };
    let mut target = Timeline::new(guarded, 8);
    target.memory.restore_guard(GuardMemory {
        above_since: Some(Timestamp(0)),
        blocking_since: Some(noon()),
    });
    target.surroundings.guards = vec![total(0.5)];
    target.at(0).total(40.0).gives(8, Reason::GuardTripped);
    target.surroundings.guards = vec![total(0.0)];
    target.at(5).total(40.0).gives(4, Reason::MetricBelowTarget);
}
