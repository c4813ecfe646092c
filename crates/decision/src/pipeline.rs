//! The pipeline as the list of its stages. No I/O.

use arrayvec::ArrayVec;

use crate::bounds::{Bounds, Then};
use crate::combine::{Basis, combine};
use crate::cooldown::cool_down;
use crate::limit::limit;
use crate::observe::observe;
use crate::propose::propose;
use crate::stabilise::stabilise;
use crate::step::{Held, Step};
use crate::{
    Decision, Memory, Observation, Policy, Reason, Remember, Replicas, Stage, StageRecord, Timestamp,
    Verdict, Want,
};

/// A stage after the want.
type HoldingStage = fn(&Step<'_>) -> Held;

/// The stages after the want, in their order: each may hold the number back.
const HOLDING_STAGES: [(Stage, HoldingStage); 3] = [
    (Stage::Stabilise, stabilise),
    (Stage::CoolDown, cool_down),
    (Stage::Limit, limit),
];

/// Decides how many replicas the target of `policy` should have. Total: every input has an answer, and the same input
/// has the same. In the steady state it allocates nothing.
///
/// `now` is the time of the decision; it should be the one given to [`Memory::record`] afterwards.
#[must_use]
pub fn decide(policy: &Policy, memory: &Memory, observation: &Observation, now: Timestamp) -> Decision {
    let observed = observe(policy, observation, now);
    let current = observed.current;
    let proposals = propose(policy, &observed);
    let combined = combine(current, &proposals);
    let bounds = Bounds::of(policy);
    let bounded = bounds.apply(current, combined.replicas, &proposals);

    let mut stages = ArrayVec::new();
    stages.extend(combined.records);
    stages.push(StageRecord {
        stage: Stage::Bounds,
        replicas: bounded.replicas,
        reason: bounded.reason,
    });

    let mut desired = bounded.replicas;
    let mut retry_after_seconds = None;
    if bounded.then == Then::Continue {
        for (stage, hold) in HOLDING_STAGES {
            let step = Step {
                policy,
                memory,
                now,
                current,
                floor: bounds.floor,
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
        reason: explain(current, desired, bounds, bounded.then, &stages),
        floor: bounds.floor,
        ceiling: bounds.ceiling,
        proposals,
        winner: combined.winner,
        stages,
        retry_after_seconds,
        remember: Remember {
            want,
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
/// | the target was below the minimum and goes there     | BelowMinimum                                             |
/// | any other change                                    | the greatest proposal's: it is why anything moves        |
/// | a hold                                              | that of the last stage that altered the number, or else  |
/// |                                                     | the greatest proposal's                                  |
fn explain(
    current: Replicas,
    desired: Replicas,
    bounds: Bounds,
    then: Then,
    stages: &[StageRecord],
) -> Reason {
    let of = |wanted: Stage| {
        stages
            .iter()
            .find(|record| record.stage == wanted)
            .map(|record| record.reason)
    };
    let proposed = of(Stage::Propose).unwrap_or(Reason::Observed);
    if matches!(then, Then::Settled { .. }) {
        return of(Stage::Bounds).unwrap_or(proposed);
    }
    if current < bounds.floor && desired == bounds.floor {
        return Reason::BelowMinimum;
    }
    if desired != current {
        return proposed;
    }
    last_alteration(stages).map_or(proposed, |record| record.reason)
}

/// The last stage that altered the number.
pub(crate) fn last_alteration(stages: &[StageRecord]) -> Option<&StageRecord> {
    stages
        .iter()
        .zip(stages.iter().skip(1))
        .rfind(|(before, after)| before.replicas != after.replicas)
        .map(|(_, after)| after)
}
