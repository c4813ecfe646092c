//! The cron pattern of a schedule: five fields, as Kubernetes' CronJob reads them, matched against civil time. Pure.

use cronexpr::{Crontab, FallbackTimezoneOption, ParseOptions};
use jiff::ToSpan;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::ScheduleError;

/// The fields: what they are called, and what may be written.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "0 to 59, such as 0 or */15"),
    ("hour", "0 to 23, such as 8 or 8-18"),
    ("day of month", "1 to 31, such as 1 or 1,15"),
    ("month", "1 to 12 or JAN to DEC, such as 11-12"),
    ("day of week", "0 to 7 or SUN to SAT, upwards, such as 1-5"),
];

/// Every date and weekday comes together within so many years.
const CALENDAR_YEARS: i64 = 28;

/// A pattern that matches at least one civil time.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    crontab: Crontab,
    is_daily: bool,
    hours: Hours,
}

/// How a pattern means its hours where the clock is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hours {
    /// Hours of the clock, such as `2` or `2,14`: each once a day.
    OfClock,
    /// A stretch of the day, such as `0-6`: whenever the clock shows them.
    Stretch,
    /// Hours as they pass, such as `*`, `*/2` or `8-18/2`.
    Passing,
}

impl Hours {
    /// As vixie-cron tells the jobs that go by passing time from those at a fixed time (`HR_STAR` in its `cron.c`), with
    /// ranges and steps as Cronos has them: a range without its second 2:00 would have a hole as well.
    fn of(field: &str) -> Self {
        if field.contains(['*', '/']) {
            Self::Passing
        } else if field.contains('-') {
            Self::Stretch
        } else {
            Self::OfClock
        }
    }
}

impl Pattern {
    /// Reads a pattern: numbers, names of months and weekdays, `*`, lists, ranges and steps. Further letters that some
    /// crons know (`L`, `W`, `#`, `?`, `@daily`) are refused.
    pub(super) fn of(schedule: &str, start: &str) -> Result<Self, ScheduleError> {
        let fields: Vec<&str> = start.split_ascii_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return Err(ScheduleError::FieldCount {
                schedule: schedule.to_owned(),
                start: start.to_owned(),
                count: fields.len(),
            });
        }
        for (index, (value, (field, expected))) in fields.iter().zip(FIELDS).enumerate() {
            if !is_plain(value) || !is_valid_at(index, value) {
                return Err(ScheduleError::Field {
                    schedule: schedule.to_owned(),
                    start: start.to_owned(),
                    field,
                    value: (*value).to_owned(),
                    expected,
                });
            }
        }
        let never = || ScheduleError::NeverMatches {
            schedule: schedule.to_owned(),
            start: start.to_owned(),
        };
        let pattern = Self {
            crontab: parse(&fields.join(" ")).ok_or_else(never)?,
            is_daily: fields.iter().skip(2).all(|field| *field == "*"),
            hours: fields.get(1).map_or(Hours::OfClock, |hour| Hours::of(hour)),
        };
        if pattern.ever_matches() {
            Ok(pattern)
        } else {
            Err(never())
        }
    }

    /// Whether every date matches.
    pub(super) const fn is_daily(&self) -> bool {
        self.is_daily
    }

    /// How it means its hours.
    pub(super) const fn hours(&self) -> Hours {
        self.hours
    }

    /// The first match after a civil time; `None` when there is none in the four years that follow. The clock of civil
    /// time leaps nowhere, which is why it is followed as if it were UTC.
    pub(super) fn next_after(&self, time: DateTime) -> Option<DateTime> {
        let time = TimeZone::UTC.to_timestamp(time).ok()?;
        Some(self.crontab.find_next(time).ok()?.datetime())
    }

    fn ever_matches(&self) -> bool {
        let begin = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
        (0..CALENDAR_YEARS)
            .step_by(4)
            .filter_map(|years| begin.checked_add(years.years()).ok())
            .any(|begin| self.next_after(begin).is_some())
    }
}

/// Whether a field is made of numbers, names of three letters and `*` alone.
fn is_plain(field: &str) -> bool {
    field.split([',', '-', '/']).all(|part| {
        part == "*"
            || part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty()
            || part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    })
}

/// Whether a field can be read in its place, with all others `*`: the parser's own words name no field.
fn is_valid_at(index: usize, value: &str) -> bool {
    let mut fields = ["*"; FIELDS.len()];
    if let Some(field) = fields.get_mut(index) {
        *field = value;
    }
    parse(&fields.join(" ")).is_some()
}

fn parse(fields: &str) -> Option<Crontab> {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    cronexpr::parse_crontab_with(fields, options).ok()
}
