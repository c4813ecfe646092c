//! A policy, its pods and a configuration, and what its metrics and guards come to on a Prometheus.
use std::sync::Arc;

use concertina::api::ScalingPolicy;
use concertina::cluster::pods::{ContainerResources, PodRecord, Resources};
use concertina::config::Config;
use concertina::control::compile::CompiledPolicy;
use concertina::observe::interval::Intervals;
use concertina::observe::join::{Note, guard_reading, reading};
use concertina::observe::plan::needs;
use concertina::observe::query::Namespaces;
use concertina::observe::server::Server;
use concertina::observe::table::Wanted;
use concertina_decision::{Pod, Reading};
use serde_json::{Value, json};

use crate::prometheus::Prometheus;

/// What a metric or guard came to, and what there is to tell.
pub(crate) type Read = (Reading, Option<Note>);

/// A Prometheus and a configuration.
pub(crate) struct World {
    pub(crate) prometheus: Prometheus,
    pub(crate) config: Config,
    pub(crate) intervals: Intervals,
    server: Server,
    pods: Vec<PodRecord>,
}

impl World {
    /// With this configuration beside that of the server.
    pub(crate) fn new(configuration: &str) -> Self {
        Self::of_server("", configuration)
    }

    /// With these fields of the server too.
    pub(crate) fn of_server(fields: &str, configuration: &str) -> Self {
        // Another test may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let prometheus = Prometheus::start();
        let text = format!(
            "servers: [{{name: default, url: '{}'{fields}}}]\n{configuration}",
            prometheus.url()
        );
        let config = Config::parse(&text, "test.yaml".as_ref()).unwrap();
        Self {
            server: Server::new(config.servers[0].clone()).unwrap(),
            prometheus,
            config,
            intervals: Intervals::default(),
            pods: Vec::new(),
        }
    }

    /// With these pods, each with one container named app that requests a core and a gibibyte.
    pub(crate) fn with_pods(mut self, names: &[&str]) -> Self {
        let resources = Resources {
            cpu_request: Some(1.0),
            memory_request: Some(1_073_741_824.0),
            ..Resources::default()
        };
        let containers: Arc<[_]> = [ContainerResources {
            name: "app".into(),
            resources,
        }]
        .into();
        let pod = |name: &&str| PodRecord {
            name: (*name).into(),
            uid: (*name).into(),
            state: Pod::Ready,
            ready_since: None,
            unschedulable: false,
            resources: Resources::default(),
            containers: Arc::clone(&containers),
        };
        self.pods = names.iter().map(pod).collect();
        self
    }

    /// The policy of the Deployment web in the namespace shop, compiled.
    pub(crate) fn compiled(&self, metrics: &Value, guards: &Value) -> CompiledPolicy {
        let policy: ScalingPolicy = serde_json::from_value(json!({
            "apiVersion": "concertina.dev/v1alpha1", "kind": "ScalingPolicy",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "maxReplicas": 10, "metrics": metrics, "guards": guards,
            },
        }))
        .unwrap();
        CompiledPolicy::of(&policy, &self.config).unwrap()
    }

    /// What these metrics come to.
    pub(crate) async fn metrics(&self, metrics: Value) -> Vec<Read> {
        self.read(&self.compiled(&metrics, &json!([]))).await
    }

    /// What these guards come to.
    pub(crate) async fn guards(&self, guards: Value) -> Vec<Read> {
        let memory = json!([{"name": "memory", "memory": {"averageValue": 1_000_000}}]);
        self.read(&self.compiled(&memory, &guards)).await.split_off(1)
    }

    /// What the metrics and guards of a policy come to.
    pub(crate) async fn read(&self, compiled: &CompiledPolicy) -> Vec<Read> {
        let mut namespaces = Namespaces::default();
        namespaces.insert("shop");
        let mut found = Vec::new();
        for (index, (key, matching)) in needs(compiled).enumerate() {
            let question = key.question(&self.config, &self.intervals, &namespaces);
            let answer = match &question {
                Ok(question) => self.server.fetch(question, &Wanted::of(matching)).await,
                Err(error) => Err(error.clone()),
            };
            if let (Ok(question), Err(error)) = (&question, &answer) {
                panic!("{error}: {}", question.text);
            }
            found.push(match compiled.metrics.get(index) {
                Some(metric) => reading(metric, &answer, "shop", &self.pods),
                None => {
                    let guard = &compiled.guards()[index - compiled.metrics.len()];
                    guard_reading(&guard.matching, &answer)
                }
            });
        }
        found
    }

    /// Seconds between two scrapes behind the first query of these metrics, as measured.
    pub(crate) async fn measured_interval(&self, metrics: Value) -> Option<f64> {
        let compiled = self.compiled(&metrics, &json!([]));
        for question in compiled.queries[0].interval_questions(&self.config) {
            let wanted = Wanted::of(Some(&[]));
            let answer = self.server.fetch(&question.as_question(), &wanted).await.unwrap();
            let concertina::observe::table::Table::Labels(table) = answer.table else {
                panic!("no totals");
            };
            let found = table.group(&[]).and_then(|group| group.entry.value);
            if found.is_some() {
                return found;
            }
        }
        None
    }
}

/// The number of a total that has nothing to be told of, and that was sampled seconds ago.
pub(crate) fn total(read: &Read) -> f64 {
    match read {
        (
            Reading::Total {
                value,
                time: Some(time),
            },
            None,
        ) => {
            let age = jiff::Timestamp::now().as_millisecond() - time.0;
            assert!((0..30_000).contains(&age), "{age} ms old");
            *value
        }
        other => panic!("{other:?}"),
    }
}

/// That these are totals near these numbers, with nothing to be told of.
pub(crate) fn assert_totals(found: &[Read], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (read, number) in found.iter().zip(expected) {
        assert_near(total(read), *number);
    }
}

/// The numbers of the pods.
pub(crate) fn pods(read: &Read) -> Vec<Option<f64>> {
    match read {
        (Reading::PerPod(pods), _) => pods.iter().map(|pod| pod.value).collect(),
        other => panic!("{other:?}"),
    }
}

/// What is told of a reading.
pub(crate) fn told(read: &Read) -> &str {
    read.1.as_ref().map_or("nothing", |note| &note.message)
}

/// That two numbers differ by less than one in a hundred: Prometheus extrapolates.
pub(crate) fn assert_near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() <= 0.01 * expected.abs(),
        "{found} is not {expected}"
    );
}
