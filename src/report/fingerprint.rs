//! A number that changes when there may be something to tell of an outcome. It costs next to nothing, where a status
//! costs thousands of times as much: nearly all outcomes are like the one before. Pure.
use std::hash::{BuildHasher, Hash, Hasher};
use std::num::NonZeroU64;

use concertina_decision::{GuardState, Outcome as MetricOutcome, Proposal, Verdict};
use foldhash::quality::FixedState;

use crate::control::enforce::Effect;
use crate::control::evaluate::{Decided, Outcome};
use crate::observe::join::Note;

/// What is alike in two outcomes that tell a reader the same. Values, ages and times are not in it: they move all the
/// time and are no news by themselves. `None` where something has happened, which is always to be told.
#[must_use]
pub fn fingerprint(outcome: &Outcome) -> Option<NonZeroU64> {
    let mut hasher = FixedState::default().build_hasher();
    let state = &mut hasher;
    outcome.record.generation.hash(state);
    outcome.mode.hash(state);
    outcome.target_uid.hash(state);
    match &outcome.result {
        Err(note) => said(note, state),
        Ok(decided) if decided.effect == Effect::Written || decided.changed_by_other.is_some() => {
            return None;
        }
        Ok(decided) => decided_alike(decided, state),
    }
    Some(NonZeroU64::new(hasher.finish()).unwrap_or(NonZeroU64::MIN))
}

fn decided_alike(decided: &Decided, state: &mut impl Hasher) {
    let decision = &decided.decision;
    // How many there are of each comes first, so that no two lists run into one another.
    state.write_u32(u32::from_le_bytes([
        u8::from(decision.verdict == Verdict::Scale),
        count(decision.stages.len()),
        count(decision.proposals.len()),
        count(decision.guards.len()),
    ]));
    (decision.current, decision.desired, decision.reason).hash(state);
    for record in &decision.stages {
        (record.stage, record.reason, record.replicas).hash(state);
    }
    for proposal in &decision.proposals {
        proposed(proposal, state);
    }
    for guard in &decision.guards {
        state.write_u8(match guard.state {
            GuardState::Clear => 0,
            GuardState::Pending => 1,
            GuardState::Tripped => 2,
            GuardState::Missing(_) => 3,
            GuardState::Expired => 4,
        });
        if let GuardState::Missing(why) = guard.state {
            why.reason().hash(state);
        }
    }
    notes(&decided.notes, state);
    notes(&decided.guard_notes, state);
    match &decided.effect {
        Effect::None => state.write_u8(0),
        Effect::Written => state.write_u8(1),
        Effect::Withheld => state.write_u8(2),
        Effect::NotOwner(owner) => (3_u8, owner).hash(state),
        Effect::OwnedByAutoscaler(other) => (4_u8, other).hash(state),
        // Its words are not told.
        Effect::Conflict(_) => state.write_u8(5),
        Effect::Failed(words) => (6_u8, words).hash(state),
    }
    let startup = decided.startup.as_ref();
    startup
        .map(|times| (times.p50_seconds, times.p95_seconds, times.samples))
        .hash(state);
    decided.quota.as_ref().map(|quota| &quota.message).hash(state);
    decided.unschedulable_pods.hash(state);
}

fn proposed(proposal: &Proposal, state: &mut impl Hasher) {
    proposal.reason.hash(state);
    match proposal.outcome {
        MetricOutcome::Proposed(replicas) => (0_u8, replicas).hash(state),
        MetricOutcome::Missing(why) => (1_u8, why.reason()).hash(state),
        MetricOutcome::NotApplicable => state.write_u8(2),
    }
    if proposal.missing_pods > 0 {
        (proposal.missing_pods, proposal.counted_pods).hash(state);
    }
}

fn notes(notes: &[Option<Note>], state: &mut impl Hasher) {
    for (place, note) in notes.iter().enumerate() {
        if let Some(note) = note {
            place.hash(state);
            said(note, state);
        }
    }
    state.write_u8(u8::MAX);
}

fn said(note: &Note, state: &mut impl Hasher) {
    note.reason.hash(state);
    note.message.hash(state);
}

fn count(items: usize) -> u8 {
    u8::try_from(items).unwrap_or(u8::MAX)
}

#[cfg(test)]
#[path = "fingerprint_tests.rs"]
mod tests;
