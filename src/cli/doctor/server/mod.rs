//! What one Prometheus-compatible server offers: asks it a few dozen cheap queries, one after the other. This touches the
//! network; what follows from the answers is found in the files beside, without it.
use crate::config::{Config, ServerConfig};
use crate::control::tick::wall_clock;
use crate::observe::interval::Intervals;
use crate::observe::plan::QueryKey;
use crate::observe::query::{Question, SourceMeasure, Template, Window};
use crate::observe::server::Server;
use crate::observe::table::{FetchError, Naming};

use super::Asked;
use super::finding::Findings;
use super::settings::with_edits;

mod clock;
mod clusters;
mod known;
mod labels;
mod reach;
mod requests;
mod series;
mod texts;
mod vector;

pub(super) use clock::Clock;
use vector::{Sample, decode};

/// After so many queries in a row without an answer no more are sent.
const PATIENCE: usize = 2;

/// A pod of the cluster that has run for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningPod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What was heard of one server.
#[derive(Debug)]
pub(super) struct ServerFacts {
    pub(super) name: String,
    /// Its URLs, and what came of the first query to each.
    pub(super) urls: Vec<(String, Result<Clock, FetchError>)>,
    /// Nothing where no URL answered.
    pub(super) offers: Option<Offers>,
}

/// What a server that answers has.
#[derive(Debug)]
pub(super) struct Offers {
    /// What it said of data that its answers lack.
    pub(super) lacking: Option<String>,
    /// Jobs that it scrapes; for those who lack something.
    pub(super) jobs: Asked<Vec<Sample>>,
    pub(super) labels: labels::LabelFacts,
    pub(super) clusters: clusters::ClusterFacts,
    pub(super) series: Vec<series::SeriesFacts>,
    pub(super) requests: requests::RequestFacts,
}

/// Asks one server of the configuration. `pods` are some that run in the cluster.
pub(super) async fn gather(config: &Config, server: &ServerConfig, pods: &[RunningPod]) -> ServerFacts {
    let mut urls = Vec::new();
    for url in server.urls() {
        urls.push((url.to_owned(), clock_at(server, url).await));
    }
    let is_heard = urls.iter().any(|(_, clock)| clock.is_ok());
    let offers = match Server::new(server.clone()) {
        Ok(client) if is_heard => Some(Offers::gather(config, &client, pods).await),
        _ => None,
    };
    ServerFacts {
        name: server.name.clone(),
        urls,
        offers,
    }
}

/// The time of one of the server's URLs.
async fn clock_at(server: &ServerConfig, url: &str) -> Result<Clock, FetchError> {
    let unprepared = |error: &dyn std::fmt::Display| FetchError::Unprepared(error.to_string());
    let alone = only_at(server, url).map_err(|error| unprepared(&error))?;
    let client = Server::new(alone).map_err(|error| unprepared(&error))?;
    let mut asker = Asker::new(&client);
    let before = wall_clock();
    let samples = asker.try_ask(texts::NOW).await?;
    let after = wall_clock();
    let sample = samples.first().ok_or_else(|| {
        FetchError::Undecodable("it answers vector(time()) with nothing: is it Prometheus".into())
    })?;
    Ok(Clock::read(sample.value, before, after, 0.0))
}

/// The server as if this were its only URL.
fn only_at(server: &ServerConfig, url: &str) -> Result<ServerConfig, serde_json::Error> {
    let mut server = serde_json::to_value(server)?;
    if let Some(fields) = server.as_object_mut() {
        fields.remove("urls");
        fields.insert("url".into(), url.into());
    }
    serde_json::from_value(server)
}

impl Offers {
    async fn gather(given: &Config, client: &Server, pods: &[RunningPod]) -> Self {
        let server = client.config().name.as_str();
        let mut asker = Asker::new(client);
        let jobs = asker.ask(texts::JOBS).await;
        let labels = labels::gather(&mut asker, given, server, pods).await;
        // What follows is asked as it would be with the changes that are found to be needed.
        let labelled = with_edits(given, labels.edit(&given.labels).as_slice());
        let clusters = clusters::gather(&mut asker, &labelled, server, pods).await;
        let config = with_edits(&labelled, clusters.edit(server).as_slice());
        let mut offers = Self {
            lacking: None,
            jobs,
            labels,
            clusters,
            series: series::gather(&mut asker, &config, server).await,
            requests: requests::gather(&mut asker, &config, server).await,
        };
        offers.lacking = asker.lacking;
        offers
    }
}

/// What there is to tell of a server. `cluster_clock` is the API server's, and `urls_inside` are those of servers in the
/// cluster.
pub(super) fn findings(
    facts: &ServerFacts,
    config: &Config,
    cluster_clock: Option<Clock>,
    urls_inside: &[String],
) -> Findings {
    let mut found = Findings::about(format!("server {}", facts.name));
    reach::check(facts, urls_inside, &mut found);
    let clocks = facts.urls.iter().filter_map(|(_, clock)| clock.as_ref().ok());
    if let Some(clock) = clocks.into_iter().next() {
        clock::check(*clock, cluster_clock, &mut found);
    }
    if let Some(offers) = &facts.offers {
        labels::check(offers, &config.labels, &mut found);
        clusters::check(&offers.clusters, &facts.name, &mut found);
        series::check(&offers.series, &offers.labels, &mut found);
        requests::check(&offers.requests, config, &mut found);
    }
    found
}

/// Seconds between two scrapes, by what is scraped together: `cpu`, `network`, `disk` or `source/NAME`.
pub(super) fn intervals(facts: &ServerFacts) -> Vec<(String, f64)> {
    let Some(offers) = &facts.offers else {
        return Vec::new();
    };
    let of_series = offers
        .series
        .iter()
        .map(|series| (series.name.to_owned(), &series.interval));
    let sources = &offers.requests.sources;
    let of_sources = sources
        .iter()
        .map(|source| (format!("source/{}", source.name), &source.interval));
    let all = of_series.chain(of_sources);
    all.filter_map(|(name, interval)| Some((name, (*interval.as_ref().ok()?)?)))
        .collect()
}

/// Asks one server, and stops when it does not answer.
pub(super) struct Asker<'s> {
    server: &'s Server,
    unanswered: usize,
    lacking: Option<String>,
}

impl<'s> Asker<'s> {
    fn new(server: &'s Server) -> Self {
        Self {
            server,
            unanswered: 0,
            lacking: None,
        }
    }

    /// The series of an instant query, or why there are none in words.
    async fn ask(&mut self, text: &str) -> Asked<Vec<Sample>> {
        self.try_ask(text).await.map_err(|error| error.to_string())
    }

    /// The one number of an answer.
    async fn number(&mut self, text: &str) -> Asked<Option<f64>> {
        let samples = self.ask(text).await?;
        Ok(samples
            .first()
            .map(|sample| sample.value)
            .filter(|value| value.is_finite()))
    }

    /// Seconds between two scrapes of the series behind a query.
    async fn interval(&mut self, config: &Config, template: Template) -> Asked<Option<f64>> {
        let server = self.server.config().name.as_str().into();
        let key = QueryKey::shared(&server, template);
        for question in key.interval_questions(config) {
            let found = self.number(&question.as_question().text).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    async fn try_ask(&mut self, text: &str) -> Result<Vec<Sample>, FetchError> {
        if self.unanswered >= PATIENCE {
            return Err(FetchError::Unreachable(format!(
                "not asked any more after {} queries in a row without an answer",
                self.unanswered
            )));
        }
        let template = Template::Custom {
            query: text.into(),
            age_query: None,
        };
        let question = Question {
            template: &template,
            text: text.to_owned(),
            naming: Naming::OWN,
            is_total: false,
            measures_interval: false,
            window_seconds: None,
            interval_seconds: None,
            identity: 0,
        };
        let answer = self
            .server
            .ask(&question, None, self.server.deadline(), decode)
            .await;
        match &answer {
            Err(FetchError::TimedOut(_) | FetchError::Unreachable(_)) => self.unanswered += 1,
            // Nothing was sent.
            Err(FetchError::Unprepared(_)) => {}
            _ => self.unanswered = 0,
        }
        match answer {
            Ok((samples, remarks)) => {
                self.lacking = self
                    .lacking
                    .take()
                    .or_else(|| remarks.lacking().map(str::to_owned));
                Ok(samples)
            }
            Err(error) => Err(error),
        }
    }
}

/// The window in seconds that rates of series scraped so often have of their own accord; absent: until it is measured.
fn window_seconds(interval: Option<f64>, configured: Option<u32>) -> u32 {
    let intervals = Intervals::default();
    let key = QueryKey::shared(&"doctor".into(), cpu());
    if let Some(interval) = interval {
        intervals.learn(&key, interval, wall_clock());
    }
    intervals.window_seconds(&key, configured)
}

fn cpu() -> Template {
    Template::Cpu { window: Window::Auto }
}

fn request_rate(source: &str) -> Template {
    Template::Source {
        source: source.into(),
        measure: SourceMeasure::RequestRate,
        by: Box::default(),
        window: Window::Auto,
    }
}

/// Seconds as one would say them.
fn seconds(number: f64) -> String {
    if number < 10.0 {
        format!("{number:.1} s")
    } else {
        format!("{number:.0} s")
    }
}

#[cfg(test)]
mod patience_tests;
#[cfg(test)]
mod recorded;
