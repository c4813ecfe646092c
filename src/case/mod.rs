//! Decision cases: the documented format in which one decision's input is written down, read, replayed and held against
//! what is expected of it. `docs/reference/decision-case.md` describes it. No network; files are read by the caller.

mod document;
mod error;
mod expect;
mod node;
mod observation;
mod outcome;
mod past;
mod reading;

use concertina_decision::{Decision, Memory, Names, Observation, Timestamp, Verdict, decide};
use serde_json::{Value, json};

pub use self::document::{Documents, cases_of};
pub use self::error::CaseError;
pub use self::expect::Expect;
use self::node::{Node, time_value};
pub use self::outcome::{BoundLine, GuardLine, ProposalLine, Receipt, StageLine};
use crate::api::ScalingPolicySpec;

/// What `apiVersion` of a case must be. A format that reads the same file to another decision gets another one.
pub const FORMAT: &str = "concertina.dev/decision-case/v1";

/// Everything that one decision depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it is called, for whoever reads the results.
    pub name: Option<String>,
    /// The policy as its user wrote it.
    pub spec: ScalingPolicySpec,
    /// What is known of the target. The windows of the policy's schedules are in it.
    pub observation: Observation,
    /// What is remembered of it.
    pub memory: Memory,
    /// When.
    pub now: Timestamp,
    /// What should come out.
    pub expect: Option<Expect>,
}

/// What became of a case.
#[derive(Debug)]
pub enum Judged {
    /// It was decided.
    Decided(Box<Case>, Box<Decided>),
    /// It was refused, which it expects.
    RefusedAsExpected {
        /// Its name.
        name: Option<String>,
        /// Why.
        error: CaseError,
    },
    /// It was not refused, which it expects.
    NotRefused {
        /// Its name.
        name: Option<String>,
        /// A part of the sentence with which it should have been.
        expected: String,
    },
}

/// What a case was decided to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// The decision as a sentence.
    pub message: String,
    /// The memory afterwards, as if a change had been written at once.
    pub memory: Memory,
    /// How the decision differs from what the case expects, one sentence each.
    pub differences: Vec<String>,
}

impl Case {
    /// The case of one evaluation.
    #[must_use]
    pub fn of(spec: &ScalingPolicySpec, observation: &Observation, memory: &Memory, now: Timestamp) -> Self {
        Self {
            name: None,
            spec: spec.clone(),
            observation: observation.clone(),
            memory: memory.clone(),
            now,
            expect: None,
        }
    }

    /// Reads a case. Relative times are taken from its `now`; a policy without a target is one for a Deployment.
    ///
    /// # Errors
    /// The first thing that makes no sense, with what to write instead.
    pub fn read(value: Value) -> Result<Self, CaseError> {
        let mut fields =
            Node::new("", value).fields("a mapping with apiVersion, policy, observation and now")?;
        let format = fields.take("apiVersion");
        if format.as_ref().and_then(|node| node.value.as_str()) != Some(FORMAT) {
            let found = format.map_or_else(|| "not there".to_owned(), |node| node.value.to_string());
            return Err(CaseError::Format { found });
        }
        let name = fields
            .take("name")
            .map(|node| node.text().map(ToOwned::to_owned))
            .transpose()?;
        let now = fields.require("now", "2026-07-01T10:00:00Z")?.absolute_time()?;
        let spec = policy(fields.require("policy", "{maxReplicas: 10, metrics: […]}")?)?;
        let observation = fields.require("observation", "{replicas: 4, metrics: {…}}")?;
        let observation = observation::read(observation, &spec, now)?;
        let memory = match fields.take("memory") {
            Some(node) => past::read(node, &spec, observation.current_replicas, now)?,
            None => Memory::default(),
        };
        let expect = fields
            .take("expect")
            .map(|node| expect::read(node, &spec))
            .transpose()?;
        fields.finish()?;
        Ok(Self {
            name,
            spec,
            observation,
            memory,
            now,
            expect,
        })
    }

    /// Writes the case, without what is expected, so that [`Case::read`] gives the same decision. Readings that no
    /// decision looks at are left out.
    #[must_use]
    pub fn write(&self) -> Value {
        let mut value = json!({
            "apiVersion": FORMAT,
            "policy": serde_json::to_value(&self.spec).unwrap_or_default(),
            "observation": observation::write(&self.observation, &self.spec),
            "memory": past::write(&self.memory),
            "now": time_value(self.now),
        });
        if let (Some(name), Value::Object(map)) = (&self.name, &mut value) {
            map.insert("name".into(), json!(name));
        }
        value
    }

    /// Decides the case.
    ///
    /// # Errors
    /// When the policy contradicts itself.
    pub fn decide(&self) -> Result<Decided, CaseError> {
        let policy = self.spec.decision_policy()?;
        let decision = decide(&policy, &self.memory, &self.observation, self.now);
        let mut memory = self.memory.clone();
        memory.record(&decision, self.now);
        if decision.verdict == Verdict::Scale {
            memory.record_change(decision.current, decision.desired, self.now);
        }
        let spec = &self.spec;
        let names = Names {
            metrics: &names(&spec.metrics, |metric| &metric.name),
            schedules: &names(&spec.schedules, |schedule| &schedule.name),
            guards: &names(&spec.guards, |guard| &guard.name),
        };
        let message = decision.summary(names).to_string();
        let mut decided = Decided {
            decision,
            message,
            memory,
            differences: Vec::new(),
        };
        if let Some(expect) = &self.expect {
            decided.differences = expect.differences(&decided, spec);
        }
        Ok(decided)
    }
}

/// Reads a case, decides it and holds it against what it expects.
///
/// # Errors
/// When it makes no sense, unless it expects just that.
pub fn judge(value: Value) -> Result<Judged, CaseError> {
    let text = |pointer| {
        value
            .pointer(pointer)
            .and_then(Value::as_str)
            .map(ToOwned::to_owned)
    };
    let (name, expected) = (text("/name"), text("/expect/error"));
    let decided = Case::read(value).and_then(|case| {
        let decided = case.decide()?;
        Ok((case, decided))
    });
    match (decided, expected) {
        (Ok((case, decided)), None) => Ok(Judged::Decided(Box::new(case), Box::new(decided))),
        (Ok(_), Some(expected)) => Ok(Judged::NotRefused { name, expected }),
        (Err(error), Some(expected)) if error.to_string().contains(&expected) => {
            Ok(Judged::RefusedAsExpected { name, error })
        }
        (Err(error), _) => Err(error),
    }
}

fn names<T>(entries: &[T], name: fn(&T) -> &str) -> Vec<&str> {
    entries.iter().map(name).collect()
}

fn policy(node: Node) -> Result<ScalingPolicySpec, CaseError> {
    let mut value = node.value;
    if let Value::Object(map) = &mut value {
        map.entry("scaleTargetRef")
            .or_insert_with(|| json!({ "apiVersion": "apps/v1", "kind": "Deployment", "name": "target" }));
    }
    let mut ignored = None;
    let spec: Result<ScalingPolicySpec, serde_json::Error> = serde_ignored::deserialize(value, |path| {
        ignored.get_or_insert_with(|| path.to_string());
    });
    let spec = spec.map_err(|error| CaseError::Unreadable(format!("policy: {error}")))?;
    // Before anything is read by the names of its metrics.
    spec.decision_policy()?;
    match ignored {
        None => Ok(spec),
        // An optional field on the way is shown as a question mark.
        Some(path) => Err(CaseError::Ignored(format!("policy.{}", path.replace(".?", "")))),
    }
}

#[cfg(test)]
mod tests;
