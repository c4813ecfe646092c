//! One metric or guard of a stored policy turned into its query and what is done with the answer. Pure.
use std::collections::BTreeMap;
use std::sync::Arc;

use super::{CompiledGuard, CompiledMetric, Matching, Measure};
use crate::api::{
    DEFAULT_SOURCE, DiskDirection, GuardSpec, MatchLabels, MetricSpec, NetworkDirection, PrometheusMetric,
    Quantity, default_quantile,
};
use crate::config::{Config, is_label_name};
use crate::intern;
use crate::observe::query::{FAMILY_LABEL, Quantile, SourceMeasure, Template, Window};
use crate::promql::Scope;

/// What is scaled, and what the controller's configuration says of sources.
pub(super) struct Compiler<'a> {
    pub(super) config: &'a Config,
    pub(super) namespace: &'a str,
    /// What users' own queries are narrowed to, where the server is for single namespaces.
    pub(super) scope: Option<Scope>,
    /// Name of the target.
    pub(super) target: &'a str,
}

/// What a metric or guard wants of a source.
struct Wish<'a> {
    /// Where it stands, for errors.
    path: String,
    source: &'a str,
    measure: SourceMeasure,
    match_labels: Option<&'a MatchLabels>,
    window: Window,
}

impl Compiler<'_> {
    pub(super) fn guard(&self, guard: &GuardSpec) -> Result<(Template, CompiledGuard), String> {
        let path = format!("guard {}", guard.name);
        let (template, matching) = if let Some(query) = &guard.query {
            let template = Template::Custom {
                query: self.own_query(&path, "query", query)?,
                age_query: None,
            };
            (template, matching(guard.match_labels.as_ref()))
        } else if let Some(time) = &guard.response_time {
            self.total_of_source(&Wish {
                path,
                source: &time.source,
                measure: SourceMeasure::ResponseTime(quantile(time.quantile)?),
                match_labels: time.match_labels.as_ref(),
                window: Window::Auto,
            })?
        } else if let Some(failures) = &guard.failure_rate {
            self.total_of_source(&Wish {
                path,
                source: &failures.source,
                measure: SourceMeasure::FailureRate,
                match_labels: failures.match_labels.as_ref(),
                window: Window::Auto,
            })?
        } else {
            return Err(format!(
                "{path} asks for nothing: give it one of query, responseTime and failureRate"
            ));
        };
        let name = intern::name(&guard.name);
        Ok((template, CompiledGuard { name, matching }))
    }

    pub(super) fn metric(&self, metric: &MetricSpec) -> Result<(Template, CompiledMetric), String> {
        let window = metric
            .window_seconds
            .and_then(|window| u32::try_from(window).ok())
            .map_or(Window::Auto, Window::Seconds);
        let container = |container: &Option<String>| container.as_deref().map(intern::name);
        let (template, measure) = if let Some(cpu) = &metric.cpu {
            let measure = Measure::Cpu {
                container: container(&cpu.container),
                of: cpu.of.unwrap_or_default(),
            };
            (Template::Cpu { window }, measure)
        } else if let Some(memory) = &metric.memory {
            let measure = Measure::Memory {
                container: container(&memory.container),
                of: memory.of.unwrap_or_default(),
            };
            (Template::Memory, measure)
        } else if let Some(network) = &metric.network {
            let direction = network.direction.unwrap_or(NetworkDirection::Both);
            (Template::Network { direction, window }, Measure::Network)
        } else if let Some(disk) = &metric.disk {
            let direction = disk.direction.unwrap_or(DiskDirection::Both);
            (Template::Disk { direction, window }, Measure::Disk)
        } else if let Some(prometheus) = &metric.prometheus {
            let matching = matching(prometheus.match_labels.as_ref());
            (self.custom(metric, prometheus)?, Measure::Total { matching })
        } else {
            self.requests(metric, window)?
        };
        let name = intern::name(&metric.name);
        Ok((template, CompiledMetric { name, measure }))
    }

    fn requests(&self, metric: &MetricSpec, window: Window) -> Result<(Template, Measure), String> {
        let path = format!("metric {}", metric.name);
        let (source, measure, match_labels) = if let Some(rate) = &metric.request_rate {
            let source = rate.source.as_deref().unwrap_or(DEFAULT_SOURCE);
            (source, SourceMeasure::RequestRate, &rate.match_labels)
        } else if let Some(time) = &metric.response_time {
            let measure = SourceMeasure::ResponseTime(quantile(time.quantile)?);
            (time.source.as_str(), measure, &time.match_labels)
        } else if let Some(failures) = &metric.failure_rate {
            let source = failures.source.as_str();
            (source, SourceMeasure::FailureRate, &failures.match_labels)
        } else {
            return Err(format!("{path} measures nothing: give it a kind, such as cpu"));
        };
        let wish = Wish {
            path,
            source,
            measure,
            match_labels: match_labels.as_ref(),
            window,
        };
        let counts_pods = self
            .config
            .source(source)
            .is_none_or(|source| source.workload_label().is_none());
        if counts_pods && measure == SourceMeasure::RequestRate {
            return Ok((self.of_pods(&wish)?, Measure::RequestRate));
        }
        let (template, matching) = self.total_of_source(&wish)?;
        Ok((template, Measure::Total { matching }))
    }

    /// Of a source that is not known nothing is said here: asking for it says what is wrong.
    fn of_pods(&self, wish: &Wish<'_>) -> Result<Template, String> {
        if wish.match_labels.is_some() && self.config.source(wish.source).is_some() {
            return Err(format!(
                "{} has match, but source {} counts per pod, so the target's pods pick its requests: leave match out",
                wish.path, wish.source
            ));
        }
        Ok(wish.template(Box::default()))
    }

    fn custom(&self, metric: &MetricSpec, prometheus: &PrometheusMetric) -> Result<Template, String> {
        let path = format!("metric {}", metric.name);
        let age_query = prometheus.age_query.as_deref();
        Ok(Template::Custom {
            query: self.own_query(&path, "query", &prometheus.query)?,
            age_query: age_query
                .map(|query| self.own_query(&path, "ageQuery", query))
                .transpose()?,
        })
    }

    /// A user's own query as it is sent: as written, or narrowed to the policy's namespace.
    fn own_query(&self, path: &str, field: &str, query: &str) -> Result<Arc<str>, String> {
        let Some(scope) = &self.scope else {
            return Ok(query.into());
        };
        match scope.narrowed(query) {
            Ok(narrowed) => Ok(narrowed.into()),
            Err(refusal) => Err(format!("{path} {field}: {refusal}")),
        }
    }

    fn total_of_source(&self, wish: &Wish<'_>) -> Result<(Template, Matching), String> {
        let mut labels: BTreeMap<Arc<str>, Box<str>> = BTreeMap::new();
        let source = self.config.source(wish.source);
        let mut by = Vec::new();
        if let Some(asked) = wish.match_labels {
            for (name, value) in asked {
                if !is_label_name(name) || name.starts_with("__") || name == FAMILY_LABEL || name == "le" {
                    return Err(format!(
                        "{} match has {name:?}, which is no label to pick requests by: write one of the source's own, \
                         such as ingress",
                        wish.path
                    ));
                }
                by.push(intern::name(name));
                labels.insert(intern::name(name), value.as_str().into());
            }
        }
        if let Some(source) = source {
            if self.scope.is_some() && !source.tells_namespaces_apart() {
                let value = source.workload_value("{namespace}", "{name}").unwrap_or_default();
                return Err(format!(
                    "{} asks source {} for {value}, which two namespaces may share, and this server tells policies of \
                     their own alone: give the source a namespaceLabel, or have it on a server with tenancy: Cluster",
                    wish.path, wish.source
                ));
            }
            if self.scope.is_some() && source.namespace_label.is_none() && !by.is_empty() {
                return Err(format!(
                    "{} has match, but the series of source {} have no label for the namespace, and this server tells \
                     policies of their own alone: leave match out",
                    wish.path, wish.source
                ));
            }
            if by.is_empty()
                && let Some(label) = source.workload_label()
                && let Some(value) = source.workload_value(self.namespace, self.target)
            {
                labels.insert(intern::name(label), value.into());
            }
            if let Some(label) = source.namespace_label.as_deref()
                && labels
                    .insert(intern::name(label), self.namespace.into())
                    .is_some()
            {
                return Err(format!(
                    "{} match has {label}, which is always the policy's own namespace: leave it out",
                    wish.path
                ));
            }
        }
        Ok((wish.template(by.into()), labels.into_iter().collect()))
    }
}

impl Wish<'_> {
    fn template(&self, by: Box<[Arc<str>]>) -> Template {
        Template::Source {
            source: intern::name(self.source),
            measure: self.measure,
            by,
            window: self.window,
        }
    }
}

fn quantile(asked: Option<Quantity>) -> Result<Quantile, String> {
    let share = default_quantile(asked).map_err(|error| error.to_string())?;
    Quantile::of(share).ok_or_else(|| format!("quantile is {share}: write a share between 0 and 1"))
}

/// The labels of `match` in their order; few names are used by many policies, values by few.
fn matching(labels: Option<&MatchLabels>) -> Matching {
    labels
        .into_iter()
        .flatten()
        .map(|(name, value)| (intern::name(name), value.as_str().into()))
        .collect()
}
