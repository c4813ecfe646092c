//! The rows of propose's tables.

use super::*;
use crate::fixtures::*;
use crate::{Observation, Pod, PodReading, Reading};

mod records;

/// What each metric of a policy asks for at noon.
fn proposals(policy: &Policy, observation: &Observation) -> ArrayVec<Proposal, MAX_METRICS> {
    let mut observed = Observed::before_metrics(observation);
    observed.measure(policy, observation, noon());
    let mut proposals = ArrayVec::new();
    propose(policy, &observed, &mut proposals);
    proposals
}

fn proposal(metric: Metric, replicas: Replicas, pods: &[Pod], reading: Reading) -> Proposal {
    let observation = Observation {
        current_replicas: replicas,
        pods: pods.to_vec(),
        metrics: vec![reading],
        ..Observation::default()
    };
    let policy = policy(&[metric]);
    proposals(&policy, &observation)[0]
}

fn asked_for(proposal: &Proposal) -> (Replicas, Reason) {
    (proposal.replicas().unwrap(), proposal.reason)
}

/// Readings of which those that are `None` have no sample.
fn some(values: &[Option<f64>]) -> Reading {
    Reading::PerPod(
        values
            .iter()
            .map(|value| PodReading {
                value: *value,
                ..Default::default()
            })
            .collect(),
    )
}

#[test]
fn a_total_is_divided_by_what_one_replica_should_have() {
    use Reason::{FewerWouldNotDo, MetricAboveTarget, MetricBelowTarget, NoLoad, WithinTolerance};
    for (replicas, load, expected) in [
        // At zero there is no tolerance.
        (0, 0.0, (0, NoLoad)),
        (0, 0.001, (1, MetricAboveTarget)),
        (0, 10.1, (2, MetricAboveTarget)),
        // Both ends of the tolerance belong to it.
        (10, 110.0, (10, WithinTolerance)),
        (10, 110.01, (12, MetricAboveTarget)),
        (10, 90.0, (10, WithinTolerance)),
        (10, 89.99, (9, MetricBelowTarget)),
        (3, 25.0, (3, FewerWouldNotDo)),
        (10, 0.0, (0, MetricBelowTarget)),
        (1, 1e300, (i32::MAX, MetricAboveTarget)),
        (i32::MAX, 1e300, (i32::MAX, Reason::AwaitingReplicas)),
        // A sum with noise of floating point is still seven.
        (1, 70.000_000_01, (7, MetricAboveTarget)),
    ] {
        assert_eq!(
            asked_for(&proposal(queue(), replicas, &[], total(load))),
            expected,
            "{replicas}, {load}"
        );
    }
}

#[test]
fn a_value_stands_in_proportion_to_the_pods_that_serve() {
    use Reason::{AwaitingReplicas, MetricAboveTarget, MetricBelowTarget, NoLoad, NoReadyPods};
    let starting = [Pod::Starting; 4];
    for (replicas, pods, value, expected) in [
        (4, ready(4), 150.0, (6, MetricAboveTarget)),
        (4, ready(4), 50.0, (2, MetricBelowTarget)),
        // Four of ten serve: 150 % of four are fewer than ten.
        (10, ready(4), 150.0, (10, AwaitingReplicas)),
        (10, ready(4), 50.0, (2, MetricBelowTarget)),
        // Surge pods of a rollout serve too, but do not turn the direction.
        (10, ready(13), 85.0, (10, Reason::FewerWouldNotDo)),
        (10, ready(20), 120.0, (12, MetricAboveTarget)),
        // Nobody has served yet.
        (4, starting.to_vec(), 10.0, (4, NoReadyPods)),
        (4, starting.to_vec(), 900.0, (9, MetricAboveTarget)),
        (0, vec![], 250.0, (3, MetricAboveTarget)),
        (0, vec![], 0.0, (0, NoLoad)),
    ] {
        assert_eq!(
            asked_for(&proposal(latency(), replicas, &pods, total(value))),
            expected,
            "{replicas}, {value}"
        );
    }
}

#[test]
fn readings_per_pod_multiply_the_pods_that_count() {
    use Reason::{AwaitingReplicas, FewerWouldNotDo, MetricAboveTarget, MetricBelowTarget, WithinTolerance};
    for (replicas, pods, values, expected) in [
        (2, ready(2), vec![20.0, 30.0], (5, MetricAboveTarget)),
        (2, ready(2), vec![10.0, 12.0], (2, WithinTolerance)),
        (2, ready(2), vec![3.0, 5.0], (1, MetricBelowTarget)),
        (3, ready(3), vec![8.0, 8.0, 8.0], (3, FewerWouldNotDo)),
        // Ten of twenty pods are not seen yet, just after a growth: the load of the others is not known.
        (20, ready(10), vec![5.0; 10], (15, MetricBelowTarget)),
        (11, ready(10), vec![9.5; 10], (11, WithinTolerance)),
        // Quota lets only five of ten pods be: a ratio above 1 does not shrink.
        (10, ready(5), vec![15.0; 5], (10, AwaitingReplicas)),
        // Thirteen pods of ten replicas during a rollout: a ratio below 1 does not grow.
        (10, ready(13), vec![8.5; 13], (10, FewerWouldNotDo)),
        (10, ready(13), vec![15.0; 13], (20, MetricAboveTarget)),
        (10, ready(13), vec![5.0; 13], (7, MetricBelowTarget)),
        (2, ready(2), vec![0.0, 0.0], (0, MetricBelowTarget)),
        (
            2,
            ready(2),
            vec![f64::MAX, f64::MAX],
            (i32::MAX, MetricAboveTarget),
        ),
    ] {
        assert_eq!(
            asked_for(&proposal(rate(), replicas, &pods, per_pod(&values))),
            expected,
            "{replicas} {values:?}"
        );
    }
}

#[test]
fn starting_pods_are_left_out_of_sum_and_count() {
    let pods = [Pod::Ready, Pod::Starting, Pod::Starting];
    let found = proposal(rate(), 3, &pods, per_pod(&[25.0, 0.0, 900.0]));
    assert_eq!(asked_for(&found), (3, Reason::AwaitingReplicas));
    assert_eq!(
        (found.ratio, found.counted_pods, found.starting_pods),
        (Some(2.5), 1, 2)
    );
}

#[test]
fn pods_without_a_sample_count_as_at_the_target_when_shrinking_and_as_nothing_when_growing() {
    use Reason::{
        AwaitingReplicas, MetricAboveTarget, MetricBelowTarget, PodsWithoutSamples, WithinTolerance,
    };
    for (values, expected) in [
        // 4 × 0.5 + 0, and 2 × 0.5 + 2 at the target.
        (vec![Some(5.0); 4], (2, MetricBelowTarget)),
        (vec![Some(5.0), Some(5.0), None, None], (3, MetricBelowTarget)),
        // Filled in, the ratio is 0.95: within the tolerance.
        (vec![Some(8.0), None, None, None], (4, PodsWithoutSamples)),
        // Filled in, it is 0.85, and three of four are not enough.
        (vec![Some(4.0), None, None, None], (4, PodsWithoutSamples)),
        (vec![Some(10.0), None, None, None], (4, WithinTolerance)),
        // One pod at 1.5 is six replicas if the others are like it, and no reason to grow if they are idle.
        (vec![Some(15.0), None, None, None], (4, PodsWithoutSamples)),
        (vec![Some(60.0), None, None, None], (6, MetricAboveTarget)),
        (vec![Some(20.0), Some(20.0)], (4, AwaitingReplicas)),
        (vec![Some(15.0), Some(15.0), None], (4, PodsWithoutSamples)),
    ] {
        let found = proposal(rate(), 4, &ready(values.len()), some(&values));
        assert_eq!(asked_for(&found), expected, "{values:?}");
    }
}

#[test]
fn pods_that_mean_at_least_count_as_at_the_target_when_shrinking_and_as_measured_when_growing() {
    use Reason::{AwaitingReplicas, MetricAboveTarget, MetricBelowTarget, PartialRates, WithinTolerance};
    let at_least = |value| PodReading {
        value: Some(value),
        at_least: true,
        ..Default::default()
    };
    let exactly = |value| PodReading {
        at_least: false,
        ..at_least(value)
    };
    for (readings, expected) in [
        // A rollout is over: no pod has been Ready for a whole window.
        (vec![at_least(3.0); 4], (4, PartialRates)),
        (vec![exactly(3.0); 4], (2, MetricBelowTarget)),
        // 1 and 1 at the target, 0.1 and 0.1 measured.
        (
            vec![at_least(3.0), at_least(0.0), exactly(1.0), exactly(1.0)],
            (3, MetricBelowTarget),
        ),
        // Above the target it counts as more: 1.9 + 3 × 0.1.
        (
            vec![at_least(19.0), exactly(1.0), exactly(1.0), exactly(1.0)],
            (3, MetricBelowTarget),
        ),
        (vec![at_least(10.0), exactly(10.0)], (4, WithinTolerance)),
        // Growing needs what was measured, and that is enough for it.
        (vec![at_least(15.0), at_least(15.0)], (4, AwaitingReplicas)),
        (vec![at_least(30.0), at_least(30.0)], (6, MetricAboveTarget)),
        (
            vec![at_least(0.0), at_least(0.0), exactly(24.0), exactly(24.0)],
            (5, MetricAboveTarget),
        ),
    ] {
        let found = proposal(
            rate(),
            4,
            &ready(readings.len()),
            Reading::PerPod(readings.clone()),
        );
        assert_eq!(asked_for(&found), expected, "{readings:?}");
    }
}

#[test]
fn a_utilisation_that_means_at_least_is_filled_up_to_the_target_of_each_pod() {
    // Half of one core and of three cores; measured is a tenth of a core each.
    let pod = |request, at_least| PodReading {
        value: Some(0.1),
        request: Some(request),
        at_least,
        ..Default::default()
    };
    for (young, expected) in [
        ([false, false], (1, Reason::MetricBelowTarget)),
        ([true, true], (2, Reason::PartialRates)),
        // 1.6 of 4 cores are 1.6 pods of 50 %, 0.6 of 4 cores 0.6 pods.
        ([false, true], (2, Reason::PartialRates)),
        ([true, false], (1, Reason::MetricBelowTarget)),
    ] {
        let readings = vec![pod(1.0, young[0]), pod(3.0, young[1])];
        let found = proposal(memory(), 2, &ready(2), Reading::PerPod(readings));
        assert_eq!(asked_for(&found), expected, "{young:?}");
        assert_eq!(found.measured, Some(Measured::Percent(5.0)), "{young:?}");
    }
}

#[test]
fn what_means_at_least_is_idle_only_if_its_target_is() {
    let metric = Metric {
        activation: Some(5.0),
        ..rate()
    };
    for (at_least, expected) in [(false, true), (true, false)] {
        let reading = PodReading {
            value: Some(1.0),
            at_least,
            ..Default::default()
        };
        assert_eq!(
            proposal(metric, 1, &ready(1), Reading::PerPod(vec![reading])).idle,
            expected
        );
    }
}

#[test]
fn utilisation_is_a_ratio_of_sums_in_full_precision() {
    let pod = |value, request| PodReading {
        value: Some(value),
        request: Some(request),
        ..Default::default()
    };
    // A big pod weighs more: 3.2 of 5 cores are 64 %, though the mean of 70 % and 20 % is 45 %.
    let uneven = Reading::PerPod(vec![pod(3.0, 4.0), pod(0.2, 1.0)]);
    let found = proposal(cpu(), 2, &ready(2), uneven);
    assert_eq!(found.measured, Some(Measured::Percent(64.0)));
    assert_eq!(asked_for(&found), (3, Reason::MetricAboveTarget));
    // 55.9 % is above 55 %, where whole per cent would be within the tolerance.
    let found = proposal(cpu(), 10, &ready(10), cores(&[0.559; 10]));
    assert_eq!(asked_for(&found), (12, Reason::MetricAboveTarget));
}

#[test]
fn cpu_at_its_limit_means_at_least() {
    use Reason::{AwaitingReplicas, CpuAtLimit, MetricAboveTarget, WithinTolerance};
    let cpu_of = |percent: f64| Metric {
        target: Target::Utilization { percent },
        ..cpu()
    };
    for (metric, replicas, usage, expected) in [
        // Above: at least twice the pods that count.
        (cpu_of(80.0), 4, [1.0; 4], (8, CpuAtLimit)),
        (cpu_of(40.0), 4, [1.0; 4], (10, MetricAboveTarget)),
        (cpu_of(80.0), 8, [1.0; 4], (8, AwaitingReplicas)),
        // At least has no tolerance above the target.
        (cpu_of(95.0), 4, [1.0; 4], (8, CpuAtLimit)),
        (cpu_of(100.0), 4, [1.0; 4], (4, WithinTolerance)),
        (cpu_of(100.0), 4, [0.97; 4], (4, WithinTolerance)),
        // Below: as now.
        (cpu_of(200.0), 4, [1.0; 4], (4, CpuAtLimit)),
        // Not at the limit.
        (cpu_of(80.0), 4, [0.94; 4], (5, MetricAboveTarget)),
    ] {
        let found = proposal(metric, replicas, &ready(4), limited_cores(&usage));
        assert_eq!(asked_for(&found), expected, "{metric:?} {replicas}");
        assert_eq!(found.censored, usage[0] >= 0.95);
    }
}

#[test]
fn tolerances_that_make_no_sense_are_none() {
    for tolerance in [f64::NAN, -1.0, f64::NEG_INFINITY, 0.0] {
        let mut policy = policy(&[queue()]);
        policy.scale_up.tolerance = tolerance;
        policy.scale_down.tolerance = tolerance;
        for (load, replicas) in [(100.1, 11), (100.0, 10), (90.0, 9)] {
            assert_eq!(
                proposals(&policy, &observation(10, vec![total(load)]))[0].replicas(),
                Some(replicas),
                "{tolerance}, {load}"
            );
        }
    }
    let mut policy = policy(&[queue()]);
    policy.scale_up.tolerance = f64::INFINITY;
    policy.scale_down.tolerance = 1.0;
    for load in [0.0, 1e300] {
        let proposals = proposals(&policy, &observation(10, vec![total(load)]));
        assert_eq!(proposals[0].reason, Reason::WithinTolerance);
    }
}

#[test]
fn what_is_missing_or_not_applicable_proposes_nothing_and_keeps_its_counts() {
    let found = proposal(
        rate(),
        2,
        &[Pod::Ready, Pod::Ready, Pod::Starting],
        some(&[None, None, None]),
    );
    assert_eq!(found.outcome, Outcome::Missing(crate::Missing::NoSamples));
    assert_eq!(
        (found.reason, found.missing_pods, found.starting_pods),
        (Reason::NoSamples, 2, 1)
    );
    assert_eq!(
        (found.measured, found.ratio, found.replicas()),
        (None, None, None)
    );
    let found = proposal(rate(), 0, &[], per_pod(&[]));
    assert_eq!(
        (found.outcome, found.reason),
        (Outcome::NotApplicable, Reason::NotApplicableAtZero)
    );
}

#[test]
fn at_zero_a_total_asks_for_replicas_once_it_is_above_its_activation() {
    use Reason::{BelowActivation, MetricAboveTarget, NoLoad};
    let with = |metric, activation| Metric { activation, ..metric };
    for (metric, load, expected, idle) in [
        (with(queue(), None), 0.0, (0, NoLoad), true),
        (with(queue(), None), 0.1, (1, MetricAboveTarget), false),
        (with(queue(), Some(5.0)), 0.0, (0, NoLoad), true),
        (with(queue(), Some(5.0)), 5.0, (0, BelowActivation), true),
        (with(queue(), Some(5.0)), 5.1, (1, MetricAboveTarget), false),
        (with(queue(), Some(50.0)), 49.0, (0, BelowActivation), true),
        (with(queue(), Some(50.0)), 51.0, (6, MetricAboveTarget), false),
        (with(latency(), Some(5.0)), 5.0, (0, BelowActivation), true),
        (with(latency(), Some(5.0)), 150.0, (2, MetricAboveTarget), false),
        (with(queue(), Some(-5.0)), 0.0, (0, NoLoad), true),
        (with(queue(), Some(f64::NAN)), 0.1, (1, MetricAboveTarget), false),
    ] {
        let found = proposal(metric, 0, &[], total(load));
        assert_eq!(
            (asked_for(&found), found.idle),
            (expected, idle),
            "{metric:?} {load}"
        );
        let ratio = matches!(metric.target, Target::Value { .. }).then_some(load / 100.0);
        assert_eq!(found.ratio, ratio, "{metric:?} {load}");
    }
}

#[test]
fn a_metric_is_idle_as_its_table_says() {
    let with = |metric, activation| Metric { activation, ..metric };
    for (metric, pods, reading, idle) in [
        (queue(), 3, total(0.0), true),
        (queue(), 3, total(0.1), false),
        (with(queue(), Some(5.0)), 3, total(5.0), true),
        (with(queue(), Some(5.0)), 3, total(5.1), false),
        // Of pods, without an activation: one replica at most.
        (rate(), 3, per_pod(&[3.0; 3]), true),
        (rate(), 3, per_pod(&[4.0; 3]), false),
        (rate(), 1, per_pod(&[10.0]), true),
        (cpu(), 3, cores(&[0.1; 3]), true),
        (cpu(), 3, cores(&[0.2; 3]), false),
        // With one: the sum over the pods, or the per cent.
        (with(rate(), Some(5.0)), 2, per_pod(&[2.0, 3.0]), true),
        (with(rate(), Some(5.0)), 2, per_pod(&[2.1, 3.0]), false),
        // 0.1 + 0.2 is a little above 0.3 in floating point.
        (with(rate(), Some(0.3)), 2, per_pod(&[0.1, 0.2]), true),
        (with(rate(), Some(-5.0)), 2, per_pod(&[0.0, 0.0]), true),
        (with(cpu(), Some(10.0)), 3, cores(&[0.1; 3]), true),
        (with(cpu(), Some(10.0)), 1, cores(&[0.11]), false),
        (with(cpu(), Some(-1.0)), 1, cores(&[0.0]), true),
        (with(cpu(), Some(-1.0)), 1, cores(&[0.01]), false),
        (cpu(), 0, cores(&[]), true),
        (cpu(), 3, Reading::Missing(crate::Missing::Stale), false),
    ] {
        let replicas = Replicas::try_from(pods).unwrap();
        let found = proposal(metric, replicas, &ready(pods), reading.clone());
        assert_eq!(found.idle, idle, "{metric:?} {reading:?}");
    }
}
