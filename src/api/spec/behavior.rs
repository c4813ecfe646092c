//! How fast and how calmly a target may grow and shrink, as a user writes it. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::quantity::Quantity;

/// Rules for each direction, and for rollouts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Behavior {
    /// Rules for growing. Default: no cooldown, no stabilisation window, a tolerance of 0.1 and no limit of the
    /// speed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,

    /// Rules for shrinking. Default: 60 s of cooldown, a stabilisation window of 300 s, a tolerance of 0.1 and at
    /// most 25 per cent of the replicas per 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,

    /// Longest time in seconds for which one rollout of the target forbids shrinking; it ends earlier with the rollout,
    /// or when that is paused or given up. Default 600; 0 to 86400, where 0 means that rollouts forbid nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub rollout_freeze_seconds: Option<i32>,
}

/// Rules for one direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingRules {
    /// Seconds of rest before this direction. Default 0 up, 60 down; 0 to 3600. Growing waits since the last
    /// growth, shrinking since the last change of either direction, by whomever it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub cooldown_seconds: Option<i32>,

    /// Seconds for which this direction must have been wanted before it is followed. Default 0 up, 300 down; 0
    /// to 3600. Of all counts wanted in that time the one nearest to the current count is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub stabilization_window_seconds: Option<i32>,

    /// How far a metric may be off its target, as a share of it, before this direction is taken. Default "0.1",
    /// which is 10 per cent; 0 to 1. Example: "0.05".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Quantity>,

    /// Which of several policies holds. Default Max. Max takes the one that allows the greatest change, Min the
    /// one that allows the least; Disabled forbids this direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,

    /// Limits of the change per period. Default: none up; 25 per cent per 60 s down; at most 8. Every policy
    /// allows a change of at least 1. Example: [{type: Pods, value: 4, periodSeconds: 60}].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub policies: Vec<RateLimit>,
}

/// Which of several rate limits holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum SelectPolicy {
    /// The one that allows the greatest change.
    Max,
    /// The one that allows the least change.
    Min,
    /// None: this direction is forbidden.
    Disabled,
}

/// The change that is allowed within one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// Unit of value: Pods, or Percent of the replicas at the start of the period. Required.
    #[serde(rename = "type")]
    pub kind: RateUnit,

    /// Pods, or per cent, that may be added or removed within the period. Required; 1 to 100000. Example: 25.
    #[schemars(range(min = 1, max = 100_000))]
    pub value: i32,

    /// Seconds that the period lasts. Required; 1 to 1800. Example: 60.
    #[schemars(range(min = 1, max = 1800))]
    pub period_seconds: i32,
}

/// The unit of a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum RateUnit {
    /// A number of pods.
    Pods,
    /// A share of the replicas at the start of the period.
    Percent,
}
