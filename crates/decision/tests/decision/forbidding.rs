//! Guards, rollouts, contests and walls over time.

use concertina_decision::*;

use crate::fixtures::*;

/// A queue with a guard that trips above 0.01 for 30 s and blocks for 300 s at most.
fn guarded() -> Policy {
    let guard = Guard {
        above: 0.01,
        for_seconds: 30,
        max_block_seconds: 300,
        when_empty: WhenEmpty::Missing,
    };
    Policy {
        guards: [guard].into_iter().collect(),
        ..policy(&[queue()])
    }
}

#[test]
fn a_guard_holds_shrinking_while_it_is_tripped_but_not_for_ever() {
    let mut target = Timeline::new(guarded(), 6);
    let errors = |target: &mut Timeline, value| target.surroundings.guards = vec![total(value)];
    errors(&mut target, 0.5);
    target.at(0).total(60.0);
    target.steadily_until(25, 60.0, 6, Reason::WithinTolerance);
    target.steadily_until(325, 30.0, 6, Reason::GuardTripped);
    let decision = target.at(330).total(30.0).gives(3, Reason::MetricBelowTarget);
    assert_eq!(decision.guards[0].state, GuardState::Expired);
    // Once it was clear it holds again.
    errors(&mut target, 0.0);
    target.at(335).total(30.0).gives(3, Reason::WithinTolerance);
    errors(&mut target, 0.5);
    target.at(340).total(30.0);
    target.at(370).total(10.0).gives(3, Reason::GuardTripped);
    target.at(375).total(90.0).gives(9, Reason::MetricAboveTarget);
}

#[test]
fn guards_are_remembered_by_place_until_they_are_forgotten() {
    let mut target = Timeline::new(guarded(), 6);
    target.surroundings.guards = vec![total(0.5)];
    target.at(0).total(60.0);
    target.at(30).total(30.0).gives(6, Reason::GuardTripped);
    target.memory.forget_guards();
    let decision = target.at(35).total(30.0).gives(3, Reason::MetricBelowTarget);
    assert_eq!(decision.guards[0].state, GuardState::Pending);
}

#[test]
fn a_rollout_holds_shrinking_until_it_ends_or_its_freeze_does() {
    let mut target = Timeline::new(policy(&[queue()]), 6);
    target.at(0).total(60.0);
    target.surroundings.rollout = Rollout::UnderWay { revision: 7 };
    target.steadily_until(100, 30.0, 6, Reason::RolloutUnderWay);
    target.surroundings.rollout = Rollout::None;
    target.at(105).total(30.0).gives(3, Reason::MetricBelowTarget);
    // A stuck one does not freeze for ever, and growth is free all along.
    target.surroundings.rollout = Rollout::UnderWay { revision: 8 };
    target.at(110).total(60.0).gives(6, Reason::MetricAboveTarget);
    target.steadily_until(705, 30.0, 6, Reason::RolloutUnderWay);
    target.at(710).total(30.0).gives(3, Reason::MetricBelowTarget);
}

#[test]
fn who_is_undone_again_and_again_gives_way_and_comes_back_later() {
    let mut target = Timeline::new(policy(&[queue()]), 2);
    for second in [0, 60, 120] {
        target.at(second).total(50.0).gives(5, Reason::MetricAboveTarget);
        target.at(second + 30).somebody_scales_to(2);
    }
    target.at(150).total(50.0).gives(2, Reason::ReplicasContested);
    // The first of the three was seen at 60 s.
    target.at(659).total(50.0).gives(2, Reason::ReplicasContested);
    target.at(660).total(50.0).gives(5, Reason::MetricAboveTarget);
}

#[test]
fn a_quota_is_tried_again_at_each_tick() {
    let mut target = Timeline::new(policy(&[queue()]), 5);
    target.surroundings.quota_room = Some(5);
    target.at(0).total(90.0).gives(5, Reason::QuotaExceeded);
    target.surroundings.quota_room = Some(7);
    target.at(5).total(90.0).gives(7, Reason::MetricAboveTarget);
    target.surroundings.quota_room = None;
    target.at(10).total(90.0).gives(9, Reason::MetricAboveTarget);
    target.surroundings.quota_room = Some(4);
    target.at(15).total(20.0).gives(2, Reason::MetricBelowTarget);
}

#[test]
fn a_version_that_crashes_does_not_multiply() {
    let mut target = Timeline::new(policy(&[queue()]), 4);
    target.with_pods(&[Pod::CrashingAtStart; 4]);
    for second in (0..600).step_by(5) {
        target.at(second).total(900.0).gives(4, Reason::PodsCrashing);
    }
    target.with_all_ready();
    target.at(600).total(900.0).gives(90, Reason::MetricAboveTarget);
}

#[test]
fn crashing_pods_count_like_pods_without_a_sample() {
    let crash_loop = [Pod::Ready, Pod::Ready, Pod::Crashing, Pod::Crashing];
    let read = |values: &[f64]| Observation {
        pods: crash_loop.to_vec(),
        ..observation(4, vec![cores(values)])
    };
    // What a start burns is no load: the two that serve are below their target.
    let decision = once(&policy(&[cpu()]), &read(&[0.3, 0.3, 1.0, 1.0]));
    assert_eq!(
        (decision.desired, decision.reason),
        (4, Reason::PodsWithoutSamples),
        "{decision:#?}"
    );
    assert_eq!(
        (
            decision.proposals[0].counted_pods,
            decision.proposals[0].missing_pods
        ),
        (2, 2)
    );
    // The two that serve are overloaded: growth follows them alone.
    let decision = once(&policy(&[cpu()]), &read(&[1.5, 1.5, 0.0, 0.0]));
    assert_eq!(
        (decision.desired, decision.reason),
        (6, Reason::MetricAboveTarget)
    );
}

#[test]
fn tolerances_of_a_metric_come_before_those_of_the_policy() {
    let with = |up, down| Metric {
        tolerance: MetricTolerance {
            scale_up: up,
            scale_down: down,
        },
        ..queue()
    };
    for (metric, load, desired) in [
        (queue(), 108.0, 10),
        (with(Some(0.05), None), 108.0, 11),
        (with(None, Some(0.05)), 108.0, 10),
        (queue(), 85.0, 9),
        (with(None, Some(0.2)), 85.0, 10),
        (with(Some(0.2), None), 85.0, 9),
        (with(Some(f64::NAN), Some(-1.0)), 100.1, 11),
    ] {
        let decision = once(&policy(&[metric]), &observation(10, vec![total(load)]));
        assert_eq!(decision.desired, desired, "{metric:?} {load}");
    }
}

#[test]
fn sentences_name_the_guard() {
    let guard = |for_seconds| Guard {
        above: 0.01,
        for_seconds,
        max_block_seconds: 300,
        when_empty: WhenEmpty::Missing,
    };
    let policy = Policy {
        guards: [guard(0), guard(0)].into_iter().collect(),
        ..policy(&[queue()])
    };
    let names = Names {
        metrics: &["backlog"],
        schedules: &[],
        guards: &["errors", "lag"],
    };
    let said = |guards: Vec<Reading>| {
        let observation = Observation {
            guards,
            ..observation(5, vec![total(20.0)])
        };
        once(&policy, &observation).summary(names).to_string()
    };
    let begins =
        "stays at 5: backlog 20 in total is 0.4 times its target of 10 per replica and asks for 2, but ";
    assert_eq!(
        said(vec![total(0.02), total(0.0)]),
        format!("{begins}a guard is tripped, so nothing may shrink (errors 0.02) (300 s to go)")
    );
    assert_eq!(
        said(vec![total(0.0), Reading::Missing(Missing::TimedOut)]),
        format!(
            "{begins}a guard has no usable value, so nothing may shrink (lag: Prometheus did not answer in time) \
             (300 s to go)"
        )
    );
}
