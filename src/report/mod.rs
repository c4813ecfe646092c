//! From one outcome to status, event and log line, in one place. Writing happens in [`Reporter::flush`], off the path of scaling.
//!
//! Nearly all outcomes are like the one before. These cost a fingerprint and a look at what was told; only the
//! others become a status.
pub mod conditions;
pub mod difference;
pub mod events;
pub mod fingerprint;
pub mod hold;
pub mod known;
pub mod lasting;
pub mod metrics;
pub mod pace;
mod queue;
pub mod reference;
mod room;
pub mod second;
mod send;
pub mod status;
pub mod stored;
mod told;
mod warnings;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use concertina_decision::Timestamp;
use futures::StreamExt;
use kube::Client;
use tokio::time::Instant;

use crate::cluster::lock;
use crate::cluster::places::Place;
use crate::cluster::policies::PolicyRecord;
use crate::control::evaluate::Outcome;
use crate::leader::Leadership;
use fingerprint::fingerprint;
use hold::ScaleWrites;
use metrics::Metrics;
use queue::Queue;
use second::Second;
use send::Sent;
use stored::StoredStatus;
use warnings::Warnings;

/// Statuses on their way at a time, and as many events.
const CONCURRENT: usize = 8;
/// So often is an event tried.
const EVENT_ATTEMPTS: u32 = 3;
/// Reports wait for scale writes, but in each turn no longer than this.
const HOLD: Duration = Duration::from_secs(5);

/// Status and events on their way to the API server.
pub struct Reporter {
    client: Client,
    metrics: Arc<Metrics>,
    queue: Mutex<Queue>,
    scale_writes: ScaleWrites,
    leadership: Arc<Leadership>,
    wake: tokio::sync::Notify,
    warnings: Warnings,
    instance: String,
}

/// Takes outcomes, one after another under one lock; drop it soon.
pub struct Reports<'a> {
    reporter: &'a Reporter,
    queue: MutexGuard<'a, Queue>,
    may_report: bool,
    has_news: bool,
}

impl Reports<'_> {
    /// Takes over an outcome: logs it, queues its events and its status. Sends nothing yet. A standby tells nothing; it goes
    /// on from what is stored when it takes over.
    pub fn report(&mut self, outcome: &Outcome) {
        if !self.may_report {
            return;
        }
        let now = Second::of(outcome.time);
        let fingerprint = fingerprint(outcome);
        let (told, room) = self.queue.told(&outcome.record);
        told.speak_of(&outcome.record);
        // That a target is being looked up is told to a new policy only: every start of the controller begins with it.
        if outcome.is_looking_up() && told.has_status() {
            return;
        }
        if told.is_old_news(fingerprint, now, room) {
            return;
        }
        self.has_news = true;
        let troubles = told.look_at(events::troubles(outcome), now);
        let status = status::status_of(outcome, told.known(), &troubles.lasting);
        let mut notes = events::changes(outcome);
        let new = troubles.to_announce.iter();
        let new = new.filter_map(|place| troubles.lasting.get(*place));
        notes.extend(new.map(|trouble| events::Note::warning(trouble.reason, trouble.message.clone())));
        if let Some(due) = told.offer(status, troubles.look_again, now, room) {
            self.queue.is_due(outcome.record.id.0, due);
        }
        for note in notes {
            note.log(outcome);
            for regarding in events::subjects(outcome, &note) {
                let number = self.queue.next_event_number();
                let event = events::event(outcome, &note, regarding, &self.reporter.instance, number);
                if self.queue.add_event(event) {
                    self.reporter.metrics.event_dropped();
                }
            }
        }
    }
}

impl Drop for Reports<'_> {
    fn drop(&mut self) {
        if self.has_news {
            self.reporter.wake.notify_one();
        }
    }
}

impl Reporter {
    /// A reporter that writes through `client`.
    #[must_use]
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "concertina".into());
        Self {
            client,
            metrics,
            queue: Mutex::default(),
            scale_writes: ScaleWrites::default(),
            leadership: Arc::new(Leadership::alone()),
            wake: tokio::sync::Notify::new(),
            warnings: Warnings::default(),
            instance,
        }
    }

    /// The same for one of several controllers, which tells while `leadership` says so.
    #[must_use]
    pub fn led_by(self, leadership: Arc<Leadership>) -> Self {
        Self { leadership, ..self }
    }

    /// Takes over one outcome; see [`Reports::report`].
    pub fn report(&self, outcome: &Outcome) {
        self.reports().report(outcome);
    }

    /// Takes over several outcomes, under one lock.
    pub fn report_all<'o>(&self, outcomes: impl IntoIterator<Item = &'o Outcome>) {
        let mut reports = self.reports();
        for outcome in outcomes {
            reports.report(outcome);
        }
    }

    /// To take over several outcomes one after another.
    pub fn reports(&self) -> Reports<'_> {
        Reports {
            reporter: self,
            queue: lock(&self.queue),
            may_report: self.leadership.may_report(),
            has_news: false,
        }
    }

    /// Scale writes are counted here, so that statuses and events let them pass.
    #[must_use]
    pub const fn scale_writes(&self) -> &ScaleWrites {
        &self.scale_writes
    }

    /// A watch told of a status that was stored, by whichever controller. What is told next goes on from it; an echo of
    /// what was told here says nothing.
    pub fn stored(&self, record: &Arc<PolicyRecord>, status: &StoredStatus) {
        lock(&self.queue)
            .told(record)
            .0
            .stored(&status.known, status.marks);
    }

    /// The replicas after the newest change of this policy that was told of, by whichever controller, if that was Concertina's own.
    pub fn own_replicas(&self, record: &PolicyRecord) -> Option<i32> {
        lock(&self.queue).own_replicas(record)
    }

    /// Forgets a policy that is gone.
    pub fn forget(&self, record: &PolicyRecord) {
        lock(&self.queue).forget(record);
    }

    /// Sends what is due, until the future is dropped.
    pub async fn run(&self, clock: impl Fn() -> Timestamp) {
        loop {
            // Statuses may be waiting for their gap to pass, so look again without being woken.
            let _ = tokio::time::timeout(Duration::from_millis(500), self.wake.notified()).await;
            self.flush(clock()).await;
        }
    }

    /// Sends all events, and every status in which a reader would notice a difference and whose gap has passed. Where the
    /// API server has asked for rest, nothing.
    pub async fn flush(&self, now: Timestamp) {
        if !self.leadership.may_report() {
            lock(&self.queue).drop_events();
            return;
        }
        let now = Clock::of(now);
        // What comes due meanwhile is left to the next flush, so that this one ends.
        loop {
            let Some((due, are_all)) = lock(&self.queue).take_due(now.began) else {
                return;
            };
            self.send(due, now, Instant::now() + HOLD).await;
            if are_all {
                return;
            }
        }
    }

    /// As [`Self::flush`], without waiting for gaps or for anything else: for the end of the process.
    pub async fn flush_all(&self, now: Timestamp) {
        let due = lock(&self.queue).take_all();
        self.send(due, Clock::of(now), Instant::now()).await;
    }

    async fn send(&self, due: Vec<Place>, now: Clock, latest: Instant) {
        futures::future::join(
            self.send_events(now, latest),
            self.send_statuses(due, now, latest),
        )
        .await;
    }

    async fn send_events(&self, now: Clock, latest: Instant) {
        let waiting = std::iter::from_fn(|| lock(&self.queue).next_event());
        futures::stream::iter(waiting)
            .for_each_concurrent(CONCURRENT, |(event, attempts)| async move {
                self.scale_writes.until_none(latest).await;
                if !self.leadership.may_report() {
                    return;
                }
                let sent = send::event(&self.client, &event, &self.warnings).await;
                let mut queue = lock(&self.queue);
                match sent {
                    Sent::Accepted => {}
                    Sent::Refused | Sent::Gone => self.metrics.event_dropped(),
                    Sent::Busy(seconds) => {
                        queue.rest(now.now(), seconds);
                        queue.retry_event(event, attempts);
                    }
                    // The API server is in trouble: the rest waits for the next flush.
                    Sent::Failed if attempts + 1 < EVENT_ATTEMPTS => queue.retry_event(event, attempts + 1),
                    Sent::Failed => {
                        queue.hold_events();
                        self.metrics.event_dropped();
                    }
                }
            })
            .await;
        lock(&self.queue).release_events();
    }

    async fn send_statuses(&self, due: Vec<Place>, now: Clock, latest: Instant) {
        // Many at a time: one that hangs must not hold up the others.
        futures::stream::iter(due)
            .for_each_concurrent(CONCURRENT, |place| async move {
                self.scale_writes.until_none(latest).await;
                // What the policy has to tell now: others may have taken long.
                let Some(due) = lock(&self.queue).newest(place) else {
                    return;
                };
                if lock(&self.queue).postpone_while_resting(&due, now.now()) {
                    return;
                }
                if !self.leadership.may_report() {
                    lock(&self.queue).sent(&due, Sent::Failed, now.now());
                    return;
                }
                let sent = send::status(&self.client, &due.record, &due.pending.status, &self.warnings).await;
                self.metrics.status_write(sent == Sent::Accepted);
                lock(&self.queue).sent(&due, sent, now.now());
            })
            .await;
    }
}

/// The time while reports are sent, which may take long.
#[derive(Clone, Copy)]
struct Clock {
    began: Second,
    at: Instant,
}

impl Clock {
    fn of(now: Timestamp) -> Self {
        Self {
            began: Second::of(now),
            at: Instant::now(),
        }
    }

    fn now(self) -> Second {
        self.began
            .plus(u32::try_from(self.at.elapsed().as_secs()).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
#[path = "reporter_tests.rs"]
mod tests;
