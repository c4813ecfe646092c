//! The conditions of a policy, from one outcome. Pure.
//!
//! | condition | True | False |
//! |---|---|---|
//! | Ready | the policy works as written | anything a user should look at, with its reason |
//! | AbleToScale | the target can be read and written | it cannot, or the mode or another owner forbids it |
//! | ScalingActive | a replica count can be computed | paused, no target, or no metric has a value |
//! | ScalingLimited | a bound or a rate policy cut the count | nothing did |
use concertina_decision::{Reason, Stage};

use crate::api::Mode;
use crate::control::enforce::Effect;
use crate::control::evaluate::{Decided, Outcome};
use crate::observe::join::Note as Trouble;

/// The types of all conditions, in their order.
pub const KINDS: [&str; 4] = ["Ready", "AbleToScale", "ScalingActive", "ScalingLimited"];

/// One condition before it gets its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Type of the condition.
    pub kind: &'static str,
    /// Its status.
    pub holds: bool,
    /// Its reason.
    pub reason: Reason,
    /// Its message.
    pub message: String,
}

/// All conditions, always the same four. `troubles` are those that last, the gravest first.
#[must_use]
pub fn findings(outcome: &Outcome, troubles: &[Trouble]) -> [Finding; 4] {
    [
        ready(outcome, troubles),
        able_to_scale(outcome),
        scaling_active(outcome),
        scaling_limited(outcome),
    ]
}

fn finding(kind: &'static str, holds: bool, reason: Reason, message: String) -> Finding {
    Finding {
        kind,
        holds,
        reason,
        message,
    }
}

fn plain(kind: &'static str, holds: bool, reason: Reason) -> Finding {
    finding(kind, holds, reason, reason.message().to_owned())
}

fn ready(outcome: &Outcome, troubles: &[Trouble]) -> Finding {
    let kind = "Ready";
    if let Some(trouble) = troubles.first() {
        return finding(kind, false, trouble.reason, trouble.message.clone());
    }
    match (&outcome.result, outcome.mode) {
        (Err(note), _) => finding(kind, false, note.reason, note.message.clone()),
        (Ok(_), Some(Mode::Paused)) => plain(kind, true, Reason::Paused),
        (Ok(decided), _) if nothing_known(decided) => plain(kind, false, decided.decision.reason),
        (Ok(_), Some(Mode::DryRun)) => plain(kind, true, Reason::DryRun),
        // Nothing is decided where the mode is not known.
        (Ok(_), Some(Mode::Auto) | None) => plain(kind, true, Reason::Ready),
    }
}

fn able_to_scale(outcome: &Outcome) -> Finding {
    let kind = "AbleToScale";
    let decided = match &outcome.result {
        Ok(decided) => decided,
        Err(note) => return finding(kind, false, note.reason, note.message.clone()),
    };
    match (&decided.effect, outcome.mode) {
        (Effect::NotOwner(owner), _) => finding(kind, false, Reason::TargetOwnedByOther, owned_by(owner)),
        (Effect::OwnedByAutoscaler(other), _) => {
            finding(kind, false, Reason::TargetOwnedByOther, scaled_by(other))
        }
        (Effect::Failed(message), _) => finding(kind, false, Reason::PatchFailed, message.clone()),
        (_, Some(Mode::Paused)) => plain(kind, false, Reason::Paused),
        (_, Some(Mode::DryRun)) => plain(kind, false, Reason::DryRun),
        (_, Some(Mode::Auto) | None) => match holding_stage(decided) {
            Some(reason) => plain(kind, true, reason),
            None => plain(kind, true, Reason::Ready),
        },
    }
}

/// The sentence on a target that another policy owns.
pub(super) fn owned_by(owner: &str) -> String {
    format!(
        "policy {owner} is older and owns the target: delete one of the two, or give them different targets"
    )
}

/// The sentence on a target that another autoscaler scales.
pub(super) fn scaled_by(autoscaler: &str) -> String {
    format!("{autoscaler} scales the target too, so this policy only recommends: delete one of the two")
}

/// Why a change that is wanted has to wait, if it has to.
fn holding_stage(decided: &Decided) -> Option<Reason> {
    [Stage::Guard, Stage::Stabilise, Stage::CoolDown]
        .iter()
        .find_map(|stage| {
            let reason = decided.decision.stage(*stage)?.reason;
            matches!(
                reason,
                Reason::GuardTripped
                    | Reason::GuardMissing
                    | Reason::RolloutUnderWay
                    | Reason::ReplicasContested
                    | Reason::IdleCooldown
                    | Reason::ScaleUpStabilized
                    | Reason::ScaleDownStabilized
                    | Reason::ScaleUpCooldown
                    | Reason::ScaleDownCooldown
            )
            .then_some(reason)
        })
}

fn scaling_active(outcome: &Outcome) -> Finding {
    let kind = "ScalingActive";
    let decided = match &outcome.result {
        Ok(decided) => decided,
        Err(note) => return finding(kind, false, note.reason, note.message.clone()),
    };
    if outcome.mode == Some(Mode::Paused) {
        return plain(kind, false, Reason::Paused);
    }
    if nothing_known(decided) {
        plain(kind, false, decided.decision.reason)
    } else {
        plain(kind, true, Reason::Ready)
    }
}

/// Whether no replica count could be computed.
fn nothing_known(decided: &Decided) -> bool {
    matches!(
        decided.decision.reason,
        Reason::MetricsMissing | Reason::FallbackActive | Reason::NoMetrics | Reason::ScaledToZeroManually
    )
}

fn scaling_limited(outcome: &Outcome) -> Finding {
    let kind = "ScalingLimited";
    let decided = match &outcome.result {
        Ok(decided) => decided,
        Err(_) => return plain(kind, false, Reason::WithinBounds),
    };
    if let Some(quota) = &decided.quota
        && decided
            .decision
            .stage(Stage::Wall)
            .is_some_and(|record| record.reason == Reason::QuotaExceeded)
    {
        let message = format!("{}: {}", Reason::QuotaExceeded.message(), quota.message);
        return finding(kind, true, Reason::QuotaExceeded, message);
    }
    let limiting = [Stage::Wall, Stage::Limit, Stage::Bounds]
        .iter()
        .find_map(|stage| {
            let record = decided.decision.stage(*stage)?;
            matches!(
                record.reason,
                Reason::QuotaExceeded
                    | Reason::PodsCrashing
                    | Reason::ScheduledMinimum
                    | Reason::ScheduledMinimumSoon
                    | Reason::ScheduledMaximum
                    | Reason::AtMinimum
                    | Reason::AtMaximum
                    | Reason::BelowMinimum
                    | Reason::AboveMaximum
                    | Reason::ScaleUpLimit
                    | Reason::ScaleDownLimit
                    | Reason::ScaleUpDisabled
                    | Reason::ScaleDownDisabled
            )
            .then_some(record.reason)
        });
    match limiting {
        Some(reason) => plain(kind, true, reason),
        None => plain(kind, false, Reason::WithinBounds),
    }
}

#[cfg(test)]
#[path = "conditions_tests.rs"]
mod tests;
