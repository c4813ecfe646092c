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
        for (metric, proposal) in policy.metrics.iter().zip(proposals) {
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
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::{Fallback, Measured, Metric, Missing, Target};

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
            empty: false,
            idle: false,
        }
    }

    /// Combines at five replicas, with a floor of 1 and rules of a queue for each proposal.
    fn combined(proposals: &[Proposal]) -> Combined {
        let policy = policy(&vec![queue(); proposals.len()]);
        combine(&policy, &Memory::default(), 5, 1, proposals, noon())
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
            let combined = combined(&proposals);
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
            assert_eq!(combined(&ratios.map(same)).winner, Some(winner), "{ratios:?}");
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
            assert_eq!(combined(&proposals).records[0].reason, reason);
        }
    }

    #[test]
    fn a_missing_metric_that_is_ignored_holds_nothing_back_unless_it_is_the_only_one() {
        let down = proposal(Outcome::Proposed(2), 0.4, Reason::MetricBelowTarget);
        let up = proposal(Outcome::Proposed(9), 1.8, Reason::MetricAboveTarget);
        let missing = proposal(Outcome::Missing(Missing::Stale), 0.0, Reason::StaleSamples);
        let absent = proposal(Outcome::NotApplicable, 0.0, Reason::NotApplicableAtZero);
        let ignored = Metric {
            on_missing: OnMissing::Ignore,
            ..queue()
        };
        for (metrics, proposals, expected) in [
            (
                [queue(), ignored],
                [down, missing],
                (2, Reason::MetricBelowTarget, false),
            ),
            (
                [ignored, queue()],
                [down, missing],
                (5, Reason::ShrinkHeldMetricMissing, true),
            ),
            (
                [ignored, queue()],
                [up, missing],
                (9, Reason::MetricAboveTarget, true),
            ),
            (
                [ignored, ignored],
                [missing, missing],
                (5, Reason::MetricsMissing, true),
            ),
            (
                [ignored, ignored],
                [missing, absent],
                (5, Reason::MetricsMissing, true),
            ),
        ] {
            let combined = combine(&policy(&metrics), &Memory::default(), 5, 1, &proposals, noon());
            let found = (combined.replicas, combined.reason, combined.may_not_shrink);
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_last_replica_is_not_needed_when_all_are_idle_and_one_is_a_total() {
        let queue_of = |idle| Proposal {
            measured: Some(Measured::Total(0.0)),
            idle,
            ..proposal(Outcome::Proposed(1), 0.1, Reason::FewerWouldNotDo)
        };
        let pods_of = |idle| Proposal {
            measured: Some(Measured::PerReplica(0.0)),
            ..queue_of(idle)
        };
        let missing = proposal(Outcome::Missing(Missing::Stale), 0.0, Reason::StaleSamples);
        let ignored = Metric {
            on_missing: OnMissing::Ignore,
            ..queue()
        };
        let needed = (1, Reason::FewerWouldNotDo);
        for (floor, metric, proposals, expected) in [
            (0, queue(), [queue_of(true), queue_of(true)], (0, Reason::Idle)),
            (0, queue(), [queue_of(true), pods_of(true)], (0, Reason::Idle)),
            (0, queue(), [queue_of(true), pods_of(false)], needed),
            (0, queue(), [queue_of(false), queue_of(true)], needed),
            (0, queue(), [pods_of(true), pods_of(true)], needed),
            (1, queue(), [queue_of(true), queue_of(true)], needed),
            (
                0,
                queue(),
                [queue_of(true), missing],
                (5, Reason::ShrinkHeldMetricMissing),
            ),
            (0, ignored, [queue_of(true), missing], (0, Reason::Idle)),
        ] {
            let policy = policy(&[metric, metric]);
            let combined = combine(&policy, &Memory::default(), 5, floor, &proposals, noon());
            assert_eq!(
                (combined.replicas, combined.reason),
                expected,
                "{floor} {proposals:?}"
            );
        }
    }

    #[test]
    fn the_fallback_begins_when_nothing_has_been_usable_for_its_time() {
        let missing = proposal(Outcome::Missing(Missing::Stale), 0.0, Reason::StaleSamples);
        let up = proposal(Outcome::Proposed(9), 1.8, Reason::MetricAboveTarget);
        let fallback = |replicas| Policy {
            fallback: Some(Fallback {
                after_seconds: 180,
                replicas,
            }),
            ..policy(&[queue(), queue()])
        };
        let held = |left| (5, Reason::MetricsMissing, left);
        for (since, replicas, second, expected) in [
            (None, 8, missing, held(Some(180))),
            (Some(noon()), 8, missing, held(Some(80))),
            (Some(Timestamp(noon().0 - 79_999)), 8, missing, held(Some(1))),
            (
                Some(Timestamp(noon().0 - 80_000)),
                8,
                missing,
                (8, Reason::FallbackActive, None),
            ),
            (Some(Timestamp(0)), 3, missing, (5, Reason::FallbackActive, None)),
            // One usable metric is enough.
            (Some(Timestamp(0)), 20, up, (9, Reason::MetricAboveTarget, None)),
            // A time in the future counts as now.
            (Some(after(5000)), 8, missing, held(Some(180))),
        ] {
            let memory = Memory {
                missing_since: since,
                ..Memory::default()
            };
            let combined = combine(&fallback(replicas), &memory, 5, 1, &[missing, second], after(100));
            let found = (combined.replicas, combined.reason, combined.retry_after_seconds);
            assert_eq!(found, expected, "{since:?}");
            let is_missing = second.replicas().is_none();
            assert_eq!(
                combined.missing_since,
                is_missing.then(|| since.unwrap_or(after(100)).min(after(100)))
            );
        }
        let none = combine(&policy(&[queue()]), &Memory::default(), 5, 1, &[missing], noon());
        assert_eq!(
            (none.replicas, none.retry_after_seconds),
            (5, None),
            "no fallback is asked for"
        );
    }
}
