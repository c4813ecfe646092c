//! The pipeline as the list of its stages. No I/O.

use arrayvec::ArrayVec;

use crate::{Decision, Memory, Observation, Policy, Reason, Remember, Timestamp, Verdict, Want};

/// Decides how many replicas the target of `policy` should have. Total: every input has an answer. In the steady
/// state it allocates nothing.
#[must_use]
pub fn decide(policy: &Policy, _memory: &Memory, observation: &Observation, _now: Timestamp) -> Decision {
    let current = observation.current_replicas.max(0);
    let ceiling = policy.max_replicas.max(0);
    Decision {
        current,
        desired: current,
        verdict: Verdict::Hold,
        reason: Reason::Evaluating,
        floor: policy.min_replicas.clamp(0, ceiling),
        ceiling,
        proposals: ArrayVec::new(),
        winner: None,
        stages: ArrayVec::new(),
        retry_after_seconds: None,
        remember: Remember {
            want: Want::None,
            scale_up_window_seconds: policy.scale_up.stabilization_window_seconds,
            scale_down_window_seconds: policy.scale_down.stabilization_window_seconds,
        },
    }
}
