//! Stage 2, propose: the replicas that each metric asks for on its own. No I/O.
//!
//! With `ratio` = measured value ÷ target, `counted` the pods whose sample counted and `missing` those without one:
//!
//! | replicas now | ratio                     | proposal                                                            |
//! |--------------|---------------------------|---------------------------------------------------------------------|
//! | 0            | –                         | demand, rounded up; no tolerance; metrics of pods are not applicable |
//! | 0            | at or below activation    | 0                                                                   |
//! | some         | within tolerance of 1     | as now                                                              |
//! | some         | above                     | demand, rounded up, never fewer than now                            |
//! | some         | below                     | demand with missing pods, rounded up, never more than now           |
//!
//! | reading, target              | ratio                     | demand            | demand with missing pods     |
//! |------------------------------|---------------------------|-------------------|------------------------------|
//! | per pod, utilisation         | Σ usage ÷ Σ request       | counted × ratio   | counted × ratio + missing    |
//! | per pod, value per replica   | mean                      | counted × ratio   | counted × ratio + missing    |
//! | total, value per replica     | total ÷ replicas now      | total ÷ target    | the same                     |
//! | total, value                 | total                     | pods × ratio      | the same; as now without any |
//!
//! where `pods` are those that were Ready once, at least 1, and no more than the replicas when growing. When shrinking, a
//! replica that no pod stands for (not created or not seen yet) is a missing pod too. A missing pod thus counts as one at the target when the
//! ratio is below 1 (the greater of mean and target), and as nothing above.
//!
//! A pod whose value means "at least", because it was not Ready or not measured for the whole window of a rate, counts as measured when
//! growing, and when shrinking as at the target unless it is above.
//!
//! CPU at its limit means that CPU and the rates measured in the pods are "at least":
//!
//! | ratio            | proposal of a metric bound by CPU                |
//! |------------------|--------------------------------------------------|
//! | above 1          | at least twice the counted pods that are replicas |
//! | below            | as now                                           |
//!
//! | metric                        | is idle, which lets the last replica go                               |
//! |-------------------------------|-----------------------------------------------------------------------|
//! | with an activation            | at or below it: the total, the sum over the pods, or the per cent     |
//! | total, without one            | at 0                                                                  |
//! | of pods, without one          | asks for one replica at most                                          |
//! | not applicable at zero        | always                                                                |

use arrayvec::ArrayVec;

use crate::observe::{Measurement, Observed, PodSums};
use crate::rounding::{NOISE, finite, round_up};
use crate::{MAX_METRICS, Measured, Metric, Outcome, Policy, Proposal, Reason, Replicas, Target};

/// Adds the proposal of each metric to an empty list. The list has room for as many as a policy may have, and is not to be
/// moved.
pub(crate) fn propose(policy: &Policy, observed: &Observed, proposals: &mut ArrayVec<Proposal, MAX_METRICS>) {
    for (metric, measurement) in policy.counted_metrics().iter().zip(&observed.metrics) {
        proposals.push(match measurement {
            Measurement::Missing { why, missing_pods } => Proposal {
                outcome: Outcome::Missing(*why),
                missing_pods: *missing_pods,
                ..nothing(metric, observed, why.reason())
            },
            Measurement::NotApplicable => Proposal {
                idle: true,
                ..nothing(metric, observed, Reason::NotApplicableAtZero)
            },
            Measurement::Total {
                value,
                age_seconds,
                empty,
            } => Proposal {
                age_seconds: *age_seconds,
                empty: *empty,
                ..from_total(policy, metric, observed, *value)
            },
            Measurement::Pods(sums) => from_pods(policy, metric, observed, sums),
        });
    }
}

/// A proposal without a number, to be filled in.
fn nothing(metric: &Metric, observed: &Observed, reason: Reason) -> Proposal {
    Proposal {
        target: metric.target,
        measured: None,
        ratio: None,
        ratio_when_shrinking: None,
        outcome: Outcome::NotApplicable,
        reason,
        age_seconds: None,
        counted_pods: 0,
        missing_pods: 0,
        starting_pods: observed.starting_pods,
        censored: false,
        empty: false,
        idle: false,
    }
}

fn from_total(policy: &Policy, metric: &Metric, observed: &Observed, total: f64) -> Proposal {
    let current = observed.current;
    let relative = finite(total / metric.target.number());
    let (ratio, pods, demand) = match metric.target {
        Target::Value { .. } if current == 0 => (Some(relative), 1, relative),
        Target::Value { .. } => {
            let serving = observed.once_ready_pods.max(1);
            // Surge pods of a rollout are no replicas: they must not make growth greater, nor shrinking bolder.
            let pods = if relative > 1.0 {
                serving.min(current.unsigned_abs())
            } else {
                serving
            };
            (Some(relative), pods, finite(f64::from(pods) * relative))
        }
        _ if current == 0 => (None, 0, relative),
        _ => (Some(relative / f64::from(current)), 0, relative),
    };
    let idle = is_at_or_below(total, metric.activation.unwrap_or(0.0));
    let (replicas, reason) = match ratio {
        Some(ratio) if current > 0 => match Side::of(ratio, policy, metric) {
            Side::Above => grow(current, demand, 0.0),
            Side::Within => (current, Reason::WithinTolerance),
            // A latency or a share says nothing about a service that has not served yet.
            Side::Below if pods > 0 && observed.once_ready_pods == 0 => (current, Reason::NoReadyPods),
            Side::Below => shrink(current, demand),
        },
        _ if idle && total > 0.0 => (0, Reason::BelowActivation),
        _ if idle => (0, Reason::NoLoad),
        _ => (round_up(demand).max(1), Reason::MetricAboveTarget),
    };
    Proposal {
        measured: Some(Measured::Total(total)),
        ratio,
        outcome: Outcome::Proposed(replicas),
        counted_pods: pods,
        idle,
        ..nothing(metric, observed, reason)
    }
}

fn from_pods(policy: &Policy, metric: &Metric, observed: &Observed, sums: &PodSums) -> Proposal {
    let current = observed.current;
    let (counted, missing) = (f64::from(sums.counted), f64::from(sums.missing));
    let is_utilization = matches!(metric.target, Target::Utilization { .. });
    let of_one = |sum: f64| match metric.target {
        Target::Utilization { .. } => finite(finite(sum * 100.0) / sums.request),
        _ => sum / counted,
    };
    let value = of_one(sums.value);
    let ratio = finite(value / metric.target.number());
    let filled_ratio = finite(of_one(sums.filled) / metric.target.number());
    let censored = observed.cpu_at_limit && metric.cpu_bound;
    let demand = finite(counted * ratio);
    // Growing, what is absent counts nothing; shrinking, it counts like a pod without a sample.
    let unknown = missing + f64::from(sums.absent);
    let side = match Side::of(ratio, policy, metric) {
        // There is no tolerance of "at least": a full pod may be within that of a high target.
        Side::Within if censored && ratio > 1.0 + NOISE => Side::Above,
        side => side,
    };
    let (replicas, reason) = match side {
        Side::Above => {
            let replicas = counted.min(f64::from(current));
            let least = if censored { 2.0 * replicas } else { 0.0 };
            match grow(current, demand, least) {
                (_, Reason::AwaitingReplicas) if round_up((counted + missing) * ratio) > current => {
                    (current, Reason::PodsWithoutSamples)
                }
                grown => grown,
            }
        }
        Side::Within => (current, Reason::WithinTolerance),
        Side::Below if censored => (current, Reason::CpuAtLimit),
        Side::Below => {
            let filled = finite(counted * filled_ratio) + unknown;
            match (
                Side::of(filled / (counted + unknown), policy, metric),
                shrink(current, filled),
            ) {
                (Side::Below, (replicas, reason)) if replicas < current => (replicas, reason),
                _ if round_up(demand) >= current => (current, Reason::FewerWouldNotDo),
                _ if unknown > 0.0 => (current, Reason::PodsWithoutSamples),
                _ if sums.at_least > 0 => (current, Reason::PartialRates),
                _ => (current, Reason::FewerWouldNotDo),
            }
        }
    };
    Proposal {
        measured: Some(if is_utilization {
            Measured::Percent(value)
        } else {
            Measured::PerReplica(value)
        }),
        ratio: Some(ratio),
        ratio_when_shrinking: (side == Side::Below && sums.at_least > 0).then_some(filled_ratio),
        outcome: Outcome::Proposed(replicas),
        age_seconds: sums.age_seconds,
        counted_pods: sums.counted,
        missing_pods: match side {
            Side::Below => sums.missing.saturating_add(sums.absent),
            Side::Above | Side::Within => sums.missing,
        },
        censored,
        empty: sums.empty,
        idle: match (metric.activation, metric.target) {
            (None, _) => replicas <= 1,
            (Some(activation), Target::Utilization { .. }) => is_at_or_below(of_one(sums.filled), activation),
            (Some(activation), _) => is_at_or_below(sums.filled, activation),
        },
        ..nothing(metric, observed, reason)
    }
}

/// Grows to the demand, or to what a saturated metric means at least.
fn grow(current: Replicas, demand: f64, at_least: f64) -> (Replicas, Reason) {
    let demanded = round_up(demand);
    match demanded.max(round_up(at_least)) {
        replicas if replicas <= current => (current, Reason::AwaitingReplicas),
        replicas if replicas > demanded => (replicas, Reason::CpuAtLimit),
        replicas => (replicas, Reason::MetricAboveTarget),
    }
}

fn shrink(current: Replicas, demand: f64) -> (Replicas, Reason) {
    match round_up(demand) {
        replicas if replicas < current => (replicas, Reason::MetricBelowTarget),
        _ => (current, Reason::FewerWouldNotDo),
    }
}

/// Below zero and not a number are an activation of zero.
fn is_at_or_below(measured: f64, activation: f64) -> bool {
    measured <= activation.max(0.0) * (1.0 + NOISE)
}

/// On which side of its target a metric is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Above,
    Within,
    Below,
}

impl Side {
    /// Both ends of the tolerance belong to it.
    fn of(ratio: f64, policy: &Policy, metric: &Metric) -> Self {
        let own = &metric.tolerance;
        let (up, down) = (
            tolerance(own.scale_up.unwrap_or(policy.scale_up.tolerance)),
            tolerance(own.scale_down.unwrap_or(policy.scale_down.tolerance)),
        );
        if ratio > (1.0 + up) * (1.0 + NOISE) {
            Self::Above
        } else if ratio < (1.0 - down) * (1.0 - NOISE) {
            Self::Below
        } else {
            Self::Within
        }
    }
}

/// Below zero and not a number are no tolerance.
fn tolerance(asked_for: f64) -> f64 {
    asked_for.max(0.0)
}

#[cfg(test)]
mod tests;
