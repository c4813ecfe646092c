//! `concertina-bench exporter`: exposes the series of a whole fleet in one scrape, and takes steps of load. It listens on
//! the loopback, and calls nobody.

mod series;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Args;
use serde::Deserialize;

use self::series::Series;
use crate::error::BenchError;
use crate::fixture::Kind;

/// Arguments of `concertina-bench exporter`.
#[derive(Debug, Args)]
pub(crate) struct ExporterArguments {
    /// Address of /metrics and of POST /step?workload=NAME,NAME|all&factor=2.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// What the fleet consists of.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many workloads.
    #[arg(long)]
    workloads: usize,
    /// Greatest share by which a value is off its steady one.
    #[arg(long, default_value_t = 0.03)]
    noise: f64,
    /// Seed of the noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Ends by itself after this.
    #[arg(long, default_value_t = 3600)]
    for_seconds: u64,
}

#[derive(Debug, Deserialize)]
struct Step {
    workload: String,
    factor: f64,
}

type Shared = Arc<Mutex<Series>>;

/// Serves until its time is over.
pub(crate) async fn run(arguments: &ExporterArguments) -> Result<(), BenchError> {
    let series = Series::new(
        arguments.kind,
        arguments.workloads,
        arguments.noise,
        arguments.seed,
    );
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/step", post(step))
        .with_state(Arc::new(Mutex::new(series)));
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    let life = Duration::from_secs(arguments.for_seconds);
    match tokio::time::timeout(life, axum::serve(listener, router).into_future()).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Ok(()),
    }
}

async fn metrics(State(series): State<Shared>) -> Response {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64());
    let mut out = Vec::with_capacity(8 << 20);
    series
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .render(now, &mut out);
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], out).into_response()
}

async fn step(State(series): State<Shared>, Query(step): Query<Step>) -> Response {
    let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
    match series.step(&step.workload, step.factor) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response(),
    }
}
