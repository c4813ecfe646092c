//! Stage 1, observe: which readings are usable, and what they add up to. No I/O.
//!
//! | value of a sample                             | means                                     |
//! |-----------------------------------------------|-------------------------------------------|
//! | absent, NaN, infinite, below zero             | missing                                   |
//! | older than the maximum age                    | missing                                   |
//! | from the future, or of unknown age            | fresh                                     |
//!
//! | pod                      | sample  | counts                                                            |
//! |--------------------------|---------|-------------------------------------------------------------------|
//! | Ready, or was Ready once | usable  | in the sums                                                       |
//! | Ready, or was Ready once | missing | as a missing pod, which the proposal treats by direction          |
//! | Ready, or was Ready once | at least so much | in the sums; when shrinking as at the target, unless it is above |
//! | the same, of what a start burns | at least so much | in the sums, together at most like the other pods, or as at the target |
//! | was Ready, crashing now  | any     | as a missing pod                                                  |
//! | never Ready yet          | any     | nowhere                                                           |
//!
//! | answer without a series for the target | `when_empty: Missing` | `when_empty: Zero`                              |
//! |-----------------------------------------|----------------------|-------------------------------------------------|
//! | total                                   | missing              | 0                                               |
//! | per pod, for no pod at all              | missing              | 0 for each pod that does not crash              |
//! | per pod, for some pods                  | these are missing    | these are missing                               |
//! | utilisation                             | missing              | missing: a running pod always uses something    |

use arrayvec::ArrayVec;

use crate::rounding::{NOISE, finite};
use crate::{
    MAX_METRICS, Metric, Missing, Observation, Pod, PodReading, Policy, Reading, Replicas, Target, Timestamp,
    WhenEmpty,
};

/// Pods that together use this share of their CPU limits are out of CPU: they are throttled in some of the scheduler's
/// periods, so usage says "at least". A chosen number: the kernel throttles per 100 ms, while a sample spans seconds.
const CPU_AT_LIMIT: f64 = 0.95;

/// What is known of the target after looking at each reading.
pub(crate) struct Observed {
    pub(crate) current: Replicas,
    /// Living pods that are Ready or were once.
    pub(crate) once_ready_pods: u32,
    /// Living pods that were never Ready yet.
    pub(crate) starting_pods: u32,
    /// The counted pods use up their CPU limits.
    pub(crate) cpu_at_limit: bool,
    /// One per metric of the policy.
    pub(crate) metrics: ArrayVec<Measurement, MAX_METRICS>,
}

/// What one metric came to.
pub(crate) enum Measurement {
    /// No usable value.
    Missing { why: Missing, missing_pods: u32 },
    /// Measured in pods, at zero replicas.
    NotApplicable,
    /// One number for the target.
    Total {
        value: f64,
        age_seconds: Option<u32>,
        /// There was no series, which counts as 0.
        empty: bool,
    },
    /// At least one pod counted.
    Pods(PodSums),
}

/// Sums over the counted pods.
#[derive(Default)]
pub(crate) struct PodSums {
    pub(crate) counted: u32,
    /// Once Ready, without a usable sample.
    pub(crate) missing: u32,
    /// Those of them that crash.
    crashing: u32,
    /// No pod had a sample, which counts as 0.
    pub(crate) empty: bool,
    /// Replicas that no pod stands for: not created yet, or created and not seen yet. What they carry is not known.
    pub(crate) absent: u32,
    pub(crate) value: f64,
    /// Pods whose value means "at least".
    pub(crate) at_least: u32,
    /// Their part of the value, and of the requests.
    young_value: f64,
    young_request: f64,
    /// The value with each of them at its target, unless it is above.
    pub(crate) filled: f64,
    /// Of the pods that have one.
    pub(crate) request: f64,
    without_request: u32,
    limit: f64,
    without_limit: u32,
    /// The oldest of the samples whose time is known.
    pub(crate) age_seconds: Option<u32>,
    /// The most telling reason why a pod is missing.
    fault: Option<Missing>,
}

impl Observed {
    /// What is known before any metric is looked at.
    pub(crate) fn before_metrics(observation: &Observation) -> Self {
        let current = observation.current_replicas.max(0);
        let once_ready_pods = count(observation.pods.iter().filter(|pod| pod.was_ready()).count());
        Self {
            current,
            once_ready_pods,
            starting_pods: count(observation.pods.len()).saturating_sub(once_ready_pods),
            cpu_at_limit: false,
            metrics: ArrayVec::new(),
        }
    }

    /// Looks at every metric, in place: the list has room for as many as a policy may have, and is not to be moved.
    pub(crate) fn measure(&mut self, policy: &Policy, observation: &Observation, now: Timestamp) {
        let current = self.current;
        for (index, metric) in policy.counted_metrics().iter().enumerate() {
            let reading = observation
                .metrics
                .get(index)
                .unwrap_or(&Reading::Missing(Missing::NotReadYet));
            let measurement = match reading {
                _ if !(metric.target.number() > 0.0 && metric.target.number().is_finite()) => {
                    missing(Missing::BadTarget)
                }
                _ if current == 0 && matches!(metric.target, Target::Utilization { .. }) => {
                    Measurement::NotApplicable
                }
                Reading::Missing(Missing::NoSamples) if counts_empty_as_zero(metric) => Measurement::Total {
                    value: 0.0,
                    age_seconds: None,
                    empty: true,
                },
                Reading::Missing(why) => missing(*why),
                Reading::Total { value, time } => total(metric, *value, *time, now),
                Reading::PerPod(_) if current == 0 => Measurement::NotApplicable,
                Reading::PerPod(readings) => {
                    let absent = current
                        .unsigned_abs()
                        .saturating_sub(count(observation.pods.len()));
                    let sums = PodSums {
                        absent,
                        ..PodSums::of(metric, &observation.pods, readings, now)
                    };
                    self.cpu_at_limit |= metric.cpu_bound && sums.cpu_at_limit();
                    sums.measurement(metric, self.once_ready_pods)
                }
            };
            self.metrics.push(measurement);
        }
    }
}

const fn missing(why: Missing) -> Measurement {
    Measurement::Missing { why, missing_pods: 0 }
}

fn total(metric: &Metric, value: f64, time: Option<Timestamp>, now: Timestamp) -> Measurement {
    if matches!(metric.target, Target::Utilization { .. }) {
        return missing(Missing::WrongKind);
    }
    match usable(metric, Some(value), time, now) {
        Ok(value) => Measurement::Total {
            value,
            age_seconds: time.map(|time| now.seconds_since(time)),
            empty: false,
        },
        Err(why) => missing(why),
    }
}

fn counts_empty_as_zero(metric: &Metric) -> bool {
    metric.when_empty == WhenEmpty::Zero && !matches!(metric.target, Target::Utilization { .. })
}

/// The value, if it is one that may be acted on.
fn usable(
    metric: &Metric,
    value: Option<f64>,
    time: Option<Timestamp>,
    now: Timestamp,
) -> Result<f64, Missing> {
    let value = value.ok_or(Missing::NoSamples)?;
    let too_old = u64::from(metric.max_age_seconds) * 1000;
    if time.is_some_and(|time| now.milliseconds_since(time) > too_old) {
        return Err(Missing::Stale);
    }
    if !value.is_finite() {
        return Err(Missing::NotANumber);
    }
    if value < 0.0 {
        return Err(Missing::Negative);
    }
    Ok(value)
}

impl PodSums {
    fn of(metric: &Metric, pods: &[Pod], readings: &[PodReading], now: Timestamp) -> Self {
        let nothing = PodReading::default();
        let mut sums = Self::default();
        let mut oldest: Option<Timestamp> = None;
        for (index, pod) in pods.iter().enumerate() {
            if !pod.was_ready() {
                continue;
            }
            let reading = match pod {
                Pod::Crashing => {
                    sums.crashing = sums.crashing.saturating_add(1);
                    &nothing
                }
                _ => readings.get(index).unwrap_or(&nothing),
            };
            match usable(metric, reading.value, reading.time, now) {
                Ok(value) => {
                    sums.add(metric, value, reading);
                    if let Some(time) = reading.time
                        && oldest.is_none_or(|oldest| time < oldest)
                    {
                        oldest = Some(time);
                    }
                }
                Err(why) => {
                    sums.missing = sums.missing.saturating_add(1);
                    // That a value came and was refused says more than that none came.
                    if sums.fault.is_none_or(|fault| fault == Missing::NoSamples) {
                        sums.fault = Some(why);
                    }
                }
            }
        }
        sums.age_seconds = oldest.map(|oldest| now.seconds_since(oldest));
        sums.keep_finite();
        if metric.starts_hot && sums.at_least > 0 {
            sums.forget_starts(metric);
        }
        sums
    }

    /// Nothing negative is added, so that a sum which has overflowed stays infinite until then.
    fn keep_finite(&mut self) {
        for sum in [
            &mut self.value,
            &mut self.young_value,
            &mut self.young_request,
            &mut self.filled,
            &mut self.request,
            &mut self.limit,
        ] {
            *sum = finite(*sum);
        }
    }

    /// What a start burns is no load: together, the pods that were not Ready for the whole window count at most like the
    /// others, or like pods at their target where there are no others.
    fn forget_starts(&mut self, metric: &Metric) {
        // Noise of floating point must not make less than nothing of it.
        let settled_value = (self.value - self.young_value).max(0.0);
        let (settled_pods, young_pods) = (
            f64::from(self.counted.saturating_sub(self.at_least)),
            f64::from(self.at_least),
        );
        let most = match metric.target {
            Target::Utilization { percent } => {
                let settled_request = self.request - self.young_request;
                let share = if settled_request > 0.0 {
                    settled_value / settled_request
                } else {
                    percent / 100.0
                };
                finite(share * self.young_request)
            }
            Target::AverageValue { .. } if settled_pods > 0.0 => {
                finite(settled_value / settled_pods * young_pods)
            }
            Target::AverageValue { per_replica } => finite(per_replica * young_pods),
            Target::Value { .. } => return,
        };
        self.value = finite(settled_value + self.young_value.min(most));
    }

    fn add(&mut self, metric: &Metric, value: f64, reading: &PodReading) {
        self.counted = self.counted.saturating_add(1);
        self.value += value;
        let may_be = if reading.at_least {
            self.at_least = self.at_least.saturating_add(1);
            self.young_value += value;
            self.young_request += positive(reading.request).unwrap_or(0.0);
            value.max(at_target(metric, reading))
        } else {
            value
        };
        self.filled += may_be;
        match positive(reading.request) {
            Some(request) => self.request += request,
            None => self.without_request = self.without_request.saturating_add(1),
        }
        match positive(reading.limit) {
            Some(limit) => self.limit += limit,
            None => self.without_limit = self.without_limit.saturating_add(1),
        }
    }

    fn cpu_at_limit(&self) -> bool {
        self.counted > 0 && self.without_limit == 0 && self.value >= self.limit * CPU_AT_LIMIT * (1.0 - NOISE)
    }

    fn measurement(mut self, metric: &Metric, once_ready_pods: u32) -> Measurement {
        let serving = self.missing.saturating_sub(self.crashing);
        let why = match metric.target {
            Target::Value { .. } => Missing::WrongKind,
            _ if once_ready_pods == 0 => Missing::NoReadyPods,
            _ if self.counted == 0
                && serving > 0
                && self.fault == Some(Missing::NoSamples)
                && counts_empty_as_zero(metric) =>
            {
                self.counted = serving;
                self.missing = self.crashing;
                self.empty = true;
                return Measurement::Pods(self);
            }
            _ if self.counted == 0 => self.fault.unwrap_or(Missing::NoSamples),
            Target::Utilization { .. } if self.without_request > 0 => Missing::NoRequests,
            _ => return Measurement::Pods(self),
        };
        Measurement::Missing {
            why,
            missing_pods: self.missing,
        }
    }
}

/// What a pod measures that is just at its target.
fn at_target(metric: &Metric, reading: &PodReading) -> f64 {
    match metric.target {
        Target::Utilization { percent } => {
            positive(reading.request).map_or(0.0, |request| finite(request * percent) / 100.0)
        }
        Target::AverageValue { per_replica } => per_replica,
        Target::Value { .. } => 0.0,
    }
}

fn positive(number: Option<f64>) -> Option<f64> {
    number.filter(|number| *number > 0.0 && *number < f64::INFINITY)
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
