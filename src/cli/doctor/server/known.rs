//! Well-known counters of requests that a source could be configured for. No network.
use crate::config::{Config, Source, Tenancy};

use super::super::finding::{Findings, Level};
use super::super::settings::{Edit, with_edits};
use super::requests::{RequestFacts, names};
use super::texts::{self, BRANCH};
use super::vector::Sample;

/// A counter that is exposed by what many people run.
pub(super) struct Known {
    /// The source's name, and its fields in YAML.
    pub(super) name: &'static str,
    fields: &'static str,
    metric: &'static str,
    /// What its series must have.
    matchers: &'static str,
    exposed_by: &'static str,
}

const fn per_pod(
    name: &'static str,
    metric: &'static str,
    fields: &'static str,
    exposed_by: &'static str,
) -> Known {
    Known {
        name,
        fields,
        metric,
        matchers: "namespace!=\"\",pod!=\"\"",
        exposed_by,
    }
}

/// Those per workload are in docs/how-to/sources.md, where they are tested against a real Prometheus.
pub(super) const KNOWN: [Known; 8] = [
    Known {
        name: "linkerd",
        fields: "{requests: response_total, failures: classification=\"failure\", duration: response_latency_ms, \
                 durationUnit: Milliseconds, matchers: direction=\"inbound\", workloadLabel: deployment}",
        metric: "response_total",
        matchers: "direction=\"inbound\",deployment!=\"\"",
        exposed_by: "Linkerd",
    },
    Known {
        name: "traefik",
        fields: "{requests: traefik_service_requests_total, failures: code=~\"5..\", duration: \
                 traefik_service_request_duration_seconds, workloadLabel: service, workloadPattern: \
                 '(.+)-[^-]+@kubernetes(crd)?', workloadValue: '{namespace}-{name}'}",
        metric: "traefik_service_requests_total",
        matchers: "service=~\".+@kubernetes(crd)?\"",
        exposed_by: "Traefik",
    },
    Known {
        name: "envoy-gateway",
        fields: "{requests: envoy_cluster_upstream_rq_xx, failures: envoy_response_code_class=\"5\", duration: \
                 envoy_cluster_upstream_rq_time, durationUnit: Milliseconds, workloadLabel: envoy_cluster_name, \
                 workloadPattern: '(httproute/[^/]+/[^/]+)/rule/.*', workloadValue: 'httproute/{namespace}/{name}'}",
        metric: "envoy_cluster_upstream_rq_xx",
        matchers: "envoy_cluster_name=~\"httproute/.+\"",
        exposed_by: "Envoy Gateway",
    },
    per_pod(
        "spring",
        "http_server_requests_seconds_count",
        "{requests: http_server_requests_seconds_count}",
        "Spring Boot and Micrometer",
    ),
    per_pod(
        "opentelemetry",
        "http_server_request_duration_seconds_count",
        "{requests: http_server_request_duration_seconds_count}",
        "OpenTelemetry and ASP.NET Core",
    ),
    per_pod(
        "histogram",
        "http_request_duration_seconds_count",
        "{requests: http_request_duration_seconds_count}",
        "applications with a histogram of their own",
    ),
    per_pod(
        "flask",
        "flask_http_request_total",
        "{requests: flask_http_request_total}",
        "Flask's exporter",
    ),
    per_pod(
        "grpc",
        "grpc_server_handled_total",
        "{requests: grpc_server_handled_total}",
        "gRPC servers",
    ),
];

/// How many series each of [`KNOWN`] has on a server, by [`BRANCH`].
pub(super) fn question(config: &Config, server: &str) -> String {
    texts::branches(KNOWN.iter().map(|known| {
        let series = texts::with(
            &format!("{}{{{}}}", known.metric, known.matchers),
            texts::matchers(config, server),
        );
        (known.name, format!("count({series})"))
    }))
}

/// What to do about a counter that names no namespace.
const ADVICE_SHARED: &str = "nothing unless policies are to scale by it: in Prometheus, relabelling that adds a label with the \
                             workload's namespace, and a source with namespaceLabel; or a server with tenancy: Cluster \
                             (docs/how-to/tenancy.md)";

/// Whether policies may take the source that comes of this change where each may only read of its own namespace.
fn tells_namespaces_apart(config: &Config, edit: &Edit, source: &str) -> bool {
    let changed = with_edits(config, std::slice::from_ref(edit));
    changed.source(source).is_some_and(Source::tells_namespaces_apart)
}

/// Sources that could be configured; whether there is any.
pub(super) fn suggest(facts: &RequestFacts, config: &Config, found: &mut Findings) -> bool {
    let samples = match &facts.known {
        Ok(samples) => samples,
        Err(error) => {
            let what = format!("counters that could be a source were not looked for: {error}");
            found.note("requests", what, "what the message says");
            return false;
        }
    };
    let is_taken = |known: &Known| {
        let same = |source: &Source| source.requests.as_deref() == Some(known.metric);
        names(config).contains(known.name)
            || names(config)
                .into_iter()
                .filter_map(|name| config.source(name))
                .any(same)
    };
    let mut is_any = false;
    for known in KNOWN.iter().filter(|known| !is_taken(known)) {
        let is_there = |sample: &Sample| sample.label(BRANCH) == known.name && sample.value > 0.0;
        if let (true, Ok(fields)) = (samples.iter().any(is_there), serde_yaml::from_str(known.fields)) {
            is_any = true;
            let edit = Edit::Source {
                name: known.name.to_owned(),
                fields: Box::new(fields),
            };
            if facts.tenancy == Tenancy::Namespace && !tells_namespaces_apart(config, &edit, known.name) {
                let what = format!(
                    "{} is there, as of {}, but policies may not take it under tenancy: Namespace: it names workloads in a \
                     way that two namespaces may share",
                    known.metric, known.exposed_by
                );
                found.note("requests", what, ADVICE_SHARED);
                continue;
            }
            let what = format!(
                "{} is there, as of {}: policies may take it as source {}",
                known.metric, known.exposed_by, known.name
            );
            found.change(Level::Note, "requests", what, edit);
        }
    }
    is_any
}
