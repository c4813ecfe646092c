//! The time zone of a schedule, from the database that is built into the binary: no file is read, so every installation
//! agrees. Pure.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::ScheduleError;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone with rules of its own for what its clock leaps over or shows twice.
#[derive(Clone, Debug)]
pub(super) struct Zone(TimeZone);

impl Zone {
    /// The zone of this name; none: UTC.
    pub(super) fn of(schedule: &str, name: Option<&str>) -> Result<Self, ScheduleError> {
        let Some(name) = name else {
            return Ok(Self(TimeZone::UTC));
        };
        match ZONES.get(name) {
            Ok(zone) if !zone.is_unknown() => Ok(Self(zone)),
            _ => Err(ScheduleError::UnknownZone {
                schedule: schedule.to_owned(),
                zone: name.to_owned(),
                nearest: nearest(name),
            }),
        }
    }

    /// What the clock shows at an instant, given in milliseconds; `None` beyond the years it can show.
    pub(super) fn civil(&self, instant: i64) -> Option<DateTime> {
        let instant = Timestamp::from_millisecond(instant).ok()?;
        Some(self.0.to_datetime(instant))
    }

    /// The instant, in milliseconds, at which the clock shows `civil` first, or leaps over it. Later civil times never
    /// give earlier instants.
    pub(super) fn instant(&self, civil: DateTime) -> Option<i64> {
        let ambiguous = self.0.to_ambiguous_timestamp(civil);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => {
                // As if the clock had not leapt, which is after the leap.
                let late = ambiguous.later().ok()?;
                let late = late.checked_add(SignedDuration::from_secs(1)).ok()?;
                self.0.preceding(late).next()?.timestamp()
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok()?,
        };
        Some(instant.as_millisecond())
    }
}

/// The known name most like an unknown one, as a whole or by its last part: people write `Berlin`.
fn nearest(name: &str) -> String {
    let wanted = name.to_ascii_lowercase().replace(' ', "_");
    let likeness = |known: &str| {
        let known = known.to_ascii_lowercase();
        let city = known.rsplit('/').next().unwrap_or(&known);
        strsim::jaro(&known, &wanted).max(strsim::jaro(city, &wanted))
    };
    ZONES
        .available()
        .map(|known| (likeness(known.as_str()), known))
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .filter(|(likeness, _)| *likeness > 0.75)
        .map_or_else(|| "Europe/Berlin".to_owned(), |(_, known)| known.to_string())
}
