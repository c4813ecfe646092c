//! A server on loopback that answers as a test says and remembers what it was asked. For tests alone.
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use super::Server;
use crate::config::{Config, ServerConfig};
use crate::observe::query::{Question, Template};
use crate::observe::table::{FetchError, Naming, Wanted};

pub(super) const EMPTY: &str = r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#;

pub(super) struct Scripted {
    pub(super) address: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<(HeaderMap, String)>>>,
}

/// A server that answers every request in the same way.
pub(super) async fn scripted<F>(answer: impl Fn() -> F + Clone + Send + Sync + 'static) -> Scripted
where
    F: Future<Output = Response<Body>> + Send,
{
    let connections = Arc::new(AtomicUsize::new(0));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let (accepted, asked) = (Arc::clone(&connections), Arc::clone(&requests));
    let router = axum::Router::new().fallback(move |headers: HeaderMap, form: String| {
        asked.lock().unwrap().push((headers, form));
        answer()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let listener = listener.tap_io(move |_| {
        accepted.fetch_add(1, Ordering::SeqCst);
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Scripted {
        address,
        connections,
        requests,
    }
}

impl Scripted {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> Vec<(HeaderMap, String)> {
        self.requests.lock().unwrap().clone()
    }
}

pub(super) fn answer(status: StatusCode, body: impl Into<Body>) -> Response<Body> {
    Response::builder().status(status).body(body.into()).unwrap()
}

pub(super) async fn empty() -> Response<Body> {
    answer(StatusCode::OK, EMPTY)
}

/// An address where nobody listens.
pub(super) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A server that takes requests and never answers.
pub(super) async fn silent() -> Scripted {
    scripted(std::future::pending).await
}

/// The client of servers at these addresses, with these further fields of the configuration.
pub(super) fn server(addresses: &[&str], fields: &str) -> Server {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let urls: Vec<String> = addresses
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let text = format!("{{servers: [{{name: default, urls: {urls:?}, {fields}}}]}}");
    let path = tempfile(&text);
    let config = Config::read(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    let config: ServerConfig = config.server("default").unwrap().clone();
    Server::new(config).unwrap()
}

/// A new file with this text.
pub(super) fn tempfile(text: &str) -> std::path::PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("concertina-server-{}-{number}", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path
}

pub(super) fn custom(query: &str) -> Template {
    Template::Custom {
        query: query.into(),
        age_query: None,
    }
}

/// A question with this text, whatever its template asks for.
pub(super) fn question<'a>(template: &'a Template, text: &str) -> Question<'a> {
    Question {
        template,
        text: text.into(),
        naming: Naming::OWN,
        is_total: matches!(template, Template::Custom { .. }),
        measures_interval: false,
        window_seconds: None,
        interval_seconds: None,
        identity: 0,
    }
}

/// The error of a user's own query, if there is one.
pub(super) async fn asked(server: &Server, query: &str) -> Result<(), FetchError> {
    server
        .fetch(&question(&custom(query), query), &whole())
        .await
        .map(drop)
}

/// All series together.
pub(super) fn whole() -> Wanted {
    Wanted::of(Some(&[]))
}

/// Lets time pass without waiting for it.
pub(super) async fn later(time: std::time::Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
