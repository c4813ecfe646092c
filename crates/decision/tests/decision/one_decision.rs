//! Single decisions: the order of the stages, the reason that is given, and bad input.

use concertina_decision::*;

use crate::fixtures::*;

#[test]
fn the_stages_run_in_their_order() {
    let decision = once(&policy(&[queue()]), &observation(3, vec![total(60.0)]));
    let order: Vec<_> = decision.stages.iter().map(|record| record.stage).collect();
    assert_eq!(order, Stage::ORDER);
    assert_eq!(
        order,
        [
            Stage::Observe,
            Stage::Propose,
            Stage::Combine,
            Stage::Bounds,
            Stage::Guard,
            Stage::Stabilise,
            Stage::CoolDown,
            Stage::Limit,
            Stage::Wall,
        ]
    );
}

#[test]
fn every_stage_leaves_its_number_and_its_reason() {
    let mut policy = Policy {
        max_replicas: 40,
        ..policy(&[queue(), rate()])
    };
    policy.scale_up.policies = [pods(4, 60)].into_iter().collect();
    let decision = once(
        &policy,
        &observation(3, vec![total(600.0), per_pod(&[10.0, 10.0, 10.0])]),
    );
    assert_eq!(
        trace(&decision),
        [
            (Stage::Observe, 3, Reason::Observed),
            (Stage::Propose, 60, Reason::MetricAboveTarget),
            (Stage::Combine, 60, Reason::MetricAboveTarget),
            (Stage::Bounds, 40, Reason::AtMaximum),
            (Stage::Guard, 40, Reason::NothingForbids),
            (Stage::Stabilise, 40, Reason::WantedThroughout),
            (Stage::CoolDown, 40, Reason::CooledDown),
            (Stage::Limit, 7, Reason::ScaleUpLimit),
            (Stage::Wall, 7, Reason::NoWall),
        ]
    );
    assert_eq!((decision.desired, decision.winner), (7, Some(0)));
    assert_eq!((decision.floor, decision.ceiling), (1, 40));
    assert_eq!(decision.remember.want, Want::Known(40));
}

#[test]
fn the_reason_is_why_it_moves_or_what_holds_it() {
    let limited = |up: Rules, down: Rules| Policy {
        scale_up: up,
        scale_down: down,
        ..policy(&[queue()])
    };
    let disabled = Rules {
        select_policy: SelectPolicy::Disabled,
        ..free()
    };
    let plain = limited(unlimited(), free());
    for (policy, current, load, desired, reason) in [
        (plain.clone(), 3, 60.0, 6, Reason::MetricAboveTarget),
        (plain.clone(), 3, 32.0, 3, Reason::WithinTolerance),
        (plain.clone(), 3, 11.0, 2, Reason::MetricBelowTarget),
        (plain.clone(), 3, 26.0, 3, Reason::FewerWouldNotDo),
        (plain.clone(), 1, 0.0, 1, Reason::AtMinimum),
        (plain.clone(), 100, 2000.0, 100, Reason::AtMaximum),
        (plain.clone(), 120, 2000.0, 100, Reason::AboveMaximum),
        (plain.clone(), 120, 10.0, 100, Reason::AboveMaximum),
        (plain.clone(), 0, 50.0, 0, Reason::ScaledToZeroManually),
        (plain.clone(), 0, 0.0, 0, Reason::ScaledToZeroManually),
        (
            Policy {
                min_replicas: 5,
                ..plain.clone()
            },
            3,
            10.0,
            5,
            Reason::BelowMinimum,
        ),
        (
            Policy {
                min_replicas: 5,
                ..plain.clone()
            },
            3,
            90.0,
            9,
            Reason::MetricAboveTarget,
        ),
        (
            Policy {
                min_replicas: 5,
                ..limited(disabled.clone(), free())
            },
            3,
            90.0,
            5,
            Reason::BelowMinimum,
        ),
        (
            limited(disabled.clone(), free()),
            3,
            90.0,
            3,
            Reason::ScaleUpDisabled,
        ),
        (
            limited(unlimited(), disabled.clone()),
            3,
            10.0,
            3,
            Reason::ScaleDownDisabled,
        ),
        (
            limited(unlimited(), disabled),
            120,
            10.0,
            100,
            Reason::AboveMaximum,
        ),
        (
            Policy {
                metrics: Default::default(),
                ..plain.clone()
            },
            3,
            0.0,
            3,
            Reason::NoMetrics,
        ),
        (
            Policy {
                metrics: Default::default(),
                ..plain
            },
            120,
            0.0,
            100,
            Reason::AboveMaximum,
        ),
    ] {
        let decision = once(&policy, &observation(current, vec![total(load)]));
        assert_eq!(
            (decision.desired, decision.reason),
            (desired, reason),
            "{current} replicas, load {load}"
        );
        assert_eq!(decision.verdict == Verdict::Scale, desired != current);
    }
}

#[test]
fn the_maximum_wins_over_a_minimum_above_it() {
    let policy = Policy {
        min_replicas: 9,
        max_replicas: 4,
        ..policy(&[queue()])
    };
    for (current, desired) in [(2, 4), (4, 4), (7, 4), (0, 0)] {
        let decision = once(&policy, &observation(current, vec![total(10.0)]));
        assert_eq!(
            (decision.desired, decision.floor, decision.ceiling),
            (desired, 4, 4)
        );
    }
}

#[test]
fn negative_numbers_are_zero() {
    let policy = Policy {
        min_replicas: -3,
        max_replicas: i32::MIN,
        ..policy(&[queue()])
    };
    let decision = once(&policy, &observation(i32::MIN, vec![total(10.0)]));
    assert_eq!(
        (
            decision.current,
            decision.desired,
            decision.floor,
            decision.ceiling
        ),
        (0, 0, 0, 0)
    );
    let decision = once(&policy, &observation(5, vec![total(10.0)]));
    assert_eq!((decision.desired, decision.reason), (0, Reason::AboveMaximum));
}

#[test]
fn a_target_that_is_no_number_above_zero_is_a_missing_metric() {
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
        for target in [
            Target::AverageValue { per_replica: bad },
            Target::Value { value: bad },
            Target::Utilization { percent: bad },
        ] {
            let bad = Metric { target, ..queue() };
            let decision = once(&policy(&[bad]), &observation(3, vec![total(500.0)]));
            assert_eq!(
                (decision.desired, decision.reason),
                (3, Reason::MetricsMissing),
                "{target:?}"
            );
            assert_eq!(decision.missing().collect::<Vec<_>>(), [(0, Missing::BadTarget)]);
        }
    }
}

#[test]
fn a_missing_metric_lets_the_others_raise_but_not_lower() {
    let policy = policy(&[queue(), queue()]);
    for (load, desired, reason) in [
        (90.0, 9, Reason::MetricAboveTarget),
        (50.0, 5, Reason::WithinTolerance),
        (10.0, 5, Reason::ShrinkHeldMetricMissing),
    ] {
        let readings = vec![total(load), Reading::Missing(Missing::Unreachable)];
        let decision = once(&policy, &observation(5, readings));
        assert_eq!((decision.desired, decision.reason), (desired, reason), "{load}");
    }
}

#[test]
fn holds_for_missing_metrics_are_still_subject_to_both_bounds() {
    let policy = Policy {
        min_replicas: 4,
        max_replicas: 8,
        ..policy(&[queue()])
    };
    for (current, desired, reason) in [
        (3, 4, Reason::BelowMinimum),
        (5, 5, Reason::MetricsMissing),
        (9, 8, Reason::AboveMaximum),
    ] {
        let decision = once(
            &policy,
            &observation(current, vec![Reading::Missing(Missing::TimedOut)]),
        );
        assert_eq!(
            (decision.desired, decision.reason),
            (desired, reason),
            "{current}"
        );
        assert_eq!(decision.remember.want, Want::Unknown);
    }
}

#[test]
fn a_list_of_readings_that_is_too_short_means_missing_metrics() {
    let policy = policy(&[queue(), queue()]);
    let decision = once(&policy, &observation(5, vec![total(10.0)]));
    assert_eq!(
        (decision.desired, decision.reason),
        (5, Reason::ShrinkHeldMetricMissing)
    );
    assert_eq!(decision.missing().collect::<Vec<_>>(), [(1, Missing::NotReadYet)]);
}

#[test]
fn from_zero_a_total_wakes_the_target_without_tolerance() {
    let policy = Policy {
        min_replicas: 0,
        ..policy(&[cpu(), queue()])
    };
    for (load, desired, reason) in [(0.0, 0, Reason::NoLoad), (0.1, 1, Reason::MetricAboveTarget)] {
        let decision = once(
            &policy,
            &observation(0, vec![Reading::PerPod(vec![]), total(load)]),
        );
        assert_eq!((decision.desired, decision.reason), (desired, reason), "{load}");
    }
}

#[test]
fn at_zero_metrics_of_pods_are_not_applicable_which_is_not_missing() {
    let policy = Policy {
        min_replicas: 0,
        ..policy(&[cpu(), rate()])
    };
    let decision = once(
        &policy,
        &observation(
            0,
            vec![Reading::Missing(Missing::NoSamples), Reading::PerPod(vec![])],
        ),
    );
    assert_eq!(
        (decision.desired, decision.reason),
        (0, Reason::NotApplicableAtZero)
    );
    assert_eq!(decision.missing().count(), 0);
}

#[test]
fn the_last_replica_stays_where_only_pods_could_ask_for_one_again() {
    let idle = vec![per_pod(&[0.0, 0.0])];
    let only_pods = Policy {
        min_replicas: 0,
        ..policy(&[rate()])
    };
    let decision = once(&only_pods, &observation(2, idle));
    assert_eq!(
        (decision.desired, decision.reason),
        (1, Reason::MetricBelowTarget)
    );
    let decision = once(&only_pods, &observation(1, vec![per_pod(&[0.0])]));
    assert_eq!(
        (decision.desired, decision.reason),
        (1, Reason::NothingWakesFromZero)
    );

    let with_queue = Policy {
        min_replicas: 0,
        ..policy(&[rate(), queue()])
    };
    let decision = once(&with_queue, &observation(1, vec![per_pod(&[0.0]), total(0.0)]));
    assert_eq!((decision.desired, decision.reason), (0, Reason::Idle));
}

#[test]
fn of_equal_proposals_the_more_pressing_one_explains() {
    let pods = [Pod::Ready, Pod::Starting, Pod::Starting];
    let observation = Observation {
        current_replicas: 3,
        pods: pods.to_vec(),
        metrics: vec![per_pod(&[5.0]), cores(&[0.9]), cores(&[0.5])],
        ..Observation::default()
    };
    let decision = once(&policy(&[queue(), cpu(), memory()]), &observation);
    assert_eq!((decision.desired, decision.reason), (3, Reason::AwaitingReplicas));
    assert_eq!(decision.winner, Some(1));
}

#[test]
fn decisions_and_what_goes_into_them_can_be_written_and_read() {
    let policy = policy(&[queue(), cpu(), latency()]);
    let readings = vec![
        total(70.0),
        limited_cores(&[1.0, 1.0]),
        Reading::Missing(Missing::Stale),
    ];
    let observation = observation(2, readings);
    let decision = once(&policy, &observation);
    let text = serde_json::to_string(&(&policy, &observation, &decision)).unwrap();
    let read: (Policy, Observation, Decision) = serde_json::from_str(&text).unwrap();
    assert_eq!(read, (policy, observation, decision));
}
