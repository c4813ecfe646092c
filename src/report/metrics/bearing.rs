//! All reasons that bear on one outcome, as a set that needs no memory of its own. Pure.
use concertina_decision::{Decision, GuardState, Outcome as MetricOutcome, Reason};

use crate::api::Mode;
use crate::control::enforce::Effect;
use crate::control::evaluate::{Decided, Outcome};

const WORD_BITS: usize = u32::BITS as usize;
const WORDS: usize = Reason::ALL.len().div_ceil(WORD_BITS);

/// A set of reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasons([u32; WORDS]);

impl Reasons {
    /// Those that bear on an outcome.
    pub(super) fn of(outcome: &Outcome) -> Self {
        let mut reasons = Self::default();
        match &outcome.result {
            Ok(decided) => reasons.add_decided(decided),
            Err(note) => reasons.add(note.reason),
        }
        match outcome.mode {
            Some(Mode::Auto) | None => {}
            Some(Mode::DryRun) => reasons.add(Reason::DryRun),
            Some(Mode::Paused) => reasons.add(Reason::Paused),
        }
        reasons
    }

    /// In the order of [`Reason::ALL`].
    pub(super) fn iter(self) -> impl Iterator<Item = Reason> {
        let all = Reason::ALL.iter().enumerate();
        all.filter(move |(place, _)| {
            self.0
                .get(place / WORD_BITS)
                .is_some_and(|word| word >> (place % WORD_BITS) & 1 == 1)
        })
        .map(|(_, reason)| *reason)
    }

    fn add(&mut self, reason: Reason) {
        if !is_plain(reason)
            && let Some(word) = self.0.get_mut(reason as usize / WORD_BITS)
        {
            *word |= 1 << (reason as usize % WORD_BITS);
        }
    }

    fn add_decided(&mut self, decided: &Decided) {
        self.add_decision(&decided.decision);
        match decided.effect {
            Effect::None | Effect::Written | Effect::Withheld => {}
            Effect::NotOwner(_) | Effect::OwnedByAutoscaler(_) => self.add(Reason::TargetOwnedByOther),
            Effect::Conflict(_) => self.add(Reason::Conflict),
            Effect::Failed(_) => self.add(Reason::PatchFailed),
        }
        for note in decided.notes.iter().chain(&decided.guard_notes).flatten() {
            self.add(note.reason);
        }
        if decided.changed_by_other.is_some() {
            self.add(Reason::ReplicasChangedByOther);
        }
        // Also after the count was written: the pods are not there.
        if decided.quota.is_some() {
            self.add(Reason::QuotaExceeded);
        }
        if decided.unschedulable_pods > 0 {
            self.add(Reason::UnschedulablePods);
        }
    }

    fn add_decision(&mut self, decision: &Decision) {
        self.add(decision.reason);
        for record in &decision.stages {
            self.add(record.reason);
        }
        for proposal in &decision.proposals {
            match proposal.outcome {
                MetricOutcome::Missing(why) => self.add(why.reason()),
                MetricOutcome::Proposed(_) | MetricOutcome::NotApplicable => self.add(proposal.reason),
            }
        }
        for guard in &decision.guards {
            match guard.state {
                GuardState::Clear | GuardState::Pending => {}
                GuardState::Tripped => self.add(Reason::GuardTripped),
                GuardState::Missing(_) => self.add(Reason::GuardMissing),
                GuardState::Expired => self.add(Reason::GuardExpired),
            }
        }
    }
}

/// Whether a reason only says that a stage left the number to the others, or that a metric is where it is.
const fn is_plain(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Observed
            | Reason::MetricAboveTarget
            | Reason::MetricBelowTarget
            | Reason::WithinTolerance
            | Reason::AwaitingReplicas
            | Reason::FewerWouldNotDo
            | Reason::WithinBounds
            | Reason::NothingForbids
            | Reason::NoChangeWanted
            | Reason::WantedThroughout
            | Reason::CooledDown
            | Reason::WithinLimit
            | Reason::NoWall
            | Reason::Ready
            | Reason::Evaluating
    )
}
