//! What a stored status tells a process that did not write it: after a start, and while another process leads. Pure.
use concertina_decision::{Change, GuardMemory, Reason, Replicas, Timestamp, Writer};

use crate::api::{CHANGED_BY_CONCERTINA, ScalingPolicyStatus};
use crate::cluster::pods::StartupTimes;

/// A status as the API server holds it.
#[derive(Clone, Debug)]
pub struct StoredStatus(ScalingPolicyStatus);

impl StoredStatus {
    /// From the status of a policy that was read.
    #[must_use]
    pub const fn of(status: ScalingPolicyStatus) -> Self {
        Self(status)
    }

    /// The status itself.
    #[must_use]
    pub const fn status(&self) -> &ScalingPolicyStatus {
        &self.0
    }

    /// The generation of the policy that it speaks of.
    #[must_use]
    pub const fn generation(&self) -> Option<i64> {
        self.0.observed_generation
    }

    /// The replicas that the target had when it was written.
    #[must_use]
    pub const fn current_replicas(&self) -> Option<Replicas> {
        self.0.current_replicas
    }

    /// The changes that it tells of, oldest first.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.0.last_changes.iter().rev().map(|change| Change {
            at: Timestamp(change.time.0.as_millisecond()),
            from: change.from,
            to: change.to,
            by: if change.by == CHANGED_BY_CONCERTINA {
                Writer::Own
            } else {
                Writer::Other
            },
        })
    }

    /// Since when no metric has been usable, if that was so.
    #[must_use]
    pub fn missing_since(&self) -> Option<Timestamp> {
        self.0
            .conditions
            .iter()
            .find(|condition| condition.type_ == "ScalingActive" && condition.status == "False")
            .filter(|condition| {
                [Reason::MetricsMissing, Reason::FallbackActive]
                    .iter()
                    .any(|reason| reason.as_str() == condition.reason)
            })
            .map(|condition| Timestamp(condition.last_transition_time.0.as_millisecond()))
    }

    /// What is known of a guard. The status has those that are not clear, and tells of their states when these were last
    /// told, which may be some time ago.
    #[must_use]
    pub fn guard(&self, name: &str) -> GuardMemory {
        let told = self
            .0
            .last_decision
            .as_ref()
            .map(|decision| Timestamp(decision.time.0.as_millisecond()));
        let long_ago = Some(Timestamp::default());
        let state = self.0.guards.iter().find(|guard| guard.name == name);
        let (above_since, blocking_since) = match state.map(|guard| guard.state.as_str()) {
            Some("Pending") => (told, None),
            Some("Tripped") => (long_ago, told),
            Some("Missing") => (None, told),
            Some("Expired") => (long_ago, long_ago),
            _ => (None, None),
        };
        GuardMemory {
            above_since,
            blocking_since,
        }
    }

    /// Start-up times that the writer had learned.
    #[must_use]
    pub fn startup(&self) -> Option<StartupTimes> {
        let startup = self.0.startup?;
        Some(StartupTimes {
            p50_seconds: u32::try_from(startup.p50_seconds).ok()?,
            p95_seconds: u32::try_from(startup.p95_seconds).ok()?,
            samples: u32::try_from(startup.samples).ok()?,
        })
    }
}
