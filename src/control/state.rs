//! What the loop remembers of each policy between two ticks, and which policies are due. Pure.
use std::collections::BTreeMap;
use std::sync::Arc;

use concertina_decision::{GuardMemory, Memory, Timestamp};

use super::compile::CompiledGuard;
use crate::cluster::places::resize;
use crate::cluster::policies::{Changes, PolicyId, PolicyRecord};
use crate::observe::plan::QueryKey;
use crate::report::stored::StoredStatus;

/// What is remembered of one policy.
#[derive(Debug)]
pub struct PolicyState {
    /// The policy as it was last stored.
    record: Arc<PolicyRecord>,
    /// The decision's memory.
    pub memory: Memory,
    /// The status that it was found with, until this process has decided on it.
    found_with: Option<Box<StoredStatus>>,
    /// The tick of the newest decision, and when it was made, in milliseconds of this process.
    decided: Option<(Timestamp, u32)>,
    /// Whether this process has decided on it for its present target.
    pub is_decided: bool,
    /// Whether an evaluation is under way; it is not started twice.
    in_flight: bool,
    /// Whether it became due while it was in flight.
    missed: bool,
    /// Whether it is among those to be evaluated at the next tick, whatever the period.
    due_now: bool,
}

/// The policies of one period.
#[derive(Debug, Default)]
struct Period {
    members: Vec<PolicyId>,
    /// The slot of the clock in which they were last due.
    last: Option<i64>,
}

/// All policies' states.
#[derive(Debug, Default)]
pub struct PolicyStates {
    slots: Vec<Option<PolicyState>>,
    /// By the seconds between two evaluations.
    periods: BTreeMap<u32, Period>,
    due_now: Vec<PolicyId>,
    count: usize,
    in_flight: usize,
    /// Policies that were due at the last tick while they were still in flight.
    late: u64,
}

/// What the stored status still knows, so that cooldowns, limits per period and the time to the fallback outlive a
/// restart. What was wanted is not stored: it is asked from Prometheus, or the first evaluation begins the window of
/// shrinking anew.
fn memory_of(record: &PolicyRecord, status: &StoredStatus) -> Memory {
    let mut memory = Memory::default();
    for change in status.changes() {
        memory.restore_change(change);
    }
    if let Some(since) = status.nothing_usable_since {
        memory.restore_missing_since(since.timestamp());
    }
    for guard in guards_of(record).0 {
        memory.restore_guard(guard_of(status, &guard.name));
    }
    memory
}

/// What is known of a guard. The status has those that are not clear, and tells of their states when these were last told,
/// which may be some time ago.
fn guard_of(status: &StoredStatus, name: &str) -> GuardMemory {
    let told = status.decided().map(|decided| decided.timestamp());
    let long_ago = Some(Timestamp::default());
    let (above_since, blocking_since) = match status.guard(name) {
        Some("Pending") => (told, None),
        Some("Tripped") => (long_ago, told),
        Some("Missing") => (None, told),
        Some("Expired") => (long_ago, long_ago),
        _ => (None, None),
    };
    GuardMemory {
        above_since,
        blocking_since,
    }
}

/// Guards are remembered by their place, so they are the same only if all of them are.
fn guards_of(record: &PolicyRecord) -> (&[CompiledGuard], &[Arc<QueryKey>]) {
    record.compiled.as_ref().map_or((&[], &[]), |compiled| {
        (compiled.guards(), compiled.guard_queries())
    })
}

fn period_of(record: &PolicyRecord, default_period: u32) -> u32 {
    record
        .compiled
        .as_ref()
        .map_or(default_period, |compiled| compiled.period_seconds)
        .max(1)
}

impl PolicyState {
    fn new(record: Arc<PolicyRecord>, stored: Option<Box<StoredStatus>>) -> Self {
        // A status that speaks of an older spec perhaps speaks of another target.
        let found_with = stored.filter(|status| status.generation == record.generation);
        let memory = found_with
            .as_ref()
            .map(|status| memory_of(&record, status))
            .unwrap_or_default();
        Self {
            record,
            memory,
            found_with,
            decided: None,
            is_decided: false,
            in_flight: false,
            missed: false,
            due_now: false,
        }
    }

    /// The status that it was found with, until the first decision is complete.
    #[must_use]
    pub fn found_with(&self) -> Option<&StoredStatus> {
        self.found_with.as_deref()
    }

    /// Notes that a decision of the tick at `now` is made, `at` this many milliseconds of the process. Returns the
    /// milliseconds since the decision of the tick before; several of one tick are one.
    pub fn note_decision(&mut self, now: Timestamp, at: u32) -> Option<u32> {
        let before = self.decided.replace((now, at));
        let (tick, before) = before?;
        (tick != now).then(|| at.wrapping_sub(before))
    }

    /// Takes over what is stored now. Returns whether it is another spec.
    fn renew(&mut self, record: Arc<PolicyRecord>) -> bool {
        let is_new = self.record.generation != record.generation || record.generation.is_none();
        if is_new {
            if guards_of(&self.record) != guards_of(&record) {
                self.memory.forget_guards();
            }
            if self.record.target() != record.target() {
                // What was learned of another target says nothing of this one.
                self.memory = Memory::default();
                self.is_decided = false;
            }
            self.found_with = None;
        }
        self.record = record;
        is_new
    }
}

impl PolicyStates {
    /// Brings the states in line with the stored policies: new and changed ones are due at once, gone ones are forgotten.
    pub fn sync(&mut self, changes: Changes, default_period: u32) {
        let mut has_moved = false;
        for record in &changes.gone {
            has_moved |= self.forget(record);
        }
        for (record, stored) in changes.changed {
            has_moved |= self.renew(record, stored, default_period);
        }
        if has_moved {
            self.drop_moved(default_period);
        }
    }

    /// Returns whether the policy was a member of another period.
    fn renew(
        &mut self,
        record: Arc<PolicyRecord>,
        stored: Option<Box<StoredStatus>>,
        default_period: u32,
    ) -> bool {
        let (id, period) = (record.id, period_of(&record, default_period));
        resize(&mut self.slots, id.0);
        let Some(slot) = self.slots.get_mut(id.index()) else {
            return false;
        };
        let mut has_moved = false;
        match slot {
            Some(state) if state.record.uid == record.uid => {
                let former = period_of(&state.record, default_period);
                if !state.renew(record) {
                    return false;
                }
                has_moved = former != period;
                if has_moved {
                    self.periods.entry(period).or_default().members.push(id);
                }
            }
            _ => {
                self.count += usize::from(slot.is_none());
                *slot = Some(PolicyState::new(record, stored));
                self.periods.entry(period).or_default().members.push(id);
            }
        }
        self.make_due(id);
        has_moved
    }

    fn forget(&mut self, record: &PolicyRecord) -> bool {
        let Some(slot) = self.slots.get_mut(record.id.index()) else {
            return false;
        };
        let Some(state) = slot.take_if(|state| state.record.uid == record.uid) else {
            return false;
        };
        self.count -= 1;
        self.in_flight -= usize::from(state.in_flight);
        true
    }

    /// Members that are gone or have another period are dropped, all in one go: thousands may have changed at once.
    fn drop_moved(&mut self, default_period: u32) {
        let Self {
            slots,
            periods,
            due_now,
            ..
        } = self;
        let state_of = |id: &PolicyId| slots.get(id.index()).and_then(Option::as_ref);
        for (seconds, period) in periods.iter_mut() {
            period.members.retain(|id| {
                state_of(id).is_some_and(|state| period_of(&state.record, default_period) == *seconds)
            });
            // A policy that came back to a period it had before is a member once.
            period.members.sort_unstable();
            period.members.dedup();
        }
        periods.retain(|_, period| !period.members.is_empty());
        due_now.retain(|id| state_of(id).is_some());
    }

    fn make_due(&mut self, id: PolicyId) {
        let state = self.slots.get_mut(id.index()).and_then(Option::as_mut);
        if let Some(state) = state.filter(|state| !state.due_now) {
            state.due_now = true;
            self.due_now.push(id);
        }
    }

    /// The policies that are to be evaluated at `now`; they are marked as in flight.
    ///
    /// Periods are aligned to the clock, so that policies with the same period share their queries. The order does not depend
    /// on hashing, so that requests are the same for the same input.
    pub fn take_due(&mut self, now: Timestamp) -> Vec<Arc<PolicyRecord>> {
        self.late = 0;
        let mut ids = std::mem::take(&mut self.due_now);
        for (seconds, period) in &mut self.periods {
            // A slot that differs in either direction is a new one: the clock may have been set back.
            let slot = now.0.div_euclid(i64::from(*seconds) * 1000);
            if period.last != Some(slot) {
                period.last = Some(slot);
                ids.extend(&period.members);
            }
        }
        ids.sort_unstable();
        ids.dedup();
        let mut due = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(state) = self.slots.get_mut(id.index()).and_then(Option::as_mut) else {
                continue;
            };
            state.due_now = false;
            if state.in_flight {
                state.missed = true;
                self.late += 1;
                continue;
            }
            state.in_flight = true;
            due.push(Arc::clone(&state.record));
        }
        self.in_flight += due.len();
        due
    }

    /// Ends an evaluation.
    pub fn finish(&mut self, record: &PolicyRecord, again_at_once: bool) {
        let state = self.slots.get_mut(record.id.index()).and_then(Option::as_mut);
        let Some(state) = state.filter(|state| state.record.uid == record.uid && state.in_flight) else {
            return;
        };
        state.in_flight = false;
        self.in_flight -= 1;
        if std::mem::take(&mut state.missed) || again_at_once {
            self.make_due(record.id);
        }
    }

    /// The state of this policy, unless it was replaced or changed since: what was decided for another spec, and
    /// perhaps another target, is not to be remembered.
    pub fn get_mut(&mut self, record: &PolicyRecord) -> Option<&mut PolicyState> {
        self.slots
            .get_mut(record.id.index())?
            .as_mut()
            .filter(|state| state.record.uid == record.uid && state.record.generation == record.generation)
    }

    /// The first decision on this policy is complete: this process knows more than the status that was found.
    pub fn settle(&mut self, record: &PolicyRecord) {
        if let Some(state) = self.get_mut(record) {
            state.found_with = None;
        }
    }

    /// All policies are due at the next tick, whatever their periods.
    pub fn all_are_due(&mut self) {
        self.due_now.clear();
        for (index, slot) in (0..).zip(&mut self.slots) {
            if let Some(state) = slot {
                state.due_now = true;
                self.due_now.push(PolicyId(index));
            }
        }
    }

    /// How many policies were due at the last tick while their evaluation before was still under way.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Whether any evaluation is under way.
    #[must_use]
    pub const fn any_in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// How many policies there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
