//! Puts a decision into effect, if the world still allows it. The write goes over the network.
use concertina_decision::{Replicas, Verdict};
use kube::core::ApiResource;
use kube::discovery::Scope;

use super::Context;
use super::apply::{ApplyError, ScaleClient};
use super::evaluate::Outcome;
use crate::api::Mode;
use crate::cluster::View;
use crate::cluster::names::Uid;
use crate::cluster::policies::PolicyRecord;
use crate::cluster::targets::{KindState, TargetKey};

/// What was done with a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing was to be done.
    None,
    /// The change was written.
    Written,
    /// The mode forbids writing.
    Withheld,
    /// Another policy owns the target.
    NotOwner(String),
    /// Another autoscaler scales the target.
    OwnedByAutoscaler(String),
    /// The world changed between decision and write.
    Conflict(String),
    /// The write failed.
    Failed(String),
}

/// The policy as it is stored now, unless it was deleted or replaced since the evaluation began.
fn stored<'v>(view: &'v View<'_>, outcome: &Outcome) -> Option<&'v PolicyRecord> {
    let stored = view.policies.get_by_id(outcome.record.id)?;
    (stored.uid == outcome.record.uid).then_some(stored)
}

/// What forbids writing at this moment, if anything does: the world may have moved since the evaluation began.
fn forbidden(context: &Context, view: &View<'_>, outcome: &Outcome, key: &TargetKey) -> Option<Effect> {
    let Some(stored) = stored(view, outcome) else {
        // Deleted meanwhile: its decisions are void.
        return Some(Effect::Withheld);
    };
    let is_same = stored.compiled.is_ok()
        && stored.generation == outcome.record.generation
        && stored.mode(outcome.time) == outcome.mode;
    if !is_same {
        return Some(Effect::Conflict(
            "the policy was changed while its decision was made".into(),
        ));
    }
    if let Some(owner) = owned_by_other(view, stored, key) {
        return Some(owner);
    }
    // Another controller writes, or the mode is one without writes.
    let is_withheld = !context.leadership.may_write() || outcome.mode != Some(Mode::Auto);
    is_withheld.then_some(Effect::Withheld)
}

/// Whether the target of `stored`, which is `key`, is somebody else's.
fn owned_by_other(view: &View<'_>, stored: &PolicyRecord, key: &TargetKey) -> Option<Effect> {
    if stored.only_recommends() {
        // It stands beside any owner.
        return None;
    }
    if let Some(autoscaler) = view.autoscaler_of(key) {
        return Some(Effect::OwnedByAutoscaler(autoscaler));
    }
    let owner = view.policies.rival_of(stored)?;
    Some(Effect::NotOwner(owner.key.to_string()))
}

/// What becomes of a decision without a write; `None` when it is to be written.
#[must_use]
pub fn effect_without_write(
    context: &Context,
    view: &View<'_>,
    outcome: &Outcome,
    key: &TargetKey,
    verdict: Verdict,
) -> Option<Effect> {
    match verdict {
        // Nearly all do: nothing is asked that only a change depends on.
        Verdict::Hold => {
            let present =
                stored(view, outcome).filter(|stored| stored.generation == outcome.record.generation);
            let owner = present.and_then(|stored| owned_by_other(view, stored, key));
            Some(owner.unwrap_or(Effect::None))
        }
        Verdict::Scale => forbidden(context, view, outcome, key),
    }
}

/// Writes the change that was decided, unless something forbids it by now.
pub async fn write(
    context: &Context,
    outcome: &Outcome,
    key: &TargetKey,
    uid: &Uid,
    (from, to): (Replicas, Replicas),
) -> Effect {
    // Statuses and events wait meanwhile.
    let _writing = context.reporter.scale_writes().begin();
    let Ok(_permit) = context.writers.acquire().await else {
        return Effect::Withheld;
    };
    // The wait for the permit may have been long.
    let looked = {
        let view = context.cluster.view();
        match forbidden(context, &view, outcome, key) {
            Some(effect) => Err(effect),
            None => served(&view, key).ok_or(Effect::Withheld),
        }
    };
    let (resource, scope) = match looked {
        Ok(served) => served,
        Err(effect) => return effect,
    };
    let client = ScaleClient::new(context.client.clone(), &resource, &scope, key).led_by(&context.leadership);
    let started = tokio::time::Instant::now();
    let written = client.write(&uid.to_string(), from, to).await;
    context.metrics.scale_write(&written);
    context.metrics.scale_write_took(started.elapsed());
    match written {
        Ok(scale) => {
            context.cluster.targets().note_scale(key, &scale);
            Effect::Written
        }
        Err(error @ ApplyError::Conflict { .. }) => {
            // The next decision starts from what is there, even while the watch still shows what was there before.
            if let ApplyError::Conflict {
                seen: Some(scale), ..
            } = &error
            {
                context.cluster.targets().note_scale(key, scale);
            }
            Effect::Conflict(error.to_string())
        }
        Err(error) => Effect::Failed(error.to_string()),
    }
}

/// How the kind of a target is served.
#[must_use]
pub fn served(view: &View<'_>, key: &TargetKey) -> Option<(ApiResource, Scope)> {
    match view.targets.kind(&key.gvk) {
        KindState::Watched { resource, scope, .. } => Some((resource, scope)),
        _ => None,
    }
}
