//! How long the pods of a target take from creation to Ready, learned from those that became so. No network.
use std::collections::VecDeque;

use arrayvec::ArrayVec;
use hashbrown::HashMap;

use super::names::Uid;

/// So many of the newest samples are kept per target.
const KEPT_SAMPLES: usize = 32;
/// With so many samples of one's own, what was restored is not needed any more.
const ENOUGH_SAMPLES: usize = 8;
/// Among fewer samples none is left out as an exception.
const FEW_SAMPLES: usize = 3;

/// How long pods of a target take from creation to Ready, waiting for a node included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartupTimes {
    /// Half of them take no longer, in seconds (nearest rank).
    pub p50_seconds: u32,
    /// 95 of 100 take no longer, in seconds (nearest rank). From three to nineteen pods: all but the slowest one take no
    /// longer, so that one start that something else held up does not count as the rule; from two, neither does.
    pub p95_seconds: u32,
    /// From so many pods.
    pub samples: u32,
}

/// Start-up times by the uid of what owns the pods.
#[derive(Debug, Default)]
pub(super) struct StartupTable {
    owners: HashMap<Uid, Learned>,
}

#[derive(Debug, Default)]
struct Learned {
    /// Oldest first, in seconds; 18 hours and more count as 18 hours.
    seconds: VecDeque<u16>,
    /// What the table tells: of the samples, or what was restored.
    times: Option<StartupTimes>,
    is_restored: bool,
}

impl StartupTable {
    /// Learns from one pod that took so many seconds.
    pub(super) fn learn(&mut self, owner: &Uid, seconds: u32) {
        let learned = self.owners.entry(owner.clone()).or_default();
        learned.push(u16::try_from(seconds).unwrap_or(u16::MAX));
    }

    /// Takes over what was known in a former life; one's own samples replace it once there are enough.
    pub(super) fn restore(&mut self, owner: &Uid, times: StartupTimes) {
        let known = self.owners.get(owner);
        if known.is_some_and(|learned| has_enough(&learned.seconds, times)) || times.samples == 0 {
            return;
        }
        let learned = self.owners.entry(owner.clone()).or_default();
        (learned.times, learned.is_restored) = (Some(times), true);
    }

    pub(super) fn get(&self, owner: &Uid) -> Option<StartupTimes> {
        self.owners.get(owner)?.times
    }

    /// Those of which something is known.
    pub(super) fn owners(&self) -> impl Iterator<Item = &Uid> {
        self.owners.keys()
    }

    /// What was learned under `from`, before its owner was known, is `to`'s.
    pub(super) fn hand_over(&mut self, from: &Uid, to: &Uid) {
        let Some(orphaned) = self.owners.remove(from) else {
            return;
        };
        let learned = self.owners.entry(to.clone()).or_default();
        for seconds in orphaned.seconds {
            learned.push(seconds);
        }
    }

    /// Keeps those owners only.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Uid) -> bool) {
        self.owners.retain(|owner, _| is_kept(owner));
    }
}

impl Learned {
    fn push(&mut self, seconds: u16) {
        if self.seconds.len() == KEPT_SAMPLES {
            self.seconds.pop_front();
        }
        self.seconds.push_back(seconds);
        let restored = self.times.filter(|_| self.is_restored);
        self.is_restored = restored.is_some_and(|times| !has_enough(&self.seconds, times));
        if !self.is_restored {
            self.times = times_of(&self.seconds);
        }
    }
}

fn has_enough(own: &VecDeque<u16>, restored: StartupTimes) -> bool {
    let restored = usize::try_from(restored.samples).unwrap_or(usize::MAX);
    own.len() >= ENOUGH_SAMPLES.min(restored)
}

fn times_of(seconds: &VecDeque<u16>) -> Option<StartupTimes> {
    let mut sorted: ArrayVec<u16, KEPT_SAMPLES> = seconds.iter().copied().take(KEPT_SAMPLES).collect();
    sorted.sort_unstable();
    let count = sorted.len();
    let nearest_rank = |per_cent: usize| (count * per_cent).div_ceil(100);
    let all_but_slowest = if count < FEW_SAMPLES { count } else { count - 1 };
    let at_rank = |rank: usize| sorted.get(rank.saturating_sub(1)).copied().map(u32::from);
    Some(StartupTimes {
        p50_seconds: at_rank(nearest_rank(50))?,
        p95_seconds: at_rank(nearest_rank(95).min(all_but_slowest))?,
        samples: u32::try_from(sorted.len()).ok()?,
    })
}

#[cfg(test)]
#[path = "startup_tests.rs"]
mod tests;
