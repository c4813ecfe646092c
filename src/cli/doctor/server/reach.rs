//! Whether the server's URLs answer, and what to do where one does not. Pure.
use crate::observe::table::FetchError;

use super::super::finding::Findings;
use super::ServerFacts;

const REFERENCE: &str = "docs/reference/configuration.md";

pub(super) fn check(facts: &ServerFacts, urls_inside: &[String], found: &mut Findings) {
    for (url, clock) in &facts.urls {
        match clock {
            Ok(_) => found.ok("reach", format!("{url} answers")),
            Err(error) => found.problem("reach", format!("{url}: {error}"), advice(url, error)),
        }
        if is_of_this_machine(url) {
            found.note(
                "url",
                format!(
                    "{url} is an address of this machine, which the controller in the cluster cannot reach"
                ),
                format!(
                    "as url, the address of Prometheus inside the cluster{}",
                    such_as(urls_inside)
                ),
            );
        }
    }
    if let Some(lacking) = facts.offers.as_ref().and_then(|offers| offers.lacking.as_ref()) {
        found.problem(
            "whole",
            format!("its answers lack data: {lacking}"),
            "mend what it names; until then pods of the missing part count as without a sample, and totals are refused",
        );
    }
}

fn such_as(urls: &[String]) -> String {
    if urls.is_empty() {
        return String::new();
    }
    format!(", which may be {}", urls.join(" or "))
}

/// What to do about a first query that failed.
fn advice(url: &str, error: &FetchError) -> String {
    match error {
        FetchError::Unreachable(reason) if reason.contains("tls.") => format!("what the message says: {REFERENCE}#tls"),
        FetchError::Unreachable(_) if url.contains(".svc") => {
            "this name holds inside the cluster alone: from outside, kubectl port-forward to the Service and \
             --prometheus-url http://localhost:PORT, or run this in the controller's pod (docs/how-to/doctor.md)"
                .into()
        }
        FetchError::Unreachable(_) => "the right host and port as url; is the server up, and does a NetworkPolicy admit \
                                       the controller's namespace"
            .into(),
        FetchError::TimedOut(seconds) => {
            format!("a server that answers vector(time()) within {seconds} s: look at its load; or raise timeoutSeconds")
        }
        FetchError::Rejected { message, .. } if message.to_ascii_lowercase().contains("org id") => {
            "the tenant, as headers: {X-Scope-OrgID: TENANT} of the server, in a file for --config".into()
        }
        FetchError::Rejected { status: 401 | 403, .. } => format!(
            "bearerTokenFile or basicAuth of the server, or the headers that its gateway wants, in a file for --config: \
             {REFERENCE}"
        ),
        FetchError::Rejected { status: 404, .. } => "the prefix of the path that belongs to the URL: /prometheus for \
                                                     Mimir, /select/0/prometheus for VictoriaMetrics' cluster, \
                                                     --web.external-url of Prometheus"
            .into(),
        FetchError::Undecodable(_) => "as url, the address at which /api/v1/query is answered, without /api/v1: no page of \
                                       Grafana, and no log-in before it"
            .into(),
        FetchError::Unprepared(_) => "the file or field that the message names".into(),
        _ => format!("what the message says: {REFERENCE}#what-a-policy-then-says"),
    }
}

fn is_of_this_machine(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok();
    let host = host.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

#[cfg(test)]
#[path = "reach_tests.rs"]
mod tests;
