//! The rows of combine's table.

use super::*;
use crate::fixtures::*;
use crate::{Fallback, Measured, Metric, Missing, Target};

fn proposal(outcome: Outcome, ratio: f64, reason: Reason) -> Proposal {
    Proposal {
        target: Target::Value { value: 1.0 },
        measured: None,
        ratio: Some(ratio),
        ratio_when_shrinking: None,
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
