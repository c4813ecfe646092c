//! The metrics of a policy as a user writes them. Pure.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::requests::{FailureRateMetric, RequestRateMetric, ResponseTimeMetric};
use crate::api::quantity::Quantity;

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

    /// CPU of the target's pods. One of cpu, memory, requestRate, responseTime, failureRate, network, disk and
    /// prometheus in each metric. Example: {averageUtilization: 70}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<ResourceMetric>,

    /// Working-set memory of the target's pods. One of cpu, memory, requestRate, responseTime, failureRate, network,
    /// disk and prometheus in each metric. Example: {averageUtilization: 80}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ResourceMetric>,

    /// Requests per second that the target receives. One of cpu, memory, requestRate, responseTime, failureRate,
    /// network, disk and prometheus in each metric. Example: {averageValue: 50}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_rate: Option<RequestRateMetric>,

    /// Seconds within which most requests are answered. One of cpu, memory, requestRate, responseTime, failureRate,
    /// network, disk and prometheus in each metric. Example: {source: istio, quantile: "0.95", value: 250m}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<ResponseTimeMetric>,

    /// Share of the requests that fail. One of cpu, memory, requestRate, responseTime, failureRate, network, disk and
    /// prometheus in each metric. Example: {source: istio, value: "0.02"}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<FailureRateMetric>,

    /// Bytes per second that the target's pods send and receive. One of cpu, memory, requestRate, responseTime,
    /// failureRate, network, disk and prometheus in each metric. Example: {averageValue: 10M, direction: Receive}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkMetric>,

    /// Bytes per second that the target's pods read from and write to their disks. One of cpu, memory, requestRate,
    /// responseTime, failureRate, network, disk and prometheus in each metric. Example: {averageValue: 20M,
    /// direction: Write}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskMetric>,

    /// The answer to a PromQL query. One of cpu, memory, requestRate, responseTime, failureRate, network, disk and
    /// prometheus in each metric. Example: {query: "sum(rabbitmq_queue_messages_ready)", averageValue: 30}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusMetric>,

    /// How far this metric may be off its target before anything happens. Default: the tolerances of behavior. Example:
    /// {scaleUp: "0.05", scaleDown: "0.2"}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<ToleranceSpec>,

    /// Where minReplicas is 0: at or below it this metric needs no replica, and above it the target wakes. It is held
    /// against the answer of a query, against the sum over the pods, or in per cent against averageUtilization. Default
    /// 0; cpu and memory have none by default, and then let the last replica go with the others; 0 or greater. Example:
    /// 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<Quantity>,

    /// What it means when the answer has nothing for this target, for all but cpu and memory. Default Missing. Missing
    /// counts as no data, as onMissing says; Zero counts as 0, which suits counters and queues that do not exist before
    /// they are first used. Without requests there is no responseTime and no failureRate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_empty: Option<WhenEmpty>,

    /// What it means when this metric has no usable value. Default Hold. Hold lets the other metrics raise the replicas
    /// but not lower them; Ignore lets them decide as if this metric were not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_missing: Option<OnMissing>,

    /// Seconds over which a rate is measured, for all but memory and prometheus. Default: four scrape intervals, as the
    /// controller measures them; one of 15, 30, 60, 120, 300 and 600. A prometheus query carries its own window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("enum" = [15, 30, 60, 120, 300, 600]))]
    pub window_seconds: Option<i32>,

    /// Seconds after which the newest sample counts as missing; of prometheus only with ageQuery. Default 120; 5 to
    /// 3600. Give it at least two scrape intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 3600))]
    pub max_age_seconds: Option<i32>,
}

/// Tolerances of one metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToleranceSpec {
    /// Share by which the metric may be above its target before the target grows. Default: that of behavior.scaleUp; 0
    /// to 1. Example: "0.05", which is 5 per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<Quantity>,

    /// Share by which the metric may be below its target before the target shrinks. Default: that of
    /// behavior.scaleDown; 0 to 1. Example: "0.2", which is 20 per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<Quantity>,
}

/// What an empty answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum WhenEmpty {
    /// No data.
    Missing,
    /// The value 0.
    Zero,
}

/// What a missing metric means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum OnMissing {
    /// They may raise the replicas but not lower them.
    Hold,
    /// They decide without it.
    Ignore,
}

/// A target for CPU or memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceMetric {
    /// Use of all counted pods in per cent of what they request. Either this or averageValue; 1 to 10000. Every
    /// container counted, or the pod as a whole, needs a request, or a limit where of says so. Example: 70.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub average_utilization: Option<i32>,

    /// What 100 per cent of averageUtilization are. Default Request; Request or Limit of the containers counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<UtilizationOf>,

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

/// What 100 per cent are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum UtilizationOf {
    /// What the containers request.
    #[default]
    Request,
    /// The most that the containers may use.
    Limit,
}

/// A target for the traffic of the pods. A pod that has run out of CPU moves fewer bytes than it is asked to, so the
/// rate then counts as a lower bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkMetric {
    /// Bytes per second and replica. Required; greater than 0. Examples: 10M, 512Ki.
    pub average_value: Quantity,

    /// Which bytes count. Default Both, which is their sum. Receive counts those that reach the pods, Transmit those
    /// that leave them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<NetworkDirection>,
}

/// Which bytes of the network count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum NetworkDirection {
    /// Those that reach the pods.
    Receive,
    /// Those that leave the pods.
    Transmit,
    /// All of them.
    Both,
}

/// A target for the disk traffic of the pods. A pod that has run out of CPU moves fewer bytes than it is asked to, so
/// the rate then counts as a lower bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiskMetric {
    /// Bytes per second and replica. Required; greater than 0. Examples: 20M, 1Mi.
    pub average_value: Quantity,

    /// Which bytes count. Default Both, which is their sum. Read counts those that the pods read, Write those that they
    /// write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<DiskDirection>,
}

/// Which bytes of the disks count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum DiskDirection {
    /// Those that the pods read.
    Read,
    /// Those that the pods write.
    Write,
    /// All of them.
    Both,
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
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,

    /// PromQL for the time of the newest sample behind the answer, in seconds since 1970; its series carry the labels
    /// of match too. Default: none, then the age is not known and the answer never too old; at most 4096 characters.
    /// Example: max by (queue) (timestamp(rabbitmq_queue_messages_ready)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub age_query: Option<String>,

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
