//! Stage 3, combine: one number out of all proposals. No I/O.
//!
//! | proposals                              | metrics missing | number                  | reason                  |
//! |----------------------------------------|-----------------|-------------------------|-------------------------|
//! | none                                   | some            | as now                  | MetricsMissing          |
//! | none: no metric at all                 | –               | as now                  | NoMetrics               |
//! | none: all measured in pods, at zero    | –               | as now                  | NotApplicableAtZero     |
//! | the greatest is as now, or more        | some or none    | the greatest            | that proposal's         |
//! | the greatest is fewer than now         | some            | as now                  | ShrinkHeldMetricMissing |
//! | the greatest is fewer than now         | none            | the greatest            | that proposal's         |
//! | all idle, a total among them, floor 0  | none            | 0                       | Idle                    |
//! | none, for as long as the fallback says | all             | the fallback's, or now  | FallbackActive          |
//!
//! A missing metric with `on_missing: Ignore` counts as if it were not there, unless nothing else is.
//! Of equal proposals the one with the greater ratio counts as the greatest, then the earlier one.

use crate::{Memory, OnMissing, Outcome, Policy, Proposal, Reason, Replicas, Stage, StageRecord, Timestamp};

/// The outcome of the stages that need nothing but the proposals.
pub(crate) struct Combined {
    /// The records of observe, propose and combine.
    pub(crate) records: [StageRecord; 3],
    /// The number after combining.
    pub(crate) replicas: Replicas,
    /// Why it is this number.
    pub(crate) reason: Reason,
    /// Index of the proposal that was taken.
    pub(crate) winner: Option<u8>,
    /// Whether the number is what the metrics want, or what is left for want of them.
    pub(crate) basis: Basis,
    /// A metric is missing that may not be ignored, so nothing but the policy's own maximum may lower the number.
    pub(crate) may_not_shrink: bool,
    /// No metric needs a replica.
    pub(crate) idle: bool,
    /// Since when no metric has been usable.
    pub(crate) missing_since: Option<Timestamp>,
    /// Seconds until the fallback comes into force.
    pub(crate) retry_after_seconds: Option<u32>,
}

/// What the combined number rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// On proposals.
    Proposals,
    /// On the current count or the fallback, because metrics are missing.
    Missing,
    /// On the current count, because no metric applies.
    NoMetric,
}

/// What the proposals have in common.
struct Survey<'a> {
    greatest: Option<(u8, Replicas, &'a Proposal)>,
    /// A metric is missing.
    any_missing: bool,
    /// A metric is missing that may not be ignored.
    any_holds: bool,
    /// A total is there, and nothing needs a replica.
    idle: bool,
}

pub(crate) fn combine(
    policy: &Policy,
    memory: &Memory,
    current: Replicas,
    floor: Replicas,
    proposals: &[Proposal],
    now: Timestamp,
) -> Combined {
    let survey = Survey::of(policy, proposals);
    let (proposed, proposed_reason) = match survey.greatest {
        Some((_, replicas, proposal)) => (replicas, proposal.reason),
        None if survey.any_missing => (current, Reason::MetricsMissing),
        None if proposals.is_empty() => (current, Reason::NoMetrics),
        None => (current, Reason::NotApplicableAtZero),
    };
    let all_missing = survey.greatest.is_none() && survey.any_missing;
    let missing_since = all_missing.then(|| memory.missing_since.unwrap_or(now).min(now));
    let fallback = policy
        .fallback
        .zip(missing_since)
        .map(|(fallback, since)| (fallback.replicas, now.seconds_left(fallback.after_seconds, since)));
    let (replicas, reason, basis) = match (survey.greatest, fallback) {
        (None, Some((replicas, 0))) => (replicas.max(current), Reason::FallbackActive, Basis::Missing),
        (None, _) if survey.any_missing => (current, proposed_reason, Basis::Missing),
        (None, _) => (current, proposed_reason, Basis::NoMetric),
        (Some((_, replicas, _)), _) if replicas < current && survey.any_holds => {
            (current, Reason::ShrinkHeldMetricMissing, Basis::Missing)
        }
        (Some(_), _) if survey.idle && floor == 0 && current > 0 => (0, Reason::Idle, Basis::Proposals),
        (Some((_, replicas, proposal)), _) => (replicas, proposal.reason, Basis::Proposals),
    };
    let observed_reason = match (proposals.is_empty(), survey.any_missing, all_missing) {
        (true, _, _) => Reason::NoMetrics,
        (_, false, _) => Reason::Observed,
        (_, true, false) => Reason::SomeMetricsMissing,
        (_, true, true) => Reason::MetricsMissing,
    };
    let record = |stage, replicas, reason| StageRecord {
        stage,
        replicas,
        reason,
    };
    Combined {
        records: [
            record(Stage::Observe, current, observed_reason),
            record(Stage::Propose, proposed, proposed_reason),
            record(Stage::Combine, replicas, reason),
        ],
        replicas,
        reason,
        winner: survey
            .greatest
            .filter(|_| basis == Basis::Proposals)
            .map(|(index, _, _)| index),
        basis,
        may_not_shrink: survey.any_holds || all_missing,
        idle: survey.idle,
        missing_since,
        retry_after_seconds: fallback.map(|(_, left)| left).filter(|left| *left > 0),
    }
}

impl<'a> Survey<'a> {
    fn of(policy: &Policy, proposals: &'a [Proposal]) -> Self {
        let mut survey = Self {
            greatest: greatest(proposals),
            any_missing: false,
            any_holds: false,
            idle: true,
        };
        let mut any_total = false;
        for (metric, proposal) in policy.counted_metrics().iter().zip(proposals) {
            match proposal.outcome {
                Outcome::Missing(_) => {
                    survey.any_missing = true;
                    survey.any_holds |= metric.on_missing == OnMissing::Hold;
                }
                Outcome::Proposed(_) | Outcome::NotApplicable => {
                    survey.idle &= proposal.idle;
                    any_total |= proposal.is_total();
                }
            }
        }
        survey.idle &= any_total && !survey.any_holds;
        survey
    }
}

fn greatest(proposals: &[Proposal]) -> Option<(u8, Replicas, &Proposal)> {
    let mut greatest: Option<(u8, Replicas, &Proposal)> = None;
    for (index, proposal) in (0..).zip(proposals) {
        let Some(replicas) = proposal.replicas() else {
            continue;
        };
        let beats = greatest.is_none_or(|(_, most, other)| {
            replicas > most
                || (replicas == most && proposal.ratio.unwrap_or(0.0) > other.ratio.unwrap_or(0.0))
        });
        if beats {
            greatest = Some((index, replicas, proposal));
        }
    }
    greatest
}

#[cfg(test)]
mod tests;
