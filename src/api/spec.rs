//! What a user writes into a ScalingPolicy. The texts on the fields are what `kubectl explain` prints. Pure.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::quantity::Quantity;
use super::status::ScalingPolicyStatus;

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

    /// Fewest replicas that metrics may scale to. Default 1; at least 1 and at most maxReplicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
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
    /// number of replicas and the greatest one wins; a metric that is missing never lets the target shrink.
    #[schemars(
        length(min = 1, max = 16),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"])
    )]
    pub metrics: Vec<MetricSpec>,

    /// How fast and how calmly the target grows and shrinks. Default: growth is immediate, shrinking waits for
    /// 300 s of lower need and takes at most a quarter of the replicas per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
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

/// One metric and its target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MetricSpec {
    /// Name of this metric in status, events and graphs; each name appears once in a policy. Required; lower
    /// case letters, digits and dashes, at most 63 characters. Examples: cpu, orders-backlog.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,

    /// CPU of the target's pods. One of cpu, memory, requestRate and prometheus in each metric. Example: {averageUtilization: 70}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<ResourceMetric>,

    /// Working-set memory of the target's pods. One of cpu, memory, requestRate and prometheus in each metric.
    /// Example: {averageUtilization: 80}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ResourceMetric>,

    /// Requests per second that the target's pods receive. One of cpu, memory, requestRate and prometheus in
    /// each metric. Example: {averageValue: 50}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_rate: Option<RequestRateMetric>,

    /// The answer to a PromQL query. One of cpu, memory, requestRate and prometheus in each metric. Example:
    /// {query: "sum(rabbitmq_queue_messages_ready)", averageValue: 30}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusMetric>,

    /// Seconds over which a rate is measured, for cpu and requestRate. Default: four scrape intervals, found by
    /// the controller; one of 15, 30, 60, 120, 300 and 600. A prometheus query carries its own window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [15, 30, 60, 120, 300, 600]))]
    pub window_seconds: Option<i32>,

    /// Seconds after which the newest sample counts as missing, for cpu, memory and requestRate. Default 120; 5
    /// to 3600. Give it at least two scrape intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 3600))]
    pub max_age_seconds: Option<i32>,
}

/// A target for CPU or memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceMetric {
    /// Use of all counted pods in per cent of what they request. Either this or averageValue; 1 to 10000. Every
    /// container counted needs a request. Example: 70.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub average_utilization: Option<i32>,

    /// Use per replica, in cores for cpu and in bytes for memory. Either this or averageUtilization; greater
    /// than 0. Examples: 250m, 512Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,

    /// The one container that counts, for pods with sidecars. Default: all containers; at most 63 characters.
    /// Example: app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub container: Option<String>,
}

/// A target for the rate of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestRateMetric {
    /// Requests per second and replica. Required; greater than 0. Examples: 50, 500m for one in two seconds.
    pub average_value: Quantity,

    /// Where the requests are counted: the name of a source in the controller's configuration. Default http,
    /// which reads http_requests_total of the pods; at most 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub source: Option<String>,
}

/// A PromQL query and a target for its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusMetric {
    /// PromQL whose answer is one number, or one series per set of labels when match is given. Required; at most
    /// 4096 characters. Policies with the same text share one query. Example: sum by (queue)
    /// (rabbitmq_queue_messages_ready).
    #[schemars(length(min = 1, max = 4096))]
    pub query: String,

    /// Labels that pick this policy's series out of the answer. Default: none, then the answer must be a single
    /// series; at most 8 labels with values of at most 253 characters. Example: {queue: orders}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "super::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,

    /// The part of the answer that one replica should carry; the answer is a total, such as the length of a
    /// queue. Either this or value; greater than 0. Example: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Quantity>,

    /// What the answer itself should be; replicas grow and shrink with answer ÷ value, which suits latencies and
    /// shares. Either this or averageValue; greater than 0. Example: 200m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Quantity>,
}

/// Label names and the value each must have.
pub type MatchLabels = BTreeMap<String, String>;

/// Rules for each direction.
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
