//! The configuration file that follows from the findings: what was given, with the changes made in it. Reads the given
//! file; no network.
use std::fmt;
use std::path::Path;

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use crate::api::DEFAULT_PROMETHEUS;
use crate::config::{Config, ConfigError, PodLabels, SourceConfig};

/// A change of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Edit {
    /// The labels of the metrics of containers and pods.
    Labels(PodLabels),
    /// All label matchers of a server.
    Matchers {
        /// The server's name.
        server: String,
        /// The matchers.
        text: String,
    },
    /// Fields of a source; what is not in them stays.
    Source {
        /// The source's name.
        name: String,
        /// The fields.
        fields: Box<SourceConfig>,
    },
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Labels(labels) => write!(
                f,
                "labels: {{namespace: {}, pod: {}, container: {}}}",
                labels.namespace, labels.pod, labels.container
            ),
            Self::Matchers { server, text } => write!(f, "of the server {server}, matchers: '{text}'"),
            Self::Source { name, fields } => {
                // What comes of JSON in one line is YAML too.
                let fields = serde_json::to_string(fields).unwrap_or_default();
                write!(f, "sources: {{{name}: {fields}}}")
            }
        }
    }
}

/// A configuration as it is written.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    document: Value,
    /// Whether it is other than a file that is there.
    is_news: bool,
}

impl Settings {
    /// That of `--prometheus-url`.
    pub(super) fn of_url(url: &str) -> Self {
        let server = [("name", DEFAULT_PROMETHEUS), ("url", url)];
        let server: Mapping = server
            .map(|(name, value)| (name.into(), value.into()))
            .into_iter()
            .collect();
        let servers = Value::Sequence(vec![Value::Mapping(server)]);
        let document: Mapping = [("servers".into(), servers)].into_iter().collect();
        Self {
            document: Value::Mapping(document),
            is_news: true,
        }
    }

    /// That of a file, which must be sound.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub(super) fn read(path: &Path) -> Result<(Self, Config), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let config = Config::parse(&text, path)?;
        let document = serde_yaml::from_str(&text).map_err(|source| ConfigError::Parse {
            path: path.to_owned(),
            source,
        })?;
        let settings = Self {
            document,
            is_news: false,
        };
        Ok((settings, config))
    }

    /// Makes a change.
    pub(super) fn apply(&mut self, edit: &Edit) {
        self.is_news = true;
        match edit {
            Edit::Labels(labels) => self.merge(&["labels"], labels),
            Edit::Source { name, fields } => self.merge(&["sources", name], fields),
            Edit::Matchers { server, text } => {
                let servers = self.document.get_mut("servers").and_then(Value::as_sequence_mut);
                let named = |value: &&mut Value| value.get("name").and_then(Value::as_str) == Some(server);
                if let Some(Value::Mapping(server)) = servers.into_iter().flatten().find(named) {
                    server.insert("matchers".into(), text.as_str().into());
                }
            }
        }
    }

    /// Writes the fields of `value` into the mapping at `path`, which is made where it is not there.
    fn merge(&mut self, path: &[&str], value: &impl Serialize) {
        let mut place = &mut self.document;
        for step in path {
            let Value::Mapping(mapping) = place else { return };
            place = mapping
                .entry((*step).into())
                .or_insert_with(|| Value::Mapping(Mapping::new()));
        }
        if let (Value::Mapping(into), Ok(Value::Mapping(fields))) = (place, serde_yaml::to_value(value)) {
            into.extend(fields);
        }
    }

    /// As YAML.
    pub(super) fn text(&self) -> Result<String, serde_saphyr::ser::Error> {
        serde_saphyr::to_string(&self.document)
    }

    /// The same without the values of headers and parameters, which may be secrets; the second is whether there were any.
    pub(super) fn shown(&self) -> (Self, bool) {
        let mut shown = self.clone();
        let mut has_hidden = false;
        let servers = shown.document.get_mut("servers").and_then(Value::as_sequence_mut);
        for server in servers.into_iter().flatten() {
            for field in ["headers", "queryParameters"] {
                let values = server.get_mut(field).and_then(Value::as_mapping_mut);
                for value in values.into_iter().flat_map(Mapping::values_mut) {
                    *value = "(hidden)".into();
                    has_hidden = true;
                }
            }
        }
        (shown, has_hidden)
    }

    /// Whether it is other than a file that is there.
    pub(super) fn is_news(&self) -> bool {
        self.is_news
    }

    pub(super) fn document(&self) -> &Value {
        &self.document
    }
}

/// The configuration with these changes; as it was where one does not fit.
pub(super) fn with_edits(config: &Config, edits: &[Edit]) -> Config {
    let changed = || {
        let mut settings = Settings {
            document: serde_yaml::to_value(config).ok()?,
            is_news: false,
        };
        edits.iter().for_each(|edit| settings.apply(edit));
        let text = serde_json::to_string(settings.document()).ok()?;
        Config::parse(&text, "the configuration as changed".as_ref()).ok()
    };
    if edits.is_empty() {
        return config.clone();
    }
    changed().unwrap_or_else(|| config.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Edit {
        Edit::Labels(PodLabels {
            pod: "exported_pod".into(),
            ..PodLabels::default()
        })
    }

    fn matchers() -> Edit {
        Edit::Matchers {
            server: "default".into(),
            text: r#"cluster="a""#.into(),
        }
    }

    fn source() -> Edit {
        Edit::Source {
            name: "ingress-nginx".into(),
            fields: Box::new(SourceConfig {
                workload_label: Some("exported_service".into()),
                ..SourceConfig::default()
            }),
        }
    }

    #[test]
    fn a_url_and_its_changes_become_a_file_that_the_controller_takes() {
        let mut settings = Settings::of_url("http://prometheus:9090");
        for edit in [labels(), matchers(), source()] {
            settings.apply(&edit);
        }
        let config = Config::parse(&settings.text().unwrap(), "written.yaml".as_ref()).unwrap();
        assert_eq!(config.labels.pod, "exported_pod");
        let server = config.server("default").unwrap();
        assert_eq!(server.matchers(), Some(r#"cluster="a""#));
        let nginx = config.source("ingress-nginx").unwrap();
        assert_eq!(nginx.workload_label(), Some("exported_service"));
        assert_eq!(
            nginx.requests.as_deref(),
            Some("nginx_ingress_controller_requests")
        );
    }

    #[test]
    fn what_a_file_says_otherwise_stays_and_what_may_be_secret_is_not_shown() {
        let path = std::env::temp_dir().join(format!("concertina-doctor-{}.yaml", std::process::id()));
        let text = "servers:\n- name: default\n  url: http://a\n  headers: {X-Key: sesame}\n- {name: b, url: 'http://b'}\n\
                    sources: {ingress-nginx: {namespaceLabel: ns}}\nperiodSeconds: 30\n";
        std::fs::write(&path, text).unwrap();
        let (mut settings, config) = Settings::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(config.period_seconds, 30);
        assert!(!settings.is_news());
        for edit in [labels(), matchers(), source()] {
            settings.apply(&edit);
        }
        let written = settings.text().unwrap();
        let changed = Config::parse(&written, "written.yaml".as_ref()).unwrap();
        assert_eq!(changed.period_seconds, 30);
        assert_eq!(changed.server("b").unwrap().matchers(), None);
        let nginx = changed.source("ingress-nginx").unwrap();
        assert_eq!(nginx.namespace_label.as_deref(), Some("ns"));
        assert_eq!(nginx.workload_label(), Some("exported_service"));
        let (shown, has_hidden) = settings.shown();
        assert!(has_hidden);
        assert!(written.contains("sesame"), "{written}");
        assert!(!shown.text().unwrap().contains("sesame"));
    }

    #[test]
    fn a_configuration_is_asked_as_it_would_be_with_its_changes() {
        let config = Config::with_server("http://a", None).unwrap();
        let changed = with_edits(&config, &[labels(), matchers()]);
        assert_eq!(changed.labels.pod, "exported_pod");
        assert_eq!(
            changed.server("default").unwrap().matchers(),
            Some(r#"cluster="a""#)
        );
        assert_eq!(with_edits(&config, &[]), config);
    }

    #[test]
    fn a_change_is_told_as_it_is_written() {
        assert_eq!(
            matchers().to_string(),
            r#"of the server default, matchers: 'cluster="a"'"#
        );
        assert_eq!(
            source().to_string(),
            r#"sources: {ingress-nginx: {"workloadLabel":"exported_service"}}"#
        );
    }
}
