//! Stage 6b, cool down: time that must have passed since a change before the next one. No I/O.
//!
//! | direction | counts from                                                                       | held: reason      |
//! |-----------|-----------------------------------------------------------------------------------|-------------------|
//! | growth    | the last growth, whoever made it; never grown: no wait                            | ScaleUpCooldown   |
//! | shrinking | the last change in either direction, whoever made it; none known: the first sight | ScaleDownCooldown |
//!
//! A change by another writer that is seen only now counts from now.

use std::cmp::Ordering;

use crate::step::{Held, Step};
use crate::{Reason, Timestamp};

pub(crate) fn cool_down(step: &Step<'_>) -> Held {
    let unseen = step.unseen_change_from();
    match step.wanted.cmp(&step.current) {
        Ordering::Equal => step.pass(Reason::NoChangeWanted),
        Ordering::Greater => {
            let grown_unseen = unseen.is_some_and(|from| from < step.current);
            let since = if grown_unseen {
                Some(step.now)
            } else {
                step.memory.last_growth
            };
            match time_left(step, step.policy.scale_up.cooldown_seconds, since) {
                Some(left) => step.at_most(step.current, Reason::ScaleUpCooldown, Some(left)),
                None => step.pass(Reason::CooledDown),
            }
        }
        Ordering::Less => {
            let known = step
                .memory
                .last_change
                .or(step.memory.first_seen)
                .filter(|_| unseen.is_none());
            let since = known.or(Some(step.now));
            match time_left(step, step.policy.scale_down.cooldown_seconds, since) {
                Some(left) => step.at_least(step.current, Reason::ScaleDownCooldown, Some(left)),
                None => step.pass(Reason::CooledDown),
            }
        }
    }
}

fn time_left(step: &Step<'_>, cooldown_seconds: u32, since: Option<Timestamp>) -> Option<u32> {
    let left = step.now.seconds_left(cooldown_seconds, since?);
    (left > 0).then_some(left)
}
