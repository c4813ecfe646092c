//! How long a status waits after the last one, by how much a reader would notice. Pure.
use super::difference::Difference;
use super::second::Second;

/// A status is written at most this often when something happened, in seconds.
const EVENTFUL_SECONDS: u32 = 2;
/// A status is written at most this often when only the reason why nothing changes moved, and as often when a condition
/// does not come to rest.
const UNEVENTFUL_SECONDS: u32 = 15;
/// A status is written at most this often when only the words of a condition changed, or what metrics ask for.
const SLIGHT_SECONDS: u32 = 60;
/// What moves to and fro all the time is written at most this often.
const RESTLESS_SECONDS: u32 = 120;
/// A status that the API server refuses as invalid is tried again after this: a malformed object may keep any status
/// from being valid, until it is mended.
pub const REFUSED_SECONDS: u32 = 300;
/// After so long without a change of its kind a policy counts as quiet again.
const QUIET_SECONDS: u32 = 600;
/// So many changes of conditions are told like anything that happens, before they count as restless: a policy that is
/// being made has as many.
const PROMPT_CHANGES: u8 = 4;

/// How restless a policy is: each change of a kind that was written makes the next one of that kind wait longer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    standing: Restlessness,
    uneventful: Restlessness,
}

#[derive(Clone, Copy, Debug, Default)]
struct Restlessness {
    last: Option<Second>,
    changes: u8,
}

impl Restlessness {
    fn changes(self, now: Second) -> u8 {
        // After the clock was set back it counts as quiet.
        let is_restless = self
            .last
            .is_some_and(|last| last <= now && now.since(last) < QUIET_SECONDS);
        if is_restless { self.changes } else { 0 }
    }

    fn add(&mut self, now: Second) {
        self.changes = self.changes(now).saturating_add(1);
        self.last = Some(now);
    }
}

impl Pace {
    /// Seconds that must lie between the last status and one with this difference.
    #[must_use]
    pub fn gap_seconds(&self, difference: Difference, now: Second) -> u32 {
        match difference {
            Difference::None => 0,
            Difference::Eventful => EVENTFUL_SECONDS,
            Difference::Slight => SLIGHT_SECONDS,
            Difference::Uneventful => doubled(self.uneventful.changes(now)),
            Difference::Standing => match self.standing.changes(now).checked_sub(PROMPT_CHANGES) {
                None => EVENTFUL_SECONDS,
                Some(more) => doubled(more),
            },
        }
    }

    /// A status with this difference was written.
    pub fn written(&mut self, difference: Difference, now: Second) {
        match difference {
            Difference::Standing => self.standing.add(now),
            Difference::Uneventful => self.uneventful.add(now),
            Difference::None | Difference::Slight | Difference::Eventful => {}
        }
    }
}

fn doubled(times: u8) -> u32 {
    UNEVENTFUL_SECONDS
        .checked_shl(u32::from(times.min(8)))
        .unwrap_or(RESTLESS_SECONDS)
        .min(RESTLESS_SECONDS)
}

#[cfg(test)]
mod tests {
    use concertina_decision::Timestamp;

    use super::*;

    fn at(seconds: u32) -> Second {
        Second::of(Timestamp::from_seconds(1_700_000_000)).plus(seconds)
    }

    /// When statuses are written in half an hour of a difference at every evaluation, in seconds.
    fn written(difference: Difference, period: u32) -> Vec<u32> {
        let (mut pace, mut written) = (Pace::default(), vec![0]);
        for now in (0..1800).step_by(period as usize) {
            if now - written[written.len() - 1] >= pace.gap_seconds(difference, at(now)) && now > 0 {
                pace.written(difference, at(now));
                written.push(now);
            }
        }
        written
    }

    #[test]
    fn a_reason_that_flips_at_every_evaluation_is_told_ever_less_often() {
        let times = written(Difference::Uneventful, 15);
        assert_eq!(times[..6], [0, 15, 45, 105, 225, 345]);
        assert_eq!(times.len(), 18, "{times:?}");
    }

    #[test]
    fn a_condition_that_does_not_come_to_rest_is_told_ever_less_often() {
        let times = written(Difference::Standing, 15);
        assert_eq!(times[..10], [0, 15, 30, 45, 60, 75, 105, 165, 285, 405]);
        assert_eq!(times.len(), 21, "{times:?}");
    }

    #[test]
    fn what_happens_is_always_told_soon() {
        let mut pace = Pace::default();
        for _ in 0..20 {
            pace.written(Difference::Standing, at(0));
            pace.written(Difference::Uneventful, at(0));
            pace.written(Difference::Eventful, at(0));
        }
        assert_eq!(pace.gap_seconds(Difference::Eventful, at(1)), 2);
        assert_eq!(pace.gap_seconds(Difference::Slight, at(1)), 60);
        assert_eq!(pace.gap_seconds(Difference::Standing, at(1)), 120);
    }

    #[test]
    fn ten_quiet_minutes_make_up_for_it_and_so_does_a_clock_that_was_set_back() {
        let mut pace = Pace::default();
        for second in 0..10 {
            pace.written(Difference::Uneventful, at(3600 + second));
        }
        assert_eq!(pace.gap_seconds(Difference::Uneventful, at(3609 + 599)), 120);
        assert_eq!(pace.gap_seconds(Difference::Uneventful, at(3609 + 600)), 15);
        assert_eq!(pace.gap_seconds(Difference::Uneventful, at(0)), 15);
    }

    #[test]
    fn restlessness_of_one_kind_does_not_slow_another() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.written(Difference::Uneventful, at(0));
        }
        assert_eq!(pace.gap_seconds(Difference::Standing, at(1)), 2);
    }
}
