//! The rows of guard's tables.

use super::*;
use crate::Replicas;
use crate::fixtures::*;
use crate::step::scene::Scene;

mod contest;

use contest::{changed, to_and_fro};

/// Trips when above 0.01 for 30 s, blocks for 900 s at most.
fn errors() -> Guard {
    Guard {
        above: 0.01,
        for_seconds: 30,
        max_block_seconds: 900,
        when_empty: WhenEmpty::Missing,
    }
}

fn guarded(guards: &[Guard]) -> Policy {
    Policy {
        guards: guards.iter().copied().collect(),
        ..policy(&[])
    }
}

/// Looks at one guard again and again: each row is seconds after noon, the reading and the state expected.
fn follow(guard: Guard, rows: &[(u32, Reading, GuardState)]) {
    let mut known = GuardMemory::default();
    for (second, reading, expected) in rows {
        let (record, next) = look(&guard, known, Some(reading), after(*second));
        assert_eq!(record.state, *expected, "at {second} s: {reading:?}");
        known = next;
    }
}

#[test]
fn a_guard_trips_when_its_value_was_above_for_long_enough_without_a_break() {
    use GuardState::{Clear, Pending, Tripped};
    follow(
        errors(),
        &[
            (0, total(0.01), Clear),
            (5, total(0.02), Pending),
            (34, total(0.5), Pending),
            (35, total(0.011), Tripped),
            (40, total(0.01), Clear),
            (45, total(0.02), Pending),
            (75, total(0.02), Tripped),
            (76, total(-5.0), Clear),
        ],
    );
    let at_once = Guard {
        for_seconds: 0,
        ..errors()
    };
    follow(at_once, &[(0, total(0.02), Tripped)]);
}

#[test]
fn a_guard_without_a_value_forbids_at_once_and_an_empty_answer_is_what_the_policy_says() {
    use GuardState::{Clear, Missing as Lacks, Tripped};
    let empty = || Reading::Missing(Missing::NoSamples);
    for (reading, why) in [
        (empty(), Missing::NoSamples),
        (Reading::Missing(Missing::TimedOut), Missing::TimedOut),
        (total(f64::NAN), Missing::NotANumber),
        (total(f64::INFINITY), Missing::NotANumber),
        (per_pod(&[0.0]), Missing::WrongKind),
    ] {
        follow(errors(), &[(0, reading, Lacks(why))]);
    }
    let (record, _) = look(&errors(), GuardMemory::default(), None, noon());
    assert_eq!(record.state, Lacks(Missing::NotReadYet));
    assert_eq!(record.value, None);
    let zero = Guard {
        when_empty: WhenEmpty::Zero,
        ..errors()
    };
    follow(
        zero,
        &[
            (0, empty(), Clear),
            (5, Reading::Missing(Missing::TimedOut), Lacks(Missing::TimedOut)),
        ],
    );
    // What it was above before the gap, it counts as above in the gap.
    follow(
        errors(),
        &[
            (0, total(0.5), GuardState::Pending),
            (10, empty(), Lacks(Missing::NoSamples)),
            (40, total(0.5), Tripped),
        ],
    );
}

#[test]
fn a_guard_forbids_no_longer_than_its_longest_block_until_it_has_been_clear() {
    use GuardState::{Clear, Expired, Missing as Lacks, Pending, Tripped};
    let empty = || Reading::Missing(Missing::NoSamples);
    follow(
        errors(),
        &[
            (0, total(1.0), Pending),
            (30, total(1.0), Tripped),
            (500, empty(), Lacks(Missing::NoSamples)),
            (929, total(1.0), Tripped),
            (930, total(1.0), Expired),
            (940, empty(), Expired),
            (5000, total(1.0), Expired),
            (5005, total(0.0), Clear),
            (5010, total(1.0), Pending),
            (5040, total(1.0), Tripped),
        ],
    );
}

#[test]
fn times_in_the_future_count_as_now() {
    let known = GuardMemory {
        above_since: Some(after(5000)),
        blocking_since: Some(after(5000)),
    };
    let (record, next) = look(&errors(), known, Some(&total(1.0)), after(100));
    assert_eq!(record.state, GuardState::Pending);
    assert_eq!(next.above_since, Some(after(100)));
    let (_, next) = look(
        &errors(),
        known,
        Some(&Reading::Missing(Missing::Stale)),
        after(100),
    );
    assert_eq!(next.blocking_since, Some(after(100)));
}

#[test]
fn shrinking_is_forbidden_and_growth_is_not() {
    use Reason::{GuardMissing, GuardTripped, NoChangeWanted, NothingForbids};
    let at_once = Guard {
        for_seconds: 0,
        ..errors()
    };
    let lacks = || Reading::Missing(Missing::Stale);
    for (readings, current, wanted, expected) in [
        ([total(0.0), total(0.0)], 5, 2, (2, NothingForbids, None)),
        ([total(0.0), total(1.0)], 5, 2, (5, GuardTripped, Some(900))),
        ([total(0.0), lacks()], 5, 2, (5, GuardMissing, Some(900))),
        ([lacks(), total(1.0)], 5, 2, (5, GuardTripped, Some(900))),
        ([total(1.0), total(1.0)], 5, 5, (5, NoChangeWanted, None)),
        ([total(1.0), lacks()], 5, 9, (9, NothingForbids, None)),
    ] {
        let mut scene = Scene::of(guarded(&[at_once, at_once]));
        scene.observation.guards = readings.to_vec();
        assert_eq!(scene.run(guard, current, wanted), expected, "{readings:?}");
    }
}

#[test]
fn of_several_guards_the_one_that_forbids_longest_says_for_how_long() {
    let of = |max_block_seconds| Guard {
        for_seconds: 0,
        max_block_seconds,
        ..errors()
    };
    let mut scene = Scene::of(guarded(&[of(60), of(300), of(10)]));
    scene.observation.guards = vec![total(1.0); 3];
    assert_eq!(scene.run(guard, 5, 2), (5, Reason::GuardTripped, Some(300)));
}

#[test]
fn a_rollout_forbids_shrinking_for_the_freeze_at_most_and_each_has_its_own() {
    let under_way = |revision| Rollout::UnderWay { revision };
    let known = |revision, second| {
        Some(RolloutMemory {
            revision,
            since: after(second),
        })
    };
    let held = |left| (5, Reason::RolloutUnderWay, Some(left));
    let free = (2, Reason::NothingForbids, None);
    for (freeze, remembered, rollout, expected) in [
        (600, None, Rollout::None, free),
        (600, known(1, 0), Rollout::None, free),
        (600, None, under_way(1), held(600)),
        (600, known(1, 40), under_way(1), held(540)),
        (61, known(1, 40), under_way(1), held(1)),
        (60, known(1, 40), under_way(1), free),
        (60, known(1, 40), under_way(2), held(60)),
        (0, None, under_way(1), free),
        (600, known(1, 5000), under_way(1), held(600)),
    ] {
        let mut scene = Scene::of(Policy {
            rollout_freeze_seconds: freeze,
            ..policy(&[])
        });
        scene.memory.rollout = remembered;
        scene.observation.rollout = rollout;
        assert_eq!(
            scene.run(guard, 5, 2),
            expected,
            "{freeze} {remembered:?} {rollout:?}"
        );
        assert_eq!(scene.run(guard, 5, 9), (9, Reason::NothingForbids, None));
    }
}

#[test]
fn what_forbids_is_told_in_the_order_of_the_table() {
    let at_once = Guard {
        for_seconds: 0,
        ..errors()
    };
    let contest = to_and_fro(&[0, 10, 20, 30, 40, 50]);
    let (calm, trips, lacks) = (total(0.0), total(1.0), Reading::Missing(Missing::Stale));
    for (changes, readings, rollout, shrunk, grown) in [
        (
            &contest[..],
            [&trips, &lacks],
            true,
            Reason::ReplicasContested,
            false,
        ),
        (&[], [&lacks, &trips], true, Reason::GuardTripped, true),
        (&[], [&lacks, &calm], true, Reason::GuardMissing, true),
        (&[], [&calm, &calm], true, Reason::RolloutUnderWay, true),
        (&[], [&calm, &calm], false, Reason::NothingForbids, true),
    ] {
        let mut scene = Scene::of(guarded(&[at_once, at_once]));
        scene.memory = changed(changes);
        scene.memory.replicas = Some(4);
        scene.observation.guards = readings.map(Clone::clone).to_vec();
        if rollout {
            scene.observation.rollout = Rollout::UnderWay { revision: 1 };
        }
        let held = shrunk != Reason::NothingForbids;
        let (replicas, reason, _) = scene.run(guard, 4, 2);
        assert_eq!((replicas, reason), (if held { 4 } else { 2 }, shrunk));
        let (replicas, reason, _) = scene.run(guard, 4, 9);
        let expected = if grown {
            (9, Reason::NothingForbids)
        } else {
            (4, shrunk)
        };
        assert_eq!((replicas, reason), expected);
        assert_eq!(scene.run(guard, 4, 4), (4, Reason::NoChangeWanted, None));
    }
}

#[test]
fn a_guard_that_has_expired_leaves_shrinking_to_the_rollout() {
    let mut scene = Scene::of(guarded(&[errors()]));
    scene.memory.guards = [GuardMemory {
        above_since: Some(noon()),
        blocking_since: Some(Timestamp(after(100).0 - 900_000)),
    }]
    .into_iter()
    .collect();
    for reading in [total(1.0), Reading::Missing(Missing::Stale)] {
        scene.observation.guards = vec![reading];
        scene.observation.rollout = Rollout::None;
        assert_eq!(scene.run(guard, 5, 2), (2, Reason::NothingForbids, None));
        scene.observation.rollout = Rollout::UnderWay { revision: 1 };
        assert_eq!(scene.run(guard, 5, 2), (5, Reason::RolloutUnderWay, Some(600)));
    }
}

#[test]
fn each_guard_has_a_record_and_a_memory_of_its_own() {
    let memory = Memory {
        guards: [
            GuardMemory {
                above_since: Some(noon()),
                blocking_since: None,
            },
            GuardMemory::default(),
        ]
        .into_iter()
        .collect(),
        ..Memory::default()
    };
    let observation = Observation {
        guards: vec![total(1.0), total(1.0)],
        ..Observation::default()
    };
    // The third has neither a reading nor a memory.
    let forbidding = Forbidding::of(&guarded(&[errors(); 3]), &memory, &observation, after(30));
    let states: Vec<_> = forbidding.guards.iter().map(|guard| guard.state).collect();
    assert_eq!(
        states,
        [
            GuardState::Tripped,
            GuardState::Pending,
            GuardState::Missing(Missing::NotReadYet)
        ]
    );
    let values: Vec<_> = forbidding.guards.iter().map(|guard| guard.value).collect();
    assert_eq!(values, [Some(1.0), Some(1.0), None]);
    let since = |above: Option<u32>, blocking: Option<u32>| GuardMemory {
        above_since: above.map(after),
        blocking_since: blocking.map(after),
    };
    assert_eq!(
        forbidding.remember.as_slice(),
        [
            since(Some(0), Some(30)),
            since(Some(30), None),
            since(None, Some(30))
        ]
    );
}

#[test]
fn a_rollout_is_remembered_from_its_first_sight_to_its_end() {
    let mut observation = Observation::default();
    let mut memory = Memory::default();
    for (second, rollout, since) in [
        (0, Rollout::None, None),
        (10, Rollout::UnderWay { revision: 1 }, Some((1, 10))),
        (20, Rollout::UnderWay { revision: 1 }, Some((1, 10))),
        (30, Rollout::UnderWay { revision: 2 }, Some((2, 30))),
        (40, Rollout::None, None),
        (50, Rollout::UnderWay { revision: 2 }, Some((2, 50))),
        (45, Rollout::UnderWay { revision: 2 }, Some((2, 45))),
    ] {
        observation.rollout = rollout;
        memory.rollout = Forbidding::of(&policy(&[]), &memory, &observation, after(second)).rollout;
        let expected = since.map(|(revision, second)| RolloutMemory {
            revision,
            since: after(second),
        });
        assert_eq!(memory.rollout, expected, "at {second} s");
    }
}
