//! What a user writes into a ScalingPolicy. The texts on the fields are what `kubectl explain` prints. Pure.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::status::ScalingPolicyStatus;

mod behavior;
mod guard;
mod metric;
mod requests;
mod schedule;

pub use behavior::{Behavior, RateLimit, RateUnit, ScalingRules, SelectPolicy};
pub use guard::{FallbackSpec, GuardAction, GuardSpec};
pub use metric::{
    DiskDirection, DiskMetric, MatchLabels, MetricSpec, NetworkDirection, NetworkMetric, OnMissing,
    PrometheusMetric, ResourceMetric, ToleranceSpec, UtilizationOf, WhenEmpty,
};
pub use requests::{
    FailureRateGuard, FailureRateMetric, RequestRateMetric, ResponseTimeGuard, ResponseTimeMetric,
};
pub use schedule::ScheduleSpec;

/// What to scale, between which bounds, by which metrics and how fast.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "concertina.dev",
    version = "v1alpha1",
    kind = "ScalingPolicy",
    plural = "scalingpolicies",
    shortname = "spol",
    category = "concertina",
    namespaced,
    status = "ScalingPolicyStatus",
    derive = "PartialEq",
    doc = "Scales one workload by its metrics and explains every decision. Example: scaleTargetRef names a \
           Deployment, maxReplicas is 10, and metrics holds one entry with cpu: {averageUtilization: 70}."
)]
// The derived functions become inherent ones, so that `Deserialize` below can add the path to an error.
#[serde(rename_all = "camelCase", remote = "Self")]
pub struct ScalingPolicySpec {
    /// The object that is scaled: anything in the policy's namespace with a scale subresource. Required.
    /// Example: {apiVersion: apps/v1, kind: Deployment, name: web}.
    #[schemars(extend("x-kubernetes-map-type" = "atomic"))]
    pub scale_target_ref: ScaleTargetRef,

    /// Fewest replicas that metrics may scale to. Default 1; 0 to 100000, and at most maxReplicas. 0 lets the target sleep
    /// while there is nothing to do, and needs a prometheus metric that is there without pods to wake it, such as the
    /// length of a queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub min_replicas: Option<i32>,

    /// Most replicas that metrics may scale to. Required; 1 to 100000. When it is lowered under the current
    /// count, the target shrinks to it at once.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_replicas: i32,

    /// What the policy does with its decisions. Default Auto. Auto changes the target's replicas; DryRun
    /// decides and reports but changes nothing, also beside another autoscaler or policy; Paused does the same and
    /// keeps the target for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,

    /// Time at which a paused policy becomes Auto again. No default: paused until the mode is changed. An RFC
    /// 3339 time with a zone, only together with mode Paused. Example: "2026-12-24T18:00:00Z". The annotation
    /// concertina.dev/paused-until does the same without touching the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until: Option<Time>,

    /// Seconds between two decisions. Default: the controller's, 15 unless configured; one of 1, 2, 5, 10, 15,
    /// 30 and 60. Faster than the scrape interval of the metrics brings nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [1, 2, 5, 10, 15, 30, 60]))]
    pub period_seconds: Option<i32>,

    /// The Prometheus server that answers this policy's queries. Default {name: default}. Servers are named in
    /// the controller's configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus_ref: Option<PrometheusRef>,

    /// The metrics that decide, each under a name of its own. Required; 1 to 16. Every metric proposes a
    /// number of replicas and the greatest one wins; a metric that is missing never lets the target shrink, unless its
    /// onMissing is Ignore.
    #[schemars(
        length(min = 1, max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub metrics: Vec<MetricSpec>,

    /// How fast and how calmly the target grows and shrinks. Default: growth is immediate, shrinking waits for
    /// 300 s of lower need and takes at most a quarter of the replicas per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,

    /// Windows of time with other bounds, each under a name of its own. Default: none; at most 16. While several are
    /// open, the greatest of their minimums and the least of their maximums hold. Example: [{name: office-hours, start:
    /// "0 8 * * 1-5", durationMinutes: 600, timeZone: Europe/Berlin, minReplicas: 6}].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub schedules: Vec<ScheduleSpec>,

    /// Health conditions, each under a name of its own. Default: none; at most 8. While one is not met the target does
    /// not shrink. Example: `[{name: errors, query: "sum(rate(http_errors_total[1m]))", above: "0.5"}]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 8),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub guards: Vec<GuardSpec>,

    /// Replicas to have when no metric has been usable for long. Default: none, then the replicas stay as they are.
    /// Example: {afterSeconds: 180, replicas: 6}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackSpec>,
}

/// Names one object with a scale subresource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTargetRef {
    /// Group and version of the object. Required; at most 253 characters. Examples: apps/v1,
    /// argoproj.io/v1alpha1.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^([a-z0-9.-]+/)?v[0-9][a-z0-9]*$")
    )]
    pub api_version: String,

    /// Kind of the object. Required; at most 63 characters. Examples: Deployment, StatefulSet, Rollout.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub kind: String,

    /// Name of the object, in the policy's own namespace. Required; at most 253 characters. Example: web.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$")
    )]
    pub name: String,
}

/// What a policy does with its decisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum Mode {
    /// Changes the target's replicas.
    Auto,
    /// Decides and reports, changes nothing.
    DryRun,
    /// As DryRun, and the target stays this policy's.
    Paused,
}

/// Names a Prometheus server of the controller's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusRef {
    /// Name of the server in the controller's configuration. Required; at most 63 characters. Example:
    /// default.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,
}

impl<'de> Deserialize<'de> for ScalingPolicySpec {
    /// Says where in the spec the trouble is: an object stored before a change of the schema may not parse, and its
    /// owner sees only this text.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut track = serde_path_to_error::Track::new();
        let tracked = serde_path_to_error::Deserializer::new(deserializer, &mut track);
        ScalingPolicySpec::deserialize(tracked).map_err(|error| {
            let path = track.path().to_string();
            let at = if path == "." {
                "spec".to_owned()
            } else {
                format!("spec.{path}")
            };
            serde::de::Error::custom(format!("{at}: {error}"))
        })
    }
}

impl Serialize for ScalingPolicySpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ScalingPolicySpec::serialize(self, serializer)
    }
}
