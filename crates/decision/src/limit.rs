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
        .policies
        .iter()
        .map(|policy| growth_limit(*policy, period_start(step, *policy).0));
    let most = match rules.select_policy {
        SelectPolicy::Disabled => return step.at_most(step.current, Reason::ScaleUpDisabled, None),
        SelectPolicy::Max => limits.max(),
        SelectPolicy::Min => limits.min(),
    };
    match most {
        Some(most) if most < step.wanted => {
            step.at_most(most, Reason::ScaleUpLimit, retry_after(step, &rules.policies))
        }
        _ => step.pass(Reason::WithinLimit),
    }
}

fn limit_shrinking(step: &Step<'_>) -> Held {
    let rules = &step.policy.scale_down;
    let policies = match rules.policies.as_slice() {
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
