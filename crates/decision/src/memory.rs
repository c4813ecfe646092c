//! What must be remembered of a target between evaluations: who changed it when, and what was wanted. Plain data of
//! bounded size, no I/O.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::policy::at_most;
use crate::recommendations::{Keep, Recommendations};
use crate::{
    Decision, GuardMemory, MAX_GUARDS, MAX_PERIOD_SECONDS, Replicas, RolloutMemory, Timestamp, Want,
};

/// The most changes that are remembered. Beyond it the oldest is forgotten, so that a target which somebody changes
/// without end cannot fill the memory. It is one change every 14 seconds for half an hour.
pub const MAX_CHANGES: usize = 128;

/// The longest time between two evaluations, in seconds, that counts in full towards the window of shrinking: twice the
/// longest evaluation period.
pub const MAX_GAP_SECONDS: u32 = 120;

/// One change of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// When it was made, or first seen if another made it.
    pub at: Timestamp,
    /// The replicas before.
    pub from: Replicas,
    /// The replicas after.
    pub to: Replicas,
    /// Who made it.
    pub by: Writer,
}

impl Change {
    pub(crate) const fn is_growth(&self) -> bool {
        self.to > self.from
    }
}

/// Who changed the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Writer {
    /// This policy.
    Own,
    /// Anybody else: `kubectl scale`, a deployment tool, another autoscaler.
    Other,
}

/// A change that another controller made is seen so many milliseconds after it: within a period, by clocks that are a minute apart at most.
const NEAR_MILLISECONDS: RangeInclusive<i64> = -60_000..=120_000;

/// What is remembered of one target. One starts with `Memory::default()`.
///
/// After each evaluation call [`Memory::record`]; after a write that the API server accepted also
/// [`Memory::record_change`]. Where nothing is evaluated call [`Memory::see`] so that changes by others are noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Memory {
    /// The replicas last seen or written.
    pub(crate) replicas: Option<Replicas>,
    /// When the target was first seen. What was before is not known.
    pub(crate) first_seen: Option<Timestamp>,
    /// When the last evaluation was recorded.
    pub(crate) recorded_at: Option<Timestamp>,
    /// Of anybody's change.
    pub(crate) last_change: Option<Timestamp>,
    /// Of anybody's growth.
    pub(crate) last_growth: Option<Timestamp>,
    /// Who made the last change.
    pub(crate) last_writer: Option<Writer>,
    /// When a metric last needed a replica, or may have.
    pub(crate) last_needed: Option<Timestamp>,
    /// Since when no metric has been usable.
    pub(crate) missing_since: Option<Timestamp>,
    /// One per guard of the policy, in its order.
    #[serde(deserialize_with = "at_most::<_, _, MAX_GUARDS>")]
    pub(crate) guards: Box<[GuardMemory]>,
    /// The rollout under way.
    pub(crate) rollout: Option<RolloutMemory>,
    /// Those of the last [`MAX_PERIOD_SECONDS`], oldest first.
    pub(crate) changes: Vec<Change>,
    /// Wants within the scale-up window.
    pub(crate) scale_up_wants: Recommendations,
    /// Wants within the scale-down window.
    pub(crate) scale_down_wants: Recommendations,
}

impl Memory {
    /// Keeps what later evaluations need of this one: the want, and a change by another writer if there was one.
    pub fn record(&mut self, decision: &Decision, now: Timestamp) {
        self.see(decision.current, now);
        let remember = &decision.remember;
        let (up_window, down_window) = (
            remember.scale_up_window_seconds,
            remember.scale_down_window_seconds,
        );
        let unknown_for = match (remember.want, self.recorded_at) {
            (_, None) => {
                // What was wanted before is not known; that fewer would have done is not to be assumed.
                self.scale_down_wants
                    .push(Keep::Greatest, decision.current, now, down_window);
                0
            }
            (Want::Unknown, Some(last)) => now.milliseconds_since(last),
            (_, Some(_)) => now.milliseconds_since(self.known_until(now)),
        };
        if unknown_for > 0 {
            self.scale_down_wants.postpone(unknown_for, now);
        }
        if let Want::Known(replicas) = remember.want {
            self.scale_up_wants.push(Keep::Least, replicas, now, up_window);
            self.scale_down_wants
                .push(Keep::Greatest, replicas, now, down_window);
        }
        self.missing_since = remember.missing_since;
        if remember.needed {
            self.last_needed = Some(now);
        }
        self.keep_guards(&remember.guards);
        self.rollout = remember.rollout;
        self.recorded_at = Some(now);
    }

    /// Up to when the wants count as known: now, or [`MAX_GAP_SECONDS`] after the last evaluation. Without this, the
    /// window of shrinking would run out unseen while nobody evaluates or when the clock leaps forward.
    pub(crate) fn known_until(&self, now: Timestamp) -> Timestamp {
        self.recorded_at
            .map_or(now, |last| last.plus_seconds(MAX_GAP_SECONDS).min(now))
    }

    /// Notes the replicas that the target has. A number other than the one remembered is a change by another writer.
    pub fn see(&mut self, replicas: Replicas, now: Timestamp) {
        let replicas = replicas.max(0);
        self.pull_back(now);
        self.forget(now);
        self.first_seen.get_or_insert(now);
        if let Some(remembered) = self.replicas {
            self.add_change(Change {
                at: now,
                from: remembered,
                to: replicas,
                by: Writer::Other,
            });
        }
        self.replicas = Some(replicas);
    }

    /// The replicas last seen or written.
    #[must_use]
    pub const fn replicas(&self) -> Option<Replicas> {
        self.replicas
    }

    /// Notes that the target has these replicas by this policy's own doing, as the object itself tells: another process wrote
    /// them, or this one did and never heard what became of it. Says nothing of a target that has not been seen before.
    pub fn see_own(&mut self, replicas: Replicas, now: Timestamp) {
        let replicas = replicas.max(0);
        if let Some(remembered) = self.replicas
            && remembered != replicas
        {
            self.record_change(remembered, replicas, now);
        }
    }

    /// Notes a write of this policy that the API server accepted.
    pub fn record_change(&mut self, from: Replicas, to: Replicas, now: Timestamp) {
        self.restore_change(Change {
            at: now,
            from,
            to,
            by: Writer::Own,
        });
    }

    /// Notes a change that is known from elsewhere, such as a stored status; older ones first.
    pub fn restore_change(&mut self, change: Change) {
        let Change { at, from, to, by } = change;
        let (from, to) = (from.max(0), to.max(0));
        // That there was a change then does not mean that the target has been watched since.
        let first_seen = self.first_seen;
        self.see(from, at);
        self.first_seen = first_seen;
        self.add_change(Change { at, from, to, by });
        self.replicas = Some(to);
    }

    /// Takes remembered changes for this policy's own where they were laid to another writer and a stored status tells that this policy made
    /// them; `told` are all changes of that status, the oldest first. An object does not always tell: the API server notes who writes a count
    /// only where it has noted somebody before.
    ///
    /// What was told is the remembered change of the same counts, of several the nearest in time. Several changes between two looks are seen as
    /// one: where the newest that was told and the last that is remembered led to the same count, they are the same too.
    pub fn claim(&mut self, told: impl IntoIterator<Item = Change>) {
        let last = self.changes.len().saturating_sub(1);
        let mut told = told.into_iter().peekable();
        while let Some(own) = told.next() {
            if own.by != Writer::Own {
                continue;
            }
            let is_newest = told.peek().is_none();
            let seen_after = |seen: &Change| seen.at.0.saturating_sub(own.at.0);
            let meant = self
                .changes
                .iter_mut()
                .enumerate()
                .filter(|(_, seen)| seen.to == own.to && NEAR_MILLISECONDS.contains(&seen_after(seen)))
                .filter(|(place, seen)| seen.from == own.from || is_newest && *place == last)
                .min_by_key(|(_, seen)| (seen.from != own.from, seen_after(seen).unsigned_abs()));
            if let Some((place, seen)) = meant
                && seen.by == Writer::Other
            {
                seen.by = Writer::Own;
                if place == last {
                    self.last_writer = Some(Writer::Own);
                }
            }
        }
    }

    /// Notes since when no metric has been usable, as known from elsewhere.
    pub const fn restore_missing_since(&mut self, since: Timestamp) {
        self.missing_since = Some(since);
    }

    /// Notes that the zero replicas that are there are this controller's own doing, as the object itself tells.
    pub const fn restore_own_zero(&mut self) {
        self.replicas = Some(0);
        self.last_writer = Some(Writer::Own);
    }

    /// Notes what was known of one guard, as known from elsewhere; those before it must be noted first.
    pub fn restore_guard(&mut self, guard: GuardMemory) {
        // More guards than a policy may have are nobody's.
        if self.guards.len() < MAX_GUARDS {
            let known = std::mem::take(&mut self.guards);
            self.guards = known.into_iter().chain([guard]).collect();
        }
    }

    /// Forgets what is known of guards: they are told apart by their place, and the policy has others now.
    pub fn forget_guards(&mut self) {
        self.guards = Box::default();
    }

    /// The changes of the last half hour, oldest first.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// When anybody last changed the replicas, as far as is known.
    #[must_use]
    pub const fn last_change(&self) -> Option<Timestamp> {
        self.last_change
    }

    fn keep_guards(&mut self, guards: &[GuardMemory]) {
        if self.guards.len() == guards.len() {
            self.guards.copy_from_slice(guards);
        } else {
            self.guards = guards.into();
        }
    }

    fn add_change(&mut self, change: Change) {
        if change.from == change.to {
            return;
        }
        if self.changes.len() >= MAX_CHANGES {
            self.changes.remove(0);
        }
        self.changes.push(change);
        self.last_change = Some(change.at);
        self.last_writer = Some(change.by);
        if change.is_growth() {
            self.last_growth = Some(change.at);
        }
    }

    /// Drops changes that no period can reach any more. A target that nobody has changed for so long needs room for few
    /// wants and for no change: most targets are like this most of the time, and there are very many.
    fn forget(&mut self, now: Timestamp) {
        if self.changes.is_empty() {
            return;
        }
        self.changes
            .retain(|change| now.is_within(MAX_PERIOD_SECONDS, change.at));
        if self.changes.is_empty() {
            self.changes = Vec::new();
            self.scale_up_wants.shrink();
            self.scale_down_wants.shrink();
        }
    }

    /// Brings times in the future back to now. A clock that was set back by an hour must not freeze anything for an
    /// hour: each window and cooldown then runs once more at most.
    fn pull_back(&mut self, now: Timestamp) {
        for time in [
            &mut self.first_seen,
            &mut self.recorded_at,
            &mut self.last_change,
            &mut self.last_growth,
            &mut self.last_needed,
            &mut self.missing_since,
        ] {
            *time = time.map(|time| time.min(now));
        }
        for change in &mut self.changes {
            change.at = change.at.min(now);
        }
        self.scale_up_wants.pull_back(now);
        self.scale_down_wants.pull_back(now);
    }
}

#[cfg(test)]
mod tests;
