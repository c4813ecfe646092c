//! A scripted Prometheus on loopback: for each text that a query may contain, what is answered. It records every query,
//! those about the past apart from the others.
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawForm, State};
use axum::http::Response;
use axum::routing::post;
use concertina_decision::Timestamp;
use serde_json::{Value, json};

use crate::api_server::NAMESPACE;
use crate::faults::Held;

/// What a query is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// This body with this HTTP status and content type.
    Body(u16, &'static str, String),
    /// Nothing, ever.
    Silence,
    /// The reply, once the test says so.
    Held(Held, Box<Reply>),
}

#[derive(Default)]
struct Script {
    replies: Vec<(String, Reply)>,
    queries: Vec<String>,
    interval: Option<Reply>,
    interval_queries: Vec<String>,
    past_replies: Vec<(String, Reply)>,
    past_queries: Vec<PastQuery>,
}

/// A query about the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastQuery {
    pub(crate) text: String,
    /// First and last second, and the seconds between two steps.
    pub(crate) steps: (i64, i64, i64),
}

/// The server; it ends with the test's runtime.
pub(crate) struct Prometheus {
    pub(crate) url: String,
    script: Arc<Mutex<Script>>,
}

impl Prometheus {
    pub(crate) async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let router = Router::new()
            .route("/api/v1/query", post(reply))
            .route("/api/v1/query_range", post(reply_about_the_past))
            .with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script }
    }

    /// From now on queries that contain this text are answered like this. All others are answered with no series.
    pub(crate) fn answers(&self, text: &str, reply: Reply) {
        let mut script = self.script.lock().unwrap();
        script.replies.retain(|(known, _)| known != text);
        script.replies.push((text.into(), reply));
    }

    /// From now on everything is scraped so often, in seconds.
    pub(crate) fn is_scraped_every(&self, seconds: &str) {
        self.script.lock().unwrap().interval = Some(number(seconds));
    }

    /// The queries for how often something is scraped.
    pub(crate) fn interval_queries(&self) -> Vec<String> {
        self.script.lock().unwrap().interval_queries.clone()
    }

    /// From now on queries about the past that contain this text are answered like this. All others are answered with
    /// no series.
    pub(crate) fn remembers(&self, text: &str, reply: Reply) {
        let mut script = self.script.lock().unwrap();
        script.past_replies.retain(|(known, _)| known != text);
        script.past_replies.push((text.into(), reply));
    }

    /// The queries about the past since the last call.
    pub(crate) fn take_past_queries(&self) -> Vec<PastQuery> {
        std::mem::take(&mut self.script.lock().unwrap().past_queries)
    }

    /// The queries since the last call.
    pub(crate) fn take_queries(&self) -> Vec<String> {
        std::mem::take(&mut self.script.lock().unwrap().queries)
    }
}

/// A field of a form.
fn field(form: &[u8], wanted: &str) -> String {
    let form = format!("http://form/?{}", String::from_utf8_lossy(form));
    let form = reqwest::Url::parse(&form).unwrap();
    let found = form.query_pairs().find(|(name, _)| name == wanted);
    found.unwrap_or_else(|| panic!("no {wanted}")).1.into_owned()
}

async fn reply(State(script): State<Arc<Mutex<Script>>>, RawForm(form): RawForm) -> Response<Body> {
    let query = field(&form, "query");
    if query.starts_with("quantile(0.95,") {
        // How often something is scraped is asked at times of its own.
        let interval = {
            let mut script = script.lock().unwrap();
            script.interval_queries.push(query);
            script.interval.clone()
        };
        return send(interval.unwrap_or_else(no_series)).await;
    }
    let reply = {
        let mut script = script.lock().unwrap();
        let known = script.replies.iter().find(|(text, _)| query.contains(text));
        let reply = known.map_or_else(no_series, |(_, reply)| reply.clone());
        script.queries.push(query);
        reply
    };
    send(reply).await
}

async fn reply_about_the_past(
    State(script): State<Arc<Mutex<Script>>>,
    RawForm(form): RawForm,
) -> Response<Body> {
    let second = |name: &str| field(&form, name).parse().unwrap();
    let query = PastQuery {
        text: field(&form, "query"),
        steps: (second("start"), second("end"), second("step")),
    };
    let reply = {
        let mut script = script.lock().unwrap();
        let known = script
            .past_replies
            .iter()
            .find(|(text, _)| query.text.contains(text));
        let reply = known.map_or_else(|| result("matrix", &json!([])), |(_, reply)| reply.clone());
        script.past_queries.push(query);
        reply
    };
    send(reply).await
}

async fn send(reply: Reply) -> Response<Body> {
    let reply = match reply {
        Reply::Held(held, reply) => {
            held.wait().await;
            *reply
        }
        other => other,
    };
    match reply {
        Reply::Body(code, kind, body) => {
            let response = Response::builder().status(code).header("content-type", kind);
            response.body(Body::from(body)).unwrap()
        }
        Reply::Silence | Reply::Held(..) => std::future::pending().await,
    }
}

/// An answer of this type.
pub(crate) fn result(kind: &str, result: &Value) -> Reply {
    let body = json!({"status": "success", "data": {"resultType": kind, "result": result}});
    Reply::Body(200, "application/json", body.to_string())
}

/// No series.
pub(crate) fn no_series() -> Reply {
    result("vector", &json!([]))
}

/// One series without labels.
pub(crate) fn number(value: &str) -> Reply {
    series(&[(json!({}), value)])
}

/// These series.
pub(crate) fn series(series: &[(Value, &str)]) -> Reply {
    let one = |(labels, value): &(Value, &str)| json!({"metric": labels, "value": [1_700_000_000, value]});
    result("vector", &series.iter().map(one).collect())
}

/// Requests per second of each pod, measured at `time`.
pub(crate) fn rates(time: Timestamp, pods: &[(&str, f64)]) -> Reply {
    let pods: Vec<_> = pods
        .iter()
        .map(|(pod, rate)| (json!({"namespace": NAMESPACE, "pod": pod}), *rate))
        .collect();
    result("vector", &families(time, &pods).into())
}

/// Usage of the container `app` of each pod, in cores or bytes, measured at `time`.
pub(crate) fn usages(time: Timestamp, pods: &[(&str, f64)]) -> Reply {
    let labels = |pod: &str| json!({"namespace": NAMESPACE, "pod": pod, "container": "app"});
    let pods: Vec<_> = pods.iter().map(|(pod, usage)| (labels(pod), *usage)).collect();
    result("vector", &families(time, &pods).into())
}

/// Requests per second of each pod at these times.
pub(crate) fn past_rates(pods: &[String], rates: &[(Timestamp, f64)]) -> Reply {
    let row = |pod: &String, family: &str, value: fn(&(Timestamp, f64)) -> f64| {
        let metric = json!({"namespace": NAMESPACE, "pod": pod, "concertina": family});
        let at = |point: &(Timestamp, f64)| json!([point.0.0 / 1000, value(point).to_string()]);
        json!({"metric": metric, "values": rates.iter().map(at).collect::<Vec<_>>()})
    };
    #[allow(clippy::cast_precision_loss)] // times of our age fit
    let rows = pods.iter().flat_map(|pod| {
        [
            row(pod, "value", |(_, rate)| *rate),
            row(pod, "time", |(time, _)| time.0 as f64 / 1000.0),
        ]
    });
    result("matrix", &rows.collect())
}

/// The values and the times of a grouped answer.
pub(crate) fn families(time: Timestamp, values: &[(Value, f64)]) -> Vec<Value> {
    #[allow(clippy::cast_precision_loss)] // times of our age fit
    let seconds = time.0 as f64 / 1000.0;
    let tagged = |labels: &Value, family: &str, value: f64| {
        let mut labels = labels.clone();
        labels["concertina"] = family.into();
        json!({"metric": labels, "value": [seconds, value.to_string()]})
    };
    values
        .iter()
        .flat_map(|(labels, value)| [tagged(labels, "value", *value), tagged(labels, "time", seconds)])
        .collect()
}
