//! Which troubles last, and which of them are still to be announced. Pure.
use concertina_decision::Reason;

use super::events::patience_ms;
use super::second::Second;
use crate::observe::join::Note as Trouble;

/// The same trouble of the same policy is not announced again within this time, in seconds.
const REPEAT_SECONDS: u32 = 300;

/// The troubles of one policy, also those that were announced not long ago. Most policies have none.
#[derive(Clone, Debug, Default)]
pub struct Lasting(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    reason: Reason,
    /// Since when it is there; absent when it is not.
    since: Option<Second>,
    /// When it was last announced.
    announced: Option<Second>,
    /// Whether it lasted when troubles were last looked at.
    was_lasting: bool,
}

impl Entry {
    const fn new(reason: Reason) -> Self {
        Self {
            reason,
            since: None,
            announced: None,
            was_lasting: false,
        }
    }

    fn patience(&self) -> u32 {
        u32::try_from(patience_ms(self.reason).div_ceil(1000)).unwrap_or(u32::MAX)
    }

    fn lasts(&self, now: Second) -> bool {
        self.since
            .is_some_and(|since| now.since(since) >= self.patience())
    }

    fn was_announced_lately(&self, now: Second) -> bool {
        // A time in the future is from before the clock was set back, and says nothing.
        self.announced
            .is_some_and(|at| at <= now && now.since(at) < REPEAT_SECONDS)
    }
}

/// What there is to tell of troubles.
#[derive(Debug, Default)]
pub struct Told {
    /// Those that last, in the order in which they were given: what a pod's start brings with it is none until it stays.
    pub lasting: Vec<Trouble>,
    /// Which of these are to be announced, by their place.
    pub to_announce: Vec<usize>,
    /// When to look again although nothing else changes.
    pub look_again: Option<Second>,
}

impl Lasting {
    /// Takes in the troubles that are there now.
    pub fn look_at(&mut self, troubles: Vec<Trouble>, now: Second) -> Told {
        let mut told = Told::default();
        for entry in &mut self.0 {
            if !troubles.iter().any(|trouble| trouble.reason == entry.reason) {
                entry.since = None;
            }
        }
        for trouble in troubles {
            let entry = self.entry(trouble.reason);
            // After the clock was set back the wait begins anew.
            entry.since = Some(entry.since.map_or(now, |since| since.min(now)));
            if !entry.lasts(now) {
                continue;
            }
            if !entry.was_lasting && !entry.was_announced_lately(now) {
                entry.announced = Some(now);
                told.to_announce.push(told.lasting.len());
            }
            // Several metrics may have the same trouble, which is announced once.
            entry.was_lasting = true;
            told.lasting.push(trouble);
        }
        for entry in &mut self.0 {
            entry.was_lasting = entry.lasts(now);
        }
        self.0
            .retain(|entry| entry.since.is_some() || entry.was_announced_lately(now));
        told.look_again = self
            .0
            .iter()
            .filter_map(|entry| match entry.since {
                Some(_) if entry.was_lasting => None,
                Some(since) => Some(since.plus(entry.patience())),
                None => entry.announced.map(|at| at.plus(REPEAT_SECONDS)),
            })
            .min();
        told
    }

    /// Whether nothing need be kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn entry(&mut self, reason: Reason) -> &mut Entry {
        let place = self.0.iter().position(|entry| entry.reason == reason);
        let place = place.unwrap_or_else(|| {
            self.0.push(Entry::new(reason));
            self.0.len() - 1
        });
        // The place was just found or made.
        #[allow(clippy::indexing_slicing)]
        &mut self.0[place]
    }
}

#[cfg(test)]
#[path = "lasting_tests.rs"]
mod tests;
