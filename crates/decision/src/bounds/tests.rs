//! The rows of the tables of bounds.

use super::*;
use crate::combine::Basis;
use crate::fixtures::*;
use crate::{Change, Measured, Outcome, Stage, StageRecord, Target, Window};

/// What combining left: this number, from proposals or for want of them.
fn combined(replicas: Replicas, basis: Basis) -> Combined {
    let record = StageRecord {
        stage: Stage::Combine,
        replicas,
        reason: Reason::MetricAboveTarget,
    };
    Combined {
        records: [record; 3],
        replicas,
        reason: record.reason,
        winner: None,
        basis,
        may_not_shrink: basis == Basis::Missing,
        idle: false,
        missing_since: None,
        retry_after_seconds: None,
    }
}

fn limits(minimum: Replicas, maximum: Replicas) -> Policy {
    Policy {
        min_replicas: minimum,
        max_replicas: maximum,
        ..policy(&[])
    }
}

fn window(schedule: u8, start: u32, end: u32, min: Option<Replicas>, max: Option<Replicas>) -> Window {
    Window {
        schedule,
        start: after(start),
        end: after(end),
        min_replicas: min,
        max_replicas: max,
    }
}

fn windows(windows: &[Window], startup_seconds: Option<u32>) -> Observation {
    Observation {
        windows: windows.to_vec(),
        startup_seconds,
        ..Observation::default()
    }
}

#[test]
fn the_table() {
    use Reason::{AboveMaximum, AtMaximum, AtMinimum, BelowMinimum, ScaledToZeroManually, WithinBounds};
    let settled = |want| Then::Settled { want };
    for (minimum, maximum, current, asked_for, replicas, reason, then) in [
        (3, 8, 0, 5, 0, ScaledToZeroManually, settled(None)),
        (3, 8, 0, 0, 0, ScaledToZeroManually, settled(None)),
        (3, 8, 9, 20, 8, AboveMaximum, settled(Some(8))),
        (3, 8, 9, 5, 8, AboveMaximum, settled(Some(5))),
        (3, 8, 9, 1, 8, AboveMaximum, settled(Some(3))),
        (3, 8, 1, 2, 3, BelowMinimum, Then::Continue),
        (3, 8, 1, 5, 5, WithinBounds, Then::Continue),
        (3, 8, 1, 20, 8, AtMaximum, Then::Continue),
        (3, 8, 5, 1, 3, AtMinimum, Then::Continue),
        (3, 8, 3, 0, 3, AtMinimum, Then::Continue),
        (3, 8, 5, 20, 8, AtMaximum, Then::Continue),
        (3, 8, 8, 8, 8, WithinBounds, Then::Continue),
        (3, 8, 5, 3, 3, WithinBounds, Then::Continue),
        // The minimum is above the maximum.
        (9, 4, 2, 1, 4, BelowMinimum, Then::Continue),
        (9, 4, 7, 7, 4, AboveMaximum, settled(Some(4))),
        // The minimum is zero.
        (0, 8, 0, 0, 0, WithinBounds, Then::Continue),
        (0, 8, 0, 5, 5, WithinBounds, Then::Continue),
        (0, 8, 5, 0, 1, Reason::NothingWakesFromZero, Then::Continue),
        (0, 0, 0, 5, 0, AtMaximum, Then::Continue),
        (3, 0, 0, 5, 0, AtMaximum, Then::Continue),
        // Numbers that make no sense.
        (-3, 8, 0, 0, 0, WithinBounds, Then::Continue),
        (-3, -1, 0, 4, 0, AtMaximum, Then::Continue),
        (-3, -1, 2, 4, 0, AboveMaximum, settled(Some(0))),
    ] {
        let policy = limits(minimum, maximum);
        let bounds = Bounds::of(&policy, &Observation::default(), noon());
        let asked = combined(asked_for, Basis::Proposals);
        let bounded = bounds.apply(&policy, &Memory::default(), current, &asked, &[]);
        let expected = Bounded {
            replicas,
            reason,
            then,
        };
        assert_eq!(bounded, expected, "{minimum}..{maximum}: {current} → {asked_for}");
    }
}

#[test]
fn windows_raise_the_floor_and_lower_the_ceiling_while_they_are_open() {
    use BoundFrom::{Policy as Own, Schedule};
    let open = [
        window(0, 100, 200, Some(6), None),
        window(1, 150, 300, Some(4), Some(9)),
        window(2, 150, 250, None, Some(7)),
    ];
    for (second, expected) in [
        (99, (2, Own, 20, Own)),
        (100, (6, Schedule(0), 20, Own)),
        (149, (6, Schedule(0), 20, Own)),
        (150, (6, Schedule(0), 7, Schedule(2))),
        (199, (6, Schedule(0), 7, Schedule(2))),
        (200, (4, Schedule(1), 7, Schedule(2))),
        (250, (4, Schedule(1), 9, Schedule(1))),
        (300, (2, Own, 20, Own)),
    ] {
        let bounds = Bounds::of(&limits(2, 20), &windows(&open, None), after(second));
        let found = (
            bounds.floor,
            bounds.floor_from,
            bounds.ceiling,
            bounds.ceiling_from,
        );
        assert_eq!(found, expected, "at {second} s");
    }
}

#[test]
fn a_floor_begins_early_by_the_start_up_time_and_a_ceiling_does_not() {
    use BoundFrom::{Policy as Own, Schedule, ScheduleSoon};
    let opens = [window(3, 2000, 3000, Some(6), Some(9))];
    for (startup, second, expected) in [
        (None, 1999, (2, Own, 20)),
        (Some(40), 1959, (2, Own, 20)),
        (Some(40), 1960, (6, ScheduleSoon(3), 20)),
        (Some(40), 2000, (6, Schedule(3), 9)),
        (Some(40), 2999, (6, Schedule(3), 9)),
        (Some(40), 3000, (2, Own, 20)),
        // At most a quarter of an hour.
        (Some(u32::MAX), 1099, (2, Own, 20)),
        (Some(u32::MAX), 1100, (6, ScheduleSoon(3), 20)),
    ] {
        let bounds = Bounds::of(&limits(2, 20), &windows(&opens, startup), after(second));
        let found = (bounds.floor, bounds.floor_from, bounds.ceiling);
        assert_eq!(found, expected, "{startup:?} at {second} s");
    }
}

#[test]
fn the_ceiling_wins_over_the_floor_whoever_asks_for_them() {
    use BoundFrom::{Policy as Own, Schedule};
    for (own, scheduled, expected) in [
        ((2, 20), (Some(30), None), (20, Schedule(0), 20, Own)),
        ((5, 20), (None, Some(3)), (3, Own, 3, Schedule(0))),
        ((2, 20), (Some(8), Some(6)), (6, Schedule(0), 6, Schedule(0))),
        ((2, 20), (Some(2), Some(20)), (2, Own, 20, Own)),
        ((2, 20), (Some(-5), Some(-5)), (0, Own, 0, Schedule(0))),
    ] {
        let open = [window(0, 0, 100, scheduled.0, scheduled.1)];
        let bounds = Bounds::of(&limits(own.0, own.1), &windows(&open, None), noon());
        let found = (
            bounds.floor,
            bounds.floor_from,
            bounds.ceiling,
            bounds.ceiling_from,
        );
        assert_eq!(found, expected, "{own:?} {scheduled:?}");
    }
}

#[test]
fn the_bounds_of_schedules_have_reasons_of_their_own() {
    use Reason::{ScheduledMaximum, ScheduledMinimum, ScheduledMinimumSoon};
    let open = windows(&[window(0, 0, 100, Some(6), Some(9))], Some(30));
    for (now, current, asked_for, replicas, reason) in [
        (noon(), 4, 5, 6, ScheduledMinimum),
        (noon(), 8, 5, 6, ScheduledMinimum),
        (Timestamp(noon().0 - 1), 4, 5, 6, ScheduledMinimumSoon),
        (noon(), 8, 12, 9, ScheduledMaximum),
        // Sinking to it is for the later stages.
        (noon(), 15, 12, 9, ScheduledMaximum),
    ] {
        let policy = limits(2, 20);
        let bounds = Bounds::of(&policy, &open, now);
        let asked = combined(asked_for, Basis::Proposals);
        let bounded = bounds.apply(&policy, &Memory::default(), current, &asked, &[]);
        let found = (bounded.replicas, bounded.reason, bounded.then);
        assert_eq!(
            found,
            (replicas, reason, Then::Continue),
            "{current} → {asked_for}"
        );
    }
}

#[test]
fn while_metrics_are_missing_only_the_policys_own_maximum_lowers() {
    let open = windows(&[window(0, 0, 100, None, Some(9))], None);
    let policy = limits(2, 20);
    let bounds = Bounds::of(&policy, &open, noon());
    let of = |current| {
        let asked = combined(current, Basis::Missing);
        let bounded = bounds.apply(&policy, &Memory::default(), current, &asked, &[]);
        (bounded.replicas, bounded.reason, bounded.then)
    };
    assert_eq!(of(15), (15, Reason::ShrinkHeldMetricMissing, Then::Continue));
    assert_eq!(of(9), (9, Reason::WithinBounds, Then::Continue));
    assert_eq!(of(1), (2, Reason::BelowMinimum, Then::Continue));
    let settled = Then::Settled { want: Some(9) };
    assert_eq!(of(25), (20, Reason::AboveMaximum, settled));
}

#[test]
fn zero_of_ones_own_making_is_no_pause() {
    let policy = limits(3, 20);
    let bounds = Bounds::of(&policy, &Observation::default(), noon());
    let at_zero = |memory: &Memory| {
        let asked = combined(0, Basis::NoMetric);
        bounds.apply(&policy, memory, 0, &asked, &[]).reason
    };
    let changed = |by| {
        let mut memory = Memory::default();
        memory.restore_change(Change {
            at: noon(),
            from: 4,
            to: 0,
            by,
        });
        memory
    };
    assert_eq!(at_zero(&Memory::default()), Reason::ScaledToZeroManually);
    assert_eq!(at_zero(&changed(Writer::Other)), Reason::ScaledToZeroManually);
    assert_eq!(at_zero(&changed(Writer::Own)), Reason::BelowMinimum);
    // We grew it to 3, and somebody has set it to 0 since the last look.
    let mut memory = changed(Writer::Own);
    memory.record_change(0, 3, after(5));
    assert_eq!(at_zero(&memory), Reason::ScaledToZeroManually);
    // Without a minimum of its own, zero is nobody's pause: a schedule's floor lifts it.
    let own = limits(0, 20);
    let open = windows(&[window(0, 0, 100, Some(6), None)], None);
    let bounds = Bounds::of(&own, &open, noon());
    let asked = combined(0, Basis::NoMetric);
    let bounded = bounds.apply(&own, &Memory::default(), 0, &asked, &[]);
    assert_eq!((bounded.replicas, bounded.reason), (6, Reason::ScheduledMinimum));
}

#[test]
fn only_a_total_lets_go_of_the_last_replica() {
    let policy = limits(0, 20);
    let bounds = Bounds::of(&policy, &Observation::default(), noon());
    let proposal = |measured| Proposal {
        target: Target::Value { value: 1.0 },
        measured,
        ratio: None,
        ratio_when_shrinking: None,
        outcome: Outcome::Proposed(0),
        reason: Reason::NoLoad,
        age_seconds: None,
        counted_pods: 0,
        missing_pods: 0,
        starting_pods: 0,
        censored: false,
        empty: false,
        idle: true,
    };
    let asked = combined(0, Basis::Proposals);
    let of = |measured| {
        let proposals = [proposal(measured)];
        bounds
            .apply(&policy, &Memory::default(), 4, &asked, &proposals)
            .replicas
    };
    assert_eq!(of(Some(Measured::Total(0.0))), 0);
    assert_eq!(of(Some(Measured::PerReplica(0.0))), 1);
    assert_eq!(of(None), 1);
}
