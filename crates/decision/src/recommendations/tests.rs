//! The queue against the plain list of all wants.

use proptest::prelude::*;

use super::*;

fn at(milliseconds: u64) -> Timestamp {
    Timestamp(1_700_000_000_000).plus_milliseconds(milliseconds)
}

/// The extreme of all wants that are younger than so many milliseconds.
fn plainly(keep: Keep, wants: &[(u64, Replicas)], now: u64, age: u64) -> Option<Replicas> {
    let young = wants
        .iter()
        .filter(|(time, _)| now - time < age)
        .map(|(_, want)| *want);
    match keep {
        Keep::Least => young.min(),
        Keep::Greatest => young.max(),
    }
}

proptest! {
    #[test]
    fn the_queue_holds_no_less_than_the_window_and_no_more_than_a_slice_beyond(
        steps in prop::collection::vec((0u64..20_000, 0..1000i32), 1..400),
        window_seconds in prop_oneof![Just(0u32), Just(7), Just(60), Just(300), Just(3600), 0u32..4000],
        greatest in any::<bool>(),
    ) {
        let keep = if greatest { Keep::Greatest } else { Keep::Least };
        let window = u64::from(window_seconds) * 1000;
        let slice = window / u64::from(SLICES);
        let (mut queue, mut wants, mut now) = (Recommendations::default(), Vec::new(), 0);
        for (pause, want) in steps {
            now += pause;
            // Before this want is added, the queue is what a decision sees.
            let found = queue.extreme(at(now), window_seconds).map(|(want, _)| want);
            let (least, most) = (plainly(keep, &wants, now, window), plainly(keep, &wants, now, window + slice));
            let between = match keep {
                Keep::Greatest => least <= found && found <= most,
                Keep::Least => {
                    // None is the weakest of all here.
                    let weight = |want: Option<Replicas>| want.map_or(i64::MIN, |want| -i64::from(want));
                    weight(least) <= weight(found) && weight(found) <= weight(most)
                }
            };
            prop_assert!(between, "{:?} is not between {:?} and {:?}", found, least, most);
            queue.push(keep, want, at(now), window_seconds);
            wants.push((now, want));
            prop_assert!(queue.entries.len() <= MAX_ENTRIES);
            prop_assert!(queue.entries.is_sorted_by(|older, newer| older.at <= newer.at));
            prop_assert!(queue.entries.is_sorted_by(|older, newer| !keep.replaces(newer.replicas, older.replicas)));
        }
    }

    #[test]
    fn a_window_that_changes_all_the_time_stays_bounded(
        steps in prop::collection::vec((0u64..5000, 0..1000i32, 0u32..4000), 1..400),
    ) {
        let (mut queue, mut now) = (Recommendations::default(), 0);
        for (pause, want, window_seconds) in steps {
            now += pause;
            queue.push(Keep::Greatest, want, at(now), window_seconds);
            prop_assert!(queue.entries.len() <= MAX_ENTRIES);
        }
    }
}

#[test]
fn ticks_as_long_as_a_slice_are_kept_exactly() {
    let mut queue = Recommendations::default();
    for tick in 0..60 {
        queue.push(
            Keep::Greatest,
            100 - i32::try_from(tick).unwrap(),
            at(tick * 5000),
            300,
        );
    }
    assert_eq!(queue.extreme(at(299_999), 300), Some((100, at(0))));
    assert_eq!(queue.extreme(at(300_000), 300), Some((99, at(5000))));
    assert_eq!(queue.extreme(at(305_000), 300), Some((98, at(10_000))));
}

#[test]
fn a_full_queue_joins_its_oldest_entries_and_forgets_nothing_early() {
    let mut queue = Recommendations::default();
    // Finely cut by a short window, then kept by a long one.
    for second in 0..60 {
        queue.push(
            Keep::Greatest,
            1000 - i32::try_from(second).unwrap(),
            at(second * 1000),
            60,
        );
    }
    for slice in 0..60 {
        let want = 900 - i32::try_from(slice).unwrap();
        queue.push(Keep::Greatest, want, at(60_000 + slice * 60_000), 3600);
        assert!(queue.entries.len() <= MAX_ENTRIES);
    }
    let (want, since) = queue.extreme(at(3_599_000), 3600).unwrap();
    assert_eq!(want, 1000);
    assert!(since >= at(0));
}

#[test]
fn wants_that_are_postponed_or_pulled_back_keep_their_order() {
    let mut queue = Recommendations::default();
    for (time, want) in [(0, 9), (100_000, 5), (200_000, 3)] {
        queue.push(Keep::Greatest, want, at(time), 300);
    }
    queue.postpone(50_000, at(250_000));
    assert_eq!(queue.extreme(at(349_999), 300).map(|(want, _)| want), Some(9));
    assert_eq!(queue.extreme(at(350_000), 300).map(|(want, _)| want), Some(5));
    queue.pull_back(at(10_000));
    assert_eq!(queue.extreme(at(309_999), 300).map(|(want, _)| want), Some(9));
    assert_eq!(queue.extreme(at(310_000), 300), None);
}

#[test]
fn a_long_window_with_many_wants_runs_over_by_a_slice_at_most() {
    let mut queue = Recommendations::default();
    // One want a second, each less than the one before, in a window of an hour with slices of a minute.
    for second in 0..7200i32 {
        let now = at(u64::from(second.unsigned_abs()) * 1000);
        queue.push(Keep::Greatest, 10_000 - second, now, 3600);
        let (found, _) = queue.extreme(now, 3600).unwrap();
        let exactly = 10_000 - (second - 3599).max(0);
        assert!(
            (exactly..=exactly + 60).contains(&found),
            "{found} instead of {exactly} at {second} s"
        );
    }
}

#[test]
fn a_want_that_does_not_change_is_kept_once() {
    let mut queue = Recommendations::default();
    for tick in 0..100 {
        queue.push(Keep::Greatest, 5, at(tick * 10_000), 300);
        assert_eq!(queue.entries.len(), 1);
    }
}
