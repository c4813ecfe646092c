//! The one write of a change: a JSON patch of `/scale` that fails when the world is not what the decision saw. This touches the network.
use std::sync::Arc;
use std::time::Duration;

use concertina_decision::Replicas;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use kube::discovery::Scope;
use kube::{Client, ResourceExt};
use serde_json::json;

use crate::cluster::targets::{TargetKey, scale_replicas};
use crate::leader::Leadership;

/// The name under which the API server records our writes.
pub const FIELD_MANAGER: &str = "concertina";
/// A write or read of `/scale` is given up after this; where another controller may lead soon, earlier.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a change was not written.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The replica count or the object is not what the decision saw.
    #[error("{target} changed meanwhile ({detail}): decided again")]
    Conflict {
        /// The target.
        target: String,
        /// What is different.
        detail: String,
        /// What is there instead, if that was looked up.
        seen: Option<Box<Scale>>,
    },
    /// The API server stored another count than it was given.
    #[error(
        "the API server stored {stored} replicas of {target} where {asked} were asked for: look for an admission webhook that limits it"
    )]
    Altered {
        /// The target.
        target: String,
        /// What was asked for.
        asked: Replicas,
        /// What was stored.
        stored: Replicas,
    },
    /// The target is gone.
    #[error("{0} does not exist any more")]
    Gone(String),
    /// The API server asks to slow down.
    #[error("the API server is too busy to scale {0}: tried again at the next tick")]
    Busy(String),
    /// The API server refused.
    #[error("the API server refused to scale {target}: {}", words_of(source))]
    Refused {
        /// The target.
        target: String,
        /// Its words.
        #[source]
        source: Box<kube::Error>,
    },
    /// No answer in time; the change may or may not have been made.
    #[error("no answer in time while scaling {0}; the next tick sees whether it happened")]
    TimedOut(String),
}

impl ApplyError {
    /// Whether the API server says that this is not allowed: to a read that means the controller's role, to a write it
    /// may be an admission webhook too.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if matches!(&**source, kube::Error::Api(status) if status.code == 403))
    }
}

/// The API server's own words, without the status around them.
fn words_of(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

/// A target's `/scale` endpoint.
#[derive(Clone, Debug)]
pub struct ScaleClient {
    api: Api<DynamicObject>,
    key: TargetKey,
    leadership: Option<Arc<Leadership>>,
}

impl ScaleClient {
    /// The endpoint of `key`, whose kind is served as `resource`.
    #[must_use]
    pub fn new(client: Client, resource: &ApiResource, scope: &Scope, key: &TargetKey) -> Self {
        Self {
            api: Api::dynamic(client, resource, scope).constrain(&key.namespace),
            key: key.clone(),
            leadership: None,
        }
    }

    /// The same, for writing: nothing is sent, asked again or waited for once another controller may lead.
    #[must_use]
    pub fn led_by(mut self, leadership: &Arc<Leadership>) -> Self {
        self.leadership = Some(Arc::clone(leadership));
        self
    }

    /// Reads the scale.
    ///
    /// # Errors
    /// When the target is gone or the API server does not answer.
    pub async fn read(&self) -> Result<Scale, ApplyError> {
        self.call(self.api.get_scale(&self.key.name)).await
    }

    /// Writes `to` if the object is still `uid` and its count still `from`.
    ///
    /// # Errors
    /// [`ApplyError::Conflict`] when it is not; nothing was written then.
    pub async fn write(&self, uid: &str, from: Replicas, to: Replicas) -> Result<Scale, ApplyError> {
        let operations = operations(uid, from, to);
        let patch: json_patch::Patch =
            serde_json::from_value(operations).map_err(|error| ApplyError::Refused {
                target: self.key.to_string(),
                source: Box::new(kube::Error::SerdeError(error)),
            })?;
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PatchParams::default()
        };
        let patch = Patch::Json::<()>(patch);
        let result = self
            .call(self.api.patch_scale(&self.key.name, &parameters, &patch))
            .await;
        let doubt = match &result {
            Err(ApplyError::Refused { source, .. }) => Doubt::about(source),
            Err(ApplyError::TimedOut(_)) => Doubt::WhetherWritten,
            _ => Doubt::None,
        };
        if doubt == Doubt::None {
            return result.and_then(|scale| self.as_asked(scale, to));
        }
        let Ok(seen) = self.read().await else {
            return result;
        };
        let count = scale_replicas(&seen);
        let is_same = seen.uid().as_deref() == Some(uid);
        match doubt {
            Doubt::WhetherWritten if is_same && count == to => Ok(seen),
            Doubt::WhatWasRefused if !is_same => Err(self.conflict("it was deleted and created again", seen)),
            Doubt::WhatWasRefused if count != from => {
                let detail = format!("it has {count} replicas where the decision saw {from}");
                Err(self.conflict(&detail, seen))
            }
            _ => result,
        }
    }

    /// An admission webhook may have put another count in the place of ours.
    fn as_asked(&self, scale: Scale, asked: Replicas) -> Result<Scale, ApplyError> {
        let stored = scale_replicas(&scale);
        if stored == asked {
            return Ok(scale);
        }
        Err(ApplyError::Altered {
            target: self.key.to_string(),
            asked,
            stored,
        })
    }

    fn conflict(&self, detail: &str, seen: Scale) -> ApplyError {
        ApplyError::Conflict {
            target: self.key.to_string(),
            detail: detail.into(),
            seen: Some(Box::new(seen)),
        }
    }

    async fn call(&self, request: impl Future<Output = kube::Result<Scale>>) -> Result<Scale, ApplyError> {
        let target = || self.key.to_string();
        let left = self.leadership.as_ref().map(|leadership| leadership.time_left());
        let patience = left.map_or(CALL_TIMEOUT, |left| left.min(CALL_TIMEOUT));
        if patience.is_zero() {
            // Not sent at all: a request that is polled once may already be on the wire.
            return Err(ApplyError::TimedOut(target()));
        }
        match tokio::time::timeout(patience, request).await {
            Err(_) => Err(ApplyError::TimedOut(target())),
            Ok(Ok(scale)) => Ok(scale),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => Err(ApplyError::Gone(target())),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(ApplyError::Conflict {
                target: target(),
                detail: status.message.clone(),
                seen: None,
            }),
            Ok(Err(kube::Error::Api(status))) if status.code == 429 => Err(ApplyError::Busy(target())),
            Ok(Err(error)) => Err(ApplyError::Refused {
                target: target(),
                source: Box::new(error),
            }),
        }
    }
}

/// What an error leaves open; a look at the scale settles it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    None,
    /// A failed `test` answers 422, and so does a refused value.
    WhatWasRefused,
    /// The connection broke, or no answer came in time: the write may have been made before that.
    WhetherWritten,
}

impl Doubt {
    fn about(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 422 => Self::WhatWasRefused,
            kube::Error::Api(_) => Self::None,
            _ => Self::WhetherWritten,
        }
    }
}

/// The uid guards against an object of the same name, the count against anyone else's change;
/// nothing else in the object matters. At zero the count is absent.
fn operations(uid: &str, from: Replicas, to: Replicas) -> serde_json::Value {
    let count = if from == 0 {
        serde_json::Value::Null
    } else {
        from.into()
    };
    let write = if from == 0 { "add" } else { "replace" };
    json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/replicas", "value": count},
        {"op": write, "path": "/spec/replicas", "value": to},
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_tests_the_uid_and_the_count_it_was_decided_on() {
        let expected = json!([
            {"op": "test", "path": "/metadata/uid", "value": "u1"},
            {"op": "test", "path": "/spec/replicas", "value": 2},
            {"op": "replace", "path": "/spec/replicas", "value": 5},
        ]);
        assert_eq!(operations("u1", 2, 5), expected);
    }

    #[test]
    fn a_change_from_zero_tests_for_absence_and_adds() {
        let operations = operations("u1", 0, 3);
        assert_eq!(operations[1]["value"], serde_json::Value::Null);
        assert_eq!(operations[2]["op"], "add");
    }
}
