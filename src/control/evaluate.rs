//! One policy, one decision: look up its target, join its readings, decide, and write the change if the mode allows it.
use std::sync::Arc;

use concertina_decision::{Decision, Observation, Reason, Replicas, Stage, Timestamp, Writer, decide};

use super::Context;
use super::apply::FIELD_MANAGER;
use super::compile::CompiledPolicy;
use super::enforce::{Effect, put_into_effect};
use super::history::{Asked, recall};
use super::quota::look_again;
use super::state::{Due, Replay};
use super::target::{Found, find};
use crate::api::Mode;
use crate::cluster::QuotaRefusal;
use crate::cluster::names::Uid;
use crate::cluster::pods::StartupTimes;
use crate::cluster::policies::PolicyRecord;
use crate::cluster::targets::TargetKey;
use crate::observe::join::{Note, guard_reading, reading};
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
    /// For each guard of the policy, what there is to tell.
    pub guard_notes: Vec<Option<Note>>,
    /// A change that someone else made since the last evaluation.
    pub changed_by_other: Option<ChangeByOther>,
    /// How long the target's pods take to start.
    pub startup: Option<StartupTimes>,
    /// A ResourceQuota that refuses pods.
    pub quota: Option<QuotaRefusal>,
    /// Pods that find no node.
    pub unschedulable_pods: usize,
}

/// A change of the replicas that was not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeByOther {
    /// Replicas before.
    pub from: Replicas,
    /// Replicas after.
    pub to: Replicas,
    /// Who wrote them, by field manager, where that is known.
    pub manager: Option<String>,
}

/// The answers to a policy's metrics, in their order.
pub type Answers = Vec<Arc<Result<Answer, FetchError>>>;

/// Evaluates a policy whose answers are there; its past is asked for where it matters. Returns the outcome, and whether
/// to evaluate again at once.
pub async fn evaluate(
    context: &Context,
    due: &Due,
    answers: &Answers,
    past: Asked,
    now: Timestamp,
) -> (Outcome, bool) {
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
        Ok((compiled, mut found)) => {
            let mut decided = decide_on(context, record, &compiled, &found, answers, now);
            if let Some(first) = &decided
                && recall(context, due, &found, past, &first.decision, now).await
            {
                decided = decide_on(context, record, &compiled, &found, answers, now);
            }
            if let Some(refusal) = decided.as_ref().and_then(quota_in_the_way) {
                found.quota = Some(look_again(&context.client, &record.key.namespace, refusal).await);
                decided = decide_on(context, record, &compiled, &found, answers, now);
            }
            let Some(mut decided) = decided else {
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
    let mut found = find(context, key, now).await?;
    if let Some(known) = startup_in_status(&due.record)
        && context.states().is_undecided(&due.record)
    {
        let mut pods = context.cluster.pods();
        let uid = Uid::of(&found.uid);
        pods.restore_startup(&uid, known);
        found.startup = pods.startup(&uid);
    }
    outcome.target_uid = Some(found.uid.clone());
    Ok((compiled, found))
}

/// The refusal that holds growth back.
fn quota_in_the_way(decided: &Decided) -> Option<QuotaRefusal> {
    let wall = decided.decision.stage(Stage::Wall)?;
    decided
        .quota
        .clone()
        .filter(|_| wall.reason == Reason::QuotaExceeded)
}

/// Start-up times that a former process learned.
fn startup_in_status(record: &PolicyRecord) -> Option<StartupTimes> {
    let startup = record.status()?.startup?;
    Some(StartupTimes {
        p50_seconds: u32::try_from(startup.p50_seconds).ok()?,
        p95_seconds: u32::try_from(startup.p95_seconds).ok()?,
        samples: u32::try_from(startup.samples).ok()?,
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
    let mut answers = answers.iter();
    let metrics = compiled
        .metrics
        .iter()
        .zip(answers.by_ref())
        .map(|(metric, answer)| {
            let (reading, note) = reading(metric, answer, &record.key.namespace, &found.pods);
            notes.push(note);
            reading
        })
        .collect();
    let mut guard_notes = Vec::with_capacity(compiled.guards().len());
    let guards = compiled
        .guards()
        .iter()
        .zip(answers)
        .map(|(guard, answer)| {
            let (reading, note) = guard_reading(&guard.matching, answer);
            guard_notes.push(note);
            reading
        })
        .collect();
    let observation = Observation {
        current_replicas: found.replicas,
        pods: found.pods.iter().map(|pod| pod.state).collect(),
        metrics,
        guards,
        windows: compiled.windows(now),
        startup_seconds: found.startup.map(|startup| startup.p95_seconds),
        rollout: found.rollout,
        quota_room: found.quota.as_ref().map(|quota| quota.room),
    };
    let mut states = context.states();
    let state = states.get_mut(record)?;
    state.is_decided = true;
    if found.replicas_manager.as_deref() == Some(FIELD_MANAGER) {
        // What this process did not write another controller did, which leads or led before it.
        state.memory.see_own(found.replicas, now);
        if found.replicas == 0 {
            state.memory.restore_own_zero();
        }
    }
    let memory = state.memory.clone();
    let decision = decide(&compiled.decision, &memory, &observation, now);
    state.memory.record(&decision, now);
    state.newest = Some(Box::new(Replay {
        observation,
        memory,
        now,
    }));
    let changed_by_other = state
        .memory
        .changes()
        .last()
        .filter(|change| change.at == now && change.by == Writer::Other)
        .map(|change| ChangeByOther {
            from: change.from,
            to: change.to,
            manager: found.replicas_manager.clone(),
        });
    Some(Decided {
        decision,
        notes,
        effect: Effect::None,
        guard_notes,
        changed_by_other,
        startup: found.startup,
        quota: found.quota.clone(),
        unschedulable_pods: found.pods.iter().filter(|pod| pod.unschedulable).count(),
    })
}
