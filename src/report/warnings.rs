//! Which warnings of the reporter are logged: each reason once a minute, for very many policies may have the same trouble.
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::cluster::lock;

/// A reason is logged once in this time.
const ONCE_IN: Duration = Duration::from_secs(60);

/// Why a status or an event was not stored: what was sent, and the answer, if there was any.
pub(super) type Why = (&'static str, Option<StatusCode>);

/// What was logged lately.
#[derive(Debug, Default)]
pub(super) struct Warnings(Mutex<HashMap<Why, Said>>);

#[derive(Debug)]
struct Said {
    at: Instant,
    withheld: u64,
}

impl Warnings {
    /// Whether this is to be logged, and then how many like it were not since the last time.
    pub(super) fn may_say(&self, why: Why, now: Instant) -> Option<u64> {
        let mut all = lock(&self.0);
        let Some(said) = all.get_mut(&why) else {
            all.insert(why, Said { at: now, withheld: 0 });
            return Some(0);
        };
        if now.duration_since(said.at) < ONCE_IN {
            said.withheld += 1;
            return None;
        }
        said.at = now;
        Some(std::mem::take(&mut said.withheld))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_said_once_a_minute_with_how_often_it_came() {
        let (warnings, now) = (Warnings::default(), Instant::now());
        let forbidden = ("status", Some(StatusCode::FORBIDDEN));
        assert_eq!(warnings.may_say(forbidden, now), Some(0));
        for second in 1..60 {
            assert_eq!(
                warnings.may_say(forbidden, now + Duration::from_secs(second)),
                None
            );
        }
        assert_eq!(
            warnings.may_say(("event", Some(StatusCode::FORBIDDEN)), now),
            Some(0)
        );
        assert_eq!(warnings.may_say(("status", None), now), Some(0));
        assert_eq!(warnings.may_say(forbidden, now + ONCE_IN), Some(59));
        assert_eq!(warnings.may_say(forbidden, now + ONCE_IN), None);
    }
}
