//! Completes evaluations that need the network: the one write per change, and what must be asked before.
use std::sync::Arc;

use super::Context;
use super::apply::ScaleClient;
use super::compile::CompiledPolicy;
use super::enforce::{Effect, served, write};
use super::evaluate::{Answers, Left, Open, Outcome, Step, decide_on, gone, quota_in_the_way, step};
use super::history::{Asked, recall};
use super::quota::look_again;
use crate::cluster::targets::{TargetKey, scale_replicas};
use crate::observe::join::Note;
use concertina_decision::{Reason, Replicas};

/// Completes an evaluation. Returns the outcome, and whether to evaluate again at once.
pub async fn complete(context: &Context, open: Open, answers: &Answers, past: Asked) -> (Outcome, bool) {
    let Some(compiled) = open.outcome.compiled.clone() else {
        return (open.outcome, false);
    };
    let mut step_left = Step::Open(Box::new(open));
    loop {
        let open = match step_left {
            Step::Done(outcome) => return (*outcome, false),
            Step::Open(open) => *open,
        };
        match open.left {
            Left::Count => step_left = count(context, open, &compiled, answers).await,
            Left::Past => step_left = recalled(context, open, &compiled, answers, &past).await,
            Left::Quota => step_left = with_quota(context, open, &compiled, answers).await,
            Left::Write => return written(context, open, &compiled).await,
        }
    }
}

/// Reads the count from `/scale`, and decides.
async fn count(context: &Context, open: Open, compiled: &CompiledPolicy, answers: &Answers) -> Step {
    let Open { mut outcome, found, .. } = open;
    match read_count(context, &compiled.target).await {
        Ok(replicas) => {
            let view = context.cluster.view();
            step(context, &view, outcome, compiled, found, replicas, answers)
        }
        Err(note) => {
            outcome.result = Err(note);
            Step::Done(Box::new(outcome))
        }
    }
}

async fn read_count(context: &Context, key: &TargetKey) -> Result<Replicas, Note> {
    let how = served(&context.cluster.view(), key);
    let Some((resource, scope)) = how else {
        return Err(Note {
            reason: Reason::Evaluating,
            message: format!("looking up {key}"),
        });
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
