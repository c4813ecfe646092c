//! Stage 6c, limit: how much may change per period. No I/O.
//!
//! A policy's budget counts from the replicas at the beginning of its period, so changes in both directions and by
//! other writers are in it. Policies are `Pods value` or `Percent value`; each allows at least one replica.
//!
//! | direction | policy  | limit                              | several: Max | Min      | none                       |
//! |-----------|---------|------------------------------------|--------------|----------|----------------------------|
//! | growth    | Pods    | start + value                      | greatest     | least    | no limit                   |
//! | growth    | Percent | start × (100 + value) %, rounded up|              |          |                            |
//! | shrinking | Pods    | start − value                      | least        | greatest | `DEFAULT_SCALE_DOWN_POLICY`|
//! | shrinking | Percent | start × (100 − value) %, rounded down|            |          |                            |
//!
//! `Disabled` allows nothing. A limit never turns the direction: where the budget is used up, the number stays as now.
//! As HorizontalPodAutoscaler's `calculateScaleUpLimitWithScalingRules`, but in whole numbers, and with other writers.

use std::cmp::Ordering;

use crate::step::{Held, Step};
use crate::{
    DEFAULT_SCALE_DOWN_POLICY, MAX_PERIOD_SECONDS, RateKind, RatePolicy, Reason, Replicas, SelectPolicy,
    Timestamp,
};

pub(crate) fn limit(step: &Step<'_>) -> Held {
    match step.wanted.cmp(&step.current) {
        Ordering::Equal => step.pass(Reason::NoChangeWanted),
        Ordering::Greater => limit_growth(step),
        Ordering::Less => limit_shrinking(step),
    }
}

fn limit_growth(step: &Step<'_>) -> Held {
    let rules = &step.policy.scale_up;
    let limits = rules
        .counted_policies()
        .iter()
        .map(|policy| growth_limit(*policy, period_start(step, *policy).0));
    let most = match rules.select_policy {
        SelectPolicy::Disabled => return step.at_most(step.current, Reason::ScaleUpDisabled, None),
        SelectPolicy::Max => limits.max(),
        SelectPolicy::Min => limits.min(),
    };
    match most {
        Some(most) if most < step.wanted => step.at_most(
            most,
            Reason::ScaleUpLimit,
            retry_after(step, rules.counted_policies()),
        ),
        _ => step.pass(Reason::WithinLimit),
    }
}

fn limit_shrinking(step: &Step<'_>) -> Held {
    let rules = &step.policy.scale_down;
    let policies = match rules.counted_policies() {
        [] => &[DEFAULT_SCALE_DOWN_POLICY],
        policies => policies,
    };
    let limits = policies
        .iter()
        .map(|policy| shrinking_limit(*policy, period_start(step, *policy).0));
    let least = match rules.select_policy {
        SelectPolicy::Disabled => return step.at_least(step.current, Reason::ScaleDownDisabled, None),
        SelectPolicy::Max => limits.min(),
        SelectPolicy::Min => limits.max(),
    };
    match least {
        Some(least) if least > step.wanted => {
            step.at_least(least, Reason::ScaleDownLimit, retry_after(step, policies))
        }
        _ => step.pass(Reason::WithinLimit),
    }
}

fn growth_limit(policy: RatePolicy, start: Replicas) -> Replicas {
    let start = i64::from(start);
    let limit = match policy.kind {
        RateKind::Pods => start + i64::from(policy.value),
        RateKind::Percent => {
            let hundredths = start.saturating_mul(100 + i64::from(policy.value));
            hundredths.saturating_add(99) / 100
        }
    };
    whole(limit.max(start + 1))
}

fn shrinking_limit(policy: RatePolicy, start: Replicas) -> Replicas {
    let start = i64::from(start);
    let limit = match policy.kind {
        RateKind::Pods => start - i64::from(policy.value),
        RateKind::Percent => start.saturating_mul((100 - i64::from(policy.value)).max(0)) / 100,
    };
    whole(limit.min(start - 1))
}

fn whole(replicas: i64) -> Replicas {
    Replicas::try_from(replicas.max(0)).unwrap_or(Replicas::MAX)
}

/// The replicas at the beginning of a policy's period, and when the oldest change within it was made.
fn period_start(step: &Step<'_>, policy: RatePolicy) -> (Replicas, Option<Timestamp>) {
    let period = period_seconds(policy);
    let oldest = step
        .memory
        .changes
        .iter()
        .find(|change| step.now.is_within(period, change.at));
    match (oldest, step.unseen_change_from()) {
        (Some(change), _) => (change.from, Some(change.at)),
        (None, Some(from)) => (from, Some(step.now)),
        (None, None) => (step.current, None),
    }
}

/// Until the first of the policies forgets a change.
fn retry_after(step: &Step<'_>, policies: &[RatePolicy]) -> Option<u32> {
    policies
        .iter()
        .filter_map(|policy| {
            Some(
                step.now
                    .seconds_left(period_seconds(*policy), period_start(step, *policy).1?),
            )
        })
        .min()
}

fn period_seconds(policy: RatePolicy) -> u32 {
    policy.period_seconds.clamp(1, MAX_PERIOD_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Memory;
    use crate::fixtures::*;
    use crate::step::scene::Scene;

    fn limited(
        policies: &[RatePolicy],
        select: SelectPolicy,
        current: Replicas,
        wanted: Replicas,
    ) -> (Replicas, Reason) {
        let mut policy = policy(&[]);
        for rules in [&mut policy.scale_up, &mut policy.scale_down] {
            rules.policies = policies.iter().copied().collect();
            rules.select_policy = select;
        }
        let (replicas, reason, _) = Scene::of(policy).run(limit, current, wanted);
        (replicas, reason)
    }

    #[test]
    fn the_table() {
        use Reason::{
            NoChangeWanted, ScaleDownDisabled, ScaleDownLimit, ScaleUpDisabled, ScaleUpLimit, WithinLimit,
        };
        use SelectPolicy::{Disabled, Max, Min};
        let both = [pods(4, 60), percent(50, 60)];
        for (policies, select, current, wanted, expected) in [
            (&both[..], Max, 20, 20, (20, NoChangeWanted)),
            // Growth.
            (&both[..1], Max, 20, 90, (24, ScaleUpLimit)),
            (&both[1..], Max, 20, 90, (30, ScaleUpLimit)),
            (&both[1..], Max, 3, 90, (5, ScaleUpLimit)),
            (&both[..], Max, 20, 90, (30, ScaleUpLimit)),
            (&both[..], Min, 20, 90, (24, ScaleUpLimit)),
            (&both[..], Max, 20, 25, (25, WithinLimit)),
            (&both[..], Max, 20, 30, (30, WithinLimit)),
            (&both[..], Disabled, 20, 25, (20, ScaleUpDisabled)),
            (&[], Max, 1, 90, (90, WithinLimit)),
            (&[], Min, 1, 90, (90, WithinLimit)),
            // Ten per cent more of 10 are 11, not 12 by a float's noise.
            (&[percent(10, 60)], Max, 10, 90, (11, ScaleUpLimit)),
            // At least one, also from zero.
            (&[pods(0, 60)], Max, 20, 90, (21, ScaleUpLimit)),
            (&[percent(0, 60)], Max, 20, 90, (21, ScaleUpLimit)),
            (&[percent(100, 60)], Max, 0, 90, (1, ScaleUpLimit)),
            // Shrinking.
            (&both[..1], Max, 20, 2, (16, ScaleDownLimit)),
            (&both[1..], Max, 20, 2, (10, ScaleDownLimit)),
            (&both[1..], Max, 5, 1, (2, ScaleDownLimit)),
            (&both[..], Max, 20, 2, (10, ScaleDownLimit)),
            (&both[..], Min, 20, 2, (16, ScaleDownLimit)),
            (&both[..], Max, 20, 15, (15, WithinLimit)),
            (&both[..], Max, 20, 10, (10, WithinLimit)),
            (&both[..], Disabled, 20, 2, (20, ScaleDownDisabled)),
            (&[], Max, 20, 2, (15, ScaleDownLimit)),
            (&[], Min, 20, 2, (15, ScaleDownLimit)),
            (&[percent(1, 60)], Max, 20, 2, (19, ScaleDownLimit)),
            (&[pods(0, 60)], Max, 20, 2, (19, ScaleDownLimit)),
            (&[percent(100, 60)], Max, 20, 2, (2, WithinLimit)),
            (&[percent(u32::MAX, 60)], Max, 20, 2, (2, WithinLimit)),
            // The ends of the numbers.
            (
                &[percent(u32::MAX, 60)],
                Max,
                i32::MAX - 1,
                i32::MAX,
                (i32::MAX, WithinLimit),
            ),
            (
                &[pods(u32::MAX, 60)],
                Max,
                i32::MAX - 1,
                i32::MAX,
                (i32::MAX, WithinLimit),
            ),
            (
                &[percent(50, 60)],
                Max,
                i32::MAX,
                1,
                (1_073_741_823, ScaleDownLimit),
            ),
        ] {
            let found = limited(policies, select, current, wanted);
            assert_eq!(found, expected, "{policies:?} {select:?}: {current} → {wanted}");
        }
    }

    #[test]
    fn the_budget_counts_from_the_beginning_of_the_period() {
        let mut policy = policy(&[]);
        policy.scale_up.policies = [pods(4, 60)].into_iter().collect();
        policy.scale_down.policies = [pods(4, 60)].into_iter().collect();
        // (from, to, seconds after noon); it is 100 seconds after noon.
        for (changes, current, wanted, expected, retry) in [
            (&[(10, 13, 40)][..], 13, 90, 17, None),
            (&[(10, 13, 41)], 13, 90, 14, Some(1)),
            (&[(10, 14, 41)], 14, 90, 14, Some(1)),
            // Shrinking gives room to grow back, and growth to shrink back.
            (&[(10, 6, 50)], 6, 90, 14, Some(10)),
            (&[(10, 14, 50)], 14, 1, 6, Some(10)),
            // Net of both: 10 → 14 → 12 leaves two.
            (&[(10, 14, 50), (14, 12, 60)], 12, 90, 14, Some(10)),
            // The budget is overdrawn by somebody else: as now, not back.
            (&[(10, 30, 50)], 30, 90, 30, Some(10)),
            (&[(30, 10, 50)], 10, 1, 10, Some(10)),
            // Seen only now: the memory knows 10.
            (&[(9, 10, 20)], 12, 90, 14, Some(60)),
            (&[(9, 10, 20)], 7, 1, 6, Some(60)),
        ] {
            let mut memory = Memory::default();
            for (from, to, seconds) in changes {
                memory.record_change(*from, *to, after(*seconds));
            }
            let scene = Scene {
                memory,
                ..Scene::of(policy.clone())
            };
            let (replicas, _, retry_after_seconds) = scene.run(limit, current, wanted);
            assert_eq!(
                (replicas, retry_after_seconds),
                (expected, retry),
                "{changes:?}: {current} → {wanted}"
            );
        }
    }

    #[test]
    fn periods_are_between_a_second_and_half_an_hour() {
        for (asked_for, seconds) in [(0, 1), (1, 1), (1800, 1800), (u32::MAX, 1800)] {
            assert_eq!(period_seconds(pods(1, asked_for)), seconds);
        }
    }
}
