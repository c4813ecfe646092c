//! What a user asked for, with every default already filled in by the caller. Plain data, no I/O.
//!
//! A controller holds very many policies, so their lists are exactly as long as what is in them. How much of a list
//! counts is said in one place, `first`.

use arrayvec::ArrayVec;
use serde::{Deserialize, Deserializer, Serialize};

/// A number of replicas, as in Kubernetes. Negative numbers in any input are treated as 0.
pub type Replicas = i32;

/// The most metrics one policy may have; those beyond it are not read, and a stored policy with more is refused.
pub const MAX_METRICS: usize = 16;

/// The most rate policies that one direction may have; as [`MAX_METRICS`].
pub const MAX_RATE_POLICIES: usize = 8;

/// The most guards one policy may have; as [`MAX_METRICS`].
pub const MAX_GUARDS: usize = 8;

/// The longest period of a rate policy, in seconds; longer ones are treated as this. The same bound as in
/// Kubernetes' HorizontalPodAutoscaler (`HPAScalingPolicy.periodSeconds`).
pub const MAX_PERIOD_SECONDS: u32 = 1800;

/// The effective settings of one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// The fewest replicas. Where it is above `max_replicas`, the maximum wins.
    pub min_replicas: Replicas,
    /// The most replicas.
    pub max_replicas: Replicas,
    /// The metrics, in the user's order. The first [`MAX_METRICS`] count.
    #[serde(deserialize_with = "at_most::<_, _, MAX_METRICS>")]
    pub metrics: Box<[Metric]>,
    /// How the policy may grow.
    pub scale_up: Rules,
    /// How the policy may shrink.
    pub scale_down: Rules,
    /// Health conditions that forbid shrinking. The first [`MAX_GUARDS`] count.
    #[serde(default, deserialize_with = "at_most::<_, _, MAX_GUARDS>")]
    pub guards: Box<[Guard]>,
    /// What to do when no metric has been usable for long. None: hold.
    #[serde(default)]
    pub fallback: Option<Fallback>,
    /// The longest time, in seconds, for which one rollout forbids shrinking. 0: rollouts forbid nothing.
    #[serde(default)]
    pub rollout_freeze_seconds: u32,
}

impl Policy {
    /// The metrics that count.
    pub(crate) fn counted_metrics(&self) -> &[Metric] {
        first(&self.metrics, MAX_METRICS)
    }

    /// The guards that count.
    pub(crate) fn counted_guards(&self) -> &[Guard] {
        first(&self.guards, MAX_GUARDS)
    }
}

/// A decision has room for so many entries of a list; those beyond are as if they were not there.
fn first<Entry>(list: &[Entry], most: usize) -> &[Entry] {
    list.get(..most).unwrap_or(list)
}

/// Reads a list and refuses one that is too long.
pub(crate) fn at_most<'de, Source, Entry, const MOST: usize>(
    source: Source,
) -> Result<Box<[Entry]>, Source::Error>
where
    Source: Deserializer<'de>,
    Entry: Deserialize<'de>,
{
    let list = ArrayVec::<Entry, MOST>::deserialize(source)?;
    Ok(list.into_iter().collect())
}

/// One metric of a policy: what to aim for, and what counts as a usable value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// The value to aim for.
    pub target: Target,
    /// A sample older than this, in seconds, is missing.
    pub max_age_seconds: u32,
    /// Whether a pod that has run out of CPU shows less of this than was asked of it: true of CPU itself and of
    /// rates measured in the pods (requests, bytes); false of memory, connections and queue lengths. Of no effect
    /// on totals.
    pub cpu_bound: bool,
    /// Whether a pod that starts shows more of this than its share of the load: true of CPU and of bytes, which a start
    /// burns and reads; false of requests. Of no effect on totals.
    #[serde(default)]
    pub starts_hot: bool,
    /// Tolerances of this metric alone.
    #[serde(default)]
    pub tolerance: MetricTolerance,
    /// At or below it the metric needs no replica at all, which matters where the minimum is 0. It is held against a
    /// total, against the sum over the pods, or for a utilisation against the per cent. None: a total needs none at 0,
    /// and a metric of pods does not keep the last replica, but it must not ask for a second one.
    #[serde(default)]
    pub activation: Option<f64>,
    /// What it means when the answer has nothing for this target.
    #[serde(default)]
    pub when_empty: WhenEmpty,
    /// What it means when the metric is missing.
    #[serde(default)]
    pub on_missing: OnMissing,
}

/// Tolerances of one metric; where there is none, that of the direction's [`Rules`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricTolerance {
    /// As [`Rules::tolerance`], for growth.
    pub scale_up: Option<f64>,
    /// As [`Rules::tolerance`], for shrinking.
    pub scale_down: Option<f64>,
}

/// What an answer without a series for the target means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenEmpty {
    /// The value is missing.
    #[default]
    Missing,
    /// The value is 0: counters and queues that do not exist before they are first used. Of a metric measured in pods
    /// only when no pod at all has a sample. Of no effect on utilisations: a running pod always uses something.
    Zero,
}

/// What a missing metric means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnMissing {
    /// The others may raise the replicas, but not lower them.
    #[default]
    Hold,
    /// The others decide as if the metric were not in the policy. Where none is left, the replicas stay.
    Ignore,
}

/// A health condition that forbids shrinking while it is not met.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// The guard trips when its value is above this.
    pub above: f64,
    /// Seconds for which the value must have been above without a break.
    pub for_seconds: u32,
    /// Seconds after which a guard that is tripped or missing all the time forbids nothing any more.
    pub max_block_seconds: u32,
    /// What it means when the answer is empty.
    pub when_empty: WhenEmpty,
}

/// What to do when no metric has been usable for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    /// Seconds without any usable metric.
    pub after_seconds: u32,
    /// The fewest replicas from then on; more stay as they are.
    pub replicas: Replicas,
}

/// The value that a metric should have.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// What the pods use, in per cent of what they request: one ratio of sums over the pods. Needs
    /// [`Reading::PerPod`](crate::Reading::PerPod) with requests (or with limits put in their place).
    Utilization {
        /// Per cent; above 0.
        percent: f64,
    },
    /// Units of the metric for each replica, from readings per pod or from a total.
    AverageValue {
        /// In the metric's unit; above 0.
        per_replica: f64,
    },
    /// A total to which the replicas stand in proportion, such as a latency or a ratio. Needs
    /// [`Reading::Total`](crate::Reading::Total).
    Value {
        /// In the metric's unit; above 0.
        value: f64,
    },
}

impl Target {
    /// The number to aim for, in per cent or in the metric's unit.
    #[must_use]
    pub const fn number(self) -> f64 {
        match self {
            Self::Utilization { percent } => percent,
            Self::AverageValue { per_replica } => per_replica,
            Self::Value { value } => value,
        }
    }
}

/// The rules of one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// Seconds that must have passed since the last growth (scaling up) or since the last change of any kind
    /// (scaling down).
    pub cooldown_seconds: u32,
    /// Seconds over which the wants are compared: growth takes the least of them, shrinking the greatest.
    pub stabilization_window_seconds: u32,
    /// How far the ratio of measured value to target may be off 1 in this direction before anything happens: 0.1
    /// is ten per cent. Negative or not a number: 0.
    pub tolerance: f64,
    /// Which of several policies decides.
    pub select_policy: SelectPolicy,
    /// How much may change per period. None: growth has no limit, and shrinking is limited by
    /// [`DEFAULT_SCALE_DOWN_POLICY`]. The first [`MAX_RATE_POLICIES`] count.
    #[serde(deserialize_with = "at_most::<_, _, MAX_RATE_POLICIES>")]
    pub policies: Box<[RatePolicy]>,
}

impl Rules {
    /// The rate policies that count.
    pub(crate) fn counted_policies(&self) -> &[RatePolicy] {
        first(&self.policies, MAX_RATE_POLICIES)
    }
}

/// Which of several rate policies decides, as in HorizontalPodAutoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SelectPolicy {
    /// The one that allows the greatest change.
    Max,
    /// The one that allows the least change.
    Min,
    /// None: no change in this direction.
    Disabled,
}

/// How much may change within a period. Each policy allows at least one replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RatePolicy {
    /// What `value` counts.
    pub kind: RateKind,
    /// Replicas, or per cent of the replicas at the beginning of the period.
    pub value: u32,
    /// Seconds; at most [`MAX_PERIOD_SECONDS`].
    pub period_seconds: u32,
}

/// What the value of a rate policy counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RateKind {
    /// Replicas.
    Pods,
    /// Per cent of the replicas at the beginning of the period; a part of a replica counts as one.
    Percent,
}

/// The limit on shrinking when a policy names none: a quarter of the replicas per minute, which takes about ten minutes
/// from 100 to 5. HorizontalPodAutoscaler allows all of them per 15 seconds, so that one wrong low reading can take a
/// whole service away. This is a choice of caution, not a measurement; naming a policy replaces it.
pub const DEFAULT_SCALE_DOWN_POLICY: RatePolicy = RatePolicy {
    kind: RateKind::Percent,
    value: 25,
    period_seconds: 60,
};
