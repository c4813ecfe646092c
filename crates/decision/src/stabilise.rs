//! Stage 6a, stabilise: growth takes the least want of its window, shrinking the greatest of its own, and neither
//! turns the direction. As HorizontalPodAutoscaler's `stabilizeRecommendationWithBehaviors`. No I/O.
//!
//! | want against now | wants of the direction's window              | after                          | reason              |
//! |------------------|----------------------------------------------|--------------------------------|---------------------|
//! | equal            | any                                          | as now                         | NoChangeWanted      |
//! | more             | none is less than the want                   | the want                       | WantedThroughout    |
//! | more             | the least is less                            | the least, but not below now   | ScaleUpStabilized   |
//! | fewer            | none is more than the want                   | the want                       | WantedThroughout    |
//! | fewer            | the greatest is more                         | the greatest, but not above now| ScaleDownStabilized |
//! | fewer            | unknown: first evaluation, window not 0      | as now                         | ScaleDownStabilized |

use std::cmp::Ordering;

use crate::Reason;
use crate::step::{Held, Step};

pub(crate) fn stabilise(step: &Step<'_>) -> Held {
    match step.wanted.cmp(&step.current) {
        Ordering::Equal => step.pass(Reason::NoChangeWanted),
        Ordering::Greater => {
            let window = step.policy.scale_up.stabilization_window_seconds;
            match step.memory.scale_up_wants.extreme(step.now, window) {
                Some((least, at)) if least < step.wanted => step.at_most(
                    least,
                    Reason::ScaleUpStabilized,
                    Some(step.now.seconds_left(window, at)),
                ),
                _ => step.pass(Reason::WantedThroughout),
            }
        }
        Ordering::Less => {
            let window = step.policy.scale_down.stabilization_window_seconds;
            if step.memory.recorded_at.is_none() && window > 0 {
                return step.at_least(step.current, Reason::ScaleDownStabilized, Some(window));
            }
            let now = step.memory.known_until(step.now);
            match step.memory.scale_down_wants.extreme(now, window) {
                Some((greatest, at)) if greatest > step.wanted => step.at_least(
                    greatest,
                    Reason::ScaleDownStabilized,
                    Some(now.seconds_left(window, at)),
                ),
                _ => step.pass(Reason::WantedThroughout),
            }
        }
    }
}
