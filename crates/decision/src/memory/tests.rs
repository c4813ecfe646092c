//! What is kept of an evaluation, of changes, and of what is known from elsewhere.

use super::*;
use crate::fixtures::*;
use crate::{Fallback, Missing, Observation, Policy, Reading, Reason, decide};

/// A decision at five replicas whose record is to be changed by the test.
fn decision() -> Decision {
    once(&policy(&[queue()]), &observation(5, vec![total(50.0)]))
}

fn change(second: u32, from: Replicas, to: Replicas, by: Writer) -> Change {
    let at = after(second);
    Change { at, from, to, by }
}

#[test]
fn the_time_of_the_last_need_moves_only_with_need() {
    let (mut needed, mut idle) = (decision(), decision());
    needed.remember.needed = true;
    idle.remember.needed = false;
    let mut memory = Memory::default();
    for (second, decision, expected) in [
        (0, &idle, None),
        (5, &needed, Some(after(5))),
        (10, &idle, Some(after(5))),
        (15, &needed, Some(after(15))),
    ] {
        memory.record(decision, after(second));
        assert_eq!(memory.last_needed, expected, "at {second} s");
    }
}

#[test]
fn what_the_decision_says_of_missing_metrics_guards_and_rollouts_is_kept_as_it_is() {
    let guard = GuardMemory {
        above_since: Some(after(1)),
        blocking_since: Some(after(2)),
    };
    let rollout = RolloutMemory {
        revision: 7,
        since: after(3),
    };
    let mut seen = decision();
    seen.remember.missing_since = Some(after(4));
    seen.remember.guards = [guard].into_iter().collect();
    seen.remember.rollout = Some(rollout);
    let mut memory = Memory::default();
    memory.record(&seen, after(5));
    assert_eq!(memory.missing_since, Some(after(4)));
    assert_eq!(*memory.guards, [guard]);
    assert_eq!(memory.rollout, Some(rollout));
    memory.forget_guards();
    assert!(memory.guards.is_empty());
    memory.record(&seen, after(6));
    memory.record(&decision(), after(10));
    assert_eq!((memory.missing_since, memory.rollout), (None, None));
    assert!(memory.guards.is_empty());
}

#[test]
fn a_change_is_remembered_with_its_writer_and_only_growth_as_growth() {
    let mut memory = Memory::default();
    memory.see(5, noon());
    let known = |memory: &Memory| (memory.last_change, memory.last_growth, memory.last_writer);
    assert_eq!(known(&memory), (None, None, None), "the first sight is no change");
    memory.see(5, after(10));
    assert_eq!(
        known(&memory),
        (None, None, None),
        "the same again is none either"
    );
    memory.record_change(5, 8, after(20));
    assert_eq!(
        known(&memory),
        (Some(after(20)), Some(after(20)), Some(Writer::Own))
    );
    memory.see(6, after(30));
    assert_eq!(
        known(&memory),
        (Some(after(30)), Some(after(20)), Some(Writer::Other))
    );
    memory.record_change(6, 6, after(40));
    assert_eq!(
        memory.last_writer,
        Some(Writer::Other),
        "a write that changes nothing is no change"
    );
    assert_eq!(
        memory.changes(),
        [change(20, 5, 8, Writer::Own), change(30, 8, 6, Writer::Other)]
    );
    assert_eq!(memory.last_change(), Some(after(30)));
}

#[test]
fn only_more_than_before_is_growth() {
    for (from, to, is_growth) in [(2, 3, true), (3, 3, false), (3, 2, false)] {
        let change = change(0, from, to, Writer::Own);
        assert_eq!(change.is_growth(), is_growth, "{from} → {to}");
    }
}

#[test]
fn a_change_known_from_elsewhere_shows_what_happened_before_it() {
    let mut memory = Memory::default();
    memory.restore_change(change(0, 2, 5, Writer::Own));
    // Somebody must have scaled from 5 to 3 in between.
    memory.restore_change(change(60, 3, 7, Writer::Own));
    assert_eq!(
        memory.changes(),
        [
            change(0, 2, 5, Writer::Own),
            change(60, 5, 3, Writer::Other),
            change(60, 3, 7, Writer::Own),
        ]
    );
    assert_eq!(
        (memory.replicas, memory.first_seen),
        (Some(7), None),
        "it was not watched then"
    );
    memory.restore_change(change(70, -4, -9, Writer::Other));
    assert_eq!(memory.replicas, Some(0), "negative numbers are zero");
    assert_eq!(
        memory.changes().last(),
        Some(&change(70, 7, 0, Writer::Other)),
        "and from zero to zero nothing changes"
    );
}

#[test]
fn what_another_process_of_this_controller_wrote_is_no_change_by_somebody_else() {
    let mut memory = Memory::default();
    memory.see_own(4, after(0));
    assert_eq!(
        memory,
        Memory::default(),
        "of what was never seen nothing is known"
    );
    memory.see(2, after(0));
    memory.see_own(2, after(5));
    memory.see_own(6, after(10));
    memory.see(6, after(15));
    assert_eq!(memory.changes(), [change(10, 2, 6, Writer::Own)]);
    assert_eq!(memory.last_growth, Some(after(10)));
    memory.see(5, after(20));
    assert_eq!(memory.changes().last(), Some(&change(20, 6, 5, Writer::Other)));
}

#[test]
fn the_fallback_counts_from_a_time_that_is_known_from_elsewhere() {
    let policy = Policy {
        fallback: Some(Fallback {
            after_seconds: 180,
            replicas: 8,
        }),
        ..policy(&[queue()])
    };
    let blind = observation(5, vec![Reading::Missing(Missing::Unreachable)]);
    let mut memory = Memory::default();
    memory.restore_missing_since(noon());
    let at = |second| decide(&policy, &memory, &blind, after(second));
    assert_eq!((at(179).desired, at(179).reason), (5, Reason::MetricsMissing));
    assert_eq!((at(180).desired, at(180).reason), (8, Reason::FallbackActive));
}

#[test]
fn a_full_list_of_changes_forgets_the_oldest() {
    let mut memory = Memory::default();
    for second in 0..=u32::try_from(MAX_CHANGES).unwrap() {
        let replicas = i32::try_from(second).unwrap();
        memory.record_change(replicas, replicas + 1, after(second));
    }
    assert_eq!(memory.changes().len(), MAX_CHANGES);
    assert_eq!(memory.changes()[0], change(1, 1, 2, Writer::Own));
}

#[test]
fn every_time_in_the_future_is_brought_back_to_now() {
    let late = Some(after(5000));
    let mut memory = Memory {
        first_seen: late,
        recorded_at: late,
        last_change: late,
        last_growth: late,
        last_needed: late,
        missing_since: late,
        changes: vec![change(10, 1, 2, Writer::Own), change(5000, 2, 5, Writer::Own)],
        ..Memory::default()
    };
    memory.see(5, after(100));
    let now = Some(after(100));
    let expected = Memory {
        replicas: Some(5),
        first_seen: now,
        recorded_at: now,
        last_change: now,
        last_growth: now,
        last_needed: now,
        missing_since: now,
        changes: vec![change(10, 1, 2, Writer::Own), change(100, 2, 5, Writer::Own)],
        ..Memory::default()
    };
    assert_eq!(memory, expected);
    // What is past stays.
    memory.see(5, after(200));
    assert_eq!(memory, expected);
}

#[test]
fn a_clock_set_back_prolongs_neither_guards_nor_rollouts() {
    let mut memory = Memory::default();
    let mut seen = decision();
    let late = Some(after(5000));
    seen.remember.guards = [GuardMemory {
        above_since: late,
        blocking_since: late,
    }]
    .into_iter()
    .collect();
    seen.remember.rollout = late.map(|since| RolloutMemory { revision: 7, since });
    memory.record(&seen, after(5000));
    let mut policy = policy(&[queue()]);
    policy.guards = [crate::Guard {
        above: 0.5,
        for_seconds: 0,
        max_block_seconds: 300,
        when_empty: crate::WhenEmpty::Missing,
    }]
    .into_iter()
    .collect();
    let observation = Observation {
        guards: vec![total(1.0)],
        rollout: crate::Rollout::UnderWay { revision: 7 },
        ..observation(5, vec![total(20.0)])
    };
    let decision = decide(&policy, &memory, &observation, after(100));
    assert_eq!(decision.retry_after_seconds, Some(300));
    assert_eq!(decision.remember.guards[0].blocking_since, Some(after(100)));
    assert_eq!(
        decision.remember.rollout.map(|rollout| rollout.since),
        Some(after(100))
    );
}

#[test]
fn wants_count_as_known_for_a_while_after_the_last_evaluation() {
    let mut memory = Memory::default();
    assert_eq!(memory.known_until(after(500)), after(500));
    memory.record(&decision(), noon());
    for (now, until) in [(0, 0), (119, 119), (120, 120), (121, 120), (5000, 120)] {
        assert_eq!(memory.known_until(after(now)), after(until), "at {now} s");
    }
}

#[test]
fn a_first_evaluation_counts_the_replicas_that_are_there_as_wanted() {
    let mut memory = Memory::default();
    let mut seen = decision();
    seen.remember.want = Want::Known(2);
    seen.remember.scale_up_window_seconds = 60;
    seen.remember.scale_down_window_seconds = 300;
    memory.record(&seen, noon());
    assert_eq!(memory.scale_down_wants.extreme(after(1), 300), Some((5, noon())));
    assert_eq!(memory.scale_up_wants.extreme(after(1), 60), Some((2, noon())));
    // The second does not, and a want that is not known adds nothing.
    seen.remember.want = Want::Unknown;
    memory.record(&seen, after(100));
    memory.record(&seen, after(299));
    assert_eq!(
        memory.scale_down_wants.extreme(after(300), 300),
        Some((5, after(299))),
        "time in which nothing is known does not count"
    );
    assert_eq!(memory.scale_up_wants.extreme(after(59), 60), Some((2, noon())));
    assert_eq!(memory.scale_up_wants.extreme(after(60), 60), None);
}

#[test]
fn a_change_that_the_status_claims_is_this_policys_own_if_it_is_the_one_that_was_seen() {
    let seen = |own: Change| {
        let mut memory = Memory::default();
        memory.see(2, after(0));
        memory.see(0, after(200));
        memory.claim([own]);
        (memory.last_writer, memory.changes()[0].by)
    };
    let (own, other) = (
        (Some(Writer::Own), Writer::Own),
        (Some(Writer::Other), Writer::Other),
    );
    assert_eq!(seen(change(190, 2, 0, Writer::Own)), own);
    assert_eq!(seen(change(250, 2, 0, Writer::Own)), own, "clocks may be apart");
    assert_eq!(seen(change(190, 2, 1, Writer::Own)), other, "another count");
    assert_eq!(seen(change(79, 2, 0, Writer::Own)), other, "made long before");
    assert_eq!(
        seen(change(261, 2, 0, Writer::Own)),
        other,
        "seen before it was made"
    );
    assert_eq!(seen(change(190, 2, 0, Writer::Other)), other, "told of another");
    let mut memory = Memory::default();
    memory.claim([change(0, 2, 0, Writer::Own)]);
    assert_eq!(memory, Memory::default());
}

#[test]
fn of_several_changes_that_one_status_claims_each_is_this_policys_own() {
    let told = [
        change(10, 1, 5, Writer::Own),
        change(25, 5, 1, Writer::Other),
        change(40, 1, 5, Writer::Own),
        change(55, 5, 9, Writer::Own),
    ];
    // Looked at five seconds later, and then somebody sets what was set before.
    let looks = [(0, 1), (15, 5), (30, 1), (45, 5), (60, 9), (75, 5)];
    let mut memory = Memory::default();
    for (at, replicas) in looks {
        memory.see(replicas, after(at));
    }
    memory.claim(told);
    let writers: Vec<Writer> = memory.changes().iter().map(|change| change.by).collect();
    let (own, other) = (Writer::Own, Writer::Other);
    assert_eq!(writers, [own, other, own, own, other]);
    assert_eq!(
        memory.last_writer,
        Some(other),
        "the last change is not among them"
    );
    let before = memory.clone();
    memory.claim(told);
    assert_eq!(memory, before, "told once more");
}

#[test]
fn a_status_claims_what_was_seen_of_its_changes_as_one() {
    let mut memory = Memory::default();
    memory.see(2, after(0));
    memory.see(0, after(60));
    let told = [change(10, 2, 1, Writer::Own), change(25, 1, 0, Writer::Own)];
    memory.claim(told);
    let seen = (memory.changes()[0], memory.last_writer);
    assert_eq!(seen, (change(60, 2, 0, Writer::Own), Some(Writer::Own)));
    // One that was told of before the newest is not what was seen last.
    memory.see(1, after(70));
    memory.claim(told);
    assert_eq!(memory.changes()[1].by, Writer::Other);
}
