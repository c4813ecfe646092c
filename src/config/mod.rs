//! The controller's own configuration file: Prometheus servers, sources and defaults. Reading and checking only, no network.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod matchers;
mod namespaces;
mod server;
mod source;
mod tenancy;

pub use server::{BasicAuth, HiddenValues, ServerConfig, TlsConfig};
pub(crate) use source::is_label_name;
pub use source::{DurationUnit, PodLabels, Scope, Source, SourceConfig, WORKLOAD_LABEL};
pub use tenancy::Tenancy;

use crate::api::DEFAULT_PROMETHEUS;

/// Seconds between two evaluations of a policy without `periodSeconds`.
pub const DEFAULT_PERIOD_SECONDS: u32 = 15;
/// Periods that divide a minute, so that policies with the same period share their queries.
pub const PERIODS: [u32; 7] = [1, 2, 5, 10, 15, 30, 60];

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason from the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The file is not valid YAML of the expected shape.
    #[error("the configuration {path} is malformed: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: serde_yaml::Error,
    },
    /// The file is well-formed, but a value makes no sense.
    #[error("the configuration is wrong: {0}")]
    Invalid(String),
}

/// The controller's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// Prometheus-compatible servers; policies name one in `prometheusRef`.
    pub servers: Vec<ServerConfig>,
    /// Sources of requests by name, as they are written; `http`, `ingress-nginx` and `istio` need not be.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceConfig>,
    /// All sources, checked and with their defaults.
    #[serde(skip)]
    known_sources: BTreeMap<String, Source>,
    /// Labels of the metrics of containers and pods.
    #[serde(default)]
    pub labels: PodLabels,
    /// Which series the policies may read, on servers that do not say so themselves. Default Cluster.
    #[serde(default)]
    pub tenancy: Tenancy,
    /// The namespaces that are watched, and in which targets are scaled. Empty: the whole cluster.
    #[serde(default)]
    pub watch_namespaces: Vec<String>,
    /// Seconds between two evaluations of a policy that sets no `periodSeconds`: 1 2 5 10 15 30 or 60.
    #[serde(default = "default_period")]
    pub period_seconds: u32,
    /// Which series of each policy `/metrics` has.
    #[serde(default)]
    pub policy_series: PolicySeriesLevel,
}

/// Which series of each policy `/metrics` has. They are most of its text where policies are very many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicySeriesLevel {
    /// Replicas and reasons, and how each decision came about: some 40 series of a policy with two metrics.
    #[default]
    All,
    /// Replicas and reasons: some 13 series of a policy.
    Replicas,
    /// None.
    None,
}

fn default_period() -> u32 {
    DEFAULT_PERIOD_SECONDS
}

impl Config {
    /// A configuration with one server named `default`, as `--prometheus-url` asks for it.
    ///
    /// # Errors
    /// When the URL is not an http(s) URL.
    pub fn with_server(
        url: &str,
        scrape_interval_seconds: impl Into<Option<u32>>,
    ) -> Result<Self, ConfigError> {
        let mut server = ServerConfig::at(DEFAULT_PROMETHEUS, url);
        server.scrape_interval_seconds = scrape_interval_seconds.into();
        let config = Self {
            servers: vec![server],
            sources: BTreeMap::new(),
            known_sources: BTreeMap::new(),
            labels: PodLabels::default(),
            tenancy: Tenancy::default(),
            watch_namespaces: Vec::new(),
            period_seconds: default_period(),
            policy_series: PolicySeriesLevel::default(),
        };
        config.checked()
    }

    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// When the file cannot be read, is malformed, or holds a value that makes no sense.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// Reads and checks the text of a configuration; errors say that it came from `path`.
    ///
    /// # Errors
    /// When it is malformed or holds a value that makes no sense.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let config: Self = serde_yaml::from_str(text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source,
        })?;
        config.checked()
    }

    /// The server with this name.
    #[must_use]
    pub fn server(&self, name: &str) -> Option<&ServerConfig> {
        self.servers.iter().find(|server| server.name == name)
    }

    /// The source with this name, built-in or configured.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.known_sources.get(name)
    }

    fn checked(mut self) -> Result<Self, ConfigError> {
        let invalid = |text: String| Err(ConfigError::Invalid(text));
        if self.servers.is_empty() {
            return invalid("servers is empty: list at least one Prometheus server with name and url".into());
        }
        for index in 0..self.servers.len() {
            let (earlier, rest) = self.servers.split_at_mut(index);
            let Some(server) = rest.first_mut() else { break };
            let name = server.name.clone();
            if name.is_empty() {
                return invalid(format!("servers[{index}] has no name"));
            }
            if earlier.iter().any(|earlier| earlier.name == name) {
                return invalid(format!("two servers are named {name}: give each its own name"));
            }
            if let Err(reason) = server.check() {
                return invalid(format!("server {name}: {reason}"));
            }
        }
        if !PERIODS.contains(&self.period_seconds) {
            return invalid(format!(
                "periodSeconds is {}: use one of 1 2 5 10 15 30 60",
                self.period_seconds
            ));
        }
        namespaces::check(&self.watch_namespaces).map_err(ConfigError::Invalid)?;
        self.labels.check().map_err(ConfigError::Invalid)?;
        let built_in = SourceConfig::BUILT_IN.map(|name| (name.to_owned(), SourceConfig::default()));
        let mut sources = BTreeMap::from(built_in);
        sources.extend(self.sources.clone());
        self.known_sources = sources
            .into_iter()
            .map(|(name, source)| Ok((name.clone(), source.complete(&name)?)))
            .collect::<Result<_, String>>()
            .map_err(ConfigError::Invalid)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("test.yaml"))
    }

    #[test]
    fn the_least_configuration_gets_the_documented_defaults() {
        let config = parse("servers: [{name: default, url: 'http://localhost:9090'}]").unwrap();
        let server = config.server("default").unwrap();
        assert_eq!(
            (server.timeout_seconds, server.scrape_interval_seconds),
            (5, None)
        );
        assert_eq!(config.period_seconds, 15);
        assert_eq!(config.policy_series, PolicySeriesLevel::All);
        let requests = |name: &str| config.source(name).unwrap().requests.clone();
        assert_eq!(requests("http").as_deref(), Some("http_requests_total"));
        assert_eq!(requests("istio").as_deref(), Some("istio_requests_total"));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_a_sentence() {
        let table = [
            ("servers: []", "servers is empty"),
            ("servers: [{name: a, url: 'ftp://x'}]", "use http or https"),
            ("servers: [{name: a, url: nonsense}]", "is not a URL"),
            (
                "servers: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]",
                "two servers are named a",
            ),
            (
                "servers: [{name: a, url: 'http://x', timeoutSeconds: 0}]",
                "at least 1",
            ),
            (
                "servers: [{name: a, url: 'http://x'}]\nperiodSeconds: 7",
                "use one of 1 2 5",
            ),
            (
                "servers: [{name: a, url: 'http://x'}]\npolicySeries: true",
                "expected one of `All`, `Replicas`, `None`",
            ),
            (
                "servers: [{name: a, url: 'http://x'}]\nsources: {s: {requests: 'x{}'}}",
                "is not the name of a metric",
            ),
            (
                "servers: [{name: a, url: 'http://x', password: b}]",
                "unknown field",
            ),
        ];
        for (text, expected) in table {
            let message = parse(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
    }
}
