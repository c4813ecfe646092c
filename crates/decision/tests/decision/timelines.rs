//! Many decisions in a row: windows, cooldowns, limits, other writers, clocks and gaps.

use concertina_decision::*;

use crate::fixtures::*;

fn shrinking(change: impl FnOnce(&mut Rules)) -> Policy {
    let mut policy = policy(&[queue()]);
    change(&mut policy.scale_down);
    policy
}

fn growing(change: impl FnOnce(&mut Rules)) -> Policy {
    let mut policy = policy(&[queue()]);
    change(&mut policy.scale_up);
    policy
}

#[test]
fn shrinking_takes_the_greatest_want_of_its_window() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 300), 10);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    target.at(100).total(60.0).gives(10, Reason::ScaleDownStabilized);
    target.at(200).total(30.0).gives(10, Reason::ScaleDownStabilized);
    let held = target.at(299).total(30.0).gives(10, Reason::ScaleDownStabilized);
    assert_eq!(held.retry_after_seconds, Some(1));
    target.at(300).total(30.0).gives(6, Reason::MetricBelowTarget);
    target.at(399).total(30.0).gives(6, Reason::ScaleDownStabilized);
    target.at(400).total(30.0).gives(3, Reason::MetricBelowTarget);
}

#[test]
fn growth_takes_the_least_want_of_its_window() {
    let mut target = Timeline::new(growing(|up| up.stabilization_window_seconds = 60), 2);
    target.at(0).total(20.0).gives(2, Reason::WithinTolerance);
    target.at(5).total(90.0).gives(2, Reason::ScaleUpStabilized);
    target.at(30).total(50.0).gives(2, Reason::ScaleUpStabilized);
    target.at(60).total(90.0).gives(5, Reason::MetricAboveTarget);
    target.at(89).total(90.0).gives(5, Reason::ScaleUpStabilized);
    target.at(90).total(90.0).gives(9, Reason::MetricAboveTarget);
}

#[test]
fn a_window_never_turns_the_direction() {
    let mut target = Timeline::dry_run(
        Policy {
            scale_up: Rules {
                stabilization_window_seconds: 300,
                ..unlimited()
            },
            scale_down: Rules {
                stabilization_window_seconds: 300,
                ..free()
            },
            ..policy(&[queue()])
        },
        5,
    );
    target.at(0).total(10.0).gives(5, Reason::ScaleDownStabilized);
    target.at(5).total(90.0).gives(5, Reason::ScaleUpStabilized);
    target.at(10).total(20.0).gives(5, Reason::ScaleDownStabilized);
}

#[test]
fn what_was_before_the_first_evaluation_may_not_shrink_anything() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 300), 10);
    let held = target.at(0).total(30.0).gives(10, Reason::ScaleDownStabilized);
    assert_eq!(held.retry_after_seconds, Some(300));
    target.steadily_until(295, 30.0, 10, Reason::ScaleDownStabilized);
    target.at(300).total(30.0).gives(3, Reason::MetricBelowTarget);

    let mut target = Timeline::new(shrinking(|down| down.cooldown_seconds = 60), 10);
    target.at(0).total(30.0).gives(10, Reason::ScaleDownCooldown);
    target.at(60).total(30.0).gives(3, Reason::MetricBelowTarget);
}

#[test]
fn growth_needs_no_past() {
    let mut target = Timeline::new(growing(|up| up.stabilization_window_seconds = 300), 1);
    target.policy.scale_up.cooldown_seconds = 300;
    target.at(0).total(80.0).gives(8, Reason::MetricAboveTarget);
}

#[test]
fn time_in_which_metrics_are_missing_does_not_count_towards_the_window_of_shrinking() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 300), 10);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    target.at(100).total(30.0).gives(10, Reason::ScaleDownStabilized);
    for seconds in (105..=1100).step_by(5) {
        target
            .at(seconds)
            .missing(Missing::Unreachable)
            .gives(10, Reason::MetricsMissing);
    }
    target.at(1105).total(30.0).gives(10, Reason::ScaleDownStabilized);
    target.steadily_until(1295, 30.0, 10, Reason::ScaleDownStabilized);
    target.at(1300).total(30.0).gives(3, Reason::MetricBelowTarget);
}

#[test]
fn one_missed_reading_now_and_then_does_not_forbid_shrinking_for_ever() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 60), 10);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    for seconds in (5..70).step_by(5) {
        if seconds % 20 == 0 {
            target
                .at(seconds)
                .missing(Missing::TimedOut)
                .gives(10, Reason::MetricsMissing);
        } else {
            target
                .at(seconds)
                .total(30.0)
                .gives(10, Reason::ScaleDownStabilized);
        }
    }
    target.at(75).total(30.0).gives(3, Reason::MetricBelowTarget);
}

#[test]
fn time_in_which_nobody_evaluates_counts_little_towards_the_window_of_shrinking() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 300), 10);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    target.at(3600).total(30.0).gives(10, Reason::ScaleDownStabilized);
    target.steadily_until(3600 + 175, 30.0, 10, Reason::ScaleDownStabilized);
    target
        .at(3600 + 180)
        .total(30.0)
        .gives(3, Reason::MetricBelowTarget);
}

#[test]
fn shrinking_cools_down_after_a_change_in_either_direction() {
    let mut target = Timeline::new(shrinking(|down| down.cooldown_seconds = 60), 2);
    target.at(0).total(80.0).gives(8, Reason::MetricAboveTarget);
    let held = target.at(10).total(40.0).gives(8, Reason::ScaleDownCooldown);
    assert_eq!(held.retry_after_seconds, Some(50));
    target.at(59).total(40.0).gives(8, Reason::ScaleDownCooldown);
    target.at(60).total(40.0).gives(4, Reason::MetricBelowTarget);
    target.at(119).total(20.0).gives(4, Reason::ScaleDownCooldown);
    target.at(120).total(20.0).gives(2, Reason::MetricBelowTarget);
}

#[test]
fn growth_cools_down_after_growth_only() {
    let mut target = Timeline::new(growing(|up| up.cooldown_seconds = 60), 2);
    target.at(0).total(40.0).gives(4, Reason::MetricAboveTarget);
    target.at(30).total(20.0).gives(2, Reason::MetricBelowTarget);
    let held = target.at(59).total(90.0).gives(2, Reason::ScaleUpCooldown);
    assert_eq!(held.retry_after_seconds, Some(1));
    target.at(60).total(90.0).gives(9, Reason::MetricAboveTarget);

    let mut target = Timeline::new(growing(|up| up.cooldown_seconds = 60), 9);
    target.at(0).total(20.0).gives(2, Reason::MetricBelowTarget);
    target.at(1).total(90.0).gives(9, Reason::MetricAboveTarget);
}

#[test]
fn a_growth_policy_limits_each_period() {
    let limited = growing(|up| up.policies = [pods(4, 60)].into_iter().collect());
    let mut target = Timeline::new(limited, 2);
    target.at(0).total(200.0).gives(6, Reason::MetricAboveTarget);
    let held = target.at(30).total(200.0).gives(6, Reason::ScaleUpLimit);
    assert_eq!(held.retry_after_seconds, Some(30));
    target.at(60).total(200.0).gives(10, Reason::MetricAboveTarget);
    target.at(120).total(200.0).gives(14, Reason::MetricAboveTarget);
}

#[test]
fn without_policies_a_quarter_may_go_per_minute() {
    let mut target = Timeline::new(shrinking(|down| down.policies.clear()), 100);
    target.at(0).total(10.0).gives(75, Reason::MetricBelowTarget);
    target.at(59).total(10.0).gives(75, Reason::ScaleDownLimit);
    target.at(60).total(10.0).gives(56, Reason::MetricBelowTarget);
    for (minute, replicas) in (2..).zip([42, 31, 23, 17, 12, 9, 6, 4, 3, 2, 1]) {
        target
            .at(minute * 60)
            .total(10.0)
            .gives(replicas, Reason::MetricBelowTarget);
    }
}

#[test]
fn a_budget_is_net_of_both_directions() {
    let limited = growing(|up| up.policies = [pods(4, 60)].into_iter().collect());
    let mut target = Timeline::new(limited, 10);
    target.at(0).total(140.0).gives(14, Reason::MetricAboveTarget);
    target.at(10).total(50.0).gives(5, Reason::MetricBelowTarget);
    target.at(20).total(300.0).gives(14, Reason::MetricAboveTarget);
    target.at(30).total(300.0).gives(14, Reason::ScaleUpLimit);
    target.at(60).total(300.0).gives(18, Reason::MetricAboveTarget);
}

#[test]
fn another_writers_change_is_seen_recorded_and_counted() {
    let mut target = Timeline::new(policy(&[queue()]), 4);
    target.policy.scale_down.cooldown_seconds = 60;
    target.policy.scale_up.policies = [pods(4, 60)].into_iter().collect();
    target.at(0).total(40.0).gives(4, Reason::WithinTolerance);

    target
        .at(100)
        .somebody_scales_to(7)
        .total(40.0)
        .gives(7, Reason::ScaleDownCooldown);
    assert_eq!(
        target.memory.changes(),
        [Change {
            at: after(100),
            from: 4,
            to: 7,
            by: Writer::Other
        }]
    );
    target.at(110).total(200.0).gives(8, Reason::MetricAboveTarget);
    target.at(159).total(200.0).gives(8, Reason::ScaleUpLimit);
    target.at(160).total(200.0).gives(11, Reason::MetricAboveTarget);
    let writers: Vec<_> = target.memory.changes().iter().map(|change| change.by).collect();
    assert_eq!(writers, [Writer::Other, Writer::Own, Writer::Own]);

    target
        .at(200)
        .somebody_scales_to(0)
        .total(200.0)
        .gives(0, Reason::ScaledToZeroManually);
    target.at(300).total(200.0).gives(0, Reason::ScaledToZeroManually);
    target
        .at(400)
        .somebody_scales_to(2)
        .total(200.0)
        .gives(4, Reason::MetricAboveTarget);
}

#[test]
fn growth_by_another_writer_starts_the_cooldown_of_growth() {
    let mut target = Timeline::new(growing(|up| up.cooldown_seconds = 60), 2);
    target.at(0).total(20.0).gives(2, Reason::WithinTolerance);
    target
        .at(10)
        .somebody_scales_to(4)
        .total(90.0)
        .gives(4, Reason::ScaleUpCooldown);
    target.at(69).total(90.0).gives(4, Reason::ScaleUpCooldown);
    target.at(70).total(90.0).gives(9, Reason::MetricAboveTarget);
}

#[test]
fn a_dry_run_beside_another_autoscaler_sees_its_changes_as_anothers() {
    let mut target = Timeline::dry_run(policy(&[queue()]), 2);
    target.at(0).total(80.0).gives(8, Reason::MetricAboveTarget);
    target
        .at(5)
        .somebody_scales_to(8)
        .total(80.0)
        .gives(8, Reason::WithinTolerance);
    assert_eq!(
        target.memory.changes(),
        [Change {
            at: after(5),
            from: 2,
            to: 8,
            by: Writer::Other
        }]
    );
}

#[test]
fn a_change_that_is_seen_while_nothing_is_evaluated_counts_as_anothers() {
    let mut target = Timeline::new(shrinking(|down| down.cooldown_seconds = 60), 5);
    target.at(0).total(50.0).gives(5, Reason::WithinTolerance);
    target.memory.see(9, after(100));
    target
        .at(130)
        .somebody_scales_to(9)
        .total(50.0)
        .gives(9, Reason::ScaleDownCooldown);
    target.at(160).total(50.0).gives(5, Reason::MetricBelowTarget);
}

#[test]
fn rising_to_the_minimum_passes_over_windows_cooldowns_and_limits() {
    let mut target = Timeline::new(
        Policy {
            scale_up: Rules {
                cooldown_seconds: 600,
                stabilization_window_seconds: 600,
                policies: [pods(1, 600)].into_iter().collect(),
                ..free()
            },
            ..policy(&[queue()])
        },
        2,
    );
    target.at(0).total(20.0).gives(2, Reason::WithinTolerance);
    target.at(10).total(90.0).gives(2, Reason::ScaleUpStabilized);
    target.policy.min_replicas = 6;
    target.at(20).total(90.0).gives(6, Reason::BelowMinimum);
    target.at(25).total(90.0).gives(6, Reason::ScaleUpStabilized);
}

#[test]
fn above_the_maximum_it_is_cut_at_once() {
    let mut target = Timeline::new(
        shrinking(|down| {
            down.cooldown_seconds = 600;
            down.stabilization_window_seconds = 600;
            down.policies = [pods(1, 600)].into_iter().collect();
        }),
        20,
    );
    target.at(0).total(200.0).gives(20, Reason::WithinTolerance);
    target.policy.max_replicas = 12;
    let cut = target.at(5).total(50.0).gives(12, Reason::AboveMaximum);
    assert_eq!(cut.stage(Stage::Stabilise), None, "later stages are passed over");
    target.at(10).total(50.0).gives(12, Reason::ScaleDownStabilized);
    target.policy.max_replicas = 10;
    target
        .at(15)
        .missing(Missing::Unreachable)
        .gives(10, Reason::AboveMaximum);
}

#[test]
fn a_clock_set_back_by_an_hour_freezes_nothing_for_an_hour() {
    let mut target = Timeline::new(policy(&[queue()]), 2);
    target.policy.scale_up = Rules {
        cooldown_seconds: 60,
        stabilization_window_seconds: 60,
        policies: [pods(6, 60)].into_iter().collect(),
        ..free()
    };
    target.policy.scale_down.cooldown_seconds = 60;
    target.policy.scale_down.stabilization_window_seconds = 60;
    target.at(0).total(80.0).gives(8, Reason::MetricAboveTarget);
    target.at(-3600).total(200.0).gives(8, Reason::ScaleUpStabilized);
    target.at(-3541).total(200.0).gives(8, Reason::ScaleUpStabilized);
    target.at(-3540).total(200.0).gives(14, Reason::MetricAboveTarget);
    target
        .at(-7200)
        .total(40.0)
        .gives(14, Reason::ScaleDownStabilized);
    target
        .at(-7141)
        .total(40.0)
        .gives(14, Reason::ScaleDownStabilized);
    target.at(-7140).total(40.0).gives(4, Reason::MetricBelowTarget);
}

#[test]
fn a_clock_that_leaps_forward_does_not_end_the_window_of_shrinking() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 300), 10);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    target
        .at(86_400)
        .total(10.0)
        .gives(10, Reason::ScaleDownStabilized);
    target.at(5).total(100.0).gives(10, Reason::WithinTolerance);
    target.at(10).total(10.0).gives(10, Reason::ScaleDownStabilized);
}

#[test]
fn a_window_that_is_lengthened_or_shortened_takes_effect_at_once() {
    let mut target = Timeline::new(shrinking(|down| down.stabilization_window_seconds = 60), 10);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    target.at(30).total(50.0).gives(10, Reason::ScaleDownStabilized);
    target.policy.scale_down.stabilization_window_seconds = 120;
    target.at(60).total(50.0).gives(10, Reason::ScaleDownStabilized);
    target.at(119).total(50.0).gives(10, Reason::ScaleDownStabilized);
    target.policy.scale_down.stabilization_window_seconds = 0;
    target.at(119).total(50.0).gives(5, Reason::MetricBelowTarget);
}

#[test]
fn half_of_the_samples_missing_never_looks_like_half_the_load() {
    let mut target = Timeline::new(policy(&[rate()]), 10);
    let half = |value: f64| {
        let samples = (0..10).map(|pod| PodReading {
            value: (pod % 2 == 0).then_some(value),
            ..Default::default()
        });
        vec![Reading::PerPod(samples.collect())]
    };
    target.at(0).read(half(10.0)).gives(10, Reason::WithinTolerance);
    // All ten at 8 would need 8; five at 8 and five at the target need 9.
    let decision = target.at(5).read(half(8.0)).gives(10, Reason::PodsWithoutSamples);
    assert_eq!(
        (
            decision.proposals[0].counted_pods,
            decision.proposals[0].missing_pods
        ),
        (5, 5)
    );
    target.at(10).read(half(6.0)).gives(8, Reason::MetricBelowTarget);
    target.somebody_scales_to(10);
    target
        .at(15)
        .read(half(15.0))
        .gives(10, Reason::PodsWithoutSamples);
    target
        .at(20)
        .read(half(25.0))
        .gives(13, Reason::MetricAboveTarget);
}

#[test]
fn all_samples_missing_holds_at_the_current_count() {
    let mut target = Timeline::new(policy(&[rate(), cpu()]), 10);
    let nothing = || {
        vec![
            Reading::PerPod(vec![]),
            Reading::PerPod(vec![PodReading::default(); 10]),
        ]
    };
    target.at(0).read(nothing()).gives(10, Reason::MetricsMissing);
    let decision = target.at(3600).read(nothing()).gives(10, Reason::MetricsMissing);
    assert_eq!(
        decision.missing().collect::<Vec<_>>(),
        [(0, Missing::NoSamples), (1, Missing::NoSamples)]
    );
}

#[test]
fn the_memory_of_a_restless_target_stays_small() {
    let mut target = Timeline::new(
        Policy {
            max_replicas: 10_000,
            scale_up: Rules {
                stabilization_window_seconds: 3600,
                tolerance: 0.0,
                ..unlimited()
            },
            scale_down: Rules {
                stabilization_window_seconds: 3600,
                tolerance: 0.0,
                ..free()
            },
            ..policy(&[queue()])
        },
        5000,
    );
    for second in 0..7200 {
        target.somebody_scales_to(5000 + i32::try_from(second % 2).unwrap());
        let _ = target
            .at(second)
            .total(90_000.0 - f64::from(i32::try_from(second).unwrap()) * 10.0);
    }
    let memory = serde_json::to_value(&target.memory).unwrap();
    for (list, most) in [
        ("changes", MAX_CHANGES),
        ("scaleUpWants", 64),
        ("scaleDownWants", 64),
    ] {
        let length = memory[list].as_array().unwrap().len();
        assert!(length <= most, "{list} has {length} entries");
    }
    assert!(
        memory["scaleDownWants"].as_array().unwrap().len() > 50,
        "the window is full"
    );
    assert_eq!(memory["changes"].as_array().unwrap().len(), MAX_CHANGES);
}
