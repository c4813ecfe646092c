//! Whether the loop goes on: what `/healthz` tells. No network; time is an argument.
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The loop begins a tick each second. One that has not for so long is started anew, since nothing else would bring it back.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hang {
    /// No tick has begun for so long.
    Loop(Duration),
    /// Evaluations are under way, and none has ended for so long.
    Evaluations(Duration),
}

/// When the loop last did something.
#[derive(Debug)]
pub struct Pulse {
    origin: Instant,
    /// Milliseconds since `origin`; 0 before the first tick.
    began: AtomicU64,
    /// The same, of the end of an evaluation, or of the last moment when none was under way.
    ended: AtomicU64,
    longest_evaluation: Duration,
}

impl Pulse {
    /// Of a loop that has not begun. An evaluation waits twice for a server at most, for its metrics and for their past, and then for the API
    /// server.
    #[must_use]
    pub fn new(now: Instant, longest_timeout: Duration) -> Self {
        Self {
            origin: now,
            began: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            longest_evaluation: LONGEST_PAUSE + longest_timeout * 2,
        }
    }

    /// A tick begins; `is_idle` when no evaluation is under way.
    pub fn begins(&self, now: Instant, is_idle: bool) {
        self.began.store(self.milliseconds(now), Ordering::Relaxed);
        if is_idle {
            self.ends(now);
        }
    }

    /// Evaluations have ended.
    pub fn ends(&self, now: Instant) {
        self.ended.store(self.milliseconds(now), Ordering::Relaxed);
    }

    /// What stands still, if anything does. A loop that waits for its first lists does not: starting anew would not help.
    #[must_use]
    pub fn hang(&self, now: Instant) -> Option<Hang> {
        let began = self.began.load(Ordering::Relaxed);
        if began == 0 {
            return None;
        }
        let now = self.milliseconds(now);
        let since = |then: u64| Duration::from_millis(now.saturating_sub(then));
        let (paused, ended) = (since(began), since(self.ended.load(Ordering::Relaxed)));
        if paused >= LONGEST_PAUSE {
            return Some(Hang::Loop(paused));
        }
        (ended >= self.longest_evaluation).then_some(Hang::Evaluations(ended))
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.origin).as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX).max(1)
    }
}

impl std::fmt::Display for Hang {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Loop(time) => write!(formatter, "the loop has begun no tick for {} s", time.as_secs()),
            Self::Evaluations(time) => {
                write!(formatter, "no evaluation has ended for {} s", time.as_secs())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse() -> (Pulse, Instant) {
        let now = Instant::now();
        (Pulse::new(now, SECOND * 5), now)
    }

    #[test]
    fn a_loop_that_has_not_begun_does_not_hang_however_long_the_first_lists_take() {
        let (pulse, now) = pulse();
        assert_eq!(pulse.hang(now + SECOND * 100_000), None);
    }

    #[test]
    fn a_loop_that_begins_no_tick_for_a_minute_hangs_and_one_that_goes_on_does_not() {
        let (pulse, now) = pulse();
        pulse.begins(now, true);
        assert_eq!(pulse.hang(now + SECOND * 59), None);
        assert_eq!(
            pulse.hang(now + SECOND * 61),
            Some(Hang::Loop(SECOND * 60 + Duration::from_millis(999)))
        );
        pulse.begins(now + SECOND * 70, true);
        assert_eq!(pulse.hang(now + SECOND * 71), None);
    }

    #[test]
    fn evaluations_that_never_end_hang_although_ticks_go_on_and_slow_servers_are_waited_for() {
        let (pulse, now) = pulse();
        for second in 1..200 {
            pulse.begins(now + SECOND * second, second <= 100);
            let hangs = pulse.hang(now + SECOND * second).is_some();
            assert_eq!(hangs, second >= 170, "{second}");
        }
        pulse.ends(now + SECOND * 200);
        assert_eq!(pulse.hang(now + SECOND * 200), None);
    }
}
