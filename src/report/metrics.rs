//! The controller's own metrics, in OpenMetrics text. Counting only, no network.
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use concertina_decision::{Outcome as MetricOutcome, Reason};
use k8s_openapi::api::autoscaling::v1::Scale;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::cluster::pods::ObjectKey;
use crate::control::apply::ApplyError;
use crate::control::evaluate::Outcome;
use crate::observe::table::FetchError;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PolicyLabels {
    namespace: String,
    policy: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabels {
    server: String,
    result: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabel {
    server: String,
}

/// All metrics; see the registered help texts for what each one means.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    policies: Gauge,
    current_replicas: Family<PolicyLabels, Gauge>,
    desired_replicas: Family<PolicyLabels, Gauge>,
    metrics_missing: Family<PolicyLabels, Gauge>,
    decisions: Family<ReasonLabel, Counter>,
    scale_writes: Family<ResultLabel, Counter>,
    status_writes: Family<ResultLabel, Counter>,
    queries: Family<ServerLabels, Counter>,
    query_seconds: Family<ServerLabel, Histogram>,
    events_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("concertina");
        let policies = Gauge::default();
        registry.register("policies", "Policies that are watched", policies.clone());
        let current_replicas = Family::default();
        registry.register(
            "policy_current_replicas",
            "Replicas that the target asked for at the last decision",
            current_replicas.clone(),
        );
        let desired_replicas = Family::default();
        registry.register(
            "policy_desired_replicas",
            "Replicas that the last decision wants",
            desired_replicas.clone(),
        );
        let metrics_missing = Family::default();
        registry.register(
            "policy_metrics_missing",
            "Metrics of the policy without a usable value at the last decision",
            metrics_missing.clone(),
        );
        let decisions = Family::default();
        registry.register(
            "decisions",
            "Decisions by the reason that explains them best",
            decisions.clone(),
        );
        let scale_writes = Family::default();
        registry.register(
            "scale_writes",
            "Writes of a new replica count by their result",
            scale_writes.clone(),
        );
        let status_writes = Family::default();
        registry.register(
            "status_writes",
            "Writes of a policy's status by their result",
            status_writes.clone(),
        );
        let queries = Family::default();
        registry.register(
            "queries",
            "Queries to Prometheus by server and result",
            queries.clone(),
        );
        let query_seconds = Family::<ServerLabel, Histogram>::new_with_constructor(query_histogram);
        registry.register(
            "query_duration_seconds",
            "Time from sending a query to having decoded its answer",
            query_seconds.clone(),
        );
        let events_dropped = Counter::<u64, AtomicU64>::default();
        registry.register(
            "events_dropped",
            "Events that could not be sent",
            events_dropped.clone(),
        );
        Self {
            registry,
            policies,
            current_replicas,
            desired_replicas,
            metrics_missing,
            decisions,
            scale_writes,
            status_writes,
            queries,
            query_seconds,
            events_dropped,
        }
    }
}

fn query_histogram() -> Histogram {
    Histogram::new([0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0])
}

impl Metrics {
    /// The text that `/metrics` answers.
    ///
    /// # Errors
    /// When a value cannot be formatted, which does not happen with these types.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    /// How many policies are watched.
    pub fn policies(&self, count: usize) {
        self.policies.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// One policy was evaluated.
    pub fn evaluated(&self, outcome: &Outcome) {
        let labels = labels_of(&outcome.record.key);
        let reason = match &outcome.result {
            Ok(decided) => {
                let decision = &decided.decision;
                self.current_replicas
                    .get_or_create(&labels)
                    .set(decision.current.into());
                self.desired_replicas
                    .get_or_create(&labels)
                    .set(decision.desired.into());
                let missing = decision
                    .proposals
                    .iter()
                    .filter(|proposal| matches!(proposal.outcome, MetricOutcome::Missing(_)))
                    .count();
                self.metrics_missing
                    .get_or_create(&labels)
                    .set(i64::try_from(missing).unwrap_or(i64::MAX));
                decision.reason
            }
            Err(note) => note.reason,
        };
        self.decision(reason);
    }

    fn decision(&self, reason: Reason) {
        self.decisions
            .get_or_create(&ReasonLabel {
                reason: reason.as_str().into(),
            })
            .inc();
    }

    /// A policy is gone, and its series with it.
    pub fn forget(&self, key: &ObjectKey) {
        let labels = labels_of(key);
        self.current_replicas.remove(&labels);
        self.desired_replicas.remove(&labels);
        self.metrics_missing.remove(&labels);
    }

    /// A new replica count was written, or not.
    pub fn scale_write(&self, result: &Result<Scale, ApplyError>) {
        let result = match result {
            Ok(_) => "written",
            Err(ApplyError::Conflict { .. }) => "conflict",
            Err(ApplyError::Gone(_)) => "gone",
            Err(ApplyError::Altered { .. }) => "altered",
            Err(ApplyError::Busy(_)) => "busy",
            Err(ApplyError::TimedOut(_)) => "timeout",
            Err(ApplyError::Refused { .. }) => "refused",
        };
        self.scale_writes
            .get_or_create(&ResultLabel {
                result: result.into(),
            })
            .inc();
    }

    /// A status was written, or not.
    pub fn status_write(&self, accepted: bool) {
        let result = if accepted { "written" } else { "failed" };
        self.status_writes
            .get_or_create(&ResultLabel {
                result: result.into(),
            })
            .inc();
    }

    /// A query was answered, or not.
    pub fn queried<T>(&self, server: &str, answer: &Result<T, FetchError>, took: Duration) {
        let result = match answer {
            Ok(_) => "ok",
            Err(FetchError::Unreachable(_)) => "unreachable",
            Err(FetchError::TimedOut(_)) => "timeout",
            Err(FetchError::Rejected { .. }) => "rejected",
            Err(_) => "undecodable",
        };
        self.queries
            .get_or_create(&ServerLabels {
                server: server.into(),
                result: result.into(),
            })
            .inc();
        self.query_seconds
            .get_or_create(&ServerLabel {
                server: server.into(),
            })
            .observe(took.as_secs_f64());
    }

    /// An event could not be sent.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }
}

fn labels_of(key: &ObjectKey) -> PolicyLabels {
    PolicyLabels {
        namespace: key.namespace.to_string(),
        policy: key.name.to_string(),
    }
}
