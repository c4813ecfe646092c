//! Calls of the API server that only read, bounded in time and size. This touches the network.
use std::time::Duration;

use concertina_decision::Timestamp;
use http::header::DATE;
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use super::super::server::Clock;
use crate::control::tick::wall_clock;
use crate::observe::server::innermost;

/// One call is given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// After so many calls in a row without an answer no more are made.
const PATIENCE: usize = 2;
/// `Date` headers are exact to this.
const DATE_SECONDS: f64 = 0.5;

/// Why something was not heard of the API server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli::doctor) enum Trouble {
    /// Whoever asks may not.
    #[error("you may not look at it")]
    Forbidden,
    /// There is no such thing.
    #[error("it is not there")]
    Absent,
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// What was heard of the API server.
pub(in crate::cli::doctor) type Heard<T> = Result<T, Trouble>;

/// Some objects of a kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::cli::doctor) struct Listed {
    pub(in crate::cli::doctor) items: Vec<Value>,
    /// Whether there are more of them.
    pub(in crate::cli::doctor) has_more: bool,
    /// Namespaces of which nothing was heard, and why.
    pub(in crate::cli::doctor) unheard: Vec<(String, Trouble)>,
}

/// The API server.
pub(super) struct Caller {
    client: Client,
    unanswered: usize,
}

impl Caller {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            unanswered: 0,
        }
    }

    pub(super) async fn get(&mut self, path: &str) -> Heard<Value> {
        self.call(http::Request::get(path), Vec::new()).await
    }

    /// The answer to a question that is asked as if it were created; nothing is stored.
    pub(super) async fn review(&mut self, path: &str, question: &Value) -> Heard<Value> {
        let request = http::Request::post(path).header("content-type", "application/json");
        self.call(request, question.to_string().into_bytes()).await
    }

    /// At most `limit` objects.
    pub(super) async fn list(&mut self, path: &str, limit: u32) -> Heard<Listed> {
        let sign = if path.contains('?') { '&' } else { '?' };
        let mut list = self.get(&format!("{path}{sign}limit={limit}")).await?;
        let token = list.pointer("/metadata/continue").and_then(Value::as_str);
        let has_more = token.is_some_and(|token| !token.is_empty());
        let items = match list.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        Ok(Listed {
            items,
            has_more,
            unheard: Vec::new(),
        })
    }

    /// The API server's version, and its time.
    pub(super) async fn version(&mut self) -> Heard<(String, Option<Clock>)> {
        let before = wall_clock();
        let answer = self.bounded(version_of(self.client.clone())).await?;
        let clock = answer.date.map(|date| clock(date, before, wall_clock()));
        let not_one = || {
            Trouble::Other(match answer.status.as_u16() {
                401 => "it does not accept the credentials (401): a log-in may have run out".to_owned(),
                _ => format!("/version answers {}: is it an API server", answer.status),
            })
        };
        Ok((answer.version.clone().ok_or_else(not_one)?, clock))
    }

    /// All groups with their kinds.
    pub(super) async fn groups(&mut self) -> Heard<kube::core::discovery::v2::APIGroupDiscoveryList> {
        let client = self.client.clone();
        self.bounded(async move { client.list_api_groups_aggregated().await })
            .await
    }

    async fn call(&mut self, request: http::request::Builder, body: Vec<u8>) -> Heard<Value> {
        let client = self.client.clone();
        self.bounded(async move {
            let request = request.body(body).map_err(kube::Error::HttpError)?;
            client.request::<Value>(request).await
        })
        .await
    }

    async fn bounded<T>(&mut self, call: impl Future<Output = Result<T, kube::Error>>) -> Heard<T> {
        if self.unanswered >= PATIENCE {
            return Err(Trouble::Other(
                "not asked any more after calls in a row without an answer".into(),
            ));
        }
        let answer = tokio::time::timeout(CALL_TIMEOUT, call).await;
        self.unanswered = match &answer {
            Err(_) | Ok(Err(kube::Error::Service(_) | kube::Error::HyperError(_))) => self.unanswered + 1,
            Ok(_) => 0,
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) => Err(match status.code {
                403 => Trouble::Forbidden,
                404 => Trouble::Absent,
                _ => Trouble::Other(status.message.clone()),
            }),
            Ok(Err(error)) => Err(Trouble::Other(innermost(&error))),
            Err(_) => Err(Trouble::Other(format!(
                "no answer within {} s",
                CALL_TIMEOUT.as_secs()
            ))),
        }
    }
}

struct VersionAnswer {
    date: Option<Timestamp>,
    status: http::StatusCode,
    version: Option<String>,
}

async fn version_of(client: Client) -> Result<VersionAnswer, kube::Error> {
    let request = http::Request::get("/version")
        .body(Body::from(Vec::new()))
        .map_err(kube::Error::HttpError)?;
    let response = client.send(request).await?;
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let date = date.map(|date| Timestamp(date.timestamp().as_millisecond()));
    let status = response.status();
    let body = response.into_body().collect_bytes().await?;
    let version: Value = serde_json::from_slice(&body).unwrap_or_default();
    let version = version.get("gitVersion").and_then(Value::as_str);
    Ok(VersionAnswer {
        date,
        status,
        version: version.map(str::to_owned),
    })
}

#[allow(clippy::cast_precision_loss)] // milliseconds of our time
fn clock(date: Timestamp, before: Timestamp, after: Timestamp) -> Clock {
    // The header is cut off at whole seconds.
    Clock::read(date.0 as f64 / 1000.0 + DATE_SECONDS, before, after, DATE_SECONDS)
}
