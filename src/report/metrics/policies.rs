//! What is shown of each policy, in as few bytes as its numbers need. No network.
use std::num::NonZeroU8;
use std::sync::{Arc, Mutex, MutexGuard};

use arrayvec::ArrayVec;
use concertina_decision::{
    Change, Decision, GuardState, Measured, Missing, Outcome as MetricOutcome, Proposal, Reason, Replicas,
    Stage, StageRecord, Target, Verdict, Writer,
};

use super::bearing::Reasons;
use super::last_change::LastChange;
use crate::api::Mode;
use crate::cluster::lock;
use crate::cluster::places::{Place, resize};
use crate::cluster::pods::StartupTimes;
use crate::cluster::policies::PolicyRecord;
use crate::config::PolicySeriesLevel;
use crate::control::enforce::Effect;
use crate::control::evaluate::{Decided, Outcome, PodCounts};

/// The last outcome of each policy, as far as it is shown.
#[derive(Debug)]
pub(super) struct PolicySeries {
    with_detail: bool,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Option<Row>>,
    /// Beside the rows, where detail is wanted; absent where nothing could be decided.
    details: Vec<Option<Box<Detail>>>,
}

/// What is shown of one policy.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) record: Arc<PolicyRecord>,
    pub(super) mode: Option<Mode>,
    /// The one that explains the outcome best.
    pub(super) reason: Reason,
    pub(super) reasons: Reasons,
    /// Replica counts that were written: up and down.
    pub(super) changes: [u32; 2],
    /// The last one that was made, seen or told of, by whomever.
    pub(super) last_change: Option<LastChange>,
    /// Absent where nothing could be decided: a target that is gone must not keep its last count for ever.
    pub(super) numbers: Option<Numbers>,
}

/// One policy as it is shown.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) row: &'a Row,
    pub(super) detail: Option<&'a Detail>,
}

/// The metric whose proposal was taken: one more than its place in the policy.
pub(super) type Winner = NonZeroU8;

/// The numbers of a decision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) current: Replicas,
    pub(super) desired: Replicas,
    pub(super) floor: Replicas,
    pub(super) ceiling: Replicas,
    pub(super) pods: PodCounts,
    pub(super) missing: u8,
    pub(super) winner: Option<Winner>,
}

/// How a decision came about.
#[derive(Debug, Default)]
pub(super) struct Detail {
    pub(super) stages: ArrayVec<StageRecord, { Stage::ORDER.len() }>,
    pub(super) metrics: Box<[Metric]>,
    pub(super) guards: Box<[GuardState]>,
    pub(super) startup: Option<StartupTimes>,
}

/// One metric of a policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Metric {
    pub(super) value: Option<f64>,
    pub(super) target: f64,
    pub(super) ratio: Option<f64>,
    pub(super) proposal: Option<Replicas>,
    pub(super) age_seconds: Option<u32>,
    pub(super) missing: Option<Missing>,
}

impl From<&Proposal> for Metric {
    fn from(proposal: &Proposal) -> Self {
        let value = proposal.measured.map(|measured| match measured {
            Measured::Percent(percent) => percent / 100.0,
            Measured::PerReplica(value) | Measured::Total(value) => value,
        });
        let target = match proposal.target {
            Target::Utilization { percent } => percent / 100.0,
            Target::AverageValue { per_replica: value } | Target::Value { value } => value,
        };
        let (proposed, missing) = match proposal.outcome {
            MetricOutcome::Proposed(replicas) => (Some(replicas), None),
            MetricOutcome::Missing(why) => (None, Some(why)),
            MetricOutcome::NotApplicable => (None, None),
        };
        // What is too old, or not a number, was measured and does not count.
        let counts = missing.is_none();
        Self {
            value: value.filter(|_| counts),
            target,
            ratio: proposal.ratio.filter(|_| counts),
            proposal: proposed,
            age_seconds: proposal.age_seconds,
            missing,
        }
    }
}

impl Numbers {
    fn of(decided: &Decided) -> Self {
        let Decision {
            current,
            desired,
            floor,
            ceiling,
            winner,
            ..
        } = *decided.decision;
        Self {
            current,
            desired,
            floor,
            ceiling,
            pods: decided.pods,
            missing: u8::try_from(decided.decision.missing().count()).unwrap_or(u8::MAX),
            winner: winner.and_then(|place| Winner::MIN.checked_add(place)),
        }
    }
}

impl Detail {
    /// Takes in a decision, in the memory that is there where that is enough.
    fn set(&mut self, decided: &Decided) {
        let decision = &decided.decision;
        self.stages.clone_from(&decision.stages);
        fill(&mut self.metrics, decision.proposals.iter().map(Metric::from));
        fill(&mut self.guards, decision.guards.iter().map(|guard| guard.state));
        self.startup = decided.startup;
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.metrics) + size_of_val(&*self.guards)
    }
}

fn fill<T>(list: &mut Box<[T]>, items: impl ExactSizeIterator<Item = T>) {
    if list.len() == items.len() {
        list.iter_mut().zip(items).for_each(|(old, new)| *old = new);
    } else {
        *list = items.collect();
    }
}

impl Row {
    fn new(record: &Arc<PolicyRecord>, mode: Option<Mode>) -> Self {
        Self {
            record: Arc::clone(record),
            mode,
            reason: Reason::Evaluating,
            reasons: Reasons::default(),
            changes: [0; 2],
            last_change: None,
            numbers: None,
        }
    }

    /// The stored policy is another object than before.
    fn speak_of(&mut self, record: &Arc<PolicyRecord>) {
        // A new generation has its own metrics in their places.
        if self.record.generation != record.generation
            && let Some(change) = &mut self.last_change
        {
            change.winner = None;
        }
        self.record = Arc::clone(record);
    }

    fn set(&mut self, outcome: &Outcome) {
        self.mode = outcome.mode;
        self.reason = outcome.reason();
        self.reasons = Reasons::of(outcome);
        self.numbers = outcome.result.as_ref().ok().map(Numbers::of);
        let Ok(decided) = &outcome.result else { return };
        if let Some(seen) = &decided.seen {
            self.last_change = Some(LastChange::or_seen(self.last_change, seen));
        }
        let decision = &decided.decision;
        if decided.effect == Effect::Written && decision.verdict == Verdict::Scale {
            let written = Change {
                at: outcome.time,
                from: decision.current,
                to: decision.desired,
                by: Writer::Own,
            };
            let written = LastChange {
                winner: self.numbers.and_then(|numbers| numbers.winner),
                ..LastChange::of(&written, Some(decision.reason))
            };
            self.last_change = Some(written);
            let [up, down] = &mut self.changes;
            let changes = if written.is_growth { up } else { down };
            *changes = changes.saturating_add(1);
        }
    }
}

/// To take in several outcomes under one lock.
pub(super) struct Rows<'a> {
    table: MutexGuard<'a, Table>,
    with_detail: bool,
}

impl Rows<'_> {
    /// Takes in an outcome.
    pub(super) fn set(&mut self, outcome: &Outcome) {
        let (table, record) = (&mut *self.table, &outcome.record);
        let place = record.id.0;
        resize(&mut table.rows, place);
        let Some(row) = table.rows.get_mut(place as usize) else {
            return;
        };
        match row {
            Some(known) if known.record.uid == record.uid => {
                if !Arc::ptr_eq(&known.record, record) {
                    known.speak_of(record);
                }
                known.set(outcome);
            }
            _ => row.insert(Row::new(record, outcome.mode)).set(outcome),
        }
        if self.with_detail {
            resize(&mut table.details, place);
            if let Some(detail) = table.details.get_mut(place as usize) {
                match &outcome.result {
                    Ok(decided) => detail.get_or_insert_default().set(decided),
                    Err(_) => *detail = None,
                }
            }
        }
    }

    /// Takes in the newest change that a status tells of.
    pub(super) fn told(
        &mut self,
        record: &Arc<PolicyRecord>,
        mode: Option<Mode>,
        (change, reason): (&Change, Option<Reason>),
    ) {
        resize(&mut self.table.rows, record.id.0);
        let Some(row) = self.table.rows.get_mut(record.id.index()) else {
            return;
        };
        // What is shown of a spec before stays until this one was evaluated, which is soon.
        let row = row.get_or_insert_with(|| Row::new(record, mode));
        if row.record.uid == record.uid {
            row.last_change = Some(LastChange::or_told(row.last_change, change, reason));
        }
    }
}

impl Table {
    fn clear(&mut self, record: &PolicyRecord) {
        // The place may have been given to another policy meanwhile.
        let Some(row) = self.rows.get_mut(record.id.index()) else {
            return;
        };
        if row.take_if(|row| row.record.uid == record.uid).is_some()
            && let Some(detail) = self.details.get_mut(record.id.index())
        {
            *detail = None;
        }
    }
}

impl PolicySeries {
    /// Nothing of any policy yet; `None` where nothing is wanted.
    pub(super) fn at(level: PolicySeriesLevel) -> Option<Self> {
        let with_detail = match level {
            PolicySeriesLevel::All => true,
            PolicySeriesLevel::Replicas => false,
            PolicySeriesLevel::None => return None,
        };
        Some(Self {
            with_detail,
            table: Mutex::default(),
        })
    }

    /// Whether there is more than replicas.
    pub(super) const fn has_detail(&self) -> bool {
        self.with_detail
    }

    /// To take in several outcomes.
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows {
            table: lock(&self.table),
            with_detail: self.with_detail,
        }
    }

    /// A policy is gone, and its series with it.
    pub(super) fn forget(&self, record: &PolicyRecord) {
        lock(&self.table).clear(record);
    }

    /// Looks at policies from this place on until there is enough; says where the following ones begin. The lock is held meanwhile.
    pub(super) fn look(&self, from: Place, mut is_enough: impl FnMut(Shown<'_>) -> bool) -> Option<Place> {
        let table = lock(&self.table);
        let following = table
            .rows
            .iter()
            .enumerate()
            .skip(from as usize)
            .find(|(place, row)| {
                let detail = table.details.get(*place).and_then(Option::as_deref);
                row.as_ref().is_some_and(|row| is_enough(Shown { row, detail }))
            });
        let following = following?.0 + 1;
        (following < table.rows.len()).then(|| Place::try_from(following).ok())?
    }

    /// Bytes that are kept.
    pub(super) fn bytes(&self) -> usize {
        let table = lock(&self.table);
        let details = table.details.iter().flatten();
        table.rows.capacity() * size_of::<Option<Row>>()
            + table.details.capacity() * size_of::<Option<Box<Detail>>>()
            + details.map(|detail| detail.bytes()).sum::<usize>()
    }
}
