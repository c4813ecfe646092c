//! The wants of a sliding window, of which only the least or the greatest matters. Bounded size, no I/O.

use serde::{Deserialize, Serialize};

use crate::{Replicas, Timestamp};

/// A window is kept in this many slices at most: an old want may count longer by one slice, never shorter.
pub(crate) const SLICES: u32 = 60;

/// The most entries: a window's slices, one cut off at either end, and some left over when the window was lengthened.
pub(crate) const MAX_ENTRIES: usize = 64;

/// Which of the wants in the window matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The least, which holds growth back.
    Least,
    /// The greatest, which holds shrinking back.
    Greatest,
}

impl Keep {
    /// Whether the newer want makes the older one irrelevant.
    const fn replaces(self, newer: Replicas, older: Replicas) -> bool {
        match self {
            Self::Least => newer <= older,
            Self::Greatest => newer >= older,
        }
    }
}

/// The wants of a window that can still matter: each entry is newer and weaker than the one before it, so the first
/// that is young enough is the extreme of the window (a monotonic queue).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Recommendations {
    entries: Vec<Entry>,
}

/// The strongest want of one slice of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    /// When the slice began.
    since: Timestamp,
    /// The newest want in the slice; its age is the entry's.
    at: Timestamp,
    /// The strongest want in the slice.
    replicas: Replicas,
}

impl Recommendations {
    /// Adds a want and drops those that can no longer matter.
    pub(crate) fn push(&mut self, keep: Keep, replicas: Replicas, now: Timestamp, window_seconds: u32) {
        self.entries
            .retain(|entry| now.is_within(window_seconds, entry.at));
        if window_seconds == 0 {
            return;
        }
        while self
            .entries
            .last()
            .is_some_and(|last| keep.replaces(replicas, last.replicas))
        {
            self.entries.pop();
        }
        let slice_milliseconds = u64::from(window_seconds) * 1000 / u64::from(SLICES);
        if let Some(last) = self.entries.last_mut()
            && now.milliseconds_since(last.since) < slice_milliseconds
        {
            last.at = now;
            return;
        }
        if self.entries.len() >= MAX_ENTRIES {
            self.join_oldest();
        }
        if self.entries.len() == self.entries.capacity() {
            // Most windows hold one want for ever; a list that grows by itself begins with room for four.
            self.entries.reserve_exact(self.entries.len().max(1));
        }
        self.entries.push(Entry {
            since: now,
            at: now,
            replicas,
        });
    }

    /// The extreme of the window and the time of the want that holds it.
    pub(crate) fn extreme(&self, now: Timestamp, window_seconds: u32) -> Option<(Replicas, Timestamp)> {
        let entry = self
            .entries
            .iter()
            .find(|entry| now.is_within(window_seconds, entry.at))?;
        Some((entry.replicas, entry.at))
    }

    /// Makes all wants younger by a time in which nothing was known, so that it does not count.
    pub(crate) fn postpone(&mut self, milliseconds: u64, now: Timestamp) {
        for entry in &mut self.entries {
            entry.since = entry.since.plus_milliseconds(milliseconds).min(now);
            entry.at = entry.at.plus_milliseconds(milliseconds).min(now);
        }
    }

    /// Brings times in the future back to now.
    pub(crate) fn pull_back(&mut self, now: Timestamp) {
        self.postpone(0, now);
    }

    /// Gives back the room that is not used.
    pub(crate) fn shrink(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// Joins the two oldest entries: the older, stronger want counts as long as the younger would have.
    fn join_oldest(&mut self) {
        if let [first, second, ..] = self.entries.as_mut_slice() {
            second.since = first.since;
            second.replicas = first.replicas;
            self.entries.remove(0);
        }
    }
}

#[cfg(test)]
mod tests;
