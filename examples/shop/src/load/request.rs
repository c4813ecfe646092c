//! One request over a new TCP connection: Services balance per connection, so a kept one would see only one pod.
//! Connects to the target and nowhere else.

use super::report::Outcome;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::str::FromStr;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

const LARGEST_BODY: usize = 1 << 20;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    host: String,
    port: u16,
}

/// What is wrong with a target's text, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a target; write http://HOST:PORT without a path; a $ in it means that a variable was not set"
)]
pub struct TargetError(String);

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError(text.to_owned());
        let uri: hyper::Uri = text.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || uri.path() != "/" || uri.query().is_some() {
            return Err(wrong());
        }
        let host = uri
            .host()
            .filter(|host| !host.is_empty() && !host.contains('$'))
            .ok_or_else(wrong)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Target {
            host: bare.to_owned(),
            port: uri.port_u16().unwrap_or(80),
        })
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}

/// Asks for one path. The time counts from when the request was `due`, so a late generator cannot flatter the shop.
pub(super) async fn ask(target: &Target, path: &str, due: Instant, timeout: Duration) -> Outcome {
    match tokio::time::timeout_at(due + timeout, exchange(target, path)).await {
        Err(_) => Outcome::TimedOut,
        Ok(Ok(StatusCode::OK)) => Outcome::Answered(due.elapsed()),
        Ok(Ok(StatusCode::SERVICE_UNAVAILABLE)) => Outcome::Rejected,
        Ok(Ok(_) | Err(_)) => Outcome::Failed,
    }
}

async fn exchange(
    target: &Target,
    path: &str,
) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>> {
    let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // In a set, so that the connection is closed when this request is dropped at its timeout.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, target.to_string())
        .header(header::CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    Limited::new(response.into_body(), LARGEST_BODY).collect().await?;
    Ok(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_plain_http_origin() {
        let target = |text: &str| text.parse::<Target>().map(|target| target.to_string());
        assert_eq!(target("http://10.96.3.4:80"), Ok("10.96.3.4:80".to_owned()));
        assert_eq!(target("http://shop"), Ok("shop:80".to_owned()));
        assert_eq!(target("http://[::1]:8080"), Ok("[::1]:8080".to_owned()));
        for bad in [
            "",
            "shop",
            "https://shop",
            "http://",
            "http://:80",
            "http://shop/cart",
            "http://$(SHOP)",
        ] {
            assert!(target(bad).is_err(), "{bad}");
        }
    }
}
