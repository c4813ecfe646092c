//! A status as it was read from the API server: what of it the controller needs, without its texts. Pure.
//!
//! It is made when a watch tells of a policy, by whichever controller the status was written, and dropped once
//! [`Reporter::stored`](super::Reporter::stored) and the loop have taken from it what they go on from.
use std::sync::Arc;

use concertina_decision::{Change, Reason, Replicas, Timestamp, Writer};

use super::difference::Marks;
use super::known::{Known, reason_of};
use super::second::Second;
use crate::api::{CHANGED_BY_CONCERTINA, ChangeStatus, ScalingPolicyStatus, StartupStatus};
use crate::intern;

/// What a stored status tells.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredStatus {
    /// The generation of the policy that it speaks of.
    pub generation: Option<i64>,
    /// How long the target's pods take to start.
    pub startup: Option<StartupStatus>,
    /// The replicas that the target had.
    pub current_replicas: Option<Replicas>,
    /// Since when no metric has been usable.
    pub nothing_usable_since: Option<Second>,
    /// The guards that were not clear: their names, and their states in the words of the status.
    pub guards: Box<[(Arc<str>, Arc<str>)]>,
    pub(super) known: Known,
    pub(super) marks: Marks,
}

impl StoredStatus {
    /// What this status tells.
    #[must_use]
    pub fn of(status: &ScalingPolicyStatus) -> Self {
        let is_without_metrics = |reason: &str| {
            matches!(
                reason_of(reason),
                Some(Reason::MetricsMissing | Reason::FallbackActive)
            )
        };
        let inactive = status.conditions.iter().find(|condition| {
            condition.type_ == "ScalingActive"
                && condition.status == "False"
                && is_without_metrics(&condition.reason)
        });
        Self {
            generation: status.observed_generation,
            startup: status.startup,
            current_replicas: status.current_replicas,
            nothing_usable_since: inactive
                .and_then(|condition| Second::stored(&condition.last_transition_time)),
            guards: status
                .guards
                .iter()
                .map(|guard| (intern::name(&guard.name), intern::name(&guard.state)))
                .collect(),
            known: Known::of(status),
            marks: Marks::of(status),
        }
    }

    /// The last changes, the oldest first.
    pub fn changes(&self) -> impl Iterator<Item = Change> + use<> {
        let changes = self.known.changes().into_iter().rev();
        changes.map(|change| change_of(&change))
    }

    /// The newest change, and its reason where this controller knows that word.
    #[must_use]
    pub fn newest_change(&self) -> Option<(Change, Option<Reason>)> {
        let newest = self.known.changes().into_iter().next()?;
        Some((change_of(&newest), reason_of(&newest.reason)))
    }

    /// When the decision was made that it tells of.
    #[must_use]
    pub const fn decided(&self) -> Option<Second> {
        self.known.decided()
    }

    /// The state of the guard with this name in the word of the status, unless it was clear.
    #[must_use]
    pub fn guard(&self, name: &str) -> Option<&str> {
        let mut guards = self.guards.iter();
        guards
            .find(|(guard, _)| **guard == *name)
            .map(|(_, state)| &**state)
    }
}

fn change_of(change: &ChangeStatus) -> Change {
    Change {
        at: Timestamp(change.time.0.as_millisecond()),
        from: change.from,
        to: change.to,
        by: if change.by == CHANGED_BY_CONCERTINA {
            Writer::Own
        } else {
            Writer::Other
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stored(status: Value) -> StoredStatus {
        StoredStatus::of(&serde_json::from_value(status).unwrap())
    }

    fn inactive(reason: &str) -> Value {
        json!({"conditions": [{
            "type": "ScalingActive", "status": "False", "reason": reason, "message": "words",
            "lastTransitionTime": "2026-12-24T18:00:00Z",
        }]})
    }

    #[test]
    fn what_the_loop_goes_on_from_is_kept() {
        let change = |time: &str, by: &str| json!({"time": time, "from": 2, "to": 4, "reason": "MetricAboveTarget", "by": by});
        let stored = stored(json!({
            "observedGeneration": 3,
            "startup": {"p50Seconds": 7, "p95Seconds": 12, "samples": 9},
            "guards": [{"name": "errors", "state": "Tripped"}],
            "lastDecision": {"time": "2026-12-24T18:00:00Z", "reason": "Ready", "message": "words"},
            "lastChanges": [change("2026-12-24T18:00:00Z", "Concertina"), change("2026-12-24T17:00:00Z", "Other")],
        }));
        assert_eq!(stored.generation, Some(3));
        assert_eq!(stored.startup.unwrap().p95_seconds, 12);
        assert_eq!(
            (stored.guard("errors"), stored.guard("lag")),
            (Some("Tripped"), None)
        );
        let by: Vec<Writer> = stored.changes().map(|change| change.by).collect();
        assert_eq!(by, [Writer::Other, Writer::Own], "the oldest first");
        let decided = stored.decided().unwrap();
        assert_eq!(stored.changes().last().unwrap().at, decided.timestamp());
    }

    #[test]
    fn only_the_want_of_metrics_counts_towards_the_fallback() {
        assert!(stored(inactive("MetricsMissing")).nothing_usable_since.is_some());
        assert!(stored(inactive("FallbackActive")).nothing_usable_since.is_some());
        assert_eq!(stored(inactive("Paused")).nothing_usable_since, None);
        assert_eq!(stored(json!({})).nothing_usable_since, None);
    }
}
