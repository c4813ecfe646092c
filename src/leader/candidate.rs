//! What one candidate knows of the Lease, and what follows from it: who writes, and what to do next and when. No network; time is an
//! argument, and only how fast it runs here counts.
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::Leadership;
use super::record::{self, Holder};
use super::settings::Settings;

/// A standby begins to look by itself when the newest version has been unchanged for this share of its duration: a living holder has
/// renewed it before.
const OVERDUE: f64 = 0.4;
/// The longest share by which a renewal is put off, so that many holders of many Leases do not keep in step.
const JITTER: f64 = 0.1;

/// A candidate.
pub(super) struct Candidate {
    pub(super) settings: Settings,
    pub(super) identity: String,
    pub(super) leadership: Arc<Leadership>,
    pub(super) view: View,
    is_leading: bool,
    /// Whether the watch is thought to tell of changes.
    pub(super) is_watched: bool,
    /// When the holder renews.
    renew_at: Instant,
    /// When the API server was last asked what the Lease is.
    looked_at: Option<Instant>,
    /// Nothing is sent before, after a failure.
    not_before: Instant,
}

/// What is known of the Lease.
pub(super) enum View {
    Unknown,
    Absent {
        /// When it may be created: a holder whose Lease is deleted may go on writing for a while.
        free_at: Instant,
    },
    Present {
        lease: Box<Lease>,
        /// When this version was first seen.
        seen_at: Instant,
    },
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Ask for the Lease.
    Look,
    /// Create, take or renew it.
    Write,
}

impl Candidate {
    pub(super) const fn new(
        settings: Settings,
        identity: String,
        leadership: Arc<Leadership>,
        now: Instant,
    ) -> Self {
        Self {
            settings,
            identity,
            leadership,
            view: View::Unknown,
            is_leading: false,
            is_watched: true,
            renew_at: now,
            looked_at: None,
            not_before: now,
        }
    }

    /// What to do next, and when.
    pub(super) fn next_step(&self) -> (Instant, Step) {
        let (at, step) = match &self.view {
            View::Unknown => {
                let again = |last| last + self.settings.look_gap();
                (self.looked_at.map_or(self.not_before, again), Step::Look)
            }
            View::Absent { free_at } => (*free_at, Step::Write),
            View::Present { .. } if self.is_leading => (self.renew_at, Step::Write),
            View::Present { lease, seen_at } => match record::holder(lease, &self.identity) {
                Holder::Nobody | Holder::Me => (*seen_at, Step::Write),
                Holder::Other(_) => self.next_step_of_a_standby(lease, *seen_at),
            },
        };
        (at.max(self.not_before), step)
    }

    fn next_step_of_a_standby(&self, lease: &Lease, seen_at: Instant) -> (Instant, Step) {
        let duration = record::duration(lease, self.settings.duration());
        let expires_at = seen_at + duration;
        let patience = if self.is_watched {
            duration.mul_f64(OVERDUE)
        } else {
            Duration::ZERO
        };
        let last = self.looked_at.unwrap_or(seen_at).max(seen_at);
        let look_at = (last + self.settings.look_gap()).max(seen_at + patience);
        if look_at < expires_at {
            (look_at, Step::Look)
        } else {
            (expires_at, Step::Write)
        }
    }

    /// Nothing is sent for a moment.
    pub(super) fn pause(&mut self, now: Instant) {
        self.not_before = now + self.settings.retry_gap();
    }

    pub(super) const fn looks(&mut self, now: Instant) {
        self.looked_at = Some(now);
    }

    /// A write that was sent at `sent_at` has succeeded and left `lease`: nothing else gives the right to write. `jitter` is between
    /// 0 and 1.
    pub(super) fn hold(&mut self, lease: Lease, sent_at: Instant, jitter: f64, now: Instant) {
        let gap = self.settings.renew();
        self.renew_at = sent_at + gap + gap.mul_f64(JITTER * jitter.clamp(0.0, 1.0));
        self.not_before = now;
        let had_the_right = self.leadership.may_report();
        self.leadership.extend(
            sent_at + self.settings.write_deadline(),
            self.settings.answer_grace(),
        );
        self.see(lease, now);
        if !std::mem::replace(&mut self.is_leading, true) {
            let (namespace, lease) = self.settings.names();
            tracing::info!(
                namespace,
                lease,
                holder = self.identity,
                "this controller writes from now on"
            );
        }
        if !had_the_right {
            self.leadership.became_leader.notify_one();
        }
    }

    /// Takes over what the watch tells, which may lag behind what was asked.
    pub(super) fn hear(&mut self, lease: Lease, now: Instant) {
        self.is_watched = true;
        if !self.is_old_news(&lease) {
            self.see(lease, now);
        }
    }

    pub(super) fn is_old_news(&self, lease: &Lease) -> bool {
        matches!(&self.view, View::Present { lease: known, .. } if record::is_older(lease, known))
    }

    /// Takes over a version of the Lease. Returns whether it is another than was known.
    pub(super) fn see(&mut self, lease: Lease, now: Instant) -> bool {
        let known = match &self.view {
            View::Present { lease, .. } => Some(&**lease),
            View::Unknown | View::Absent { .. } => None,
        };
        if known.is_some_and(|known| record::is_same_version(known, &lease)) {
            return false;
        }
        self.leadership.saw_transitions(record::transitions(&lease));
        match record::holder(&lease, &self.identity) {
            Holder::Me => {}
            Holder::Nobody => self.lose("it was given up"),
            holder @ Holder::Other(other) => {
                let is_new = known.is_none_or(|known| record::holder(known, &self.identity) != holder);
                self.lose("another controller holds it");
                if is_new {
                    let (namespace, lease) = self.settings.names();
                    tracing::info!(
                        namespace,
                        lease,
                        holder = other,
                        "this controller stands by, another one writes"
                    );
                }
            }
        }
        self.view = View::Present {
            lease: Box::new(lease),
            seen_at: now,
        };
        true
    }

    /// Takes over that there is no Lease. Returns whether that is news.
    pub(super) fn see_none(&mut self, now: Instant) -> bool {
        let free_at = match &self.view {
            View::Absent { .. } => return false,
            View::Unknown => now,
            View::Present { lease, .. } => match record::holder(lease, &self.identity) {
                Holder::Me | Holder::Nobody => now,
                Holder::Other(_) => now + record::duration(lease, self.settings.duration()),
            },
        };
        self.lose("it was deleted");
        self.view = View::Absent { free_at };
        true
    }

    fn lose(&mut self, why: &str) {
        self.leadership.revoke();
        if std::mem::take(&mut self.is_leading) {
            let (namespace, lease) = self.settings.names();
            tracing::warn!(
                namespace,
                lease,
                "this controller has lost the Lease and writes no more: {why}"
            );
        }
    }
}

#[cfg(test)]
#[path = "candidate_tests.rs"]
mod tests;
