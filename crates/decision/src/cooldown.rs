//! Stage 6b, cool down: time that must have passed since a change before the next one. No I/O.
//!
//! | direction | counts from                                                                       | held: reason      |
//! |-----------|-----------------------------------------------------------------------------------|-------------------|
//! | growth    | the last growth, whoever made it; never grown: no wait                            | ScaleUpCooldown   |
//! | shrinking | the last change in either direction, whoever made it; none known: the first sight | ScaleDownCooldown |
//!
//! | the last replica, unless the ceiling takes it | as shrinking, and the last time that a metric needed a replica or may have; never known: the first sight | IdleCooldown |
//!
//! A change by another writer that is seen only now counts from now.

use std::cmp::Ordering;

use crate::step::{Held, Step};
use crate::{Reason, Timestamp};

pub(crate) fn cool_down(step: &Step<'_>) -> Held {
    match step.wanted.cmp(&step.current) {
        Ordering::Equal => step.pass(Reason::NoChangeWanted),
        Ordering::Greater => {
            let grown_unseen = step.memory.replicas.is_some_and(|seen| seen < step.current);
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
                .filter(|_| step.unseen_change_from().is_none());
            let since = known.or(Some(step.now));
            match time_left(step, step.policy.scale_down.cooldown_seconds, since) {
                Some(left) => step.at_least(step.current, Reason::ScaleDownCooldown, Some(left)),
                None => last_replica(step),
            }
        }
    }
}

fn last_replica(step: &Step<'_>) -> Held {
    if step.wanted > 0 || step.ceiling == 0 {
        return step.pass(Reason::CooledDown);
    }
    let needed = step.memory.last_needed.or(step.memory.first_seen);
    let since = needed.or(Some(step.now));
    match time_left(step, step.policy.scale_down.cooldown_seconds, since) {
        Some(left) => step.at_least(1, Reason::IdleCooldown, Some(left)),
        None => step.pass(Reason::CooledDown),
    }
}

fn time_left(step: &Step<'_>, cooldown_seconds: u32, since: Option<Timestamp>) -> Option<u32> {
    let left = step.now.seconds_left(cooldown_seconds, since?);
    (left > 0).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::step::scene::Scene;
    use crate::{Memory, Policy, Replicas, Rules};

    /// Cools down a minute after growth and two after any change, 100 seconds after noon.
    fn cooled(memory: &Memory, current: Replicas, wanted: Replicas) -> (Replicas, Reason, Option<u32>) {
        let policy = Policy {
            scale_up: Rules {
                cooldown_seconds: 60,
                ..unlimited()
            },
            scale_down: Rules {
                cooldown_seconds: 120,
                ..free()
            },
            ..policy(&[])
        };
        let scene = Scene {
            memory: memory.clone(),
            floor: 0,
            ..Scene::of(policy)
        };
        scene.run(cool_down, current, wanted)
    }

    /// A target with 5 replicas, seen long ago and changed at these times after noon.
    fn changed(growth: Option<u32>, shrinking: Option<u32>) -> Memory {
        let mut memory = Memory::default();
        memory.see(5, Timestamp(noon().0 - 3_600_000));
        if let Some(seconds) = growth {
            memory.record_change(5, 6, after(seconds));
        }
        if let Some(seconds) = shrinking {
            let from = memory.replicas.unwrap_or(5);
            memory.record_change(from, from - 1, after(seconds));
        }
        memory.replicas = Some(5);
        memory
    }

    #[test]
    fn the_table() {
        use Reason::{CooledDown, NoChangeWanted, ScaleDownCooldown, ScaleUpCooldown};
        for (growth, shrinking, current, wanted, expected) in [
            (Some(99), None, 5, 5, (5, NoChangeWanted, None)),
            // Growth waits for growth.
            (None, None, 5, 9, (9, CooledDown, None)),
            (Some(41), None, 5, 9, (5, ScaleUpCooldown, Some(1))),
            (Some(40), None, 5, 9, (9, CooledDown, None)),
            (None, Some(99), 5, 9, (9, CooledDown, None)),
            (Some(30), Some(99), 5, 9, (9, CooledDown, None)),
            // Shrinking waits for both.
            (None, None, 5, 2, (2, CooledDown, None)),
            (Some(10), None, 5, 2, (5, ScaleDownCooldown, Some(30))),
            (None, Some(10), 5, 2, (5, ScaleDownCooldown, Some(30))),
            // Another writer's change is seen only now: from 5 to 7, or to 3.
            (None, None, 7, 9, (7, ScaleUpCooldown, Some(60))),
            (None, None, 3, 9, (9, CooledDown, None)),
            (None, None, 7, 2, (7, ScaleDownCooldown, Some(120))),
            (None, None, 3, 2, (3, ScaleDownCooldown, Some(120))),
        ] {
            let found = cooled(&changed(growth, shrinking), current, wanted);
            assert_eq!(found, expected, "{growth:?} {shrinking:?}: {current} → {wanted}");
        }
    }

    #[test]
    fn what_was_before_the_first_sight_may_have_been_a_change() {
        assert_eq!(
            cooled(&Memory::default(), 5, 2),
            (5, Reason::ScaleDownCooldown, Some(120))
        );
        assert_eq!(cooled(&Memory::default(), 5, 9), (9, Reason::CooledDown, None));
    }

    #[test]
    fn the_last_replica_waits_for_the_time_without_need() {
        use Reason::{CooledDown, IdleCooldown, ScaleDownCooldown};
        let long_ago = Timestamp(noon().0 - 3_600_000);
        for (last_needed, current, wanted, expected) in [
            // Nothing is known of need before the first sight, an hour ago.
            (None, 1, 0, (0, CooledDown, None)),
            (Some(long_ago), 1, 0, (0, CooledDown, None)),
            (Some(noon()), 1, 0, (1, IdleCooldown, Some(20))),
            (Some(Timestamp(noon().0 - 20_000)), 1, 0, (0, CooledDown, None)),
            // The others may go.
            (Some(noon()), 5, 0, (1, IdleCooldown, Some(20))),
            (Some(noon()), 5, 1, (1, CooledDown, None)),
        ] {
            let mut memory = changed(None, None);
            memory.replicas = Some(current);
            memory.last_needed = last_needed;
            assert_eq!(
                cooled(&memory, current, wanted),
                expected,
                "{last_needed:?} {current}"
            );
        }
        let mut memory = changed(Some(10), None);
        memory.last_needed = Some(after(50));
        assert_eq!(
            cooled(&memory, 5, 0),
            (5, ScaleDownCooldown, Some(30)),
            "the longer rule is told"
        );
        let memory = Memory {
            first_seen: Some(noon()),
            replicas: Some(1),
            last_change: Some(long_ago),
            ..Memory::default()
        };
        assert_eq!(
            cooled(&memory, 1, 0),
            (1, IdleCooldown, Some(20)),
            "since the first sight"
        );
    }

    #[test]
    fn a_ceiling_of_zero_does_not_wait_for_need_to_end() {
        let mut scene = Scene::of(Policy {
            max_replicas: 0,
            scale_down: Rules {
                cooldown_seconds: 120,
                ..free()
            },
            ..policy(&[])
        });
        scene.memory = changed(None, None);
        scene.memory.last_needed = Some(after(99));
        assert_eq!(scene.run(cool_down, 5, 0), (0, Reason::CooledDown, None));
    }
}
