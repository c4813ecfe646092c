//! A small fleet in which every state occurs, decided by the real pipeline moment by moment, and told to the exporter. Pure.
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use concertina::api::Mode;
use concertina::cluster::QuotaRefusal;
use concertina::cluster::guarded::Guarded;
use concertina::cluster::names::ObjectKey;
use concertina::cluster::pods::StartupTimes;
use concertina::cluster::policies::PolicyTable;
use concertina::config::Config;
use concertina::control::apply::ApplyError;
use concertina::control::enforce::Effect;
use concertina::control::evaluate::{Decided, Outcome};
use concertina::observe::join::Note;
use concertina::observe::plan::QueryKey;
use concertina::observe::query::{Template, Window};
use concertina::observe::table::FetchError;
use concertina::report::metrics::Metrics;
use concertina_decision::{
    Memory, Missing, Observation, Pod, PodReading, Reading, Reason, Timestamp, Verdict, decide,
};
use serde_json::{Value, json};

/// The moments of the story: calm, the load comes, it goes, an alarm, another controller leads.
pub(crate) const CALM: u32 = 1;
pub(crate) const LOAD: u32 = 2;
pub(crate) const LOAD_GONE: u32 = 3;
pub(crate) const ALARM: u32 = 4;
pub(crate) const HANDED_OVER: u32 = 5;
pub(crate) const MOMENTS: [u32; 5] = [CALM, LOAD, LOAD_GONE, ALARM, HANDED_OVER];

/// Seconds between two moments, as the decisions see them.
const STEP_SECONDS: i64 = 15;

fn time_of(moment: u32) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + i64::from(moment) * STEP_SECONDS)
}

/// The policies of one controller, and what it remembers of them.
pub(crate) struct Fleet {
    table: PolicyTable,
    memories: HashMap<ObjectKey, Memory>,
}

impl Default for Fleet {
    fn default() -> Self {
        let config = Config::with_server("http://prometheus:9090", 15).unwrap();
        let mut table = PolicyTable::new(Arc::new(config));
        for policy in policies() {
            table.apply(Guarded::read(&policy.to_string()).unwrap());
        }
        Self {
            table,
            memories: HashMap::new(),
        }
    }
}

fn policy(name: &str, max: i32, more: &Value) -> Value {
    let mut policy = json!({
        "apiVersion": "concertina.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {
            "name": name, "namespace": "shop", "uid": format!("uid-{name}"), "generation": 1,
            "creationTimestamp": "2023-01-01T00:00:00Z",
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": max,
            "metrics": [{"name": "load", "prometheus": {"query": "load", "averageValue": 10}}],
        },
    });
    for (field, value) in more.as_object().unwrap() {
        policy["spec"][field] = value.clone();
    }
    policy
}

fn policies() -> Vec<Value> {
    let at_once = json!({"scaleDown": {
        "cooldownSeconds": 0, "stabilizationWindowSeconds": 0,
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
    }});
    vec![
        policy(
            "web",
            10,
            &json!({
                "metrics": [
                    {"name": "cpu", "cpu": {"averageUtilization": 70}},
                    {"name": "rate", "prometheus": {"query": "rate", "averageValue": 50}},
                ],
                "guards": [{"name": "errors", "query": "errors", "above": "0.01", "forSeconds": 0}],
            }),
        ),
        policy("api", 10, &json!({"behavior": at_once})),
        policy("batch", 4, &json!({})),
        policy("crash", 10, &json!({})),
        policy("wall", 10, &json!({})),
        policy("trial", 10, &json!({"mode": "DryRun"})),
        policy("held", 10, &json!({"mode": "Paused"})),
        policy("gone", 10, &json!({})),
    ]
}

/// What is seen of a target.
fn seen(current: i32, metrics: Vec<Reading>) -> Observation {
    Observation {
        current_replicas: current,
        pods: vec![Pod::Ready; usize::try_from(current).unwrap()],
        metrics,
        ..Observation::default()
    }
}

fn total(value: f64) -> Vec<Reading> {
    vec![Reading::Total { value, time: None }]
}

/// The shop's front: two metrics with known ages, and a guard.
fn web(moment: u32) -> Observation {
    let (current, cpu, rate, errors) = match moment {
        CALM => (2, 0.06, 80.0, 0.0),
        LOAD => (2, 0.09, 280.0, 0.0),
        LOAD_GONE => (6, 0.03, 100.0, 0.0),
        _ => (6, 0.03, 100.0, 0.5),
    };
    let time = Some(Timestamp::from_seconds(time_of(moment).0 / 1000 - 4));
    let pod = PodReading {
        value: Some(cpu),
        time,
        request: Some(0.1),
        ..PodReading::default()
    };
    let pods = vec![pod; usize::try_from(current).unwrap()];
    Observation {
        guards: total(errors),
        ..seen(
            current,
            vec![Reading::PerPod(pods), Reading::Total { value: rate, time }],
        )
    }
}

fn observation(name: &str, moment: u32) -> Observation {
    match (name, moment) {
        ("web", _) => web(moment),
        ("api", CALM) => seen(5, total(50.0)),
        ("api", LOAD) => seen(5, total(20.0)),
        ("api", _) => seen(2, vec![Reading::Missing(Missing::TimedOut)]),
        ("batch", _) => seen(4, total(400.0)),
        ("crash", _) => Observation {
            pods: vec![
                Pod::Ready,
                Pod::Unready,
                Pod::Starting,
                Pod::Crashing,
                Pod::CrashingAtStart,
            ],
            ..seen(5, total(50.0))
        },
        ("wall", _) => Observation {
            quota_room: Some(3),
            ..seen(3, total(60.0))
        },
        _ => seen(2, total(40.0)),
    }
}

impl Fleet {
    /// Everything is evaluated at this moment, and `metrics` are told of it.
    pub(crate) fn passes(&mut self, moment: u32, metrics: &Metrics) {
        let outcomes: Vec<Outcome> = self.outcomes(moment);
        metrics.policies(outcomes.len());
        metrics.evaluations(outcomes.len() as u64);
        metrics.evaluations_late(1);
        metrics.evaluated_all(&outcomes);
        loop_and_writes(moment, metrics);
    }

    fn outcomes(&mut self, moment: u32) -> Vec<Outcome> {
        let now = time_of(moment);
        let records: Vec<_> = self.table.iter().cloned().collect();
        let mut outcomes = Vec::new();
        for record in records {
            let name = record.key.name.to_string();
            let compiled = record.compiled.clone().unwrap();
            let mode = record.mode(now);
            let observation = observation(&name, moment);
            let memory = self.memories.entry(record.key.clone()).or_default();
            let decision = Box::new(decide(&compiled.decision, memory, &observation, now));
            memory.record(&decision, now);
            let effect = match (decision.verdict, mode) {
                (Verdict::Hold, _) => Effect::None,
                (Verdict::Scale, Some(Mode::Auto)) => {
                    memory.record_change(decision.current, decision.desired, now);
                    Effect::Written
                }
                (Verdict::Scale, _) => Effect::Withheld,
            };
            let startup = StartupTimes {
                p50_seconds: 3,
                p95_seconds: 9,
                samples: 20,
            };
            let room = observation.quota_room;
            let decided = Decided {
                notes: vec![None; compiled.metrics.len()],
                guard_notes: vec![None; compiled.guards().len()],
                decision,
                effect,
                seen: None,
                changed_by_other: None,
                startup: Some(startup),
                quota: room.map(|room| QuotaRefusal {
                    room,
                    message: "exceeded quota: few-pods".into(),
                }),
                unschedulable_pods: usize::from(name == "wall"),
                pods: observation.pods.iter().copied().collect(),
            };
            let result = if name == "gone" {
                Err(Note {
                    reason: Reason::TargetNotFound,
                    message: "there is none".into(),
                })
            } else {
                Ok(decided)
            };
            outcomes.push(Outcome {
                record,
                compiled: Some(compiled),
                time: now,
                mode,
                target_uid: Some("uid-of-target".into()),
                result,
            });
        }
        outcomes
    }
}

/// What a controller tells of itself: everything once at each moment.
fn loop_and_writes(moment: u32, metrics: &Metrics) {
    let server = "default";
    metrics.evaluation_gap(5.0);
    metrics.tick(Duration::from_millis(30));
    for answer in [Ok(()), Err(FetchError::TimedOut(5))] {
        metrics.queried(server, &answer, Duration::from_millis(40));
    }
    metrics.decoded(server, 120, 24_000);
    let cpu = QueryKey::shared(&Arc::from(server), Template::Cpu { window: Window::Auto });
    metrics.newest_sample(&cpu, 0, Ok(Some(Timestamp::from_seconds(0))), Timestamp(7500));
    metrics.failovers(server, u64::from(moment));
    metrics.scrape_interval(server, "cpu", 15.0, 60);
    for result in [
        Ok(Default::default()),
        Err(ApplyError::Busy("Deployment shop/web".into())),
    ] {
        metrics.scale_write(&result);
    }
    metrics.scale_write_took(Duration::from_millis(12));
    metrics.status_write(true);
    metrics.status_write(false);
    metrics.event_dropped();
}
