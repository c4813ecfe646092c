//! Stage 7, wall: growth that the cluster has no room for, or that could not help. Shrinking is never touched. No I/O.
//!
//! | what                                                              | growth up to                | reason        |
//! |-------------------------------------------------------------------|-----------------------------|---------------|
//! | a ResourceQuota refuses pods                                      | now, or what there is room for| QuotaExceeded |
//! | no pod is Ready, and half of them or more end again and again     | now                         | PodsCrashing  |
//! | neither                                                           | free                        | NoWall        |
//!
//! Rising to the floor is free always. Pods that find no node are no wall: node autoscalers live from them.

use std::cmp::Ordering;

use crate::Reason;
use crate::step::{Held, Step};

pub(crate) fn wall(step: &Step<'_>) -> Held {
    match step.wanted.cmp(&step.current) {
        Ordering::Equal => step.pass(Reason::NoChangeWanted),
        Ordering::Less => step.pass(Reason::NoWall),
        Ordering::Greater if all_crash(step) => step.at_most(step.current, Reason::PodsCrashing, None),
        Ordering::Greater => match step.observation.quota_room {
            Some(room) if room < step.wanted => step.at_most(room, Reason::QuotaExceeded, None),
            _ => step.pass(Reason::NoWall),
        },
    }
}

fn all_crash(step: &Step<'_>) -> bool {
    let pods = &step.observation.pods;
    let crashing = pods.iter().filter(|pod| pod.is_crashing()).count();
    crashing > 0 && crashing * 2 >= pods.len() && !pods.contains(&crate::Pod::Ready)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::*;
    use crate::step::scene::Scene;
    use crate::{Pod, Replicas};

    fn walled(
        pods: &[Pod],
        quota_room: Option<Replicas>,
        current: Replicas,
        wanted: Replicas,
    ) -> (Replicas, Reason) {
        let mut scene = Scene::of(policy(&[]));
        scene.floor = 3;
        scene.observation.pods = pods.to_vec();
        scene.observation.quota_room = quota_room;
        let (replicas, reason, retry) = scene.run(wall, current, wanted);
        assert_eq!(retry, None, "nobody knows when a wall falls");
        (replicas, reason)
    }

    #[test]
    fn a_quota_caps_growth_and_nothing_else() {
        use Reason::{NoChangeWanted, NoWall, QuotaExceeded};
        for (room, current, wanted, expected) in [
            (None, 5, 9, (9, NoWall)),
            (Some(5), 5, 9, (5, QuotaExceeded)),
            (Some(7), 5, 9, (7, QuotaExceeded)),
            (Some(9), 5, 9, (9, NoWall)),
            // Asked for before, and refused: it stays asked for.
            (Some(2), 5, 9, (5, QuotaExceeded)),
            (Some(2), 5, 5, (5, NoChangeWanted)),
            (Some(2), 5, 4, (4, NoWall)),
            // The floor is asked for all the same.
            (Some(1), 1, 9, (3, QuotaExceeded)),
            (Some(-4), 1, 2, (2, QuotaExceeded)),
        ] {
            assert_eq!(
                walled(&ready(5), room, current, wanted),
                expected,
                "{room:?} {current}"
            );
        }
    }

    #[test]
    fn more_of_what_only_crashes_is_not_asked_for() {
        use Pod::{Crashing, CrashingAtStart, Ready, Starting, Unready};
        let all = (5, Reason::PodsCrashing);
        let free = (9, Reason::NoWall);
        for (pods, expected) in [
            (vec![Crashing, Crashing], all),
            (vec![CrashingAtStart], all),
            (vec![CrashingAtStart, Starting], all),
            (vec![Crashing, Unready], all),
            (vec![CrashingAtStart, Starting, Starting], free),
            (vec![Crashing, Crashing, Ready], free),
            (vec![Starting, Unready], free),
            (vec![], free),
        ] {
            assert_eq!(walled(&pods, None, 5, 9), expected, "{pods:?}");
        }
        assert_eq!(walled(&[Crashing], None, 5, 2), (2, Reason::NoWall));
        assert_eq!(
            walled(&[Crashing], None, 1, 9),
            (3, Reason::PodsCrashing),
            "the floor is free"
        );
    }
}
