//! The part of the configuration that says where a request rate comes from. No network.
use serde::{Deserialize, Serialize};

/// Where a request rate comes from: a counter that the pods themselves expose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SourceConfig {
    /// Name of the counter, such as `http_requests_total`.
    pub counter: String,
    /// Label that carries the pod's namespace. Default `namespace`.
    #[serde(default = "default_namespace_label")]
    pub namespace_label: String,
    /// Label that carries the pod's name. Default `pod`.
    #[serde(default = "default_pod_label")]
    pub pod_label: String,
}

fn default_namespace_label() -> String {
    "namespace".into()
}
fn default_pod_label() -> String {
    "pod".into()
}

impl SourceConfig {
    /// The source that is there without being listed: what the pods count themselves.
    #[must_use]
    pub fn http() -> Self {
        Self {
            counter: "http_requests_total".into(),
            namespace_label: default_namespace_label(),
            pod_label: default_pod_label(),
        }
    }

    pub(super) fn check(&self, name: &str) -> Result<(), String> {
        // These are spliced into PromQL, so nothing but identifiers may pass.
        for (field, text) in [
            ("counter", &self.counter),
            ("namespaceLabel", &self.namespace_label),
            ("podLabel", &self.pod_label),
        ] {
            if !is_identifier(text) {
                return Err(format!(
                    "source {name}: {field} {text:?} is not a Prometheus name"
                ));
            }
        }
        Ok(())
    }
}

/// Whether `text` is a Prometheus metric or label name in the classic character set.
fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_' || c == ':')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}
