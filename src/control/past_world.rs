//! A target with a past, for the tests of what is rebuilt of it. Pure.
use std::sync::Arc;

use std::ops::Range;

use serde_json::{Value, json};

use super::super::*;
use crate::cluster::pods::Resources;
use crate::fixtures::{compiled, policy, record, with};
use crate::observe::table::{Naming, Wanted};

/// At a full minute.
pub(super) const START: Timestamp = Timestamp::from_seconds(1_700_000_040);

/// A policy at ten requests per second and replica, which shrinks as fast as its window lets it.
pub(super) fn by_rate(window: u32, period: u32) -> Arc<CompiledPolicy> {
    let policy = with(
        policy("web"),
        "/spec/metrics",
        json!([{"name": "rate", "requestRate": {"averageValue": 10}}]),
    );
    let policy = with(policy, "/spec/periodSeconds", json!(period));
    let down = json!({"cooldownSeconds": 0, "stabilizationWindowSeconds": window,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]});
    let policy = with(policy, "/spec/maxReplicas", json!(50));
    compiled(&record(with(
        policy,
        "/spec/behavior",
        json!({"scaleDown": down}),
    )))
}

/// A target whose pods share the load, and what a policy does with it.
#[derive(Clone)]
pub(super) struct World {
    /// Load from each second on; before the first there is none.
    pub(super) load: Vec<(i64, f64)>,
    /// Seconds at which somebody else sets the replicas.
    pub(super) by_other: Vec<(i64, Replicas)>,
    /// Seconds at which all pods are exchanged.
    pub(super) rollouts: Vec<i64>,
    /// The replicas from each second on.
    pub(super) replicas: Vec<(i64, Replicas)>,
    pub(super) changes: Vec<Change>,
    pub(super) memory: Memory,
}

pub(super) fn at<T: Copy + Default>(values: &[(i64, T)], second: i64) -> T {
    let value = values.iter().rfind(|(from, _)| *from <= second);
    value.map(|(_, value)| *value).unwrap_or_default()
}

impl World {
    pub(super) fn of(replicas: Replicas, load: &[(i64, f64)]) -> Self {
        Self {
            load: load.to_vec(),
            by_other: vec![],
            rollouts: vec![],
            replicas: vec![(-10_000, replicas)],
            changes: vec![],
            memory: Memory::default(),
        }
    }

    /// The pods that live at a second and what each receives.
    pub(super) fn pods(&self, second: i64) -> Vec<(String, f64)> {
        // A change of a second shows after it.
        let replicas = at(&self.replicas, second - 1).max(1);
        let version = self.rollouts.iter().filter(|at| **at <= second).count();
        (0..replicas)
            .map(|index| {
                (
                    format!("web-{version}-{index}"),
                    at(&self.load, second) / f64::from(replicas),
                )
            })
            .collect()
    }

    /// Evaluates in each period of these seconds.
    pub(super) fn run(&mut self, policy: &CompiledPolicy, seconds: Range<i64>) {
        for second in seconds.step_by(policy.period_seconds as usize) {
            if let Some((_, replicas)) = self.by_other.iter().find(|(at, _)| *at == second) {
                self.replicas.push((second - 1, *replicas));
            }
            let now = Timestamp::from_seconds(START.0 / 1000 + second);
            let pods = self.pods(second);
            let current = at(&self.replicas, second);
            let reading = |(_, value): &(String, f64)| concertina_decision::PodReading {
                value: Some(*value),
                time: Some(now),
                ..Default::default()
            };
            let observation = Observation {
                current_replicas: current,
                pods: vec![Pod::Ready; pods.len()],
                metrics: vec![Reading::PerPod(pods.iter().map(reading).collect())],
                ..Observation::default()
            };
            let decision = decide(&policy.decision, &self.memory, &observation, now);
            self.memory.record(&decision, now);
            if let Some(change) = self.memory.changes().last().filter(|change| change.at == now) {
                self.changes.push(*change);
            }
            if decision.desired != current {
                self.memory.record_change(current, decision.desired, now);
                self.changes.extend(self.memory.changes().last());
                self.replicas.push((second, decision.desired));
            }
        }
    }

    /// What Prometheus answers at a second to those who ask about these steps, as far as it knows.
    pub(super) fn history(&self, steps: Steps, knows: impl Fn(i64) -> bool) -> History {
        let mut rows: std::collections::BTreeMap<String, Vec<Value>> = std::collections::BTreeMap::new();
        for time in steps.times() {
            let second = (time.0 - START.0) / 1000;
            if knows(second) {
                for (pod, value) in self.pods(second) {
                    rows.entry(pod)
                        .or_default()
                        .push(json!([time.0 / 1000, value.to_string()]));
                }
            }
        }
        let row = |(pod, values): (String, Vec<Value>)| json!({"metric": {"concertina": "value", "namespace": "shop", "pod": pod}, "values": values});
        let rows: Vec<Value> = rows.into_iter().map(row).collect();
        let text = json!({"status": "success", "data": {"resultType": "matrix", "result": rows}}).to_string();
        History::decode(text.as_bytes(), steps, &Wanted::Pods, Naming::CONTAINERS).unwrap()
    }

    /// Another controller takes over before a second: it knows the last changes, and what Prometheus knows.
    pub(super) fn restart(&mut self, policy: &CompiledPolicy, second: i64, knows: impl Fn(i64) -> bool) {
        let now = Timestamp::from_seconds(START.0 / 1000 + second);
        let window = policy.decision.scale_down.stabilization_window_seconds;
        let history = Arc::new(self.history(Steps::before(now, window, policy.period_seconds), knows));
        let changes = &self.changes[self.changes.len().saturating_sub(5)..];
        let version = |second: i64| self.rollouts.iter().filter(|at| **at <= second).count();
        let is_there = |index: Replicas, at_second: i64| {
            version(at_second) == version(second) && at(&self.replicas, at_second - 1).max(1) > index
        };
        let record = |(index, (name, _)): (Replicas, &(String, f64))| {
            let since = (-2000..=second)
                .rev()
                .take_while(|second| is_there(index, *second))
                .last();
            PodRecord {
                ready_since: since.map(|since| Timestamp::from_seconds(START.0 / 1000 + since)),
                ..pod(name)
            }
        };
        let pods: Vec<PodRecord> = (0..).zip(&self.pods(second)).map(record).collect();
        let past = Past {
            compiled: policy,
            namespace: "shop",
            pods: &pods,
            replicas: at(&self.replicas, second),
            changes,
            startup_seconds: Some(30),
            histories: &[history],
        };
        self.memory = rebuild(&past, now).unwrap_or_else(|| {
            let mut memory = Memory::default();
            changes.iter().for_each(|change| memory.restore_change(*change));
            memory
        });
    }

    /// When the replicas became fewer for the first time after a second.
    pub(super) fn shrinks_after(&self, second: i64) -> Option<i64> {
        let mut before = at(&self.replicas, second);
        self.replicas
            .iter()
            .filter(|(at, _)| *at > second)
            .find_map(|(at, replicas)| {
                let shrinks = *replicas < before;
                before = *replicas;
                shrinks.then_some(*at)
            })
    }
}

pub(super) fn pod(name: &str) -> PodRecord {
    PodRecord {
        name: name.into(),
        uid: format!("uid-{name}").as_str().into(),
        state: Pod::Ready,
        ready_since: None,
        unschedulable: false,
        resources: Resources::default(),
        containers: [].into(),
    }
}
