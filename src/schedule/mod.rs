//! Schedules: from a cron pattern, a time zone and dates to the windows in which a policy has other bounds. No network
//! and no files: the time zones are those that are built in.
//!
//! | what                                        | means                                                                |
//! |---------------------------------------------|----------------------------------------------------------------------|
//! | an hour such as `2` or `2,14` that the clock leaps over | opens when the clock has leapt                           |
//! | such an hour that the clock shows twice     | opens at the first of the two, and not again                         |
//! | an hour by `*`, a range or a step that the clock leaps over | opens when as much time has passed: 2:30 is then 3:30 |
//! | such an hour that the clock shows twice     | opens both times, so that windows hour by hour have no hole          |
//! | hours by `*` or a step, after those         | open also when they would have, had the clock not been set back      |
//! | `durationMinutes`                           | time that passes, whatever the clock does meanwhile                  |
//! | `exceptDates`, `onDates`                    | the local date on which a window starts; one from the day before goes on |
//! | day of month and day of week, both given    | either is enough, as in cron; both are needed where one begins with `*` |
//! | starts while a window of the schedule is open | prolong it                                                         |
//!
//! Windows that follow each other hour by hour have no hole where the clock is changed. With steps of several hours,
//! the hours of the clock themselves may be further apart on one day in autumn.

mod error;
mod pattern;
mod zone;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use concertina_decision::{MAX_LEAD_SECONDS, Timestamp, Window};
use jiff::civil::{Date, DateTime};

pub use self::error::ScheduleError;
use self::pattern::{Hours, Pattern};
use self::zone::Zone;
use crate::api::ScheduleSpec;

/// The longest duration, in minutes: a week. It bounds the search for the start of an open window.
pub const MAX_DURATION_MINUTES: i32 = 10_080;
/// Windows are computed for so many milliseconds at once, from a multiple of it on, and kept.
const BLOCK_MILLISECONDS: i64 = 3_600_000;
const LEAD_MILLISECONDS: i64 = MAX_LEAD_SECONDS as i64 * 1000;

/// A schedule that is ready to be asked for its windows.
#[derive(Debug)]
pub struct Schedule {
    spec: ScheduleSpec,
    pattern: Pattern,
    zone: Zone,
    duration_milliseconds: i64,
    /// In order. Empty: every date.
    on_dates: Vec<Date>,
    /// In order.
    except_dates: Vec<Date>,
    /// The windows last computed. Nothing but speed depends on it.
    computed: Mutex<Option<Computed>>,
}

/// The windows of a stretch of time.
#[derive(Debug)]
struct Computed {
    /// For questions from this time on.
    from: i64,
    /// For questions before this time.
    until: i64,
    /// In order; they neither overlap nor touch.
    windows: Vec<Span>,
}

/// A window in milliseconds since the Unix epoch, the end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    start: i64,
    end: i64,
}

impl Schedule {
    /// Compiles a schedule. The numbers of replicas are taken as they are.
    ///
    /// # Errors
    /// When the pattern, the time zone, the duration or a date makes no sense, or when no window would ever open; with
    /// what to write instead.
    pub fn of(spec: &ScheduleSpec) -> Result<Self, ScheduleError> {
        let duration = spec.duration_minutes;
        if !(1..=MAX_DURATION_MINUTES).contains(&duration) {
            return Err(ScheduleError::Duration {
                schedule: spec.name.clone(),
                minutes: duration,
            });
        }
        let pattern = Pattern::of(&spec.name, &spec.start)?;
        let on_dates = dates(&spec.name, "onDates", &spec.on_dates)?;
        let except_dates = dates(&spec.name, "exceptDates", &spec.except_dates)?;
        if !on_dates.is_empty() && !pattern.is_daily() {
            return Err(ScheduleError::DatesTwice {
                schedule: spec.name.clone(),
                start: spec.start.clone(),
            });
        }
        let is_excepted = |date: &Date| except_dates.binary_search(date).is_ok();
        if !on_dates.is_empty() && on_dates.iter().all(is_excepted) {
            return Err(ScheduleError::EveryDateExcepted(spec.name.clone()));
        }
        Ok(Self {
            pattern,
            zone: Zone::of(&spec.name, spec.time_zone.as_deref())?,
            duration_milliseconds: i64::from(duration) * 60_000,
            on_dates,
            except_dates,
            computed: Mutex::new(None),
            spec: spec.clone(),
        })
    }

    /// Its name in the policy.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The windows that are open at `now` or open within [`MAX_LEAD_SECONDS`] after it, in order. `index` is the place of
    /// the schedule in its policy. Windows of one schedule that overlap or touch are one; a start before the present
    /// hour may be later than the true one where starts overlap.
    ///
    /// The pattern is searched once an hour, which takes about 20 microseconds, and 200 where it matches every minute of
    /// some days in a week. All other calls take less than a tenth of a microsecond (measured, release build).
    #[must_use]
    pub fn windows(&self, index: u8, now: Timestamp) -> Vec<Window> {
        let mut computed = self.computed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = computed
            .take()
            .filter(|known| known.from <= now.0 && now.0 < known.until);
        let known = computed.insert(known.unwrap_or_else(|| self.compute(now.0)));
        known
            .windows
            .iter()
            .filter(|window| now.0 < window.end && window.start <= now.0.saturating_add(LEAD_MILLISECONDS))
            .map(|window| self.window(index, *window))
            .collect()
    }

    fn window(&self, index: u8, span: Span) -> Window {
        Window {
            schedule: index,
            start: Timestamp(span.start),
            end: Timestamp(span.end),
            min_replicas: self.spec.min_replicas,
            max_replicas: self.spec.max_replicas,
        }
    }

    /// The windows of the block in which `now` lies: a function of the block alone, so that what was asked before makes
    /// no difference.
    fn compute(&self, now: i64) -> Computed {
        let from = now.saturating_sub(now.rem_euclid(BLOCK_MILLISECONDS));
        let until = from.saturating_add(BLOCK_MILLISECONDS);
        let horizon = until.saturating_add(LEAD_MILLISECONDS);
        let earliest = from.saturating_sub(self.duration_milliseconds);
        let mut windows: Vec<Span> = Vec::new();
        let Some(first) = self.starts_after(earliest).next() else {
            return Computed { from, until, windows };
        };
        if first > horizon {
            let until = first.saturating_sub(LEAD_MILLISECONDS);
            return Computed { from, until, windows };
        }
        let open = (first <= from).then(|| self.latest_start(earliest, from).unwrap_or(first));
        let soon = self.starts_after(from).take_while(|start| *start <= horizon);
        for start in open.into_iter().chain(soon) {
            let end = start.saturating_add(self.duration_milliseconds);
            match windows.last_mut() {
                Some(last) if start <= last.end => last.end = end,
                _ => windows.push(Span { start, end }),
            }
        }
        Computed { from, until, windows }
    }

    /// The last start after `earliest` that is not after `now`. Looks back in growing steps, because a pattern can only
    /// be followed forwards and may match every minute.
    fn latest_start(&self, earliest: i64, now: i64) -> Option<i64> {
        let mut step = BLOCK_MILLISECONDS;
        loop {
            let from = now.saturating_sub(step).max(earliest);
            let last = self.starts_after(from).take_while(|start| *start <= now).last();
            if last.is_some() || from == earliest {
                return last;
            }
            step = step.saturating_mul(2);
        }
    }

    /// The starts after an instant, in order.
    fn starts_after(&self, instant: i64) -> impl Iterator<Item = i64> + '_ {
        let starts = Starts {
            schedule: self,
            after: self.zone.settled(instant),
            reached: i64::MIN,
            found: BTreeSet::new(),
        };
        // Near a change of the clock, civil times not yet settled may belong to instants before this.
        starts.skip_while(move |start| *start <= instant)
    }

    /// Whether a window may start on this date.
    fn on(&self, date: Date) -> On {
        if self.except_dates.binary_search(&date).is_ok() {
            return On::After(date.at(23, 59, 0, 0));
        }
        if self.on_dates.is_empty() {
            return On::Allowed;
        }
        match self.on_dates.binary_search(&date) {
            Ok(_) => On::Allowed,
            Err(next) => self
                .on_dates
                .get(next)
                .and_then(|next| next.yesterday().ok())
                .map_or(On::Never, |eve| On::After(eve.at(23, 59, 0, 0))),
        }
    }
}

/// Whether a window may start on a date.
enum On {
    Allowed,
    /// No; look again after this civil time.
    After(DateTime),
    /// No, nor later.
    Never,
}

/// The instants of the starts after a civil time, in milliseconds.
struct Starts<'a> {
    schedule: &'a Schedule,
    after: Option<DateTime>,
    /// No civil time that comes after has a start before this.
    reached: i64,
    /// Found and not given yet: where the clock shows 2:30 twice, the first 2:45 is before the second 2:30.
    found: BTreeSet<i64>,
}

impl Starts<'_> {
    /// Takes up the starts of a civil time.
    fn take_up(&mut self, civil: DateTime) {
        let zone = &self.schedule.zone;
        let Some(first) = zone.instant(civil) else {
            self.after = None;
            return;
        };
        self.reached = first;
        match self.schedule.pattern.hours() {
            Hours::OfClock => {
                self.found.insert(first);
            }
            Hours::Stretch => self.found.extend(zone.instants(civil).into_iter().flatten()),
            Hours::Passing => {
                self.found.extend(zone.instants(civil).into_iter().flatten());
                if let Some(earlier) = zone.instant_if_not_set_back(civil) {
                    self.found.insert(earlier);
                    self.reached = earlier;
                }
            }
        }
    }
}

impl Iterator for Starts<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        loop {
            let is_next = |first: &&i64| **first <= self.reached || self.after.is_none();
            if self.found.first().filter(is_next).is_some() {
                return self.found.pop_first();
            }
            self.after = self.schedule.pattern.next_after(self.after?);
            let Some(civil) = self.after else {
                continue;
            };
            match self.schedule.on(civil.date()) {
                On::Allowed => self.take_up(civil),
                On::After(time) => self.after = Some(time),
                On::Never => self.after = None,
            }
        }
    }
}

/// Two schedules are equal when the same was written.
impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec
    }
}

impl Clone for Schedule {
    fn clone(&self) -> Self {
        Self {
            spec: self.spec.clone(),
            pattern: self.pattern.clone(),
            zone: self.zone.clone(),
            duration_milliseconds: self.duration_milliseconds,
            on_dates: self.on_dates.clone(),
            except_dates: self.except_dates.clone(),
            computed: Mutex::new(None),
        }
    }
}

/// Reads dates and brings them into order.
fn dates(schedule: &str, field: &'static str, texts: &[String]) -> Result<Vec<Date>, ScheduleError> {
    let mut dates = texts
        .iter()
        .map(|text| {
            // jiff reads more forms than the one that is documented.
            let date: Option<Date> = text.parse().ok();
            date.filter(|date| date.to_string() == *text)
                .ok_or_else(|| ScheduleError::Date {
                    schedule: schedule.to_owned(),
                    field,
                    text: text.clone(),
                })
        })
        .collect::<Result<Vec<_>, _>>()?;
    dates.sort_unstable();
    Ok(dates)
}

#[cfg(test)]
mod tests;
