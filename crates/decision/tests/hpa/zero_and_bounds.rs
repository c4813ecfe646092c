//! No replicas, and the bounds.

use concertina_decision::*;

use crate::cases::*;
use crate::outcome::{Comparison, hpa_over_time, ours_over_time, path};

pub(crate) fn hpa_never_wakes_what_was_created_at_zero_and_we_do() -> Comparison {
    let situation = Situation::of(0, vec![queue_of(30.0)]);
    let (mut hpa, mut policy) = situation.undamped();
    hpa.min = 0;
    policy.min_replicas = 0;
    situation
        .compare_with(
            hpa,
            &policy,
            "Created with `replicas: 0`, minimum 0, a queue of 30, 10 for each replica",
            "At zero it looks at metrics only if it went there itself.",
        )
        .gives("stays at 0 (ScalingDisabled)", "0 → 3 (MetricAboveTarget)")
}

pub(crate) fn hpa_and_we_take_zero_by_hand_for_a_pause() -> Comparison {
    Situation::of(0, vec![queue_of(30.0)])
        .compare(
            "Scaled to 0 by hand, minimum 1, a queue of 30",
            "Alike: an operator's pause.",
        )
        .gives(
            "stays at 0 (ScalingDisabled)",
            "stays at 0 (ScaledToZeroManually)",
        )
}

pub(crate) fn hpa_and_we_bring_a_target_into_its_bounds_at_once() -> Comparison {
    Situation::of(120, vec![queue_of(1200.0)])
        .compare(
            "120 replicas at their target, maximum 100",
            "Alike: no window, cooldown or limit holds it.",
        )
        .gives("120 → 100", "120 → 100 (AboveMaximum)")
}

pub(crate) fn hpa_ends_the_last_replica_when_its_window_ends_and_we_after_a_cooldown() -> Comparison {
    let at = |second: u32, replicas: Replicas| {
        let queue = if second == 0 { 20.0 } else { 0.0 };
        Situation::at(replicas, vec![queue_of(queue)])
    };
    let (mut hpa, mut policy) = at(0, 2).by_default();
    hpa.min = 0;
    policy.min_replicas = 0;
    policy.scale_down.policies = [RatePolicy {
        kind: RateKind::Percent,
        value: 100,
        period_seconds: 15,
    }]
    .into_iter()
    .collect();
    policy.scale_down.cooldown_seconds = 600;
    let until = |end: u32| (0..=end).step_by(15);
    let ours = |end| path(ours_over_time(policy.clone(), until(end), 2, at));
    let theirs = |end| path(hpa_over_time(&mut hpa.clone(), until(end), 2, at));
    Comparison {
        situation: "2 replicas, minimum 0, an empty queue for eight minutes; our policy has `scaleDown.cooldownSeconds: 600`",
        why: "There is no cooldown, only the window; how long a cold start is worth avoiding cannot be said.",
        hpa: theirs(480),
        concertina: ours(480),
    }
    .gives("2 → 0", "stays at 2")
}
