//! A real Prometheus on loopback that scrapes every second what it is told to. It ends with the test.
use serde_json::Value;

use crate::prometheus_process::PrometheusProcess;

/// The server.
pub(crate) struct Prometheus {
    process: PrometheusProcess,
    client: reqwest::Client,
}

impl Prometheus {
    /// Starts a server with this configuration.
    pub(crate) fn start(configuration: &str) -> Self {
        // What asks it needs one, although it is asked without encryption.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self {
            process: PrometheusProcess::start(configuration, &[]),
            client: reqwest::Client::new(),
        }
    }

    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("{}/api/v1/{path}", self.process.url);
        let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
        let response = self.client.get(url).send().await.unwrap();
        let answer: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {answer}");
        answer["data"].clone()
    }

    /// The series of an instant query, each with its `metric` and `value`.
    pub(crate) async fn at(&self, query: &str, seconds: f64) -> Vec<Value> {
        let time = seconds.to_string();
        let data = self.get("query", &[("query", query), ("time", &time)]).await;
        data["result"].as_array().unwrap().clone()
    }

    /// The series of a range query at every second, each with its `metric` and `values`.
    pub(crate) async fn between(&self, query: &str, start: f64, end: f64) -> Vec<Value> {
        let (start, end) = (start.to_string(), end.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", "1")];
        let data = self.get("query_range", &parameters).await;
        data["result"].as_array().unwrap().clone()
    }

    /// The values of a label of some series.
    pub(crate) async fn label_values(&self, label: &str, series: &str) -> Vec<String> {
        let data = self
            .get(&format!("label/{label}/values"), &[("match[]", series)])
            .await;
        serde_json::from_value(data).unwrap()
    }
}
