//! The load generator's state as others see it: the report as JSON and CSV, metrics, and the start button.
//! The router is served by the caller.

use super::report::{Outcome, Report, Row};
use super::{Segment, Settings};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum Phase {
    Waiting,
    Running,
    Finished,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug)]
struct Progress {
    phase: Phase,
    started_unix_ms: Option<u64>,
    report: Report,
    printed: usize,
}

/// What the generator has done so far; shared by the generator and the web server.
#[derive(Debug)]
pub struct Board {
    segments: Vec<Segment>,
    timeout_ms: u64,
    start: Notify,
    progress: Mutex<Progress>,
    offered: Counter,
    ended: Family<OutcomeLabel, Counter>,
    registry: Registry,
}

#[derive(serde::Serialize)]
struct ReportPage<'a> {
    phase: Phase,
    /// When the profile began, in milliseconds since the Unix epoch.
    started_unix_ms: Option<u64>,
    profile: &'a [Segment],
    timeout_ms: u64,
    rows: &'a [Row],
}

impl Board {
    /// An empty board.
    pub fn new(settings: &Settings) -> Self {
        let (offered, ended) = (Counter::default(), Family::<OutcomeLabel, Counter>::default());
        let mut registry = Registry::default();
        registry.register(
            "shop_load_requests_offered",
            "Requests that were due",
            offered.clone(),
        );
        registry.register(
            "shop_load_requests_ended",
            "Requests by how they ended",
            ended.clone(),
        );
        for outcome in ["answered", "rejected", "timed_out", "error"] {
            drop(ended.get_or_create(&OutcomeLabel { outcome }));
        }
        Board {
            segments: settings.profile.segments().to_vec(),
            timeout_ms: settings.timeout_ms,
            start: Notify::new(),
            progress: Mutex::new(Progress {
                phase: Phase::Waiting,
                started_unix_ms: None,
                report: Report::default(),
                printed: 0,
            }),
            offered,
            ended,
            registry,
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when `/start` has been posted.
    pub async fn wait_for_start(&self) {
        self.start.notified().await;
    }

    /// The profile begins; `now` is the time since the Unix epoch.
    pub fn began(&self, now: Duration) {
        let mut progress = self.progress();
        progress.phase = Phase::Running;
        progress.started_unix_ms = u64::try_from(now.as_millis()).ok();
    }

    /// The profile is over and every request has ended.
    pub fn finished(&self) {
        self.progress().phase = Phase::Finished;
    }

    /// A request begins in this second of the profile.
    pub fn offered(&self, second: usize) {
        self.offered.inc();
        self.progress().report.offered(second);
    }

    /// A request that began in this second has ended.
    pub fn ended(&self, second: usize, outcome: Outcome) {
        let label = match outcome {
            Outcome::Answered(_) => "answered",
            Outcome::Rejected => "rejected",
            Outcome::TimedOut => "timed_out",
            Outcome::Failed => "error",
        };
        self.ended.get_or_create(&OutcomeLabel { outcome: label }).inc();
        self.progress().report.ended(second, outcome);
    }

    /// No request will begin before this second any more.
    pub fn advance_to(&self, second: usize) {
        self.progress().report.advance_to(second);
    }

    /// Prints each final row once.
    pub fn print_new_rows(&self) {
        let mut progress = self.progress();
        for row in progress.report.rows_since(progress.printed) {
            println!("load: {}", row.csv());
        }
        progress.printed = progress.report.rows_since(0).len();
    }
}

/// `/report.json?since=N`, `/report.csv`, `/metrics`, `/healthz`, and `POST /start`.
pub fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/report.json", get(report_json))
        .route("/report.csv", get(report_csv))
        .route("/start", post(start))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .with_state(board)
}

#[derive(serde::Deserialize)]
struct Since {
    /// The first second wanted.
    #[serde(default)]
    since: usize,
}

async fn report_json(State(board): State<Arc<Board>>, Query(since): Query<Since>) -> Response {
    let progress = board.progress();
    Json(ReportPage {
        phase: progress.phase,
        started_unix_ms: progress.started_unix_ms,
        profile: &board.segments,
        timeout_ms: board.timeout_ms,
        rows: progress.report.rows_since(since.since),
    })
    .into_response()
}

async fn report_csv(State(board): State<Arc<Board>>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8")],
        board.progress().report.csv(),
    )
        .into_response()
}

async fn start(State(board): State<Arc<Board>>) -> Response {
    if board.progress().phase != Phase::Waiting {
        return (StatusCode::CONFLICT, "the profile has already begun\n").into_response();
    }
    // Kept until the generator waits for it, so a start that comes early is not lost.
    board.start.notify_one();
    (StatusCode::ACCEPTED, "started\n").into_response()
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &board.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, crate::http::OPEN_METRICS)], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
