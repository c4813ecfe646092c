//! The rounds of the calculator, on small stories whose outcome follows from upstream's code or issues. Pure.

use concertina_decision::{RateKind, RatePolicy, Replicas, SelectPolicy, Timestamp};

use crate::fixtures::after;
use crate::hpa::{Answer, Invalid, Metric, Phase, Pod, ReadyCondition};
use crate::hpa_loop::{Behavior, Hpa, Round, World};

fn ready_pod() -> Pod {
    Pod {
        phase: Phase::Running,
        being_deleted: false,
        started: Some(Timestamp(0)),
        ready: Some(ReadyCondition {
            is_ready: true,
            since: Timestamp(0),
        }),
        request: Some(1000),
    }
}

/// A queue with a target of 1, so that its length is what is wanted.
fn wanting(replicas: Replicas, wanted: i64, second: u32) -> World {
    World {
        replicas,
        status_replicas: replicas,
        pods: vec![ready_pod(); usize::try_from(replicas).unwrap()],
        answers: vec![Answer::Values(vec![wanted * 1000])],
        now: after(second),
    }
}

fn hpa(behavior: Option<Behavior>) -> Hpa {
    let mut hpa = Hpa::new(1, 1000, vec![Metric::ExternalAverage(1000)]);
    hpa.behavior = behavior;
    hpa
}

#[test]
fn without_behavior_growth_is_twofold_and_shrinking_waits_five_minutes() {
    let mut hpa = hpa(None);
    assert_eq!(hpa.round(&wanting(1, 100, 0)), Round::Replicas(4));
    assert_eq!(hpa.round(&wanting(4, 100, 15)), Round::Replicas(8));
    assert_eq!(
        hpa.round(&wanting(8, 5, 30)),
        Round::Replicas(16),
        "the greatest of five minutes"
    );
    assert_eq!(hpa.round(&wanting(100, 5, 315)), Round::Replicas(100));
    assert_eq!(hpa.round(&wanting(100, 5, 331)), Round::Replicas(5));
}

fn policies(kind: RateKind, value: u32, period_seconds: u32) -> Vec<RatePolicy> {
    vec![RatePolicy {
        kind,
        value,
        period_seconds,
    }]
}

#[test]
fn rate_policies_count_from_the_beginning_of_their_period() {
    let mut behavior = Behavior::default();
    behavior.up.policies = policies(RateKind::Percent, 50, 60);
    behavior.down.policies = policies(RateKind::Pods, 3, 60);
    behavior.down.window_seconds = 0;
    let mut hpa = hpa(Some(behavior.clone()));
    assert_eq!(
        hpa.round(&wanting(5, 100, 0)),
        Round::Replicas(8),
        "1.5 × 5, rounded up"
    );
    assert_eq!(hpa.round(&wanting(8, 100, 15)), Round::Replicas(8));
    assert_eq!(hpa.round(&wanting(8, 100, 60)), Round::Replicas(12));
    // 12 − 4 added within the period: it began with 8.
    assert_eq!(
        hpa.round(&wanting(12, 1, 75)),
        Round::Replicas(5),
        "kubernetes#109058"
    );
    behavior.down.select = SelectPolicy::Disabled;
    let mut disabled = self::hpa(Some(behavior));
    assert_eq!(disabled.round(&wanting(12, 1, 0)), Round::Replicas(12));
}

#[test]
fn with_behavior_a_window_never_turns_the_direction() {
    let mut behavior = Behavior::default();
    behavior.up.window_seconds = 60;
    let mut hpa = hpa(Some(behavior));
    assert_eq!(
        hpa.round(&wanting(10, 15, 0)),
        Round::Replicas(10),
        "the current count is the first want"
    );
    assert_eq!(hpa.round(&wanting(10, 14, 30)), Round::Replicas(10));
    assert_eq!(
        hpa.round(&wanting(10, 16, 60)),
        Round::Replicas(14),
        "the least of a minute"
    );
    assert_eq!(
        hpa.round(&wanting(5, 5, 75)),
        Round::Replicas(5),
        "kubernetes#98174"
    );
}

#[test]
fn bounds_and_zero_come_before_any_metric() {
    let mut hpa = hpa(None);
    (hpa.min, hpa.max) = (3, 10);
    assert_eq!(hpa.round(&wanting(12, 1, 0)), Round::Replicas(10));
    assert_eq!(hpa.round(&wanting(1, 9, 0)), Round::Replicas(3));
    assert_eq!(hpa.round(&wanting(0, 9, 0)), Round::Disabled);
    let mut to_zero = self::hpa(None);
    to_zero.min = 0;
    assert_eq!(to_zero.round(&wanting(0, 9, 0)), Round::Disabled, "created so");
    assert_eq!(to_zero.round(&wanting(1, 0, 301)), Round::Replicas(0));
    assert_eq!(
        to_zero.round(&wanting(0, 3, 316)),
        Round::Replicas(3),
        "went there itself"
    );
}

#[test]
fn a_broken_metric_lets_grow_but_not_shrink() {
    let mut hpa = Hpa::new(
        1,
        100,
        vec![Metric::ExternalAverage(1000), Metric::ExternalAverage(1)],
    );
    let with_broken = |wanted: i64| World {
        answers: vec![Answer::Values(vec![wanted * 1000]), Answer::Failed],
        ..wanting(10, wanted, 0)
    };
    assert_eq!(hpa.round(&with_broken(15)), Round::Replicas(15));
    assert_eq!(
        hpa.round(&with_broken(5)),
        Round::Failed(Invalid::NoAnswer),
        "kubernetes#99514"
    );
}
