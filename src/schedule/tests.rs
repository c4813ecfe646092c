//! Windows on days when nothing happens to the clock, and what is refused. Changes of the clock and the comparison with
//! brute force are beside.

mod brute_force;
mod clock_changes;

use super::*;

/// A schedule with 6 as its minimum.
fn spec(start: &str, duration_minutes: i32, zone: &str) -> ScheduleSpec {
    ScheduleSpec {
        name: "hours".into(),
        start: start.into(),
        duration_minutes,
        time_zone: Some(zone.into()),
        min_replicas: Some(6),
        ..ScheduleSpec::default()
    }
}

fn schedule(start: &str, duration_minutes: i32, zone: &str) -> Schedule {
    Schedule::of(&spec(start, duration_minutes, zone)).unwrap()
}

fn on(dates: &[&str]) -> Vec<String> {
    dates.iter().map(ToString::to_string).collect()
}

fn at(time: &str) -> Timestamp {
    Timestamp(time.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The windows at a time, written as RFC 3339 to the minute without the seconds.
fn found(schedule: &Schedule, now: &str) -> Vec<(String, String)> {
    let show = |time: Timestamp| {
        let time = jiff::Timestamp::from_millisecond(time.0).unwrap();
        time.strftime("%Y-%m-%dT%H:%MZ").to_string()
    };
    schedule
        .windows(0, at(now))
        .into_iter()
        .map(|window| (show(window.start), show(window.end)))
        .collect()
}

fn one(start: &str, end: &str) -> Vec<(String, String)> {
    vec![(start.into(), end.into())]
}

#[test]
fn a_window_is_there_from_a_quarter_of_an_hour_before_it_opens_until_it_closes() {
    let hours = schedule("0 8 * * 1-5", 600, "UTC");
    let window = one("2026-07-01T08:00Z", "2026-07-01T18:00Z");
    for (now, expected) in [
        ("2026-07-01T07:44:59.999Z", vec![]),
        ("2026-07-01T07:45:00Z", window.clone()),
        ("2026-07-01T08:00:00Z", window.clone()),
        ("2026-07-01T12:34:56Z", window.clone()),
        ("2026-07-01T17:59:59.999Z", window),
        ("2026-07-01T18:00:00Z", vec![]),
        // Saturday.
        ("2026-07-04T12:00:00Z", vec![]),
    ] {
        assert_eq!(found(&hours, now), expected, "{now}");
    }
}

#[test]
fn a_window_carries_its_schedule_and_its_bounds() {
    let mut spec = spec("0 8 * * *", 60, "UTC");
    spec.max_replicas = Some(9);
    let windows = Schedule::of(&spec)
        .unwrap()
        .windows(3, at("2026-07-01T08:30:00Z"));
    let expected = Window {
        schedule: 3,
        start: at("2026-07-01T08:00:00Z"),
        end: at("2026-07-01T09:00:00Z"),
        min_replicas: Some(6),
        max_replicas: Some(9),
    };
    assert_eq!(windows, [expected]);
}

#[test]
fn without_a_zone_it_is_utc() {
    let mut spec = spec("0 8 * * *", 60, "UTC");
    spec.time_zone = None;
    let hours = Schedule::of(&spec).unwrap();
    assert_eq!(
        found(&hours, "2026-07-01T08:30:00Z"),
        one("2026-07-01T08:00Z", "2026-07-01T09:00Z")
    );
}

#[test]
fn a_window_may_last_past_midnight_and_past_the_week() {
    let night = schedule("0 22 * * 5", 600, "Europe/Berlin");
    // Friday 22:00 to Saturday 8:00 in summer.
    let window = one("2026-07-03T20:00Z", "2026-07-04T06:00Z");
    assert_eq!(found(&night, "2026-07-03T23:30:00Z"), window);
    assert_eq!(found(&night, "2026-07-04T05:59:00Z"), window);
    assert_eq!(found(&night, "2026-07-04T06:00:00Z"), []);
    let days = schedule("30 6 * * 1", 4 * 1440, "UTC");
    assert_eq!(
        found(&days, "2026-07-10T06:00:00Z"),
        one("2026-07-06T06:30Z", "2026-07-10T06:30Z")
    );
}

#[test]
fn a_year_and_a_leap_day_end_like_any_other() {
    let year = schedule("0 23 31 12 *", 120, "UTC");
    assert_eq!(
        found(&year, "2027-01-01T00:30:00Z"),
        one("2026-12-31T23:00Z", "2027-01-01T01:00Z")
    );
    let leap = schedule("0 0 29 2 *", 1440, "UTC");
    assert_eq!(
        found(&leap, "2028-02-29T12:00:00Z"),
        one("2028-02-29T00:00Z", "2028-03-01T00:00Z")
    );
    assert_eq!(found(&leap, "2027-02-28T23:50:00Z"), []);
    assert_eq!(found(&leap, "2027-03-01T12:00:00Z"), []);
}

#[test]
fn starts_within_an_open_window_prolong_it() {
    // Every hour for an hour and a half: always open.
    let always = schedule("0 * * * *", 90, "UTC");
    for now in [
        "2026-07-01T00:00:00Z",
        "2026-07-01T10:20:00Z",
        "2026-07-01T10:59:59Z",
    ] {
        let windows = always.windows(0, at(now));
        assert_eq!(windows.len(), 1, "{now}");
        assert!(windows[0].start <= at(now) && at(now) < windows[0].end, "{now}");
    }
    // One ends as the next begins.
    let touching = schedule("*/30 * * * *", 30, "UTC");
    assert_eq!(touching.windows(0, at("2026-07-01T10:29:59Z")).len(), 1);
    // Every minute for a week.
    let dense = schedule("* * * * *", MAX_DURATION_MINUTES, "UTC");
    assert_eq!(dense.windows(0, at("2026-07-01T10:29:59Z")).len(), 1);
}

#[test]
fn windows_that_open_soon_are_given_in_order() {
    let often = schedule("*/5 * * * *", 2, "UTC");
    let expected: Vec<_> = [
        ("10:00", "10:02"),
        ("10:05", "10:07"),
        ("10:10", "10:12"),
        ("10:15", "10:17"),
    ]
    .iter()
    .map(|(start, end)| (format!("2026-07-01T{start}Z"), format!("2026-07-01T{end}Z")))
    .collect();
    assert_eq!(found(&often, "2026-07-01T10:00:00Z"), expected);
}

#[test]
fn the_search_finds_the_last_start_of_a_dense_stretch_long_ago() {
    // Every minute of Mondays before six, each for four days.
    let dense = schedule("* 0-5 * * 1", 4 * 1440, "UTC");
    let end = at("2026-07-10T05:59:00Z");
    for now in ["2026-07-08T00:00:00Z", "2026-07-10T05:58:00Z"] {
        let windows = dense.windows(0, at(now));
        assert_eq!(
            windows.iter().map(|window| window.end).collect::<Vec<_>>(),
            [end],
            "{now}"
        );
    }
    assert_eq!(found(&dense, "2026-07-10T05:59:00Z"), []);
}

#[test]
fn dates_that_are_excepted_count_where_the_window_starts() {
    let mut spec = spec("0 22 * * *", 240, "Europe/Berlin");
    spec.except_dates = on(&["2026-12-25", "2026-12-24"]);
    let night = Schedule::of(&spec).unwrap();
    // Started on the 23rd, so it goes on into the 24th.
    let before = one("2026-12-23T21:00Z", "2026-12-24T01:00Z");
    assert_eq!(found(&night, "2026-12-24T00:30:00Z"), before);
    assert_eq!(found(&night, "2026-12-24T22:00:00Z"), []);
    assert_eq!(found(&night, "2026-12-25T22:00:00Z"), []);
    assert_eq!(
        found(&night, "2026-12-26T22:00:00Z"),
        one("2026-12-26T21:00Z", "2026-12-27T01:00Z")
    );
}

#[test]
fn dates_are_those_of_the_schedules_own_zone() {
    let mut spec = spec("0 8 * * *", 60, "Pacific/Auckland");
    spec.except_dates = on(&["2026-07-02"]);
    let hours = Schedule::of(&spec).unwrap();
    // 8:00 on the 2nd in Auckland is 20:00 on the 1st in UTC.
    assert_eq!(found(&hours, "2026-07-01T20:30:00Z"), []);
    assert_eq!(
        found(&hours, "2026-07-02T20:30:00Z"),
        one("2026-07-02T20:00Z", "2026-07-02T21:00Z")
    );
}

#[test]
fn on_dates_open_it_on_these_alone() {
    let mut spec = spec("0 8 * * *", 600, "America/New_York");
    spec.on_dates = on(&["2026-11-30", "2026-11-27"]);
    let sale = Schedule::of(&spec).unwrap();
    let friday = one("2026-11-27T13:00Z", "2026-11-27T23:00Z");
    let monday = one("2026-11-30T13:00Z", "2026-11-30T23:00Z");
    for (now, expected) in [
        ("2026-11-26T15:00:00Z", vec![]),
        ("2026-11-27T12:50:00Z", friday.clone()),
        ("2026-11-27T22:59:00Z", friday),
        ("2026-11-28T15:00:00Z", vec![]),
        ("2026-11-30T15:00:00Z", monday),
        ("2026-12-01T15:00:00Z", vec![]),
        ("2027-11-27T15:00:00Z", vec![]),
    ] {
        assert_eq!(found(&sale, now), expected, "{now}");
    }
    spec.except_dates = on(&["2026-11-27"]);
    let rest = Schedule::of(&spec).unwrap();
    assert_eq!(found(&rest, "2026-11-27T15:00:00Z"), []);
    assert_eq!(found(&rest, "2026-11-30T15:00:00Z").len(), 1);
}

#[test]
fn day_of_month_and_day_of_week_are_either_or_as_in_cron() {
    // The 13th, or a Friday.
    let either = schedule("0 8 13 * 5", 60, "UTC");
    for (now, is_open) in [
        ("2026-07-13T08:30:00Z", true),
        ("2026-07-10T08:30:00Z", true),
        ("2026-07-14T08:30:00Z", false),
    ] {
        assert_eq!(!found(&either, now).is_empty(), is_open, "{now}");
    }
}

#[test]
fn names_lists_steps_and_both_sundays_are_read() {
    for (start, now) in [
        ("0 8 * jul wed", "2026-07-01T08:00:00Z"),
        ("0 8 1 JUL *", "2026-07-01T08:00:00Z"),
        ("*/20 8-10 * * MON-FRI", "2026-07-01T09:40:00Z"),
        ("5,10 8 * * *", "2026-07-01T08:10:00Z"),
        ("0 8 * * 0", "2026-07-05T08:00:00Z"),
        ("0 8 * * 7", "2026-07-05T08:00:00Z"),
        ("00  08 * * *", "2026-07-01T08:00:00Z"),
        ("0 8/4 * * *", "2026-07-01T20:00:00Z"),
    ] {
        let windows = schedule(start, 1, "UTC").windows(0, at(now));
        assert_eq!(
            windows.first().map(|window| window.start),
            Some(at(now)),
            "{start}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_write() {
    let error = |change: fn(&mut ScheduleSpec)| {
        let mut spec = spec("0 8 * * 1-5", 60, "UTC");
        change(&mut spec);
        Schedule::of(&spec).unwrap_err().to_string()
    };
    for (message, expected) in [
        (
            error(|spec| spec.start = "0 8 * *".into()),
            "schedule hours start \"0 8 * *\" has 4 fields: write five, which are minute, hour, day of month, month and day \
             of week, such as \"0 8 * * 1-5\"",
        ),
        (
            error(|spec| spec.start = "0 25 * * *".into()),
            "schedule hours start \"0 25 * * *\": hour cannot be \"25\": write 0 to 23, such as 8 or 8-18",
        ),
        (
            error(|spec| spec.duration_minutes = 0),
            "schedule hours durationMinutes is 0: write 1 to 10080, which is a week",
        ),
        (
            error(|spec| spec.duration_minutes = 10_081),
            "schedule hours durationMinutes is 10081: write 1 to 10080, which is a week",
        ),
        (
            error(|spec| spec.time_zone = Some("Berlin".into())),
            "schedule hours timeZone \"Berlin\" is unknown: write an IANA name such as Europe/Berlin",
        ),
        (
            error(|spec| spec.time_zone = Some("America/New York".into())),
            "schedule hours timeZone \"America/New York\" is unknown: write an IANA name such as America/New_York",
        ),
        (
            error(|spec| spec.time_zone = Some("Erope/Lisbn".into())),
            "schedule hours timeZone \"Erope/Lisbn\" is unknown: write an IANA name such as Europe/Lisbon",
        ),
        (
            error(|spec| spec.time_zone = Some("9".into())),
            "schedule hours timeZone \"9\" is unknown: write an IANA name such as Europe/Berlin",
        ),
        (
            error(|spec| spec.except_dates = on(&["2026-02-30"])),
            "schedule hours exceptDates has \"2026-02-30\", which is no date: write year-month-day, such as 2026-12-25",
        ),
        (
            error(|spec| spec.on_dates = on(&["27.11.2026"])),
            "schedule hours onDates has \"27.11.2026\", which is no date: write year-month-day, such as 2026-12-25",
        ),
        (
            error(|spec| spec.on_dates = on(&["20261127"])),
            "schedule hours onDates has \"20261127\", which is no date: write year-month-day, such as 2026-12-25",
        ),
        (
            error(|spec| spec.on_dates = on(&["2026-11-27"])),
            "schedule hours start \"0 8 * * 1-5\" chooses days although onDates does: write * in its last three fields, or \
             leave onDates out",
        ),
        (
            error(|spec| {
                spec.start = "0 8 * * *".into();
                spec.on_dates = on(&["2026-11-27"]);
                spec.except_dates = on(&["2026-11-27", "2026-12-24"]);
            }),
            "schedule hours never opens: every date of onDates is in exceptDates; take one of them out",
        ),
    ] {
        assert_eq!(message, expected);
    }
}

#[test]
fn the_field_at_fault_is_named() {
    for (start, field, value) in [
        ("60 8 * * *", "minute", "60"),
        ("-1 8 * * *", "minute", "-1"),
        ("*/0 8 * * *", "minute", "*/0"),
        ("0 18-8 * * *", "hour", "18-8"),
        ("0 8, * * *", "hour", "8,"),
        ("0 8 0 * *", "day of month", "0"),
        ("0 8 L * *", "day of month", "L"),
        ("0 8 15W * *", "day of month", "15W"),
        ("0 8 ? * *", "day of month", "?"),
        ("0 8 * 13 *", "month", "13"),
        ("0 8 * MAX *", "month", "MAX"),
        ("0 8 * * 8", "day of week", "8"),
        ("0 8 * * 5#3", "day of week", "5#3"),
        ("0 8 * * 5L", "day of week", "5L"),
        ("0 8 * * FRI-MON", "day of week", "FRI-MON"),
        ("H 8 * * *", "minute", "H"),
        ("0 8 * * UTC", "day of week", "UTC"),
        ("0 ８ * * *", "hour", "８"),
    ] {
        match Schedule::of(&spec(start, 60, "UTC")) {
            Err(ScheduleError::Field {
                field: found,
                value: found_value,
                ..
            }) => assert_eq!((found, found_value.as_str()), (field, value), "{start}"),
            other => panic!("{start}: {other:?}"),
        }
    }
    for start in ["", "@daily", "0 0 8 * * *", "0 8 * * 1-5 Europe/Berlin"] {
        let error = Schedule::of(&spec(start, 60, "UTC")).unwrap_err();
        assert!(
            matches!(error, ScheduleError::FieldCount { .. }),
            "{start}: {error}"
        );
    }
}

#[test]
fn a_day_that_no_month_has_is_refused() {
    for start in ["0 8 30 2 *", "0 8 31 4,6,9,11 *", "0 8 30,31 FEB *"] {
        let error = Schedule::of(&spec(start, 60, "UTC")).unwrap_err();
        assert!(
            matches!(error, ScheduleError::NeverMatches { .. }),
            "{start}: {error}"
        );
    }
    // The 29th of February and a weekday at once come together every 28 years at the latest.
    assert!(Schedule::of(&spec("0 8 29 2 */3", 60, "UTC")).is_ok());
}

#[test]
fn the_ends_of_time_have_no_windows() {
    let always = schedule("* * * * *", 60, "Pacific/Apia");
    for now in [
        i64::MIN,
        i64::MIN + 1,
        -400_000_000_000_000,
        400_000_000_000_000,
        i64::MAX,
    ] {
        assert_eq!(always.windows(0, Timestamp(now)), []);
    }
}

#[test]
fn what_was_asked_before_changes_no_answer() {
    let used = schedule("*/7 * * * *", 9, "Europe/Berlin");
    for seconds in (0..20_000).step_by(333).chain([5, 9_000, 1]) {
        let now = Timestamp(at("2026-07-01T00:00:00Z").0 + seconds * 1000);
        assert_eq!(used.windows(0, now), used.clone().windows(0, now), "{seconds}");
    }
    assert_eq!(used, used.clone());
    assert_ne!(used, schedule("*/7 * * * *", 8, "Europe/Berlin"));
    assert_eq!(used.name(), "hours");
}
