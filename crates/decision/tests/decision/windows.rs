//! Many decisions in a row: the windows of stabilisation, and the time that counts towards them.

use concertina_decision::*;

use crate::fixtures::*;

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
