//! Stage 4, bounds: floors and ceilings. What leaves it is called the want. No I/O.
//!
//! | floor: the greatest of                                  | reason when it binds                |
//! |---------------------------------------------------------|-------------------------------------|
//! | the policy's minimum                                    | AtMinimum, BelowMinimum             |
//! | the minimum of each open window                         | ScheduledMinimum                    |
//! | that of each window which opens within the start-up time| ScheduledMinimumSoon                |
//!
//! | ceiling: the least of                                   | reason when it binds                |
//! |---------------------------------------------------------|-------------------------------------|
//! | the policy's maximum                                    | AtMaximum, AboveMaximum             |
//! | the maximum of each open window                         | ScheduledMaximum                    |
//!
//! Where the floor is above the ceiling, the ceiling is both numbers. Of equal bounds the policy's counts, then the first window's.
//!
//! | replicas now                        | number asked for  | after             | reason                | later stages |
//! |-------------------------------------|-------------------|-------------------|-----------------------|--------------|
//! | 0 by another's hand, minimum above 0| any               | 0                 | ScaledToZeroManually  | passed over  |
//! | above the policy's maximum          | any               | that maximum      | AboveMaximum          | passed over  |
//! | any, metrics missing                | fewer after bounds| as now            | ShrinkHeldMetricMissing| run         |
//! | below the floor                     | below the floor   | the floor         | the floor's           | cannot undo  |
//! | at the floor or above               | below the floor   | the floor         | the floor's           | run          |
//! | above 0, the floor is 0             | 0, by pods only   | 1                 | NothingWakesFromZero  | run          |
//! | any                                 | above the ceiling | the ceiling       | the ceiling's         | run          |
//! | any                                 | else              | the number        | WithinBounds          | run          |
//!
//! "By pods only" means that every metric is measured in pods: at zero replicas none of them could ask for one again. A
//! policy that took its target to zero itself, by a schedule or an earlier minimum, takes it up again.

use crate::combine::Combined;
use crate::{
    BoundFrom, MAX_LEAD_SECONDS, Memory, Observation, Policy, Proposal, Reason, Replicas, Timestamp, Writer,
};

/// The least and the greatest number allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) floor: Replicas,
    pub(crate) floor_from: BoundFrom,
    pub(crate) ceiling: Replicas,
    pub(crate) ceiling_from: BoundFrom,
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
    pub(crate) fn of(policy: &Policy, observation: &Observation, now: Timestamp) -> Self {
        let mut bounds = Self {
            floor: policy.min_replicas.max(0),
            floor_from: BoundFrom::Policy,
            ceiling: policy.max_replicas.max(0),
            ceiling_from: BoundFrom::Policy,
        };
        let lead = observation.startup_seconds.unwrap_or(0).min(MAX_LEAD_SECONDS);
        for window in &observation.windows {
            if now >= window.end || now.plus_seconds(lead) < window.start {
                continue;
            }
            let is_open = now >= window.start;
            if let Some(floor) = window.min_replicas.filter(|floor| *floor > bounds.floor) {
                bounds.floor = floor;
                bounds.floor_from = if is_open {
                    BoundFrom::Schedule(window.schedule)
                } else {
                    BoundFrom::ScheduleSoon(window.schedule)
                };
            }
            if let Some(ceiling) = window.max_replicas.map(|ceiling| ceiling.max(0))
                && is_open
                && ceiling < bounds.ceiling
            {
                bounds.ceiling = ceiling;
                bounds.ceiling_from = BoundFrom::Schedule(window.schedule);
            }
        }
        bounds.floor = bounds.floor.min(bounds.ceiling);
        bounds
    }

    pub(crate) fn apply(
        self,
        policy: &Policy,
        memory: &Memory,
        current: Replicas,
        combined: &Combined,
        proposals: &[Proposal],
    ) -> Bounded {
        let asked_for = combined.replicas;
        let want = asked_for.clamp(self.floor, self.ceiling);
        let maximum = policy.max_replicas.max(0);
        let (replicas, reason, then) =
            if current == 0 && self.floor > 0 && policy.min_replicas > 0 && !memory.took_to_zero() {
                (0, Reason::ScaledToZeroManually, Then::Settled { want: None })
            } else if current > maximum {
                let then = Then::Settled { want: Some(want) };
                (maximum, Reason::AboveMaximum, then)
            } else if combined.may_not_shrink && want < current {
                (current, Reason::ShrinkHeldMetricMissing, Then::Continue)
            } else if asked_for < self.floor {
                (want, self.floor_reason(current), Then::Continue)
            } else if want == 0 && current > 0 && self.ceiling > 0 && !any_wakes_from_zero(proposals) {
                (1, Reason::NothingWakesFromZero, Then::Continue)
            } else if asked_for > self.ceiling {
                (want, self.ceiling_reason(), Then::Continue)
            } else {
                (want, Reason::WithinBounds, Then::Continue)
            };
        Bounded {
            replicas,
            reason,
            then,
        }
    }

    /// Why there must be as many as the floor, seen from `current`.
    pub(crate) const fn floor_reason(&self, current: Replicas) -> Reason {
        match self.floor_from {
            BoundFrom::Policy if current < self.floor => Reason::BelowMinimum,
            BoundFrom::Policy => Reason::AtMinimum,
            BoundFrom::Schedule(_) => Reason::ScheduledMinimum,
            BoundFrom::ScheduleSoon(_) => Reason::ScheduledMinimumSoon,
        }
    }

    const fn ceiling_reason(&self) -> Reason {
        match self.ceiling_from {
            BoundFrom::Policy => Reason::AtMaximum,
            BoundFrom::Schedule(_) | BoundFrom::ScheduleSoon(_) => Reason::ScheduledMaximum,
        }
    }
}

impl Memory {
    /// Whether the zero replicas that are there now are this policy's own doing.
    fn took_to_zero(&self) -> bool {
        self.replicas == Some(0) && self.last_writer == Some(Writer::Own)
    }
}

/// Whether a metric would still be there at zero replicas to ask for more.
fn any_wakes_from_zero(proposals: &[Proposal]) -> bool {
    proposals.iter().any(Proposal::is_total)
}

#[cfg(test)]
mod tests;
