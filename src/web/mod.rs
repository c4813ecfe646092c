//! The controller's HTTP endpoint: `/metrics`, `/healthz`, `/readyz`, and the newest decision of a policy as a file to
//! replay. It listens; for the last of these it asks the API server for one policy.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

use crate::control::Context;

mod case;

/// Serves until the future is dropped.
///
/// # Errors
/// When the address cannot be listened on.
pub async fn run(context: Arc<Context>, address: SocketAddr) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?;
    axum::serve(listener, router(context)).await
}

/// The routes.
pub fn router(context: Arc<Context>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
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
