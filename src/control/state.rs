//! What the loop remembers of each policy between two ticks. Pure.
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use concertina_decision::{Change, GuardMemory, Memory, Observation, Reason, Timestamp, Writer};

use super::compile::{CompiledGuard, CompiledPolicy};
use crate::api::{CHANGED_BY_CONCERTINA, ScalingPolicyStatus};
use crate::cluster::pods::ObjectKey;
use crate::cluster::policies::PolicyRecord;
use crate::cluster::targets::TargetKey;
use crate::config::Config;
use crate::observe::plan::QueryKey;

/// What is remembered of one policy.
#[derive(Debug)]
pub struct PolicyState {
    uid: String,
    generation: Option<i64>,
    target: Option<TargetKey>,
    /// The policy as compiled from this generation, or why it cannot be.
    pub compiled: Result<Arc<CompiledPolicy>, String>,
    /// The decision's memory.
    pub memory: Memory,
    /// Whether this process has decided on it for its present target.
    pub is_decided: bool,
    /// What the newest decision on its present spec was made from, so that it can be replayed.
    pub newest: Option<Box<Replay>>,
    /// Whether an evaluation is under way; it is not started twice.
    in_flight: bool,
    /// Evaluate at the next tick, whatever the period.
    due_now: bool,
    last_evaluated: Option<Timestamp>,
}

/// What a decision was made from, beside the policy.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What was observed.
    pub observation: Observation,
    /// What was remembered before it.
    pub memory: Memory,
    /// When it was made.
    pub now: Timestamp,
}

/// All policies' states.
#[derive(Debug, Default)]
pub struct PolicyStates(HashMap<ObjectKey, PolicyState>);

/// What an evaluation starts from.
#[derive(Clone, Debug)]
pub struct Due {
    /// The stored policy.
    pub record: Arc<PolicyRecord>,
    /// As compiled, or why it cannot be.
    pub compiled: Result<Arc<CompiledPolicy>, String>,
}

/// The changes that a status tells of, oldest first.
pub(super) fn changes_in(status: &ScalingPolicyStatus) -> impl Iterator<Item = Change> + '_ {
    status.last_changes.iter().rev().map(|change| Change {
        at: Timestamp(change.time.0.as_millisecond()),
        from: change.from,
        to: change.to,
        by: if change.by == CHANGED_BY_CONCERTINA {
            Writer::Own
        } else {
            Writer::Other
        },
    })
}

/// What the stored status still knows, so that cooldowns, limits per period and the time to the fallback outlive a
/// restart. What was wanted is not stored: it is asked from Prometheus, or the first evaluation begins the window of
/// shrinking anew.
fn memory_of(record: &PolicyRecord) -> Memory {
    let mut memory = Memory::default();
    let status = record.status();
    for change in status.into_iter().flat_map(changes_in) {
        memory.restore_change(change);
    }
    let nothing_usable = status
        .iter()
        .flat_map(|status| &status.conditions)
        .find(|condition| condition.type_ == "ScalingActive" && condition.status == "False")
        .filter(|condition| {
            [Reason::MetricsMissing, Reason::FallbackActive]
                .iter()
                .any(|reason| reason.as_str() == condition.reason)
        });
    if let Some(condition) = nothing_usable {
        memory.restore_missing_since(Timestamp(condition.last_transition_time.0.as_millisecond()));
    }
    for guard in guards_in(record, status) {
        memory.restore_guard(guard);
    }
    memory
}

/// What the status tells of each guard of the policy, in their order. The status has those that are not clear, and tells
/// of their states when these were last told, which may be some time ago.
fn guards_in(record: &PolicyRecord, status: Option<&ScalingPolicyStatus>) -> Vec<GuardMemory> {
    let (Ok(policy), Some(status)) = (&record.policy, status) else {
        return Vec::new();
    };
    let told = status
        .last_decision
        .as_ref()
        .map(|decision| Timestamp(decision.time.0.as_millisecond()));
    let long_ago = Some(Timestamp::default());
    let memory_of = |name: &str| {
        let state = status.guards.iter().find(|guard| guard.name == name);
        let (above_since, blocking_since) = match state.map(|guard| guard.state.as_str()) {
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
    };
    policy
        .spec
        .guards
        .iter()
        .map(|guard| memory_of(&guard.name))
        .collect()
}

/// Guards are remembered by their place, so they are the same only if all of them are.
fn guards_of(
    compiled: &Result<Arc<CompiledPolicy>, String>,
) -> Option<(&[CompiledGuard], &[Arc<QueryKey>])> {
    let compiled = compiled.as_ref().ok()?;
    Some((compiled.guards(), compiled.guard_queries()))
}

impl PolicyStates {
    /// Brings the states in line with the stored policies: new ones are due at once, gone ones are
    /// forgotten. Returns the keys of those that are gone.
    pub fn sync<'r>(
        &mut self,
        records: impl IntoIterator<Item = &'r Arc<PolicyRecord>>,
        config: &Config,
        compiled_before: impl Fn(&PolicyRecord, &Config) -> Result<Arc<CompiledPolicy>, String>,
    ) -> Vec<ObjectKey> {
        let mut living = HashSet::new();
        for record in records {
            living.insert(record.key.clone());
            let known = self
                .0
                .get_mut(&record.key)
                .filter(|state| state.uid == record.uid);
            match known {
                Some(state) if state.generation == record.generation && record.generation.is_some() => {}
                Some(state) => {
                    let compiled = compiled_before(record, config);
                    if guards_of(&state.compiled) != guards_of(&compiled) {
                        state.memory.forget_guards();
                    }
                    state.compiled = compiled;
                    state.newest = None;
                    state.generation = record.generation;
                    state.due_now = true;
                    let target = record.target();
                    if state.target != target {
                        // What was learned of another target says nothing of this one.
                        state.memory = Memory::default();
                        state.is_decided = false;
                        state.target = target;
                    }
                }
                None => {
                    let state = PolicyState {
                        uid: record.uid.clone(),
                        generation: record.generation,
                        target: record.target(),
                        compiled: compiled_before(record, config),
                        memory: memory_of(record),
                        is_decided: false,
                        newest: None,
                        in_flight: false,
                        due_now: true,
                        last_evaluated: None,
                    };
                    self.0.insert(record.key.clone(), state);
                }
            }
        }
        let gone: Vec<ObjectKey> = self
            .0
            .keys()
            .filter(|key| !living.contains(*key))
            .cloned()
            .collect();
        for key in &gone {
            self.0.remove(key);
        }
        gone
    }

    /// Whether the policy is to be evaluated at `now`; if so it is marked as in flight.
    ///
    /// Periods are aligned to the clock, so that policies with the same period share their queries.
    pub fn take_due(
        &mut self,
        record: &Arc<PolicyRecord>,
        default_period: u32,
        now: Timestamp,
    ) -> Option<Due> {
        let state = self.0.get_mut(&record.key)?;
        if state.in_flight {
            return None;
        }
        let period = state
            .compiled
            .as_ref()
            .map_or(default_period, |compiled| compiled.period_seconds)
            .max(1);
        let period_ms = i64::from(period) * 1000;
        let slot = |time: Timestamp| time.0.div_euclid(period_ms);
        // A slot that differs in either direction is a new one: the clock may have been set back.
        let due = state.due_now || state.last_evaluated.is_none_or(|last| slot(last) != slot(now));
        if !due {
            return None;
        }
        state.due_now = false;
        state.in_flight = true;
        state.last_evaluated = Some(now);
        Some(Due {
            record: Arc::clone(record),
            compiled: state.compiled.clone(),
        })
    }

    /// Ends an evaluation.
    pub fn finish(&mut self, key: &ObjectKey, uid: &str, again_at_once: bool) {
        if let Some(state) = self.0.get_mut(key).filter(|state| state.uid == uid) {
            state.in_flight = false;
            state.due_now |= again_at_once;
        }
    }

    /// Whether this process has not decided on the policy and its present target yet.
    #[must_use]
    pub fn is_undecided(&mut self, record: &PolicyRecord) -> bool {
        self.get_mut(record).is_some_and(|state| !state.is_decided)
    }

    /// What the newest decision of this policy was made from, unless it has none yet or was replaced or changed since.
    #[must_use]
    pub fn newest(&mut self, record: &PolicyRecord) -> Option<&Replay> {
        self.get_mut(record)?.newest.as_deref()
    }

    /// The state of this policy, unless it was replaced or changed since: what was decided for another spec, and
    /// perhaps another target, is not to be remembered.
    pub fn get_mut(&mut self, record: &PolicyRecord) -> Option<&mut PolicyState> {
        self.0
            .get_mut(&record.key)
            .filter(|state| state.uid == record.uid && state.generation == record.generation)
    }

    /// Whether this policy, as it is stored now, cannot be compiled. One that is not known yet may well be sound.
    #[must_use]
    pub fn is_broken(&self, record: &PolicyRecord) -> bool {
        self.0
            .get(&record.key)
            .filter(|state| state.uid == record.uid && state.generation == record.generation)
            .is_some_and(|state| state.compiled.is_err())
    }

    /// All policies are due at the next tick, whatever their periods.
    pub fn all_are_due(&mut self) {
        for state in self.0.values_mut() {
            state.due_now = true;
        }
    }

    /// Whether any evaluation is under way.
    #[must_use]
    pub fn any_in_flight(&self) -> bool {
        self.0.values().any(|state| state.in_flight)
    }

    /// How many policies there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
