//! What the controller writes into a ScalingPolicy's status, at most 2 KiB of it. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::spec::{FallbackSpec, Mode, RateLimit, SelectPolicy};

/// As [`ChangeStatus::by`]: this controller made the change.
pub const CHANGED_BY_CONCERTINA: &str = "Concertina";
/// As [`ChangeStatus::by`]: anyone else made the change.
pub const CHANGED_BY_OTHER: &str = "Other";

/// What is in force, what was decided and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct ScalingPolicyStatus {
    /// The metadata.generation that this status speaks of. A smaller number than metadata.generation means that
    /// the controller has not seen the newest spec yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The mode in force: Auto, DryRun or Paused. It differs from spec.mode while the annotation
    /// concertina.dev/paused-until holds, and after spec.pausedUntil has passed. It is absent where the policy or
    /// that annotation cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// The settings in force, with every default filled in. When the status has no room for the rules of a direction,
    /// they are those of spec.behavior, or its defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective: Option<EffectiveSettings>,

    /// The state of the policy: Ready (summary), AbleToScale, ScalingActive and ScalingLimited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::schema::conditions")]
    pub conditions: Vec<Condition>,

    /// Replicas that the target asked for when the last decision was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_replicas: Option<i32>,

    /// Replicas that the last decision wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,

    /// Time at which this policy last changed the replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_scale_time: Option<Time>,

    /// The last decision in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_decision: Option<DecisionStatus>,

    /// What each metric said and proposed, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub metrics: Vec<MetricStatus>,

    /// The stages of the last decision that altered the number, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub stages: Vec<StageStatus>,

    /// The guards that are not Clear, in the order of the spec.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub guards: Vec<GuardStatus>,

    /// How long the target's pods take to start, as learned from those that did; absent until one was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupStatus>,

    /// The last changes of the target's replicas, the newest first; at most 5. From them cooldowns and limits per
    /// period go on after a restart of the controller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "atomic"))]
    pub last_changes: Vec<ChangeStatus>,

    /// Metrics that are left out here to keep the status small; all of them are in the controller's own metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_omitted: Option<i32>,
}

/// Settings in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveSettings {
    /// Fewest replicas.
    pub min_replicas: i32,
    /// Most replicas.
    pub max_replicas: i32,
    /// Seconds between two decisions.
    pub period_seconds: i32,
    /// Name of the Prometheus server.
    #[schemars(length(max = 63))]
    pub prometheus: String,
    /// Rules for growing; absent when the status has no room for them, those that are all defaults first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<RulesStatus>,
    /// Rules for shrinking; absent when the status has no room for them, those that are all defaults first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<RulesStatus>,
    /// Longest time in seconds for which one rollout forbids shrinking.
    #[serde(default)]
    pub rollout_freeze_seconds: i32,
    /// Replicas to have when no metric has been usable for long; absent when there is no fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackSpec>,
}

/// Rules in force for one direction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RulesStatus {
    /// Seconds of rest before this direction.
    pub cooldown_seconds: i32,
    /// Seconds for which this direction must have been wanted.
    pub stabilization_window_seconds: i32,
    /// Share by which a metric may be off its target.
    #[schemars(length(max = 32))]
    pub tolerance: String,
    /// Which of several policies holds.
    pub select_policy: SelectPolicy,
    /// Limits of the change per period; none means no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub policies: Vec<RateLimit>,
}

/// What one metric said and proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricStatus {
    /// Name of the metric in the spec.
    #[schemars(length(max = 63))]
    pub name: String,
    /// What was measured, in the unit of the target; absent when the metric is missing. Examples: 83%, 412m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub value: Option<String>,
    /// What the value is held against. Examples: 70%, 250m.
    #[schemars(length(max = 32))]
    pub target: String,
    /// Replicas that this metric asks for; absent when the metric is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<i32>,
    /// Age in seconds of the oldest sample that counted; absent when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i32>,
    /// Why the metric proposes this, or why it is missing, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// What to know or to do about it, where the reason alone does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub message: Option<String>,
}

/// A guard that is not Clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardStatus {
    /// Name of the guard in the spec.
    #[schemars(length(max = 63))]
    pub name: String,
    /// What was measured; absent when there is no usable value. Example: 20m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub value: Option<String>,
    /// What it means, in one word. Pending: above the threshold, but not for long enough yet. Tripped and Missing:
    /// shrinking is forbidden. Expired: tripped or missing for so long that it forbids nothing any more.
    #[schemars(length(max = 64))]
    pub state: String,
}

/// Time from the creation of a pod to Ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartupStatus {
    /// Seconds within which half of the pods were Ready.
    pub p50_seconds: i32,
    /// Seconds within which 95 of 100 pods were Ready.
    pub p95_seconds: i32,
    /// Pods from which this was learned.
    pub samples: i32,
}

/// A stage that altered the number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StageStatus {
    /// Name of the stage.
    #[schemars(length(max = 63))]
    pub stage: String,
    /// Replicas after the stage.
    pub replicas: i32,
    /// Why the stage altered the number, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
}

/// One change of the target's replicas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeStatus {
    /// When the change was made or seen.
    pub time: Time,
    /// Replicas before.
    pub from: i32,
    /// Replicas after.
    pub to: i32,
    /// Why, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// Who made it: Concertina, or Other for anyone else.
    #[schemars(length(max = 63))]
    pub by: String,
}

/// The last decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DecisionStatus {
    /// When it was made.
    pub time: Time,
    /// The one reason that explains it best, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// The decision in one sentence.
    #[schemars(length(max = 256))]
    pub message: String,
}

impl<'de> Deserialize<'de> for ScalingPolicyStatus {
    /// A status that this version cannot read (written by another one) is forgotten and written anew: it must
    /// not keep the spec beside it from being read.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        Ok(ScalingPolicyStatus::deserialize(value).unwrap_or_default())
    }
}

impl Serialize for ScalingPolicyStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ScalingPolicyStatus::serialize(self, serializer)
    }
}
