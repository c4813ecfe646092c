//! Metrics of containers and pods, from answers as they were recorded. No network.
use super::super::recorded::{assert_says, branch, healthy, labelled, of, remark, sample};
use super::super::{ServerFacts, intervals};
use crate::cli::doctor::finding::Level;

#[test]
fn what_the_kubelets_resource_metrics_lack_is_a_note_and_cpu_and_memory_are_needed() {
    let mut offers = healthy();
    for series in &mut offers.series[1..] {
        series.jobs = Ok(Vec::new());
    }
    let findings = of(offers);
    assert_says(
        remark(&findings, "memory"),
        Level::Problem,
        "no container_memory_working_set_bytes",
        "/metrics/resource",
    );
    assert_says(
        remark(&findings, "network"),
        Level::Note,
        "no container_network_receive_bytes_total",
        "/metrics/cadvisor",
    );
    assert_says(
        remark(&findings, "disk"),
        Level::Note,
        "no container_fs_reads_bytes_total",
        "unless it is to be used",
    );
}

#[test]
fn scrapes_that_are_rare_or_late_are_told_with_what_they_cost() {
    let timed = |interval, age| {
        let mut offers = healthy();
        offers.series[0].interval = Ok(Some(interval));
        offers.series[0].age = Ok(Some(age));
        of(offers)
    };
    let findings = timed(60.0, 50.0);
    assert_says(
        remark(&findings, "cpu"),
        Level::Note,
        "scraped every 60 s: a step of the load is seen about 120 s late",
        "need 240",
    );
    assert!(
        findings
            .iter()
            .any(|finding| finding.what.contains("every 60 s: rates cover 240 s"))
    );
    assert_says(
        remark(&timed(120.0, 60.0), "cpu"),
        Level::Problem,
        "older than 120 s",
        "scrape_interval of 15s",
    );
    assert_says(
        remark(&timed(15.0, 121.0), "cpu"),
        Level::Problem,
        "121 s old",
        "remote write",
    );
    assert_says(
        remark(&timed(15.0, 50.0), "cpu"),
        Level::Note,
        "50 s old, though they are scraped every 15 s",
        "meant to be behind",
    );
    assert!(
        timed(30.0, 40.0)
            .iter()
            .all(|finding| finding.check != "cpu" || finding.level == Level::Ok)
    );
}

#[test]
fn series_that_are_there_twice_are_told_with_their_cause() {
    let twice = |one: &[(&str, &str)], other: &[(&str, &str)]| {
        let mut offers = healthy();
        offers.series[0].groups = Ok(vec![branch("all", 40.0), branch("several", 38.0)]);
        let labels = |labels| sample(labels, 0.0).labels;
        offers.series[0].examples = vec![vec![labels(one), labels(other)]];
        of(offers)
    };
    let findings = twice(&[("job", "cadvisor"), ("id", "1")], &[("job", "kubelet")]);
    let finding = remark(&findings, "duplicates");
    assert_says(
        finding,
        Level::Note,
        "38 of 40 containers have several series",
        "drop one of the two scrapes",
    );
    assert!(finding.what.ends_with("job is cadvisor, kubelet"), "{finding:?}");
    let findings = twice(&[("replica", "a")], &[("replica", "b")]);
    assert_says(
        remark(&findings, "duplicates"),
        Level::Note,
        "replica is a, b",
        "dedup",
    );
    let findings = twice(&[("job", "a"), ("id", "/1")], &[("job", "a"), ("id", "/2")]);
    assert_says(
        remark(&findings, "duplicates"),
        Level::Note,
        "restarted",
        "track_timestamps_staleness",
    );
    let findings = twice(&[("zone", "a")], &[]);
    assert_says(
        remark(&findings, "duplicates"),
        Level::Note,
        "they differ in zone",
        "the greater counts",
    );
}

#[test]
fn questions_that_failed_are_told_and_are_no_absence() {
    let mut offers = healthy();
    offers.series[0].jobs = Err("no answer within 5 s".into());
    offers.requests.sources[0].jobs = Err("no answer within 5 s".into());
    let findings = of(offers);
    assert_says(
        remark(&findings, "cpu"),
        Level::Problem,
        "cannot be found out: no answer within 5 s",
        "",
    );
    let failed = findings
        .iter()
        .find(|finding| finding.what.contains("source http cannot be found out"));
    assert_eq!(failed.unwrap().level, Level::Problem);
    let mut offers = labelled(&[], Vec::new());
    offers.labels.counts = Err("no answer within 5 s".into());
    assert_says(
        remark(&of(offers), "labels"),
        Level::Problem,
        "cannot be found out",
        "",
    );
}

#[test]
fn intervals_are_by_what_is_scraped_together() {
    let facts = ServerFacts {
        name: "default".into(),
        urls: Vec::new(),
        offers: Some(healthy()),
    };
    let families: Vec<String> = intervals(&facts).into_iter().map(|(family, _)| family).collect();
    let expected = [
        "cpu",
        "network",
        "disk",
        "source/http",
        "source/ingress-nginx",
        "source/istio",
    ];
    assert_eq!(families, expected);
}

#[test]
fn an_interval_that_could_not_be_asked_for_is_told_with_the_reason() {
    let mut offers = healthy();
    offers.series[0].interval = Err("no answer within 5 s".into());
    offers.series[0].age = Err("the server answered 503: overloaded".into());
    offers.series[2].groups = Err("no answer within 5 s".into());
    let findings = of(offers);
    assert_says(
        remark(&findings, "cpu"),
        Level::Note,
        "not found out: how often it is scraped (no answer within 5 s), how old its samples are (the server answered 503: overloaded)",
        "what the message says; until it is known rates cover 60 s",
    );
    assert_says(
        remark(&findings, "network"),
        Level::Note,
        "not found out: how many interfaces there are (no answer within 5 s)",
        "what the message says",
    );
    assert!(
        findings
            .iter()
            .all(|finding| !finding.what.contains("of 0 interfaces"))
    );
}

#[test]
fn an_interval_that_cannot_be_measured_yet_is_told_with_the_window_that_holds_until_then() {
    let unmeasured = |configured| {
        let mut offers = healthy();
        offers.series[0].interval = Ok(None);
        offers.series[0].configured_interval = configured;
        of(offers)
    };
    assert_says(
        remark(&unmeasured(None), "cpu"),
        Level::Note,
        "how often it is scraped cannot be measured yet: rates cover 60 s",
        "scrapeIntervalSeconds",
    );
    let findings = unmeasured(Some(60));
    let cpu: Vec<_> = findings.iter().filter(|finding| finding.check == "cpu").collect();
    assert_eq!((cpu.len(), cpu[0].level), (1, Level::Ok), "{cpu:#?}");
    assert!(
        cpu[0]
            .what
            .ends_with("rates cover 240 s, as scrapeIntervalSeconds asks"),
        "{cpu:#?}"
    );
}

#[test]
fn series_that_are_there_twice_are_told_where_their_labels_could_not_be_asked_for() {
    let mut offers = healthy();
    offers.series[0].groups = Ok(vec![branch("all", 40.0), branch("several", 38.0)]);
    assert_says(
        remark(&of(offers), "duplicates"),
        Level::Note,
        "38 of 40 containers have several series of container_cpu_usage_seconds_total; in what they differ was not found out",
        "",
    );
}
