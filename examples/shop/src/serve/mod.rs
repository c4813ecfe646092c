//! `shop serve`: the shop's HTTP server. Listens on the network.

mod metrics;
mod pages;
mod queue;

pub use metrics::Metrics;
pub use queue::{GaveUp, Queue};

use crate::http::{self, Limits, ListenError};
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The options of `shop serve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(long, default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// CPU time that one dynamic page takes, in milliseconds; under a CPU limit the page takes longer than this
    #[arg(long, default_value_t = 8.0, value_parser = milliseconds)]
    pub page_cost_ms: f64,
    /// Dynamic pages built at the same time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// How long a request waits for a worker before it is given up with 503, in milliseconds
    #[arg(long, default_value_t = 700)]
    pub queue_timeout_ms: u64,
    /// Requests that may wait at the same time; further ones are given up at once
    #[arg(long, default_value_t = 512)]
    pub queue_length: u16,
    /// How long after its start the shop says that it is ready, in milliseconds: most services load something first
    #[arg(long, default_value_t = 0)]
    pub warm_up_ms: u64,
    /// How long to go on serving after SIGTERM, in milliseconds: Services need a moment to forget a pod
    #[arg(long, default_value_t = 3000)]
    pub linger_ms: u64,
}

fn milliseconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (0.0..=60_000.0).contains(&value) => Ok(value),
        _ => Err("write a number of milliseconds between 0 and 60000".to_owned()),
    }
}

#[derive(Clone)]
struct Shop {
    metrics: Arc<Metrics>,
    queue: Arc<Queue>,
    page_cost: Duration,
    opens_at: tokio::time::Instant,
}

/// Serves until SIGTERM, then lingers and drains.
///
/// # Errors
/// The address cannot be listened on.
pub async fn run(settings: Settings) -> Result<(), ListenError> {
    let listener = http::listen(settings.listen).await?;
    println!(
        "shop: serving on {}; a dynamic page costs {} ms of CPU",
        settings.listen, settings.page_cost_ms
    );
    let linger = Duration::from_millis(settings.linger_ms);
    let stop = async move {
        http::termination().await;
        println!("shop: told to stop; serving on for {} ms", linger.as_millis());
        tokio::time::sleep(linger).await;
    };
    http::serve_until(listener, router(&settings), Limits::default(), stop).await;
    println!("shop: drained");
    Ok(())
}

/// The shop's pages, `/healthz` and `/metrics`.
pub fn router(settings: &Settings) -> Router {
    let shop = Shop {
        metrics: Arc::new(Metrics::new()),
        queue: Arc::new(Queue::new(
            settings.workers,
            settings.queue_length,
            Duration::from_millis(settings.queue_timeout_ms),
        )),
        page_cost: Duration::from_secs_f64(settings.page_cost_ms / 1000.0),
        opens_at: tokio::time::Instant::now() + Duration::from_millis(settings.warm_up_ms),
    };
    Router::new()
        .route("/", get(|| async { Html(pages::HOME) }))
        .route("/about", get(|| async { Html(pages::ABOUT) }))
        .route("/product/{number}", get(product))
        .route("/cart", get(cart))
        .route("/search", get(search))
        .fallback(|| async { (StatusCode::NOT_FOUND, Html(pages::NOT_FOUND)) })
        .layer(middleware::from_fn_with_state(shop.clone(), count))
        // Below the layer: probes and scrapes are not the shop's traffic and must not move its request rate.
        .route("/healthz", get(health))
        .route("/metrics", get(metrics_text))
        .with_state(shop)
}

/// Counts the request before anything else, so that the rate is what was asked, not what could be answered.
async fn count(State(shop): State<Shop>, request: Request, next: Next) -> Response {
    let arrival = shop.metrics.arrival(request.uri().path());
    let response = next.run(request).await;
    arrival.answered(response.status().as_u16());
    response
}

async fn health(State(shop): State<Shop>) -> (StatusCode, &'static str) {
    if tokio::time::Instant::now() < shop.opens_at {
        (StatusCode::SERVICE_UNAVAILABLE, "warming up\n")
    } else {
        (StatusCode::OK, "ok\n")
    }
}

async fn metrics_text(State(shop): State<Shop>) -> Response {
    match shop.metrics.text() {
        Ok(text) => ([(header::CONTENT_TYPE, http::OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn product(State(shop): State<Shop>, Path(number): Path<u64>) -> Response {
    shop.dynamic(pages::Visit::Product(number)).await
}

async fn cart(State(shop): State<Shop>) -> Response {
    shop.dynamic(pages::Visit::Cart).await
}

#[derive(serde::Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
}

async fn search(State(shop): State<Shop>, Query(search): Query<Search>) -> Response {
    shop.dynamic(pages::Visit::Search(search.q)).await
}

impl Shop {
    /// Waits for a worker and builds the page on a thread of its own.
    async fn dynamic(&self, visit: pages::Visit) -> Response {
        let turn = match self.queue.turn().await {
            Ok(turn) => turn,
            Err(gave_up) => {
                self.metrics.gave_up(gave_up);
                return (StatusCode::SERVICE_UNAVAILABLE, Html(pages::BUSY)).into_response();
            }
        };
        let page_cost = self.page_cost;
        let built = tokio::task::spawn_blocking(move || {
            let page = pages::build(&visit, page_cost, pages::thread_cpu_time);
            // The worker is free once the page is built, even when nobody waits for the page any more.
            drop(turn);
            page
        });
        match built.await {
            Ok(page) => Html(page).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
