//! The controller's HTTP endpoint: `/metrics`, `/healthz`, `/readyz`, and the newest decision of a policy as a file to
//! replay. It listens; for the last of these it asks the API server for one policy.
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::control::Context;

mod case;
pub mod listen;

const OK: &str = "ok\n";

/// Serves those who connect until the future is dropped.
///
/// # Errors
/// When the server ends by itself.
pub async fn run(context: Arc<Context>, listener: TcpListener) -> std::io::Result<()> {
    axum::serve(listener, router(context)).await
}

/// The routes.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/policies/{namespace}/{name}/case", get(case::case))
        .layer(Extension(case::Turns::default()))
        .with_state(context)
}

async fn metrics(State(context): State<Arc<Context>>) -> Response {
    match context.metrics.pages() {
        Ok(pages) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            // In pieces: the text on very many policies would take as much memory as they do.
            let body = Body::from_stream(futures::stream::iter(pages.map(Ok::<_, Infallible>)));
            ([(header::CONTENT_TYPE, kind)], body).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Well unless starting the process anew could help: neither an API server nor a Prometheus that is away is a reason.
async fn healthz(State(context): State<Arc<Context>>) -> Response {
    match context.pulse.hang(Instant::now()) {
        None => OK.into_response(),
        Some(hang) => (StatusCode::SERVICE_UNAVAILABLE, format!("{hang}\n")).into_response(),
    }
}

/// Well once the cluster is known, whoever leads: then the next controller may be replaced. Prometheus has no part in it, as replacing this one
/// would not bring it back.
async fn readyz(State(context): State<Arc<Context>>) -> Response {
    let why_not = if context.leadership.is_resigned() {
        "this controller is ending\n"
    } else if context.cluster.is_synced() {
        return OK.into_response();
    } else {
        "the first lists of policies, pods and other autoscalers are not complete\n"
    };
    (StatusCode::SERVICE_UNAVAILABLE, why_not).into_response()
}
