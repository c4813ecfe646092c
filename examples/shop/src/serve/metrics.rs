//! The shop's metrics in OpenMetrics text. Counts only; the network is the caller's.

use super::queue::GaveUp;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Instant;

/// Upper bounds in seconds; the client's patience is about one second, so that is where the detail is.
const DURATION_BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.85, 1.0, 2.0];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
enum Page {
    home,
    about,
    product,
    cart,
    search,
    other,
}

impl Page {
    const ALL: [Page; 6] = [
        Page::home,
        Page::about,
        Page::product,
        Page::cart,
        Page::search,
        Page::other,
    ];

    fn of(path: &str) -> Self {
        match path.split('/').nth(1) {
            Some("") => Page::home,
            Some("about") => Page::about,
            Some("product") => Page::product,
            Some("cart") => Page::cart,
            Some("search") => Page::search,
            _ => Page::other,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PageLabel {
    page: Page,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label values")]
enum GivenUpBy {
    queue_full,
    queue_timeout,
    client,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GivenUpLabel {
    by: GivenUpBy,
}

/// Everything the shop counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<PageLabel, Counter>,
    responses: Family<CodeLabel, Counter>,
    given_up: Family<GivenUpLabel, Counter>,
    duration: Histogram,
}

impl Metrics {
    /// All series exist from the start at zero, so that Prometheus sees the first increase of each.
    pub fn new() -> Self {
        let metrics = Metrics {
            registry: Registry::default(),
            requests: Family::default(),
            responses: Family::default(),
            given_up: Family::default(),
            duration: Histogram::new(DURATION_BUCKETS),
        };
        for page in Page::ALL {
            drop(metrics.requests.get_or_create(&PageLabel { page }));
        }
        for code in [200, 404, 503] {
            drop(metrics.responses.get_or_create(&CodeLabel { code }));
        }
        for by in [GivenUpBy::queue_full, GivenUpBy::queue_timeout, GivenUpBy::client] {
            drop(metrics.given_up.get_or_create(&GivenUpLabel { by }));
        }
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register(
            "http_requests",
            "Requests, counted when they arrive",
            self.requests.clone(),
        );
        registry.register(
            "http_responses",
            "Answers sent, by status code",
            self.responses.clone(),
        );
        registry.register(
            "http_request_timeouts",
            "Requests that were not served, by who gave them up",
            self.given_up.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time from arrival to answer",
            self.duration.clone(),
        );
        self
    }

    /// Counts a request that has just come in.
    pub fn arrival(&self, path: &str) -> Arrival<'_> {
        self.requests
            .get_or_create(&PageLabel { page: Page::of(path) })
            .inc();
        Arrival {
            metrics: self,
            start: Instant::now(),
            answered: false,
        }
    }

    /// Counts a request that the queue gave up.
    pub fn gave_up(&self, gave_up: GaveUp) {
        let by = match gave_up {
            GaveUp::Full => GivenUpBy::queue_full,
            GaveUp::WaitedTooLong => GivenUpBy::queue_timeout,
        };
        self.given_up.get_or_create(&GivenUpLabel { by }).inc();
    }

    /// The text that `/metrics` answers.
    ///
    /// # Errors
    /// A metric could not be written as text.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::with_capacity(4096);
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// One request between its arrival and its answer. Dropped without an answer, it was the client who hung up.
#[derive(Debug)]
pub struct Arrival<'a> {
    metrics: &'a Metrics,
    start: Instant,
    answered: bool,
}

impl Arrival<'_> {
    /// Counts the answer and how long it took.
    pub fn answered(mut self, code: u16) {
        self.answered = true;
        self.metrics.responses.get_or_create(&CodeLabel { code }).inc();
        self.metrics.duration.observe(self.start.elapsed().as_secs_f64());
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.metrics
                .given_up
                .get_or_create(&GivenUpLabel {
                    by: GivenUpBy::client,
                })
                .inc();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_exists_before_the_first_request() {
        let text = Metrics::new().text().expect("text");
        assert!(text.contains("http_requests_total{page=\"product\"} 0"), "{text}");
        assert!(text.contains("http_responses_total{code=\"503\"} 0"), "{text}");
        assert!(
            text.contains("http_request_timeouts_total{by=\"queue_timeout\"} 0"),
            "{text}"
        );
    }

    #[test]
    fn a_request_counts_before_it_is_answered() {
        let metrics = Metrics::new();
        let arrival = metrics.arrival("/product/7");
        assert!(
            metrics
                .text()
                .expect("text")
                .contains("http_requests_total{page=\"product\"} 1")
        );
        assert!(
            metrics
                .text()
                .expect("text")
                .contains("http_responses_total{code=\"200\"} 0")
        );
        arrival.answered(200);
        let text = metrics.text().expect("text");
        assert!(text.contains("http_responses_total{code=\"200\"} 1"), "{text}");
        assert!(text.contains("http_request_duration_seconds_count 1"), "{text}");
    }

    #[test]
    fn a_client_that_hangs_up_is_a_timeout() {
        let metrics = Metrics::new();
        drop(metrics.arrival("/cart"));
        assert!(
            metrics
                .text()
                .expect("text")
                .contains("http_request_timeouts_total{by=\"client\"} 1")
        );
    }

    #[test]
    fn unknown_paths_share_one_series() {
        let metrics = Metrics::new();
        metrics.arrival("/wp-admin").answered(404);
        metrics.arrival("/x/y").answered(404);
        assert!(
            metrics
                .text()
                .expect("text")
                .contains("http_requests_total{page=\"other\"} 2")
        );
    }
}
