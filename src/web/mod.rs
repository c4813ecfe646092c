//! The controller's HTTP endpoint: `/metrics`, `/healthz`, `/readyz`, and the newest decision of a policy as a file to
//! replay. It listens, and calls nobody.
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use kube::Api;

use crate::api::ScalingPolicy;
use crate::case::Case;
use crate::cluster::pods::ObjectKey;
use crate::control::Context;

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
        .route("/api/v1/policies/{namespace}/{name}/case", get(case))
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

/// What the newest decision of a policy was made from, in the format of `concertina decide`.
async fn case(
    State(context): State<Arc<Context>>,
    Path((namespace, name)): Path<(String, String)>,
) -> Response {
    let key = ObjectKey::new(&namespace, &name);
    let stored = context.cluster.policies().get(&key);
    let Some(stored) = stored else {
        let message = format!("there is no policy {key}: write its namespace and its name\n");
        return (StatusCode::NOT_FOUND, message).into_response();
    };
    let newest = context.replays().newest(&stored).cloned();
    let api: Api<ScalingPolicy> = Api::namespaced(context.client.clone(), &key.namespace);
    let policy = match api.get(&key.name).await {
        Ok(policy) => policy,
        Err(error) => return (StatusCode::BAD_GATEWAY, format!("the policy cannot be read: {error}\n")).into_response(),
    };
    match newest {
        Some(replay) if policy.metadata.generation == replay.generation => {
            let mut case = Case::of(&policy.spec, &replay.observation, &replay.memory, replay.now);
            case.name = Some(key.to_string());
            Json(case.write()).into_response()
        }
        _ => {
            let message =
                format!("policy {key} has not been decided yet: its status says what it waits for\n");
            (StatusCode::NOT_FOUND, message).into_response()
        }
    }
}
