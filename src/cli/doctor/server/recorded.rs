//! What servers were heard to say, for the tests of what follows from it. No network.
use super::clusters::ClusterFacts;
use super::labels::LabelFacts;
use super::requests::{RequestFacts, SourceFacts};
use super::series::SeriesFacts;
use super::texts::BRANCH;
use super::*;
use crate::cli::doctor::finding::{Finding, Level};
use crate::config::PodLabels;

pub(super) const URL: &str = "http://prometheus.monitoring.svc:9090";

pub(super) fn sample(labels: &[(&str, &str)], value: f64) -> Sample {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Sample {
        labels: labels.collect(),
        value,
    }
}

pub(super) fn branch(name: &str, value: f64) -> Sample {
    sample(&[(BRANCH, name)], value)
}

pub(super) fn pods(count: usize) -> Vec<RunningPod> {
    let pod = |number| RunningPod {
        namespace: "shop".into(),
        name: format!("web-{number}"),
    };
    (0..count).map(pod).collect()
}

pub(super) fn clock(ahead_seconds: f64) -> Clock {
    Clock {
        ahead_seconds,
        uncertain_seconds: 0.1,
    }
}

/// A server on which all is well: 20 pods found by the usual labels, scraped every 15 s.
pub(super) fn healthy() -> Offers {
    let series = |name, metric| SeriesFacts {
        name,
        metric,
        jobs: Ok(vec![sample(&[("job", "kubelet")], 40.0)]),
        groups: Ok(vec![branch("all", 40.0)]),
        examples: Vec::new(),
        interval: Ok((name != "memory").then_some(15.0)),
        age: Ok(Some(12.0)),
        configured_interval: None,
    };
    let labels = ["namespace", "pod", "container"];
    Offers {
        lacking: None,
        jobs: Ok(vec![sample(&[("job", "kubelet")], 3.0)]),
        labels: LabelFacts {
            counts: Ok(labels.map(|label| (label.to_owned(), 40.0)).into()),
            without_matchers: Ok(None),
            tried: vec![(PodLabels::default(), Ok(pods(20)))],
            pods: pods(20),
        },
        clusters: ClusterFacts {
            clusters: Ok(Vec::new()),
            pods: Ok(Vec::new()),
            by: ["namespace".into(), "pod".into()],
            wanted: pods(20),
            matchers: String::new(),
        },
        series: texts::CONTAINER_METRICS
            .map(|(name, metric, _)| series(name, metric))
            .into(),
        requests: RequestFacts {
            sources: ["http", "ingress-nginx", "istio"]
                .map(|name| source(name, &[], &[]))
                .into(),
            known: Ok(Vec::new()),
            configured_interval: None,
            tenancy: crate::config::Tenancy::default(),
        },
    }
}

pub(super) fn source(name: &str, jobs: &[&str], labels: &[&str]) -> SourceFacts {
    SourceFacts {
        name: name.into(),
        jobs: Ok(jobs.iter().map(|job| sample(&[("job", *job)], 8.0)).collect()),
        labels: Ok(labels.iter().map(|label| branch(label, 8.0)).collect()),
        several_jobs: Ok(None),
        interval: Ok(Some(15.0)),
        age: Ok(Some(10.0)),
    }
}

pub(super) fn config() -> Config {
    Config::with_server(URL, None).unwrap()
}

pub(super) fn all_findings(
    urls: Vec<(String, Result<Clock, FetchError>)>,
    offers: Option<Offers>,
) -> Vec<Finding> {
    let facts = ServerFacts {
        name: "default".into(),
        urls,
        offers,
    };
    findings(
        &facts,
        &config(),
        Some(clock(0.0)),
        &["http://a.b.svc:9090".into()],
    )
    .list
}

pub(super) fn of(offers: Offers) -> Vec<Finding> {
    all_findings(vec![(URL.into(), Ok(clock(0.2)))], Some(offers))
}

/// The one finding of a check that is not ok.
pub(super) fn remark<'f>(findings: &'f [Finding], check: &str) -> &'f Finding {
    let remarks: Vec<&Finding> = findings
        .iter()
        .filter(|finding| finding.check == check && finding.level != Level::Ok)
        .collect();
    assert_eq!(remarks.len(), 1, "{check}: {findings:#?}");
    remarks[0]
}

pub(super) fn assert_says(finding: &Finding, level: Level, what: &str, set: &str) {
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.what.contains(what), "{what:?} is not in {finding:?}");
    let advice = finding.set.as_deref().unwrap_or_default();
    assert!(advice.contains(set), "{set:?} is not in {finding:?}");
}

pub(super) fn labelled(counts: &[(&str, f64)], tried: Vec<(PodLabels, Asked<Vec<RunningPod>>)>) -> Offers {
    let mut offers = healthy();
    offers.labels.counts = Ok(counts
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect());
    offers.labels.tried = tried;
    offers
}
