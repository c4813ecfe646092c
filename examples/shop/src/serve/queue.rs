//! The queue before the workers. A request that has waited too long is given up before it costs anything, so a
//! saturated shop goes on answering as much as it can instead of working on pages nobody waits for. No network.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounded in length and in patience; first come, first served.
#[derive(Debug)]
pub struct Queue {
    workers: Arc<Semaphore>,
    places: Semaphore,
    patience: Duration,
}

/// Why a request was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GaveUp {
    /// No place to wait.
    Full,
    /// Waited for the whole patience of the queue.
    WaitedTooLong,
}

impl Queue {
    /// `patience` is how long one request may wait for a worker.
    pub fn new(workers: u16, length: u16, patience: Duration) -> Self {
        Queue {
            workers: Arc::new(Semaphore::new(usize::from(workers))),
            places: Semaphore::new(usize::from(length)),
            patience,
        }
    }

    /// Waits for a worker; the worker is taken for as long as the answer lives.
    ///
    /// # Errors
    /// The queue is full, or the request waited too long.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, GaveUp> {
        if let Ok(turn) = Arc::clone(&self.workers).try_acquire_owned() {
            return Ok(turn);
        }
        let _place = self.places.try_acquire().map_err(|_| GaveUp::Full)?;
        match tokio::time::timeout(self.patience, Arc::clone(&self.workers).acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(GaveUp::WaitedTooLong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_free_worker_is_given_at_once() {
        let queue = Queue::new(2, 0, Duration::from_secs(1));
        assert!(queue.turn().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_waited_too_long_is_given_up() {
        let queue = Queue::new(1, 8, Duration::from_millis(700));
        let _busy = queue.turn().await.expect("the first worker is free");
        let before = tokio::time::Instant::now();
        assert_eq!(
            queue.turn().await.expect_err("nobody frees the worker"),
            GaveUp::WaitedTooLong
        );
        assert_eq!(before.elapsed(), Duration::from_millis(700));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_turns_requests_away_at_once() {
        let queue = Arc::new(Queue::new(1, 1, Duration::from_millis(700)));
        let _busy = queue.turn().await.expect("the first worker is free");
        let waiting = tokio::spawn({
            let queue = Arc::clone(&queue);
            async move { queue.turn().await.map(drop) }
        });
        tokio::task::yield_now().await;
        let before = tokio::time::Instant::now();
        assert_eq!(
            queue.turn().await.expect_err("the one place is taken"),
            GaveUp::Full
        );
        assert_eq!(before.elapsed(), Duration::ZERO);
        assert_eq!(waiting.await.expect("it ends"), Err(GaveUp::WaitedTooLong));
    }

    #[tokio::test(start_paused = true)]
    async fn a_freed_worker_goes_to_the_one_who_waited_longest() {
        let queue = Arc::new(Queue::new(1, 2, Duration::from_secs(1)));
        let busy = queue.turn().await.expect("the first worker is free");
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut waiting = Vec::new();
        for name in ["first", "second"] {
            let (queue, order) = (Arc::clone(&queue), Arc::clone(&order));
            waiting.push(tokio::spawn(async move {
                let turn = queue.turn().await;
                order.lock().expect("not poisoned").push((name, turn.is_ok()));
            }));
            tokio::task::yield_now().await;
        }
        drop(busy);
        for task in waiting {
            task.await.expect("it ends");
        }
        assert_eq!(
            *order.lock().expect("not poisoned"),
            [("first", true), ("second", true)]
        );
    }
}
