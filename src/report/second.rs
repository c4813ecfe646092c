//! A point in time to the second, in four bytes: that is what the API server keeps, and each policy has several. Pure.
use std::num::NonZeroU32;

use concertina_decision::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// Seconds since 1970; good until 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Second(NonZeroU32);

impl Second {
    /// The second in which `time` lies. Times that four bytes cannot tell become the nearest that they can.
    #[must_use]
    pub fn of(time: Timestamp) -> Self {
        Self::nearest(time.0.div_euclid(1000))
    }

    /// The second of a stored time, unless it lies outside of what four bytes can tell.
    #[must_use]
    pub fn stored(time: &Time) -> Option<Self> {
        u32::try_from(time.0.as_second())
            .ok()
            .and_then(NonZeroU32::new)
            .map(Self)
    }

    fn nearest(seconds: i64) -> Self {
        let seconds = u32::try_from(seconds.clamp(1, i64::from(u32::MAX))).unwrap_or(1);
        Self(NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN))
    }

    /// So many seconds later.
    #[must_use]
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this; 0 when it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u32 {
        self.0.get().saturating_sub(earlier.0.get())
    }

    /// As the API server stores it.
    #[must_use]
    pub fn time(self) -> Time {
        Time(jiff::Timestamp::from_second(i64::from(self.0.get())).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }

    /// As the decision counts.
    #[must_use]
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_seconds(i64::from(self.0.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_told_as_it_was_stored() {
        let second = Second::of(Timestamp(1_700_000_000_999));
        assert_eq!(Second::stored(&second.time()), Some(second));
        assert_eq!(second.timestamp(), Timestamp(1_700_000_000_000));
        assert_eq!(
            (second.plus(5).since(second), second.since(second.plus(5))),
            (5, 0)
        );
        assert_eq!(size_of::<Option<Second>>(), 4);
    }

    #[test]
    fn times_beyond_what_it_can_tell_are_the_nearest() {
        assert_eq!(Second::of(Timestamp(-5)).timestamp(), Timestamp(1000));
        assert_eq!(Second::stored(&Time(jiff::Timestamp::UNIX_EPOCH)), None);
        let last = Second::of(Timestamp(i64::MAX));
        assert_eq!(last.plus(1), last);
    }
}
