//! Stage 5, guard: guards and rollouts that forbid shrinking, and a contest with another writer that forbids any change
//! for the time being. No I/O.
//!
//! | value of a guard                                    | for                    | it is    | shrinking  |
//! |-----------------------------------------------------|------------------------|----------|------------|
//! | at or below the threshold                           | –                      | Clear    | free       |
//! | above                                               | less than `for`        | Pending  | free       |
//! | above                                               | `for` or longer        | Tripped  | forbidden  |
//! | not there, NaN, infinite                            | any time               | Missing  | forbidden  |
//! | tripped or missing without a break                  | `max_block` or longer  | Expired  | free       |
//!
//! | what                                                       | growth | shrinking | reason                     |
//! |------------------------------------------------------------|--------|-----------|----------------------------|
//! | our changes undone three times within ten minutes          | held   | held      | ReplicasContested          |
//! | a guard is tripped                                         | free   | held      | GuardTripped               |
//! | a guard is missing                                         | free   | held      | GuardMissing               |
//! | a rollout is under way, for less than the freeze           | free   | held      | RolloutUnderWay            |
//! | none of these                                              | free   | free      | NothingForbids             |
//!
//! Rising to the floor is free always.

use std::cmp::Ordering;

use arrayvec::ArrayVec;

use crate::step::{Held, Step};
use crate::{
    Change, Guard, GuardMemory, GuardRecord, GuardState, MAX_GUARDS, Memory, Missing, Observation, Policy,
    Reading, Reason, Rollout, RolloutMemory, Timestamp, WhenEmpty, Writer,
};

/// So many times must somebody undo our changes before we give way.
const REVERSALS: usize = 3;
/// Within so many seconds.
const CONTEST_SECONDS: u32 = 600;

/// What guards and rollouts say now, and what is to be remembered of them.
pub(crate) struct Forbidding {
    pub(crate) guards: ArrayVec<GuardRecord, MAX_GUARDS>,
    pub(crate) remember: ArrayVec<GuardMemory, MAX_GUARDS>,
    pub(crate) rollout: Option<RolloutMemory>,
}

impl Forbidding {
    pub(crate) fn of(policy: &Policy, memory: &Memory, observation: &Observation, now: Timestamp) -> Self {
        let mut guards = ArrayVec::new();
        let mut remember = ArrayVec::new();
        for (index, guard) in policy.counted_guards().iter().enumerate() {
            let known = memory.guards.get(index).copied().unwrap_or_default();
            let (record, known) = look(guard, known, observation.guards.get(index), now);
            guards.push(record);
            remember.push(known);
        }
        let rollout = match observation.rollout {
            Rollout::None => None,
            Rollout::UnderWay { revision } => {
                let known = memory.rollout.filter(|known| known.revision == revision);
                Some(RolloutMemory {
                    revision,
                    since: known.map_or(now, |known| known.since.min(now)),
                })
            }
        };
        Self {
            guards,
            remember,
            rollout,
        }
    }

    /// What forbids shrinking, and for how long at most.
    fn of_shrinking(&self, policy: &Policy, now: Timestamp) -> Option<(Reason, u32)> {
        let blocked = |wanted: fn(GuardState) -> bool, reason: Reason| {
            self.guards
                .iter()
                .zip(policy.counted_guards())
                .zip(&self.remember)
                .filter(|((record, _), _)| wanted(record.state))
                .filter_map(|((_, guard), known)| {
                    Some(now.seconds_left(guard.max_block_seconds, known.blocking_since?))
                })
                .max()
                .map(|left| (reason, left))
        };
        blocked(|state| state == GuardState::Tripped, Reason::GuardTripped)
            .or_else(|| {
                blocked(
                    |state| matches!(state, GuardState::Missing(_)),
                    Reason::GuardMissing,
                )
            })
            .or_else(|| {
                let left = now.seconds_left(policy.rollout_freeze_seconds, self.rollout?.since);
                (left > 0).then_some((Reason::RolloutUnderWay, left))
            })
    }
}

fn look(
    guard: &Guard,
    known: GuardMemory,
    reading: Option<&Reading>,
    now: Timestamp,
) -> (GuardRecord, GuardMemory) {
    let known = GuardMemory {
        above_since: known.above_since.map(|since| since.min(now)),
        blocking_since: known.blocking_since.map(|since| since.min(now)),
    };
    let value = match reading.unwrap_or(&Reading::Missing(Missing::NotReadYet)) {
        Reading::Total { value, .. } if value.is_finite() => Ok(*value),
        Reading::Total { .. } => Err(Missing::NotANumber),
        Reading::Missing(Missing::NoSamples) if guard.when_empty == WhenEmpty::Zero => Ok(0.0),
        Reading::Missing(why) => Err(*why),
        Reading::PerPod(_) => Err(Missing::WrongKind),
    };
    let since = known.blocking_since.unwrap_or(now);
    let blocks = now.is_within(guard.max_block_seconds, since);
    match value {
        Err(why) => {
            let state = if blocks {
                GuardState::Missing(why)
            } else {
                GuardState::Expired
            };
            let known = GuardMemory {
                // What it was above before, it may still be above.
                above_since: known.above_since,
                blocking_since: Some(since),
            };
            (GuardRecord { value: None, state }, known)
        }
        Ok(value) if value > guard.above => {
            let above_since = known.above_since.unwrap_or(now);
            let is_tripped = !now.is_within(guard.for_seconds, above_since);
            let state = match (is_tripped, blocks) {
                (false, _) => GuardState::Pending,
                (true, true) => GuardState::Tripped,
                (true, false) => GuardState::Expired,
            };
            let known = GuardMemory {
                above_since: Some(above_since),
                blocking_since: is_tripped.then_some(since),
            };
            let value = Some(value);
            (GuardRecord { value, state }, known)
        }
        Ok(value) => (
            GuardRecord {
                value: Some(value),
                state: GuardState::Clear,
            },
            GuardMemory::default(),
        ),
    }
}

pub(crate) fn guard(step: &Step<'_>) -> Held {
    let direction = step.wanted.cmp(&step.current);
    if direction == Ordering::Equal {
        return step.pass(Reason::NoChangeWanted);
    }
    if let Some(left) = contested(step) {
        return match direction {
            Ordering::Less => step.at_least(step.current, Reason::ReplicasContested, Some(left)),
            _ => step.at_most(step.current, Reason::ReplicasContested, Some(left)),
        };
    }
    match step.forbidding.of_shrinking(step.policy, step.now) {
        Some((reason, left)) if direction == Ordering::Less => {
            step.at_least(step.current, reason, Some(left))
        }
        _ => step.pass(Reason::NothingForbids),
    }
}

/// Seconds for which the controller gives way, if somebody undoes what it does again and again.
fn contested(step: &Step<'_>) -> Option<u32> {
    let unseen = step.unseen_change_from().map(|from| Change {
        at: step.now,
        from,
        to: step.current,
        by: Writer::Other,
    });
    let changes = || step.memory.changes.iter().copied().chain(unseen);
    let mut times = [None; REVERSALS];
    let reversals = changes()
        .zip(changes().skip(1))
        .filter(|(ours, theirs)| {
            ours.by == Writer::Own
                && theirs.by == Writer::Other
                && ours.is_growth() != theirs.is_growth()
                && step.now.is_within(CONTEST_SECONDS, theirs.at)
        })
        .map(|(_, theirs)| theirs.at);
    for at in reversals {
        times.rotate_left(1);
        if let Some(last) = times.last_mut() {
            *last = Some(at);
        }
    }
    let [Some(third_last), ..] = times else {
        return None;
    };
    Some(step.now.seconds_left(CONTEST_SECONDS, third_last))
}

#[cfg(test)]
mod tests;
