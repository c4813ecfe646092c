//! Completes evaluations that need the network: the one write per change, and what must be asked before.
use concertina_decision::{Reason, Replicas};

use super::Context;
use super::apply::ScaleClient;
use super::enforce::{Effect, effect_without_write, served, write};
use super::evaluate::{Answers, Decided, Open, Outcome, decide_on, quota_in_the_way};
use super::history::{Asked, may_matter, recall};
use super::quota::look_again;
use super::target::looking_up;
use crate::cluster::targets::{TargetKey, scale_replicas};
use crate::observe::join::Note;

/// Completes an evaluation. Returns the outcome, and whether to evaluate again at once.
pub async fn complete(context: &Context, mut open: Open, answers: &Answers, past: Asked) -> (Outcome, bool) {
    let replicas = match open.found.replicas {
        Some(replicas) => replicas,
        None => match read_count(context, &open.compiled.target).await {
            Ok(replicas) => replicas,
            Err(note) => {
                open.outcome.result = Err(note);
                return (open.outcome, false);
            }
        },
    };
    let Some(decided) = decide(context, &mut open, replicas, answers, past).await else {
        return (open.outcome, false);
    };
    let (mut outcome, key) = (open.outcome, &open.compiled.target);
    let record = std::sync::Arc::clone(&outcome.record);
    let decision = &decided.decision;
    let without_write = {
        let view = context.cluster.view();
        effect_without_write(context, &view, &outcome, key, decision.verdict)
    };
    let effect = match without_write {
        Some(effect) => effect,
        None => {
            let change = (decision.current, decision.desired);
            write(context, &outcome, key, &open.found.uid, change).await
        }
    };
    if effect == Effect::Written
        && let Some(state) = context.states().get_mut(&record)
    {
        state
            .memory
            .record_change(decision.current, decision.desired, outcome.time);
    }
    let again = matches!(effect, Effect::Conflict(_));
    outcome.result = Ok(Decided { effect, ..decided });
    (outcome, again)
}

/// Decides once all is known that matters. `None` when the policy is gone or replaced.
async fn decide(
    context: &Context,
    open: &mut Open,
    replicas: Replicas,
    answers: &Answers,
    past: Asked,
) -> Option<Decided> {
    let first = match open.first.take() {
        Some(first) => first,
        None => decide_on(context, open, replicas, answers)?,
    };
    let mut decided = first.decided;
    if first.is_first {
        let record = std::sync::Arc::clone(&open.outcome.record);
        let matters = may_matter(context, &record, &open.compiled, &decided.decision);
        if matters && recall(context, open, replicas, past, &decided.decision).await {
            decided = decide_on(context, open, replicas, answers)?.decided;
        }
        context.states().settle(&record);
    }
    if let Some(refusal) = quota_in_the_way(&decided) {
        let namespace = &open.outcome.record.key.namespace;
        open.found.quota = Some(look_again(&context.client, namespace, refusal).await);
        decided = decide_on(context, open, replicas, answers)?.decided;
    }
    Some(decided)
}

/// Reads the count from `/scale`.
async fn read_count(context: &Context, key: &TargetKey) -> Result<Replicas, Note> {
    let how = served(&context.cluster.view(), key);
    let Some((resource, scope)) = how else {
        return Err(looking_up(key));
    };
    let scale = ScaleClient::new(context.client.clone(), &resource, &scope, key)
        .read()
        .await
        .map_err(|error| Note {
            reason: if error.is_forbidden() {
                Reason::TargetForbidden
            } else {
                Reason::TargetUnavailable
            },
            message: error.to_string(),
        })?;
    context.cluster.targets().note_scale(key, &scale);
    Ok(scale_replicas(&scale))
}
