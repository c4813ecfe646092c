//! The time zone of a schedule, from the database that is built into the binary: no file is read, so every installation
//! agrees. Pure.

use std::sync::LazyLock;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

use super::ScheduleError;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// The greatest change of a clock: Samoa left out a day.
const CHANGE: SignedDuration = SignedDuration::from_hours(24);

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

    /// A civil time up to which all civil times belong to this instant or to earlier ones, given in milliseconds, with
    /// what the clock leaps over or shows twice; `None` beyond the years it can show. Mostly what the clock shows; near a
    /// change what it would show in the zone's lesser offset.
    pub(super) fn settled(&self, instant: i64) -> Option<DateTime> {
        let instant = Timestamp::from_millisecond(instant).ok()?;
        let near = [-CHANGE, SignedDuration::ZERO, CHANGE];
        let offsets = near.map(|change| instant.checked_add(change).map(|near| self.0.to_offset(near)));
        let least = offsets.into_iter().flatten().min()?;
        Some(least.to_datetime(instant))
    }

    /// All instants, in milliseconds, at which the clock shows `civil`, or a clock that had not leapt over it.
    pub(super) fn instants(&self, civil: DateTime) -> [Option<i64>; 2] {
        let ambiguous = self.0.to_ambiguous_timestamp(civil);
        let later = ambiguous.later().ok();
        let earlier = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => None,
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        };
        [earlier, later].map(|instant| Some(instant?.as_millisecond()))
    }

    /// The instant, in milliseconds, at which a clock would show `civil` that had not been set back; `None` unless it was
    /// set back before that instant, and the instant is no longer after it than it was set back.
    pub(super) fn instant_if_not_set_back(&self, civil: DateTime) -> Option<i64> {
        let instant = self.0.to_ambiguous_timestamp(civil).unambiguous().ok()?;
        let offset = self.0.to_offset(instant);
        let earlier = self.0.to_offset(instant.checked_sub(CHANGE).ok()?);
        if earlier == offset {
            // The usual case: no need to look for the change.
            return None;
        }
        let next = instant.checked_add(SignedDuration::from_secs(1)).ok()?;
        let change = self.0.preceding(next).next()?.timestamp();
        let before = self
            .0
            .to_offset(change.checked_sub(SignedDuration::from_secs(1)).ok()?);
        let if_not = before.to_timestamp(civil).ok()?;
        let set_back = instant.duration_since(if_not);
        let since = if_not.duration_since(change);
        (!since.is_negative() && since < set_back).then(|| if_not.as_millisecond())
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
