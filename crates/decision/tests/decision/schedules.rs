//! Windows of schedules over time: floors that begin early, ceilings that are sunk to, and what outlives them.

use concertina_decision::*;

use crate::fixtures::*;

fn window(start: i64, end: i64, min: Option<Replicas>, max: Option<Replicas>) -> Window {
    Window {
        schedule: 0,
        start: Timestamp(noon().0 + start * 1000),
        end: Timestamp(noon().0 + end * 1000),
        min_replicas: min,
        max_replicas: max,
    }
}

fn scheduled(policy: Policy, replicas: Replicas, windows: &[Window]) -> Timeline {
    let mut target = Timeline::new(policy, replicas);
    target.surroundings.windows = windows.to_vec();
    target
}

#[test]
fn a_floor_is_there_before_its_window_opens_and_goes_with_it() {
    let mut target = scheduled(policy(&[queue()]), 2, &[window(100, 200, Some(6), None)]);
    target.surroundings.startup_seconds = Some(40);
    target.at(55).total(20.0).gives(2, Reason::WithinTolerance);
    target.at(60).total(20.0).gives(6, Reason::ScheduledMinimumSoon);
    target.at(65).total(20.0).gives(6, Reason::ScheduledMinimumSoon);
    target.at(100).total(20.0).gives(6, Reason::ScheduledMinimum);
    target.at(150).total(90.0).gives(9, Reason::MetricAboveTarget);
    target.at(155).total(20.0).gives(6, Reason::MetricBelowTarget);
    target.at(199).total(20.0).gives(6, Reason::ScheduledMinimum);
    target.at(200).total(20.0).gives(2, Reason::MetricBelowTarget);
}

#[test]
fn no_rule_of_growth_delays_a_floor_and_missing_metrics_do_not_either() {
    let mut slow = growing(|rules| {
        rules.cooldown_seconds = 600;
        rules.stabilization_window_seconds = 600;
        rules.policies = [pods(1, 600)].into_iter().collect();
    });
    slow.max_replicas = 20;
    let mut target = scheduled(slow, 2, &[window(100, 200, Some(6), None)]);
    target.at(0).total(20.0);
    target.at(100).total(20.0).gives(6, Reason::ScheduledMinimum);
    let mut blind = scheduled(policy(&[queue()]), 2, &[window(100, 200, Some(6), None)]);
    blind
        .at(100)
        .missing(Missing::TimedOut)
        .gives(6, Reason::ScheduledMinimum);
}

#[test]
fn sinking_to_a_ceiling_keeps_to_the_rules_of_shrinking() {
    let night = [window(100, 4000, None, Some(4))];
    let calm = shrinking(|rules| {
        rules.stabilization_window_seconds = 60;
        rules.policies = [pods(2, 60)].into_iter().collect();
    });
    let mut target = scheduled(calm, 10, &night);
    target.at(0).total(100.0).gives(10, Reason::WithinTolerance);
    target.steadily_until(95, 100.0, 10, Reason::WithinTolerance);
    target.steadily_until(150, 100.0, 10, Reason::ScaleDownStabilized);
    target.at(156).total(100.0).gives(8, Reason::ScheduledMaximum);
    target.at(160).total(100.0).gives(8, Reason::ScaleDownLimit);
    target.at(216).total(100.0).gives(6, Reason::ScheduledMaximum);
    target.at(276).total(100.0).gives(4, Reason::ScheduledMaximum);
    target.at(340).total(100.0).gives(4, Reason::ScheduledMaximum);
    target.at(345).total(10.0).gives(4, Reason::ScaleDownStabilized);
}

#[test]
fn a_ceiling_lowers_nothing_while_a_metric_is_missing() {
    let night = [window(0, 1000, None, Some(4))];
    let missing = || Reading::Missing(Missing::TimedOut);
    let ignored = Metric {
        on_missing: OnMissing::Ignore,
        ..queue()
    };
    for (metrics, readings, desired, reason) in [
        (
            [queue(), queue()],
            vec![total(150.0), missing()],
            10,
            Reason::ShrinkHeldMetricMissing,
        ),
        (
            [queue(), queue()],
            vec![missing(), missing()],
            10,
            Reason::MetricsMissing,
        ),
        (
            [ignored, ignored],
            vec![missing(), missing()],
            10,
            Reason::MetricsMissing,
        ),
        (
            [queue(), ignored],
            vec![total(150.0), missing()],
            4,
            Reason::ScheduledMaximum,
        ),
    ] {
        let mut target = scheduled(policy(&metrics), 10, &night);
        target.at(0).read(readings).gives(desired, reason);
    }
}

#[test]
fn a_ceiling_of_zero_takes_everything_away_and_its_end_brings_the_minimum_back() {
    let night = [window(100, 200, None, Some(0))];
    let mut target = scheduled(policy(&[rate()]), 3, &night);
    target
        .at(50)
        .read(vec![per_pod(&[10.0; 3])])
        .gives(3, Reason::WithinTolerance);
    target
        .at(100)
        .read(vec![per_pod(&[10.0; 3])])
        .gives(0, Reason::ScheduledMaximum);
    target
        .at(150)
        .read(vec![per_pod(&[])])
        .gives(0, Reason::NotApplicableAtZero);
    target
        .at(200)
        .read(vec![per_pod(&[])])
        .gives(1, Reason::BelowMinimum);
}

#[test]
fn zero_that_somebody_set_by_hand_stays_through_a_window() {
    let mut target = scheduled(policy(&[queue()]), 3, &[window(100, 200, Some(6), None)]);
    target.at(0).total(30.0);
    target
        .at(50)
        .somebody_scales_to(0)
        .total(30.0)
        .gives(0, Reason::ScaledToZeroManually);
    target.at(150).total(30.0).gives(0, Reason::ScaledToZeroManually);
}

#[test]
fn sentences_name_the_schedule() {
    let named = Names {
        metrics: &["backlog"],
        schedules: &["office"],
        guards: &[],
    };
    let said = |startup, current, load, bounds: (Option<Replicas>, Option<Replicas>), start| {
        let observation = Observation {
            windows: vec![window(start, 1000, bounds.0, bounds.1)],
            startup_seconds: startup,
            ..observation(current, vec![total(load)])
        };
        once(&policy(&[queue()]), &observation).summary(named).to_string()
    };
    assert_eq!(
        said(None, 2, 20.0, (Some(6), None), 0),
        "2 → 6: schedule office asks for at least 6"
    );
    assert_eq!(
        said(Some(40), 2, 20.0, (Some(6), None), 40),
        "2 → 6: schedule office asks for at least 6 soon, and pods take a while to start"
    );
    assert_eq!(
        said(None, 9, 90.0, (None, Some(4)), 0),
        "9 → 4: schedule office allows at most 4"
    );
    assert_eq!(
        said(None, 6, 10.0, (Some(6), None), 0),
        "stays at 6: backlog 10 in total is 0.167 times its target of 10 per replica and asks for 1, but fewer are \
         not allowed by the minimum of a schedule (office: 6)"
    );
    assert_eq!(
        said(None, 4, 90.0, (None, Some(4)), 0),
        "stays at 4: backlog 90 in total is 2.2 times its target of 10 per replica and asks for 9, but more are not \
         allowed by the maximum of a schedule (office: 4)"
    );
}
