//! What is remembered: windows, rate policies, other writers, restarts.

use concertina_decision::*;

use crate::cases::*;
use crate::fixtures::{Timeline, percent, pods, total};
use crate::hpa_loop::{Behavior, Hpa};
use crate::outcome::{Comparison, hpa_over_time, ours_over_time, path};

/// Both with these rate policies, no windows and no cooldowns.
fn limited(up: Option<RatePolicy>, down: Option<RatePolicy>) -> (Hpa, Policy) {
    let (mut hpa, mut policy) = Situation::of(1, vec![queue_of(0.0)]).undamped();
    let mut behavior = hpa.behavior.clone().unwrap_or_default();
    if let Some(limit) = up {
        behavior.up.policies = vec![limit];
        policy.scale_up.policies = [limit].into_iter().collect();
    }
    if let Some(limit) = down {
        behavior.down.policies = vec![limit];
        policy.scale_down.policies = [limit].into_iter().collect();
    }
    hpa.behavior = Some(behavior);
    (hpa, policy)
}

/// A queue of so many, seen at these seconds. Where a number of replicas is given, somebody has set it just before.
#[derive(Clone, Copy)]
struct Seen {
    second: u32,
    queue: f64,
    set_by_hand: Option<Replicas>,
}

fn seen(second: u32, queue: f64) -> Seen {
    Seen {
        second,
        queue,
        set_by_hand: None,
    }
}

fn set(second: u32, replicas: Replicas, queue: f64) -> Seen {
    Seen {
        set_by_hand: Some(replicas),
        ..seen(second, queue)
    }
}

fn compare_over(
    (mut hpa, policy): (Hpa, Policy),
    replicas: Replicas,
    story: &[Seen],
    situation: &'static str,
    why: &'static str,
) -> Comparison {
    let at = |second: u32, replicas: Replicas| {
        let seen = story.iter().find(|seen| seen.second == second).unwrap();
        let replicas = usize::try_from(seen.set_by_hand.unwrap_or(replicas)).unwrap();
        Situation::of(replicas, vec![queue_of(seen.queue)])
    };
    let seconds = || story.iter().map(|seen| seen.second);
    Comparison {
        situation,
        why,
        hpa: path(hpa_over_time(&mut hpa, seconds(), replicas, at)),
        concertina: path(ours_over_time(policy, seconds(), replicas, at)),
    }
}

pub(crate) fn hpa_stabilisation_can_grow_a_target_and_ours_cannot() -> Comparison {
    let both = Situation::of(20, vec![queue_of(200.0)]).by_default();
    compare_over(
        both,
        20,
        &[seen(0, 200.0), set(60, 10, 100.0)],
        "20 replicas at their target; a minute later half the load, and somebody scales to the 10 that it needs",
        "Without `behavior` the greatest recommendation of five minutes is what is wanted, even above the current count.",
    )
    .gives("20 → 10 → 20", "20 → 10")
}

pub(crate) fn hpa_and_we_stabilise_around_the_current_count_with_behavior() -> Comparison {
    let (mut hpa, policy) = Situation::of(20, vec![queue_of(200.0)]).by_default();
    hpa.behavior = Some(Behavior::default());
    compare_over(
        (hpa, policy),
        20,
        &[seen(0, 200.0), set(60, 10, 100.0)],
        "The same with `behavior`, its values being the defaults",
        "Alike since kubernetes#98174: a window never turns the direction.",
    )
    .gives("20 → 10", "20 → 10")
}

pub(crate) fn hpa_budget_does_not_count_changes_by_others_and_ours_does() -> Comparison {
    compare_over(
        limited(None, Some(percent(50, 600))),
        20,
        &[seen(0, 200.0), set(60, 10, 30.0), seen(75, 30.0)],
        "At most half in ten minutes: somebody scales 20 to 10, and the load falls further",
        "Only its own writes are counted, so the period seems to have begun with 10.",
    )
    .gives("20 → 10 → 5", "20 → 10")
}

pub(crate) fn hpa_and_we_count_a_correction_to_a_bound_towards_the_budget() -> Comparison {
    let (mut hpa, mut policy) = limited(None, Some(pods(4, 600)));
    hpa.max = 16;
    policy.max_replicas = 16;
    compare_over(
        (hpa, policy),
        20,
        &[seen(0, 200.0), seen(15, 50.0), seen(30, 50.0)],
        "At most 4 fewer in ten minutes: `maxReplicas` is lowered from 20 to 16, then the load falls",
        "Alike: the correction is made at once and passes over the limits, but it is a change, and the budget is of changes.",
    )
    .gives("20 → 16", "20 → 16")
}

pub(crate) fn hpa_forgets_its_budget_on_restart_and_we_do_not() -> Comparison {
    let (mut hpa, policy) = limited(Some(pods(4, 600)), None);
    let at = |_: u32, replicas: Replicas| Situation::at(replicas, vec![queue_of(500.0)]);
    let mut theirs = hpa_over_time(&mut hpa, [0], 10, at);
    let mut restarted = hpa.restarted();
    theirs.extend(hpa_over_time(&mut restarted, [60], 14, at));

    let mut target = Timeline::new(policy, 10);
    let mut ours = vec![10];
    for second in [0, 60] {
        target.at(second).read(vec![total(500.0)]);
        ours.push(target.replicas);
        // The changes are in the policy's status, and a new process begins with them.
        let changes = target.memory.changes().to_vec();
        target.memory = Memory::default();
        for change in changes {
            target.memory.restore_change(change);
        }
    }
    Comparison {
        situation: "At most 4 more in ten minutes, much more load; the controller is started again after a minute",
        why: "What was changed and recommended is kept in the controller's memory only. We read the changes back from the status.",
        hpa: path(theirs),
        concertina: path(ours),
    }
    .gives("10 → 14 → 18", "10 → 14")
}

pub(crate) fn hpa_loses_events_that_the_other_direction_still_counts_and_we_do_not() -> Comparison {
    compare_over(
        limited(Some(pods(4, 15)), Some(pods(2, 600))),
        10,
        &[
            seen(0, 180.0),
            seen(30, 180.0),
            seen(60, 50.0),
        ],
        "At most 4 more in 15 s, at most 2 fewer in ten minutes: 10 grow to 18 in half a minute, then the load falls",
        "A second growth takes the place of the first in memory once no growth policy reaches it, although a shrink policy does: the period seems to have begun with 14, not with 10.",
    )
    .gives("10 → 14 → 18 → 12", "10 → 14 → 18 → 8")
}

pub(crate) fn hpa_removes_everything_in_one_step_by_default_and_we_do_not() -> Comparison {
    let at = |second: u32, replicas: Replicas| {
        let queue = if second == 0 { 1000.0 } else { 10.0 };
        Situation::at(replicas, vec![queue_of(queue)])
    };
    let (mut hpa, policy) = at(0, 100).by_default();
    let seconds = || (0..=600).step_by(15);
    Comparison {
        situation: "100 replicas; a broken exporter reports 1 % of the load for ten minutes",
        why: "By default all replicas may go in 15 s, so when the window of 300 s ends everything goes at once. Ours is a quarter in a minute.",
        hpa: path(hpa_over_time(&mut hpa, seconds(), 100, at)),
        concertina: path(ours_over_time(policy, seconds(), 100, at)),
    }
    .gives("100 → 1", "100 → 75 → 56 → 42 → 31 → 23 → 17")
}
