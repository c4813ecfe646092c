//! Many decisions in a row: cooldowns, limits per period, and the bounds that pass over them.

use concertina_decision::*;

use crate::fixtures::*;

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
    let mut target = Timeline::new(shrinking(|down| down.policies = Default::default()), 100);
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
