//! One situation, given to both: the world as HorizontalPodAutoscaler finds it and the observation as we do. Pure.

use concertina_decision::*;

use crate::fixtures::{free, noon, policy, unlimited};
use crate::hpa::{self, Answer, Phase, ReadyCondition, Sample, quantity};
use crate::hpa_loop::{Behavior, Direction, Hpa, World};
use crate::outcome::{Comparison, shown, told};

/// What kubectl shows of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Ready for an hour.
    Ready,
    /// Running, and not Ready yet since its start 20 seconds ago.
    Starting,
    /// Not running yet.
    Pending,
    /// On its way out.
    Terminating,
    /// Ready once; for a minute its containers have ended again and again.
    Crashing,
    /// Never Ready in ten minutes, because its containers end again and again.
    CrashingAtStart,
}

impl State {
    fn as_hpa_finds_it(self, now: Timestamp, request: Option<f64>) -> hpa::Pod {
        let ago = |seconds: i64| Timestamp(now.0 - seconds * 1000);
        let (started, is_ready, since) = match self {
            Self::Ready | Self::Terminating => (ago(3600), true, ago(3590)),
            Self::Starting | Self::Pending => (ago(20), false, ago(20)),
            Self::Crashing => (ago(3600), false, ago(60)),
            Self::CrashingAtStart => (ago(600), false, ago(600)),
        };
        hpa::Pod {
            phase: match self {
                Self::Pending => Phase::Pending,
                _ => Phase::Running,
            },
            being_deleted: self == Self::Terminating,
            started: Some(started),
            ready: Some(ReadyCondition { is_ready, since }),
            request: request.map(quantity),
        }
    }

    fn as_we_find_it(self) -> Option<Pod> {
        match self {
            Self::Ready => Some(Pod::Ready),
            Self::Starting | Self::Pending => Some(Pod::Starting),
            Self::Crashing => Some(Pod::Crashing),
            Self::CrashingAtStart => Some(Pod::CrashingAtStart),
            Self::Terminating => None,
        }
    }
}

/// One metric and what was read of it.
#[derive(Clone, Debug)]
pub(crate) enum Measure {
    /// Cores of each pod, target in per cent of the requests.
    Cpu { percent: i32, cores: Vec<Option<f64>> },
    /// Bytes, or any unit, of each pod, target in per cent of the requests.
    Memory { percent: i32, values: Vec<Option<f64>> },
    /// A value of each pod, such as its requests per second.
    PerPod {
        per_replica: f64,
        values: Vec<Option<f64>>,
    },
    /// A total, such as a queue, of which each replica takes its part. For HorizontalPodAutoscaler: External.
    Total { per_replica: f64, total: Total },
    /// As Total. For HorizontalPodAutoscaler: Object.
    ObjectTotal { per_replica: f64, total: Total },
    /// A value as a whole, such as a latency. For HorizontalPodAutoscaler: External.
    Whole { value: f64, total: Total },
    /// As Whole. For HorizontalPodAutoscaler: Object.
    ObjectWhole { value: f64, total: Total },
}

/// The answer for a metric that is one number.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Total {
    Value(f64),
    /// Prometheus answered without a series.
    Empty,
    /// Nobody answered.
    Down,
}

impl Measure {
    fn as_hpa_knows_it(&self) -> hpa::Metric {
        match *self {
            Self::Cpu { percent, .. } => hpa::Metric::CpuUtilization(percent),
            Self::Memory { percent, .. } => hpa::Metric::MemoryUtilization(percent),
            Self::PerPod { per_replica, .. } => hpa::Metric::PodsAverage(quantity(per_replica)),
            Self::Total { per_replica, .. } => hpa::Metric::ExternalAverage(quantity(per_replica)),
            Self::ObjectTotal { per_replica, .. } => hpa::Metric::ObjectAverage(quantity(per_replica)),
            Self::Whole { value, .. } => hpa::Metric::ExternalValue(quantity(value)),
            Self::ObjectWhole { value, .. } => hpa::Metric::ObjectValue(quantity(value)),
        }
    }

    fn as_we_know_it(&self) -> Metric {
        let metric = |target, cpu_bound| Metric {
            target,
            max_age_seconds: 120,
            cpu_bound,
            starts_hot: cpu_bound,
            ..crate::fixtures::queue()
        };
        let utilization = |percent: i32| Target::Utilization {
            percent: f64::from(percent),
        };
        match *self {
            Self::Cpu { percent, .. } => metric(utilization(percent), true),
            Self::Memory { percent, .. } => metric(utilization(percent), false),
            Self::PerPod { per_replica, .. } => metric(Target::AverageValue { per_replica }, true),
            Self::Total { per_replica, .. } | Self::ObjectTotal { per_replica, .. } => {
                metric(Target::AverageValue { per_replica }, false)
            }
            Self::Whole { value, .. } | Self::ObjectWhole { value, .. } => {
                metric(Target::Value { value }, false)
            }
        }
    }
}

/// A target at one instant. What is not said is usual: every pod requests 1, nothing is held back, 1 to 100 replicas.
#[derive(Clone, Debug)]
pub(crate) struct Situation {
    pub(crate) replicas: Replicas,
    pub(crate) pods: Vec<State>,
    /// Of the pods, in their order; shorter: the rest request 1.
    pub(crate) requests: Vec<Option<f64>>,
    /// CPU limit of every pod.
    pub(crate) limit: Option<f64>,
    pub(crate) metrics: Vec<Measure>,
    pub(crate) sample_age_seconds: u32,
    pub(crate) is_rolling_out: bool,
    pub(crate) quota_room: Option<Replicas>,
}

impl Situation {
    /// So many replicas, all Ready.
    pub(crate) fn of(replicas: usize, metrics: Vec<Measure>) -> Self {
        Self::with_pods(replicas, ready(replicas), metrics)
    }

    /// As [`Situation::of`], for a number that an autoscaler gave.
    pub(crate) fn at(replicas: Replicas, metrics: Vec<Measure>) -> Self {
        Self::of(usize::try_from(replicas).unwrap(), metrics)
    }

    pub(crate) fn with_pods(replicas: usize, pods: Vec<State>, metrics: Vec<Measure>) -> Self {
        Self {
            replicas: i32::try_from(replicas).unwrap(),
            pods,
            requests: Vec::new(),
            limit: None,
            metrics,
            sample_age_seconds: 0,
            is_rolling_out: false,
            quota_room: None,
        }
    }

    fn request(&self, pod: usize) -> Option<f64> {
        self.requests.get(pod).copied().unwrap_or(Some(1.0))
    }

    fn sampled(&self, now: Timestamp) -> Timestamp {
        Timestamp(now.0 - i64::from(self.sample_age_seconds) * 1000)
    }

    pub(crate) fn world(&self, now: Timestamp) -> World {
        let per_pod = |values: &[Option<f64>]| {
            let sample = |value: f64| Sample {
                value: quantity(value),
                at: self.sampled(now),
                window_seconds: 30,
            };
            let samples = values.iter().enumerate();
            Answer::PerPod(
                samples
                    .filter_map(|(place, value)| Some((place, sample((*value)?))))
                    .collect(),
            )
        };
        let answers = self.metrics.iter().map(|measure| match measure {
            Measure::Cpu { cores: values, .. }
            | Measure::Memory { values, .. }
            | Measure::PerPod { values, .. } => per_pod(values),
            Measure::Total { total, .. }
            | Measure::ObjectTotal { total, .. }
            | Measure::Whole { total, .. }
            | Measure::ObjectWhole { total, .. } => match total {
                Total::Value(value) => Answer::Values(vec![quantity(*value)]),
                Total::Empty => Answer::Values(Vec::new()),
                Total::Down => Answer::Failed,
            },
        });
        let pods = self.pods.iter().enumerate();
        let living = self.pods.iter().filter(|pod| **pod != State::Terminating).count();
        World {
            replicas: self.replicas,
            status_replicas: i32::try_from(living).unwrap(),
            pods: pods
                .map(|(place, pod)| pod.as_hpa_finds_it(now, self.request(place)))
                .collect(),
            answers: answers.collect(),
            now,
        }
    }

    pub(crate) fn observation(&self, now: Timestamp) -> Observation {
        let time = Some(self.sampled(now));
        let per_pod = |values: &[Option<f64>]| {
            let living = self
                .pods
                .iter()
                .enumerate()
                .filter(|(_, pod)| pod.as_we_find_it().is_some());
            let reading = |place: usize| PodReading {
                value: values.get(place).copied().flatten(),
                time,
                request: self.request(place),
                limit: self.limit,
                ..PodReading::default()
            };
            Reading::PerPod(living.map(|(place, _)| reading(place)).collect())
        };
        let metrics = self.metrics.iter().map(|measure| match measure {
            Measure::Cpu { cores: values, .. }
            | Measure::Memory { values, .. }
            | Measure::PerPod { values, .. } => per_pod(values),
            Measure::Total { total, .. }
            | Measure::ObjectTotal { total, .. }
            | Measure::Whole { total, .. }
            | Measure::ObjectWhole { total, .. } => match total {
                Total::Value(value) => Reading::Total { value: *value, time },
                Total::Empty => Reading::Missing(Missing::NoSamples),
                Total::Down => Reading::Missing(Missing::Unreachable),
            },
        });
        Observation {
            current_replicas: self.replicas,
            pods: self.pods.iter().filter_map(|pod| pod.as_we_find_it()).collect(),
            metrics: metrics.collect(),
            rollout: if self.is_rolling_out {
                Rollout::UnderWay { revision: 2 }
            } else {
                Rollout::None
            },
            quota_room: self.quota_room,
            ..Observation::default()
        }
    }

    /// An autoscaler of each kind that nothing holds back: no windows, no cooldowns, no limits.
    pub(crate) fn undamped(&self) -> (Hpa, Policy) {
        let metrics = self.metrics.iter();
        let mut hpa = Hpa::new(1, 100, metrics.clone().map(Measure::as_hpa_knows_it).collect());
        let all = |kind| Direction {
            window_seconds: 0,
            select: SelectPolicy::Max,
            policies: vec![RatePolicy {
                kind,
                value: 100,
                period_seconds: 15,
            }],
        };
        hpa.behavior = Some(Behavior {
            up: all(RateKind::Pods),
            down: all(RateKind::Percent),
        });
        let metrics: Vec<_> = metrics.map(Measure::as_we_know_it).collect();
        (hpa, policy(&metrics))
    }

    /// The same with the settings that hold where nothing is written.
    pub(crate) fn by_default(&self) -> (Hpa, Policy) {
        let (mut hpa, mut policy) = self.undamped();
        hpa.behavior = None;
        policy.scale_up = unlimited();
        policy.scale_down = Rules {
            cooldown_seconds: 60,
            stabilization_window_seconds: 300,
            policies: [DEFAULT_SCALE_DOWN_POLICY].into_iter().collect(),
            ..free()
        };
        (hpa, policy)
    }

    /// One round of each, undamped.
    pub(crate) fn compare(&self, situation: &'static str, why: &'static str) -> Comparison {
        let (hpa, policy) = self.undamped();
        self.compare_with(hpa, &policy, situation, why)
    }

    pub(crate) fn compare_with(
        &self,
        mut hpa: Hpa,
        policy: &Policy,
        situation: &'static str,
        why: &'static str,
    ) -> Comparison {
        let round = hpa.round(&self.world(noon()));
        let decision = decide(policy, &Memory::default(), &self.observation(noon()), noon());
        Comparison {
            situation,
            why,
            hpa: shown(self.replicas, round),
            concertina: told(&decision),
        }
    }
}

pub(crate) fn ready(count: usize) -> Vec<State> {
    vec![State::Ready; count]
}

/// Groups of pods with one value each.
pub(crate) fn each<T: Copy>(groups: &[(usize, T)]) -> Vec<T> {
    groups
        .iter()
        .flat_map(|(count, value)| vec![*value; *count])
        .collect()
}

/// CPU of so many pods that all use the same, target 50 %.
pub(crate) fn cpu_of(pods: usize, cores: f64) -> Measure {
    Measure::Cpu {
        percent: 50,
        cores: vec![Some(cores); pods],
    }
}

/// A queue, ten for each replica.
pub(crate) fn queue_of(total: f64) -> Measure {
    Measure::Total {
        per_replica: 10.0,
        total: Total::Value(total),
    }
}
