//! Labels, pods and clusters, from answers as they were recorded. No network.
use super::super::recorded::{assert_says, healthy, labelled, of, pods, remark, sample};
use super::*;

fn renamed() -> PodLabels {
    PodLabels {
        namespace: "exported_namespace".into(),
        pod: "exported_pod".into(),
        container: "exported_container".into(),
    }
}

#[test]
fn the_labels_by_which_most_pods_are_found_are_to_be_set() {
    let tried = vec![(PodLabels::default(), Ok(Vec::new())), (renamed(), Ok(pods(20)))];
    let findings = of(labelled(
        &[("namespace", 40.0), ("exported_namespace", 40.0)],
        tried,
    ));
    let set = "labels: {namespace: exported_namespace, pod: exported_pod, container: exported_container}";
    assert_says(
        remark(&findings, "labels"),
        Level::Problem,
        "in the labels exported_namespace",
        set,
    );
    assert_eq!(remark(&findings, "labels").edit, Some(Edit::Labels(renamed())));
    // As many pods by either: the likelier stays.
    let tried = vec![(PodLabels::default(), Ok(pods(3))), (renamed(), Ok(pods(3)))];
    let findings = of(labelled(&[("namespace", 40.0)], tried));
    assert!(
        findings
            .iter()
            .any(|finding| finding.check == "labels" && finding.level == Level::Ok)
    );
}

#[test]
fn labels_are_looked_for_likeliest_first_and_never_where_one_is_not_there() {
    let counts = |names: &[(&str, f64)]| -> Vec<(String, f64)> {
        names
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    let both = counts(&[
        ("namespace", 40.0),
        ("pod", 40.0),
        ("container", 40.0),
        ("exported_namespace", 38.0),
        ("exported_pod", 38.0),
        ("exported_container", 38.0),
    ]);
    let default = PodLabels::default();
    assert_eq!(candidates(&both, &default), [renamed(), default.clone()]);
    // What somebody has configured comes first.
    let odd = PodLabels {
        pod: "exported_pod".into(),
        ..PodLabels::default()
    };
    assert_eq!(candidates(&both, &odd), [odd, renamed(), default.clone()]);
    let old = counts(&[("namespace", 9.0), ("pod_name", 9.0), ("container_name", 9.0)]);
    let before_1_16 = PodLabels {
        namespace: "namespace".into(),
        pod: "pod_name".into(),
        container: "container_name".into(),
    };
    assert_eq!(candidates(&old, &default), [before_1_16]);
    assert!(candidates(&counts(&[("namespace", 9.0), ("pod", 9.0)]), &default).is_empty());
}

#[test]
fn a_prometheus_of_another_cluster_is_told_from_one_that_misses_a_node() {
    let findings = of(labelled(
        &[("pod", 40.0)],
        vec![(PodLabels::default(), Ok(Vec::new()))],
    ));
    assert_says(
        remark(&findings, "pods"),
        Level::Problem,
        "of 20 running pods none is there",
        "scrapes this cluster",
    );
    let findings = of(labelled(
        &[("pod", 40.0)],
        vec![(PodLabels::default(), Ok(pods(18)))],
    ));
    assert_says(
        remark(&findings, "pods"),
        Level::Note,
        "2 of 20 running pods have no cpu: shop/web-18",
        "every node",
    );
}

#[test]
fn a_prometheus_without_cadvisor_says_what_it_scrapes_instead() {
    let mut offers = labelled(&[], Vec::new());
    offers.jobs = Ok(vec![sample(&[("job", "node-exporter")], 3.0)]);
    let findings = of(offers);
    let finding = remark(&findings, "cpu");
    assert_says(
        finding,
        Level::Problem,
        "no container_cpu_usage_seconds_total: it scrapes node-exporter",
        "/metrics/cadvisor",
    );
    // Nothing more is said of what follows from it.
    assert!(
        findings
            .iter()
            .all(|finding| finding.check != "memory" && finding.check != "labels")
    );
}

#[test]
fn matchers_that_fit_nothing_are_told_from_series_that_are_not_there() {
    let mut offers = labelled(&[], Vec::new());
    offers.labels.without_matchers = Ok(Some(40.0));
    assert_says(
        remark(&of(offers), "cpu"),
        Level::Problem,
        "none of the 40 series",
        "matchers that this cluster's series have",
    );
    let findings = of(labelled(&[("namespace", 4.0), ("id", 4.0)], Vec::new()));
    assert_says(
        remark(&findings, "labels"),
        Level::Problem,
        "it has namespace, id",
        "labels: {namespace:",
    );
}

fn of_clusters(pods: Vec<Sample>) -> Offers {
    let mut offers = healthy();
    let values = ["east", "west"].map(|cluster| sample(&[(BRANCH, "cluster"), ("cluster", cluster)], 20.0));
    offers.clusters.clusters = Ok(values.into());
    offers.clusters.pods = Ok(pods);
    offers
}

fn pod_of(cluster: &str, name: &str) -> Sample {
    sample(&[("cluster", cluster), ("namespace", "shop"), ("pod", name)], 2.0)
}

#[test]
fn of_several_clusters_the_one_with_these_pods_is_this_one() {
    let pods = vec![
        pod_of("west", "web-1"),
        pod_of("west", "web-2"),
        pod_of("east", "web-1"),
        pod_of("east", "other"),
    ];
    let findings = of(of_clusters(pods));
    let set = r#"of the server default, matchers: 'cluster="west"'"#;
    assert_says(
        remark(&findings, "clusters"),
        Level::Problem,
        "cluster has 2 values (east, west)",
        set,
    );
    let findings = of(of_clusters(vec![
        pod_of("west", "web-1"),
        pod_of("east", "web-1"),
    ]));
    let finding = remark(&findings, "clusters");
    assert_says(
        finding,
        Level::Problem,
        "2 values",
        "with the value of this cluster",
    );
    assert_eq!(finding.edit, None);
    let mut offers = of_clusters(vec![pod_of("a\"b", "web-1")]);
    offers.clusters.matchers = "env=\"p\"".into();
    assert_says(
        remark(&of(offers), "clusters"),
        Level::Problem,
        "",
        r#"matchers: 'env="p",cluster="a\"b"'"#,
    );
}

#[test]
fn a_single_cluster_needs_no_matchers() {
    let mut offers = of_clusters(Vec::new());
    offers.clusters.clusters.as_mut().unwrap().pop();
    assert!(of(offers).iter().all(|finding| finding.check != "clusters"));
}
