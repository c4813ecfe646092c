//! What `decide` shows of a decision: the decision with names in place of indices, and the next memory. Pure.

use concertina_decision::{
    BoundFrom, Decision, GuardRecord, GuardState, Measured, Proposal, Reason, Replicas, Stage, Target,
    Verdict,
};
use serde::Serialize;
use serde_json::Value;

use super::{Case, Decided, past};
use crate::api::ScalingPolicySpec;

/// The states of a guard.
pub(super) const GUARD_STATES: [&str; 5] = ["Clear", "Pending", "Tripped", "Missing", "Expired"];

/// A decision as `decide` prints it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    /// Name of the case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The replicas there are.
    pub current: Replicas,
    /// The replicas there should be.
    pub desired: Replicas,
    /// Scale or Hold.
    pub verdict: Verdict,
    /// The one reason that explains it best.
    pub reason: &'static str,
    /// One sentence.
    pub message: String,
    /// The fewest replicas allowed.
    pub floor: BoundLine,
    /// The most replicas allowed.
    pub ceiling: BoundLine,
    /// The metric whose proposal was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    /// What each metric asks for, in the policy's order.
    pub proposals: Vec<ProposalLine>,
    /// What each guard came to, in the policy's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardLine>,
    /// The number after each stage.
    pub stages: Vec<StageLine>,
    /// Seconds until what held the decision ends or eases, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u32>,
    /// What is remembered, as the memory of a next case.
    pub memory: Value,
    /// How the decision differs from what the case expects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<String>,
}

/// A floor or a ceiling.
#[derive(Clone, Debug, Serialize)]
pub struct BoundLine {
    /// The number.
    pub replicas: Replicas,
    /// `policy`, `schedule NAME` or `schedule NAME, soon`.
    pub from: String,
}

/// What one metric asks for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposalLine {
    /// Name of the metric.
    pub metric: String,
    /// The replicas it asks for, if it could say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
    /// Why this number, or why there is none.
    pub reason: &'static str,
    /// What was measured, in per cent or in the metric's unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// What `measured` and `target` are: `%`, `per replica` or `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'static str>,
    /// What the policy aims for.
    pub target: f64,
    /// Measured ÷ target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Age of the oldest sample that counted, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<u32>,
    /// Pods whose sample counted.
    pub counted_pods: u32,
    /// Pods without a usable sample.
    pub missing_pods: u32,
    /// Pods that were never Ready.
    pub starting_pods: u32,
    /// CPU is at its limit: the measured value means at least.
    pub censored: bool,
    /// The answer was empty, which counts as 0.
    pub empty: bool,
    /// The metric does not need the last replica.
    pub idle: bool,
}

/// What one guard came to.
#[derive(Clone, Debug, Serialize)]
pub struct GuardLine {
    /// Name of the guard.
    pub guard: String,
    /// Clear, Pending, Tripped, Missing or Expired.
    pub state: &'static str,
    /// Why it is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

/// The number after a stage.
#[derive(Clone, Debug, Serialize)]
pub struct StageLine {
    /// Name of the stage.
    pub stage: &'static str,
    /// The number after it.
    pub replicas: Replicas,
    /// Why.
    pub reason: &'static str,
}

impl Receipt {
    /// Shows what a case was decided to.
    #[must_use]
    pub fn of(case: &Case, decided: &Decided) -> Self {
        let (spec, decision) = (&case.spec, &decided.decision);
        let metric_name = |index: usize| spec.metrics.get(index).map(|metric| metric.name.clone());
        Self {
            name: case.name.clone(),
            current: decision.current,
            desired: decision.desired,
            verdict: decision.verdict,
            reason: decision.reason.as_str(),
            message: decided.message.clone(),
            floor: BoundLine::of(decision.floor, decision.floor_from, spec),
            ceiling: BoundLine::of(decision.ceiling, decision.ceiling_from, spec),
            winner: decision.winner.and_then(|winner| metric_name(winner.into())),
            proposals: decision
                .proposals
                .iter()
                .enumerate()
                .map(|(index, proposal)| ProposalLine::of(metric_name(index), proposal))
                .collect(),
            guards: decision
                .guards
                .iter()
                .zip(&spec.guards)
                .map(|(record, guard)| GuardLine::of(&guard.name, record))
                .collect(),
            stages: stages(decision),
            retry_after_seconds: decision.retry_after_seconds,
            memory: past::write(&decided.memory),
            differences: decided.differences.clone(),
        }
    }
}

impl BoundLine {
    fn of(replicas: Replicas, from: BoundFrom, spec: &ScalingPolicySpec) -> Self {
        let name = |index: u8| {
            let schedule = spec.schedules.get(usize::from(index));
            schedule.map_or_else(|| index.to_string(), |schedule| schedule.name.clone())
        };
        let from = match from {
            BoundFrom::Policy => "policy".to_owned(),
            BoundFrom::Schedule(index) => format!("schedule {}", name(index)),
            BoundFrom::ScheduleSoon(index) => format!("schedule {}, soon", name(index)),
        };
        Self { replicas, from }
    }
}

impl ProposalLine {
    fn of(metric: Option<String>, proposal: &Proposal) -> Self {
        let (measured, unit) = match proposal.measured {
            None => (None, None),
            Some(Measured::Percent(percent)) => (Some(percent), Some("%")),
            Some(Measured::PerReplica(value)) => (Some(value), Some("per replica")),
            Some(Measured::Total(total)) => (Some(total), Some("total")),
        };
        Self {
            metric: metric.unwrap_or_default(),
            replicas: proposal.replicas(),
            reason: proposal.reason.as_str(),
            measured,
            unit,
            target: match proposal.target {
                Target::Utilization { percent } => percent,
                Target::AverageValue { per_replica } => per_replica,
                Target::Value { value } => value,
            },
            ratio: proposal.ratio,
            age_seconds: proposal.age_seconds,
            counted_pods: proposal.counted_pods,
            missing_pods: proposal.missing_pods,
            starting_pods: proposal.starting_pods,
            censored: proposal.censored,
            empty: proposal.empty,
            idle: proposal.idle,
        }
    }
}

impl GuardLine {
    fn of(name: &str, record: &GuardRecord) -> Self {
        Self {
            guard: name.to_owned(),
            state: record.state.as_str(),
            reason: match record.state {
                GuardState::Missing(why) => Some(why.reason().as_str()),
                _ => None,
            },
            value: record.value,
        }
    }
}

fn stages(decision: &Decision) -> Vec<StageLine> {
    let line = |stage: Stage, replicas, reason: Reason| StageLine {
        stage: stage.as_str(),
        replicas,
        reason: reason.as_str(),
    };
    decision
        .stages
        .iter()
        .map(|record| line(record.stage, record.replicas, record.reason))
        .collect()
}
