//! What becomes of wide, refused and healed queries over many ticks.
use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::observe::planner::Planner;
use crate::observe::planner::fleet::*;
use crate::observe::table::FetchError;

const PERIOD: u32 = 15;

/// Runs these ticks, a period apart, and gives the last.
fn run(planner: &mut Planner, due: &[Policy], server: &Server, ticks: std::ops::Range<u32>) -> Tick {
    let mut last = Tick::default();
    for number in ticks {
        last = tick(planner, due, server, START.plus_seconds(number * PERIOD));
    }
    last
}

#[test]
fn a_wide_answer_is_divided_by_measured_width_and_joined_when_narrow_for_long() {
    let mut planner = Planner::default().with_wide_series(1000);
    let mut server = Server::of(&[600, 10, 10, 600, 10, 10, 600, 10, 10, 600, 10, 10]);
    let due = one_in_each(0..12);
    let first = run(&mut planner, &due, &server, 0..1);
    assert_eq!((first.requests, first.widest), (1, 2480));
    let later = run(&mut planner, &due, &server, 1..5);
    assert_eq!(
        (later.requests, later.widest),
        (4, 620),
        "one of the great ones in each"
    );
    for width in server.widths.values_mut() {
        *width = 1;
    }
    assert_eq!(run(&mut planner, &due, &server, 5..30).requests, 4, "not yet");
    assert_eq!(run(&mut planner, &due, &server, 30..90).requests, 1);
}

#[test]
fn a_namespace_that_is_too_wide_alone_is_one_request() {
    let mut planner = Planner::default().with_wide_series(100);
    let server = Server::of(&[500, 5, 5]);
    let last = run(&mut planner, &one_in_each(0..3), &server, 0..20);
    assert!((2..=3).contains(&last.requests), "{last:?}");
    assert_eq!(last.widest, 500);
}

#[test]
fn one_poisoned_namespace_harms_itself_alone_within_the_same_tick() {
    for count in [2, 7, 51, 600] {
        let mut planner = Planner::default();
        let mut server = Server::of(&vec![1; count]);
        let due = one_in_each(0..count);
        assert_eq!(run(&mut planner, &due, &server, 0..1).requests, 1);
        server.poisoned.insert(name(count / 3));
        let at_once = run(&mut planner, &due, &server, 1..2);
        assert_eq!(at_once.answered.len(), count - 1, "{count}");
        let later = run(&mut planner, &due, &server, 2..4);
        assert_eq!(later.answered.len(), count - 1);
        assert!(later.requests <= 20, "{count}: {}", later.requests);
        // It stands alone as long as it is refused, and the others come together again.
        let hours = run(&mut planner, &due, &server, 4..110);
        assert_eq!(hours.answered.len(), count - 1);
        assert_eq!(hours.requests, 1 + (count - 1).div_ceil(500), "{count}");
        server.poisoned.clear();
        assert_eq!(run(&mut planner, &due, &server, 110..200).requests, 1, "healed");
    }
}

#[test]
fn a_query_that_is_refused_whatever_it_asks_for_is_asked_once() {
    let mut planner = Planner::default();
    let mut server = Server::of(&[1; 200]);
    server.poisoned = (0..200).map(name).collect();
    let due = one_in_each(0..200);
    let mut requests = 0;
    for number in 0..400 {
        requests += run(&mut planner, &due, &server, number..number + 1).requests;
    }
    assert!(requests < 400 + 5 * 32, "{requests} in 400 ticks");
}

#[test]
fn policies_of_other_periods_stay_in_their_shards() {
    let mut planner = Planner::default();
    let mut server = Server::of(&[1; 40]);
    let (fast, all) = (one_in_each(0..20), one_in_each(0..40));
    server.poisoned.insert(name(3));
    let mut last = Tick::default();
    for number in 0..100 {
        let due = if number % 4 == 0 { &all } else { &fast };
        last = tick(&mut planner, due, &server, START.plus_seconds(number * PERIOD));
        assert_eq!(last.answered.len(), due.len() - 1, "{number}");
    }
    assert!(last.requests <= 3, "{last:?}");
}

#[test]
fn failures_that_a_smaller_question_would_not_help_divide_nothing() {
    let failures = [401, 403, 404, 429, 500, 503].map(|status| FetchError::Rejected {
        status,
        message: "no".into(),
    });
    let store = FetchError::Rejected {
        status: 422,
        message: "rpc error: code = Unavailable desc = connection refused".into(),
    };
    let due = one_in_each(0..9);
    for error in failures.into_iter().chain([store, FetchError::TimedOut(5)]) {
        let mut planner = Planner::default();
        let plan = planner.plan(policies(&due), START);
        planner.answered(&plan.requests[0], &Err(error.clone()), START);
        assert_eq!(planner.split(&plan.requests[0]), [], "{error}");
        assert_eq!(planner.plan(policies(&due), START).requests, plan.requests);
    }
}

#[test]
fn an_answer_that_comes_late_divides_nothing_anew() {
    let mut planner = Planner::default();
    let due = one_in_each(0..8);
    let whole = planner.plan(policies(&due), START).requests.remove(0);
    let refused = Err(FetchError::TooLarge(1));
    planner.answered(&whole, &refused, START);
    let halves = planner.split(&whole);
    assert_eq!(halves.len(), 2);
    planner.answered(&whole, &refused, START);
    assert_eq!(planner.split(&whole), halves);
    planner.answered(&halves[0], &refused, START);
    assert_eq!(planner.split(&halves[0]).len(), 2);
    assert_eq!(planner.plan(policies(&due), START).requests.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_namespace_is_asked_for_twice_or_left_out_whatever_happens(
        widths in prop::collection::vec(0..12_usize, 1..30),
        events in prop::collection::vec((0..30_usize, 0..4_u8, 1..200_u32, 0..30_usize), 0..14),
    ) {
        // `tick` checks that each namespace is asked for exactly once, of plans as of parts.
        let mut planner = Planner::default().with_wide_series(60);
        let mut server = Server { most: Some(120), ..Server::of(&widths) };
        let mut second = 0;
        for (which, event, pause, due) in events {
            let which = which % widths.len();
            match event {
                0 => { server.poisoned.insert(name(which)); }
                1 => { server.poisoned.remove(&name(which)); }
                2 => { server.widths.insert(name(which), which * 7 % 80); }
                _ => server.poisoned.clear(),
            }
            let due = one_in_each((0..widths.len()).filter(|index| index % 3 != due % 4));
            for _ in 0..4 {
                second += pause;
                tick(&mut planner, &due, &server, START.plus_seconds(second));
            }
        }
        // Once all is well for long, all are answered, and no answer is too wide for a lone request.
        server.poisoned.clear();
        let due = one_in_each(0..widths.len());
        let mut last = Tick::default();
        for _ in 0..150 {
            second += 8 * PERIOD;
            last = tick(&mut planner, &due, &server, START.plus_seconds(second));
        }
        prop_assert_eq!(last.answered.len(), widths.len());
    }

    #[test]
    fn few_poisoned_namespaces_harm_nobody_else(
        count in 2..400_usize, poisoned in prop::collection::btree_set(0..400_usize, 1..4),
    ) {
        let mut planner = Planner::default();
        let mut server = Server::of(&vec![1; count]);
        server.poisoned = poisoned.iter().map(|index| name(index % count)).collect();
        let due = one_in_each(0..count);
        let last = run(&mut planner, &due, &server, 0..20);
        let healthy: BTreeSet<_> = server.widths.keys().filter(|name| !server.poisoned.contains(*name)).cloned().collect();
        // Where half of all are poisoned it may be taken for the query's own fault.
        prop_assert!(last.answered == healthy || server.poisoned.len() * 2 >= count, "{:?}", last.requests);
    }
}
