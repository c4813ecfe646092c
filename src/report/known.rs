//! What the next status of a policy goes on from: since when its conditions hold, and the last changes. Pure.
//!
//! The status itself is not kept; this is, for each of very many policies.
use concertina_decision::Reason;

use super::conditions::KINDS;
use super::second::Second;
use crate::api::{CHANGED_BY_CONCERTINA, CHANGED_BY_OTHER, ChangeStatus, ScalingPolicyStatus};

/// What a status told that the next one needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    changes: Changes,
    /// Since when each condition holds or does not, in the order of [`KINDS`].
    since: [Option<Second>; KINDS.len()],
    last_scale: Option<Second>,
    decided: Option<Second>,
    /// One bit per condition that is True.
    holds: u8,
}

/// The last changes, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Changes {
    Ours(Box<[Change]>),
    /// With words that this version does not know: they stay as they are. There are hardly ever any, so they take no more
    /// room here than the others.
    #[allow(
        clippy::box_collection,
        reason = "one word instead of three in each of very many"
    )]
    Foreign(Box<Vec<ChangeStatus>>),
}

impl Default for Changes {
    fn default() -> Self {
        Self::Ours(Box::default())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Change {
    at: Second,
    from: i32,
    to: i32,
    reason: Reason,
    is_own: bool,
}

impl Change {
    fn of(change: &ChangeStatus) -> Option<Self> {
        Some(Self {
            at: Second::stored(&change.time)?,
            from: change.from,
            to: change.to,
            reason: reason_of(&change.reason)?,
            is_own: match change.by.as_str() {
                CHANGED_BY_CONCERTINA => true,
                CHANGED_BY_OTHER => false,
                _ => return None,
            },
        })
    }

    fn status(self) -> ChangeStatus {
        let by = if self.is_own {
            CHANGED_BY_CONCERTINA
        } else {
            CHANGED_BY_OTHER
        };
        ChangeStatus {
            time: self.at.time(),
            from: self.from,
            to: self.to,
            reason: self.reason.as_str().to_owned(),
            by: by.to_owned(),
        }
    }
}

/// The reason with this name, if this version knows it.
#[must_use]
pub fn reason_of(word: &str) -> Option<Reason> {
    Reason::ALL.iter().copied().find(|reason| reason.as_str() == word)
}

impl Known {
    /// The replicas after the newest change, if that was Concertina's own.
    #[must_use]
    pub fn own_replicas(&self) -> Option<i32> {
        match &self.changes {
            Changes::Ours(changes) => changes
                .first()
                .filter(|change| change.is_own)
                .map(|change| change.to),
            Changes::Foreign(_) => None,
        }
    }

    /// What this status told.
    #[must_use]
    pub fn of(status: &ScalingPolicyStatus) -> Self {
        let mut known = Self {
            changes: Changes::of(&status.last_changes),
            last_scale: status.last_scale_time.as_ref().and_then(Second::stored),
            decided: status
                .last_decision
                .as_ref()
                .and_then(|decision| Second::stored(&decision.time)),
            ..Self::default()
        };
        for (place, (kind, since)) in KINDS.iter().zip(&mut known.since).enumerate() {
            let found = status
                .conditions
                .iter()
                .find(|condition| condition.type_ == *kind);
            if let Some(condition) = found {
                *since = Second::stored(&condition.last_transition_time);
                known.holds |= u8::from(condition.status == "True") << place;
            }
        }
        known
    }

    /// Since when the condition of this type has been as it `holds` now; absent if it was otherwise.
    #[must_use]
    pub fn since(&self, kind: &str, holds: bool) -> Option<Second> {
        let place = KINDS.iter().position(|known| *known == kind)?;
        let held = self.holds & (1 << place) != 0;
        self.since.get(place).copied().flatten().filter(|_| held == holds)
    }

    /// The last changes, the newest first.
    #[must_use]
    pub fn changes(&self) -> Vec<ChangeStatus> {
        match &self.changes {
            Changes::Ours(changes) => changes.iter().map(|change| change.status()).collect(),
            Changes::Foreign(changes) => changes.to_vec(),
        }
    }

    /// When the policy last changed the replicas.
    #[must_use]
    pub const fn last_scale(&self) -> Option<Second> {
        self.last_scale
    }

    /// When the last decision that was told of was made.
    #[must_use]
    pub const fn decided(&self) -> Option<Second> {
        self.decided
    }

    /// Changes of another target are not to be told of this one.
    pub fn forget_changes(&mut self) {
        self.changes = Changes::default();
        self.last_scale = None;
    }

    /// Bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match &self.changes {
            Changes::Ours(changes) => size_of_val(&**changes),
            Changes::Foreign(changes) => size_of_val(&**changes) + size_of_val(changes.as_slice()),
        }
    }
}

impl Changes {
    fn of(changes: &[ChangeStatus]) -> Self {
        let compact: Option<Box<[Change]>> = changes.iter().map(Change::of).collect();
        compact.map_or_else(|| Self::Foreign(Box::new(changes.to_vec())), Self::Ours)
    }
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
