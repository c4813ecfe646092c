//! What is read of a scale target of any kind: its count, how far its rollouts are, whether a quota refuses its pods, and who
//! wrote the count. No network.
//!
//! A ResourceQuota that refuses pods is seen from condition `ReplicaFailure` with reason `FailedCreate`, which Deployments,
//! ReplicaSets and Argo Rollouts set and take back. A StatefulSet has no such condition: its refusals are only in events, and
//! are not seen. The same condition with another message (a LimitRange, a webhook, Pod Security) is no wall: what it
//! forbids is forbidden at any count.
use std::sync::Arc;

use concertina_decision::Replicas;
use serde::Deserialize;

use super::rollout::{RolloutProgress, hash_of};
use super::slim::{Fields, Managers, Slim, SlimMetadata, lenient};
use crate::intern;

/// A message of a quota is cut after so many bytes.
const MAX_MESSAGE_BYTES: usize = 512;
/// What the API server's messages say when a ResourceQuota refuses a pod: it is used up, or the pod lacks the requests that
/// the quota counts.
const QUOTA_MESSAGES: [&str; 2] = ["exceeded quota", "failed quota"];

/// The part of a target object that is read.
pub type SlimTarget = Slim<TargetFields>;

/// What is used of a target.
#[derive(Clone, Debug, Default)]
pub struct TargetFields {
    pub(super) replicas: Option<Replicas>,
    pub(super) rollout: RolloutProgress,
    pub(super) quota_refusal: Option<Arc<str>>,
    pub(super) replicas_manager: Option<Arc<str>>,
}

/// The part of a target's `spec` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetSpec {
    #[serde(deserialize_with = "lenient")]
    replicas: Option<Replicas>,
    #[serde(deserialize_with = "lenient")]
    paused: Option<bool>,
    #[serde(deserialize_with = "lenient")]
    update_strategy: Option<UpdateStrategy>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct UpdateStrategy {
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: Option<u32>,
}

/// The part of a target's `status` that is read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TargetStatus {
    #[serde(deserialize_with = "lenient")]
    update_revision: Option<String>,
    #[serde(deserialize_with = "lenient")]
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    reason: String,
    message: String,
}

impl TargetStatus {
    fn has(&self, kind: &str, status: &str) -> Option<&Condition> {
        self.conditions
            .iter()
            .flatten()
            .find(|condition| condition.kind == kind && condition.status == status)
    }
}

impl Fields for TargetFields {
    type Managers = Managers;
    type Spec = TargetSpec;
    type Status = TargetStatus;

    fn pick(
        metadata: &SlimMetadata<Managers>,
        spec: Option<TargetSpec>,
        status: Option<TargetStatus>,
    ) -> Self {
        let (spec, status) = (spec.unwrap_or_default(), status.unwrap_or_default());
        let is_given_up = status.has("Progressing", "False").is_some();
        let partition = spec
            .update_strategy
            .and_then(|strategy| strategy.rolling_update?.partition);
        let refusal = status.has("ReplicaFailure", "True").filter(|condition| {
            condition.reason == "FailedCreate"
                && QUOTA_MESSAGES
                    .iter()
                    .any(|words| condition.message.contains(words))
        });
        Self {
            replicas: spec.replicas,
            rollout: RolloutProgress {
                is_stopped: is_given_up || spec.paused == Some(true),
                update_revision: status.update_revision.as_deref().map(hash_of),
                partition: partition.unwrap_or(0),
            },
            quota_refusal: refusal.map(|condition| cut(&condition.message).into()),
            replicas_manager: metadata.replicas_manager().map(intern::name),
        }
    }
}

fn cut(message: &str) -> &str {
    let end = message.floor_char_boundary(MAX_MESSAGE_BYTES);
    message.get(..end).unwrap_or(message)
}

#[cfg(test)]
#[path = "target_fields_tests.rs"]
mod tests;
