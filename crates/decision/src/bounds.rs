//! Stage 4, bounds: minimum and maximum. What leaves it is called the want. No I/O.
//!
//! | replicas now                   | number asked for  | after             | reason               | later stages |
//! |--------------------------------|-------------------|-------------------|----------------------|--------------|
//! | 0, and the minimum is above 0  | any               | 0                 | ScaledToZeroManually | passed over  |
//! | above the maximum              | any               | the maximum       | AboveMaximum         | passed over  |
//! | below the minimum              | below the minimum | the minimum       | BelowMinimum         | cannot undo  |
//! | at the minimum or above        | below the minimum | the minimum       | AtMinimum            | run          |
//! | above 0, the minimum is 0      | 0, by pods only   | 1                 | NothingWakesFromZero | run          |
//! | any                            | above the maximum | the maximum       | AtMaximum            | run          |
//! | any                            | else              | the number        | WithinBounds         | run          |
//!
//! Where the minimum is above the maximum, the maximum is both. "By pods only" means that every metric is measured in
//! pods: at zero replicas none of them could ask for one again.

use crate::{Measured, Policy, Proposal, Reason, Replicas};

/// The least and the greatest number allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) floor: Replicas,
    pub(crate) ceiling: Replicas,
}

/// What the bounds made of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounded {
    pub(crate) replicas: Replicas,
    pub(crate) reason: Reason,
    pub(crate) then: Then,
}

/// What becomes of the later stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// They are run.
    Continue,
    /// The number is final. The memory keeps the want, if there is one.
    Settled { want: Option<Replicas> },
}

impl Bounds {
    pub(crate) fn of(policy: &Policy) -> Self {
        let ceiling = policy.max_replicas.max(0);
        Self {
            floor: policy.min_replicas.clamp(0, ceiling),
            ceiling,
        }
    }

    pub(crate) fn apply(self, current: Replicas, asked_for: Replicas, proposals: &[Proposal]) -> Bounded {
        let want = asked_for.clamp(self.floor, self.ceiling);
        let last_one = 1.min(self.ceiling);
        let (replicas, reason, then) = if current == 0 && self.floor > 0 {
            (0, Reason::ScaledToZeroManually, Then::Settled { want: None })
        } else if current > self.ceiling {
            (
                self.ceiling,
                Reason::AboveMaximum,
                Then::Settled { want: Some(want) },
            )
        } else if asked_for < self.floor && current < self.floor {
            (want, Reason::BelowMinimum, Then::Continue)
        } else if asked_for < self.floor {
            (want, Reason::AtMinimum, Then::Continue)
        } else if want == 0 && current > 0 && !any_wakes_from_zero(proposals) {
            (last_one, Reason::NothingWakesFromZero, Then::Continue)
        } else if asked_for > self.ceiling {
            (want, Reason::AtMaximum, Then::Continue)
        } else {
            (want, Reason::WithinBounds, Then::Continue)
        };
        Bounded {
            replicas,
            reason,
            then,
        }
    }
}

/// Whether a metric would still be there at zero replicas to ask for more.
fn any_wakes_from_zero(proposals: &[Proposal]) -> bool {
    proposals
        .iter()
        .any(|proposal| matches!(proposal.measured, Some(Measured::Total(_))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;

    #[test]
    fn the_table() {
        use Reason::{AboveMaximum, AtMaximum, AtMinimum, BelowMinimum, ScaledToZeroManually, WithinBounds};
        let settled = |want| Then::Settled { want };
        for (minimum, maximum, current, asked_for, replicas, reason, then) in [
            (3, 8, 0, 5, 0, ScaledToZeroManually, settled(None)),
            (3, 8, 0, 0, 0, ScaledToZeroManually, settled(None)),
            (3, 8, 9, 20, 8, AboveMaximum, settled(Some(8))),
            (3, 8, 9, 5, 8, AboveMaximum, settled(Some(5))),
            (3, 8, 9, 1, 8, AboveMaximum, settled(Some(3))),
            (3, 8, 1, 2, 3, BelowMinimum, Then::Continue),
            (3, 8, 1, 5, 5, WithinBounds, Then::Continue),
            (3, 8, 1, 20, 8, AtMaximum, Then::Continue),
            (3, 8, 5, 1, 3, AtMinimum, Then::Continue),
            (3, 8, 3, 0, 3, AtMinimum, Then::Continue),
            (3, 8, 5, 20, 8, AtMaximum, Then::Continue),
            (3, 8, 8, 8, 8, WithinBounds, Then::Continue),
            (3, 8, 5, 3, 3, WithinBounds, Then::Continue),
            // The minimum is above the maximum.
            (9, 4, 2, 1, 4, BelowMinimum, Then::Continue),
            (9, 4, 7, 7, 4, AboveMaximum, settled(Some(4))),
            // The minimum is zero.
            (0, 8, 0, 0, 0, WithinBounds, Then::Continue),
            (0, 8, 0, 5, 5, WithinBounds, Then::Continue),
            (0, 8, 5, 0, 1, Reason::NothingWakesFromZero, Then::Continue),
            (0, 0, 0, 5, 0, AtMaximum, Then::Continue),
            (3, 0, 0, 5, 0, AtMaximum, Then::Continue),
        ] {
            let limits = Policy {
                min_replicas: minimum,
                max_replicas: maximum,
                ..policy(&[])
            };
            let bounded = Bounds::of(&limits).apply(current, asked_for, &[]);
            let expected = Bounded {
                replicas,
                reason,
                then,
            };
            assert_eq!(bounded, expected, "{minimum}..{maximum}: {current} → {asked_for}");
        }
    }
}
