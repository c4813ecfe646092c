//! The controller's own configuration file: Prometheus servers, sources and defaults. Reading and checking only, no network.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

mod matchers;
mod server;
mod source;

pub use server::{BasicAuth, HiddenValues, ServerConfig, TlsConfig};
pub use source::SourceConfig;

use crate::api::{DEFAULT_PROMETHEUS, DEFAULT_SOURCE};

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
    /// Sources of the request rate by name. `http` is there without being listed.
    #[serde(default)]
    pub sources: BTreeMap<String, SourceConfig>,
    /// Seconds between two evaluations of a policy that sets no `periodSeconds`: 1 2 5 10 15 30 or 60.
    #[serde(default = "default_period")]
    pub period_seconds: u32,
}

fn default_period() -> u32 {
    DEFAULT_PERIOD_SECONDS
}

impl Config {
    /// A configuration with one server named `default`, as `--prometheus-url` asks for it.
    ///
    /// # Errors
    /// When the URL is not an http(s) URL.
    pub fn with_server(url: &str, scrape_interval_seconds: u32) -> Result<Self, ConfigError> {
        let mut server = ServerConfig::at(DEFAULT_PROMETHEUS, url);
        server.scrape_interval_seconds = scrape_interval_seconds;
        let config = Self {
            servers: vec![server],
            sources: BTreeMap::new(),
            period_seconds: default_period(),
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
        let config: Self = serde_yaml::from_str(&text).map_err(|source| ConfigError::Parse {
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
        for (name, source) in &self.sources {
            source.check(name).map_err(ConfigError::Invalid)?;
        }
        self.sources
            .entry(DEFAULT_SOURCE.into())
            .or_insert_with(SourceConfig::http);
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        serde_yaml::from_str::<Config>(text)
            .map_err(|source| ConfigError::Parse {
                path: "test.yaml".into(),
                source,
            })?
            .checked()
    }

    #[test]
    fn the_least_configuration_gets_the_documented_defaults() {
        let config = parse("servers: [{name: default, url: 'http://localhost:9090'}]").unwrap();
        let server = config.server("default").unwrap();
        assert_eq!((server.timeout_seconds, server.scrape_interval_seconds), (5, 15));
        assert_eq!(config.period_seconds, 15);
        assert_eq!(config.sources["http"].counter, "http_requests_total");
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
                "servers: [{name: a, url: 'http://x'}]\nsources: {s: {counter: 'x{}'}}",
                "is not a Prometheus name",
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
