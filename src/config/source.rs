//! The part of the configuration that says where requests are counted and timed. No network.
//!
//! Everything here is spliced into PromQL, so nothing but names and well-formed matchers passes.
use serde::{Deserialize, Serialize};

use super::matchers;

/// The label under which a query answers the workload that `workloadPattern` finds.
pub const WORKLOAD_LABEL: &str = "concertina_workload";
/// What a `workloadValue` holds in place of the target's namespace.
const NAMESPACE_PLACE: &str = "{namespace}";
/// What a `workloadValue` holds in place of the target's name.
const NAME_PLACE: &str = "{name}";

/// A source as it is written: of a built-in one the fields that differ, of another all that have no default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SourceConfig {
    /// Counter of requests, such as `http_requests_total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<String>,
    /// Histogram of the seconds that requests take, without `_bucket`; classic or native, whichever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<String>,
    /// Unit of the histogram. Default Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_unit: Option<DurationUnit>,
    /// Label matchers of the requests that failed, such as `status=~"5.."`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<String>,
    /// Label matchers of the series that count at all, such as `reporter="destination"`. Default: all series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matchers: Option<String>,
    /// Label that carries the namespace. Default `namespace`; none where `workloadValue` has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_label: Option<String>,
    /// Label that carries the pod's name, of a source that counts per pod. Default `pod`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_label: Option<String>,
    /// Label that tells the workloads apart, of a source that counts per workload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_label: Option<String>,
    /// Regular expression for the whole value of that label; its first group is what counts. Default: the whole value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_pattern: Option<String>,
    /// The value that the target has there, with `{namespace}` and `{name}` in it. Default `{name}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload_value: Option<String>,
    /// Labels that tell the replicas of what counts apart, of a source that counts per workload. Default namespace and
    /// pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_labels: Option<Vec<String>>,
}

/// Unit of a histogram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DurationUnit {
    /// Seconds.
    #[default]
    Seconds,
    /// Milliseconds.
    Milliseconds,
}

/// A source that was found sound, with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Counter of requests.
    pub requests: Option<String>,
    /// Histogram of durations, without `_bucket`.
    pub duration: Option<String>,
    /// Unit of the histogram.
    pub duration_unit: DurationUnit,
    /// Label matchers of the requests that failed.
    pub failures: Option<String>,
    /// Label matchers of the series that count at all; empty for all.
    pub matchers: String,
    /// Label that carries the namespace, where one does.
    pub namespace_label: Option<String>,
    /// What is told apart.
    pub scope: Scope,
}

/// What a source tells apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Pods.
    Pod {
        /// Label that carries the pod's name.
        label: String,
    },
    /// Workloads.
    Workload {
        /// Label that tells them apart.
        label: String,
        /// Regular expression for the whole value, whose first group is what counts.
        pattern: Option<String>,
        /// The target's value, with places for its namespace and name.
        value: String,
        /// Labels that tell the replicas of what counts apart.
        replica_labels: Vec<String>,
    },
}

impl Source {
    /// The label under which a workload's value is answered; `None` where pods are told apart.
    #[must_use]
    pub fn workload_label(&self) -> Option<&str> {
        match &self.scope {
            Scope::Pod { .. } => None,
            Scope::Workload {
                label, pattern: None, ..
            } => Some(label),
            Scope::Workload { .. } => Some(WORKLOAD_LABEL),
        }
    }

    /// What a target has there; `None` where pods are told apart.
    #[must_use]
    pub fn workload_value(&self, namespace: &str, name: &str) -> Option<String> {
        match &self.scope {
            Scope::Pod { .. } => None,
            // One after the other would replace what a name only looks like: names have no braces.
            Scope::Workload { value, .. } => Some(
                value
                    .replace(NAMESPACE_PLACE, namespace)
                    .replace(NAME_PLACE, name),
            ),
        }
    }

    /// Whether what a target is asked for by cannot be that of a target in another namespace: by a label with the namespace, or by a value in
    /// which the namespace stands apart.
    #[must_use]
    pub fn tells_namespaces_apart(&self) -> bool {
        let is_told = match &self.scope {
            Scope::Pod { .. } => false,
            Scope::Workload { value, .. } => has_namespace_apart(value),
        };
        is_told || self.namespace_label.is_some()
    }
}

/// Whether the namespace stands in this value between characters, or its ends, that no name of a namespace or object has. `{namespace}-{name}`
/// is the same for `web` in `shop-eu` and for `eu-web` in `shop`.
fn has_namespace_apart(value: &str) -> bool {
    // Braces may be those of the other place.
    let parts = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || "-.{}".contains(c));
    value.match_indices(NAMESPACE_PLACE).any(|(at, place)| {
        let (before, from_here) = value.split_at(at);
        let after = from_here.strip_prefix(place).unwrap_or_default();
        before.chars().next_back().is_none_or(parts) && after.chars().next().is_none_or(parts)
    })
}

impl SourceConfig {
    /// The sources that are there without being listed.
    #[must_use]
    pub fn built_in(name: &str) -> Option<Self> {
        let text = |text: &str| Some(text.to_owned());
        match name {
            // What the pods count themselves.
            "http" => Some(Self {
                requests: text("http_requests_total"),
                ..Self::default()
            }),
            "ingress-nginx" => Some(Self {
                requests: text("nginx_ingress_controller_requests"),
                duration: text("nginx_ingress_controller_request_duration_seconds"),
                failures: text("status=~\"5..\""),
                workload_label: text("service"),
                replica_labels: Some(vec!["controller_namespace".into(), "controller_pod".into()]),
                ..Self::default()
            }),
            // The proxy beside the server knows all its requests; those beside the clients would count them again.
            "istio" => Some(Self {
                requests: text("istio_requests_total"),
                duration: text("istio_request_duration_milliseconds"),
                duration_unit: Some(DurationUnit::Milliseconds),
                failures: text("response_code=~\"5..\""),
                matchers: text("reporter=\"destination\""),
                namespace_label: text("destination_workload_namespace"),
                workload_label: text("destination_workload"),
                ..Self::default()
            }),
            _ => None,
        }
    }

    /// The names of the sources that are there without being listed.
    pub const BUILT_IN: [&'static str; 3] = ["http", "ingress-nginx", "istio"];

    /// What is written, and under it what `other` says.
    fn over(self, other: Self) -> Self {
        Self {
            requests: self.requests.or(other.requests),
            duration: self.duration.or(other.duration),
            duration_unit: self.duration_unit.or(other.duration_unit),
            failures: self.failures.or(other.failures),
            matchers: self.matchers.or(other.matchers),
            namespace_label: self.namespace_label.or(other.namespace_label),
            pod_label: self.pod_label.or(other.pod_label),
            workload_label: self.workload_label.or(other.workload_label),
            workload_pattern: self.workload_pattern.or(other.workload_pattern),
            workload_value: self.workload_value.or(other.workload_value),
            replica_labels: self.replica_labels.or(other.replica_labels),
        }
    }

    /// The source of this name, checked and with its defaults.
    pub(super) fn complete(&self, name: &str) -> Result<Source, String> {
        let written = self.clone();
        let all = match Self::built_in(name) {
            Some(base) => written.over(base),
            None => written,
        };
        all.checked().map_err(|reason| format!("source {name}: {reason}"))
    }

    fn checked(self) -> Result<Source, String> {
        if self.requests.is_none() && self.duration.is_none() {
            return Err("it measures nothing: write requests, duration or both".into());
        }
        metric_name("requests", self.requests.as_deref())?;
        metric_name("duration", self.duration.as_deref())?;
        if self
            .duration
            .as_ref()
            .is_some_and(|name| name.ends_with("_bucket"))
        {
            return Err("duration is the histogram's name without _bucket".into());
        }
        let checked =
            |field: &str, text: Option<String>| text.map(|text| matchers_of(field, &text)).transpose();
        let failures = checked("failures", self.failures)?;
        if failures.is_some() && self.requests.is_none() {
            return Err("failures are a part of the requests: write requests too".into());
        }
        let has_namespace = self
            .workload_value
            .as_ref()
            .is_some_and(|value| value.contains(NAMESPACE_PLACE));
        let namespace_label = match self.namespace_label {
            None if has_namespace => None,
            label => Some(label.unwrap_or_else(|| "namespace".into())),
        };
        label_name("namespaceLabel", namespace_label.as_deref())?;
        let scope = match (self.pod_label, self.workload_label) {
            (Some(_), Some(_)) => {
                return Err(
                    "write podLabel for a source that counts per pod, or workloadLabel for one that \
                            counts per workload, but not both"
                        .into(),
                );
            }
            (pod, None) => {
                if self.duration.is_some() || failures.is_some() {
                    return Err(
                        "duration and failures are for sources with workloadLabel, as a quantile of pods is none \
                         of their workload: write it too"
                            .into(),
                    );
                }
                if self.workload_pattern.is_some()
                    || self.workload_value.is_some()
                    || self.replica_labels.is_some()
                {
                    return Err(
                        "workloadPattern, workloadValue and replicaLabels are for sources with workloadLabel: \
                         write it too"
                            .into(),
                    );
                }
                Scope::Pod {
                    label: pod.unwrap_or_else(|| "pod".into()),
                }
            }
            (None, Some(label)) => Scope::Workload {
                label,
                pattern: self.workload_pattern,
                value: self.workload_value.unwrap_or_else(|| NAME_PLACE.into()),
                replica_labels: self
                    .replica_labels
                    .unwrap_or_else(|| vec!["namespace".into(), "pod".into()]),
            },
        };
        scope.check()?;
        Ok(Source {
            requests: self.requests,
            duration: self.duration,
            duration_unit: self.duration_unit.unwrap_or_default(),
            failures,
            matchers: checked("matchers", self.matchers)?.unwrap_or_default(),
            namespace_label,
            scope,
        })
    }
}

impl Scope {
    fn check(&self) -> Result<(), String> {
        match self {
            Self::Pod { label } => label_name("podLabel", Some(label)),
            Self::Workload {
                label,
                pattern,
                value,
                replica_labels,
            } => {
                label_name("workloadLabel", Some(label))?;
                if pattern.as_ref().is_some_and(|pattern| !pattern.contains('(')) {
                    return Err(
                        "workloadPattern has no group: put what counts into round brackets, such as (.+)-80"
                            .into(),
                    );
                }
                if !value.contains(NAME_PLACE) {
                    return Err(format!(
                        "workloadValue {value:?} is the same for all targets: write {NAME_PLACE} where the target's \
                         name stands"
                    ));
                }
                replica_labels
                    .iter()
                    .try_for_each(|label| label_name("replicaLabels", Some(label)))
            }
        }
    }
}

/// Matchers that pick series of the metric that is named elsewhere.
fn matchers_of(field: &str, text: &str) -> Result<String, String> {
    let checked = matchers::checked(text).map_err(|reason| format!("{field}: {reason}"))?;
    if checked.contains("__name__") {
        return Err(format!(
            "{field} names __name__: write the metric into requests or duration instead"
        ));
    }
    Ok(checked)
}

fn metric_name(field: &str, name: Option<&str>) -> Result<(), String> {
    let is_sound = |name: &str| is_label_name(&name.replace(':', "_"));
    match name.filter(|name| !is_sound(name)) {
        None => Ok(()),
        Some(name) => Err(format!("{field} {name:?} is not the name of a metric")),
    }
}

fn label_name(field: &str, name: Option<&str>) -> Result<(), String> {
    match name.filter(|name| !is_label_name(name)) {
        None => Ok(()),
        Some(name) => Err(format!("{field} {name:?} is not the name of a label")),
    }
}

/// Whether `text` is the name of a label in Prometheus' classic character set.
pub(crate) fn is_label_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Labels of the metrics of containers and pods: cpu, memory, network and disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PodLabels {
    /// Label that carries the pod's namespace. Default `namespace`.
    pub namespace: String,
    /// Label that carries the pod's name. Default `pod`.
    pub pod: String,
    /// Label that carries the container's name. Default `container`.
    pub container: String,
}

impl Default for PodLabels {
    fn default() -> Self {
        Self {
            namespace: "namespace".into(),
            pod: "pod".into(),
            container: "container".into(),
        }
    }
}

impl PodLabels {
    pub(super) fn check(&self) -> Result<(), String> {
        label_name("labels.namespace", Some(&self.namespace))?;
        label_name("labels.pod", Some(&self.pod))?;
        label_name("labels.container", Some(&self.container))
    }
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
