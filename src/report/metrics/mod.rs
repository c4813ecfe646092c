//! The controller's own metrics, in OpenMetrics text. Counting only, no network. docs/reference/metrics.md explains each.
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use concertina_decision::{Missing, Timestamp};
use k8s_openapi::api::autoscaling::v1::Scale;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode_registry;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use crate::cluster::policies::PolicyRecord;
use crate::config::PolicySeriesLevel;
use crate::control::apply::ApplyError;
use crate::control::evaluate::Outcome;
use crate::leader::Leadership;
use crate::observe::join::cause_of;
use crate::observe::plan::QueryKey;
use crate::observe::table::FetchError;
use crate::report::stored::StoredStatus;

mod bearing;
mod decisions;
mod families;
mod last_change;
pub mod names;
mod newest;
mod pages;
mod policies;
mod process;

use decisions::Decisions;
use names::MetricName;
use newest::NewestSamples;
pub use pages::Pages;
use policies::PolicySeries;
use process::Process;

/// Bounds in seconds of the time between two evaluations: for each period itself, and a twentieth more.
const GAPS: [f64; 16] = [
    0.95, 1.05, 2.0, 2.1, 5.0, 5.25, 10.0, 10.5, 15.0, 15.75, 30.0, 31.5, 60.0, 63.0, 120.0, 300.0,
];
/// Bounds in seconds of what takes from milliseconds to seconds.
const DURATIONS: [f64; 13] = [
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    server: String,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ServerLabel {
    server: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ScrapedLabels {
    server: String,
    of: String,
}

/// All metrics; see the registered help texts for what each one means.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    policies: Gauge,
    /// Absent where the configuration wants no series per policy.
    policy_series: Option<PolicySeries>,
    /// Absent where nobody is elected.
    leadership: Option<Arc<Leadership>>,
    decisions: Arc<Decisions>,
    evaluations: Counter,
    evaluation_gap: Histogram,
    evaluations_late: Counter,
    tick_seconds: Histogram,
    scale_writes: Family<ResultLabel, Counter>,
    scale_write_seconds: Histogram,
    status_writes: Family<ResultLabel, Counter>,
    queries: Family<QueryLabels, Counter>,
    query_seconds: Family<ServerLabel, Histogram>,
    series_decoded: Family<ServerLabel, Counter>,
    response_bytes: Family<ServerLabel, Counter>,
    newest_samples: Arc<NewestSamples>,
    failovers: Family<ServerLabel, Counter>,
    scrape_interval: Family<ScrapedLabels, Gauge<f64, AtomicU64>>,
    rate_window: Family<ScrapedLabels, Gauge>,
    events_dropped: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(PolicySeriesLevel::default())
    }
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

/// Registers a metric and hands it back.
fn add<M: Metric + Clone>(registry: &mut Registry, name: &MetricName, metric: M) -> M {
    registry.register(name.family(), name.help, metric.clone());
    metric
}

impl Metrics {
    /// Metrics of a controller, with these series of each policy.
    #[must_use]
    pub fn new(policy_series: PolicySeriesLevel) -> Self {
        let mut registry = Registry::default();
        let decisions = Arc::new(Decisions::default());
        registry.register_collector(Box::new(Arc::clone(&decisions)));
        let newest_samples = Arc::new(NewestSamples::default());
        registry.register_collector(Box::new(Arc::clone(&newest_samples)));
        registry.register_collector(Box::new(Process::begun()));
        let all = &mut registry;
        Self {
            policy_series: PolicySeries::at(policy_series),
            leadership: None,
            decisions,
            policies: add(all, &names::POLICIES, Gauge::default()),
            evaluations: add(all, &names::EVALUATIONS, Counter::default()),
            evaluation_gap: add(all, &names::EVALUATION_GAP, Histogram::new(GAPS)),
            evaluations_late: add(all, &names::EVALUATIONS_LATE, Counter::default()),
            tick_seconds: add(all, &names::TICK_DURATION, durations()),
            scale_writes: add(all, &names::SCALE_WRITES, Family::default()),
            scale_write_seconds: add(all, &names::SCALE_WRITE_DURATION, durations()),
            status_writes: add(all, &names::STATUS_WRITES, Family::default()),
            queries: add(all, &names::QUERIES, Family::default()),
            query_seconds: add(
                all,
                &names::QUERY_DURATION,
                Family::new_with_constructor(durations),
            ),
            series_decoded: add(all, &names::SERIES_DECODED, Family::default()),
            response_bytes: add(all, &names::RESPONSE_BYTES, Family::default()),
            newest_samples,
            failovers: add(all, &names::FAILOVERS, Family::default()),
            scrape_interval: add(all, &names::SCRAPE_INTERVAL, Family::default()),
            rate_window: add(all, &names::RATE_WINDOW, Family::default()),
            events_dropped: add(all, &names::EVENTS_DROPPED, Counter::default()),
            registry,
        }
    }

    /// The same with those of the election.
    #[must_use]
    pub fn telling_of(mut self, leadership: &Arc<Leadership>) -> Self {
        self.registry.register_collector(Box::new(Arc::clone(leadership)));
        self.leadership = Some(Arc::clone(leadership));
        self
    }

    /// The policies to show: a standby decides the same as the leader, and showing it twice would say nothing more.
    fn shown_policies(&self) -> Option<&PolicySeries> {
        let is_standby = self
            .leadership
            .as_ref()
            .is_some_and(|leadership| !leadership.may_write());
        self.policy_series.as_ref().filter(|_| !is_standby)
    }

    /// The text that `/metrics` answers, at once; [`Self::pages`] has it in pieces.
    ///
    /// # Errors
    /// When a value cannot be formatted, which does not happen with these types.
    pub fn encode(&self) -> Result<String, std::fmt::Error> {
        let mut pages = Pages::of(self)?;
        Ok(std::iter::from_fn(|| pages.next(self)).collect())
    }

    /// The text that `/metrics` answers, in pieces of some tens of KiB: with very many policies it is long.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn pages(self: &Arc<Self>) -> Result<impl Iterator<Item = String> + Send + use<>, std::fmt::Error> {
        let metrics = Arc::clone(self);
        let mut pages = Pages::of(&metrics)?;
        Ok(std::iter::from_fn(move || pages.next(&metrics)))
    }

    /// The text of all but the policies' own series.
    fn head(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        Ok(text)
    }

    /// How many policies are watched.
    pub fn policies(&self, count: usize) {
        self.policies.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// So many policies were evaluated. What was decided may still have to be written.
    pub fn evaluations(&self, count: u64) {
        self.evaluations.inc_by(count);
    }

    /// What became of one evaluation.
    pub fn evaluated(&self, outcome: &Outcome) {
        self.evaluated_all([outcome]);
    }

    /// What became of several evaluations; counted under one lock.
    pub fn evaluated_all<'o>(&self, outcomes: impl IntoIterator<Item = &'o Outcome>) {
        let mut rows = self.policy_series.as_ref().map(PolicySeries::rows);
        for outcome in outcomes {
            if let Some(rows) = &mut rows {
                rows.set(outcome);
            }
            self.decisions.count(outcome.reason());
        }
    }

    /// So many seconds lay between two evaluations of the same policy.
    pub fn evaluation_gap(&self, seconds: f64) {
        self.evaluation_gap.observe(seconds);
    }

    /// So many evaluations came later than their period asks for.
    pub fn evaluations_late(&self, count: u64) {
        self.evaluations_late.inc_by(count);
    }

    /// A tick took so long.
    pub fn tick(&self, took: Duration) {
        self.tick_seconds.observe(took.as_secs_f64());
    }

    /// A status is stored, by whichever controller: it may tell of a change that this one has not made.
    pub fn stored(&self, record: &Arc<PolicyRecord>, status: &StoredStatus, now: Timestamp) {
        // One that speaks of an older spec perhaps speaks of another target.
        let is_of_this = status.generation == record.generation;
        if let Some(series) = self.policy_series.as_ref().filter(|_| is_of_this)
            && let Some((change, reason)) = status.newest_change()
        {
            series.rows().told(record, record.mode(now), (&change, reason));
        }
    }

    /// A policy is gone, and its series with it.
    pub fn forget(&self, record: &PolicyRecord) {
        if let Some(series) = &self.policy_series {
            series.forget(record);
        }
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
        self.scale_writes.get_or_create(&ResultLabel { result }).inc();
    }

    /// A write of a new replica count was answered after so long.
    pub fn scale_write_took(&self, took: Duration) {
        self.scale_write_seconds.observe(took.as_secs_f64());
    }

    /// A status was written, or not.
    pub fn status_write(&self, accepted: bool) {
        let result = if accepted { "written" } else { "failed" };
        self.status_writes.get_or_create(&ResultLabel { result }).inc();
    }

    /// A query was answered, or not.
    pub fn queried<T>(&self, server: &str, answer: &Result<T, FetchError>, took: Duration) {
        let result = match answer {
            Ok(_) => "ok",
            Err(FetchError::StillAsking) => "still_asking",
            Err(error) => match cause_of(error) {
                Missing::Unreachable => "unreachable",
                Missing::TimedOut => "timeout",
                Missing::Refused => "rejected",
                Missing::ServerError => "server_error",
                _ => "undecodable",
            },
        };
        let was_sent = !matches!(
            answer,
            Err(FetchError::StillAsking | FetchError::NoTurn(_) | FetchError::Unprepared(_))
        );
        let server = || server.to_owned();
        self.queries
            .get_or_create(&QueryLabels {
                server: server(),
                result,
            })
            .inc();
        if was_sent {
            self.query_seconds
                .get_or_create(&ServerLabel { server: server() })
                .observe(took.as_secs_f64());
        }
    }

    /// An answer of a server had so many series in so many bytes.
    pub fn decoded(&self, server: &str, series: u64, bytes: u64) {
        let label = ServerLabel {
            server: server.to_owned(),
        };
        self.series_decoded.get_or_create(&label).inc_by(series);
        self.response_bytes.get_or_create(&label).inc_by(bytes);
    }

    /// This part of a query was asked at `now`, and the newest sample that came back is of `newest`; `None` where none came. Queries of users'
    /// own are left out.
    pub fn newest_sample(
        &self,
        query: &Arc<QueryKey>,
        shard: u32,
        newest: Result<Option<Timestamp>, &FetchError>,
        now: Timestamp,
    ) {
        self.newest_samples.note(query, shard, newest, now);
    }

    /// So often since the start another URL of this server had to answer.
    pub fn failovers(&self, server: &str, count: u64) {
        let label = ServerLabel {
            server: server.to_owned(),
        };
        // Who counted earlier may tell later.
        self.failovers
            .get_or_create(&label)
            .inner()
            .fetch_max(count, Ordering::Relaxed);
    }

    /// The series behind the rates of this are scraped so often, and the window of those rates is so long; both in seconds.
    pub fn scrape_interval(&self, server: &str, of: &str, interval_seconds: f64, window_seconds: u32) {
        let labels = ScrapedLabels {
            server: server.to_owned(),
            of: of.to_owned(),
        };
        self.scrape_interval.get_or_create(&labels).set(interval_seconds);
        self.rate_window.get_or_create(&labels).set(window_seconds.into());
    }

    /// An event could not be sent.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// Bytes that are kept for the series of policies.
    #[must_use]
    pub fn policy_bytes(&self) -> usize {
        self.policy_series.as_ref().map_or(0, PolicySeries::bytes)
    }
}

#[cfg(test)]
mod policies_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
