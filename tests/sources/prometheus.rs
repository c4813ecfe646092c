//! A real Prometheus on loopback, with series that are pushed to it together with their past. It ends with the test.
use serde_json::{Value, json};

use crate::prometheus_process::PrometheusProcess;
use crate::series::Series;

/// The server.
pub(crate) struct Prometheus {
    process: PrometheusProcess,
}

const CONFIGURATION: &str = "
global: {scrape_interval: 1h}
otlp: {translation_strategy: NoTranslation}
storage: {tsdb: {out_of_order_time_window: 1h}}
";

impl Prometheus {
    /// Starts a server without any data.
    pub(crate) fn start() -> Self {
        Self {
            process: PrometheusProcess::start(CONFIGURATION, &["--web.enable-otlp-receiver"]),
        }
    }

    /// Where it answers.
    pub(crate) fn url(&self) -> &str {
        &self.process.url
    }

    /// Takes over these series.
    pub(crate) async fn push(&self, series: &[Series]) {
        self.take(&Self::body(series)).await;
    }

    /// These series and their samples up to now, for [`Self::take`].
    pub(crate) fn body(series: &[Series]) -> Value {
        let metrics: Vec<Value> = series.iter().map(Series::as_otlp).collect();
        json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    }

    /// Takes over what [`Self::body`] made.
    pub(crate) async fn take(&self, body: &Value) {
        let request = reqwest::Client::new()
            .post(format!("{}/api/v1/otlp/v1/metrics", self.process.url))
            .header("content-type", "application/json")
            .body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
    }

    /// What this path of its API answers to a form.
    pub(crate) async fn ask(&self, path: &str, form: &[(&str, String)]) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.process.url))
            .form(form);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
