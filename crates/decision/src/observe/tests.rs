//! The rows of observe's tables.

use super::*;
use crate::fixtures::total;
use crate::fixtures::*;

fn observe(policy: &Policy, observation: &Observation, now: Timestamp) -> Observed {
    let mut observed = Observed::before_metrics(observation);
    observed.measure(policy, observation, now);
    observed
}

fn observed(metric: Metric, pods: &[Pod], reading: Reading, now: Timestamp) -> Observed {
    let observation = Observation {
        current_replicas: 4,
        pods: pods.to_vec(),
        metrics: vec![reading],
        ..Observation::default()
    };
    observe(&policy(&[metric]), &observation, now)
}

fn one(observed: &Observed) -> &Measurement {
    &observed.metrics[0]
}

/// The number of a total, or why it is missing.
fn of_total(value: f64, time: Option<Timestamp>) -> Result<f64, Missing> {
    match one(&observed(
        queue(),
        &[],
        Reading::Total { value, time },
        after(100),
    )) {
        Measurement::Total { value, .. } => Ok(*value),
        Measurement::Missing { why, .. } => Err(*why),
        _ => panic!("a total is a total or missing"),
    }
}

#[test]
fn values_that_no_load_can_have_are_missing() {
    for (value, expected) in [
        (7.0, Ok(7.0)),
        (0.0, Ok(0.0)),
        (-0.0, Ok(0.0)),
        (f64::MAX, Ok(f64::MAX)),
        (5e-324, Ok(5e-324)),
        (f64::NAN, Err(Missing::NotANumber)),
        (f64::INFINITY, Err(Missing::NotANumber)),
        (f64::NEG_INFINITY, Err(Missing::NotANumber)),
        (-1e-9, Err(Missing::Negative)),
    ] {
        assert_eq!(of_total(value, None), expected, "{value}");
    }
}

#[test]
fn samples_older_than_the_maximum_age_are_missing() {
    for (time, expected) in [
        (Some(after(100)), Ok(7.0)),
        (Some(after(40)), Ok(7.0)),
        (Some(Timestamp(after(40).0 - 1)), Err(Missing::Stale)),
        (Some(after(5000)), Ok(7.0)),
        (Some(Timestamp(i64::MAX)), Ok(7.0)),
        (Some(Timestamp(i64::MIN)), Err(Missing::Stale)),
        (None, Ok(7.0)),
    ] {
        assert_eq!(of_total(7.0, time), expected, "{time:?}");
    }
}

#[test]
fn pods_that_were_ready_once_count_and_starting_ones_do_not() {
    let pods = [
        Pod::Ready,
        Pod::Unready,
        Pod::Starting,
        Pod::Ready,
        Pod::Unready,
        Pod::Starting,
    ];
    let values = [Some(1.0), Some(2.0), Some(100.0), None, Some(f64::NAN), None];
    let readings = values.map(|value| PodReading {
        value,
        ..Default::default()
    });
    let observed = observed(rate(), &pods, Reading::PerPod(readings.to_vec()), noon());
    assert_eq!((observed.once_ready_pods, observed.starting_pods), (4, 2));
    let Measurement::Pods(sums) = one(&observed) else {
        panic!("two pods counted")
    };
    assert_eq!((sums.counted, sums.missing, sums.value), (2, 2, 3.0));
}

#[test]
fn readings_beyond_the_pods_are_ignored_and_pods_beyond_the_readings_have_none() {
    let short = observed(rate(), &ready(3), per_pod(&[1.0]), noon());
    let Measurement::Pods(sums) = one(&short) else {
        panic!("one pod counted")
    };
    assert_eq!((sums.counted, sums.missing), (1, 2));
    let long = observed(rate(), &ready(1), per_pod(&[1.0, 50.0, 50.0]), noon());
    let Measurement::Pods(sums) = one(&long) else {
        panic!("one pod counted")
    };
    assert_eq!((sums.counted, sums.missing, sums.value), (1, 0, 1.0));
}

#[test]
fn the_age_is_that_of_the_oldest_sample_that_counts() {
    let sample = |seconds| PodReading {
        value: Some(1.0),
        time: Some(after(seconds)),
        ..Default::default()
    };
    let readings = vec![
        sample(90),
        sample(70),
        sample(10),
        PodReading {
            time: None,
            ..sample(0)
        },
    ];
    let observed = observed(rate(), &ready(4), Reading::PerPod(readings), after(100));
    let Measurement::Pods(sums) = one(&observed) else {
        panic!("three pods counted")
    };
    assert_eq!((sums.counted, sums.missing, sums.age_seconds), (3, 1, Some(30)));
}

#[test]
fn without_a_pod_that_counts_the_metric_is_missing_and_says_why() {
    let sample = |value, time| {
        vec![
            PodReading {
                value,
                time,
                ..Default::default()
            },
            PodReading::default(),
        ]
    };
    for (pods, readings, why) in [
        (vec![], vec![], Missing::NoReadyPods),
        (
            vec![Pod::Starting; 2],
            sample(Some(5.0), None),
            Missing::NoReadyPods,
        ),
        (ready(2), vec![], Missing::NoSamples),
        (ready(2), sample(None, None), Missing::NoSamples),
        (ready(2), sample(Some(5.0), Some(after(0))), Missing::Stale),
        (ready(2), sample(Some(f64::NAN), None), Missing::NotANumber),
        (ready(2), sample(Some(-5.0), None), Missing::Negative),
    ] {
        // Whichever pod comes first, the one whose sample was refused says why.
        let reversed = readings.iter().rev().copied().collect();
        for readings in [readings, reversed] {
            let observed = observed(rate(), &pods, Reading::PerPod(readings), after(100));
            let Measurement::Missing { why: found, .. } = one(&observed) else {
                panic!("no pod counted")
            };
            assert_eq!(*found, why);
        }
    }
}

#[test]
fn a_utilisation_needs_the_request_of_every_pod_that_counts() {
    let with = |requests: [Option<f64>; 2]| {
        requests
            .map(|request| PodReading {
                value: Some(0.5),
                request,
                ..Default::default()
            })
            .to_vec()
    };
    for (requests, usable) in [
        ([Some(1.0), Some(2.0)], true),
        ([Some(1.0), None], false),
        ([Some(1.0), Some(0.0)], false),
        ([Some(1.0), Some(-1.0)], false),
        ([Some(1.0), Some(f64::NAN)], false),
        ([Some(1.0), Some(f64::INFINITY)], false),
    ] {
        let observed = observed(cpu(), &ready(2), Reading::PerPod(with(requests)), noon());
        let found = match one(&observed) {
            Measurement::Pods(_) => true,
            Measurement::Missing {
                why: Missing::NoRequests,
                ..
            } => false,
            _ => panic!("usable or without requests"),
        };
        assert_eq!(found, usable, "{requests:?}");
    }
    // A pod that does not count need not have one.
    let readings = vec![core(Some(0.5), None), PodReading::default()];
    let observed = observed(cpu(), &ready(2), Reading::PerPod(readings), noon());
    assert!(matches!(one(&observed), Measurement::Pods(sums) if sums.counted == 1));
}

#[test]
fn a_reading_that_does_not_fit_the_target_is_missing() {
    for (metric, reading) in [(cpu(), total(5.0)), (latency(), per_pod(&[5.0]))] {
        let observed = observed(metric, &ready(1), reading, noon());
        assert!(matches!(
            one(&observed),
            Measurement::Missing {
                why: Missing::WrongKind,
                ..
            }
        ));
    }
}

#[test]
fn cpu_is_at_its_limit_when_all_that_counts_together_uses_95_per_cent() {
    let limited = |readings: &[(f64, Option<f64>)]| {
        Reading::PerPod(
            readings
                .iter()
                .map(|(value, limit)| core(Some(*value), *limit))
                .collect(),
        )
    };
    for (readings, at_limit) in [
        (vec![(0.95, Some(1.0)), (0.95, Some(1.0))], true),
        (vec![(0.94, Some(1.0)), (0.95, Some(1.0))], false),
        (vec![(1.0, Some(1.0)), (0.9, Some(1.0))], true),
        (vec![(3.9, Some(4.0)), (0.5, Some(0.5))], true),
        (vec![(1.0, Some(1.0)), (1.0, None)], false),
        (vec![(1.0, Some(1.0)), (1.0, Some(0.0))], false),
        (vec![(1.0, Some(1.0)), (1.0, Some(f64::NAN))], false),
        (vec![(0.95, Some(1.0)); 3], true),
    ] {
        let pods = ready(readings.len());
        assert_eq!(
            observed(cpu(), &pods, limited(&readings), noon()).cpu_at_limit,
            at_limit,
            "{readings:?}"
        );
        assert!(
            !observed(memory(), &pods, limited(&readings), noon()).cpu_at_limit,
            "memory has no such limit"
        );
    }
    let nobody = observed(cpu(), &[Pod::Starting], limited(&[(1.0, Some(1.0))]), noon());
    assert!(!nobody.cpu_at_limit, "starting pods do not count");
}

#[test]
fn a_sum_that_overflows_stays_finite() {
    let observed = observed(rate(), &ready(3), per_pod(&[f64::MAX; 3]), noon());
    assert!(
        matches!(one(&observed), Measurement::Pods(sums) if sums.value.is_finite() && sums.value > 1e308)
    );
}

#[test]
fn a_pod_that_crashes_counts_as_one_without_a_sample_whatever_it_shows() {
    let pods = [
        Pod::Ready,
        Pod::Crashing,
        Pod::CrashingAtStart,
        Pod::Unready,
        Pod::Crashing,
    ];
    let observed = observed(rate(), &pods, per_pod(&[1.0, 90.0, 90.0, 2.0, f64::NAN]), noon());
    assert_eq!((observed.once_ready_pods, observed.starting_pods), (4, 1));
    let Measurement::Pods(sums) = one(&observed) else {
        panic!("two pods counted")
    };
    assert_eq!((sums.counted, sums.missing, sums.value), (2, 2, 3.0));
    assert!(!sums.empty);
}

#[test]
fn an_empty_answer_is_what_the_policy_says() {
    use Pod::{Crashing, CrashingAtStart, Ready, Starting, Unready};
    /// Whether it is zero, and of how many pods; or why it is missing.
    fn summed(observed: &Observed) -> Result<(u32, u32), Missing> {
        match one(observed) {
            Measurement::Pods(sums) => {
                assert_eq!((sums.empty, sums.value), (true, 0.0));
                Ok((sums.counted, sums.missing))
            }
            Measurement::Missing { why, .. } => Err(*why),
            _ => panic!("measured in pods, or missing"),
        }
    }
    let zero = |metric| Metric {
        when_empty: WhenEmpty::Zero,
        ..metric
    };
    let none = |pods: usize| Reading::PerPod(vec![PodReading::default(); pods]);
    let of = |sample| Reading::PerPod(vec![PodReading::default(), sample]);
    let not_a_number = PodReading {
        value: Some(f64::NAN),
        ..Default::default()
    };
    for (metric, pods, reading, expected) in [
        (rate(), vec![Ready; 2], none(2), Err(Missing::NoSamples)),
        (zero(rate()), vec![Ready; 2], none(2), Ok((2, 0))),
        (zero(rate()), vec![Ready, Unready, Starting], none(0), Ok((2, 0))),
        (
            zero(rate()),
            vec![Ready, Crashing, CrashingAtStart],
            none(3),
            Ok((1, 1)),
        ),
        // Nothing that could have served.
        (zero(rate()), vec![Crashing; 2], none(2), Err(Missing::NoSamples)),
        (
            zero(rate()),
            vec![Starting; 2],
            none(2),
            Err(Missing::NoReadyPods),
        ),
        // A sample that was refused is no empty answer.
        (
            zero(rate()),
            vec![Ready; 2],
            of(not_a_number),
            Err(Missing::NotANumber),
        ),
        (zero(cpu()), vec![Ready; 2], none(2), Err(Missing::NoSamples)),
        (zero(latency()), vec![Ready; 2], none(2), Err(Missing::WrongKind)),
    ] {
        let observed = observed(metric, &pods, reading, noon());
        assert_eq!(summed(&observed), expected, "{metric:?} {pods:?}");
    }
    // Where one pod has a sample, the others are missing.
    let some = observed(zero(rate()), &ready(2), of(core(Some(7.0), None)), noon());
    assert!(matches!(
        one(&some),
        Measurement::Pods(sums) if (sums.counted, sums.missing, sums.empty) == (1, 1, false)
    ));
    let empty = || Reading::Missing(Missing::NoSamples);
    for (metric, reading, expected) in [
        (queue(), empty(), Err(Missing::NoSamples)),
        (zero(queue()), empty(), Ok((0.0, true))),
        (zero(latency()), empty(), Ok((0.0, true))),
        (zero(cpu()), empty(), Err(Missing::NoSamples)),
        (
            zero(queue()),
            Reading::Missing(Missing::TimedOut),
            Err(Missing::TimedOut),
        ),
        (zero(queue()), total(7.0), Ok((7.0, false))),
    ] {
        let observed = observed(metric, &ready(2), reading, noon());
        let found = match one(&observed) {
            Measurement::Total {
                value,
                empty,
                age_seconds: None,
            } => Ok((*value, *empty)),
            Measurement::Missing { why, .. } => Err(*why),
            _ => panic!("a total is a total or missing"),
        };
        assert_eq!(found, expected, "{metric:?}");
    }
}

#[test]
fn at_zero_replicas_what_is_measured_in_pods_does_not_apply() {
    let at_zero = |metric, reading| {
        let observation = Observation {
            metrics: vec![reading],
            ..Observation::default()
        };
        observe(&policy(&[metric]), &observation, noon())
    };
    let missing = || Reading::Missing(Missing::NoSamples);
    for (metric, reading, applies) in [
        (cpu(), missing(), false),
        (cpu(), total(5.0), false),
        (cpu(), per_pod(&[]), false),
        (rate(), per_pod(&[]), false),
        (rate(), per_pod(&[5.0]), false),
        (latency(), per_pod(&[5.0]), false),
        (queue(), missing(), true),
        (queue(), total(5.0), true),
        (latency(), total(5.0), true),
    ] {
        let observed = at_zero(metric, reading.clone());
        let found = !matches!(one(&observed), Measurement::NotApplicable);
        assert_eq!(found, applies, "{metric:?} {reading:?}");
    }
    let target = Target::Utilization { percent: 0.0 };
    let bad = at_zero(Metric { target, ..cpu() }, missing());
    assert!(
        matches!(
            one(&bad),
            Measurement::Missing {
                why: Missing::BadTarget,
                ..
            }
        ),
        "a target that makes no sense is told at zero too"
    );
}

#[test]
fn replicas_that_no_pod_stands_for_are_absent() {
    for (pods, absent) in [
        (ready(4), 0),
        (ready(1), 3),
        (vec![Pod::Ready, Pod::Starting, Pod::CrashingAtStart], 1),
        (ready(6), 0),
    ] {
        let observed = observed(rate(), &pods, per_pod(&[5.0]), noon());
        let Measurement::Pods(sums) = one(&observed) else {
            panic!("a pod counted")
        };
        assert_eq!(sums.absent, absent, "{pods:?}");
    }
}

#[test]
fn one_metric_at_its_cpu_limit_is_enough() {
    let metrics = [cpu(), memory(), cpu()];
    for (usage, at_limit) in [
        ([1.0, 0.1, 0.1], true),
        ([0.1, 1.0, 0.1], false),
        ([0.1, 0.1, 1.0], true),
        ([0.1, 0.1, 0.1], false),
    ] {
        let observation = observation(1, usage.map(|value| limited_cores(&[value])).to_vec());
        let observed = observe(&policy(&metrics), &observation, noon());
        assert_eq!(observed.cpu_at_limit, at_limit, "{usage:?}");
    }
}
