//! The outcome of one evaluation, with every number that led to it. Plain data, no I/O.

use arrayvec::ArrayVec;
use serde::{Deserialize, Serialize};

use crate::{MAX_GUARDS, MAX_METRICS, Missing, Reason, Replicas, Target, Timestamp};

/// The replica count that one evaluation arrived at, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The replicas that the target had, at least 0.
    pub current: Replicas,
    /// The replicas that it should have.
    pub desired: Replicas,
    /// Whether to change anything.
    pub verdict: Verdict,
    /// The one reason that explains the outcome best: for a change why it is made, for a hold what holds it.
    pub reason: Reason,
    /// The fewest replicas that were allowed.
    pub floor: Replicas,
    /// Where the floor comes from.
    pub floor_from: BoundFrom,
    /// The most replicas that were allowed; never below `floor`.
    pub ceiling: Replicas,
    /// Where the ceiling comes from.
    pub ceiling_from: BoundFrom,
    /// What each metric of the policy asked for, in the policy's order.
    pub proposals: ArrayVec<Proposal, MAX_METRICS>,
    /// The metric whose proposal was taken, as an index into the policy's metrics.
    pub winner: Option<u8>,
    /// What each guard of the policy came to, in the policy's order.
    pub guards: ArrayVec<GuardRecord, MAX_GUARDS>,
    /// The number after each stage, in the order of [`Stage::ORDER`]. A stage that was passed over has no record.
    pub stages: ArrayVec<StageRecord, { Stage::ORDER.len() }>,
    /// Seconds until what held or limited the decision ends or eases, where that is known.
    pub retry_after_seconds: Option<u32>,
    /// What [`Memory::record`](crate::Memory::record) must keep of this evaluation.
    pub remember: Remember,
}

impl Decision {
    /// The metrics without a usable value: their index in the policy, and why.
    pub fn missing(&self) -> impl Iterator<Item = (usize, Missing)> + '_ {
        self.proposals
            .iter()
            .enumerate()
            .filter_map(|(index, proposal)| match proposal.outcome {
                Outcome::Missing(why) => Some((index, why)),
                _ => None,
            })
    }

    /// The proposal that was taken.
    #[must_use]
    pub fn winning_proposal(&self) -> Option<&Proposal> {
        self.proposals.get(usize::from(self.winner?))
    }

    /// The record of one stage, unless the stage was passed over.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> Option<&StageRecord> {
        self.stages.iter().find(|record| record.stage == stage)
    }
}

/// Where a floor or a ceiling comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BoundFrom {
    /// From the policy's own minimum or maximum.
    Policy,
    /// From an open window of this schedule, as an index into the policy's schedules.
    Schedule(u8),
    /// From a window of this schedule that opens soon: pods take a while to start.
    ScheduleSoon(u8),
}

/// What one guard came to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardRecord {
    /// The value, if there is one.
    pub value: Option<f64>,
    /// What it means.
    pub state: GuardState,
}

/// Whether a guard forbids shrinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum GuardState {
    /// At or below its threshold.
    Clear,
    /// Above it, but not for long enough yet.
    Pending,
    /// Above it for long enough: shrinking is forbidden.
    Tripped,
    /// Without a usable value: shrinking is forbidden.
    Missing(Missing),
    /// Tripped or missing for so long that it forbids nothing any more.
    Expired,
}

impl GuardState {
    /// The name without what a missing value misses, as a status and a decision case show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "Clear",
            Self::Pending => "Pending",
            Self::Tripped => "Tripped",
            Self::Missing(_) => "Missing",
            Self::Expired => "Expired",
        }
    }
}

/// Whether a decision changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// `desired` differs from `current`: write it.
    Scale,
    /// Leave the target alone.
    Hold,
}

/// What one metric asked for, with the numbers behind it.
///
/// The proposal follows from the record alone, before it is rounded up and kept on the ratio's side of the current
/// count: for readings per pod `counted_pods × ratio`, and when the ratio is below 1
/// `counted_pods × (ratio_when_shrinking or ratio) + missing_pods`; for a total with a target per replica `total ÷ target`; for a total with a target value `counted_pods × ratio`. With
/// [`Reason::CpuAtLimit`] it is instead twice `counted_pods` or the current count.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Proposal {
    /// What the policy aims for.
    pub target: Target,
    /// What was measured.
    pub measured: Option<Measured>,
    /// Measured value ÷ target over the counted pods; for a total with a target per replica, total ÷ target ÷ current
    /// replicas, and then `None` at zero of them. `None` also where nothing was measured. Always finite.
    pub ratio: Option<f64>,
    /// Where the ratio is below 1 and some pods mean "at least": the ratio with each of these at its target, or above.
    #[serde(default)]
    pub ratio_when_shrinking: Option<f64>,
    /// The replicas asked for, or why there are none.
    pub outcome: Outcome,
    /// Why this number.
    pub reason: Reason,
    /// Age of the oldest sample that counted, in seconds, where it is known.
    pub age_seconds: Option<u32>,
    /// Pods whose sample counted. For a target value: the pods that were Ready once, at least 1.
    pub counted_pods: u32,
    /// Pods that were Ready once and have no usable sample; when the ratio is below 1 also replicas that no pod stands
    /// for. They count as pods at the target when the ratio is below 1, and as nothing when it is above.
    pub missing_pods: u32,
    /// Pods that were never Ready yet. They count nowhere.
    pub starting_pods: u32,
    /// CPU is at its limit, so the measured value means "at least".
    pub censored: bool,
    /// The answer was empty, which the policy takes for 0.
    pub empty: bool,
    /// The metric does not need the last replica: it is at or below its activation.
    pub idle: bool,
}

impl Proposal {
    /// Whether the metric is one number for the whole target, so that it is there at zero replicas too.
    #[must_use]
    pub const fn is_total(&self) -> bool {
        matches!(self.measured, Some(Measured::Total(_)))
    }

    /// The replicas asked for, if the metric could say.
    #[must_use]
    pub const fn replicas(&self) -> Option<Replicas> {
        match self.outcome {
            Outcome::Proposed(replicas) => Some(replicas),
            Outcome::Missing(_) | Outcome::NotApplicable => None,
        }
    }
}

/// What a metric came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It asks for so many replicas.
    Proposed(Replicas),
    /// It has no usable value: the others may raise the count but not lower it.
    Missing(Missing),
    /// It cannot exist at zero replicas, because it is measured in pods. This is not missing data.
    NotApplicable,
}

/// What was measured, in the terms in which it is compared with the target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measured {
    /// Per cent of the requests of the counted pods.
    Percent(f64),
    /// The mean of the counted pods, in the metric's unit.
    PerReplica(f64),
    /// One number for the whole target, in the metric's unit.
    Total(f64),
}

/// One step of the pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// What is known: the number is the current count.
    Observe,
    /// What each metric asks for: the number is the greatest proposal.
    Propose,
    /// What they ask for together, given those that are missing.
    Combine,
    /// Floors and ceilings. What leaves this stage is called the want.
    Bounds,
    /// Guards, rollouts and contests that forbid a change for the time being.
    Guard,
    /// Wants of the recent past.
    Stabilise,
    /// Time since the last change.
    CoolDown,
    /// How much may change per period.
    Limit,
    /// What the cluster has no room for.
    Wall,
}

impl Stage {
    /// The order in which the stages are run.
    pub const ORDER: [Self; 9] = [
        Self::Observe,
        Self::Propose,
        Self::Combine,
        Self::Bounds,
        Self::Guard,
        Self::Stabilise,
        Self::CoolDown,
        Self::Limit,
        Self::Wall,
    ];

    /// The name, as a status and a decision case show it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "Observe",
            Self::Propose => "Propose",
            Self::Combine => "Combine",
            Self::Bounds => "Bounds",
            Self::Guard => "Guard",
            Self::Stabilise => "Stabilise",
            Self::CoolDown => "CoolDown",
            Self::Limit => "Limit",
            Self::Wall => "Wall",
        }
    }
}

/// The number after one stage, and why the stage changed it or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageRecord {
    /// Which stage.
    pub stage: Stage,
    /// The number after it.
    pub replicas: Replicas,
    /// Why it is this number.
    pub reason: Reason,
}

/// What the memory must keep of one evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remember {
    /// The want.
    pub want: Want,
    /// Since when no metric has been usable.
    pub missing_since: Option<Timestamp>,
    /// Whether a metric needed a replica, or may have: then the time without any need begins anew.
    pub needed: bool,
    /// One per guard of the policy.
    pub guards: ArrayVec<GuardMemory, MAX_GUARDS>,
    /// The rollout under way.
    pub rollout: Option<RolloutMemory>,
    /// The window of growth in force, in seconds.
    pub scale_up_window_seconds: u32,
    /// The window of shrinking in force, in seconds.
    pub scale_down_window_seconds: u32,
}

/// What must be remembered of one guard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GuardMemory {
    /// Since when its value has been above the threshold without a break.
    pub above_since: Option<Timestamp>,
    /// Since when it has been tripped or missing without a break.
    pub blocking_since: Option<Timestamp>,
}

/// What must be remembered of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutMemory {
    /// Which one.
    pub revision: u64,
    /// When it was first seen.
    pub since: Timestamp,
}

/// What the metrics wanted, within the bounds and before the past was considered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Want {
    /// So many replicas.
    Known(Replicas),
    /// Missing metrics held the count. This time does not count towards the window of shrinking.
    Unknown,
    /// The evaluation was out of force, as at zero replicas set by hand.
    None,
}
