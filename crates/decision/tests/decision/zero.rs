//! To zero and back, activation, and the fallback, as timelines.

use concertina_decision::*;

use crate::fixtures::*;

/// 0 to 100 replicas by a queue that needs none up to five jobs; a minute of cooldown before the last replica goes.
fn jobs() -> Policy {
    let mut policy = Policy {
        min_replicas: 0,
        ..policy(&[Metric {
            activation: Some(5.0),
            ..queue()
        }])
    };
    policy.scale_down.cooldown_seconds = 60;
    policy
}

#[test]
fn to_zero_after_a_cooldown_without_need_and_back_at_once() {
    let mut target = Timeline::new(jobs(), 3);
    target.at(0).total(30.0).gives(3, Reason::WithinTolerance);
    target.steadily_until(60, 30.0, 3, Reason::WithinTolerance);
    // Two at once: the others were needed until now, the last one for a minute more.
    target.at(65).total(4.0).gives(1, Reason::Idle);
    target.steadily_until(120, 4.0, 1, Reason::ScaleDownCooldown);
    target.at(125).total(4.0).gives(0, Reason::Idle);
    target.steadily_until(150, 5.0, 0, Reason::BelowActivation);
    target.at(155).total(0.0).gives(0, Reason::NoLoad);
    target.at(160).total(5.1).gives(1, Reason::MetricAboveTarget);
}

#[test]
fn the_time_without_need_begins_anew_with_every_need() {
    let mut target = Timeline::new(jobs(), 1);
    target.at(0).total(6.0).gives(1, Reason::FewerWouldNotDo);
    target.steadily_until(100, 6.0, 1, Reason::FewerWouldNotDo);
    target.steadily_until(155, 0.0, 1, Reason::IdleCooldown);
    target.at(157).total(7.0).gives(1, Reason::FewerWouldNotDo);
    target.at(160).total(0.0).gives(1, Reason::IdleCooldown);
    target.at(216).total(0.0).gives(1, Reason::IdleCooldown);
    target.at(217).total(0.0).gives(0, Reason::Idle);
}

#[test]
fn a_missing_metric_keeps_the_last_replica_and_its_time_does_not_count() {
    let mut target = Timeline::new(jobs(), 1);
    target.at(0).total(0.0);
    target
        .at(50)
        .missing(Missing::TimedOut)
        .gives(1, Reason::MetricsMissing);
    target.at(65).total(0.0).gives(1, Reason::IdleCooldown);
    target.at(110).total(0.0).gives(0, Reason::Idle);
}

#[test]
fn a_missing_metric_does_not_wake_what_is_at_zero() {
    let mut target = Timeline::new(jobs(), 0);
    target
        .at(0)
        .missing(Missing::TimedOut)
        .gives(0, Reason::MetricsMissing);
    target.at(5).total(60.0).gives(6, Reason::MetricAboveTarget);
}

#[test]
fn rules_of_shrinking_hold_on_the_way_to_zero() {
    let mut policy = jobs();
    policy.scale_down = Rules {
        policies: [pods(2, 60)].into_iter().collect(),
        ..free()
    };
    let mut target = Timeline::new(policy, 5);
    target.at(0).total(0.0).gives(3, Reason::Idle);
    target.at(30).total(0.0).gives(3, Reason::ScaleDownLimit);
    target.at(60).total(0.0).gives(1, Reason::Idle);
    target.at(120).total(0.0).gives(0, Reason::Idle);
}

#[test]
fn cpu_keeps_the_last_replica_only_while_it_asks_for_a_second_or_is_above_its_own_activation() {
    let busy = |percent: f64| vec![total(0.0), cores(&[percent / 100.0])];
    for (activation, percent, desired, reason) in [
        (None, 30.0, 0, Reason::Idle),
        (None, 60.0, 2, Reason::MetricAboveTarget),
        (Some(10.0), 10.0, 0, Reason::Idle),
        (Some(10.0), 11.0, 1, Reason::FewerWouldNotDo),
    ] {
        let metrics = [queue(), Metric { activation, ..cpu() }];
        let policy = Policy {
            min_replicas: 0,
            ..policy(&metrics)
        };
        let decision = once(&policy, &observation(1, busy(percent)));
        assert_eq!(
            (decision.desired, decision.reason),
            (desired, reason),
            "{activation:?} {percent}"
        );
    }
}

#[test]
fn the_activation_of_a_rate_in_pods_is_held_against_their_sum() {
    for (rates, desired) in [([2.0, 3.0], 0), ([3.0, 3.0], 1)] {
        let metrics = [
            queue(),
            Metric {
                activation: Some(5.0),
                ..rate()
            },
        ];
        let policy = Policy {
            min_replicas: 0,
            ..policy(&metrics)
        };
        let decision = once(&policy, &observation(2, vec![total(0.0), per_pod(&rates)]));
        assert_eq!(decision.desired, desired, "{rates:?}");
    }
}

#[test]
fn an_activation_that_makes_no_sense_is_zero() {
    for activation in [-1.0, f64::NAN, f64::NEG_INFINITY] {
        let metric = Metric {
            activation: Some(activation),
            ..queue()
        };
        let policy = Policy {
            min_replicas: 0,
            ..policy(&[metric])
        };
        let at = |replicas, load| once(&policy, &observation(replicas, vec![total(load)])).desired;
        assert_eq!(
            (at(0, 0.0), at(0, 1.0), at(1, 0.0), at(1, 1.0)),
            (0, 1, 0, 1),
            "{activation}"
        );
    }
}

#[test]
fn where_the_minimum_is_one_activation_changes_nothing() {
    let policy = Policy {
        min_replicas: 1,
        ..jobs()
    };
    let decision = once(&policy, &observation(1, vec![total(0.0)]));
    assert_eq!((decision.desired, decision.reason), (1, Reason::AtMinimum));
}

#[test]
fn the_fallback_lifts_what_nothing_is_known_of_and_lowers_nothing() {
    let fallback = |replicas| Policy {
        fallback: Some(Fallback {
            after_seconds: 60,
            replicas,
        }),
        ..policy(&[queue(), rate()])
    };
    let mut target = Timeline::new(fallback(6), 3);
    let nothing = || vec![Reading::Missing(Missing::TimedOut); 2];
    target.at(0).read(nothing()).gives(3, Reason::MetricsMissing);
    target.at(59).read(nothing()).gives(3, Reason::MetricsMissing);
    target.at(60).read(nothing()).gives(6, Reason::FallbackActive);
    target.at(65).read(nothing()).gives(6, Reason::FallbackActive);
    // One usable metric ends it, and its time begins anew.
    let one = vec![total(60.0), Reading::Missing(Missing::TimedOut)];
    target.at(70).read(one).gives(6, Reason::WithinTolerance);
    target.at(75).read(nothing()).gives(6, Reason::MetricsMissing);
    target.at(135).read(nothing()).gives(6, Reason::FallbackActive);
    let mut large = Timeline::new(fallback(6), 9);
    large.at(0).read(nothing());
    large.at(60).read(nothing()).gives(9, Reason::FallbackActive);
    let mut asleep = Timeline::new(
        Policy {
            min_replicas: 0,
            ..fallback(6)
        },
        0,
    );
    asleep.at(0).read(nothing()).gives(0, Reason::MetricsMissing);
    asleep.at(60).read(nothing()).gives(6, Reason::FallbackActive);
    let mut capped = Timeline::new(fallback(500), 9);
    capped.at(0).read(nothing());
    capped.at(60).read(nothing()).gives(100, Reason::FallbackActive);
}

#[test]
fn an_empty_answer_is_missing_or_zero_as_the_policy_says() {
    let empty = || Reading::Missing(Missing::NoSamples);
    let zero = |metric| Metric {
        when_empty: WhenEmpty::Zero,
        ..metric
    };
    let nobody = || Reading::PerPod(vec![PodReading::default(); 4]);
    for (metric, reading, desired, reason) in [
        (queue(), empty(), 4, Reason::MetricsMissing),
        (zero(queue()), empty(), 1, Reason::MetricBelowTarget),
        (
            zero(queue()),
            Reading::Missing(Missing::TimedOut),
            4,
            Reason::MetricsMissing,
        ),
        (rate(), nobody(), 4, Reason::MetricsMissing),
        (zero(rate()), nobody(), 1, Reason::MetricBelowTarget),
        (zero(cpu()), nobody(), 4, Reason::MetricsMissing),
        (zero(latency()), empty(), 1, Reason::MetricBelowTarget),
    ] {
        let decision = once(&policy(&[metric]), &observation(4, vec![reading]));
        assert_eq!(
            (decision.desired, decision.reason),
            (desired, reason),
            "{metric:?}"
        );
    }
    // Where some pods have samples, those without are missing: half the scrapes failing is not half the load.
    let some = Reading::PerPod(vec![
        core(Some(8.0), None),
        core(Some(8.0), None),
        PodReading::default(),
        PodReading::default(),
    ]);
    let decision = once(&policy(&[zero(rate())]), &observation(4, vec![some]));
    assert_eq!(
        (decision.desired, decision.reason),
        (4, Reason::PodsWithoutSamples)
    );
    // A pod that crashes serves nothing, which is not the same as being asked for nothing.
    let pods = vec![Pod::Ready, Pod::Crashing, Pod::Crashing, Pod::Crashing];
    let crashing = Observation {
        pods,
        ..observation(4, vec![nobody()])
    };
    let decision = once(&policy(&[zero(rate())]), &crashing);
    assert_eq!(decision.desired, 3, "{decision:#?}");
    let all = Observation {
        pods: vec![Pod::Crashing; 4],
        ..observation(4, vec![nobody()])
    };
    let decision = once(&policy(&[zero(rate())]), &all);
    assert_eq!((decision.desired, decision.reason), (4, Reason::MetricsMissing));
}
