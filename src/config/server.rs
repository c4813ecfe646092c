//! The part of the configuration that says where a Prometheus-compatible server is and how to ask it. No network.
use serde::{Deserialize, Serialize};

/// One Prometheus-compatible server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerConfig {
    /// The name that policies use.
    pub name: String,
    /// Base URL without `/api/v1`, such as `http://prometheus.monitoring:9090`.
    pub url: String,
    /// Seconds after which a query is given up. Default 5.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// Seconds between two scrapes of the targets on this server. Windows of rates follow it. Default 15.
    #[serde(default = "default_scrape_interval")]
    pub scrape_interval_seconds: u32,
    /// Greatest answer in bytes that is read; a greater one is an error. Default 16 MiB, about 60,000 series.
    #[serde(default = "default_max_response")]
    pub max_response_bytes: usize,
}

fn default_timeout() -> u32 {
    5
}
fn default_scrape_interval() -> u32 {
    15
}
fn default_max_response() -> usize {
    16 << 20
}

impl ServerConfig {
    /// A server with this name at this URL, and with the documented defaults.
    #[must_use]
    pub fn at(name: &str, url: &str) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            timeout_seconds: default_timeout(),
            scrape_interval_seconds: default_scrape_interval(),
            max_response_bytes: default_max_response(),
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        http_url(&self.url)?;
        if self.timeout_seconds == 0 || self.scrape_interval_seconds == 0 {
            return Err("timeoutSeconds and scrapeIntervalSeconds must be at least 1".into());
        }
        Ok(())
    }
}

fn http_url(url: &str) -> Result<(), String> {
    let parsed = reqwest::Url::parse(url).map_err(|error| format!("url {url:?} is not a URL ({error})"))?;
    match parsed.scheme() {
        "http" | "https" => Ok(()),
        other => Err(format!("url {url:?} has scheme {other}: use http or https")),
    }
}
