//! Which of several controllers writes: one Lease of the API server elects it, the others stand by. [`Leadership`] answers from
//! memory whether this process may write; [`election`] keeps it, over the network.
mod candidate;
pub mod election;
mod record;
pub mod settings;

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::report::metrics::names::{LEADER, LEASE_TRANSITIONS, MetricName};

/// Until when the right to write lasts that no Lease limits.
const FOR_EVER: u64 = u64::MAX;

/// Whether this process is the one that writes. The question is answered from memory and by the monotonic clock, so the right ends by
/// itself when it is not renewed in time, also while the call that should renew it hangs.
#[derive(Debug)]
pub struct Leadership {
    origin: Instant,
    /// Nanoseconds since `origin`; 0 where there is no right.
    valid_until: AtomicU64,
    /// Nanoseconds after that for which an answer may still be waited for.
    grace: AtomicU64,
    is_resigned: AtomicBool,
    transitions: AtomicI32,
    /// Woken when this process may write and could not before: it has taken over, or is late with a renewal that has succeeded after all.
    /// Whoever waits for it later is woken at once.
    pub became_leader: Notify,
}

impl Leadership {
    /// That of a process which is alone by its configuration: it may always write.
    #[must_use]
    pub fn alone() -> Self {
        Self::until(FOR_EVER)
    }

    /// That of a process which stands by until it is elected.
    #[must_use]
    pub fn standby() -> Self {
        Self::until(0)
    }

    fn until(valid_until: u64) -> Self {
        Self {
            origin: Instant::now(),
            valid_until: AtomicU64::new(valid_until),
            grace: AtomicU64::new(0),
            is_resigned: AtomicBool::new(false),
            transitions: AtomicI32::new(0),
            became_leader: Notify::new(),
        }
    }

    /// Whether a change may be sent now. Ask right before each one: no lock, no call.
    #[must_use]
    pub fn may_write(&self) -> bool {
        !self.is_resigned.load(Ordering::Acquire) && self.may_report()
    }

    /// Whether status and events may be sent now. After [`Self::resign`] this still holds, so that what was done can be told.
    #[must_use]
    pub fn may_report(&self) -> bool {
        match self.valid_until.load(Ordering::Acquire) {
            FOR_EVER => true,
            valid_until => nanoseconds(self.origin.elapsed()) < valid_until,
        }
    }

    /// For how long what a change needs may be waited for from now on: until a part of the margin is over that lies between the end
    /// of the right and the moment from which another may lead. [`Duration::MAX`] for one that is alone, zero without a right.
    /// A request that is given up then may still be on the wire; the rest of the margin is for it.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        match self.valid_until.load(Ordering::Acquire) {
            FOR_EVER => Duration::MAX,
            0 => Duration::ZERO,
            valid_until => {
                let until = valid_until.saturating_add(self.grace.load(Ordering::Acquire));
                Duration::from_nanos(until.saturating_sub(nanoseconds(self.origin.elapsed())))
            }
        }
    }

    /// Gives up changing anything, for good: the process is about to end.
    pub fn resign(&self) {
        self.is_resigned.store(true, Ordering::Release);
    }

    /// Whether the process is about to end.
    #[must_use]
    pub fn is_resigned(&self) -> bool {
        self.is_resigned.load(Ordering::Acquire)
    }

    /// How often the Lease has passed from one holder to another, as it was last seen.
    #[must_use]
    pub fn transitions(&self) -> i32 {
        self.transitions.load(Ordering::Relaxed)
    }

    /// The right lasts until then, and what was begun under it may be waited for so long after that.
    fn extend(&self, until: Instant, grace: Duration) {
        self.grace.store(nanoseconds(grace), Ordering::Release);
        let until = nanoseconds(until.saturating_duration_since(self.origin));
        self.valid_until.store(until, Ordering::Release);
    }

    /// The right ends now.
    fn revoke(&self) {
        self.valid_until.store(0, Ordering::Release);
    }

    fn saw_transitions(&self, transitions: i32) {
        self.transitions.store(transitions, Ordering::Relaxed);
    }
}

/// Below [`FOR_EVER`]: the process does not live for five hundred years.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(FOR_EVER - 1)
}

/// They are read when they are asked for, because the right to write ends without anybody doing anything.
impl Collector for Leadership {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name: &MetricName, number: i64| {
            let gauge = ConstGauge::new(number);
            gauge.encode(encoder.encode_descriptor(name.family(), name.help, None, gauge.metric_type())?)
        };
        gauge(&LEADER, i64::from(self.may_write()))?;
        gauge(&LEASE_TRANSITIONS, i64::from(self.transitions()))
    }
}
