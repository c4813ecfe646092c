//! Windows on the days on which the clock is changed.

use super::{Schedule, Timestamp, at, found, one, schedule};

/// In each: the pattern, the duration, a time, and the one window then.
type Row = (&'static str, i32, &'static str, (&'static str, &'static str));

fn check(zone: &str, rows: &[Row]) {
    for (start, minutes, now, (opens, closes)) in rows {
        let schedule: Schedule = schedule(start, *minutes, zone);
        assert_eq!(
            found(&schedule, now),
            one(opens, closes),
            "{zone} {start} at {now}"
        );
    }
}

#[test]
fn berlin_leaps_from_two_to_three() {
    // On 2026-03-29 at 1:00 UTC.
    check(
        "Europe/Berlin",
        &[
            // Before and after it.
            (
                "30 1 * * *",
                10,
                "2026-03-29T00:35:00Z",
                ("2026-03-29T00:30Z", "2026-03-29T00:40Z"),
            ),
            (
                "0 3 * * *",
                10,
                "2026-03-29T01:05:00Z",
                ("2026-03-29T01:00Z", "2026-03-29T01:10Z"),
            ),
            // 2:00 and 2:30 are leapt over.
            (
                "0 2 * * *",
                10,
                "2026-03-29T01:05:00Z",
                ("2026-03-29T01:00Z", "2026-03-29T01:10Z"),
            ),
            (
                "30 2 * * *",
                10,
                "2026-03-29T01:05:00Z",
                ("2026-03-29T01:00Z", "2026-03-29T01:10Z"),
            ),
            (
                "59 2 * * *",
                10,
                "2026-03-29T00:50:00Z",
                ("2026-03-29T01:00Z", "2026-03-29T01:10Z"),
            ),
            // All of the hour at once.
            (
                "*/10 2 * * *",
                10,
                "2026-03-29T01:05:00Z",
                ("2026-03-29T01:00Z", "2026-03-29T01:10Z"),
            ),
            // Ten hours are ten hours: until 9:00 instead of 8:00.
            (
                "0 22 * * *",
                600,
                "2026-03-29T06:30:00Z",
                ("2026-03-28T21:00Z", "2026-03-29T07:00Z"),
            ),
            // Office hours of the day itself, and of the day after.
            (
                "0 8 * * *",
                600,
                "2026-03-29T10:00:00Z",
                ("2026-03-29T06:00Z", "2026-03-29T16:00Z"),
            ),
            (
                "0 8 * * *",
                600,
                "2026-03-28T10:00:00Z",
                ("2026-03-28T07:00Z", "2026-03-28T17:00Z"),
            ),
        ],
    );
}

#[test]
fn berlin_shows_two_to_three_twice() {
    // On 2026-10-25 at 1:00 UTC.
    check(
        "Europe/Berlin",
        &[
            (
                "30 2 * * *",
                10,
                "2026-10-25T00:35:00Z",
                ("2026-10-25T00:30Z", "2026-10-25T00:40Z"),
            ),
            (
                "0 3 * * *",
                10,
                "2026-10-25T02:05:00Z",
                ("2026-10-25T02:00Z", "2026-10-25T02:10Z"),
            ),
            // Open through both passes.
            (
                "0 2 * * *",
                150,
                "2026-10-25T02:20:00Z",
                ("2026-10-25T00:00Z", "2026-10-25T02:30Z"),
            ),
            // Ten hours are ten hours: until 7:00 instead of 8:00.
            (
                "0 22 * * *",
                600,
                "2026-10-25T05:30:00Z",
                ("2026-10-24T20:00Z", "2026-10-25T06:00Z"),
            ),
            (
                "0 8 * * *",
                600,
                "2026-10-25T10:00:00Z",
                ("2026-10-25T07:00Z", "2026-10-25T17:00Z"),
            ),
        ],
    );
    // The second pass opens nothing, nor does it announce anything.
    for now in [
        "2026-10-25T01:20:00Z",
        "2026-10-25T01:30:00Z",
        "2026-10-25T01:35:00Z",
    ] {
        assert_eq!(
            found(&schedule("30 2 * * *", 10, "Europe/Berlin"), now),
            [],
            "{now}"
        );
    }
}

#[test]
fn new_york_changes_its_clock_both_ways() {
    // On 2026-03-08 at 7:00 UTC from two to three; on 2026-11-01 at 6:00 UTC from two to one.
    check(
        "America/New_York",
        &[
            (
                "59 1 * * *",
                5,
                "2026-03-08T07:02:00Z",
                ("2026-03-08T06:59Z", "2026-03-08T07:04Z"),
            ),
            (
                "30 2 * * *",
                5,
                "2026-03-08T07:02:00Z",
                ("2026-03-08T07:00Z", "2026-03-08T07:05Z"),
            ),
            (
                "0 3 * * *",
                5,
                "2026-03-08T07:02:00Z",
                ("2026-03-08T07:00Z", "2026-03-08T07:05Z"),
            ),
            (
                "0 4 * * *",
                5,
                "2026-03-08T08:02:00Z",
                ("2026-03-08T08:00Z", "2026-03-08T08:05Z"),
            ),
            (
                "30 1 * * *",
                5,
                "2026-11-01T05:32:00Z",
                ("2026-11-01T05:30Z", "2026-11-01T05:35Z"),
            ),
            (
                "0 2 * * *",
                5,
                "2026-11-01T07:02:00Z",
                ("2026-11-01T07:00Z", "2026-11-01T07:05Z"),
            ),
        ],
    );
    assert_eq!(
        found(
            &schedule("30 1 * * *", 5, "America/New_York"),
            "2026-11-01T06:32:00Z"
        ),
        []
    );
}

#[test]
fn lord_howe_changes_its_clock_by_half_an_hour() {
    // On 2026-10-03 at 15:30 UTC from 2:00 to 2:30; on 2026-04-04 at 15:00 UTC from 2:00 to 1:30.
    check(
        "Australia/Lord_Howe",
        &[
            (
                "0 2 * * *",
                5,
                "2026-10-03T15:32:00Z",
                ("2026-10-03T15:30Z", "2026-10-03T15:35Z"),
            ),
            (
                "15 2 * * *",
                5,
                "2026-10-03T15:32:00Z",
                ("2026-10-03T15:30Z", "2026-10-03T15:35Z"),
            ),
            (
                "30 2 * * *",
                5,
                "2026-10-03T15:32:00Z",
                ("2026-10-03T15:30Z", "2026-10-03T15:35Z"),
            ),
            (
                "45 2 * * *",
                5,
                "2026-10-03T15:47:00Z",
                ("2026-10-03T15:45Z", "2026-10-03T15:50Z"),
            ),
            (
                "45 1 * * *",
                5,
                "2026-04-04T14:47:00Z",
                ("2026-04-04T14:45Z", "2026-04-04T14:50Z"),
            ),
            (
                "0 2 * * *",
                5,
                "2026-04-04T15:32:00Z",
                ("2026-04-04T15:30Z", "2026-04-04T15:35Z"),
            ),
        ],
    );
    assert_eq!(
        found(
            &schedule("45 1 * * *", 5, "Australia/Lord_Howe"),
            "2026-04-04T15:17:00Z"
        ),
        []
    );
}

/// The changes of the clock of a summer and a winter.
const CHANGES: [(&str, &str); 6] = [
    ("Europe/Berlin", "2026-03-29T01:00:00Z"),
    ("Europe/Berlin", "2026-10-25T01:00:00Z"),
    ("America/New_York", "2026-03-08T07:00:00Z"),
    ("America/New_York", "2026-11-01T06:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T15:30:00Z"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00Z"),
];

/// The minutes from a change of the clock at which windows open, in the six hours before it and after it.
fn openings(schedule: &Schedule, change: &str) -> Vec<i64> {
    let change = at(change).0;
    let mut starts: Vec<i64> = (-360..360)
        .step_by(5)
        .flat_map(|minute| schedule.windows(0, Timestamp(change + minute * 60_000)))
        .map(|window| (window.start.0 - change) / 60_000)
        .filter(|minute| (-360..360).contains(minute))
        .collect();
    starts.sort_unstable();
    starts.dedup();
    starts
}

/// That a window is open at each of these minutes from a change of the clock.
fn assert_open(start: &str, minutes: i32, (zone, change): (&str, &str), around: std::ops::Range<i64>) {
    let schedule = schedule(start, minutes, zone);
    for minute in around {
        let now = Timestamp(at(change).0 + minute * 60_000);
        let windows = schedule.windows(0, now);
        let open = windows.first().is_some_and(|window| window.start <= now);
        assert!(open, "{start} in {zone}: {minute} minutes from {change}");
    }
}

#[test]
fn windows_that_follow_each_other_have_no_hole_where_the_clock_is_changed() {
    for (start, minutes) in [
        ("0 * * * *", 60),
        ("15 * * * *", 60),
        ("45 * * * *", 60),
        ("*/20 * * * *", 20),
        ("0,30 */1 * * *", 30),
    ] {
        for change in CHANGES {
            assert_open(start, minutes, change, -720..720);
        }
    }
    // A stretch of the night, and steps of two hours.
    for (start, minutes) in [
        ("0 */2 * * *", 120),
        ("30 */2 * * *", 120),
        ("0 0-6 * * *", 60),
        ("0,30 0-6 * * *", 30),
        ("0 0-6/2 * * *", 120),
    ] {
        for change in &CHANGES[..4] {
            assert_open(start, minutes, *change, -60..120);
        }
    }
}

#[test]
fn an_hourly_window_opens_once_an_hour_where_the_clock_is_changed_by_an_hour() {
    for (zone, change) in &CHANGES[..4] {
        for minute in [0, 15, 30] {
            let found = openings(&schedule(&format!("{minute} * * * *"), 10, zone), change);
            let expected: Vec<i64> = (-6..6).map(|hour| hour * 60 + minute).collect();
            assert_eq!(found, expected, "{zone} {minute} {change}");
        }
    }
}

#[test]
fn an_hourly_window_is_bridged_where_the_clock_is_changed_by_half_an_hour() {
    let near = |start: &str, change: &str| -> Vec<i64> {
        let found = openings(&schedule(start, 5, "Australia/Lord_Howe"), change);
        found
            .into_iter()
            .filter(|minute| (-90..=90).contains(minute))
            .collect()
    };
    // From 2:00 to 2:30: 1:15, 2:15 that is 2:45, 3:15.
    assert_eq!(near("15 * * * *", "2026-10-03T15:30:00Z"), [-45, 15, 45]);
    assert_eq!(near("45 * * * *", "2026-10-03T15:30:00Z"), [-75, -15, 15, 75]);
    // From 2:00 to 1:30: 0:45, twice 1:45, 2:45; and 1:15, an hour later though the clock shows 1:45, 2:15.
    assert_eq!(near("45 * * * *", "2026-04-04T15:00:00Z"), [-75, -15, 15, 75]);
    assert_eq!(near("15 * * * *", "2026-04-04T15:00:00Z"), [-45, 15, 45]);
}

#[test]
fn fixed_hours_and_hours_that_pass_are_told_apart_by_the_field_of_the_hour() {
    // Minutes from the moment at which 3:00 becomes 2:00.
    for (start, expected) in [
        ("30 2 * * *", &[-30][..]),
        ("30 2,14 * * *", &[-30]),
        ("*/30 2 * * *", &[-60, -30]),
        ("30 2-2 * * *", &[-30, 30]),
        ("30 2-3 * * *", &[-30, 30, 90]),
        ("30 1-3/2 * * *", &[-90, 30, 90]),
        // What comes after the stretch has no reason to begin early.
        ("0 3-4 * * *", &[60, 120]),
        ("0 */3 * * *", &[-360, -180, 0, 60, 240]),
    ] {
        let found = openings(&schedule(start, 5, "Europe/Berlin"), "2026-10-25T01:00:00Z");
        assert_eq!(found, expected, "{start}");
    }
}

#[test]
fn a_day_that_a_zone_leapt_over_opens_when_the_next_begins() {
    // Samoa had no 2011-12-30: the clock went on with the 31st at 10:00 UTC.
    check(
        "Pacific/Apia",
        &[(
            "0 8 30 12 *",
            30,
            "2011-12-30T10:10:00Z",
            ("2011-12-30T10:00Z", "2011-12-30T10:30Z"),
        )],
    );
}
