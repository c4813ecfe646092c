//! What servers and proxies say when they refuse, in their many shapes, as one sentence. No network.
use std::borrow::Cow;

use http::StatusCode;
use serde_json::Value;

use crate::observe::table::{FetchError, shortened};

/// So much of a web page is looked at.
const PAGE_BYTES: usize = 16 << 10;

/// What a status other than 2xx means: the server's own words, and what to do about it.
pub(super) fn refused(status: StatusCode, location: Option<&str>, body: &[u8]) -> FetchError {
    let words = shortened(&words(body));
    let advice = advice(status, location, &words);
    let message = match (words.is_empty(), advice) {
        (true, None) => status.canonical_reason().unwrap_or("no reason given").to_owned(),
        (true, Some(advice)) => advice.into_owned(),
        (false, None) => words,
        (false, Some(advice)) => format!("{words}: {advice}"),
    };
    FetchError::Rejected {
        status: status.as_u16(),
        message,
    }
}

/// What is wrong with an answer of status 2xx that is a web page, such as a proxy's log-in page.
pub(super) fn web_page(body: &[u8]) -> FetchError {
    FetchError::Undecodable(format!(
        "it is a web page ({}): check the URL of this server, and whether something before it asks for a log-in",
        shortened(&words(body))
    ))
}

fn advice(status: StatusCode, location: Option<&str>, words: &str) -> Option<Cow<'static, str>> {
    Some(match status.as_u16() {
        300..=399 => {
            let place = location.map_or_else(|| "somewhere else".into(), host_of);
            format!("it redirects to {place}: write the final URL into the controller's configuration").into()
        }
        // nginx says so with 400, in these words.
        _ if words.contains("SSL certificate") => {
            "check tls.certFile and tls.keyFile of this server in the controller's configuration".into()
        }
        400 if words.contains("HTTPS port") || words.contains("HTTPS server") => {
            "write https in the URL of this server".into()
        }
        401 | 403 => "check the credentials of this server in the controller's configuration".into(),
        404 => "check the URL of this server in the controller's configuration, and the prefix of its path"
            .into(),
        407 => "the proxy of the environment asks for credentials".into(),
        429 => "it is busy and limits queries".into(),
        _ => return None,
    })
}

/// The host that a redirect leads to. The rest may hold secrets of a log-in.
fn host_of(location: &str) -> String {
    match reqwest::Url::parse(location) {
        Ok(url) => url.authority().rsplit('@').next().unwrap_or_default().to_owned(),
        Err(_) => {
            let path = location.split(['?', '#']).next().unwrap_or_default();
            format!("its path {}", shortened(path))
        }
    }
}

/// The words in a body: of JSON its message, of a web page its text, else the text as it is.
fn words(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..PAGE_BYTES).unwrap_or(body));
    let text = text.trim();
    if let Some(message) = serde_json::from_slice::<Value>(body)
        .ok()
        .as_ref()
        .and_then(message)
    {
        return one_line(cause(message));
    }
    if text.starts_with('<') {
        one_line(&page_text(text))
    } else {
        one_line(text)
    }
}

/// `VictoriaMetrics` writes the whole query before what is wrong with it.
fn cause(message: &str) -> &str {
    let rest = message
        .strip_prefix("error when executing query=")
        .and_then(|rest| rest.rsplit_once("\" for (time="));
    let cause = rest.and_then(|(_, rest)| rest.split_once("): "));
    cause.map_or(message, |(_, cause)| cause)
}

/// The message in an object that tells of an error: `error` of Prometheus and all that follow it, `message` of gateways
/// and of Grafana, both at once in nested objects of cloud providers.
fn message(value: &Value) -> Option<&str> {
    ["error", "message", "detail", "msg"]
        .iter()
        .find_map(|name| match value.get(name)? {
            Value::String(text) if !text.is_empty() => Some(text.as_str()),
            nested @ Value::Object(_) => message(nested),
            _ => None,
        })
}

/// The title of a web page, or else its text without tags.
fn page_text(page: &str) -> String {
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let end = lower.get(start..)?.find("</title>")?;
        page.get(start + "<title>".len()..start + end)
    });
    if let Some(title) = title.filter(|title| !title.trim().is_empty()) {
        return title.to_owned();
    }
    let mut text = String::new();
    for piece in page.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
        text.push(' ');
    }
    text
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
