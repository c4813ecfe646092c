//! The metrics of containers and pods: whether they are there, how often and how lately they were scraped, and what is
//! there twice. [`gather`] touches the network.
use std::collections::{BTreeMap, BTreeSet};

use crate::api::{DEFAULT_MAX_AGE_SECONDS, DiskDirection, NetworkDirection};
use crate::config::Config;
use crate::observe::query::{Template, Window};

use super::super::finding::{Findings, some_of};
use super::labels::LabelFacts;
use super::texts::{self, BRANCH, CONTAINER_METRICS};
use super::vector::{Labels, Sample};
use super::{Asked, Asker, cpu, seconds, window_seconds};

/// A step of the load is seen late where scrapes are rarer than this, in seconds.
const RARE_SECONDS: f64 = 30.0;
/// Samples come later than their scrapes by so many seconds where nothing is wrong.
const USUAL_DELAY_SECONDS: f64 = 15.0;

/// What was heard of one metric.
#[derive(Debug)]
pub(in crate::cli::doctor) struct SeriesFacts {
    /// As policies call it.
    pub(super) name: &'static str,
    pub(super) metric: &'static str,
    pub(super) jobs: Asked<Vec<Sample>>,
    /// Groups of series that stand for one thing each, by [`BRANCH`]: all, and those with several series.
    pub(super) groups: Asked<Vec<Sample>>,
    /// Some groups with several series, each with the labels of all its series.
    pub(super) examples: Vec<Vec<Labels>>,
    /// Seconds between two scrapes.
    pub(super) interval: Asked<Option<f64>>,
    /// Seconds since the newest sample.
    pub(super) age: Asked<Option<f64>>,
    /// Least seconds between two scrapes as configured.
    pub(super) configured_interval: Option<u32>,
}

pub(super) async fn gather(asker: &mut Asker<'_>, config: &Config, server: &str) -> Vec<SeriesFacts> {
    let mut all: Vec<SeriesFacts> = Vec::new();
    for (name, metric, more) in CONTAINER_METRICS {
        let series = texts::container_series(config, server, name, metric);
        let labels = &config.labels;
        let mut by = vec![labels.namespace.as_str(), labels.pod.as_str()];
        by.extend((name != "network").then_some(labels.container.as_str()));
        by.extend(more.iter().copied());
        let jobs = asker.ask(&texts::by_job(&series)).await;
        let is_there = jobs.as_ref().is_ok_and(|jobs| !jobs.is_empty());
        let mut facts = SeriesFacts {
            name,
            metric,
            jobs,
            groups: Ok(Vec::new()),
            examples: Vec::new(),
            interval: Ok(None),
            age: Ok(None),
            configured_interval: config
                .server(server)
                .and_then(|server| server.scrape_interval_seconds),
        };
        if is_there {
            facts.groups = asker.ask(&texts::groups(&series, &by)).await;
            facts.age = asker.number(&texts::age(&series)).await;
            if let Some(template) = template(name) {
                facts.interval = asker.interval(config, template).await;
            }
            // What is there twice has one cause for all of them.
            if facts.several() > 0.0 && all.iter().all(|other| other.examples.is_empty()) {
                facts.examples = examples(asker, &series, &by).await;
            }
        }
        all.push(facts);
    }
    all
}

/// The query that a window of its own accord would be for.
fn template(name: &str) -> Option<Template> {
    let window = Window::Auto;
    match name {
        "cpu" => Some(cpu()),
        "network" => Some(Template::Network {
            direction: NetworkDirection::Both,
            window,
        }),
        "disk" => Some(Template::Disk {
            direction: DiskDirection::Both,
            window,
        }),
        _ => None,
    }
}

async fn examples(asker: &mut Asker<'_>, series: &str, by: &[&str]) -> Vec<Vec<Labels>> {
    let groups = asker.ask(&texts::several(series, by)).await.unwrap_or_default();
    if groups.is_empty() {
        return Vec::new();
    }
    let text = texts::of_groups(series, by, groups.iter().map(|group| &group.labels));
    let members = asker.ask(&text).await.unwrap_or_default();
    let mut examples: BTreeMap<Vec<String>, Vec<Labels>> = BTreeMap::new();
    for member in members {
        let group = by.iter().map(|name| member.label(name).to_owned()).collect();
        examples.entry(group).or_default().push(member.labels);
    }
    examples.into_values().filter(|group| group.len() > 1).collect()
}

impl SeriesFacts {
    fn groups(&self, branch: &str) -> f64 {
        let groups = self.groups.as_ref().map_or(&[][..], Vec::as_slice);
        let of_branch = groups.iter().find(|sample| sample.label(BRANCH) == branch);
        of_branch.map_or(0.0, |sample| sample.value)
    }

    fn several(&self) -> f64 {
        self.groups("several")
    }
}

pub(super) fn check(all: &[SeriesFacts], labels: &LabelFacts, found: &mut Findings) {
    // Without any series, or labels to find them by, the reason is told already.
    if !labels.has_series() {
        return;
    }
    for facts in all {
        match &facts.jobs {
            Err(error) => found.problem(
                facts.name,
                format!("cannot be found out: {error}"),
                "what the message says",
            ),
            Ok(jobs) if jobs.is_empty() => is_not_there(facts, found),
            Ok(jobs) => is_there(facts, jobs, found),
        }
    }
    // Where no examples came, nothing but that there are some is known.
    let twice = all.iter().find(|facts| !facts.examples.is_empty());
    if let Some(facts) = twice.or_else(|| all.iter().find(|facts| facts.several() > 0.0)) {
        duplicates(facts, found);
    }
}

fn is_not_there(facts: &SeriesFacts, found: &mut Findings) {
    let what = format!(
        "no {}: the metric {} of policies is missing",
        facts.metric, facts.name
    );
    if matches!(facts.name, "cpu" | "memory") {
        let set = "in Prometheus, a scrape of every kubelet at /metrics/cadvisor or /metrics/resource that keeps this metric";
        return found.problem(facts.name, what, set);
    }
    found.note(
        facts.name,
        what,
        "nothing unless it is to be used: /metrics/resource of the kubelets lacks it, their /metrics/cadvisor has it (disk: of containers \
         that have used one)",
    );
}

fn is_there(facts: &SeriesFacts, jobs: &[Sample], found: &mut Findings) {
    let names: Vec<String> = jobs.iter().map(|job| named_job(job.label("job"))).collect();
    let mut what = format!(
        "{} of {} from {}",
        facts.metric,
        counted(facts),
        some_of(&names, 4)
    );
    let has_rate = template(facts.name).is_some();
    if has_rate {
        what += &rates(&facts.interval, facts.configured_interval);
    }
    found.ok(facts.name, what);
    let (interval, age) = (facts.interval.as_ref().err(), facts.age.as_ref().err());
    let how_many = format!("how many {} there are", things(facts));
    let asked = [
        (how_many.as_str(), facts.groups.as_ref().err()),
        (HOW_OFTEN, interval),
        (HOW_OLD, age),
    ];
    if let Some(what) = unheard(&asked) {
        let advice = unheard_advice(&facts.interval, facts.configured_interval);
        found.note(facts.name, what, advice);
    }
    if has_rate && let Some(what) = unmeasured(&facts.interval, facts.configured_interval) {
        found.note(facts.name, what, ADVICE_UNMEASURED);
    }
    timeliness(
        facts.name,
        facts.interval.as_ref().ok().copied().flatten(),
        facts.age.as_ref().ok().copied().flatten(),
        found,
    );
}

fn things(facts: &SeriesFacts) -> &'static str {
    match facts.name {
        "network" => "interfaces",
        "disk" => "devices",
        _ => "containers",
    }
}

fn counted(facts: &SeriesFacts) -> String {
    match &facts.groups {
        Ok(_) => format!("{:.0} {}", facts.groups("all"), things(facts)),
        Err(_) => things(facts).to_owned(),
    }
}

/// What may not have been found out, in words.
pub(super) const HOW_OFTEN: &str = "how often it is scraped";
pub(super) const HOW_OLD: &str = "how old its samples are";
/// What to do where an interval is not measured.
pub(super) const ADVICE_UNMEASURED: &str = "nothing, if it is scraped for less than a quarter of an hour: look again then; else \
                                            scrapeIntervalSeconds of this server, which rates then reckon with";

/// How far rates reach back that say nothing else, to be added to what was found; nothing where it is told elsewhere.
pub(super) fn rates(interval: &Asked<Option<f64>>, configured: Option<u32>) -> String {
    match (interval, configured) {
        (Ok(Some(interval)), _) => {
            let window = window_seconds(Some(*interval), configured);
            format!(", every {}: rates cover {window} s", seconds(*interval))
        }
        (_, Some(_)) => {
            let window = window_seconds(None, configured);
            format!(": rates cover {window} s, as scrapeIntervalSeconds asks")
        }
        _ => String::new(),
    }
}

/// That the interval of series that are there was not measured, where the configuration does not say it either.
pub(super) fn unmeasured(interval: &Asked<Option<f64>>, configured: Option<u32>) -> Option<String> {
    let is_unknown = *interval == Ok(None) && configured.is_none();
    let window = window_seconds(None, None);
    is_unknown.then(|| format!("{HOW_OFTEN} cannot be measured yet: rates cover {window} s"))
}

/// What was asked for and not heard, with the reasons.
pub(super) fn unheard(asked: &[(&str, Option<&String>)]) -> Option<String> {
    let with_reason = |(what, error): &(&str, Option<&String>)| Some(format!("{what} ({})", (*error)?));
    let unheard: Vec<String> = asked.iter().filter_map(with_reason).collect();
    (!unheard.is_empty()).then(|| format!("not found out: {}", unheard.join(", ")))
}

/// What to do where something was not heard.
pub(super) fn unheard_advice(interval: &Asked<Option<f64>>, configured: Option<u32>) -> String {
    match (interval, configured) {
        (Err(_), None) => {
            let window = window_seconds(None, None);
            format!("what the message says; until it is known rates cover {window} s")
        }
        _ => "what the message says".to_owned(),
    }
}

pub(super) fn named_job(job: &str) -> String {
    if job.is_empty() {
        "series without a job".to_owned()
    } else {
        format!("job {job}")
    }
}

/// Whether what is scraped so often, and was scraped so long ago, is of use.
pub(super) fn timeliness(check: &str, interval: Option<f64>, age: Option<f64>, found: &mut Findings) {
    let most = f64::from(DEFAULT_MAX_AGE_SECONDS);
    if let Some(age) = age.filter(|age| *age > most) {
        return found.problem(
            check,
            format!("the newest samples are {} old; older than {most:.0} s counts as missing", seconds(age)),
            "a shorter way into this server (remote write, recording rules, a scrape that hangs); or maxAgeSeconds of the \
             metrics",
        );
    }
    let Some(interval) = interval else {
        return;
    };
    if let Some(age) = age.filter(|age| *age > 2.0 * interval + USUAL_DELAY_SECONDS) {
        found.note(
            check,
            format!("the newest samples are {} old, though they are scraped every {}", seconds(age), seconds(interval)),
            "nothing, if this server is meant to be behind; each second of it is a second later that a policy acts",
        );
    }
    if interval >= most {
        found.problem(
            check,
            format!("scraped every {}: samples get older than {most:.0} s, which counts as missing", seconds(interval)),
            "in Prometheus, a scrape_interval of 15s for this job; or maxAgeSeconds of the metrics, at least two scrapes",
        );
    } else if interval > RARE_SECONDS {
        let window = window_seconds(Some(interval), None);
        found.note(
            check,
            format!("scraped every {}: a step of the load is seen about {:.0} s late", seconds(interval), f64::from(window) / 2.0),
            format!("in Prometheus, a scrape_interval of 15s for this job; policies that set windowSeconds need {window} or more"),
        );
    }
}

/// Why there are several series where one should be.
fn duplicates(facts: &SeriesFacts, found: &mut Findings) {
    let what = format!(
        "{:.0} of {} have several series of {}",
        facts.several(),
        counted(facts),
        facts.metric
    );
    let differing = differing(&facts.examples);
    let first = |names: &[&'static str]| names.iter().copied().find(|name| differing.contains(*name));
    if let Some(label) = first(&["prometheus_replica", "replica", "__replica__", "prometheus"]) {
        let what = format!("{what}: {}", values(&facts.examples, label));
        found.note(
            "duplicates",
            what,
            format!(
                "the greater counts; to ask for half, let the server make one of them (queryParameters: {{dedup: \"true\"}} \
                 for Thanos), or matchers with one value of {label}"
            ),
        );
    } else if let Some(label) = first(&["job", "metrics_path", "service", "endpoint", "instance", "node"]) {
        let what = format!("{what}: {}", values(&facts.examples, label));
        found.note(
            "duplicates",
            what,
            "the greater counts; in Prometheus, drop one of the two scrapes, which halves what it stores of them",
        );
    } else if first(&["id", "name", "image", "uid", "container_id"]).is_some() {
        found.note(
            "duplicates",
            format!("{what}: containers that were restarted within five minutes"),
            "track_timestamps_staleness: true of the scrape of cAdvisor ends the old series at once",
        );
    } else if facts.examples.is_empty() {
        found.note(
            "duplicates",
            format!("{what}; in what they differ was not found out"),
            "the greater counts; look again, or ask Prometheus for the series of one of them",
        );
    } else {
        let names: Vec<String> = differing.into_iter().collect();
        found.note(
            "duplicates",
            format!("{what}; they differ in {}", some_of(&names, 6)),
            "the greater counts; in Prometheus, keep one of them",
        );
    }
}

/// The labels in which the series of a group differ.
fn differing(examples: &[Vec<Labels>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for group in examples {
        let all: BTreeSet<&String> = group.iter().flat_map(BTreeMap::keys).collect();
        for name in all {
            let values: BTreeSet<Option<&String>> = group.iter().map(|labels| labels.get(name)).collect();
            if values.len() > 1 {
                names.insert(name.clone());
            }
        }
    }
    names
}

fn values(examples: &[Vec<Labels>], label: &str) -> String {
    let values: BTreeSet<String> = examples
        .iter()
        .flatten()
        .map(|labels| labels.get(label).map_or_else(|| "none".to_owned(), Clone::clone))
        .collect();
    let values: Vec<String> = values.into_iter().collect();
    format!("{label} is {}", some_of(&values, 4))
}

#[cfg(test)]
#[path = "series_tests.rs"]
mod tests;
