//! The one enum of reasons: conditions, events, metric labels and logs all take their words from here. No I/O.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[doc = $heading:literal])* $reason:ident => $message:literal,)*) => {
        /// Why a number is what it is, or what keeps the controller from acting. The names are stable: they are
        /// condition reasons, event reasons and metric labels.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $message] $reason,)*
        }

        impl Reason {
            /// Every reason, in the order of the pipeline; those of the controller come last.
            pub const ALL: &'static [Self] = &[$(Self::$reason),*];

            /// The name in CamelCase, as conditions, events and labels show it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$reason => stringify!($reason),)*
                }
            }

            /// What it means: a clause that begins in lower case and has no full stop.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$reason => $message,)*
                }
            }
        }
    };
}

reasons! {
    // Observe: what is known.
    Observed => "every metric has a usable value",
    SomeMetricsMissing => "some metrics have no usable value",
    MetricsMissing => "no metric has a usable value, so the replicas stay as they are",
    NoMetrics => "the policy has no metrics",

    // Propose: why one metric asks for what it asks for.
    MetricAboveTarget => "the metric is above its target",
    MetricBelowTarget => "the metric is below its target",
    WithinTolerance => "the metric is within the tolerance of its target",
    AwaitingReplicas => "the metric is above its target, and the replicas that are there or on their way are enough",
    FewerWouldNotDo => "the metric is below its target, and one replica fewer would put it above",
    PodsWithoutSamples => "pods without a sample count as being at the target when shrinking, and as idle when growing",
    PartialRates => "pods that were not Ready, or not measured, for the whole window of a rate count as at the target when shrinking, or as more",
    CpuAtLimit => "the pods use all the CPU they may, so what was measured means at least",
    NoLoad => "there is no load, so no replica is needed",
    BelowActivation => "the metric is at or below its activation, so no replica is needed for it",
    NotApplicableAtZero => "the metric is measured in pods, and there are none at zero replicas",

    // Why a metric has no usable value.
    NotReadYet => "the metric has not been read yet",
    UnknownServer => "the policy names a server that the controller's configuration does not have",
    UnknownSource => "the policy names a source that the controller's configuration does not have",
    PrometheusUnreachable => "Prometheus cannot be reached",
    PrometheusTimeout => "Prometheus did not answer in time",
    PrometheusRefused => "Prometheus refused the query: check its expression and the controller's credentials",
    PrometheusError => "Prometheus answered with an error of its own",
    PrometheusBadAnswer => "Prometheus answered with something that is not an answer to the query",
    NoSamples => "Prometheus has no sample for this target",
    StaleSamples => "the newest sample is older than the metric's maximum age",
    NotANumber => "the metric is not a finite number",
    NegativeValue => "the metric is below zero",
    AmbiguousSeries => "the query returns more than one series where one number is needed",
    NoResourceRequests => "pods do not say what 100 % is: set resource requests (limits, where the metric is of Limit), or use an average value",
    NoReadyPods => "no pod of the target has been Ready yet, so there is nothing to measure",
    InvalidTarget => "the target value is not a number above zero",
    UnsuitableReading => "the reading does not fit the kind of target",

    // Combine.
    ShrinkHeldMetricMissing => "a metric has no usable value, so the others may raise the replicas but not lower them",
    FallbackActive => "no metric has had a usable value for long, so the fallback is in force",
    Idle => "every metric is at or below its activation, so no replica is needed",
    NothingWakesFromZero => "all metrics are measured in pods, so from zero replicas nothing would wake the target",

    // Bounds.
    WithinBounds => "the number is within minimum and maximum",
    AtMinimum => "fewer are not allowed by the minimum",
    AtMaximum => "more are not allowed by the maximum",
    BelowMinimum => "the target has fewer replicas than the minimum",
    AboveMaximum => "the target has more replicas than the maximum",
    ScheduledMinimum => "fewer are not allowed by the minimum of a schedule",
    ScheduledMinimumSoon => "a schedule asks for more soon, and pods take a while to start",
    ScheduledMaximum => "more are not allowed by the maximum of a schedule",
    ScaledToZeroManually => "somebody set the replicas to zero although the minimum is higher: scale the target up to resume",

    // Guards and freezes.
    NothingForbids => "no guard, rollout or contest forbids a change",
    GuardTripped => "a guard is tripped, so nothing may shrink",
    GuardMissing => "a guard has no usable value, so nothing may shrink",
    GuardExpired => "a guard has been tripped or missing for so long that it forbids nothing any more",
    RolloutUnderWay => "a rollout is under way, so nothing may shrink until it ends",
    ReplicasContested => "somebody else undoes the changes again and again: find out who, or take the replicas out of what they apply",

    // Stabilise, cool down, limit.
    NoChangeWanted => "there is nothing to change",
    WantedThroughout => "it was wanted throughout the stabilization window",
    ScaleUpStabilized => "growth waits until it has been wanted throughout the scale-up stabilization window",
    ScaleDownStabilized => "more replicas were wanted within the scale-down stabilization window",
    CooledDown => "no cooldown is running",
    ScaleUpCooldown => "growth waits for the cooldown after the last growth",
    IdleCooldown => "the last replica stays until nothing has been needed for the scale-down cooldown",
    ScaleDownCooldown => "shrinking waits for the cooldown since the last change, or since the target was first seen",
    WithinLimit => "the step is within what the rate policies allow",
    ScaleUpLimit => "the scale-up policies allow no more in this period",
    ScaleDownLimit => "the scale-down policies allow no more in this period",
    ScaleUpDisabled => "the policy does not allow growth",
    ScaleDownDisabled => "the policy does not allow shrinking",

    // Walls.
    NoWall => "nothing in the cluster stands in the way",
    QuotaExceeded => "a ResourceQuota of the namespace refuses more pods: raise it, or lower the maximum",
    PodsCrashing => "no pod is Ready and their containers end again and again, so more of them would not help",

    // The controller's own.
    Evaluating => "the policy has not been evaluated yet",
    Ready => "the policy is in force",
    Paused => "the policy is paused",
    DryRun => "the policy only recommends",
    TargetNotFound => "the target does not exist",
    TargetNotScalable => "the target has no scale subresource",
    TargetUnavailable => "the API server could not be asked about the target",
    TargetForbidden => "the controller may not read or scale the target: extend its role",
    TargetOwnedByOther => "another policy or autoscaler owns the target",
    TargetGone => "the target or the policy was deleted meanwhile",
    InvalidPolicy => "the policy contradicts itself or contains something that cannot be read",
    DuplicateSeries => "one pod and container has several series; the greatest of them counts",
    Conflict => "somebody else changed the target meanwhile, so the decision is made again",
    PatchFailed => "the API server did not accept the new replica count",
    ReplicasChangedByOther => "somebody else changed the replicas",
    UnschedulablePods => "pods of the target find no node: add nodes, or lower their requests",
}

impl Reason {
    /// Whether somebody should look at it: the controller reports such a reason as a warning.
    #[must_use]
    pub const fn is_trouble(self) -> bool {
        matches!(
            self,
            Self::SomeMetricsMissing
                | Self::MetricsMissing
                | Self::NoMetrics
                | Self::UnknownServer
                | Self::UnknownSource
                | Self::PrometheusUnreachable
                | Self::PrometheusTimeout
                | Self::PrometheusRefused
                | Self::PrometheusError
                | Self::PrometheusBadAnswer
                | Self::NoSamples
                | Self::StaleSamples
                | Self::NotANumber
                | Self::NegativeValue
                | Self::AmbiguousSeries
                | Self::NoResourceRequests
                | Self::InvalidTarget
                | Self::UnsuitableReading
                | Self::ShrinkHeldMetricMissing
                | Self::FallbackActive
                | Self::GuardTripped
                | Self::GuardMissing
                | Self::GuardExpired
                | Self::ReplicasContested
                | Self::QuotaExceeded
                | Self::PodsCrashing
                | Self::TargetNotFound
                | Self::TargetNotScalable
                | Self::TargetUnavailable
                | Self::TargetForbidden
                | Self::TargetOwnedByOther
                | Self::InvalidPolicy
                | Self::DuplicateSeries
                | Self::PatchFailed
                | Self::UnschedulablePods
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_and_a_message_of_its_own() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        let messages: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.message()).collect();
        assert_eq!(names.len(), Reason::ALL.len());
        assert_eq!(messages.len(), Reason::ALL.len());
    }

    #[test]
    fn names_are_valid_as_condition_reasons() {
        for reason in Reason::ALL {
            let name = reason.as_str();
            assert!(
                name.starts_with(|first: char| first.is_ascii_uppercase()),
                "{name}"
            );
            assert!(
                name.chars().all(|letter| letter.is_ascii_alphanumeric()),
                "{name}"
            );
        }
    }

    #[test]
    fn messages_are_clauses_that_fit_into_a_sentence() {
        for reason in Reason::ALL {
            let message = reason.message();
            assert!(!message.ends_with('.'), "{reason}: {message}");
            assert!(message.len() >= 15, "{reason}: {message}");
            let proper_name = message.starts_with("Prometheus");
            assert!(
                proper_name || message.starts_with(|first: char| first.is_lowercase()),
                "{reason}: {message}"
            );
        }
    }

    #[test]
    fn a_reason_is_written_and_read_by_its_name() {
        for reason in Reason::ALL {
            let text = serde_json::to_string(reason).unwrap();
            assert_eq!(text, format!("\"{reason}\""));
            assert_eq!(serde_json::from_str::<Reason>(&text).unwrap(), *reason);
        }
    }

    #[test]
    fn what_a_healthy_target_shows_is_no_trouble() {
        use Reason::*;
        for reason in [
            Observed,
            MetricAboveTarget,
            MetricBelowTarget,
            WithinTolerance,
            CpuAtLimit,
            NoLoad,
            NotApplicableAtZero,
            Idle,
            WithinBounds,
            AtMinimum,
            AtMaximum,
            ScheduledMinimum,
            ScaledToZeroManually,
            NothingForbids,
            RolloutUnderWay,
            ScaleDownStabilized,
            ScaleUpCooldown,
            ScaleDownLimit,
            NoWall,
            Ready,
            Paused,
            DryRun,
            ReplicasChangedByOther,
        ] {
            assert!(!reason.is_trouble(), "{reason}");
        }
    }

    #[test]
    fn what_somebody_has_to_mend_is_trouble() {
        use Reason::*;
        for reason in [
            MetricsMissing,
            ShrinkHeldMetricMissing,
            FallbackActive,
            GuardTripped,
            GuardMissing,
            GuardExpired,
            ReplicasContested,
            QuotaExceeded,
            PodsCrashing,
            TargetNotFound,
            InvalidPolicy,
            UnschedulablePods,
        ] {
            assert!(reason.is_trouble(), "{reason}");
        }
    }
}
