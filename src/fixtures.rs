//! Objects that unit tests begin with. No network.
use std::cell::RefCell;
use std::sync::Arc;

use concertina_decision::{Memory, Observation, Pod, Reading, Timestamp, decide};
use serde_json::{Value, json};

use crate::api::{Mode, ScalingPolicy};
use crate::cluster::guarded::Guarded;
use crate::cluster::names::ObjectKey;
use crate::cluster::policies::{PolicyId, PolicyRecord, PolicyTable};
use crate::config::Config;
use crate::control::compile::CompiledPolicy;
use crate::control::enforce::Effect;
use crate::control::evaluate::{Decided, Outcome};

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

/// A policy on the Deployment of the same name, at ten of something per replica.
pub(crate) fn policy(name: &str) -> Value {
    json!({
        "apiVersion": "concertina.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": "2023-01-01T00:00:00Z",
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": 10,
            "metrics": [{"name": "load", "prometheus": {"query": "load", "averageValue": 10}}],
        },
    })
}

/// With a field changed.
pub(crate) fn with(mut object: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
    object
}

/// As it comes from the API server.
#[expect(clippy::needless_pass_by_value, reason = "tests make it at the place")]
pub(crate) fn guarded(policy: Value) -> Guarded<ScalingPolicy> {
    Guarded::read(&policy.to_string()).unwrap()
}

/// As the table of policies holds it.
pub(crate) fn record(policy: Value) -> Arc<PolicyRecord> {
    thread_local! {
        static NAMES: RefCell<Vec<ObjectKey>> = const { RefCell::new(Vec::new()) };
    }
    let mut table = table();
    table.apply(guarded(policy));
    let record = table.iter().next().unwrap();
    // Policies of one test have each a place of their own, as in one table.
    let place = NAMES.with_borrow_mut(|names| {
        let known = names.iter().position(|name| *name == record.key);
        known.unwrap_or_else(|| {
            names.push(record.key.clone());
            names.len() - 1
        })
    });
    Arc::new(PolicyRecord {
        id: PolicyId(u32::try_from(place).unwrap()),
        ..PolicyRecord::clone(record)
    })
}

/// No policy yet.
pub(crate) fn table() -> PolicyTable {
    PolicyTable::new(Arc::new(config()))
}

pub(crate) fn config() -> Config {
    Config::with_server("http://prometheus:9090", 15).unwrap()
}

pub(crate) fn compiled(record: &PolicyRecord) -> Arc<CompiledPolicy> {
    record.compiled.clone().unwrap()
}

/// The outcome of one evaluation of a policy: two Ready pods, one reading per metric, nothing remembered.
pub(crate) fn outcome(policy: Value, metrics: Vec<Reading>) -> Outcome {
    let observation = Observation {
        current_replicas: 2,
        pods: vec![Pod::Ready; 2],
        metrics,
        ..Observation::default()
    };
    outcome_of(policy, &observation)
}

/// The outcome of one evaluation of a policy, nothing remembered.
pub(crate) fn outcome_of(policy: Value, observation: &Observation) -> Outcome {
    let record = record(policy);
    let compiled = compiled(&record);
    let decision = Box::new(decide(&compiled.decision, &Memory::default(), observation, NOW));
    let decided = Decided {
        notes: vec![None; compiled.metrics.len()],
        guard_notes: vec![None; compiled.guards().len()],
        decision,
        effect: Effect::None,
        seen: None,
        changed_by_other: None,
        startup: None,
        quota: None,
        unschedulable_pods: 0,
        pods: observation.pods.iter().copied().collect(),
    };
    Outcome {
        record,
        compiled: Some(compiled),
        time: NOW,
        mode: Some(Mode::Auto),
        target_uid: Some("uid-of-target".into()),
        result: Ok(decided),
    }
}

/// One number for the whole target.
pub(crate) const fn total(value: f64) -> Reading {
    Reading::Total { value, time: None }
}
