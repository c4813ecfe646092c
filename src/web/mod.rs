//! The controller's HTTP endpoint: `/metrics`, `/healthz` and `/readyz`. It listens, and calls nobody.
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::control::Context;

/// Serves until the future is dropped.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn run(context: Arc<Context>, address: SocketAddr) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router(context)).await
}

fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .with_state(context)
}

async fn metrics(State(context): State<Arc<Context>>) -> Response {
    match context.metrics.encode() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn readyz(State(context): State<Arc<Context>>) -> Response {
    if context.cluster.is_synced() {
        "ok\n".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the first lists of policies and pods are not complete\n",
        )
            .into_response()
    }
}
