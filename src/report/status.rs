//! The status of a policy, from one outcome and what was told before. Pure.
use concertina_decision::{
    GuardState, Measured, Names, Outcome as MetricOutcome, Proposal, Reason, Target, Timestamp,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::conditions::{Finding, findings};
use super::events::cut;
use super::known::Known;
use super::second::Second;
use crate::api::{
    CHANGED_BY_CONCERTINA, CHANGED_BY_OTHER, ChangeStatus, DecisionStatus, GuardStatus, MetricStatus, Mode,
    ScalingPolicyStatus, StageStatus, StartupStatus,
};
use crate::control::compile::{CompiledPolicy, Measure};
use crate::control::enforce::Effect;
use crate::control::evaluate::{Decided, Outcome};
use crate::observe::join::Note as Trouble;

/// Changes that the status keeps.
const LAST_CHANGES: usize = 5;
/// Longest message in the status, as the schema bounds it.
const MAX_MESSAGE_BYTES: usize = 256;

/// The status that `outcome` leads to, given what the last one told and the troubles that last.
#[must_use]
pub fn status_of(outcome: &Outcome, known: &Known, troubles: &[Trouble]) -> ScalingPolicyStatus {
    let time = rfc3339(outcome.time);
    let mut status = ScalingPolicyStatus {
        observed_generation: outcome.record.generation,
        mode: outcome.mode,
        conditions: findings(outcome, troubles)
            .iter()
            .map(|finding| condition(finding, outcome.record.generation, known, &time))
            .collect(),
        last_scale_time: known.last_scale().map(Second::time),
        last_changes: known.changes(),
        ..ScalingPolicyStatus::default()
    };
    let Some(compiled) = &outcome.compiled else {
        return with_last_decision(status, outcome, time);
    };
    status.effective = Some(compiled.effective_settings());
    let Ok(decided) = &outcome.result else {
        return with_last_decision(status, outcome, time);
    };
    let decision = &decided.decision;
    status.current_replicas = Some(decision.current);
    status.desired_replicas = Some(decision.desired);
    status.metrics = compiled
        .metrics
        .iter()
        .zip(&decision.proposals)
        .zip(&decided.notes)
        .map(|((metric, proposal), note)| MetricStatus {
            name: metric.name.to_string(),
            value: proposal
                .measured
                .map(|measured| value_text(measured, &metric.measure)),
            target: target_text(proposal.target, &metric.measure),
            proposal: proposal.replicas(),
            age_seconds: proposal.age_seconds.and_then(|age| i32::try_from(age).ok()),
            reason: metric_reason(proposal).as_str().to_owned(),
            message: note
                .as_ref()
                .map(|note| cut(&note.message, MAX_MESSAGE_BYTES).to_owned()),
        })
        .collect();
    let mut before = decision.current;
    for record in &decision.stages {
        if record.replicas != before {
            status.stages.push(StageStatus {
                stage: record.stage.as_str().to_owned(),
                replicas: record.replicas,
                reason: record.reason.as_str().to_owned(),
            });
        }
        before = record.replicas;
    }
    status.guards = guards(compiled, decided);
    status.startup = decided.startup.map(|times| StartupStatus {
        p50_seconds: whole(times.p50_seconds),
        p95_seconds: whole(times.p95_seconds),
        samples: whole(times.samples),
    });
    if let Some(change) = &decided.changed_by_other {
        add_change(
            &mut status,
            &time,
            change.from,
            change.to,
            Reason::ReplicasChangedByOther,
            CHANGED_BY_OTHER,
        );
    }
    if decided.effect == Effect::Written {
        status.last_scale_time = Some(time.clone());
        status.current_replicas = Some(decision.desired);
        add_change(
            &mut status,
            &time,
            decision.current,
            decision.desired,
            decision.reason,
            CHANGED_BY_CONCERTINA,
        );
    }
    with_last_decision(status, outcome, time)
}

/// The decision in one sentence.
#[must_use]
pub fn summary(outcome: &Outcome) -> String {
    match (&outcome.result, &outcome.compiled) {
        (Ok(decided), Some(compiled)) => {
            let metrics: Vec<&str> = compiled.metrics.iter().map(|metric| &*metric.name).collect();
            let guards: Vec<&str> = compiled.guards().iter().map(|guard| &*guard.name).collect();
            let schedules: Vec<&str> = compiled
                .schedules()
                .iter()
                .map(|schedule| schedule.name())
                .collect();
            let names = Names {
                metrics: &metrics,
                schedules: &schedules,
                guards: &guards,
            };
            decided.decision.summary(names).to_string()
        }
        (Ok(decided), None) => decided.decision.reason.message().to_owned(),
        (Err(note), _) => note.message.clone(),
    }
}

fn with_last_decision(mut status: ScalingPolicyStatus, outcome: &Outcome, time: Time) -> ScalingPolicyStatus {
    let reason = match &outcome.result {
        Ok(decided) => match (&decided.effect, outcome.mode) {
            (Effect::NotOwner(_) | Effect::OwnedByAutoscaler(_), _) => Reason::TargetOwnedByOther,
            (Effect::Failed(_), _) => Reason::PatchFailed,
            (Effect::Conflict(_), _) => Reason::Conflict,
            (_, Some(Mode::Paused)) => Reason::Paused,
            _ => decided.decision.reason,
        },
        Err(note) => note.reason,
    };
    let message = cut(&summary(outcome), MAX_MESSAGE_BYTES).to_owned();
    status.last_decision = Some(DecisionStatus {
        time,
        reason: reason.as_str().to_owned(),
        message,
    });
    status.fitted()
}

fn condition(finding: &Finding, generation: Option<i64>, known: &Known, now: &Time) -> Condition {
    let status = if finding.holds { "True" } else { "False" };
    let since = known
        .since(finding.kind, finding.holds)
        .map_or_else(|| now.clone(), Second::time);
    Condition {
        type_: finding.kind.into(),
        status: status.into(),
        reason: finding.reason.as_str().into(),
        message: cut(&finding.message, MAX_MESSAGE_BYTES).to_owned(),
        last_transition_time: since,
        observed_generation: generation,
    }
}

/// The guards that are not clear.
fn guards(compiled: &CompiledPolicy, decided: &Decided) -> Vec<GuardStatus> {
    compiled
        .guards()
        .iter()
        .zip(&decided.decision.guards)
        .filter(|(_, record)| record.state != GuardState::Clear)
        .map(|(guard, record)| GuardStatus {
            name: guard.name.to_string(),
            value: record.value.map(three_digits),
            state: record.state.as_str().to_owned(),
        })
        .collect()
}

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn add_change(status: &mut ScalingPolicyStatus, time: &Time, from: i32, to: i32, reason: Reason, by: &str) {
    let change = ChangeStatus {
        time: time.clone(),
        from,
        to,
        reason: reason.as_str().into(),
        by: by.into(),
    };
    status.last_changes.insert(0, change);
    status.last_changes.truncate(LAST_CHANGES);
}

fn metric_reason(proposal: &Proposal) -> Reason {
    match proposal.outcome {
        MetricOutcome::Missing(missing) => missing.reason(),
        MetricOutcome::Proposed(_) | MetricOutcome::NotApplicable => proposal.reason,
    }
}

fn rfc3339(time: Timestamp) -> Time {
    // The API server keeps whole seconds; finer ones would differ from what is stored.
    Time(jiff::Timestamp::from_second(time.0.div_euclid(1000)).unwrap_or(jiff::Timestamp::UNIX_EPOCH))
}

fn value_text(measured: Measured, measure: &Measure) -> String {
    match measured {
        Measured::Percent(percent) => format!("{}%", three_digits(percent)),
        Measured::PerReplica(value) | Measured::Total(value) => quantity_text(value, measure),
    }
}

fn target_text(target: Target, measure: &Measure) -> String {
    match target {
        Target::Utilization { percent } => format!("{}%", three_digits(percent)),
        Target::AverageValue { per_replica: value } | Target::Value { value } => {
            quantity_text(value, measure)
        }
    }
}

/// Cores as millicores, bytes and bytes per second as mebibytes, everything else as a plain number.
fn quantity_text(value: f64, measure: &Measure) -> String {
    match measure {
        Measure::Cpu { .. } => format!("{:.0}m", value * 1000.0),
        Measure::Memory { .. } | Measure::Network | Measure::Disk => {
            format!("{}Mi", three_digits(value / 1_048_576.0))
        }
        Measure::RequestRate | Measure::Total { .. } => three_digits(value),
    }
}

/// At least three significant digits, and no more decimals than they need.
fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v >= 100.0 || v == 0.0 => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        v if v >= 0.001 => 4,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{value:.decimals$}");
    if decimals == 0 {
        text
    } else {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "status_size_tests.rs"]
mod size_tests;
