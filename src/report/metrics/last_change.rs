//! When and why the replicas of a policy were changed last: by what this process wrote and saw, and by what stored statuses tell. No network.
use concertina_decision::{Change, Reason, Writer};

use super::policies::Winner;

/// A change that another controller made is seen no more than so many seconds after it: within two of the longest periods.
const SEEN_WITHIN_SECONDS: u32 = 120;

/// When and why the replicas were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LastChange {
    /// Since 1970.
    pub(super) seconds: u32,
    pub(super) is_growth: bool,
    /// Absent where another controller knew it and did not tell.
    pub(super) reason: Option<Reason>,
    pub(super) winner: Option<Winner>,
}

impl LastChange {
    pub(super) fn of(change: &Change, reason: Option<Reason>) -> Self {
        Self {
            seconds: u32::try_from(change.at.0.div_euclid(1000)).unwrap_or_default(),
            is_growth: change.to > change.from,
            reason,
            winner: None,
        }
    }

    /// The last of what is known and a change that was seen, not written.
    pub(super) fn or_seen(known: Option<Self>, change: &Change) -> Self {
        match change.by {
            Writer::Other => Self::of(change, Some(Reason::ReplicasChangedByOther)),
            Writer::Own => {
                let seen = Self::of(change, None);
                known.filter(|known| known.may_be(seen)).unwrap_or(seen)
            }
        }
    }

    /// The last of what is known and the newest change of a status, by whichever controller it was written.
    pub(super) fn or_told(known: Option<Self>, change: &Change, reason: Option<Reason>) -> Self {
        let told = Self::of(change, reason);
        // An object does not always tell who wrote its count, so what was seen may have been laid to somebody else.
        let is_older = |known: &Self| {
            let was_seen = matches!(known.reason, None | Some(Reason::ReplicasChangedByOther));
            known.seconds < told.seconds || (was_seen && change.by == Writer::Own && told.may_be(*known))
        };
        known.filter(|known| !is_older(known)).unwrap_or(told)
    }

    /// Whether what was seen is this change.
    const fn may_be(&self, seen: Self) -> bool {
        self.is_growth == seen.is_growth && seen.seconds.saturating_sub(self.seconds) <= SEEN_WITHIN_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use concertina_decision::Timestamp;

    use super::*;

    const T: i64 = 1_700_000_000;

    fn change(second: i64, (from, to): (i32, i32), by: Writer) -> Change {
        Change {
            at: Timestamp::from_seconds(T + second),
            from,
            to,
            by,
        }
    }

    fn told(known: Option<LastChange>, second: i64, counts: (i32, i32), by: Writer) -> LastChange {
        let reason = match by {
            Writer::Own => Reason::MetricAboveTarget,
            Writer::Other => Reason::ReplicasChangedByOther,
        };
        LastChange::or_told(known, &change(second, counts, by), Some(reason))
    }

    #[test]
    fn what_a_status_tells_is_the_last_change_if_it_is_newer() {
        let first = told(None, 0, (2, 4), Writer::Own);
        assert_eq!((i64::from(first.seconds), first.is_growth), (T, true));
        let second = told(Some(first), 60, (4, 3), Writer::Other);
        assert_eq!((i64::from(second.seconds), second.is_growth), (T + 60, false));
        assert_eq!(second.reason, Some(Reason::ReplicasChangedByOther));
        assert_eq!(
            told(Some(second), 0, (2, 4), Writer::Own),
            second,
            "an older status that comes late"
        );
        let written = LastChange {
            winner: Winner::new(1),
            ..first
        };
        assert_eq!(told(Some(written), 0, (2, 4), Writer::Own), written, "an echo");
    }

    #[test]
    fn what_was_laid_to_somebody_else_is_our_own_when_a_status_tells_so() {
        let laid = LastChange::or_seen(None, &change(15, (2, 4), Writer::Other));
        assert_eq!(laid.reason, Some(Reason::ReplicasChangedByOther));
        let own = told(Some(laid), 0, (2, 4), Writer::Own);
        assert_eq!(
            (i64::from(own.seconds), own.reason),
            (T, Some(Reason::MetricAboveTarget))
        );
        // Another direction, and too long ago.
        assert_eq!(told(Some(laid), 0, (4, 3), Writer::Own), laid);
        assert_eq!(told(Some(laid), -106, (2, 4), Writer::Own), laid);
        // Somebody else it was.
        assert_eq!(told(Some(laid), 0, (2, 4), Writer::Other), laid);
    }

    #[test]
    fn what_is_seen_of_an_own_change_counts_where_no_status_told_of_it() {
        let seen = change(15, (2, 4), Writer::Own);
        let alone = LastChange::or_seen(None, &seen);
        assert_eq!((i64::from(alone.seconds), alone.reason), (T + 15, None));
        let known = told(None, 0, (2, 4), Writer::Own);
        assert_eq!(LastChange::or_seen(Some(known), &seen), known);
        let long_ago = told(None, -3600, (2, 4), Writer::Own);
        assert_eq!(LastChange::or_seen(Some(long_ago), &seen), alone);
        assert_eq!(
            told(Some(alone), 0, (2, 4), Writer::Own),
            known,
            "told after it was seen"
        );
    }
}
