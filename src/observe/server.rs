//! Talks to one Prometheus-compatible server: one POST per query, bounded in time and size. This is where the network is.
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_http_query::Client;

use super::history::{History, Steps};
use super::query::Template;
use super::table::{Answer, FetchError, Naming, Wanted, decode, error_text, shortened};
use crate::config::{ServerConfig, SourceConfig};

/// Asks Thanos and `VictoriaMetrics` for an error instead of an answer from the parts that are there; others leave these
/// parameters alone. They go with the queries of users, whose totals are wrong without a part. In the answers by pod
/// the pods of a missing part have no sample, which is more than an error says. The answers are looked at all the
/// same: not every proxy hands the parameters on. Nor is looking enough: Thanos' query-frontend dropped the warnings
/// until thanos-io/thanos#7289 of 2024.
const WHOLE_ANSWERS: [(&str, &str); 2] = [("partial_response", "false"), ("deny_partial_response", "1")];
/// Queries of each sort in flight to one server at a time: those of the built-in metrics, which all policies share,
/// do not wait behind those that users wrote.
const CONCURRENT_QUERIES: usize = 8;
/// Queries of the past in flight to one server at a time: so few that a start of the controller, when all policies need
/// their past, leaves the server free for what is now.
const CONCURRENT_RANGE_QUERIES: usize = 3;

/// Why a server's client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The HTTP client cannot be built.
    #[error(
        "cannot make the HTTP client of server {name} (for https the image needs the system's CA certificates)"
    )]
    Http {
        /// The server.
        name: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The URL is unusable.
    #[error("the URL of server {name} is unusable")]
    Url {
        /// The server.
        name: String,
        /// Why.
        #[source]
        source: prometheus_http_query::Error,
    },
}

/// A client for one configured server.
pub struct Server {
    config: ServerConfig,
    client: Client,
    permits: tokio::sync::Semaphore,
    custom_permits: tokio::sync::Semaphore,
    range_permits: tokio::sync::Semaphore,
    /// Whether it was said that the past cannot be asked.
    range_failure_told: AtomicBool,
}

impl Server {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// When the HTTP client cannot be built or the URL is unusable.
    pub fn new(config: ServerConfig) -> Result<Self, ServerError> {
        let mut builder = reqwest::Client::builder();
        let url = config.urls().next().unwrap_or_default().to_owned();
        if !url.starts_with("https:") {
            // An image FROM scratch has no CA certificates; they are only asked for where they are needed.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let http = builder
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(config.timeout_seconds.into()))
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("concertina/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|source| ServerError::Http {
                name: config.name.clone(),
                source,
            })?;
        let client = Client::from(http, &url).map_err(|source| ServerError::Url {
            name: config.name.clone(),
            source,
        })?;
        let permits = || tokio::sync::Semaphore::new(CONCURRENT_QUERIES);
        Ok(Self {
            config,
            client,
            permits: permits(),
            custom_permits: permits(),
            range_permits: tokio::sync::Semaphore::new(CONCURRENT_RANGE_QUERIES),
            range_failure_told: AtomicBool::new(false),
        })
    }

    /// The server's configuration.
    #[must_use]
    pub fn config(&self) -> &ServerConfig {
        &self.config
    }

    /// Runs one query and decodes its answer.
    ///
    /// # Errors
    /// Every way in which no usable answer comes; see [`FetchError`].
    pub async fn fetch(
        &self,
        template: &Template,
        text: &str,
        source: Option<&SourceConfig>,
        wanted: &Wanted,
    ) -> Result<Answer, FetchError> {
        let permits = match template {
            Template::Custom { .. } => &self.custom_permits,
            _ => &self.permits,
        };
        let request = || {
            let query = self.client.query(text).timeout(self.timeout_ms());
            let parameters = parameters(template).iter();
            let query = parameters.fold(query, |query, (name, value)| query.query(name, value));
            query.post_raw()
        };
        let body = self.body(permits, request).await?;
        decode(&body, wanted, naming(template, source))
    }

    /// Runs one query at these steps of the past and decodes its answer.
    ///
    /// # Errors
    /// As [`Server::fetch`].
    pub async fn fetch_range(
        &self,
        template: &Template,
        text: &str,
        source: Option<&SourceConfig>,
        steps: Steps,
        wanted: &Wanted,
    ) -> Result<History, FetchError> {
        let request = || {
            let query = self
                .client
                .query_range(text, steps.start, steps.end, f64::from(steps.step))
                .timeout(self.timeout_ms());
            let parameters = parameters(template).iter();
            let query = parameters.fold(query, |query, (name, value)| query.query(name, value));
            query.post_raw()
        };
        let body = self.body(&self.range_permits, request).await?;
        History::decode(&body, steps, wanted, naming(template, source))
    }

    /// Whether this is the first time that the past could not be asked: once is enough to be said.
    pub fn tell_range_failure(&self) -> bool {
        !self.range_failure_told.swap(true, Ordering::Relaxed)
    }

    fn timeout_ms(&self) -> i64 {
        i64::from(self.config.timeout_seconds) * 1000
    }

    /// The body of a successful answer. The time-out covers the wait for a permit too, so a slow server never makes a
    /// queue.
    async fn body<F>(
        &self,
        permits: &tokio::sync::Semaphore,
        request: impl FnOnce() -> F,
    ) -> Result<Vec<u8>, FetchError>
    where
        F: Future<Output = Result<reqwest::Response, prometheus_http_query::Error>>,
    {
        let limit = Duration::from_secs(self.config.timeout_seconds.into());
        let answered = async {
            let _permit = permits
                .acquire()
                .await
                .map_err(|error| FetchError::Unreachable(error.to_string()))?;
            let response = request().await.map_err(|error| self.transport_error(&error))?;
            let status = response.status();
            let body = self.read(response).await?;
            if status.is_success() {
                return Ok(body);
            }
            let message = error_text(&body).unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
            Err(FetchError::Rejected {
                status: status.as_u16(),
                message: shortened(&message),
            })
        };
        tokio::time::timeout(limit, answered)
            .await
            .map_err(|_| FetchError::TimedOut(self.config.timeout_seconds))?
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, FetchError> {
        let limit = self.config.max_response_bytes;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.http_error(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(FetchError::TooLarge(limit));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn transport_error(&self, error: &prometheus_http_query::Error) -> FetchError {
        match error {
            prometheus_http_query::Error::Client(client) => {
                let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(client);
                while let Some(inner) = cause {
                    if let Some(http) = inner.downcast_ref::<reqwest::Error>() {
                        return self.http_error(http);
                    }
                    cause = inner.source();
                }
                FetchError::Unreachable(shortened(&client.to_string()))
            }
            other => FetchError::Undecodable(shortened(&other.to_string())),
        }
    }

    fn http_error(&self, error: &reqwest::Error) -> FetchError {
        if error.is_timeout() {
            return FetchError::TimedOut(self.config.timeout_seconds);
        }
        // The innermost cause says what happened ("connection refused"); the outer ones repeat the URL.
        let mut innermost: &dyn std::error::Error = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        FetchError::Unreachable(shortened(&innermost.to_string()))
    }
}

/// How the series of a query are told apart.
fn naming<'n>(template: &Template, source: Option<&'n SourceConfig>) -> Naming<'n> {
    match (template, source) {
        (Template::Custom { .. }, _) => Naming::OWN,
        (_, Some(source)) => Naming {
            namespace: &source.namespace_label,
            pod: &source.pod_label,
            ..Naming::CONTAINERS
        },
        (_, None) => Naming::CONTAINERS,
    }
}

/// What is sent with a query beside the usual.
const fn parameters(template: &Template) -> &'static [(&'static str, &'static str)] {
    match template {
        Template::Custom { .. } => &WHOLE_ANSWERS,
        _ => &[],
    }
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
