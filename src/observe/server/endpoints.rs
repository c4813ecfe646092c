//! Which of a server's URLs is asked first: the one that answered, and the preferred one again after a while. No network.
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::lock;

/// After a failover the preferred URL is tried again so often, beside an ordinary query.
pub(super) const RETRY_EVERY: Duration = Duration::from_secs(30);

/// The URLs of one server by their places in the configuration.
pub(super) struct Endpoints {
    count: usize,
    state: Mutex<State>,
    failovers: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The place of the URL that is asked first.
    current: usize,
    /// When the preferred URL, which is the first, is tried again.
    retry_at: Option<Instant>,
}

impl Endpoints {
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            state: Mutex::default(),
            failovers: AtomicU64::new(0),
        }
    }

    /// Places in the order in which they are asked.
    pub(super) fn order(&self) -> Vec<usize> {
        let current = lock(&self.state).current;
        let others = (0..self.count).filter(|place| *place != current);
        std::iter::once(current).chain(others).collect()
    }

    /// A URL answered after the one before it had failed.
    pub(super) fn failed_over(&self, place: usize, now: Instant) {
        let mut state = lock(&self.state);
        // The other queries of the same moment find out the same.
        if state.current != place {
            state.current = place;
            state.retry_at = (place != 0).then(|| now + RETRY_EVERY);
            self.failovers.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the preferred URL is to be tried again now. Only one caller is told so.
    pub(super) fn claim_retry(&self, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let due = state.retry_at.is_some_and(|at| at <= now);
        if due {
            state.retry_at = Some(now + RETRY_EVERY);
        }
        due
    }

    /// The preferred URL answers again.
    pub(super) fn recovered(&self) {
        *lock(&self.state) = State::default();
    }

    /// How often another URL had to answer.
    pub(super) fn failovers(&self) -> u64 {
        self.failovers.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_that_answered_comes_first_until_the_preferred_one_is_back() {
        let endpoints = Endpoints::new(3);
        let now = Instant::now();
        assert_eq!(endpoints.order(), [0, 1, 2]);
        assert!(!endpoints.claim_retry(now));
        // Two queries of one moment are one failover.
        endpoints.failed_over(1, now);
        endpoints.failed_over(1, now);
        assert_eq!((endpoints.order(), endpoints.failovers()), (vec![1, 0, 2], 1));
        assert!(!endpoints.claim_retry(now));
        let later = now + RETRY_EVERY;
        assert!(endpoints.claim_retry(later));
        assert!(!endpoints.claim_retry(later), "one query in 30 s is enough");
        assert!(endpoints.claim_retry(later + RETRY_EVERY), "and then the next");
        endpoints.recovered();
        assert_eq!((endpoints.order(), endpoints.failovers()), (vec![0, 1, 2], 1));
        assert!(!endpoints.claim_retry(later + 9 * RETRY_EVERY));
    }
}
