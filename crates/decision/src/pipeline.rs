//! The pipeline as the list of its stages. No I/O.

use arrayvec::ArrayVec;

use crate::bounds::{Bounded, Bounds, Then};
use crate::combine::{Basis, Combined, combine};
use crate::cooldown::cool_down;
use crate::guard::{Forbidding, guard};
use crate::limit::limit;
use crate::observe::Observed;
use crate::propose::propose;
use crate::stabilise::stabilise;
use crate::step::{Held, Step};
use crate::wall::wall;
use crate::{
    Decision, Memory, Observation, Policy, Reason, Remember, Replicas, Stage, StageRecord, Timestamp,
    Verdict, Want,
};

/// A stage after the want.
type HoldingStage = fn(&Step<'_>) -> Held;

/// The stages after the want, in their order: each may hold the number back.
const HOLDING_STAGES: [(Stage, HoldingStage); 5] = [
    (Stage::Guard, guard),
    (Stage::Stabilise, stabilise),
    (Stage::CoolDown, cool_down),
    (Stage::Limit, limit),
    (Stage::Wall, wall),
];

/// Decides how many replicas the target of `policy` should have. Total: every input has an answer, and the same input
/// has the same. In the steady state it allocates nothing.
///
/// `now` is the time of the decision; it should be the one given to [`Memory::record`] afterwards.
#[must_use]
pub fn decide(policy: &Policy, memory: &Memory, observation: &Observation, now: Timestamp) -> Decision {
    let mut observed = Observed::before_metrics(observation);
    observed.measure(policy, observation, now);
    let current = observed.current;
    let mut proposals = ArrayVec::new();
    propose(policy, &observed, &mut proposals);
    let bounds = Bounds::of(policy, observation, now);
    let combined = combine(policy, memory, current, bounds.floor, &proposals, now);
    let bounded = bounds.apply(policy, memory, current, &combined, &proposals);
    let forbidding = Forbidding::of(policy, memory, observation, now);

    let mut stages = ArrayVec::new();
    stages.extend(combined.records);
    stages.push(StageRecord {
        stage: Stage::Bounds,
        replicas: bounded.replicas,
        reason: bounded.reason,
    });

    let mut desired = bounded.replicas;
    let mut retry_after_seconds = combined.retry_after_seconds;
    if bounded.then == Then::Continue {
        for (stage, hold) in HOLDING_STAGES {
            let step = Step {
                policy,
                memory,
                observation,
                forbidding: &forbidding,
                now,
                current,
                floor: bounds.floor,
                ceiling: bounds.ceiling,
                wanted: desired,
            };
            let held = hold(&step);
            if held.replicas != desired {
                retry_after_seconds = held.retry_after_seconds;
            }
            desired = held.replicas;
            stages.push(StageRecord {
                stage,
                replicas: desired,
                reason: held.reason,
            });
        }
    }

    let want = match (bounded.then, combined.basis) {
        (Then::Settled { want: None }, _) | (_, Basis::NoMetric) => Want::None,
        (_, Basis::Missing) => Want::Unknown,
        (Then::Settled { want: Some(want) }, Basis::Proposals) => Want::Known(want),
        (Then::Continue, Basis::Proposals) => Want::Known(bounded.replicas),
    };
    Decision {
        current,
        desired,
        verdict: if desired == current {
            Verdict::Hold
        } else {
            Verdict::Scale
        },
        reason: explain(current, desired, bounds, bounded, &combined, &stages),
        floor: bounds.floor,
        floor_from: bounds.floor_from,
        ceiling: bounds.ceiling,
        ceiling_from: bounds.ceiling_from,
        proposals,
        winner: combined.winner,
        guards: forbidding.guards,
        stages,
        retry_after_seconds,
        remember: Remember {
            want,
            missing_since: combined.missing_since,
            needed: !combined.idle,
            guards: forbidding.remember,
            rollout: forbidding.rollout,
            scale_up_window_seconds: policy.scale_up.stabilization_window_seconds,
            scale_down_window_seconds: policy.scale_down.stabilization_window_seconds,
        },
    }
}

/// The one reason that explains the outcome best.
///
/// | outcome                                             | reason                                                   |
/// |-----------------------------------------------------|----------------------------------------------------------|
/// | the bounds settled it                               | theirs                                                   |
/// | the target was below the floor and goes there       | the floor's                                              |
/// | any other change                                    | that of combining: it is why anything moves              |
/// | a change that only a ceiling asks for               | the ceiling's                                            |
/// | a hold                                              | that of the last stage that altered the number, or else  |
/// |                                                     | that of combining                                        |
fn explain(
    current: Replicas,
    desired: Replicas,
    bounds: Bounds,
    bounded: Bounded,
    combined: &Combined,
    stages: &[StageRecord],
) -> Reason {
    if matches!(bounded.then, Then::Settled { .. }) {
        return bounded.reason;
    }
    if current < bounds.floor && desired == bounds.floor {
        return bounds.floor_reason(current);
    }
    if desired < current && combined.replicas >= current {
        return bounded.reason;
    }
    if desired != current {
        return combined.reason;
    }
    last_alteration(stages).map_or(combined.reason, |record| record.reason)
}

/// The last stage that altered the number.
pub(crate) fn last_alteration(stages: &[StageRecord]) -> Option<&StageRecord> {
    stages
        .iter()
        .zip(stages.iter().skip(1))
        .rfind(|(before, after)| before.replicas != after.replicas)
        .map(|(_, after)| after)
}
