//! The target of one policy as the watches show it; where they do not show the count, `/scale` is asked over the network.
use concertina_decision::{Reason, Replicas, Rollout, Timestamp};
use kube::core::ApiResource;
use kube::discovery::Scope;

use super::Context;
use super::apply::ScaleClient;
use crate::cluster::QuotaRefusal;
use crate::cluster::pods::{PodRecord, StartupTimes};
use crate::cluster::targets::{KindState, TargetKey, scale_replicas};
use crate::observe::join::Note;

/// A target that was found.
pub struct Found {
    /// Kind, namespace and name.
    pub key: TargetKey,
    /// The object's uid.
    pub uid: String,
    /// `spec.replicas` through `/scale`.
    pub replicas: Replicas,
    /// Who wrote them last, by field manager.
    pub replicas_manager: Option<String>,
    /// The living pods.
    pub pods: Vec<PodRecord>,
    /// How long they take to start.
    pub startup: Option<StartupTimes>,
    /// Whether they are being exchanged.
    pub rollout: Rollout,
    /// A ResourceQuota that refuses pods.
    pub quota: Option<QuotaRefusal>,
    /// How the kind is served.
    pub resource: ApiResource,
    /// Namespaced or not.
    pub scope: Scope,
}

/// Finds the target.
///
/// # Errors
/// Why it cannot be worked with, in words for the user.
pub async fn find(context: &Context, key: TargetKey, now: Timestamp) -> Result<Found, Note> {
    let note = |reason, message| Err(Note { reason, message });
    let kind = &key.gvk.kind;
    // The guard must not be held across the await below, so it ends with this statement.
    let kind_state = context.cluster.targets().kind(&key.gvk);
    let (resource, scope) = match kind_state {
        KindState::Unknown
        | KindState::Watched {
            synced: false,
            failure: None,
            ..
        } => {
            return note(Reason::Evaluating, format!("looking up {key}"));
        }
        KindState::Watched {
            synced: false,
            failure: Some(failure),
            ..
        } => {
            let reason = if failure.is_forbidden {
                Reason::TargetForbidden
            } else {
                Reason::TargetUnavailable
            };
            return note(reason, format!("cannot list {kind} objects: {}", failure.message));
        }
        KindState::Missing => {
            let message = format!(
                "the API server serves no kind {kind} in {}: check apiVersion and kind of scaleTargetRef",
                key.gvk.api_version()
            );
            return note(Reason::TargetNotFound, message);
        }
        KindState::NotScalable => {
            let message = format!(
                "{kind} has no scale subresource: choose a target that has one, such as a Deployment"
            );
            return note(Reason::TargetNotScalable, message);
        }
        KindState::Unavailable(error) => {
            return note(
                Reason::TargetUnavailable,
                format!("cannot look up {kind}: {error}"),
            );
        }
        KindState::Watched {
            resource,
            scope,
            synced: true,
            ..
        } => (resource, scope),
    };
    let record = context.cluster.targets().get(&key).cloned();
    let Some(record) = record else {
        return note(
            Reason::TargetNotFound,
            format!("there is no {key}: create it, or correct the name in scaleTargetRef"),
        );
    };
    let replicas = match record.replicas {
        Some(replicas) => replicas,
        None => {
            let scale = ScaleClient::new(context.client.clone(), &resource, &scope, &key)
                .read()
                .await;
            let scale = scale.map_err(|error| Note {
                reason: if error.is_forbidden() {
                    Reason::TargetForbidden
                } else {
                    Reason::TargetUnavailable
                },
                message: error.to_string(),
            })?;
            context.cluster.targets().note_scale(&key, &scale);
            scale_replicas(&scale)
        }
    };
    let rollout = context.cluster.rollout(&key);
    let quota = context.cluster.quota_refusal(&key);
    let (pods, startup) = {
        let table = context.cluster.pods();
        let mut pods = Vec::new();
        table.of_owner(&record.uid, now, &mut pods);
        (pods, table.startup(&record.uid))
    };
    Ok(Found {
        replicas_manager: record.replicas_manager.as_deref().map(str::to_owned),
        key,
        uid: record.uid.to_string(),
        replicas,
        pods,
        startup,
        rollout,
        quota,
        resource,
        scope,
    })
}
