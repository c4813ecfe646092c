//! Tells when a new load became visible in Prometheus, apart from the controller. It calls Prometheus.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::BenchError;
use crate::fixture::{self, LOAD_PER_REPLICA, REPLICAS};

/// So often Prometheus is asked while somebody waits.
pub(crate) const PROBE_GAP: Duration = Duration::from_millis(20);

/// The vector of an instant query.
#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    metric: Labels,
    value: (f64, String),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    workload: String,
}

/// Workload (empty where there is none) and value of each element of an instant query's answer.
pub(crate) async fn query(
    client: &reqwest::Client,
    prometheus: &str,
    query: &str,
) -> Result<Vec<(String, f64)>, BenchError> {
    let url = reqwest::Url::parse_with_params(&format!("{prometheus}/api/v1/query"), [("query", query)])
        .map_err(|error| BenchError::Unusable(error.to_string()))?;
    let body = client
        .get(url)
        .timeout(Duration::from_secs(20))
        .send()
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    let answer: Answer = serde_json::from_slice(&body)?;
    Ok(answer
        .data
        .result
        .into_iter()
        .filter_map(|element| Some((element.metric.workload, element.value.1.parse().ok()?)))
        .collect())
}

/// Is a load nearer to twice the steady one than to the steady one?
fn is_doubled(load: f64) -> bool {
    #[allow(clippy::cast_precision_loss)]
    let steady = LOAD_PER_REPLICA * REPLICAS as f64;
    load > 1.5 * steady
}

struct Waiting {
    workload: usize,
    doubled: bool,
    tell: oneshot::Sender<Instant>,
}

/// Asks as long as somebody waits, until it is dropped.
pub(crate) struct Prober {
    waiting: Arc<Mutex<Vec<Waiting>>>,
    task: JoinHandle<()>,
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Prober {
    pub(crate) fn start(client: reqwest::Client, prometheus: String) -> Self {
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(probe(client, prometheus, Arc::clone(&waiting)));
        Self { waiting, task }
    }

    /// When the workload's load was seen doubled, or steady again: the time at which the question was sent, so the sample was
    /// there a little earlier at most by [`PROBE_GAP`].
    pub(crate) async fn visible(
        &self,
        workload: usize,
        doubled: bool,
        patience: Duration,
    ) -> Option<Instant> {
        let (tell, told) = oneshot::channel();
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Waiting {
                workload,
                doubled,
                tell,
            });
        tokio::time::timeout(patience, told).await.ok()?.ok()
    }
}

async fn probe(client: reqwest::Client, prometheus: String, waiting: Arc<Mutex<Vec<Waiting>>>) {
    loop {
        tokio::time::sleep(PROBE_GAP).await;
        let names: Vec<String> = {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.retain(|one| !one.tell.is_closed());
            waiting
                .iter()
                .map(|one| fixture::workload(one.workload))
                .collect()
        };
        if names.is_empty() {
            continue;
        }
        let asked = Instant::now();
        let text = format!("bench_load{{workload=~\"{}\"}}", names.join("|"));
        let Ok(values) = query(&client, &prometheus, &text).await else {
            continue;
        };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in values {
            let index = fixture::index_of(&name);
            let found = waiting
                .iter()
                .position(|one| Some(one.workload) == index && one.doubled == is_doubled(value));
            if let Some(position) = found {
                let _ = waiting.swap_remove(position).tell.send(asked);
            }
        }
    }
}
