//! One policy, one decision: find its target, join its readings, decide. No network: what needs it is left to
//! [`super::complete`].
use std::sync::Arc;

use concertina_decision::{
    Change, Decision, Observation, Pod, Reason, Replicas, Stage, Timestamp, Writer, decide,
};

use super::Context;
use super::apply::FIELD_MANAGER;
use super::compile::CompiledPolicy;
use super::enforce::{Effect, effect_without_write};
use super::history::may_matter;
use super::replay::Replay;
use super::target::{Found, find, looking_up};
use crate::api::Mode;
use crate::cluster::names::Uid;
use crate::cluster::pods::StartupTimes;
use crate::cluster::policies::PolicyRecord;
use crate::cluster::{QuotaRefusal, View};
use crate::observe::join::{Note, guard_reading, reading};
use crate::observe::table::{Answer, FetchError};
use crate::report::stored::StoredStatus;

/// What there is to say of a policy that was deleted or replaced while it was evaluated.
const GONE: &str = "the policy was deleted or replaced while it was evaluated";

/// What became of one evaluation; all reports are made from it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The stored policy that was evaluated.
    pub record: Arc<PolicyRecord>,
    /// As compiled; absent for a policy that cannot be.
    pub compiled: Option<Arc<CompiledPolicy>>,
    /// When.
    pub time: Timestamp,
    /// The mode in force; `None` where it is not known, as the policy or the annotation that pauses it cannot be read.
    pub mode: Option<Mode>,
    /// The uid of the target, where it is known.
    pub target_uid: Option<Uid>,
    /// The decision with what there is to tell of each metric, or why none could be made.
    pub result: Result<Decided, Note>,
}

impl Outcome {
    /// Whether the target is still being looked up, so that nothing can be said of it yet.
    #[must_use]
    pub fn is_looking_up(&self) -> bool {
        matches!(&self.result, Err(note) if note.reason == Reason::Evaluating)
    }

    /// Whether the policy was deleted or replaced meanwhile, so that nothing may be said of it.
    #[must_use]
    pub fn is_void(&self) -> bool {
        matches!(&self.result, Err(note) if note.message == GONE)
    }

    /// The one reason that explains best what came of it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match &self.result {
            Ok(decided) => decided.decision.reason,
            Err(note) => note.reason,
        }
    }
}

/// A decision and what was done with it.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The decision. It is large, and what it is part of is handed on several times.
    pub decision: Box<Decision>,
    /// For each metric of the policy, what there is to tell.
    pub notes: Vec<Option<Note>>,
    /// What was done.
    pub effect: Effect,
    /// For each guard of the policy, what there is to tell.
    pub guard_notes: Vec<Option<Note>>,
    /// A change that this evaluation saw and this process did not make, as far as it knows.
    pub seen: Option<Change>,
    /// The same where somebody else made it, who is not Concertina.
    pub changed_by_other: Option<ChangeByOther>,
    /// How long the target's pods take to start.
    pub startup: Option<StartupTimes>,
    /// A ResourceQuota that refuses pods.
    pub quota: Option<QuotaRefusal>,
    /// Pods that find no node.
    pub unschedulable_pods: usize,
    /// The living pods by state.
    pub pods: PodCounts,
}

/// The living pods of a target by state; more than 65,535 of one count as so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodCounts {
    /// Ready now.
    pub ready: u16,
    /// Ready once, and not now.
    pub unready: u16,
    /// Not Ready yet.
    pub starting: u16,
    /// Their containers end again and again.
    pub crashing: u16,
}

impl FromIterator<Pod> for PodCounts {
    fn from_iter<P: IntoIterator<Item = Pod>>(pods: P) -> Self {
        let mut counts = Self::default();
        for pod in pods {
            let count = match pod {
                Pod::Ready => &mut counts.ready,
                Pod::Unready => &mut counts.unready,
                Pod::Starting => &mut counts.starting,
                Pod::Crashing | Pod::CrashingAtStart => &mut counts.crashing,
            };
            *count = count.saturating_add(1);
        }
        counts
    }
}

/// A change of the replicas that was not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeByOther {
    /// Replicas before.
    pub from: Replicas,
    /// Replicas after.
    pub to: Replicas,
    /// Who wrote them, by field manager, where that is known.
    pub manager: Option<Arc<str>>,
}

/// The answers to a policy's queries, in their order.
pub type Answers = [Arc<Result<Answer, FetchError>>];

/// What an evaluation came to.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are done at once, and need no box for that"
)]
pub enum Step {
    /// Nothing is left but to report it.
    Done(Outcome),
    /// Something must be asked or written over the network.
    Open(Box<Open>),
}

/// An evaluation that is not complete.
pub struct Open {
    /// As far as it came.
    pub outcome: Outcome,
    /// As compiled.
    pub compiled: Arc<CompiledPolicy>,
    /// The target.
    pub found: Found,
    /// The first decision, where the count was known.
    pub first: Option<Recorded>,
    /// Whether a change is to be written at once: such go first.
    pub is_write: bool,
}

/// Evaluates a policy whose answers are there, as far as that can be done at once.
pub fn evaluate(
    context: &Context,
    view: &mut View<'_>,
    record: &Arc<PolicyRecord>,
    answers: &Answers,
    now: Timestamp,
) -> Step {
    let mut outcome = Outcome {
        record: Arc::clone(record),
        compiled: record.compiled.as_ref().ok().cloned(),
        time: now,
        mode: record.mode(now),
        target_uid: None,
        result: Err(Note {
            reason: Reason::Evaluating,
            message: GONE.into(),
        }),
    };
    let (compiled, found) = match prepare(view, record, &mut outcome, now) {
        Ok(prepared) => prepared,
        Err(note) => {
            outcome.result = Err(note);
            return Step::Done(outcome);
        }
    };
    if answers.len() != compiled.queries.len() {
        // The kind of its target was found after this tick had asked.
        outcome.result = Err(looking_up(&compiled.target));
        return Step::Done(outcome);
    }
    let found = restored(context, view, record, found);
    let mut open = Open {
        outcome,
        compiled,
        found,
        first: None,
        is_write: false,
    };
    let Some(replicas) = open.found.replicas else {
        return Step::Open(Box::new(open));
    };
    let Some(first) = decide_on(context, &open, replicas, answers) else {
        return Step::Done(open.outcome);
    };
    let (decided, key) = (&first.decided, &open.compiled.target);
    let effect = effect_without_write(context, view, &open.outcome, key, decided.decision.verdict);
    let must_look = quota_in_the_way(decided).is_some()
        || (first.is_first && may_matter(context, record, &open.compiled, &decided.decision));
    match effect {
        Some(effect) if !must_look => {
            if first.is_first {
                context.states().settle(record);
            }
            let mut outcome = open.outcome;
            outcome.result = Ok(Decided {
                effect,
                ..first.decided
            });
            Step::Done(outcome)
        }
        effect => {
            open.is_write = effect.is_none() && !must_look;
            open.first = Some(first);
            Step::Open(Box::new(open))
        }
    }
}

fn prepare(
    view: &View<'_>,
    record: &PolicyRecord,
    outcome: &mut Outcome,
    now: Timestamp,
) -> Result<(Arc<CompiledPolicy>, Found), Note> {
    let invalid = |message: String| Note {
        reason: Reason::InvalidPolicy,
        message,
    };
    let compiled = record
        .compiled
        .clone()
        .map_err(|unusable| invalid(unusable.to_string()))?;
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    compiled
        .mode_in_force(at)
        .map_err(|error| invalid(error.to_string()))?;
    let found = find(view, &compiled.target, now)?;
    outcome.target_uid = Some(found.uid.clone());
    Ok((compiled, found))
}

/// With the start-up times that a former process learned, before this one decides for the first time.
fn restored(context: &Context, view: &mut View<'_>, record: &PolicyRecord, mut found: Found) -> Found {
    let known = {
        let mut states = context.states();
        let state = states.get_mut(record).filter(|state| !state.is_decided);
        state.and_then(|state| startup_in(state.found_with()?))
    };
    if let Some(known) = known {
        view.pods.restore_startup(&found.uid, known);
        found.startup = view.pods.startup(&found.uid);
    }
    found
}

fn startup_in(status: &StoredStatus) -> Option<StartupTimes> {
    let startup = status.startup?;
    Some(StartupTimes {
        p50_seconds: u32::try_from(startup.p50_seconds).ok()?,
        p95_seconds: u32::try_from(startup.p95_seconds).ok()?,
        samples: u32::try_from(startup.samples).ok()?,
    })
}

/// The refusal that holds growth back.
#[must_use]
pub fn quota_in_the_way(decided: &Decided) -> Option<QuotaRefusal> {
    let wall = decided.decision.stage(Stage::Wall)?;
    decided
        .quota
        .clone()
        .filter(|_| wall.reason == Reason::QuotaExceeded)
}

/// A decision that was recorded.
pub struct Recorded {
    /// The decision.
    pub decided: Decided,
    /// Whether it is the first of this process on this target.
    pub is_first: bool,
}

/// Decides and records. `None` when the policy is gone or replaced.
pub fn decide_on(context: &Context, open: &Open, replicas: Replicas, answers: &Answers) -> Option<Recorded> {
    let Open {
        outcome,
        compiled,
        found,
        ..
    } = open;
    let (record, now) = (&outcome.record, outcome.time);
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
        current_replicas: replicas,
        pods: found.pods.iter().map(|pod| pod.state).collect(),
        metrics,
        guards,
        windows: compiled.windows(now),
        startup_seconds: found.startup.map(|startup| startup.p95_seconds),
        rollout: found.rollout,
        quota_room: found.quota.as_ref().map(|quota| quota.room),
    };
    let mut states = context.states();
    let policies = states.len();
    let state = states.get_mut(record)?;
    let is_first = !state.is_decided;
    state.is_decided = true;
    let gap = state.note_decision(now, context.milliseconds());
    let is_own = match found.replicas_manager.as_deref() {
        Some(manager) => manager == FIELD_MANAGER,
        // The object does not tell, as the API server notes writers of a count only where it has noted one before: then what was told of it counts.
        None => {
            state.memory.replicas() != Some(replicas)
                && context.reporter.own_replicas(record) == Some(replicas)
        }
    };
    if is_own {
        // What this process did not write another controller did, which leads or led before it.
        state.memory.see_own(replicas, now);
        if replicas == 0 {
            state.memory.restore_own_zero();
        }
    }
    let decision = Box::new(decide(&compiled.decision, &state.memory, &observation, now));
    let mut replays = context.replays();
    if replays.keeps(record, policies) {
        let memory = state.memory.clone();
        let generation = record.generation;
        replays.keep(
            record,
            Replay {
                observation,
                memory,
                now,
                generation,
            },
        );
    }
    drop(replays);
    if let Some(gap) = gap {
        context.metrics.evaluation_gap(f64::from(gap) / 1000.0);
    }
    state.memory.record(&decision, now);
    let changes = state.memory.changes();
    let seen = changes.last().filter(|change| change.at == now).copied();
    let changed_by_other = seen
        .filter(|change| change.by == Writer::Other)
        .map(|change| ChangeByOther {
            from: change.from,
            to: change.to,
            manager: found.replicas_manager.clone(),
        });
    let decided = Decided {
        decision,
        notes,
        effect: Effect::None,
        guard_notes,
        seen,
        changed_by_other,
        startup: found.startup,
        quota: found.quota.clone(),
        unschedulable_pods: found.pods.iter().filter(|pod| pod.unschedulable).count(),
        pods: found.pods.iter().map(|pod| pod.state).collect(),
    };
    Some(Recorded { decided, is_first })
}
