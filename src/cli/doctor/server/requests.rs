//! Where requests are counted: the sources of the configuration, and what else could be one. [`gather`] touches the network.
use std::collections::BTreeSet;

use crate::config::{Config, Scope, Source, SourceConfig, Tenancy};

use super::super::finding::{Findings, Level, some_of};
use super::super::settings::Edit;
use super::series::{
    ADVICE_UNMEASURED, HOW_OFTEN, HOW_OLD, named_job, rates, timeliness, unheard, unheard_advice, unmeasured,
};
use super::texts::{self, BRANCH};
use super::vector::Sample;
use super::{Asked, Asker, known, request_rate};

/// What was heard of one source.
#[derive(Debug)]
pub(in crate::cli::doctor) struct SourceFacts {
    pub(super) name: String,
    pub(super) jobs: Asked<Vec<Sample>>,
    /// How many series have each label that matters, by [`BRANCH`].
    pub(super) labels: Asked<Vec<Sample>>,
    /// How many pods or replicas two jobs scrape.
    pub(super) several_jobs: Asked<Option<f64>>,
    pub(super) interval: Asked<Option<f64>>,
    pub(super) age: Asked<Option<f64>>,
}

/// What was heard of requests.
#[derive(Debug)]
pub(in crate::cli::doctor) struct RequestFacts {
    pub(super) sources: Vec<SourceFacts>,
    /// How many series each of [`known::KNOWN`] has, by [`BRANCH`].
    pub(super) known: Asked<Vec<Sample>>,
    /// Least seconds between two scrapes as configured.
    pub(super) configured_interval: Option<u32>,
    /// What of the server policies may read.
    pub(super) tenancy: Tenancy,
}

pub(super) async fn gather(asker: &mut Asker<'_>, config: &Config, server: &str) -> RequestFacts {
    let mut sources = Vec::new();
    for name in names(config) {
        let Some(source) = config.source(name) else {
            continue;
        };
        let series = texts::source_series(config, server, source);
        let jobs = asker.ask(&texts::by_job(&series)).await;
        let is_there = jobs.as_ref().is_ok_and(|jobs| !jobs.is_empty());
        let mut facts = SourceFacts {
            name: name.to_owned(),
            jobs,
            labels: Ok(Vec::new()),
            several_jobs: Ok(None),
            interval: Ok(None),
            age: Ok(None),
        };
        if is_there && source.requests.is_some() {
            let renamed: Vec<String> = wanted(source)
                .into_iter()
                .map(|(_, label)| renamed(label))
                .collect();
            let labels: BTreeSet<&str> = wanted(source)
                .into_iter()
                .map(|(_, label)| label)
                .chain(renamed.iter().map(String::as_str))
                .collect();
            facts.labels = asker.ask(&texts::label_counts(&series, labels.into_iter())).await;
            facts.several_jobs = asker
                .number(&texts::of_several_jobs(&series, &texts::source_groups(source)))
                .await;
            facts.interval = asker.interval(config, request_rate(name)).await;
            facts.age = asker.number(&texts::age(&series)).await;
        }
        sources.push(facts);
    }
    RequestFacts {
        sources,
        known: asker.ask(&known::question(config, server)).await,
        configured_interval: config
            .server(server)
            .and_then(|server| server.scrape_interval_seconds),
        tenancy: config
            .server(server)
            .map_or_else(Tenancy::default, |server| config.tenancy(server)),
    }
}

/// All sources, built-in and configured.
pub(super) fn names(config: &Config) -> BTreeSet<&str> {
    let configured = config.sources.keys().map(String::as_str);
    configured.chain(SourceConfig::BUILT_IN).collect()
}

/// The labels that a source's series must have, and the fields of the configuration that name them.
fn wanted(source: &Source) -> Vec<(&'static str, &str)> {
    let mut wanted: Vec<(&'static str, &str)> = Vec::new();
    wanted.extend(
        source
            .namespace_label
            .as_deref()
            .map(|label| ("namespaceLabel", label)),
    );
    wanted.push(match &source.scope {
        Scope::Pod { label } => ("podLabel", label.as_str()),
        Scope::Workload { label, .. } => ("workloadLabel", label.as_str()),
    });
    wanted
}

/// What Prometheus calls a label of the exporter where the scraped target has one of this name too.
fn renamed(label: &str) -> String {
    format!("exported_{label}")
}

pub(super) fn check(facts: &RequestFacts, config: &Config, found: &mut Findings) {
    let mut absent = Vec::new();
    let mut is_any_there = false;
    for source in &facts.sources {
        let Some(known) = config.source(&source.name) else {
            continue;
        };
        match &source.jobs {
            Err(error) => found.problem(
                "requests",
                format!("source {} cannot be found out: {error}", source.name),
                "what the message says",
            ),
            Ok(jobs) if !jobs.is_empty() => {
                is_any_there = true;
                check_source(source, jobs, known, facts.configured_interval, found);
            }
            Ok(_) if config.sources.contains_key(&source.name) => found.problem(
                "requests",
                format!("no {} with what source {} asks for", metric(known), source.name),
                "in Prometheus, a scrape of what exposes it; or other requests and matchers of this source",
            ),
            Ok(_) => absent.push(format!("{} ({})", source.name, metric(known))),
        }
    }
    is_any_there |= known::suggest(facts, config, found);
    if !is_any_there {
        found.note(
            "requests",
            format!("no requests are counted: {}", absent.join(", ")),
            "nothing unless policies are to scale by requests: a counter in the pods that is scraped, or a source \
             (docs/how-to/sources.md)",
        );
    } else if !absent.is_empty() {
        found.ok(
            "requests",
            format!(
                "not there, and only needed by policies that name it: {}",
                absent.join(", ")
            ),
        );
    }
}

fn metric(source: &Source) -> &str {
    source
        .requests
        .as_deref()
        .or(source.duration.as_deref())
        .unwrap_or_default()
}

fn check_source(
    facts: &SourceFacts,
    jobs: &[Sample],
    source: &Source,
    configured_interval: Option<u32>,
    found: &mut Findings,
) {
    let names: Vec<String> = jobs.iter().map(|job| named_job(job.label("job"))).collect();
    let mut what = format!(
        "source {}: {} from {}",
        facts.name,
        metric(source),
        some_of(&names, 4)
    );
    let has_rate = source.requests.is_some();
    if has_rate {
        what += &rates(&facts.interval, configured_interval);
    }
    found.ok("requests", what);
    let asked = [
        (HOW_OFTEN, facts.interval.as_ref().err()),
        (HOW_OLD, facts.age.as_ref().err()),
        ("which labels it has", facts.labels.as_ref().err()),
        (
            "whether several jobs scrape it",
            facts.several_jobs.as_ref().err(),
        ),
    ];
    if let Some(what) = unheard(&asked) {
        let advice = unheard_advice(&facts.interval, configured_interval);
        found.note("requests", format!("source {}: {what}", facts.name), advice);
    }
    if has_rate && let Some(what) = unmeasured(&facts.interval, configured_interval) {
        found.note(
            "requests",
            format!("source {}: {what}", facts.name),
            ADVICE_UNMEASURED,
        );
    }
    check_labels(facts, source, found);
    timeliness(
        "requests",
        facts.interval.as_ref().ok().copied().flatten(),
        facts.age.as_ref().ok().copied().flatten(),
        found,
    );
    if let Ok(Some(count)) = facts.several_jobs
        && count > 0.0
    {
        let what = format!(
            "source {}: {count:.0} of what counts requests are scraped by several jobs ({})",
            facts.name,
            some_of(&names, 4)
        );
        found.note(
            "duplicates",
            what,
            "the greater counts; in Prometheus, drop one of the scrapes",
        );
    }
}

fn check_labels(facts: &SourceFacts, source: &Source, found: &mut Findings) {
    let Ok(labels) = &facts.labels else { return };
    if metric(source).is_empty() || source.requests.is_none() {
        return;
    }
    let has = |name: &str| {
        labels
            .iter()
            .any(|sample| sample.label(BRANCH) == name && sample.value > 0.0)
    };
    // A pod tells of itself, so what its scrape says is right; others tell of workloads that are not theirs.
    let tells_of_others = matches!(source.scope, Scope::Workload { .. });
    let mut fields = SourceConfig::default();
    let mut lacking = Vec::new();
    for (field, label) in wanted(source) {
        let other = renamed(label);
        if has(&other) && (tells_of_others || !has(label)) {
            match field {
                "namespaceLabel" => fields.namespace_label = Some(other),
                "podLabel" => fields.pod_label = Some(other),
                _ => fields.workload_label = Some(other),
            }
        } else if !has(label) {
            lacking.push(format!("{label} ({field})"));
        }
    }
    if !lacking.is_empty() {
        found.problem(
            "requests",
            format!("{} has no label {}", metric(source), lacking.join(" and ")),
            format!(
                "in sources.{}, the labels that it has; where it has none, relabelling in Prometheus that adds them",
                facts.name
            ),
        );
    }
    if fields != SourceConfig::default() {
        let edit = Edit::Source {
            name: facts.name.clone(),
            fields: Box::new(fields),
        };
        let what = format!(
            "source {}: Prometheus has renamed labels of {}",
            facts.name,
            metric(source)
        );
        found.change(Level::Problem, "requests", what, edit);
    }
}

#[cfg(test)]
#[path = "requests_tests.rs"]
mod tests;
