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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::recommendations::Keep;
    use crate::step::scene::Scene;
    use crate::{Memory, Policy, Replicas, Rules};

    /// Stabilises 20 seconds after these wants, with windows of a minute.
    fn stabilised(
        wants: &[Replicas],
        current: Replicas,
        wanted: Replicas,
    ) -> (Replicas, Reason, Option<u32>) {
        let window = Rules {
            stabilization_window_seconds: 60,
            ..free()
        };
        let policy = Policy {
            scale_up: window.clone(),
            scale_down: window,
            ..policy(&[])
        };
        let mut memory = Memory::default();
        for want in wants {
            memory.scale_up_wants.push(Keep::Least, *want, noon(), 60);
            memory.scale_down_wants.push(Keep::Greatest, *want, noon(), 60);
            memory.recorded_at = Some(noon());
        }
        let scene = Scene {
            memory,
            now: after(20),
            ..Scene::of(policy)
        };
        scene.run(stabilise, current, wanted)
    }

    #[test]
    fn the_table() {
        use Reason::{NoChangeWanted, ScaleDownStabilized, ScaleUpStabilized, WantedThroughout};
        for (wants, current, wanted, expected) in [
            (vec![9], 5, 5, (5, NoChangeWanted, None)),
            (vec![9], 5, 9, (9, WantedThroughout, None)),
            (vec![12], 5, 9, (9, WantedThroughout, None)),
            (vec![7], 5, 9, (7, ScaleUpStabilized, Some(40))),
            (vec![3], 5, 9, (5, ScaleUpStabilized, Some(40))),
            (vec![2], 5, 2, (2, WantedThroughout, None)),
            (vec![1], 5, 2, (2, WantedThroughout, None)),
            (vec![4], 5, 2, (4, ScaleDownStabilized, Some(40))),
            (vec![9], 5, 2, (5, ScaleDownStabilized, Some(40))),
            // The first evaluation.
            (vec![], 5, 2, (5, ScaleDownStabilized, Some(60))),
            (vec![], 5, 9, (9, WantedThroughout, None)),
        ] {
            assert_eq!(
                stabilised(&wants, current, wanted),
                expected,
                "{wants:?}: {current} → {wanted}"
            );
        }
    }

    #[test]
    fn without_a_window_nothing_is_held() {
        for wanted in [2, 9] {
            assert_eq!(Scene::of(policy(&[])).run(stabilise, 5, wanted).0, wanted);
        }
    }
}
