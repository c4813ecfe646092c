//! What a case expects of its decision, and how far the decision differs. Pure.

use concertina_decision::{Decision, Reason, Replicas, Stage};
use serde_json::Value;

use super::node::{Fields, Node};
use super::outcome::GUARD_STATES;
use super::{CaseError, Decided};
use crate::api::ScalingPolicySpec;

/// What a decision should come to; what is absent is not looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expect {
    desired: Option<Replicas>,
    reason: Option<Reason>,
    message: Option<String>,
    altered_by: Option<Option<Stage>>,
    stages: Vec<(Stage, Option<Replicas>, Option<Reason>)>,
    proposals: Vec<(String, Option<Replicas>, Option<Reason>)>,
    guards: Vec<(String, String)>,
    floor: Option<Replicas>,
    ceiling: Option<Replicas>,
    retry_after_seconds: Option<u32>,
}

const MAPPING: &str = "a mapping, such as {desired: 6, reason: MetricAboveTarget, alteredBy: Propose}";
const STAGES: &str = "Observe, Propose, Combine, Bounds, Guard, Stabilise, CoolDown, Limit, Wall";
const NUMBER_OR_REASON: &str = "a number, a reason, or {replicas: 6, reason: AtMaximum}";

/// Reads what is expected.
pub(super) fn read(node: Node, spec: &ScalingPolicySpec) -> Result<Expect, CaseError> {
    let mut fields = node.fields(MAPPING)?;
    let mut expect = Expect {
        desired: fields.take("desired").map(|node| node.whole()).transpose()?,
        reason: fields.take("reason").map(|node| reason(&node)).transpose()?,
        message: text(&mut fields, "message")?,
        altered_by: fields
            .take("alteredBy")
            .map(|node| altered_by(&node))
            .transpose()?,
        floor: fields.take("floor").map(|node| node.whole()).transpose()?,
        ceiling: fields.take("ceiling").map(|node| node.whole()).transpose()?,
        retry_after_seconds: fields
            .take("retryAfterSeconds")
            .map(|node| node.whole())
            .transpose()?,
        ..Expect::default()
    };
    if let Some(stages) = fields.take("stages") {
        for (name, node) in stages.entries(STAGES)? {
            let named = stage(&name).ok_or_else(|| node.refuse(format!("it under one of {STAGES}")))?;
            let (replicas, reason) = number_or_reason(node)?;
            expect.stages.push((named, replicas, reason));
        }
    }
    if let Some(proposals) = fields.take("proposals") {
        for (name, node) in proposals.entries("a mapping from the metrics' names")? {
            known(
                &node,
                "metric",
                &name,
                spec.metrics.iter().map(|metric| &metric.name),
            )?;
            let (replicas, reason) = number_or_reason(node)?;
            expect.proposals.push((name, replicas, reason));
        }
    }
    if let Some(guards) = fields.take("guards") {
        for (name, node) in guards.entries("a mapping from the guards' names")? {
            known(&node, "guard", &name, spec.guards.iter().map(|guard| &guard.name))?;
            let state = node.text()?;
            if !GUARD_STATES.contains(&state) {
                return Err(node.refuse(GUARD_STATES.join(", ")));
            }
            expect.guards.push((name, state.to_owned()));
        }
    }
    // Of a case that is refused; whoever judges it has looked already.
    text(&mut fields, "error")?;
    fields.finish()?;
    Ok(expect)
}

fn text(fields: &mut Fields, name: &'static str) -> Result<Option<String>, CaseError> {
    fields
        .take(name)
        .map(|node| node.text().map(ToOwned::to_owned))
        .transpose()
}

fn reason(node: &Node) -> Result<Reason, CaseError> {
    let text = node.text()?;
    Reason::ALL
        .iter()
        .find(|reason| reason.as_str() == text)
        .copied()
        .ok_or_else(|| node.refuse("a reason, as docs/reference lists them, such as MetricAboveTarget"))
}

fn stage(name: &str) -> Option<Stage> {
    Stage::ORDER.into_iter().find(|stage| stage.as_str() == name)
}

fn altered_by(node: &Node) -> Result<Option<Stage>, CaseError> {
    match node.text()? {
        "None" => Ok(None),
        name => stage(name)
            .map(Some)
            .ok_or_else(|| node.refuse(format!("None, {STAGES}"))),
    }
}

fn number_or_reason(node: Node) -> Result<(Option<Replicas>, Option<Reason>), CaseError> {
    match &node.value {
        Value::Number(_) => Ok((Some(node.whole()?), None)),
        Value::String(_) => Ok((None, Some(reason(&node)?))),
        _ => {
            let mut fields = node.fields(NUMBER_OR_REASON)?;
            let replicas = fields.take("replicas").map(|node| node.whole()).transpose()?;
            let reason = fields.take("reason").map(|node| reason(&node)).transpose()?;
            fields.finish()?;
            Ok((replicas, reason))
        }
    }
}

fn known<'a>(
    node: &Node,
    what: &'static str,
    name: &str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), CaseError> {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.contains(&name) {
        return Ok(());
    }
    Err(CaseError::UnknownName {
        path: node.path.clone(),
        what,
        known: names.join(", "),
    })
}

impl Expect {
    /// Every difference, one sentence each.
    pub(super) fn differences(&self, decided: &Decided, spec: &ScalingPolicySpec) -> Vec<String> {
        let decision = &decided.decision;
        let mut found = Differences::default();
        found.compare("desired", self.desired, &decision.desired);
        found.compare("reason", self.reason, &decision.reason);
        found.compare("floor", self.floor, &decision.floor);
        found.compare("ceiling", self.ceiling, &decision.ceiling);
        if let Some(expected) = self.altered_by {
            let name = |stage: Option<Stage>| stage.map_or("None", Stage::as_str);
            found.compare(
                "alteredBy",
                Some(name(expected)),
                &name(last_alteration(decision)),
            );
        }
        if self.retry_after_seconds.is_some() {
            let show = |seconds: Option<u32>| seconds.map_or_else(|| "none".to_owned(), |s| s.to_string());
            found.compare(
                "retryAfterSeconds",
                Some(show(self.retry_after_seconds)),
                &show(decision.retry_after_seconds),
            );
        }
        if let Some(part) = &self.message
            && !decided.message.contains(part)
        {
            found.0.push(format!(
                "message is {:?}, expected {part:?} in it",
                decided.message
            ));
        }
        for (stage, replicas, reason) in &self.stages {
            let name = stage.as_str();
            match decision.stage(*stage) {
                None => found.0.push(format!("stage {name} was passed over")),
                Some(record) => {
                    found.compare(&format!("stage {name}"), *replicas, &record.replicas);
                    found.compare(&format!("stage {name} reason"), *reason, &record.reason);
                }
            }
        }
        for (name, replicas, reason) in &self.proposals {
            let place = spec.metrics.iter().position(|metric| metric.name == *name);
            let Some(proposal) = place.and_then(|place| decision.proposals.get(place)) else {
                continue;
            };
            found.compare(&format!("proposal {name} reason"), *reason, &proposal.reason);
            if let Some(expected) = replicas {
                match proposal.replicas() {
                    Some(proposed) => found.compare(&format!("proposal {name}"), Some(*expected), &proposed),
                    None => found
                        .0
                        .push(format!("proposal {name} is none ({})", &proposal.reason)),
                }
            }
        }
        for (name, state) in &self.guards {
            let place = spec.guards.iter().position(|guard| guard.name == *name);
            if let Some(record) = place.and_then(|place| decision.guards.get(place)) {
                found.compare(
                    &format!("guard {name}"),
                    Some(state.as_str()),
                    &record.state.as_str(),
                );
            }
        }
        found.0
    }
}

/// The last stage that altered the number, seen from the current one.
fn last_alteration(decision: &Decision) -> Option<Stage> {
    let mut before = decision.current;
    let mut last = None;
    for record in &decision.stages {
        if record.replicas != before {
            last = Some(record.stage);
        }
        before = record.replicas;
    }
    last
}

#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn compare<T: PartialEq + std::fmt::Display>(&mut self, what: &str, expected: Option<T>, found: &T) {
        if let Some(expected) = expected.filter(|expected| expected != found) {
            self.0.push(format!("{what} is {found}, expected {expected}"));
        }
    }
}
