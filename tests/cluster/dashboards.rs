//! Every panel of the dashboards has something to show of the real controller and the real Prometheus, which PROMETHEUS_URL
//! names as the tests reach it. The policies of this test bring every state about, so no panel depends on what other tests did.
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::boards::{Choice, Question, of_panel, panels, questions, sent, variables, with_uid};
use crate::fixtures::{backlog, by, cpu, deployment, pods_of, policy, query};
use crate::world::{GLANCE, World, in_a_namespace};

/// Pods that crash are waited for longer and longer. A scrape interval is measured of what has been there for two minutes, and, as the kubelet looks at idle
/// containers ever less often, perhaps only of what has been there for six.
const PATIENCE: Duration = Duration::from_secs(480);
/// In place of `$__rate_interval`, with a scrape every few seconds.
const WINDOW: &str = "60s";
/// Nothing is asked that is older, in seconds.
const PAST_SECONDS: f64 = 600.0;

/// What may be empty here, and why; every panel has something to show.
const MAY_BE_EMPTY: [(&str, &str); 2] = [
    (
        "annotation Changes of leader",
        "only the tests of fail-over make one, and they may come later",
    ),
    (
        "variable cluster",
        "this Prometheus holds one cluster, so its series have no such label",
    ),
];

fn may_be_empty(place: &str) -> bool {
    MAY_BE_EMPTY.iter().any(|(exempt, _)| *exempt == place)
}

/// Prometheus as Grafana asks it.
struct Prometheus {
    url: String,
    client: reqwest::Client,
}

impl Prometheus {
    fn from_environment() -> Self {
        // What asks it needs one, although it is asked without encryption.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = std::env::var("PROMETHEUS_URL").unwrap_or_else(|_| "http://127.0.0.1:9090".into());
        let client = reqwest::Client::new();
        Self { url, client }
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
        let response = self.client.get(url).send().await;
        let text = response
            .unwrap_or_else(|error| panic!("PROMETHEUS_URL {}: {error}", self.url))
            .text()
            .await
            .unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }

    /// Waits until the policy is known: what it wrote before its first scrape is no increase to anybody.
    async fn until_scraped(&self, namespace: &str, policy: &str) {
        let name = concertina::report::metrics::names::POLICY_CHANGES.name;
        let query = format!("{name}{{namespace=\"{namespace}\", policy=\"{policy}\"}}");
        let deadline = Instant::now() + PATIENCE;
        while self.get("query", &[("query", &query)]).await["result"] == json!([]) {
            assert!(
                Instant::now() < deadline,
                "{query}: not scraped within {PATIENCE:?}"
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Whether a query has a number to show.
    async fn has(&self, question: &Question, choice: Choice<'_>) -> bool {
        let query = sent(&question.text, choice, WINDOW);
        let end = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs_f64();
        let (start, end) = ((end - PAST_SECONDS).to_string(), end.to_string());
        let data = if question.is_instant {
            self.get("query", &[("query", &query), ("time", &end)]).await
        } else {
            let range = [
                ("query", &*query),
                ("start", &*start),
                ("end", &*end),
                ("step", "5"),
            ];
            self.get("query_range", &range).await
        };
        let is_number = |point: &Value| point[1].as_str().is_some_and(|number| number != "NaN");
        data["result"].as_array().unwrap().iter().any(|series| {
            let points = series["values"].as_array();
            points.map_or_else(
                || is_number(&series["value"]),
                |points| points.iter().any(is_number),
            )
        })
    }
}

/// Policies in whose namespace every state occurs; their names.
async fn every_state(world: &World, prometheus: &Prometheus) -> Vec<&'static str> {
    world.has(deployment("errors")).await;
    // Grows and shrinks, by two metrics, with a guard.
    world.has(deployment("web")).await;
    let guards = json!([{
        "name": "errors", "query": pods_of(&world.namespace, "errors"),
        "above": 5, "forSeconds": 0, "whenEmpty": "Zero",
    }]);
    let calm = [backlog(20, 20), cpu(70)];
    world.has(policy("web").by(&calm).with("guards", guards)).await;
    // No sample ever comes.
    world.has(deployment("lost")).await;
    world
        .has(policy("lost").by(&[query("series_that_nobody_exposes", 20)]))
        .await;
    // Wants more than it may have, which no node has room for.
    world.has(deployment("wall").with_cpu(1_000_000)).await;
    world
        .has(policy("wall").by(&[backlog(400, 20)]).between(1, 2))
        .await;
    world.has(deployment("crash").crashing()).await;
    world.has(policy("crash").by(&[backlog(60, 20)])).await;

    prometheus.until_scraped(&world.namespace, "web").await;
    world
        .change("ScalingPolicy", "web", by(&[backlog(60, 20), cpu(70)]))
        .await;
    world.until_replicas("Deployment", "web", 3).await;
    world.change("ScalingPolicy", "web", by(&calm)).await;
    world.until_replicas("Deployment", "web", 1).await;
    vec!["web", "lost", "wall", "crash"]
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn no_panel_of_the_dashboards_is_empty() {
    in_a_namespace(async |world| {
        let prometheus = Prometheus::from_environment();
        let policies = every_state(world, &prometheus).await;
        let deadline = Instant::now() + PATIENCE;
        for uid in ["concertina-fleet", "concertina-policy"] {
            loop {
                let empty = empty(&prometheus, uid, &world.namespace, &policies).await;
                if empty.is_empty() {
                    break;
                }
                assert!(
                    Instant::now() < deadline,
                    "{uid}: nothing within {PATIENCE:?} for {empty:#?}"
                );
                tokio::time::sleep(GLANCE).await;
            }
        }
    })
    .await;
}

/// What has nothing to show yet, whichever of the policies is chosen.
async fn empty(prometheus: &Prometheus, uid: &str, namespace: &str, policies: &[&str]) -> Vec<String> {
    let board = with_uid(uid);
    let choices: Vec<Choice<'_>> = policies
        .iter()
        .map(|policy| Choice {
            cluster: ".*",
            namespace,
            policy,
        })
        .collect();
    let has_any = async |questions: &[Question]| {
        for question in questions {
            for choice in &choices {
                if prometheus.has(question, *choice).await {
                    return true;
                }
            }
        }
        false
    };
    let mut empty = Vec::new();
    for panel in panels(&board) {
        let asked = of_panel(panel);
        if !has_any(&asked).await {
            empty.push(asked[0].place.clone());
        }
    }
    for mark in questions(&board) {
        let is_mark = mark.place.starts_with("annotation");
        if is_mark && !may_be_empty(&mark.place) && !has_any(std::slice::from_ref(&mark)).await {
            empty.push(mark.place);
        }
    }
    for (name, series, label) in variables(&board) {
        let place = format!("variable {name}");
        let series = sent(&series, choices[0], WINDOW);
        let values = prometheus
            .get(&format!("label/{label}/values"), &[("match[]", &series)])
            .await;
        if values.as_array().unwrap().is_empty() && !may_be_empty(&place) {
            empty.push(place);
        }
    }
    empty
}
