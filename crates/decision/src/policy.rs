//! What a user asked for, with every default already filled in by the caller. Plain data, no I/O.

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

/// A number of replicas, as in Kubernetes. Negative numbers in any input are treated as 0.
pub type Replicas = i32;

/// The most metrics one policy may have.
pub const MAX_METRICS: usize = 16;

/// The most rate policies that one direction may have.
pub const MAX_RATE_POLICIES: usize = 8;

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
    /// The metrics, in the user's order.
    pub metrics: ArrayVec<Metric, MAX_METRICS>,
    /// How the policy may grow.
    pub scale_up: Rules,
    /// How the policy may shrink.
    pub scale_down: Rules,
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
    /// [`DEFAULT_SCALE_DOWN_POLICY`].
    pub policies: ArrayVec<RatePolicy, MAX_RATE_POLICIES>,
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
