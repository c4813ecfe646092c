//! `concertina-bench proxy`: stands before Prometheus, counts what is asked and answered, and on demand answers late, with
//! errors, or not at all. It listens on the loopback and calls Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::statistics::uniform;

/// Greatest body that is passed on.
const MAX_BODY: usize = 256 << 20;

/// Arguments of `concertina-bench proxy`.
#[derive(Debug, Args)]
pub(crate) struct ProxyArguments {
    /// Address to listen on. POST /-/trouble?latency_ms=&error_share=&black_hole= sets what goes wrong, GET /-/count tells.
    #[arg(long, default_value = "127.0.0.1:9091")]
    listen: SocketAddr,
    /// The Prometheus behind it.
    #[arg(long, default_value = "http://127.0.0.1:9090")]
    upstream: String,
    /// Ends by itself after this.
    #[arg(long, default_value_t = 3600)]
    for_seconds: u64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Trouble {
    /// Each answer is so late, in milliseconds.
    latency_ms: u64,
    /// Share of requests that are answered with 503.
    error_share: f64,
    /// Requests are taken and never answered.
    black_hole: bool,
}

/// What was asked and answered since the trouble was set last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) requests: u64,
    pub(crate) in_flight: u64,
    pub(crate) most_in_flight: u64,
    pub(crate) answered: u64,
    pub(crate) answer_bytes: u64,
    /// Elements of the answers' vectors.
    pub(crate) series: u64,
}

struct Proxy {
    upstream: String,
    client: reqwest::Client,
    trouble: Mutex<Trouble>,
    count: Mutex<Count>,
    dice: AtomicU64,
}

/// Serves until its time is over.
pub(crate) async fn run(arguments: &ProxyArguments) -> Result<(), BenchError> {
    let proxy = Arc::new(Proxy {
        upstream: arguments.upstream.trim_end_matches('/').to_owned(),
        client: reqwest::Client::builder().build()?,
        trouble: Mutex::default(),
        count: Mutex::default(),
        dice: AtomicU64::new(0),
    });
    let listener = tokio::net::TcpListener::bind(arguments.listen).await?;
    let life = Duration::from_secs(arguments.for_seconds);
    match tokio::time::timeout(life, axum::serve(listener, router(proxy)).into_future()).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Ok(()),
    }
}

fn router(proxy: Arc<Proxy>) -> Router {
    Router::new()
        .route("/-/trouble", post(set_trouble))
        .route("/-/count", get(count))
        .fallback(pass)
        .with_state(proxy)
}

async fn set_trouble(State(proxy): State<Arc<Proxy>>, Query(trouble): Query<Trouble>) -> StatusCode {
    *proxy.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    proxy.counting(|count| {
        *count = Count {
            in_flight: count.in_flight,
            ..Count::default()
        };
    });
    StatusCode::NO_CONTENT
}

async fn count(State(proxy): State<Arc<Proxy>>) -> Json<Count> {
    Json(proxy.counting(|count| *count))
}

/// A request that is in flight until this is dropped, however it ends.
struct InFlight(Arc<Proxy>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0
            .counting(|count| count.in_flight = count.in_flight.saturating_sub(1));
    }
}

async fn pass(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    proxy.counting(|count| {
        count.requests += 1;
        count.in_flight += 1;
        count.most_in_flight = count.most_in_flight.max(count.in_flight);
    });
    let _in_flight = InFlight(Arc::clone(&proxy));
    let trouble = *proxy.trouble.lock().unwrap_or_else(PoisonError::into_inner);
    if trouble.black_hole {
        // Whoever asks gives up; the request then ends here too.
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(Duration::from_millis(trouble.latency_ms)).await;
    let throw = uniform(1, proxy.dice.fetch_add(1, Ordering::Relaxed), 0);
    if throw < trouble.error_share {
        return (StatusCode::SERVICE_UNAVAILABLE, "injected\n").into_response();
    }
    proxy.forward(request).await.unwrap_or_else(|error| {
        (
            StatusCode::BAD_GATEWAY,
            format!("the proxy cannot pass it on: {error}\n"),
        )
            .into_response()
    })
}

impl Proxy {
    fn counting<T>(&self, change: impl FnOnce(&mut Count) -> T) -> T {
        change(&mut self.count.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for plain answers, so that what is in them can be counted.
    async fn forward(&self, request: Request) -> Result<Response, BenchError> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let body = to_bytes(body, MAX_BODY)
            .await
            .map_err(|error| BenchError::Unusable(error.to_string()))?;
        let kind = head.headers.get(header::CONTENT_TYPE).cloned();
        let mut ask = self
            .client
            .request(head.method, format!("{}{path}", self.upstream))
            .header(header::ACCEPT_ENCODING, "identity")
            .body(body);
        if let Some(kind) = kind {
            ask = ask.header(header::CONTENT_TYPE, kind);
        }
        let answer = ask.send().await?;
        let status = answer.status();
        let kind: Option<_> = answer.headers().get::<HeaderName>(header::CONTENT_TYPE).cloned();
        let body = answer.bytes().await?;
        self.counting(|count| {
            count.answered += 1;
            count.answer_bytes += body.len() as u64;
            count.series += elements(&body);
        });
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        if let Some(kind) = kind {
            response.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        Ok(response)
    }
}

/// How many elements the vectors of an answer have.
fn elements(body: &[u8]) -> u64 {
    let mark = b"\"metric\":{";
    body.windows(mark.len()).filter(|window| window == mark).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_elements_of_an_answer_are_counted() {
        let answer =
            br#"{"data":{"result":[{"metric":{"a":"b"},"value":[1,"2"]},{"metric":{},"value":[1,"2"]}]}}"#;
        assert_eq!(elements(answer), 2);
        assert_eq!(elements(b"[]"), 0);
    }

    #[tokio::test]
    async fn requests_are_passed_on_counted_and_refused_when_asked_for() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer = r#"{"data":{"result":[{"metric":{}}]}}"#;
        let upstream = Router::new().fallback(move |request: Request| async move {
            assert_eq!(
                request.uri().path_and_query().unwrap().as_str(),
                "/api/v1/query?query=up"
            );
            answer
        });
        let listen = || async { tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap() };
        let behind = listen().await;
        let proxy = Arc::new(Proxy {
            upstream: format!("http://{}", behind.local_addr().unwrap()),
            client: reqwest::Client::new(),
            trouble: Mutex::default(),
            count: Mutex::default(),
            dice: AtomicU64::new(0),
        });
        let before = listen().await;
        let url = format!("http://{}", before.local_addr().unwrap());
        tokio::spawn(axum::serve(behind, upstream).into_future());
        tokio::spawn(axum::serve(before, router(proxy)).into_future());

        let client = reqwest::Client::new();
        let ask = || {
            let request = client.get(format!("{url}/api/v1/query?query=up"));
            async move { request.send().await.unwrap() }
        };
        assert_eq!(ask().await.text().await.unwrap(), answer);
        let count = async || -> Count {
            let text = client
                .get(format!("{url}/-/count"))
                .send()
                .await
                .unwrap()
                .text()
                .await
                .unwrap();
            serde_json::from_str(&text).unwrap()
        };
        let counted = count().await;
        assert_eq!((counted.requests, counted.answered, counted.series), (1, 1, 1));
        assert_eq!((counted.most_in_flight, counted.in_flight), (1, 0));

        let trouble = client.post(format!("{url}/-/trouble?error_share=1"));
        assert!(trouble.send().await.unwrap().status().is_success());
        assert_eq!(ask().await.status(), 503);
        let counted = count().await;
        assert_eq!((counted.requests, counted.answered), (1, 0));
    }
}
