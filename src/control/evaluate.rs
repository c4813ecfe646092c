//! One policy, one decision: look up its target, join its readings, decide, and write the change if the mode allows it.
use std::sync::Arc;

use concertina_decision::{Decision, Observation, Reason, Replicas, Timestamp, Verdict, Writer, decide};
use kube::core::ApiResource;
use kube::discovery::Scope;

use super::Context;
use super::apply::{ApplyError, ScaleClient};
use super::compile::CompiledPolicy;
use super::state::Due;
use crate::api::Mode;
use crate::cluster::pods::PodRecord;
use crate::cluster::policies::PolicyRecord;
use crate::cluster::targets::{KindState, TargetKey, scale_replicas};
use crate::observe::join::{Note, reading};
use crate::observe::table::{Answer, FetchError};

/// What became of one evaluation; all reports are made from it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The stored policy that was evaluated.
    pub record: Arc<PolicyRecord>,
    /// As compiled; absent for a policy that cannot be.
    pub compiled: Option<Arc<CompiledPolicy>>,
    /// When.
    pub time: Timestamp,
    /// The mode in force.
    pub mode: Mode,
    /// The uid of the target, where it is known.
    pub target_uid: Option<String>,
    /// The decision with what there is to tell of each metric, or why none could be made.
    pub result: Result<Decided, Note>,
}

impl Outcome {
    /// Whether the target is still being looked up, so that nothing can be said of it yet.
    #[must_use]
    pub fn is_looking_up(&self) -> bool {
        matches!(&self.result, Err(note) if note.reason == Reason::Evaluating)
    }

    /// Whether the policy has a status already.
    fn has_status(&self) -> bool {
        self.record
            .policy
            .as_ref()
            .is_ok_and(|policy| policy.status.is_some())
    }

    /// Whether there is anything to tell. That a target is being looked up is told to a new policy only: every
    /// start of the controller begins with it.
    #[must_use]
    pub fn is_news(&self) -> bool {
        !(self.is_looking_up() && self.has_status())
    }
}

/// A decision and what was done with it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// For each metric of the policy, what there is to tell.
    pub notes: Vec<Option<Note>>,
    /// What was done.
    pub effect: Effect,
    /// A change that someone else made since the last evaluation: from, to.
    pub changed_by_other: Option<(Replicas, Replicas)>,
}

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
    /// The world changed between decision and write.
    Conflict(String),
    /// The write failed.
    Failed(String),
}

/// A target that was found.
struct Found {
    key: TargetKey,
    uid: String,
    replicas: Replicas,
    pods: Vec<PodRecord>,
    resource: ApiResource,
    scope: Scope,
}

/// The answers to a policy's metrics, in their order.
pub type Answers = Vec<Arc<Result<Answer, FetchError>>>;

/// Evaluates a policy whose answers are there. Returns the outcome, and whether to evaluate again at once.
pub async fn evaluate(context: &Context, due: &Due, answers: &Answers, now: Timestamp) -> (Outcome, bool) {
    let record = &due.record;
    let mut outcome = Outcome {
        record: Arc::clone(record),
        compiled: due.compiled.as_ref().ok().cloned(),
        time: now,
        mode: Mode::Auto,
        target_uid: None,
        result: Err(Note {
            reason: Reason::InvalidPolicy,
            message: String::new(),
        }),
    };
    match prepare(context, due, &mut outcome, now).await {
        Err(note) => {
            outcome.result = Err(note);
            // What is being looked up is soon found, so it need not wait for a whole period.
            let again = outcome.is_looking_up();
            (outcome, again)
        }
        Ok((compiled, found)) => {
            let Some(mut decided) = decide_on(context, record, &compiled, &found, answers, now) else {
                outcome.result = Err(Note {
                    reason: Reason::Evaluating,
                    message: "the policy was deleted or replaced while it was evaluated".into(),
                });
                return (outcome, false);
            };
            decided.effect = put_into_effect(context, record, &outcome, &found, &decided.decision).await;
            if decided.effect == Effect::Written
                && let Some(state) = context.states().get_mut(record)
            {
                state
                    .memory
                    .record_change(decided.decision.current, decided.decision.desired, now);
            }
            let again = matches!(decided.effect, Effect::Conflict(_));
            outcome.result = Ok(decided);
            (outcome, again)
        }
    }
}

async fn prepare(
    context: &Context,
    due: &Due,
    outcome: &mut Outcome,
    now: Timestamp,
) -> Result<(Arc<CompiledPolicy>, Found), Note> {
    let invalid = |message: String| Note {
        reason: Reason::InvalidPolicy,
        message,
    };
    let policy = due.record.policy.as_ref().map_err(|error| {
        invalid(format!(
            "the stored object cannot be read ({error}): apply the policy again in the present schema"
        ))
    })?;
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    outcome.mode = policy
        .mode_in_force(at)
        .map_err(|error| invalid(error.to_string()))?;
    let compiled = due.compiled.clone().map_err(invalid)?;
    let key = TargetKey::of(&due.record.key.namespace, &policy.spec.scale_target_ref);
    let found = find_target(context, key).await?;
    outcome.target_uid = Some(found.uid.clone());
    Ok((compiled, found))
}

async fn find_target(context: &Context, key: TargetKey) -> Result<Found, Note> {
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
    let record = context.cluster.targets().get(&key);
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
    let pods = context.cluster.pods().of_owner(&record.uid);
    Ok(Found {
        key,
        uid: record.uid,
        replicas,
        pods,
        resource,
        scope,
    })
}

/// `None` when the policy is gone or replaced.
fn decide_on(
    context: &Context,
    record: &PolicyRecord,
    compiled: &CompiledPolicy,
    found: &Found,
    answers: &Answers,
    now: Timestamp,
) -> Option<Decided> {
    let mut notes = Vec::with_capacity(compiled.metrics.len());
    let metrics = compiled
        .metrics
        .iter()
        .zip(answers)
        .map(|(metric, answer)| {
            let (reading, note) = reading(metric, answer, &record.key.namespace, &found.pods);
            notes.push(note);
            reading
        })
        .collect();
    let observation = Observation {
        current_replicas: found.replicas,
        pods: found.pods.iter().map(|pod| pod.state).collect(),
        metrics,
        ..Observation::default()
    };
    let mut states = context.states();
    let state = states.get_mut(record)?;
    let decision = decide(&compiled.decision, &state.memory, &observation, now);
    state.memory.record(&decision, now);
    let changed_by_other = state
        .memory
        .changes()
        .last()
        .filter(|change| change.at == now && change.by == Writer::Other)
        .map(|change| (change.from, change.to));
    Some(Decided {
        decision,
        notes,
        effect: Effect::None,
        changed_by_other,
    })
}

/// What forbids writing at this moment, if anything does: the world may have moved since the evaluation began.
fn forbidden(context: &Context, record: &PolicyRecord, outcome: &Outcome, key: &TargetKey) -> Option<Effect> {
    let policies = context.cluster.policies();
    let Some(stored) = policies
        .get(&record.key)
        .filter(|stored| stored.uid == record.uid)
    else {
        // Deleted meanwhile: its decisions are void.
        return Some(Effect::Withheld);
    };
    if !record.only_recommends()
        && let Some(owner) = policies.owner_of(key)
        && owner.key != record.key
    {
        return Some(Effect::NotOwner(owner.key.to_string()));
    }
    if stored.generation != record.generation || stored.mode(outcome.time) != Some(outcome.mode) {
        return Some(Effect::Conflict(
            "the policy was changed while its decision was made".into(),
        ));
    }
    (outcome.mode != Mode::Auto).then_some(Effect::Withheld)
}

async fn put_into_effect(
    context: &Context,
    record: &PolicyRecord,
    outcome: &Outcome,
    found: &Found,
    decision: &Decision,
) -> Effect {
    match (decision.verdict, forbidden(context, record, outcome, &found.key)) {
        (_, Some(not_owner @ Effect::NotOwner(_))) => return not_owner,
        (Verdict::Hold, _) => return Effect::None,
        (Verdict::Scale, Some(effect)) => return effect,
        (Verdict::Scale, None) => {}
    }
    let Ok(_permit) = context.writers.acquire().await else {
        return Effect::Withheld;
    };
    // The wait for the permit may have been long.
    if let Some(effect) = forbidden(context, record, outcome, &found.key) {
        return effect;
    }
    let client = ScaleClient::new(context.client.clone(), &found.resource, &found.scope, &found.key);
    let written = client.write(&found.uid, decision.current, decision.desired).await;
    context.metrics.scale_write(&written);
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
