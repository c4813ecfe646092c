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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Missing, Target};

    fn proposal(outcome: Outcome, ratio: f64, reason: Reason) -> Proposal {
        Proposal {
            target: Target::Value { value: 1.0 },
            measured: None,
            ratio: Some(ratio),
            outcome,
            reason,
            age_seconds: None,
            counted_pods: 0,
            missing_pods: 0,
            starting_pods: 0,
            censored: false,
        }
    }

    #[test]
    fn the_table() {
        let up = proposal(Outcome::Proposed(9), 1.8, Reason::MetricAboveTarget);
        let same = proposal(Outcome::Proposed(5), 1.0, Reason::WithinTolerance);
        let down = proposal(Outcome::Proposed(2), 0.4, Reason::MetricBelowTarget);
        let missing = proposal(Outcome::Missing(Missing::Stale), 0.0, Reason::StaleSamples);
        let absent = proposal(Outcome::NotApplicable, 0.0, Reason::NotApplicableAtZero);
        use Basis::{Missing as Lacking, NoMetric, Proposals};
        use Reason::{MetricsMissing, NoMetrics, NotApplicableAtZero, ShrinkHeldMetricMissing};
        for (proposals, replicas, reason, winner, basis) in [
            (vec![missing, missing], 5, MetricsMissing, None, Lacking),
            (vec![absent, missing], 5, MetricsMissing, None, Lacking),
            (vec![], 5, NoMetrics, None, NoMetric),
            (vec![absent], 5, NotApplicableAtZero, None, NoMetric),
            (
                vec![down, up, same],
                9,
                Reason::MetricAboveTarget,
                Some(1),
                Proposals,
            ),
            (
                vec![up, missing],
                9,
                Reason::MetricAboveTarget,
                Some(0),
                Proposals,
            ),
            (
                vec![missing, same],
                5,
                Reason::WithinTolerance,
                Some(1),
                Proposals,
            ),
            (vec![down, missing], 5, ShrinkHeldMetricMissing, None, Lacking),
            (vec![down], 2, Reason::MetricBelowTarget, Some(0), Proposals),
            (
                vec![down, absent],
                2,
                Reason::MetricBelowTarget,
                Some(0),
                Proposals,
            ),
        ] {
            let combined = combine(5, &proposals);
            let found = (
                combined.replicas,
                combined.records[2].reason,
                combined.winner,
                combined.basis,
            );
            assert_eq!(found, (replicas, reason, winner, basis), "{proposals:?}");
        }
    }

    #[test]
    fn of_equal_proposals_the_greater_ratio_wins_then_the_earlier() {
        let same = |ratio| proposal(Outcome::Proposed(5), ratio, Reason::WithinTolerance);
        for (ratios, winner) in [([1.0, 1.1, 1.05], 1), ([1.0, 1.0, 1.0], 0), ([0.9, 1.0, 1.0], 1)] {
            assert_eq!(combine(5, &ratios.map(same)).winner, Some(winner), "{ratios:?}");
        }
    }

    #[test]
    fn what_was_observed_is_told_apart() {
        let up = proposal(Outcome::Proposed(9), 1.8, Reason::MetricAboveTarget);
        let missing = proposal(Outcome::Missing(Missing::Stale), 0.0, Reason::StaleSamples);
        for (proposals, reason) in [
            (vec![up], Reason::Observed),
            (vec![up, missing], Reason::SomeMetricsMissing),
            (vec![missing], Reason::MetricsMissing),
            (vec![], Reason::NoMetrics),
        ] {
            assert_eq!(combine(5, &proposals).records[0].reason, reason);
        }
    }
}
