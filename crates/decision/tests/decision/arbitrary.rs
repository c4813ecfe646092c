//! Policies, observations and pasts of all kinds, for the properties.

use concertina_decision::*;
use proptest::prelude::*;

use crate::fixtures::*;

/// Any float at all, with those that break things more often.
fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..200.0,
        2 => any::<f64>(),
        1 => proptest::num::f64::ANY,
        1 => prop::sample::select(vec![
            f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, -1.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, 1.0,
        ]),
    ]
}

/// A load as it is measured on a healthy day.
fn load() -> impl Strategy<Value = f64> {
    prop_oneof![1 => Just(0.0), 8 => 0.0..50.0, 1 => 0.0..1e6]
}

/// A target, mostly one that can be worked with.
fn target_number() -> impl Strategy<Value = f64> {
    prop_oneof![3 => 1.0..200.0, 1 => any_number()]
}

fn any_replicas() -> impl Strategy<Value = Replicas> {
    prop_oneof![8 => 0..60, 1 => any::<i32>(), 1 => prop::sample::select(vec![0, 1, -1, i32::MAX, i32::MIN])]
}

pub(crate) fn any_time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        6 => (0u32..900).prop_map(after),
        1 => any::<i64>().prop_map(Timestamp),
    ]
}

fn target(number: impl Strategy<Value = f64>) -> impl Strategy<Value = Target> {
    (0..3, number).prop_map(|(kind, number)| match kind {
        0 => Target::Utilization { percent: number },
        1 => Target::AverageValue { per_replica: number },
        _ => Target::Value { value: number },
    })
}

fn metric(number: impl Strategy<Value = f64>) -> impl Strategy<Value = Metric> {
    let tolerance = || prop::option::weighted(0.2, prop_oneof![3 => 0.0..0.5, 1 => any::<f64>()]);
    let activation =
        prop_oneof![4 => Just(None), 4 => (0.0..30.0).prop_map(Some), 1 => any::<f64>().prop_map(Some)];
    let on_missing = prop_oneof![3 => Just(OnMissing::Hold), 1 => Just(OnMissing::Ignore)];
    (
        target(number),
        prop_oneof![Just(60), any::<u32>()],
        any::<bool>(),
        (tolerance(), tolerance()),
        activation,
        when_empty(),
        on_missing,
    )
        .prop_map(
            |(target, max_age_seconds, cpu_bound, tolerance, activation, when_empty, on_missing)| Metric {
                target,
                max_age_seconds,
                cpu_bound,
                starts_hot: cpu_bound && max_age_seconds % 2 == 0,
                tolerance: MetricTolerance {
                    scale_up: tolerance.0,
                    scale_down: tolerance.1,
                },
                activation,
                when_empty,
                on_missing,
            },
        )
}

fn when_empty() -> impl Strategy<Value = WhenEmpty> {
    prop_oneof![2 => Just(WhenEmpty::Missing), 1 => Just(WhenEmpty::Zero)]
}

fn guards() -> impl Strategy<Value = Vec<Guard>> {
    let seconds = || prop_oneof![1 => Just(0), 4 => 0u32..600, 1 => any::<u32>()];
    let guard = (any_number(), seconds(), seconds(), when_empty()).prop_map(
        |(above, for_seconds, max_block_seconds, when_empty)| Guard {
            above,
            for_seconds,
            max_block_seconds,
            when_empty,
        },
    );
    prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(guard, 1..3)]
}

fn fallback() -> impl Strategy<Value = Option<Fallback>> {
    let fallback = (prop_oneof![3 => 0u32..300, 1 => any::<u32>()], any_replicas()).prop_map(
        |(after_seconds, replicas)| Fallback {
            after_seconds,
            replicas,
        },
    );
    prop::option::weighted(0.3, fallback)
}

fn window() -> impl Strategy<Value = Window> {
    (
        any::<u8>(),
        any_time(),
        any_time(),
        prop::option::of(any_replicas()),
        prop::option::of(any_replicas()),
    )
        .prop_map(|(schedule, start, end, min_replicas, max_replicas)| Window {
            schedule,
            start,
            end,
            min_replicas,
            max_replicas,
        })
}

prop_compose! {
    /// What is known beside pods and metrics.
    fn surroundings()(
        guards in prop::collection::vec(any_reading(), 0..3),
        windows in prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(window(), 1..4)],
        startup_seconds in prop::option::weighted(0.3, prop_oneof![3 => 0u32..300, 1 => any::<u32>()]),
        rollout in prop::option::weighted(0.3, 0u64..3),
        quota_room in prop::option::weighted(0.2, any_replicas()),
    ) -> Observation {
        let rollout = rollout.map_or(Rollout::None, |revision| Rollout::UnderWay { revision });
        Observation { guards, windows, startup_seconds, rollout, quota_room, ..Observation::default() }
    }
}

fn rate_policy() -> impl Strategy<Value = RatePolicy> {
    let value = prop_oneof![4 => 0u32..150, 1 => any::<u32>()];
    let period = prop_oneof![4 => 0u32..120, 1 => any::<u32>()];
    (any::<bool>(), value, period).prop_map(|(by_pods, value, period_seconds)| RatePolicy {
        kind: if by_pods {
            RateKind::Pods
        } else {
            RateKind::Percent
        },
        value,
        period_seconds,
    })
}

fn rules(tolerance: impl Strategy<Value = f64>) -> impl Strategy<Value = Rules> {
    let seconds = || prop_oneof![3 => Just(0), 4 => 0u32..120, 1 => any::<u32>()];
    let select = prop::sample::select(vec![
        SelectPolicy::Max,
        SelectPolicy::Max,
        SelectPolicy::Min,
        SelectPolicy::Disabled,
    ]);
    (
        seconds(),
        seconds(),
        tolerance,
        select,
        prop::collection::vec(rate_policy(), 0..3),
    )
        .prop_map(
            |(cooldown_seconds, stabilization_window_seconds, tolerance, select_policy, policies)| Rules {
                cooldown_seconds,
                stabilization_window_seconds,
                tolerance,
                select_policy,
                policies: policies.into_iter().collect(),
            },
        )
}

pub(crate) fn pod() -> impl Strategy<Value = Pod> {
    prop::sample::select(vec![
        Pod::Ready,
        Pod::Ready,
        Pod::Ready,
        Pod::Unready,
        Pod::Starting,
        Pod::Crashing,
        Pod::CrashingAtStart,
    ])
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let time = || prop::option::of(any_time());
    let pod = (
        prop::option::of(any_number()),
        time(),
        prop::option::of(any_number()),
        prop::option::of(any_number()),
        any::<bool>(),
    )
        .prop_map(|(value, time, request, limit, at_least)| PodReading {
            value,
            time,
            request,
            limit,
            at_least,
        });
    prop_oneof![
        1 => prop::sample::select(vec![Missing::TimedOut, Missing::NoSamples]).prop_map(Reading::Missing),
        3 => (any_number(), time()).prop_map(|(value, time)| Reading::Total { value, time }),
        4 => prop::collection::vec(pod, 0..8).prop_map(Reading::PerPod),
    ]
}

prop_compose! {
    /// Any policy, however senseless.
    pub(crate) fn any_policy()(
        min_replicas in prop_oneof![2 => 0..5, 1 => any_replicas()],
        max_replicas in prop_oneof![2 => 5..80, 1 => any_replicas()],
        metrics in prop::collection::vec(metric(target_number()), 0..4),
        scale_up in rules(any_number()),
        scale_down in rules(any_number()),
        guards in guards(),
        fallback in fallback(),
        rollout_freeze_seconds in prop_oneof![3 => 0u32..600, 1 => any::<u32>()],
    ) -> Policy {
        let (metrics, guards) = (metrics.into_iter().collect(), guards.into_iter().collect());
        Policy {
            min_replicas, max_replicas, metrics, scale_up, scale_down, guards, fallback, rollout_freeze_seconds,
        }
    }
}

prop_compose! {
    /// A policy that a user could have written.
    pub(crate) fn sound_policy()(
        min_replicas in prop_oneof![2 => 0..3, 1 => 0..10],
        more in 0..60,
        metrics in prop::collection::vec(metric(1.0..200.0), 1..4),
        scale_up in rules(0.0..0.5),
        scale_down in rules(0.0..0.5),
        guards in guards(),
        fallback in fallback(),
    ) -> Policy {
        let metrics = metrics.into_iter().map(|metric| Metric { max_age_seconds: 60, ..metric }).collect();
        Policy {
            min_replicas, max_replicas: min_replicas + more, metrics, scale_up, scale_down,
            guards: guards.into_iter().collect(), fallback, rollout_freeze_seconds: 600,
        }
    }
}

prop_compose! {
    pub(crate) fn any_observation()(
        current_replicas in any_replicas(),
        pods in prop::collection::vec(pod(), 0..8),
        metrics in prop::collection::vec(any_reading(), 0..5),
        surroundings in surroundings(),
    ) -> Observation {
        Observation { current_replicas, pods, metrics, ..surroundings }
    }
}

/// A reading that suits the metric's target; a fifth of the pods have no sample, and a tenth of them mean "at least".
fn sound_reading() -> impl Strategy<Value = Vec<(f64, bool, bool)>> {
    prop::collection::vec((load(), prop::bool::weighted(0.8), prop::bool::weighted(0.1)), 10)
}

prop_compose! {
    /// What a working Prometheus would show. `None` in place of a metric: it is missing.
    pub(crate) fn sound_observation()(
        current_replicas in 0..40i32,
        pods in prop::collection::vec(pod(), 10),
        readings in prop::collection::vec((load(), sound_reading(), any::<bool>()), 3),
        surroundings in surroundings(),
    ) -> (Observation, Vec<(Reading, Reading)>) {
        let readings = readings
            .into_iter()
            .map(|(value, samples, limited)| {
                let per_pod = samples
                    .into_iter()
                    .map(|(value, there, at_least)| PodReading {
                        value: there.then_some(value / 20.0),
                        time: None,
                        request: Some(1.0),
                        limit: limited.then_some(1.0),
                        at_least,
                    })
                    .collect();
                (total(value), Reading::PerPod(per_pod))
            })
            .collect();
        (Observation { current_replicas, pods, ..surroundings }, readings)
    }
}

/// The readings that suit the targets of a policy.
pub(crate) fn suited(
    policy: &Policy,
    observation: &Observation,
    readings: &[(Reading, Reading)],
) -> Observation {
    let metrics = policy
        .metrics
        .iter()
        .zip(readings)
        .map(|(metric, (total, per_pod))| match metric.target {
            Target::Utilization { .. } => per_pod.clone(),
            Target::AverageValue { .. } if metric.cpu_bound => without_limits(per_pod.clone()),
            _ => total.clone(),
        })
        .collect();
    Observation {
        metrics,
        ..observation.clone()
    }
}

/// Only CPU has limits.
fn without_limits(mut reading: Reading) -> Reading {
    if let Reading::PerPod(readings) = &mut reading {
        for reading in readings {
            reading.limit = None;
        }
    }
    reading
}

/// The same, with every measured value so many times as great.
pub(crate) fn times(observation: &Observation, factor: f64) -> Observation {
    changed(observation, |value| value * factor)
}

/// The same with more load: each measured value so many times as great, one factor after another, and some more.
pub(crate) fn raised(observation: &Observation, factors: &[f64], added: f64) -> Observation {
    let mut factors = factors.iter().cycle();
    changed(observation, |value| {
        value * factors.next().copied().unwrap_or(1.0) + added
    })
}

fn changed(observation: &Observation, mut change: impl FnMut(f64) -> f64) -> Observation {
    let mut observation = observation.clone();
    for reading in &mut observation.metrics {
        match reading {
            Reading::Missing(_) => {}
            Reading::Total { value, .. } => *value = change(*value),
            Reading::PerPod(readings) => {
                for value in readings.iter_mut().filter_map(|reading| reading.value.as_mut()) {
                    *value = change(*value);
                }
            }
        }
    }
    observation
}

pub(crate) fn any_past() -> impl Strategy<Value = Vec<(Observation, Timestamp)>> {
    prop::collection::vec((any_observation(), any_time()), 0..12)
}
