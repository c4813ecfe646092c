//! The target of one policy as the watches show it. No network.
use std::sync::Arc;

use concertina_decision::{Reason, Replicas, Rollout, Timestamp};

use crate::cluster::names::Uid;
use crate::cluster::pods::{PodRecord, StartupTimes};
use crate::cluster::targets::{KindState, TargetKey};
use crate::cluster::{QuotaRefusal, Standing, View};
use crate::observe::join::Note;

/// A target that was found.
#[derive(Debug)]
pub struct Found {
    /// The object's uid.
    pub uid: Uid,
    /// `spec.replicas` through `/scale`; `None` where the watch does not show it.
    pub replicas: Option<Replicas>,
    /// Who wrote them last, by field manager.
    pub replicas_manager: Option<Arc<str>>,
    /// The living pods.
    pub pods: Vec<PodRecord>,
    /// How long they take to start.
    pub startup: Option<StartupTimes>,
    /// Whether they are being exchanged.
    pub rollout: Rollout,
    /// A ResourceQuota that refuses pods.
    pub quota: Option<QuotaRefusal>,
}

/// Finds the target.
///
/// # Errors
/// Why it cannot be worked with, in words for the user.
pub fn find(view: &View<'_>, key: &TargetKey, now: Timestamp) -> Result<Found, Note> {
    let record = match view.targets.get(key) {
        Some(record) if view.targets.is_listed(&key.gvk, &key.namespace) => record,
        _ => return Err(why_not(view, key)),
    };
    if let Some(note) = what_is_not_read(view, key) {
        return Err(note);
    }
    let mut pods = Vec::new();
    view.pods.of_owner(&record.uid, now, &mut pods);
    Ok(Found {
        uid: record.uid.clone(),
        replicas: record.replicas,
        replicas_manager: record.replicas_manager.clone(),
        startup: view.pods.startup(&record.uid),
        rollout: view.rollout(key, record),
        quota: view.quota_refusal(record),
        pods,
    })
}

/// What there is to say while the rest of the target's namespace is not read, or may be read no more.
fn what_is_not_read(view: &View<'_>, key: &TargetKey) -> Option<Note> {
    match view.standing_of(&key.namespace) {
        Standing::Read => None,
        Standing::Awaited => Some(looking_up(key)),
        Standing::Refused { what, failure } => Some(Note {
            reason: Reason::TargetForbidden,
            message: format!(
                "cannot list {what} in namespace {}: {}",
                key.namespace,
                failure.map_or("the controller may not", |failure| failure.message.as_str())
            ),
        }),
    }
}

/// What there is to say while the target is looked up.
#[must_use]
pub fn looking_up(key: &TargetKey) -> Note {
    Note {
        reason: Reason::Evaluating,
        message: format!("looking up {key}"),
    }
}

/// Why there is nothing to scale.
fn why_not(view: &View<'_>, key: &TargetKey) -> Note {
    let note = |reason, message| Note { reason, message };
    let kind = &key.gvk.kind;
    match view.targets.kind(&key.gvk) {
        KindState::Unknown => looking_up(key),
        KindState::Watched { .. } if view.targets.is_listed(&key.gvk, &key.namespace) => note(
            Reason::TargetNotFound,
            format!("there is no {key}: create it, or correct the name in scaleTargetRef"),
        ),
        KindState::Watched { .. } => match view.targets.failure(&key.gvk, &key.namespace) {
            None => looking_up(key),
            Some(failure) => {
                let reason = if failure.is_forbidden {
                    Reason::TargetForbidden
                } else {
                    Reason::TargetUnavailable
                };
                note(reason, format!("cannot list {kind} objects: {}", failure.message))
            }
        },
        KindState::Missing => note(
            Reason::TargetNotFound,
            format!(
                "the API server serves no kind {kind} in {}: check apiVersion and kind of scaleTargetRef",
                key.gvk.api_version()
            ),
        ),
        KindState::NotScalable => note(
            Reason::TargetNotScalable,
            format!("{kind} has no scale subresource: choose a target that has one, such as a Deployment"),
        ),
        KindState::Unavailable(error) => note(
            Reason::TargetUnavailable,
            format!("cannot look up {kind}: {error}"),
        ),
    }
}
