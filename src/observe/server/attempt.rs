//! One request to one URL: sending, reading the answer into one buffer, and saying what went wrong. Network.
use std::error::Error as _;

use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use prometheus_http_query::{Client, Error};
use reqwest::Response;
use tokio::time::{Instant, timeout_at};

use super::buffers::Buffers;
use super::refusal;
use crate::config::ServerConfig;
use crate::observe::history::Steps;
use crate::observe::table::{FetchError, shortened};

/// So much of a refusal is read.
const REFUSAL_BYTES: usize = 64 << 10;

/// A query as it is sent.
pub(super) struct Request<'a> {
    pub(super) text: &'a str,
    /// The steps of the past; absent: now.
    pub(super) steps: Option<Steps>,
    /// After which the server is to give up.
    pub(super) timeout_milliseconds: i64,
    pub(super) parameters: Vec<(&'static str, String)>,
}

impl Request<'_> {
    /// Sends the query when it is awaited.
    pub(super) fn send(
        &self,
        client: &Client,
        authorization: Option<HeaderValue>,
    ) -> impl Future<Output = Result<Response, Error>> + Send + use<> {
        // The client's two builders have no common type.
        macro_rules! complete {
            ($query:expr) => {{
                let mut query = $query.timeout(self.timeout_milliseconds);
                for (name, value) in &self.parameters {
                    query = query.query(name, value);
                }
                if let Some(value) = authorization {
                    query = query.header(AUTHORIZATION, value);
                }
                query
            }};
        }
        let query = match self.steps {
            None => Ok(complete!(client.query(self.text))),
            Some(Steps { start, end, step }) => Err(complete!(client.query_range(
                self.text,
                start,
                end,
                f64::from(step)
            ))),
        };
        async move {
            match query {
                Ok(instant) => instant.post_raw().await,
                Err(range) => range.post_raw().await,
            }
        }
    }
}

/// The bounds of one request.
pub(super) struct Attempt<'a> {
    pub(super) config: &'a ServerConfig,
    pub(super) buffers: &'a Buffers,
    /// Hash of the query.
    pub(super) query: u64,
    /// How many URLs share the time that is left: this one, and those that are asked if it fails.
    pub(super) left: u32,
    /// When the last of them must have answered.
    pub(super) deadline: Instant,
}

impl Attempt<'_> {
    /// The body of a successful answer.
    pub(super) async fn run(
        &self,
        sent: impl Future<Output = Result<Response, Error>>,
    ) -> Result<Vec<u8>, FetchError> {
        let timed_out = |_| FetchError::TimedOut(self.config.timeout_seconds);
        let response = timeout_at(self.share(), sent).await.map_err(timed_out)?;
        let response = response.map_err(|error| self.transport_error(&error))?;
        // What has begun gets a share of its own, and what stops in the middle leaves time for others.
        timeout_at(self.share(), self.body(response))
            .await
            .map_err(timed_out)?
    }

    /// When this URL's share of the time that is left now is over.
    fn share(&self) -> Instant {
        let now = Instant::now();
        now + self.deadline.saturating_duration_since(now) / self.left.max(1)
    }

    async fn body(&self, response: Response) -> Result<Vec<u8>, FetchError> {
        let status = response.status();
        let header = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value: &HeaderValue| value.to_str().ok())
        };
        if !status.is_success() {
            let location = header(LOCATION).map(str::to_owned);
            let (body, _) = self.read(response, Vec::new(), REFUSAL_BYTES).await?;
            return Err(refusal::refused(status, location.as_deref(), &body));
        }
        // With compression the transport takes the header away as it decodes.
        if header(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
            return Err(FetchError::Undecodable(
                "it is compressed, though nobody asked for it: set compression: true for this server".into(),
            ));
        }
        let is_page = header(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"));
        let limit = self.config.max_response_bytes;
        let buffer = self.buffers.take(self.query, response.content_length(), limit);
        match self.read(response, buffer, limit).await? {
            (body, _) if is_page => Err(refusal::web_page(&body)),
            (body, Whole::Yes) => Ok(body),
            (_, Whole::No) => Err(FetchError::TooLarge(limit)),
        }
    }

    /// Reads up to `limit` bytes; what is beyond is not waited for.
    async fn read(
        &self,
        mut response: Response,
        mut body: Vec<u8>,
        limit: usize,
    ) -> Result<(Vec<u8>, Whole), FetchError> {
        while let Some(chunk) = response.chunk().await.map_err(|error| self.http_error(&error))? {
            let room = limit - body.len();
            if let Some(beginning) = chunk.get(..room)
                && chunk.len() > room
            {
                body.extend_from_slice(beginning);
                return Ok((body, Whole::No));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((body, Whole::Yes))
    }

    fn transport_error(&self, error: &Error) -> FetchError {
        match error {
            Error::Client(client) => {
                let mut cause: Option<&(dyn std::error::Error + 'static)> = client.source();
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
        if error.is_timeout() && error.is_connect() {
            return FetchError::Unreachable("no connection in time".into());
        }
        if error.is_timeout() {
            return FetchError::TimedOut(self.config.timeout_seconds);
        }
        // The innermost cause says what happened ("connection refused"); the outer ones repeat the URL.
        let mut innermost: &(dyn std::error::Error + 'static) = error;
        let mut advice = None;
        loop {
            advice = advice.or_else(|| tls_advice(innermost));
            match innermost.source() {
                Some(source) => innermost = source,
                None => break,
            }
        }
        let reason = shortened(&innermost.to_string());
        FetchError::Unreachable(match advice {
            Some(advice) => format!("{reason}: {advice}"),
            None => reason,
        })
    }
}

/// Whether an answer was cut off.
enum Whole {
    Yes,
    No,
}

/// Whether a body is a successful answer of the Prometheus API, whatever it says.
pub(super) fn is_answer(body: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    struct Envelope<'a> {
        status: &'a str,
        #[serde(rename = "data")]
        _data: serde::de::IgnoredAny,
    }
    serde_json::from_slice::<Envelope<'_>>(body).is_ok_and(|envelope| envelope.status == "success")
}

/// The error of TLS in this one. The transport wraps it into errors of input and output, one into the other.
fn tls_error<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    let wrapped = || error.downcast_ref::<std::io::Error>()?.get_ref();
    error.downcast_ref().or_else(|| tls_error(wrapped()?))
}

/// What to do about an error of TLS, if it is one that has a usual cause.
fn tls_advice(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError, Error, InvalidMessage};
    match tls_error(error)? {
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Some("write the authority that signed the server's certificate into tls.caFile")
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Some("write the name in the certificate into the URL, or into tls.serverName"),
        Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::HandshakeFailure,
        ) => Some("the server asks for another client certificate: check tls.certFile and tls.keyFile"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            Some("the server talks plain HTTP there: check port and scheme of the URL")
        }
        _ => None,
    }
}
