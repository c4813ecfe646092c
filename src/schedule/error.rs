//! Why a schedule cannot be compiled, with what to write instead. Pure.

use super::MAX_DURATION_MINUTES;

/// Why a schedule makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// The pattern has too few or too many fields.
    #[error(
        "schedule {schedule} start {start:?} has {count} fields: write five, which are minute, hour, day of month, month and \
         day of week, such as \"0 8 * * 1-5\""
    )]
    FieldCount {
        /// Name of the schedule.
        schedule: String,
        /// The pattern.
        start: String,
        /// How many it has.
        count: usize,
    },
    /// One field cannot be read.
    #[error("schedule {schedule} start {start:?}: {field} cannot be {value:?}: write {expected}")]
    Field {
        /// Name of the schedule.
        schedule: String,
        /// The pattern.
        start: String,
        /// Which field.
        field: &'static str,
        /// What is written there.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// The pattern matches no date there is.
    #[error(
        "schedule {schedule} start {start:?} never comes: no month has such a day; write another day or month"
    )]
    NeverMatches {
        /// Name of the schedule.
        schedule: String,
        /// The pattern.
        start: String,
    },
    /// There is no such time zone.
    #[error("schedule {schedule} timeZone {zone:?} is unknown: write an IANA name such as {nearest}")]
    UnknownZone {
        /// Name of the schedule.
        schedule: String,
        /// What is written.
        zone: String,
        /// The known name that is most like it.
        nearest: String,
    },
    /// The duration is outside its bounds.
    #[error(
        "schedule {schedule} durationMinutes is {minutes}: write 1 to {MAX_DURATION_MINUTES}, which is a week"
    )]
    Duration {
        /// Name of the schedule.
        schedule: String,
        /// What is written.
        minutes: i32,
    },
    /// A date cannot be read or does not exist.
    #[error(
        "schedule {schedule} {field} has {text:?}, which is no date: write year-month-day, such as 2026-12-25"
    )]
    Date {
        /// Name of the schedule.
        schedule: String,
        /// `onDates` or `exceptDates`.
        field: &'static str,
        /// What is written.
        text: String,
    },
    /// The pattern chooses dates, and so does `onDates`.
    #[error(
        "schedule {schedule} start {start:?} chooses days although onDates does: write * in its last three fields, or \
         leave onDates out"
    )]
    DatesTwice {
        /// Name of the schedule.
        schedule: String,
        /// The pattern.
        start: String,
    },
    /// No date is left.
    #[error("schedule {0} never opens: every date of onDates is in exceptDates; take one of them out")]
    EveryDateExcepted(String),
}
