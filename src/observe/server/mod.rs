//! Talks to one Prometheus-compatible server, at one URL or several: one POST per query, bounded in time, size and number.
//! This is where the network is.
mod attempt;
mod buffers;
mod connections;
mod credentials;
mod endpoints;
mod files;
mod lanes;
mod refusal;
mod underway;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_http_query::Client;
use tokio::time::Instant;

pub use self::connections::MakeError;
pub(crate) use self::connections::innermost;

use self::attempt::{Attempt, Request, is_answer};
use self::buffers::Buffers;
use self::connections::Connections;
use self::credentials::Credentials;
use self::endpoints::Endpoints;
use self::lanes::{Lanes, Pace, Sort};
use self::underway::Underway;
use super::history::{History, Steps};
use super::query::{Question, Template};
use super::table::{Answer, FetchError, Wanted, decode};
use crate::config::ServerConfig;
use crate::log::causes;

/// Asks Thanos and `VictoriaMetrics` for an error instead of an answer from the parts that are there; others leave these
/// parameters alone. They go with the queries of users, whose totals are wrong without a part. In the answers by pod
/// the pods of a missing part have no sample, which is more than an error says. The answers are looked at all the
/// same: not every proxy hands the parameters on. Nor is looking enough: Thanos' query-frontend dropped the warnings
/// until thanos-io/thanos#7289 of 2024.
const WHOLE_ANSWERS: [(&str, &str); 2] = [("partial_response", "false"), ("deny_partial_response", "1")];

/// So much before the end of its time a query is given up: where the time-out is a number of periods, the next tick then finds
/// it ended as a rule, and need not leave its policies out.
const EARLY: Duration = Duration::from_millis(100);

/// Why a server's client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The HTTP client cannot be built.
    #[error(
        "cannot make the HTTP client of server {name} (for https the image needs the system's CA certificates, or the configuration tls.caFile)"
    )]
    Http {
        /// The server.
        name: String,
        /// Why.
        #[source]
        source: MakeError,
    },
}

/// A client for one configured server.
pub struct Server {
    config: ServerConfig,
    /// Parameters of every query.
    parameters: Vec<(&'static str, String)>,
    connections: Connections,
    credentials: Credentials,
    endpoints: Arc<Endpoints>,
    lanes: Lanes,
    underway: Underway,
    buffers: Buffers,
    /// Whether it was said that the past cannot be asked.
    range_failure_told: AtomicBool,
    /// Whether it was said that the server is not there.
    away_told: AtomicBool,
}

impl Server {
    /// Makes the client; nothing is sent yet, and files of credentials are not read yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be built.
    pub fn new(config: ServerConfig) -> Result<Self, ServerError> {
        let parameters = config
            .query_parameters
            .iter()
            // The client's names live as long as the program. So does a server: it is made once, at the start.
            .map(|(name, value)| (&*name.to_owned().leak(), value.to_owned()))
            .collect();
        Ok(Self {
            parameters,
            connections: Connections::new(&config)?,
            credentials: Credentials::of(&config),
            endpoints: Arc::new(Endpoints::new(config.urls().count())),
            lanes: Lanes::new(config.max_concurrent_queries),
            underway: Underway::default(),
            buffers: Buffers::default(),
            range_failure_told: AtomicBool::new(false),
            away_told: AtomicBool::new(false),
            config,
        })
    }

    /// The server's configuration.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// How often another of the URLs had to answer since the start.
    #[must_use]
    pub fn failovers(&self) -> u64 {
        self.endpoints.failovers()
    }

    /// When a query that begins now is given up.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::now() + self.limit().saturating_sub(EARLY)
    }

    /// Runs one query and decodes its answer. Dropping the future takes the query back.
    ///
    /// # Errors
    /// Every way in which no usable answer comes; see [`FetchError`]. `StillAsking` comes at once.
    pub async fn fetch(&self, question: &Question<'_>, wanted: &Wanted) -> Result<Answer, FetchError> {
        self.fetch_until(question, wanted, self.deadline()).await
    }

    /// The same, given up at `deadline`: for one of several queries that share their time.
    ///
    /// # Errors
    /// As [`Server::fetch`].
    pub async fn fetch_until(
        &self,
        question: &Question<'_>,
        wanted: &Wanted,
        deadline: Instant,
    ) -> Result<Answer, FetchError> {
        let answer = self
            .ask(question, None, deadline, |body| {
                decode(body, wanted, question.naming)
            })
            .await;
        self.tell_whether_there(&answer);
        let answer = answer?;
        Ok(Answer {
            window_seconds: question.window_seconds,
            interval_seconds: question.interval_seconds,
            nan_is_no_requests: question.template.nan_is_no_requests(),
            ..answer
        })
    }

    /// Runs one query at these steps of the past and decodes its answer.
    ///
    /// # Errors
    /// As [`Server::fetch`].
    pub async fn fetch_range(
        &self,
        question: &Question<'_>,
        steps: Steps,
        wanted: &Wanted,
    ) -> Result<History, FetchError> {
        let mut history = self
            .ask(question, Some(steps), self.deadline(), |body| {
                History::decode(body, steps, wanted, question.naming)
            })
            .await?;
        history.window_seconds = question.window_seconds;
        Ok(history)
    }

    /// Logs once that the server is not there, and once that it is there again. That a single query is slow says neither.
    fn tell_whether_there(&self, answer: &Result<Answer, FetchError>) {
        let server = &*self.config.name;
        match answer {
            Err(error @ (FetchError::Unreachable(_) | FetchError::Unprepared(_))) => {
                if !self.away_told.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        server,
                        error = causes(error),
                        "this server cannot be asked: no policy shrinks by its metrics"
                    );
                }
            }
            Ok(_) | Err(FetchError::Rejected { .. }) => {
                if self.away_told.swap(false, Ordering::Relaxed) {
                    tracing::info!(server, "this server answers again");
                }
            }
            Err(_) => {}
        }
    }

    /// Whether this is the first time that the past could not be asked: once is enough to be said.
    pub fn tell_range_failure(&self) -> bool {
        !self.range_failure_told.swap(true, Ordering::Relaxed)
    }

    /// Waits for the query's turn, sends it, and decodes what comes, all of it until `deadline`.
    pub(crate) async fn ask<T>(
        &self,
        question: &Question<'_>,
        steps: Option<Steps>,
        deadline: Instant,
        decode: impl FnOnce(&[u8]) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let Question { template, text, .. } = question;
        let sort = match template {
            _ if steps.is_some() => Sort::Past,
            _ if question.measures_interval => Sort::Interval,
            Template::Custom { .. } => Sort::Custom,
            _ => Sort::BuiltIn,
        };
        let query = hash_of(sort, text, steps);
        let asked = hash_of(sort, (query, question.identity), steps);
        let _asking = self.underway.begin(asked).ok_or(FetchError::StillAsking)?;
        let turn = self.lanes.turn(sort, query, deadline).await;
        let turn = turn.ok_or(FetchError::NoTurn(self.config.timeout_seconds))?;
        let left = deadline.saturating_duration_since(Instant::now());
        let request = Request {
            text,
            steps,
            // The server need not go on when nobody waits any more.
            timeout_milliseconds: i64::try_from(left.as_millis()).unwrap_or(i64::MAX).max(1),
            parameters: self.parameters_of(question.is_total),
        };
        let body = self.answered(&request, query, deadline).await;
        let now = Instant::now();
        self.lanes.ended(&turn, self.pace(&body, now - turn.began), now);
        drop(turn);
        let body = body?;
        let decoded = decode(&body);
        self.buffers.give(query, body);
        decoded
    }

    /// The body of the first URL's answer that is one. Each gets its share of the time that is left.
    async fn answered(
        &self,
        request: &Request<'_>,
        query: u64,
        deadline: Instant,
    ) -> Result<Vec<u8>, FetchError> {
        let began = Instant::now();
        let clients = self.connections.clients(&self.config, began)?;
        let authorization = self.credentials.header(began)?;
        if self.endpoints.claim_retry(began) {
            self.try_preferred(&clients, request, authorization.clone());
        }
        let order = self.endpoints.order();
        let mut failures = Vec::new();
        for (tried, place) in order.iter().enumerate() {
            let Some(client) = clients.get(*place) else {
                continue;
            };
            let attempt = Attempt {
                config: &self.config,
                buffers: &self.buffers,
                query,
                left: u32::try_from(order.len() - tried).unwrap_or(1),
                deadline,
            };
            let result = attempt.run(request.send(client, authorization.clone())).await;
            match result {
                Err(error) if is_of_the_endpoint(&error) => {
                    failures.push((client.base_url().authority().to_owned(), error));
                }
                result => {
                    if tried > 0 {
                        self.endpoints.failed_over(*place, Instant::now());
                    }
                    return result;
                }
            }
        }
        Err(self.failure(failures))
    }

    /// Sends the same query to the preferred URL too, and waits for nothing: whoever asks gets the answer of the URL that
    /// is known to answer.
    fn try_preferred(
        &self,
        clients: &[Client],
        request: &Request<'_>,
        authorization: Option<http::HeaderValue>,
    ) {
        let Some(client) = clients.first() else { return };
        let sent = request.send(client, authorization);
        let (endpoints, config) = (Arc::clone(&self.endpoints), self.config.clone());
        let deadline = Instant::now() + self.limit();
        // It ends with the time-out, and there is one in 30 s.
        tokio::spawn(async move {
            let attempt = Attempt {
                config: &config,
                buffers: &Buffers::default(),
                query: 0,
                left: 1,
                deadline,
            };
            // Whatever stands in the place of a server that is gone may answer too: that it is not found, or with a log-in.
            if attempt.run(sent).await.is_ok_and(|body| is_answer(&body)) {
                endpoints.recovered();
            }
        });
    }

    /// One error for all URLs: a server's own words rather than that another is silent.
    fn failure(&self, mut failures: Vec<(String, FetchError)>) -> FetchError {
        if failures.len() == 1
            && let Some((_, error)) = failures.pop()
        {
            return error;
        }
        let rejected = |(_, error): &(String, FetchError)| matches!(error, FetchError::Rejected { .. });
        if let Some(place) = failures.iter().position(rejected) {
            return failures.swap_remove(place).1;
        }
        let silent = |(_, error): &(String, FetchError)| matches!(error, FetchError::TimedOut(_));
        if failures.iter().all(silent) {
            return FetchError::TimedOut(self.config.timeout_seconds);
        }
        let reasons = failures.iter().map(|(host, error)| match error {
            FetchError::TimedOut(_) => format!("{host}: no answer in its share of the time"),
            FetchError::Unreachable(reason) => format!("{host}: {reason}"),
            other => format!("{host}: {other}"),
        });
        FetchError::Unreachable(reasons.collect::<Vec<_>>().join("; "))
    }

    fn pace<T>(&self, result: &Result<T, FetchError>, took: Duration) -> Pace {
        match result {
            Err(FetchError::TimedOut(_)) => Pace::Slow,
            _ if took > self.limit() / 2 => Pace::Slow,
            Ok(_) => Pace::Quick,
            Err(_) => Pace::Unknown,
        }
    }

    /// What is sent with a query beside the usual. The configuration's word comes before the controller's.
    fn parameters_of(&self, is_total: bool) -> Vec<(&'static str, String)> {
        let mut parameters = self.parameters.clone();
        if is_total {
            let whole = WHOLE_ANSWERS
                .iter()
                .filter(|(name, _)| !self.config.query_parameters.contains(name));
            parameters.extend(whole.map(|(name, value)| (*name, (*value).to_owned())));
        }
        parameters
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(self.config.timeout_seconds.into())
    }
}

/// Whether another URL may do better.
fn is_of_the_endpoint(error: &FetchError) -> bool {
    match error {
        FetchError::Unreachable(_) | FetchError::TimedOut(_) => true,
        FetchError::Rejected { status, .. } => *status >= 500 || *status == 429,
        _ => false,
    }
}

fn hash_of(sort: Sort, what: impl Hash, steps: Option<Steps>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (sort, what).hash(&mut hasher);
    if let Some(Steps { start, end, step }) = steps {
        (start, end, step).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod failover_tests;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod server_tests;
