//! What one metric proposes in HorizontalPodAutoscaler: the pods it counts, the ratio, the rounding. A calculator for
//! comparison, written from what upstream does (`pkg/controller/podautoscaler/replica_calculator.go` and
//! `metrics/utilization.go`, Kubernetes 1.34 to 1.35), not a copy of it. Pure.
//!
//! | pod, in this order                                       | CPU      | anything else |
//! |----------------------------------------------------------|----------|---------------|
//! | being deleted, or Failed                                 | ignored  | ignored       |
//! | Pending                                                  | unready  | unready       |
//! | without a sample                                         | missing  | missing       |
//! | no Ready condition, or not started                       | unready  | counted       |
//! | started within 300 s: not Ready, or the sample is older than one window after it became Ready | unready | counted |
//! | older: not Ready, and not since 30 s after it started    | unready  | counted       |
//! | else                                                     | counted  | counted       |

use std::collections::{BTreeMap, BTreeSet};

use concertina_decision::{Replicas, Timestamp};

/// `--horizontal-pod-autoscaler-cpu-initialization-period`.
pub(crate) const CPU_INITIALIZATION_SECONDS: u32 = 300;
/// `--horizontal-pod-autoscaler-initial-readiness-delay`.
pub(crate) const INITIAL_READINESS_SECONDS: u32 = 30;

/// A pod that the label selector finds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pod {
    pub(crate) phase: Phase,
    pub(crate) being_deleted: bool,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ready: Option<ReadyCondition>,
    /// In thousandths.
    pub(crate) request: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Pending,
    Running,
    Failed,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadyCondition {
    pub(crate) is_ready: bool,
    pub(crate) since: Timestamp,
}

/// What the metrics API says of one pod. The value is in thousandths.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) value: i64,
    pub(crate) at: Timestamp,
    pub(crate) window_seconds: u32,
}

/// The samples by the pod's place in the list. Places beyond its end are pods that the selector does not find.
pub(crate) type Samples = BTreeMap<usize, Sample>;

/// What the metrics API answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    PerPod(Samples),
    /// One value of an object, or the series of an external metric; in thousandths.
    Values(Vec<i64>),
    Failed,
}

/// One metric of the specification. Targets but the utilisation are in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    CpuUtilization(i32),
    MemoryUtilization(i32),
    PodsAverage(i64),
    ObjectValue(i64),
    ObjectAverage(i64),
    ExternalValue(i64),
    ExternalAverage(i64),
}

/// Why a metric proposes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    NoAnswer,
    NoPods,
    NoSamples,
    MissingRequest,
}

/// How far a ratio may be off 1 in each direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tolerance {
    pub(crate) up: f64,
    pub(crate) down: f64,
}

impl Tolerance {
    fn covers(self, ratio: f64) -> bool {
        ratio >= 1.0 - self.down && ratio <= 1.0 + self.up
    }
}

/// What is there when a metric is computed.
pub(crate) struct Scene<'a> {
    /// `spec.replicas` of the scale subresource.
    pub(crate) replicas: Replicas,
    /// `status.replicas` of the scale subresource.
    pub(crate) status_replicas: Replicas,
    pub(crate) pods: &'a [Pod],
    pub(crate) tolerance: Tolerance,
    pub(crate) now: Timestamp,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) counted: usize,
    pub(crate) unready: BTreeSet<usize>,
    pub(crate) missing: BTreeSet<usize>,
    pub(crate) ignored: BTreeSet<usize>,
}

pub(crate) fn group(pods: &[Pod], samples: &Samples, is_cpu: bool, now: Timestamp) -> Groups {
    let mut groups = Groups::default();
    for (place, pod) in pods.iter().enumerate() {
        if pod.being_deleted || pod.phase == Phase::Failed {
            groups.ignored.insert(place);
        } else if pod.phase == Phase::Pending {
            groups.unready.insert(place);
        } else if let Some(sample) = samples.get(&place) {
            if is_cpu && is_unready(pod, sample, now) {
                groups.unready.insert(place);
            } else {
                groups.counted += 1;
            }
        } else {
            groups.missing.insert(place);
        }
    }
    groups
}

fn is_unready(pod: &Pod, sample: &Sample, now: Timestamp) -> bool {
    let (Some(ready), Some(started)) = (pod.ready, pod.started) else {
        return true;
    };
    if started.plus_seconds(CPU_INITIALIZATION_SECONDS) > now {
        !ready.is_ready || sample.at < ready.since.plus_seconds(sample.window_seconds)
    } else {
        !ready.is_ready && started.plus_seconds(INITIAL_READINESS_SECONDS) > ready.since
    }
}

/// The replicas that one metric asks for.
pub(crate) fn propose(metric: Metric, answer: &Answer, scene: &Scene<'_>) -> Result<Replicas, Invalid> {
    match (metric, answer) {
        (Metric::CpuUtilization(target) | Metric::MemoryUtilization(target), Answer::PerPod(samples)) => {
            let is_cpu = matches!(metric, Metric::CpuUtilization(_));
            by_pods(&Utilization::of(scene.pods, target), samples, is_cpu, scene)
        }
        (Metric::PodsAverage(target), Answer::PerPod(samples)) => {
            by_pods(&Average { target }, samples, false, scene)
        }
        (_, Answer::Values(values)) if values.is_empty() => Err(Invalid::NoAnswer),
        (Metric::ObjectValue(target), Answer::Values(values)) => by_value(values[0], target, scene),
        (Metric::ObjectAverage(target), Answer::Values(values)) => {
            Ok(by_total(values[0], target, scene, int32))
        }
        (Metric::ExternalValue(target), Answer::Values(values)) => {
            let sum = values
                .iter()
                .try_fold(0_i64, |sum, value| match sum.checked_add(*value) {
                    None if *value > 0 => Err(i64::MAX),
                    None => Ok(sum.wrapping_add(*value)),
                    Some(sum) => Ok(sum),
                });
            by_value(sum.unwrap_or_else(|most| most), target, scene)
        }
        (Metric::ExternalAverage(target), Answer::Values(values)) => {
            // A sum below zero is taken for an overflow, whatever it comes from.
            let sum = values
                .iter()
                .try_fold(0_i64, |sum, value| match sum.wrapping_add(*value) {
                    sum if sum < 0 => Err(i64::MAX),
                    sum => Ok(sum),
                });
            let capped = |number: f64| int32(number.min(f64::from(i32::MAX)));
            Ok(by_total(sum.unwrap_or_else(|most| most), target, scene, capped))
        }
        _ => Err(Invalid::NoAnswer),
    }
}

/// How samples become a ratio.
trait Ratio {
    /// Refuses the metric before anything is computed.
    fn check(&self) -> Result<(), Invalid>;
    fn ratio(&self, samples: &Samples) -> Result<f64, Invalid>;
    /// What a pod without a sample counts when shrinking.
    fn full(&self, place: usize) -> i64;
}

/// Σ usage ÷ Σ request, in whole per cent.
struct Utilization {
    requests: Option<Vec<i64>>,
    target: i32,
}

impl Utilization {
    /// The request of every pod is looked at, also of those that are being deleted.
    fn of(pods: &[Pod], target: i32) -> Self {
        Self {
            requests: pods.iter().map(|pod| pod.request).collect(),
            target,
        }
    }
}

impl Ratio for Utilization {
    fn check(&self) -> Result<(), Invalid> {
        self.requests.as_ref().map(|_| ()).ok_or(Invalid::MissingRequest)
    }

    fn ratio(&self, samples: &Samples) -> Result<f64, Invalid> {
        let requests = self.requests.as_deref().unwrap_or_default();
        let known = || {
            samples
                .iter()
                .filter_map(|(place, sample)| Some((sample.value, requests.get(*place)?)))
        };
        let usage: i64 = known().map(|(value, _)| value).sum();
        let request: i64 = known().map(|(_, request)| request).sum();
        if request == 0 {
            return Err(Invalid::NoSamples);
        }
        let percent = i32::try_from(usage * 100 / request).unwrap();
        Ok(f64::from(percent) / f64::from(self.target))
    }

    fn full(&self, place: usize) -> i64 {
        let requests = self.requests.as_deref().unwrap_or_default();
        requests[place] * i64::from(self.target.max(100)) / 100
    }
}

/// The mean in whole thousandths ÷ target.
struct Average {
    target: i64,
}

impl Ratio for Average {
    fn check(&self) -> Result<(), Invalid> {
        Ok(())
    }

    fn ratio(&self, samples: &Samples) -> Result<f64, Invalid> {
        let sum: i64 = samples.values().map(|sample| sample.value).sum();
        let mean = sum / i64::try_from(samples.len()).unwrap();
        Ok(mean as f64 / self.target as f64)
    }

    fn full(&self, _place: usize) -> i64 {
        self.target
    }
}

fn by_pods(
    measure: &dyn Ratio,
    samples: &Samples,
    is_cpu: bool,
    scene: &Scene<'_>,
) -> Result<Replicas, Invalid> {
    if scene.pods.is_empty() {
        return Err(Invalid::NoPods);
    }
    if samples.is_empty() {
        return Err(Invalid::NoAnswer);
    }
    let groups = group(scene.pods, samples, is_cpu, scene.now);
    let mut samples = samples.clone();
    samples.retain(|place, _| !groups.ignored.contains(place) && !groups.unready.contains(place));
    measure.check()?;
    if samples.is_empty() {
        return Err(Invalid::NoSamples);
    }
    let ratio = measure.ratio(&samples)?;
    let starts_while_growing = !groups.unready.is_empty() && ratio > 1.0;
    if !starts_while_growing && groups.missing.is_empty() {
        // The quick way out has no guard: the counted pods need not be the replicas.
        return Ok(if scene.tolerance.covers(ratio) {
            scene.replicas
        } else {
            int32((ratio * groups.counted as f64).ceil())
        });
    }

    let mut fill = |place: &usize, value: i64| {
        let (at, window_seconds) = (scene.now, 0);
        samples.insert(
            *place,
            Sample {
                value,
                at,
                window_seconds,
            },
        );
    };
    for place in &groups.missing {
        if ratio < 1.0 {
            fill(place, measure.full(*place));
        } else if ratio > 1.0 {
            fill(place, 0);
        }
    }
    if starts_while_growing {
        groups.unready.iter().for_each(|place| fill(place, 0));
    }
    let filled = measure.ratio(&samples)?;
    let turns = |from: f64, to: f64| (from < 1.0 && to > 1.0) || (from > 1.0 && to < 1.0);
    if scene.tolerance.covers(filled) || turns(ratio, filled) {
        return Ok(scene.replicas);
    }
    let replicas = int32((filled * samples.len() as f64).ceil());
    let moves_against =
        (filled < 1.0 && replicas > scene.replicas) || (filled > 1.0 && replicas < scene.replicas);
    Ok(if moves_against { scene.replicas } else { replicas })
}

/// A value to which the replicas stand in proportion.
fn by_value(value: i64, target: i64, scene: &Scene<'_>) -> Result<Replicas, Invalid> {
    let ratio = value as f64 / target as f64;
    if scene.replicas == 0 {
        return Ok(int32(ratio.ceil()));
    }
    if scene.tolerance.covers(ratio) {
        return Ok(scene.replicas);
    }
    if scene.pods.is_empty() {
        return Err(Invalid::NoPods);
    }
    let serves = |pod: &&Pod| pod.phase == Phase::Running && pod.ready.is_some_and(|ready| ready.is_ready);
    let serving = scene.pods.iter().filter(serves).count();
    let replicas = ratio * serving as f64;
    Ok(if replicas > f64::from(i32::MAX) {
        i32::MAX
    } else {
        int32(replicas.ceil())
    })
}

/// A total of which each replica takes its part. The replicas are those of the status, so surge pods are among them.
fn by_total(value: i64, target: i64, scene: &Scene<'_>, round: impl Fn(f64) -> Replicas) -> Replicas {
    let ratio = value as f64 / (target as f64 * f64::from(scene.status_replicas));
    if scene.tolerance.covers(ratio) {
        return scene.status_replicas;
    }
    round((value as f64 / target as f64).ceil())
}

/// Go's conversion on x86-64: what does not fit becomes the least number (kubernetes/kubernetes#126892 shows it).
fn int32(number: f64) -> i32 {
    if number.is_nan() || number < f64::from(i32::MIN) || number > f64::from(i32::MAX) {
        i32::MIN
    } else {
        number as i32
    }
}

/// A number as the adapter for Prometheus hands it on, in thousandths: NaN is 0 (prometheus-adapter#308), and what does
/// not fit becomes the least number, as above.
pub(crate) fn quantity(value: f64) -> i64 {
    let thousandths = value * 1000.0;
    if thousandths.is_nan() {
        0
    } else if thousandths >= i64::MAX as f64 || thousandths < i64::MIN as f64 {
        i64::MIN
    } else {
        thousandths.round() as i64
    }
}
