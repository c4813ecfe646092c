//! Instants and their differences as plain numbers: the caller brings the clock. No I/O.

use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch. All arithmetic saturates, so no clock can make it panic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The instant so many seconds after the Unix epoch.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The instant so many seconds after this one.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u32) -> Self {
        self.plus_milliseconds(seconds as u64 * 1000)
    }

    /// The instant so many milliseconds after this one.
    #[must_use]
    pub const fn plus_milliseconds(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add_unsigned(milliseconds))
    }

    /// Milliseconds from `earlier` to this instant; 0 when `earlier` is in fact later, because a clock that was
    /// set back must not give negative ages.
    #[must_use]
    pub const fn milliseconds_since(self, earlier: Self) -> u64 {
        if self.0 <= earlier.0 {
            0
        } else {
            self.0.abs_diff(earlier.0)
        }
    }

    /// Whole seconds from `earlier` to this instant, rounded down; 0 when `earlier` is in fact later.
    #[must_use]
    pub fn seconds_since(self, earlier: Self) -> u32 {
        u32::try_from(self.milliseconds_since(earlier) / 1000).unwrap_or(u32::MAX)
    }

    /// Whether less than `seconds` have passed since `earlier`. A time in the future counts as now.
    #[must_use]
    pub fn is_within(self, seconds: u32, earlier: Self) -> bool {
        self.milliseconds_since(earlier) < u64::from(seconds) * 1000
    }

    /// Whole seconds until `seconds` have passed since `earlier`, rounded up; at least 1 while any time is left.
    #[must_use]
    pub fn seconds_left(self, seconds: u32, earlier: Self) -> u32 {
        let left = (u64::from(seconds) * 1000).saturating_sub(self.milliseconds_since(earlier));
        u32::try_from(left.div_ceil(1000)).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_never_negative() {
        let (early, late) = (Timestamp::from_seconds(10), Timestamp::from_seconds(70));
        assert_eq!(late.seconds_since(early), 60);
        assert_eq!(early.seconds_since(late), 0);
        assert_eq!(early.milliseconds_since(late), 0);
    }

    #[test]
    fn a_span_ends_exactly_when_its_seconds_have_passed() {
        let start = Timestamp(0);
        assert!(Timestamp(59_999).is_within(60, start));
        assert!(!Timestamp(60_000).is_within(60, start));
        assert!(!start.is_within(0, start), "a span of no seconds holds nothing");
        assert_eq!(Timestamp(59_999).seconds_left(60, start), 1);
        assert_eq!(Timestamp(60_000).seconds_left(60, start), 0);
        assert_eq!(
            Timestamp(-5).seconds_left(60, start),
            60,
            "a time in the future counts as now"
        );
    }

    #[test]
    fn the_ends_of_time_do_not_overflow() {
        let (first, last) = (Timestamp(i64::MIN), Timestamp(i64::MAX));
        assert_eq!(last.milliseconds_since(first), u64::MAX);
        assert_eq!(last.seconds_since(first), u32::MAX);
        assert_eq!(last.plus_seconds(u32::MAX), last);
        assert_eq!(first.seconds_since(last), 0);
        assert_eq!(Timestamp::from_seconds(i64::MAX), last);
    }
}
