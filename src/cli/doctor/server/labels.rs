//! Which labels carry namespace, pod and container, and whether this cluster's pods are found by them. [`gather`] touches the
//! network.
use std::collections::BTreeSet;

use crate::config::{Config, PodLabels};

use super::super::finding::{Findings, Level, some_of};
use super::super::settings::{Edit, with_edits};
use super::texts::{self, BRANCH, CPU};
use super::vector::Sample;
use super::{Asked, Asker, Offers, RunningPod};

/// What the labels are called in the wild: Kubernetes', Prometheus' renamed ones, those of the kubelet before 1.16, of old
/// relabelling examples, and of OpenTelemetry.
const NAMESPACES: [&str; 4] = [
    "namespace",
    "exported_namespace",
    "kubernetes_namespace",
    "k8s_namespace_name",
];
const PODS: [&str; 5] = [
    "pod",
    "exported_pod",
    "pod_name",
    "kubernetes_pod_name",
    "k8s_pod_name",
];
const CONTAINERS: [&str; 5] = [
    "container",
    "exported_container",
    "container_name",
    "kubernetes_container_name",
    "k8s_container_name",
];

/// What was heard of the labels.
#[derive(Debug)]
pub(in crate::cli::doctor) struct LabelFacts {
    /// How many series of cpu have each label; nothing where there are no such series.
    pub(super) counts: Asked<Vec<(String, f64)>>,
    /// How many series of cpu there are without the server's matchers.
    pub(super) without_matchers: Asked<Option<f64>>,
    /// Sets of labels that could be, and which of the pods are found by each.
    pub(super) tried: Vec<(PodLabels, Asked<Vec<RunningPod>>)>,
    /// The pods that were looked for.
    pub(super) pods: Vec<RunningPod>,
}

pub(super) async fn gather(
    asker: &mut Asker<'_>,
    config: &Config,
    server: &str,
    pods: &[RunningPod],
) -> LabelFacts {
    let matchers = texts::matchers(config, server);
    let own = &config.labels;
    let names = NAMESPACES.into_iter().chain(PODS).chain(CONTAINERS);
    let configured = [&own.namespace, &own.pod, &own.container].map(String::as_str);
    let names: BTreeSet<&str> = names.chain(configured).collect();
    let series = texts::with(&format!("{CPU}{{}}"), matchers);
    let counts = asker.ask(&texts::label_counts(&series, names.into_iter())).await;
    let counts = counts.map(|samples| label_counts(&samples));
    let without_matchers = match &counts {
        Ok(counts) if counts.is_empty() && !matchers.is_empty() => {
            asker.number(&format!("count({CPU})")).await
        }
        _ => Ok(None),
    };
    let mut tried = Vec::new();
    for labels in counts
        .as_ref()
        .map_or_else(|_| Vec::new(), |counts| candidates(counts, own))
    {
        let config = with_edits(config, &[Edit::Labels(labels.clone())]);
        let series = texts::container_series(&config, server, "cpu", CPU);
        let by = [labels.namespace.as_str(), labels.pod.as_str()];
        let found = if pods.is_empty() {
            Ok(Vec::new())
        } else {
            let text = texts::pods(&series, by, pods.iter().map(|pod| pod.name.as_str()));
            let samples = asker.ask(&text).await;
            samples.map(|samples| among(pods, &samples, by))
        };
        tried.push((labels, found));
    }
    LabelFacts {
        counts,
        without_matchers,
        tried,
        pods: pods.to_vec(),
    }
}

fn label_counts(samples: &[Sample]) -> Vec<(String, f64)> {
    let counts = samples.iter().filter(|sample| sample.value > 0.0);
    counts
        .map(|sample| (sample.label(BRANCH).to_owned(), sample.value))
        .collect()
}

/// The pods of which there are series.
fn among(pods: &[RunningPod], samples: &[Sample], by: [&str; 2]) -> Vec<RunningPod> {
    let [namespace, name] = by;
    let seen: BTreeSet<(&str, &str)> = samples
        .iter()
        .map(|sample| (sample.label(namespace), sample.label(name)))
        .collect();
    let is_seen = |pod: &&RunningPod| seen.contains(&(pod.namespace.as_str(), pod.name.as_str()));
    pods.iter().filter(is_seen).cloned().collect()
}

/// Sets of labels that could be the right ones, the likeliest first.
pub(super) fn candidates(counts: &[(String, f64)], configured: &PodLabels) -> Vec<PodLabels> {
    let likely = labels_of(|names| likeliest(counts, names));
    let is_default = *configured == PodLabels::default();
    let (first, second) = if is_default {
        (likely, Some(configured.clone()))
    } else {
        // Somebody has thought about it.
        (Some(configured.clone()), likely)
    };
    let plain = labels_of(|names| names.first().copied());
    let renamed = labels_of(|names| names.get(1).copied());
    let mut sets: Vec<PodLabels> = Vec::new();
    for labels in [first, second, plain, renamed].into_iter().flatten() {
        let names = [&labels.namespace, &labels.pod, &labels.container];
        let are_there = names.into_iter().all(|name| count(counts, name) > 0.0);
        if are_there && !sets.contains(&labels) {
            sets.push(labels);
        }
    }
    sets
}

fn labels_of(pick: impl Fn(&[&'static str]) -> Option<&'static str>) -> Option<PodLabels> {
    Some(PodLabels {
        namespace: pick(&NAMESPACES)?.to_owned(),
        pod: pick(&PODS)?.to_owned(),
        container: pick(&CONTAINERS)?.to_owned(),
    })
}

/// Prometheus renames what comes from the exporter where the scraped target has the label too; else the first that is there.
fn likeliest(counts: &[(String, f64)], names: &[&'static str]) -> Option<&'static str> {
    let plain = names.first().map_or(0.0, |name| count(counts, name));
    let renamed = names.get(1).copied().filter(|name| {
        let renamed = count(counts, name);
        renamed > 0.0 && renamed * 2.0 >= plain
    });
    renamed.or_else(|| names.iter().copied().find(|name| count(counts, name) > 0.0))
}

fn count(counts: &[(String, f64)], name: &str) -> f64 {
    counts
        .iter()
        .find(|(known, _)| known == name)
        .map_or(0.0, |(_, count)| *count)
}

impl LabelFacts {
    /// The labels by which most pods are found, and these pods.
    fn best(&self) -> Option<(&PodLabels, &[RunningPod])> {
        let found = |found: &'_ Asked<Vec<RunningPod>>| found.as_ref().map_or(0, Vec::len);
        // Of equals the first, which is the likeliest.
        let best = self.tried.iter().rev().max_by_key(|(_, pods)| found(pods))?;
        Some((&best.0, best.1.as_ref().map_or(&[][..], Vec::as_slice)))
    }

    /// The labels to set, where they are others.
    pub(super) fn edit(&self, configured: &PodLabels) -> Option<Edit> {
        let (labels, _) = self.best()?;
        (labels != configured).then(|| Edit::Labels(labels.clone()))
    }

    /// Whether cpu has series that could be the cluster's.
    pub(super) fn has_series(&self) -> bool {
        self.best().is_some()
    }
}

pub(super) fn check(offers: &Offers, configured: &PodLabels, found: &mut Findings) {
    let facts = &offers.labels;
    let counts = match &facts.counts {
        Ok(counts) => counts,
        Err(error) => {
            return found.problem(
                "labels",
                format!("cannot be found out: {error}"),
                "what the message says",
            );
        }
    };
    let Some((labels, pods)) = facts.best() else {
        return without_series(offers, counts, found);
    };
    let told = format!("{}, {} and {}", labels.namespace, labels.pod, labels.container);
    match facts.edit(configured) {
        Some(edit) => {
            let what = format!("namespace, pod and container are in the labels {told}");
            found.change(Level::Problem, "labels", what, edit);
        }
        None => found.ok("labels", format!("{told}, as configured")),
    }
    check_pods(&facts.pods, pods, found);
}

fn without_series(offers: &Offers, counts: &[(String, f64)], found: &mut Findings) {
    if let Ok(Some(count)) = offers.labels.without_matchers {
        return found.problem(
            "cpu",
            format!("none of the {count:.0} series of {CPU} has what matchers of this server asks for"),
            "matchers that this cluster's series have, or none",
        );
    }
    if !counts.is_empty() {
        let present: Vec<String> = counts.iter().map(|(name, _)| name.clone()).collect();
        return found.problem(
            "labels",
            format!(
                "{CPU} has no labels of namespace, pod and container together; it has {}",
                some_of(&present, 8)
            ),
            "labels: {namespace: …, pod: …, container: …} with what they are called there; where relabelling drops them, keep \
             them",
        );
    }
    let mut jobs: Vec<String> = Vec::new();
    for sample in offers.jobs.iter().flatten() {
        jobs.push(sample.label("job").to_owned());
    }
    let scraped = if jobs.is_empty() {
        "nor any up, so nothing seems to be scraped into it".to_owned()
    } else {
        format!("it scrapes {}", some_of(&jobs, 8))
    };
    found.problem(
        "cpu",
        format!("no {CPU}: {scraped}"),
        "in Prometheus, a scrape of every kubelet at /metrics/cadvisor (kube-prometheus-stack: \
         kubelet.serviceMonitor.cAdvisor: true), or at /metrics/resource for cpu and memory alone; cpu and memory of \
         policies need it",
    );
}

fn check_pods(pods: &[RunningPod], seen: &[RunningPod], found: &mut Findings) {
    if pods.is_empty() {
        return;
    }
    let unseen: Vec<String> = pods
        .iter()
        .filter(|pod| !seen.contains(pod))
        .map(|pod| format!("{}/{}", pod.namespace, pod.name))
        .collect();
    let count = pods.len();
    if unseen.is_empty() {
        found.ok(
            "pods",
            format!("cpu of {count} of {count} running pods looked for is there"),
        );
    } else if unseen.len() == count {
        found.problem(
            "pods",
            format!("of {count} running pods none is there, such as {}", some_of(&unseen, 1)),
            "the URL of the Prometheus that scrapes this cluster; or, with --context, the cluster that it scrapes",
        );
    } else {
        found.note(
            "pods",
            format!("{} of {count} running pods have no cpu: {}", unseen.len(), some_of(&unseen, 3)),
            "a scrape of every node's kubelet: look for targets that are down, and for relabelling that drops namespaces",
        );
    }
}

#[cfg(test)]
#[path = "labels_tests.rs"]
mod tests;
