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
//!
//! Of equal proposals the one with the greater ratio counts as the greatest, then the earlier one.

use crate::{Outcome, Proposal, Reason, Replicas, Stage, StageRecord};

/// The outcome of the stages that need nothing but the proposals.
pub(crate) struct Combined {
    /// The records of observe, propose and combine.
    pub(crate) records: [StageRecord; 3],
    /// The number after combining.
    pub(crate) replicas: Replicas,
    /// Index of the proposal that was taken.
    pub(crate) winner: Option<u8>,
    /// Whether the number is what the metrics want, or what is left for want of them.
    pub(crate) basis: Basis,
}

/// What the combined number rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// On proposals.
    Proposals,
    /// On the current count, because metrics are missing.
    Missing,
    /// On the current count, because no metric applies.
    NoMetric,
}

pub(crate) fn combine(current: Replicas, proposals: &[Proposal]) -> Combined {
    let any_missing = proposals
        .iter()
        .any(|proposal| matches!(proposal.outcome, Outcome::Missing(_)));
    let greatest = greatest(proposals);

    let (proposed, proposed_reason) = match greatest {
        Some((_, replicas, proposal)) => (replicas, proposal.reason),
        None if any_missing => (current, Reason::MetricsMissing),
        None if proposals.is_empty() => (current, Reason::NoMetrics),
        None => (current, Reason::NotApplicableAtZero),
    };
    let (replicas, reason, basis) = match greatest {
        None if any_missing => (current, proposed_reason, Basis::Missing),
        None => (current, proposed_reason, Basis::NoMetric),
        Some((_, replicas, _)) if replicas < current && any_missing => {
            (current, Reason::ShrinkHeldMetricMissing, Basis::Missing)
        }
        Some((_, replicas, proposal)) => (replicas, proposal.reason, Basis::Proposals),
    };
    let observed_reason = match (proposals.is_empty(), any_missing, greatest.is_some()) {
        (true, _, _) => Reason::NoMetrics,
        (_, false, _) => Reason::Observed,
        (_, true, true) => Reason::SomeMetricsMissing,
        (_, true, false) => Reason::MetricsMissing,
    };
    Combined {
        records: [
            StageRecord {
                stage: Stage::Observe,
                replicas: current,
                reason: observed_reason,
            },
            StageRecord {
                stage: Stage::Propose,
                replicas: proposed,
                reason: proposed_reason,
            },
            StageRecord {
                stage: Stage::Combine,
                replicas,
                reason,
            },
        ],
        replicas,
        winner: greatest
            .filter(|_| basis == Basis::Proposals)
            .map(|(index, _, _)| index),
        basis,
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
