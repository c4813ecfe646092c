//! Controllers as Prometheus finds them: each answers on loopback with the exporter's text, and with the moment of the
//! story that it belongs to.
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use concertina::report::metrics::Metrics;

/// The series by which a scrape tells which moment it saw.
pub(crate) const MOMENT: &str = "test_moment";

struct Shown {
    metrics: Option<Arc<Metrics>>,
    moment: u32,
}

/// One address to scrape.
pub(crate) struct Exporter {
    pub(crate) address: String,
    shown: Arc<Mutex<Shown>>,
}

impl Exporter {
    /// Listens, and answers as long as the test runs. Without metrics it is a process that is no controller.
    pub(crate) async fn of(metrics: Option<&Arc<Metrics>>) -> Self {
        let shown = Arc::new(Mutex::new(Shown {
            metrics: metrics.cloned(),
            moment: 0,
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router = axum::Router::new()
            .route("/metrics", get(answer))
            .with_state(Arc::clone(&shown));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, shown }
    }

    /// From now on it is this moment of the story.
    pub(crate) fn is_at(&self, moment: u32) {
        self.shown.lock().unwrap().moment = moment;
    }

    /// From now on this controller answers here.
    pub(crate) fn shows(&self, metrics: &Arc<Metrics>) {
        self.shown.lock().unwrap().metrics = Some(Arc::clone(metrics));
    }
}

async fn answer(State(shown): State<Arc<Mutex<Shown>>>) -> impl IntoResponse {
    let shown = shown.lock().unwrap();
    let text = match &shown.metrics {
        Some(metrics) => metrics.encode().unwrap(),
        None => "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total 5\n\
                 # TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes 5e9\n\
                 # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 5\n# EOF\n"
            .to_owned(),
    };
    let text = text.replace(
        "# EOF\n",
        &format!("# TYPE {MOMENT} gauge\n{MOMENT} {}\n# EOF\n", shown.moment),
    );
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text)
}
