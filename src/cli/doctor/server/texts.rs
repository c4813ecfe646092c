//! The PromQL that the doctor asks: counts, quantiles and a few single series, never a list of all. Text only, no network.
use crate::config::{Config, Scope, Source};
use crate::observe::query::{Namespaces, TextContext, containers, source};

use super::vector::Labels;

/// The label that tells the branches of one query apart.
pub(super) const BRANCH: &str = "concertina";
/// CPU seconds of containers: where they are, other labels are looked for too.
pub(super) const CPU: &str = containers::CPU_SECONDS;
/// So many series of one group are shown to tell why there are several.
const EXAMPLES: u32 = 3;

/// What the labels of the cluster's name are called in the wild.
pub(super) const CLUSTER_LABELS: [&str; 6] = [
    "cluster",
    "cluster_name",
    "k8s_cluster",
    "k8s_cluster_name",
    "kubernetes_cluster",
    "cluster_id",
];

/// Metrics of containers and pods: name, series and the labels beside the pod's that tell one from another.
pub(super) const CONTAINER_METRICS: [(&str, &str, &[&str]); 4] = [
    ("cpu", containers::CPU_SECONDS, &[]),
    ("memory", containers::WORKING_SET, &[]),
    ("network", containers::RECEIVED, &["interface"]),
    ("disk", containers::READ, &["device"]),
];

/// A string literal of PromQL. JSON's escapes are among Go's.
pub(super) fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A selector with one more matcher.
pub(super) fn with(selector: &str, matcher: &str) -> String {
    let open = selector.strip_suffix('}').unwrap_or(selector);
    let comma = if open.ends_with('{') || matcher.is_empty() {
        ""
    } else {
        ","
    };
    format!("{open}{comma}{matcher}}}")
}

/// Any of these names, as a regular expression in quotes. What may stand in names of pods is quoted for it.
pub(super) fn any_of<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names.map(|name| name.replace('.', "\\.")).collect();
    literal(&names.join("|"))
}

/// Several numbers in one answer.
pub(super) fn branches<'b>(branches: impl Iterator<Item = (&'b str, String)>) -> String {
    let tagged =
        branches.map(|(name, text)| format!("label_replace({text},\"{BRANCH}\",\"{name}\",\"\",\"\")"));
    tagged.collect::<Vec<_>>().join(" or ")
}

/// The server's time.
pub(super) const NOW: &str = "vector(time())";
/// What is scraped at all.
pub(super) const JOBS: &str = "topk(30, count by (job) (up))";

/// How many series have each of these labels.
pub(super) fn label_counts<'l>(series: &str, labels: impl Iterator<Item = &'l str>) -> String {
    branches(labels.map(|label| {
        (
            label,
            format!("count({})", with(series, &format!("{label}!=\"\""))),
        )
    }))
}

/// How many series each job has.
pub(super) fn by_job(series: &str) -> String {
    format!("topk(20, count by (job) ({series}))")
}

/// How many groups there are, and how many have several series.
pub(super) fn groups(series: &str, by: &[&str]) -> String {
    let groups = format!("count by ({}) ({series})", by.join(","));
    branches(
        [
            ("all", format!("count({groups})")),
            ("several", format!("count({groups} > 1)")),
        ]
        .into_iter(),
    )
}

/// Some of the groups that have several series.
pub(super) fn several(series: &str, by: &[&str]) -> String {
    format!("topk({EXAMPLES}, count by ({}) ({series}) > 1)", by.join(","))
}

/// The series of these groups.
pub(super) fn of_groups<'g>(series: &str, by: &[&str], groups: impl Iterator<Item = &'g Labels>) -> String {
    let of = |group: &Labels| {
        let matchers = by.iter().map(|name| {
            let value = group.get(*name).map_or("", String::as_str);
            format!("{name}={}", literal(value))
        });
        with(series, &matchers.collect::<Vec<_>>().join(","))
    };
    groups.map(of).collect::<Vec<_>>().join(" or ")
}

/// Seconds since the newest sample, of 19 in 20 series no more than this.
pub(super) fn age(series: &str) -> String {
    // VictoriaMetrics knows the time of a series for minutes after its end.
    format!("quantile(0.95, time() - (timestamp({series}) and ({series})))")
}

/// How many series each cluster has, by each label that may tell.
pub(super) fn clusters(series: &str) -> String {
    branches(CLUSTER_LABELS.into_iter().map(|label| {
        let own = with(series, &format!("{label}!=\"\""));
        (label, format!("topk(20, count by ({label}) ({own}))"))
    }))
}

/// Which of these pods are there, and in which cluster. `by` are the labels of namespace and pod.
pub(super) fn pods<'p>(series: &str, by: [&str; 2], names: impl Iterator<Item = &'p str>) -> String {
    let [namespace, pod] = by;
    let own = with(series, &format!("{pod}=~{}", any_of(names)));
    format!(
        "count by ({namespace},{pod},{}) ({own})",
        CLUSTER_LABELS.join(",")
    )
}

/// The series of a metric of containers that the controller would take.
pub(super) fn container_series(config: &Config, server: &str, name: &str, metric: &str) -> String {
    let context = context(config, server);
    if name == "network" {
        containers::pods(&context, metric)
    } else {
        containers::containers(&context, metric)
    }
}

/// The series of a source's requests, or of its durations where it counts no requests.
pub(super) fn source_series(config: &Config, server: &str, of: &Source) -> String {
    source::witnesses(&context(config, server), of).join(" or ")
}

/// What one series of a source's requests stands for.
pub(super) fn source_groups(source: &Source) -> Vec<&str> {
    let mut by: Vec<&str> = source.namespace_label.iter().map(String::as_str).collect();
    match &source.scope {
        Scope::Pod { label } => by.push(label),
        Scope::Workload { replica_labels, .. } => {
            by = replica_labels.iter().map(String::as_str).collect();
        }
    }
    by
}

/// How many of these groups two jobs or more have.
pub(super) fn of_several_jobs(series: &str, by: &[&str]) -> String {
    let by = by.join(",");
    format!("count(count by ({by}) (count by ({by},job) ({series})) > 1)")
}

fn context<'a>(config: &'a Config, server: &str) -> TextContext<'a> {
    static EVERYWHERE: std::sync::LazyLock<Namespaces> = std::sync::LazyLock::new(Namespaces::default);
    TextContext {
        namespaces: &EVERYWHERE,
        matchers: matchers(config, server),
        labels: &config.labels,
        source: None,
        auto_window_seconds: 0,
    }
}

/// The server's own matchers.
pub(super) fn matchers<'a>(config: &'a Config, server: &str) -> &'a str {
    config
        .server(server)
        .and_then(crate::config::ServerConfig::matchers)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matcher_is_added_within_the_brackets() {
        assert_eq!(with("a{}", "b=\"c\""), "a{b=\"c\"}");
        assert_eq!(with("a{b=\"c\"}", "d=\"e\""), "a{b=\"c\",d=\"e\"}");
        assert_eq!(with("a{b=\"c\"}", ""), "a{b=\"c\"}");
    }

    #[test]
    fn values_of_labels_are_quoted_as_promql_wants_it() {
        assert_eq!(literal("a\"b\\\n"), r#""a\"b\\\n""#);
        assert_eq!(any_of(["web-1", "a.b"].into_iter()), r#""web-1|a\\.b""#);
        let group = Labels::from([("pod".to_owned(), "x\"} or vector(1".to_owned())]);
        assert_eq!(
            of_groups("a{}", &["pod", "job"], [&group].into_iter()),
            r#"a{pod="x\"} or vector(1",job=""}"#
        );
    }
}
