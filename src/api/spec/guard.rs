//! What keeps a target from harm, as a user writes it: guards that forbid shrinking, and the fallback. Pure.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::metric::{MatchLabels, WhenEmpty};
use super::requests::{FailureRateGuard, ResponseTimeGuard};
use crate::api::quantity::Quantity;

/// A health condition that forbids shrinking while it is not met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardSpec {
    /// Name of this guard in status, events and graphs; each name appears once in a policy. Required; lower case
    /// letters, digits and dashes, at most 63 characters. Example: errors.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
    )]
    pub name: String,

    /// PromQL whose answer is one number, or one series per set of labels when match is given. Either this or
    /// responseTime or failureRate; at most 4096 characters. Policies with the same text share one query. Example:
    /// `sum(rate(http_errors_total[1m]))`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub query: Option<String>,

    /// Seconds within which most requests are answered. Either this or query or failureRate. Example: {source: istio,
    /// quantile: "0.99"}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_time: Option<ResponseTimeGuard>,

    /// Share of the requests that fail. Either this or query or responseTime. Example: {source: istio}.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_rate: Option<FailureRateGuard>,

    /// Labels that pick this policy's series out of the answer to query. Default: none, then the answer must be a single
    /// series; at most 8 labels with values of at most 253 characters. Example: {service: web}.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::api::schema::match_labels")]
    pub match_labels: Option<MatchLabels>,

    /// The guard trips when the answer is greater than this. Required; any amount, also 0. Example: "0.01".
    pub above: Quantity,

    /// Seconds for which the answer must have been above without a break. Default 30; 0 to 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3600))]
    pub for_seconds: Option<i32>,

    /// What an empty answer means. Default Missing. Missing forbids shrinking, as any guard that cannot be read; Zero
    /// takes it for 0, which suits counters that do not exist before the first error. A responseTime or failureRate of
    /// requests that are counted, but of which there are none just now, is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_empty: Option<WhenEmpty>,

    /// Seconds after which a guard that is tripped or missing all the time forbids nothing any more and only warns.
    /// Default 900; 60 to 86400.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 86_400))]
    pub max_block_seconds: Option<i32>,

    /// What a tripped or missing guard does. Default BlockShrink, which forbids shrinking; growing, and shrinking to a
    /// lowered maxReplicas, stay free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<GuardAction>,
}

/// What a guard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[schemars(description = "")] // the field that uses it says more
pub enum GuardAction {
    /// Forbids shrinking.
    BlockShrink,
}

/// What to do when no metric has been usable for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FallbackSpec {
    /// Seconds without any usable metric after which the fallback holds. Required; 30 to 86400. Example: 180.
    #[schemars(range(min = 30, max = 86_400))]
    pub after_seconds: i32,

    /// Fewest replicas while the fallback holds; a target that has more keeps them. Required; 1 to 100000, and at most
    /// maxReplicas. Example: 6.
    #[schemars(range(min = 1, max = 100_000))]
    pub replicas: i32,
}
