//! Statuses and events wait while new replica counts are on their way: these come first. No network of its own.
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// Counts the scale writes under way.
#[derive(Debug, Default)]
pub struct ScaleWrites {
    under_way: AtomicUsize,
    ended: Notify,
}

/// One scale write; it ends when this is dropped.
#[derive(Debug)]
pub struct ScaleWriting<'a>(&'a ScaleWrites);

impl ScaleWrites {
    /// A scale write begins, or waits for its turn.
    pub fn begin(&self) -> ScaleWriting<'_> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        ScaleWriting(self)
    }

    /// How many are under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Waits until none is under way, but no longer than until `latest`.
    pub async fn until_none(&self, latest: Instant) {
        loop {
            let ended = self.ended.notified();
            if self.under_way() == 0 || timeout_at(latest, ended).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for ScaleWriting<'_> {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.ended.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn reports_wait_for_the_last_of_several_writes() {
        let writes = ScaleWrites::default();
        let (first, second) = (writes.begin(), writes.begin());
        let started = Instant::now();
        let ends = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(first);
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(second);
        };
        tokio::join!(writes.until_none(started + Duration::from_secs(5)), ends);
        assert_eq!(started.elapsed(), Duration::from_secs(2));
        writes.until_none(started + Duration::from_secs(5)).await;
        assert_eq!(
            started.elapsed(),
            Duration::from_secs(2),
            "nothing is waited for then"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn reports_do_not_wait_for_ever() {
        let writes = ScaleWrites::default();
        let _stuck = writes.begin();
        let started = Instant::now();
        writes.until_none(started + Duration::from_secs(5)).await;
        assert_eq!(started.elapsed(), Duration::from_secs(5));
    }
}
