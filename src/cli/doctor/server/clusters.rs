//! Whether the server has several clusters, and which of them is this one. [`gather`] touches the network.
use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;

use super::super::finding::{Findings, Level, some_of};
use super::super::settings::Edit;
use super::texts::{self, BRANCH, CLUSTER_LABELS, CPU};
use super::vector::Sample;
use super::{Asked, Asker, RunningPod};

/// What was heard of clusters.
#[derive(Debug)]
pub(in crate::cli::doctor) struct ClusterFacts {
    /// Series of cpu by cluster; the label is named by [`BRANCH`].
    pub(super) clusters: Asked<Vec<Sample>>,
    /// Series of cpu of pods of this cluster, with the labels of clusters.
    pub(super) pods: Asked<Vec<Sample>>,
    /// Labels of namespace and pod.
    pub(super) by: [String; 2],
    pub(super) wanted: Vec<RunningPod>,
    /// The server's own matchers.
    pub(super) matchers: String,
}

pub(super) async fn gather(
    asker: &mut Asker<'_>,
    config: &Config,
    server: &str,
    pods: &[RunningPod],
) -> ClusterFacts {
    let series = texts::container_series(config, server, "cpu", CPU);
    let clusters = asker.ask(&texts::clusters(&series)).await;
    let (namespace, pod) = (&config.labels.namespace, &config.labels.pod);
    let has_several = clusters.as_ref().is_ok_and(|samples| several(samples).is_some());
    let found = if has_several && !pods.is_empty() {
        let names = pods.iter().map(|pod| pod.name.as_str());
        asker.ask(&texts::pods(&series, [namespace, pod], names)).await
    } else {
        Ok(Vec::new())
    };
    ClusterFacts {
        clusters,
        pods: found,
        by: [namespace.clone(), pod.clone()],
        wanted: pods.to_vec(),
        matchers: texts::matchers(config, server).to_owned(),
    }
}

/// The first label that has several values, and these.
fn several(samples: &[Sample]) -> Option<(&'static str, Vec<String>)> {
    CLUSTER_LABELS.into_iter().find_map(|label| {
        let of_label = samples.iter().filter(|sample| sample.label(BRANCH) == label);
        let values: BTreeSet<&str> = of_label.map(|sample| sample.label(label)).collect();
        (values.len() > 1).then(|| (label, values.into_iter().map(str::to_owned).collect()))
    })
}

impl ClusterFacts {
    fn several(&self) -> Option<(&'static str, Vec<String>)> {
        several(self.clusters.as_ref().ok()?)
    }

    /// The cluster that has more of this cluster's pods than any other.
    fn own(&self, label: &str) -> Option<String> {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        let [namespace, name] = &self.by;
        for sample in self.pods.iter().flatten() {
            let is_own =
                |pod: &RunningPod| pod.namespace == sample.label(namespace) && pod.name == sample.label(name);
            if self.wanted.iter().any(is_own) && !sample.label(label).is_empty() {
                *seen.entry(sample.label(label)).or_default() += 1;
            }
        }
        let most = seen.values().copied().max()?;
        let mut with_most = seen.into_iter().filter(|(_, count)| *count == most);
        let own = with_most.next().map(|(own, _)| own.to_owned());
        // Of two with the same count neither is known to be it.
        own.filter(|_| with_most.next().is_none())
    }

    /// The matchers to set, where there are several clusters and this one is known.
    pub(super) fn edit(&self, server: &str) -> Option<Edit> {
        let (label, _) = self.several()?;
        let own = format!("{label}={}", texts::literal(&self.own(label)?));
        let text = if self.matchers.is_empty() {
            own
        } else {
            format!("{},{own}", self.matchers)
        };
        Some(Edit::Matchers {
            server: server.to_owned(),
            text,
        })
    }
}

pub(super) fn check(facts: &ClusterFacts, server: &str, found: &mut Findings) {
    let Some((label, values)) = facts.several() else {
        return;
    };
    let what = format!(
        "the label {label} has {} values ({}): pods of the same name in two clusters would count as one",
        values.len(),
        some_of(&values, 5)
    );
    match facts.edit(server) {
        Some(edit) => found.change(Level::Problem, "clusters", what, edit),
        None => found.problem(
            "clusters",
            what,
            format!("of the server {server}, matchers: '{label}=\"…\"' with the value of this cluster"),
        ),
    }
}
