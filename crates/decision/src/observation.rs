//! Everything known about one target at one instant, as the caller gathered it. Plain data, no I/O.

use serde::{Deserialize, Serialize};

use crate::{Reason, Replicas, Timestamp};

/// Everything known about one target at one instant. The caller may reuse the buffers from tick to tick.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// `spec.replicas` read through `/scale`. After a write of one's own it must be the written number, even while
    /// a watch still shows the old one: the difference would count as another writer's change.
    pub current_replicas: Replicas,
    /// The living pods of the target: neither finished (Failed, Succeeded) nor being deleted.
    pub pods: Vec<Pod>,
    /// One reading per metric of the policy, in its order. Metrics beyond the end of this list are missing.
    pub metrics: Vec<Reading>,
    /// One reading per guard of the policy, in its order: totals. Guards beyond the end of this list are missing.
    #[serde(default)]
    pub guards: Vec<Reading>,
    /// The windows of the schedules that are open or will open within [`MAX_LEAD_SECONDS`]; others do no harm.
    #[serde(default)]
    pub windows: Vec<Window>,
    /// Seconds from the creation of a pod of this target to Ready, as learned (95th percentile). A window's floor begins
    /// earlier by it, at most by [`MAX_LEAD_SECONDS`].
    #[serde(default)]
    pub startup_seconds: Option<u32>,
    /// Whether pods are being exchanged for those of another version.
    #[serde(default)]
    pub rollout: Rollout,
    /// While a ResourceQuota refuses pods of the target: how many it has room for, those that exist included.
    #[serde(default)]
    pub quota_room: Option<Replicas>,
}

/// The longest time, in seconds, by which the floor of a window begins early.
pub const MAX_LEAD_SECONDS: u32 = 900;

/// One window of a schedule, from start (inclusive) to end (exclusive).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// Which schedule of the policy, as an index.
    pub schedule: u8,
    /// When it opens.
    pub start: Timestamp,
    /// When it closes.
    pub end: Timestamp,
    /// The fewest replicas while it is open. Begins early by the start-up time.
    #[serde(default)]
    pub min_replicas: Option<Replicas>,
    /// The most replicas while it is open.
    #[serde(default)]
    pub max_replicas: Option<Replicas>,
}

/// Whether the pods of a target are being exchanged for those of another version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Rollout {
    /// No: there is one version, or the exchange is paused or was given up.
    #[default]
    None,
    /// Yes.
    UnderWay {
        /// Any number that differs from one rollout to the next: each has its own time.
        revision: u64,
    },
}

/// What is known of a living pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pod {
    /// Ready now.
    Ready,
    /// Not Ready now, but it was once. It counts like a Ready one: a saturated pod fails its probes, and its load
    /// must not vanish with them.
    Unready,
    /// It was Ready once, and now its containers end again and again. What it uses says nothing of the load, so it counts
    /// as a pod without a sample.
    Crashing,
    /// Not Ready yet since it was created. It counts nowhere: neither its load nor its share of the work is typical.
    Starting,
    /// Not Ready yet since it was created, and its containers end again and again. It counts nowhere.
    CrashingAtStart,
}

impl Pod {
    /// Whether it was Ready at any time.
    #[must_use]
    pub const fn was_ready(self) -> bool {
        matches!(self, Self::Ready | Self::Unready | Self::Crashing)
    }

    /// Whether its containers end again and again.
    #[must_use]
    pub const fn is_crashing(self) -> bool {
        matches!(self, Self::Crashing | Self::CrashingAtStart)
    }
}

/// What was read of one metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reading {
    /// No value, and why.
    Missing(Missing),
    /// One number for the whole target.
    Total {
        /// In the metric's unit.
        value: f64,
        /// When it was measured; `None` when that is not known, which counts as fresh.
        time: Option<Timestamp>,
    },
    /// One reading per element of [`Observation::pods`], in the same order. Pods beyond its end have no sample,
    /// readings beyond the last pod are ignored. A metric that is measured in pods is to be given as this even at zero
    /// replicas, with no entries: then it is not applicable, and not missing.
    PerPod(Vec<PodReading>),
}

/// What was read of one pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodReading {
    /// In the metric's unit; `None` when there is no sample.
    pub value: Option<f64>,
    /// When it was measured; `None` when that is not known, which counts as fresh.
    pub time: Option<Timestamp>,
    /// What 100 % utilisation is, in the metric's unit; only needed for [`Target::Utilization`](crate::Target).
    pub request: Option<f64>,
    /// The most CPU that the pod can use, in the metric's unit. To be set only for CPU.
    pub limit: Option<f64>,
    /// The value means at least this: it is a rate, and the pod was not Ready or not sampled for the whole of its window.
    pub at_least: bool,
}

/// Why a metric has no usable value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Missing {
    /// It has not been asked for yet.
    NotReadYet,
    /// The policy names a server that the controller's configuration does not have.
    UnknownServer,
    /// The policy names a source that the controller's configuration does not have.
    UnknownSource,
    /// No connection to the server.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// The server refused the query: credentials, rights, or a query that it cannot run.
    Refused,
    /// The server answered with an error of its own.
    ServerError,
    /// The server answered with something that is not an answer to the query.
    BadAnswer,
    /// The answer has no series for this target.
    NoSamples,
    /// The newest sample is older than the maximum age.
    Stale,
    /// NaN or infinite.
    NotANumber,
    /// Below zero, which no load is.
    Negative,
    /// More than one series where one number was asked for.
    Ambiguous,
    /// Pods do not say what 100 % is.
    NoRequests,
    /// No pod of the target was Ready yet, so there is nothing to measure.
    NoReadyPods,
    /// The target value is not a number above zero.
    BadTarget,
    /// The reading does not fit the kind of target: a total for a utilisation, or readings per pod for a value.
    WrongKind,
}

impl Missing {
    /// The reason under which it is reported.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::NotReadYet => Reason::NotReadYet,
            Self::UnknownServer => Reason::UnknownServer,
            Self::UnknownSource => Reason::UnknownSource,
            Self::Unreachable => Reason::PrometheusUnreachable,
            Self::TimedOut => Reason::PrometheusTimeout,
            Self::Refused => Reason::PrometheusRefused,
            Self::ServerError => Reason::PrometheusError,
            Self::BadAnswer => Reason::PrometheusBadAnswer,
            Self::NoSamples => Reason::NoSamples,
            Self::Stale => Reason::StaleSamples,
            Self::NotANumber => Reason::NotANumber,
            Self::Negative => Reason::NegativeValue,
            Self::Ambiguous => Reason::AmbiguousSeries,
            Self::NoRequests => Reason::NoResourceRequests,
            Self::NoReadyPods => Reason::NoReadyPods,
            Self::BadTarget => Reason::InvalidTarget,
            Self::WrongKind => Reason::UnsuitableReading,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn pods_are_told_apart_by_whether_they_were_ready_and_whether_they_crash() {
        for (pod, was_ready, is_crashing) in [
            (Pod::Ready, true, false),
            (Pod::Unready, true, false),
            (Pod::Crashing, true, true),
            (Pod::Starting, false, false),
            (Pod::CrashingAtStart, false, true),
        ] {
            assert_eq!(
                (pod.was_ready(), pod.is_crashing()),
                (was_ready, is_crashing),
                "{pod:?}"
            );
        }
    }

    #[test]
    fn whatever_is_missing_is_reported_under_a_reason_of_its_own() {
        use Missing::{
            Ambiguous, BadAnswer, BadTarget, Negative, NoReadyPods, NoRequests, NoSamples, NotANumber,
            NotReadYet, Refused, ServerError, Stale, TimedOut, UnknownServer, UnknownSource, Unreachable,
            WrongKind,
        };
        let all = [
            NotReadYet,
            UnknownServer,
            UnknownSource,
            Unreachable,
            TimedOut,
            Refused,
            ServerError,
            BadAnswer,
            NoSamples,
            Stale,
            NotANumber,
            Negative,
            Ambiguous,
            NoRequests,
            NoReadyPods,
            BadTarget,
            WrongKind,
        ];
        let reasons: BTreeSet<_> = all.iter().map(|missing| missing.reason()).collect();
        assert_eq!(reasons.len(), all.len());
        for missing in all {
            // What the first moments of every policy and every target show is no trouble.
            let is_usual = matches!(missing, NotReadYet | NoReadyPods);
            assert_eq!(missing.reason().is_trouble(), !is_usual, "{missing:?}");
        }
    }
}
