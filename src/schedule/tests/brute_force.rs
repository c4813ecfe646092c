//! Any schedule against a count of minutes that knows nothing of patterns or of the way the search goes.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60_000;

/// One field: its text and the numbers it means.
type Field = (String, BTreeSet<i8>);

fn field(min: i8, max: i8) -> impl Strategy<Value = Field> {
    let all = move || (min..=max).collect::<BTreeSet<_>>();
    prop_oneof![
        3 => Just(("*".to_owned(), all())),
        3 => (min..=max).prop_map(|value| (value.to_string(), [value].into())),
        1 => (min..=max, min..=max).prop_map(|(one, other)| {
            let (low, high) = (one.min(other), one.max(other));
            (format!("{low}-{high}"), (low..=high).collect())
        }),
        1 => (2..=max.min(9)).prop_map(move |step| {
            (format!("*/{step}"), (min..=max).step_by(usize::try_from(step).unwrap()).collect())
        }),
        1 => prop::collection::btree_set(min..=max, 1..4).prop_map(|values| {
            let text: Vec<_> = values.iter().map(ToString::to_string).collect();
            (text.join(","), values)
        }),
    ]
}

#[derive(Debug)]
struct Fields {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Fields {
    fn of((minute, hour, day, month, weekday): (Field, Field, Field, Field, Field)) -> Self {
        Self {
            minute,
            hour,
            day,
            month,
            weekday,
        }
    }

    fn text(&self) -> String {
        let fields = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        fields.map(|field| field.0.clone()).join(" ")
    }

    fn matches(&self, time: DateTime) -> bool {
        let day = self.day.1.contains(&time.day());
        let weekday = self.weekday.1.contains(&time.weekday().to_sunday_zero_offset());
        let any_star = self.day.0.starts_with('*') || self.weekday.0.starts_with('*');
        self.minute.1.contains(&time.minute())
            && self.hour.1.contains(&time.hour())
            && self.month.1.contains(&time.month())
            && if any_star { day && weekday } else { day || weekday }
    }
}

fn fields() -> impl Strategy<Value = Fields> {
    // Months are mostly left open, or nothing would happen near the times asked about.
    let month = prop_oneof![3 => Just(("*".to_owned(), (1..=12).collect())), 1 => field(1, 12)];
    let step_from = (0..=23i8, 2..=9i8).prop_map(|(low, step)| {
        let hours = (low..=23).step_by(usize::try_from(step).unwrap());
        (format!("{low}/{step}"), hours.collect())
    });
    let hour = prop_oneof![9 => field(0, 23), 1 => step_from];
    let any = (field(0, 59), hour.clone(), field(1, 31), month, field(0, 6));
    let every = |min: i8, max: i8| Just(("*".to_owned(), (min..=max).collect()));
    // Half of them daily, or the days on which a clock is changed would be met too rarely.
    let daily = (field(0, 59), hour, every(1, 31), every(1, 12), every(0, 6));
    prop_oneof![any.prop_map(Fields::of), daily.prop_map(Fields::of)]
}

/// Near a change of the clock of one of the zones, or anywhere in some years.
fn time() -> impl Strategy<Value = i64> {
    let changes = [
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-03-08T07:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-10-03T15:30:00Z",
        "2026-04-04T15:00:00Z",
        "2011-12-30T10:00:00Z",
        "2028-02-29T00:00:00Z",
    ];
    let near = (prop::sample::select(changes.map(at).to_vec()), -180i64..180)
        .prop_map(|(change, minutes)| change.0 + minutes * MINUTE);
    prop_oneof![
        6 => near,
        1 => (at("2024-01-01T00:00:00Z").0 / MINUTE..at("2030-01-01T00:00:00Z").0 / MINUTE).prop_map(|minutes| minutes * MINUTE),
    ]
}

/// The starts between two instants: walks over the minutes and looks at the clock, from a day before it matters, which
/// is the greatest change.
fn starts(spec: &ScheduleSpec, fields: &Fields, zone: &TimeZone, from: i64, until: i64) -> Vec<i64> {
    let hour = &fields.hour.0;
    if hour.contains(['*', '-', '/']) {
        passing_starts(spec, fields, zone, from, until)
    } else {
        clock_starts(spec, fields, zone, from, until)
    }
}

/// Where the clock was changed, a second clock that was not goes on beside it for as long as the change: always with
/// `*` or a step, otherwise only where the clock leapt.
fn passing_starts(spec: &ScheduleSpec, fields: &Fields, zone: &TimeZone, from: i64, until: i64) -> Vec<i64> {
    let timestamp = |instant: i64| jiff::Timestamp::from_millisecond(instant).unwrap();
    let offset = |instant: i64| zone.to_offset(timestamp(instant));
    let mut unchanged = None;
    let mut starts = Vec::new();
    for instant in (from..=until).step_by(60_000) {
        let (before, now) = (offset(instant - MINUTE), offset(instant));
        let change = i64::from(now.seconds() - before.seconds());
        if change > 0 || change < 0 && fields.hour.0.contains(['*', '/']) {
            unchanged = Some((before, instant + change.abs() * 1000));
        }
        let second = unchanged
            .filter(|(_, end)| instant < *end)
            .map(|(offset, _)| offset);
        let shown = [Some(now), second].into_iter().flatten();
        let mut shown = shown.map(|offset| offset.to_datetime(timestamp(instant)));
        if shown.any(|time| fields.matches(time) && may_start(spec, time)) {
            starts.push(instant);
        }
    }
    starts
}

fn may_start(spec: &ScheduleSpec, time: DateTime) -> bool {
    let date = time.date().to_string();
    !spec.except_dates.contains(&date) && (spec.on_dates.is_empty() || spec.on_dates.contains(&date))
}

/// What the clock leaps over comes when it has leapt; what it shows again does not come again.
fn clock_starts(spec: &ScheduleSpec, fields: &Fields, zone: &TimeZone, from: i64, until: i64) -> Vec<i64> {
    let shown = |instant: i64| zone.to_datetime(jiff::Timestamp::from_millisecond(instant).unwrap());
    let mut starts = Vec::new();
    let mut latest = shown(from - MINUTE);
    for instant in (from..=until).step_by(60_000) {
        let now = shown(instant);
        while latest < now {
            latest = latest.checked_add(1.minute()).unwrap();
            if fields.matches(latest) && may_start(spec, latest) {
                starts.push(instant);
            }
        }
    }
    starts
}

proptest! {
    #[test]
    fn windows_agree_with_a_count_of_minutes(
        fields in fields(),
        zone in prop::sample::select(vec![
            "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC", "Asia/Kolkata",
        ]),
        duration in prop_oneof![3 => 1..40, 2 => 40..200, 2 => 200..3000, 1 => 3000..=MAX_DURATION_MINUTES],
        excepted in prop::collection::vec(-3..=3i64, 0..3),
        chosen in prop::option::weighted(0.3, prop::collection::vec(-3..=3i64, 1..4)),
        now in time(),
        seconds in 0..60_000i64,
    ) {
        let tz = TimeZoneDatabase::bundled().get(zone).unwrap();
        let date = |days: &i64| {
            let instant = jiff::Timestamp::from_millisecond(now + days * 1440 * MINUTE).unwrap();
            tz.to_datetime(instant).date().to_string()
        };
        let mut spec = spec(&fields.text(), duration, zone);
        spec.except_dates = excepted.iter().map(date).collect();
        let fields = match &chosen {
            None => fields,
            Some(dates) => {
                spec.on_dates = dates.iter().map(date).collect();
                let every = |min, max| ("*".to_owned(), (min..=max).collect());
                let fields = Fields {
                    day: every(1, 31),
                    month: every(1, 12),
                    weekday: every(0, 6),
                    ..fields
                };
                spec.start = fields.text();
                fields
            }
        };
        let schedule = match Schedule::of(&spec) {
            Ok(schedule) => schedule,
            Err(ScheduleError::NeverMatches { .. } | ScheduleError::EveryDateExcepted(_)) => return Ok(()),
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        let length = i64::from(duration) * MINUTE;
        let starts = starts(&spec, &fields, &tz, now - length - 1500 * MINUTE, now + 20 * MINUTE);
        let now = now + seconds;
        let windows = schedule.windows(0, Timestamp(now));
        for instant in (now..=now + 900_000).step_by(20_000) {
            let expected = starts.iter().any(|start| *start <= instant && instant < start + length);
            let found = windows.iter().any(|window| window.start.0 <= instant && instant < window.end.0);
            prop_assert_eq!(found, expected, "{:?} {} at {}: {:?}", spec, now, instant, windows);
        }
        for window in &windows {
            prop_assert!(window.end.0 > now && window.start.0 <= now + 900_000);
        }
        prop_assert!(windows.is_sorted_by(|one, next| one.end < next.start));
    }
}
