//! What a proposal tells beside its number: the pods and samples behind it, and what made the difference.

use super::*;

#[test]
fn an_empty_answer_that_counts_as_zero_is_marked() {
    let metric = |metric| Metric {
        when_empty: crate::WhenEmpty::Zero,
        ..metric
    };
    let empty = Reading::Missing(crate::Missing::NoSamples);
    let found = proposal(metric(queue()), 3, &ready(3), empty);
    assert_eq!(asked_for(&found), (0, Reason::MetricBelowTarget));
    assert!(found.empty);
    let found = proposal(metric(rate()), 3, &ready(3), some(&[None; 3]));
    assert_eq!(asked_for(&found), (0, Reason::MetricBelowTarget));
    assert!(found.empty);
    assert!(!proposal(metric(rate()), 3, &ready(3), per_pod(&[0.0; 3])).empty);
    assert!(!proposal(metric(queue()), 3, &ready(3), total(0.0)).empty);
}

#[test]
fn pods_that_crash_do_not_carry_what_the_others_do() {
    use Pod::{Crashing, Ready};
    let pods = [Ready, Ready, Crashing, Crashing];
    for (values, expected) in [
        // Two at half their target, and two that count as at it: three of four.
        ([5.0, 5.0, 0.0, 0.0], (3, Reason::MetricBelowTarget)),
        ([8.0, 8.0, 90.0, 90.0], (4, Reason::PodsWithoutSamples)),
        ([30.0, 30.0, 0.0, 0.0], (6, Reason::MetricAboveTarget)),
        ([15.0, 15.0, 90.0, 90.0], (4, Reason::PodsWithoutSamples)),
    ] {
        let found = proposal(rate(), 4, &pods, per_pod(&values));
        assert_eq!(asked_for(&found), expected, "{values:?}");
        assert_eq!((found.counted_pods, found.missing_pods), (2, 2));
    }
}

#[test]
fn replicas_that_no_pod_stands_for_count_as_missing_only_when_shrinking() {
    use Reason::{MetricAboveTarget, MetricBelowTarget, PodsWithoutSamples, WithinTolerance};
    for (value, expected, missing) in [
        (2.0, (5, MetricBelowTarget), 4),
        (8.0, (8, PodsWithoutSamples), 4),
        (10.0, (8, WithinTolerance), 0),
        (15.0, (8, Reason::AwaitingReplicas), 0),
        (30.0, (12, MetricAboveTarget), 0),
    ] {
        let found = proposal(rate(), 8, &ready(4), per_pod(&[value; 4]));
        assert_eq!(asked_for(&found), expected, "{value}");
        assert_eq!((found.counted_pods, found.missing_pods), (4, missing), "{value}");
    }
}

#[test]
fn a_total_says_its_age_and_a_value_the_pods_it_stands_for() {
    let old = Reading::Total {
        value: 50.0,
        time: Some(crate::Timestamp(noon().0 - 42_000)),
    };
    assert_eq!(proposal(queue(), 4, &[], old).age_seconds, Some(42));
    assert_eq!(proposal(queue(), 4, &[], total(50.0)).age_seconds, None);
    for (replicas, pods, value, counted) in [
        (4, ready(4), 50.0, 4),
        // Surge pods are no replicas when growing.
        (10, ready(13), 50.0, 13),
        (10, ready(13), 100.0, 13),
        (10, ready(13), 150.0, 10),
        (10, ready(4), 150.0, 4),
        (4, vec![Pod::Starting; 4], 150.0, 1),
        (0, vec![], 150.0, 1),
    ] {
        let found = proposal(latency(), replicas, &pods, total(value));
        assert_eq!(found.counted_pods, counted, "{replicas} {value}");
    }
    assert_eq!(proposal(queue(), 4, &ready(4), total(50.0)).counted_pods, 0);
}

#[test]
fn pods_without_a_sample_are_told_only_where_they_make_a_difference() {
    use Reason::{AwaitingReplicas, FewerWouldNotDo, PodsWithoutSamples};
    for (replicas, values, expected) in [
        // 1.5 of 2 replicas, and 3 if both pods were like it.
        (2, vec![Some(15.0), None], PodsWithoutSamples),
        (3, vec![Some(15.0), None], AwaitingReplicas),
        // A surge pod without a sample: the two others alone would not do with one.
        (2, vec![Some(8.0), Some(8.0), None], FewerWouldNotDo),
        (3, vec![Some(8.0), Some(8.0), None], PodsWithoutSamples),
    ] {
        let found = proposal(rate(), replicas, &ready(values.len()), some(&values));
        assert_eq!(asked_for(&found), (replicas, expected), "{replicas} {values:?}");
    }
}

#[test]
fn both_ends_of_the_tolerance_belong_to_it_but_for_noise() {
    let policy = policy(&[queue()]);
    let (up, down) = (1.1 * (1.0 + NOISE), 0.9 * (1.0 - NOISE));
    for (ratio, expected) in [
        (up, Side::Within),
        (up.next_up(), Side::Above),
        (down, Side::Within),
        (down.next_down(), Side::Below),
        (1.0, Side::Within),
    ] {
        assert!(Side::of(ratio, &policy, &queue()) == expected, "{ratio}");
    }
}

#[test]
fn the_numbers_of_pods_are_all_in_the_record() {
    let sample = |value, seconds: i64, at_least| PodReading {
        value: Some(value),
        time: Some(crate::Timestamp(noon().0 - seconds * 1000)),
        at_least,
        ..Default::default()
    };
    let readings = |at_least| Reading::PerPod(vec![sample(2.0, 10, at_least), sample(4.0, 20, false)]);
    let pods = [Pod::Ready, Pod::Ready, Pod::Unready, Pod::Starting];
    let found = proposal(rate(), 4, &pods, readings(false));
    assert_eq!(
        (found.age_seconds, found.measured),
        (Some(20), Some(Measured::PerReplica(3.0)))
    );
    assert_eq!(
        (found.counted_pods, found.missing_pods, found.starting_pods),
        (2, 1, 1)
    );
    assert_eq!(found.ratio_when_shrinking, None, "no pod means at least");
    // One of the two counts as at its target of 10.
    let found = proposal(rate(), 4, &pods, readings(true));
    assert_eq!((found.ratio, found.ratio_when_shrinking), (Some(0.3), Some(0.7)));
    let above = Reading::PerPod(vec![sample(20.0, 10, true), sample(20.0, 20, false)]);
    let found = proposal(rate(), 2, &pods, above);
    assert_eq!((found.ratio, found.ratio_when_shrinking), (Some(2.0), None));
}

#[test]
fn what_keeps_a_number_is_told_by_what_makes_the_difference() {
    use Reason::{FewerWouldNotDo, PartialRates, PodsWithoutSamples};
    let sample = |value, at_least| PodReading {
        value,
        at_least,
        ..Default::default()
    };
    let (young, old, none) = (
        sample(Some(3.0), true),
        sample(Some(3.0), false),
        sample(None, false),
    );
    for (replicas, readings, expected) in [
        (3, vec![young; 3], PartialRates),
        // Both would do.
        (3, vec![young, young, none], PodsWithoutSamples),
        // Three surge pods of one replica: 0.9 of it are one even as measured.
        (1, vec![young; 3], FewerWouldNotDo),
        (1, vec![young, none], FewerWouldNotDo),
        (1, vec![old], FewerWouldNotDo),
    ] {
        let found = proposal(
            rate(),
            replicas,
            &ready(readings.len()),
            Reading::PerPod(readings.clone()),
        );
        assert_eq!(asked_for(&found), (replicas, expected), "{replicas} {readings:?}");
    }
}

#[test]
fn what_means_at_least_has_no_tolerance_but_for_noise() {
    let metric = Metric {
        target: Target::AverageValue { per_replica: 1.0 },
        ..rate()
    };
    let full = Metric {
        target: Target::Utilization { percent: 100.0 },
        ..cpu()
    };
    let policy = policy(&[metric, full]);
    for (value, expected) in [
        (1.0 + NOISE, (1, Reason::WithinTolerance)),
        ((1.0 + NOISE).next_up(), (2, Reason::MetricAboveTarget)),
    ] {
        let readings = vec![per_pod(&[value]), limited_cores(&[1.0])];
        let found = proposals(&policy, &observation(1, readings))[0];
        assert_eq!(asked_for(&found), expected, "{value}");
    }
}

#[test]
fn rounding_at_the_end_of_the_tolerance_is_not_put_down_to_pods() {
    // 24 × 0.4 ÷ 24 is a little more than 0.4, and this tolerance ends between the two.
    let mut policy = policy(&[rate()]);
    policy.scale_down.tolerance = 0.599_999_999_6;
    let found = proposals(&policy, &observation(24, vec![per_pod(&[4.0; 24])]))[0];
    assert_eq!(asked_for(&found), (24, Reason::FewerWouldNotDo));
}
