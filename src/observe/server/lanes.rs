//! Whose turn it is: bounded places for queries under way, apart for what all share, for what users wrote, for what was
//! slow, and for the past. Counts and waits, no network.
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::cluster::lock;

/// Users' queries that were slow, in flight to one server at a time.
const SLOW_QUERIES: usize = 2;
/// Queries of the past in flight to one server at a time: so few that a start of the controller, when all policies need
/// their past, leaves the server free for what is now.
const RANGE_QUERIES: usize = 3;
/// So many slow queries are known at a time.
const SLOW_KNOWN: usize = 4096;
/// A slow query that had its turn last time lets those that had none go first, for this long.
const COURTESY: Duration = Duration::from_millis(10);

/// What a query is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    /// A built-in metric, which many policies share.
    BuiltIn,
    /// A user's own words.
    Custom,
    /// The past.
    Past,
    /// How often series are scraped.
    Interval,
}

/// How a query went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// It was answered within half the time.
    Quick,
    /// It took longer, or there was no answer in time.
    Slow,
    /// It failed for another reason, which says nothing.
    Unknown,
}

/// The places of one server.
pub(super) struct Lanes {
    built_in: Semaphore,
    custom: Semaphore,
    slow: Semaphore,
    range: Semaphore,
    /// Of questions for scrape intervals: few, rare, and over minutes of all series.
    interval: Semaphore,
    /// Users' queries that wait for a place in `custom`.
    waiting: AtomicUsize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// The newest quick answer: the server was well then.
    quick_at: Option<Instant>,
    slow: HashMap<u64, Slow>,
}

struct Slow {
    since: Instant,
    had_its_turn: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Precedence {
    First,
    Last,
}

/// A place that is held.
pub(super) struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    sort: Sort,
    query: u64,
    /// When the place was got.
    pub(super) began: Instant,
}

impl Lanes {
    /// `concurrent` places for the built-in queries, and as many for users' own.
    pub(super) fn new(concurrent: usize) -> Self {
        Self {
            built_in: Semaphore::new(concurrent),
            custom: Semaphore::new(concurrent),
            slow: Semaphore::new(SLOW_QUERIES),
            range: Semaphore::new(RANGE_QUERIES),
            interval: Semaphore::new(1),
            waiting: AtomicUsize::new(0),
            memory: Mutex::default(),
        }
    }

    /// Waits for a place until `deadline`; none when none became free.
    pub(super) async fn turn(&self, sort: Sort, query: u64, deadline: Instant) -> Option<Turn<'_>> {
        let slow = (sort == Sort::Custom).then(|| self.slow_before(query)).flatten();
        let lane = match (sort, slow) {
            (Sort::BuiltIn, _) => &self.built_in,
            (Sort::Past, _) => &self.range,
            (Sort::Interval, _) => &self.interval,
            (Sort::Custom, None) => &self.custom,
            (Sort::Custom, Some(_)) => &self.slow,
        };
        if slow == Some(Precedence::Last) {
            tokio::time::sleep(COURTESY).await;
        }
        let _waiting = (sort == Sort::Custom && slow.is_none()).then(|| Waiting::new(&self.waiting));
        let permit = tokio::time::timeout_at(deadline, lane.acquire())
            .await
            .ok()?
            .ok()?;
        if slow.is_some()
            && let Some(slow) = lock(&self.memory).slow.get_mut(&query)
        {
            slow.had_its_turn = true;
        }
        Some(Turn {
            _permit: permit,
            sort,
            query,
            began: Instant::now(),
        })
    }

    /// Whether the query was slow, and then whether others go first.
    fn slow_before(&self, query: u64) -> Option<Precedence> {
        let mut memory = lock(&self.memory);
        let crowded = memory.slow.len() > SLOW_QUERIES;
        let slow = memory.slow.get_mut(&query)?;
        let had_its_turn = std::mem::take(&mut slow.had_its_turn);
        Some(if had_its_turn && crowded {
            Precedence::Last
        } else {
            Precedence::First
        })
    }

    /// Remembers how a query went. It is slow by its own fault if the server answered others meanwhile; and it is in
    /// the others' way if they wait for its place.
    pub(super) fn ended(&self, turn: &Turn<'_>, pace: Pace, now: Instant) {
        let mut memory = lock(&self.memory);
        if pace == Pace::Quick {
            memory.quick_at = Some(now);
        }
        if turn.sort != Sort::Custom {
            return;
        }
        match pace {
            Pace::Quick => {
                memory.slow.remove(&turn.query);
            }
            Pace::Slow => {
                let others_wait = self.waiting.load(Ordering::Relaxed) > 0;
                if others_wait || memory.quick_at.is_some_and(|quick| quick >= turn.began) {
                    memory.know(turn.query, now);
                }
            }
            Pace::Unknown => {}
        }
    }

    #[cfg(test)]
    pub(super) fn slow_queries(&self) -> usize {
        lock(&self.memory).slow.len()
    }
}

impl Memory {
    fn know(&mut self, query: u64, now: Instant) {
        if self.slow.len() >= SLOW_KNOWN
            && !self.slow.contains_key(&query)
            && let Some(oldest) = self
                .slow
                .iter()
                .min_by_key(|(_, slow)| slow.since)
                .map(|(query, _)| *query)
        {
            self.slow.remove(&oldest);
        }
        let slow = Slow {
            since: now,
            had_its_turn: true,
        };
        self.slow.insert(query, slow);
    }
}

/// Counts one that waits, as long as it lives.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
