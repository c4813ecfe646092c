//! What a user wants of the requests that a target answers: their rate, how long they take and how many fail. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::MatchLabels;
use crate::api::quantity::Quantity;

/// A target for the rate of requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RequestRateMetric {
    /// Requests per second and replica. Required; greater than 0. Examples: 50, 500m for one in two seconds.
    pub average_value: Quantity,

    /// Where the requests are counted. Default http, which reads http_requests_total of the pods; others are ingress-nginx,
    /// istio and the sources of the controller's configuration; at most 63 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub source: Option<String>,

    /// Labels that pick the target's requests, for a source that does not count per pod. Default: the source's label of
    /// workloads with the target's name; at most 8 labels with values of at most 253 characters. Example: {ingress: shop}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,
}

/// A target for the time that requests take. Replicas grow and shrink with time ÷ value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResponseTimeMetric {
    /// Where the requests are timed: ingress-nginx, istio, or a source in the controller's configuration that has a
    /// histogram. Required; at most 63 characters.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub source: String,

    /// Share of the requests that take no longer. Default "0.95"; greater than 0 and less than 1. Example: "0.99".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<Quantity>,

    /// Seconds that it should be. Required; greater than 0. Example: 250m, which is a quarter of a second.
    pub value: Quantity,

    /// Labels that pick the target's requests. Default: the source's label of workloads with the target's name; at most
    /// 8 labels with values of at most 253 characters. Example: {ingress: shop}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,
}

/// A target for the share of requests that fail. Replicas grow and shrink with share ÷ value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureRateMetric {
    /// Where the requests are counted: ingress-nginx, istio, or a source in the controller's configuration that tells
    /// failures. Required; at most 63 characters.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub source: String,

    /// Share that it should be. Required; greater than 0 and at most 1. Example: "0.02", which is 2 per cent.
    pub value: Quantity,

    /// Labels that pick the target's requests. Default: the source's label of workloads with the target's name; at most
    /// 8 labels with values of at most 253 characters. Example: {ingress: shop}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,
}

/// The time that requests take, for a guard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResponseTimeGuard {
    /// Where the requests are timed: ingress-nginx, istio, or a source in the controller's configuration that has a
    /// histogram. Required; at most 63 characters.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub source: String,

    /// Share of the requests that take no longer. Default "0.95"; greater than 0 and less than 1. Example: "0.99".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<Quantity>,

    /// Labels that pick the target's requests. Default: the source's label of workloads with the target's name; at most
    /// 8 labels with values of at most 253 characters. Example: {ingress: shop}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,
}

/// The share of requests that fail, for a guard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureRateGuard {
    /// Where the requests are counted: ingress-nginx, istio, or a source in the controller's configuration that tells
    /// failures. Required; at most 63 characters.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub source: String,

    /// Labels that pick the target's requests. Default: the source's label of workloads with the target's name; at most
    /// 8 labels with values of at most 253 characters. Example: {ingress: shop}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,
}
