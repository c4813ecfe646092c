//! Puts a decision into effect, if the world still allows it. The write goes over the network.
use concertina_decision::{Decision, Verdict};

use super::Context;
use super::apply::{ApplyError, ScaleClient};
use super::evaluate::Outcome;
use super::target::Found;
use crate::api::Mode;
use crate::cluster::policies::PolicyRecord;
use crate::cluster::targets::TargetKey;

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

/// What forbids writing at this moment, if anything does: the world may have moved since the evaluation began.
fn forbidden(context: &Context, record: &PolicyRecord, outcome: &Outcome, key: &TargetKey) -> Option<Effect> {
    if !context.leadership.may_write() {
        // Another controller writes.
        return Some(Effect::Withheld);
    }
    let policies = context.cluster.policies();
    let Some(stored) = policies
        .get(&record.key)
        .filter(|stored| stored.uid == record.uid)
    else {
        // Deleted meanwhile: its decisions are void.
        return Some(Effect::Withheld);
    };
    if !record.only_recommends() {
        if let Some(autoscaler) = context.cluster.autoscaler_of(key) {
            return Some(Effect::OwnedByAutoscaler(autoscaler));
        }
        let states = context.states();
        let owner = policies.owner_of(key, |claimant| states.is_broken(claimant));
        if let Some(owner) = owner.filter(|owner| owner.key != record.key) {
            return Some(Effect::NotOwner(owner.key.to_string()));
        }
    }
    if stored.generation != record.generation || stored.mode(outcome.time) != Some(outcome.mode) {
        return Some(Effect::Conflict(
            "the policy was changed while its decision was made".into(),
        ));
    }
    (outcome.mode != Mode::Auto).then_some(Effect::Withheld)
}

/// Writes the change that was decided, unless something forbids it.
pub async fn put_into_effect(
    context: &Context,
    record: &PolicyRecord,
    outcome: &Outcome,
    found: &Found,
    decision: &Decision,
) -> Effect {
    match (decision.verdict, forbidden(context, record, outcome, &found.key)) {
        (_, Some(not_owner @ (Effect::NotOwner(_) | Effect::OwnedByAutoscaler(_)))) => return not_owner,
        (Verdict::Hold, _) => return Effect::None,
        (Verdict::Scale, Some(effect)) => return effect,
        (Verdict::Scale, None) => {}
    }
    // Statuses and events wait meanwhile.
    let _writing = context.reporter.scale_writes().begin();
    let Ok(_permit) = context.writers.acquire().await else {
        return Effect::Withheld;
    };
    // The wait for the permit may have been long.
    if let Some(effect) = forbidden(context, record, outcome, &found.key) {
        return effect;
    }
    let client = ScaleClient::new(context.client.clone(), &found.resource, &found.scope, &found.key);
    let started = tokio::time::Instant::now();
    let written = client.write(&found.uid, decision.current, decision.desired).await;
    context.metrics.scale_write(&written);
    context.metrics.scale_write_took(started.elapsed());
    match written {
        Ok(scale) => {
            context.cluster.targets().note_scale(&found.key, &scale);
            Effect::Written
        }
        Err(error @ ApplyError::Conflict { .. }) => {
            // The next decision starts from what is there, even while the watch still shows what was there before.
            if let ApplyError::Conflict {
                seen: Some(scale), ..
            } = &error
            {
                context.cluster.targets().note_scale(&found.key, scale);
            }
            Effect::Conflict(error.to_string())
        }
        Err(error) => Effect::Failed(error.to_string()),
    }
}
