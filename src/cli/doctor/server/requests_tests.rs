//! Sources of requests, from answers as they were recorded. No network.
use super::super::super::settings::with_edits;
use super::super::Offers;
use super::super::known::KNOWN;
use super::super::recorded::{URL, assert_says, branch, config, healthy, of, remark, source};
use super::*;

fn with_source(source: SourceFacts) -> Offers {
    let mut offers = healthy();
    let place = offers
        .requests
        .sources
        .iter()
        .position(|known| known.name == source.name);
    offers.requests.sources[place.unwrap()] = source;
    offers
}

#[test]
fn a_source_that_is_there_is_told_with_its_jobs_and_what_is_not_there_is_no_trouble() {
    let findings = of(with_source(source("http", &["pods"], &["namespace", "pod"])));
    let told = |words: &str| {
        findings
            .iter()
            .any(|finding| finding.level == Level::Ok && finding.what.contains(words))
    };
    assert!(
        told("source http: http_requests_total from job pods, every 15 s: rates cover 60 s"),
        "{findings:#?}"
    );
    assert!(told(
        "not there, and only needed by policies that name it: ingress-nginx"
    ));
    let mut twice = source("http", &["pods", "services"], &["namespace", "pod"]);
    twice.several_jobs = Ok(Some(3.0));
    let findings = of(with_source(twice));
    assert_says(
        remark(&findings, "duplicates"),
        Level::Note,
        "3 of what counts requests",
        "drop one",
    );
}

#[test]
fn labels_of_a_source_that_prometheus_has_renamed_are_to_be_set() {
    let labels = ["namespace", "service", "exported_namespace", "exported_service"];
    let findings = of(with_source(source("ingress-nginx", &["ingress"], &labels)));
    let finding = remark(&findings, "requests");
    let set = r#"sources: {ingress-nginx: {"namespaceLabel":"exported_namespace","workloadLabel":"exported_service"}}"#;
    assert_says(finding, Level::Problem, "has renamed labels", set);
    // A pod's own scrape is right about which pod it is.
    let findings = of(with_source(source(
        "http",
        &["pods"],
        &["namespace", "pod", "exported_pod"],
    )));
    assert!(
        findings.iter().all(|finding| finding.level == Level::Ok),
        "{findings:#?}"
    );
    let findings = of(with_source(source("http", &["blackbox"], &["namespace"])));
    assert_says(
        remark(&findings, "requests"),
        Level::Problem,
        "has no label pod (podLabel)",
        "sources.http",
    );
}

#[test]
fn a_source_of_the_configuration_must_be_there() {
    let text =
        format!("servers: [{{name: default, url: '{URL}'}}]\nsources: {{own: {{requests: own_total}}}}");
    let config = Config::parse(&text, "test.yaml".as_ref()).unwrap();
    let facts = RequestFacts {
        sources: vec![source("own", &[], &[])],
        known: Ok(Vec::new()),
        configured_interval: None,
        tenancy: Tenancy::Cluster,
    };
    let mut found = Findings::about("server");
    check(&facts, &config, &mut found);
    assert_says(
        &found.list[0],
        Level::Problem,
        "no own_total with what source own asks for",
        "a scrape of what exposes it",
    );
}

#[test]
fn known_counters_become_sources_that_the_controller_takes() {
    let mut offers = healthy();
    offers.requests.known = Ok(vec![
        branch("linkerd", 12.0),
        branch("spring", 0.0),
        branch("unknown", 1.0),
    ]);
    let findings = of(offers);
    assert_says(
        remark(&findings, "requests"),
        Level::Note,
        "response_total is there, as of Linkerd",
        "sources: {linkerd:",
    );
    let mut offers = healthy();
    let all: Vec<Sample> = KNOWN.iter().map(|known| branch(known.name, 1.0)).collect();
    offers.requests.known = Ok(all);
    let edits: Vec<Edit> = of(offers)
        .into_iter()
        .filter_map(|finding| finding.edit)
        .collect();
    assert_eq!(edits.len(), KNOWN.len());
    let changed = with_edits(&config(), &edits);
    for known in &KNOWN {
        let source = changed.source(known.name);
        assert!(
            source.is_some_and(|source| source.requests.is_some()),
            "{}",
            known.name
        );
    }
}

#[test]
fn a_counter_that_a_source_has_already_is_not_suggested() {
    let text = format!(
        "servers: [{{name: default, url: '{URL}'}}]\nsources: {{java: {{requests: http_server_requests_seconds_count}}}}"
    );
    let config = Config::parse(&text, "test.yaml".as_ref()).unwrap();
    let facts = RequestFacts {
        sources: Vec::new(),
        known: Ok(vec![branch("spring", 12.0)]),
        configured_interval: None,
        tenancy: Tenancy::Cluster,
    };
    let mut found = Findings::about("server");
    check(&facts, &config, &mut found);
    assert!(
        found.list.iter().all(|finding| finding.edit.is_none()),
        "{:?}",
        found.list
    );
}

#[test]
fn what_could_not_be_asked_of_a_source_is_told() {
    let mut http = source("http", &["pods"], &["namespace", "pod"]);
    http.interval = Err("no answer within 5 s".into());
    http.labels = Err("no answer within 5 s".into());
    http.several_jobs = Err("no answer within 5 s".into());
    let findings = of(with_source(http));
    let finding = remark(&findings, "requests");
    assert_says(
        finding,
        Level::Note,
        "source http: not found out: how often it is scraped (no answer within 5 s)",
        "until it is known rates cover 60 s",
    );
    assert!(
        finding.what.contains("which labels it has (")
            && finding.what.contains("whether several jobs scrape it (")
    );
    let mut http = source("http", &["pods"], &["namespace", "pod"]);
    http.interval = Ok(None);
    assert_says(
        remark(&of(with_source(http)), "requests"),
        Level::Note,
        "source http: how often it is scraped cannot be measured yet: rates cover 60 s",
        "scrapeIntervalSeconds",
    );
    let mut offers = with_source(source("http", &["pods"], &["namespace", "pod"]));
    offers.requests.known = Err("no answer within 5 s".into());
    assert_says(
        remark(&of(offers), "requests"),
        Level::Note,
        "counters that could be a source were not looked for: no answer within 5 s",
        "what the message says",
    );
}

#[test]
fn the_interval_of_a_source_that_counts_no_requests_is_not_missed() {
    let text = format!(
        "servers: [{{name: default, url: '{URL}'}}]\nsources: {{own: {{duration: own_seconds, workloadLabel: app}}}}"
    );
    let config = Config::parse(&text, "test.yaml".as_ref()).unwrap();
    let mut own = source("own", &["pods"], &[]);
    own.interval = Ok(None);
    own.age = Ok(None);
    let facts = RequestFacts {
        sources: vec![own],
        known: Ok(Vec::new()),
        configured_interval: None,
        tenancy: Tenancy::Cluster,
    };
    let mut found = Findings::about("server");
    check(&facts, &config, &mut found);
    assert!(
        found.list.iter().all(|finding| finding.level == Level::Ok),
        "{:#?}",
        found.list
    );
}

#[test]
fn what_a_server_keeps_from_policies_is_not_suggested_there() {
    let mut offers = healthy();
    offers.requests.known = Ok(KNOWN.iter().map(|known| branch(known.name, 1.0)).collect());
    offers.requests.tenancy = Tenancy::Namespace;
    let findings = of(offers);
    let edits: Vec<Edit> = findings
        .iter()
        .filter_map(|finding| finding.edit.clone())
        .collect();
    assert_eq!(edits.len(), KNOWN.len() - 1, "{findings:#?}");
    let changed = with_edits(&config(), &edits);
    for known in KNOWN.iter().filter(|known| known.name != "traefik") {
        assert!(
            changed
                .source(known.name)
                .is_some_and(Source::tells_namespaces_apart),
            "{}",
            known.name
        );
    }
    let traefik = findings
        .iter()
        .find(|finding| finding.what.starts_with("traefik"));
    assert_says(
        traefik.unwrap(),
        Level::Note,
        "policies may not take it under tenancy: Namespace",
        "namespaceLabel",
    );
}
