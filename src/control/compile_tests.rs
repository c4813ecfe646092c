use serde_json::{Value, json};

use super::*;
use crate::fixtures::{config, policy, record, with};

fn compile(metrics: Value) -> CompiledPolicy {
    let record = record(with(policy("web"), "/spec/metrics", metrics));
    CompiledPolicy::of(record.policy.as_ref().unwrap(), &config()).unwrap()
}

#[test]
fn a_window_is_four_scrapes_of_the_policys_server_or_what_is_asked_for() {
    let cpu = json!({"name": "cpu", "cpu": {"averageUtilization": 70}});
    let window = |server: &str, config: &Config| {
        let policy = with(policy("web"), "/spec/metrics", json!([cpu]));
        let record = record(with(policy, "/spec/prometheusRef", json!({"name": server})));
        let compiled = CompiledPolicy::of(record.policy.as_ref().unwrap(), config).unwrap();
        compiled.metrics[0].template.clone()
    };
    let mut config = config();
    assert_eq!(window("default", &config), Template::Cpu { window_seconds: 60 });
    config.servers[0].scrape_interval_seconds = 5;
    assert_eq!(window("default", &config), Template::Cpu { window_seconds: 20 });
    assert_eq!(
        window("not-configured", &config),
        Template::Cpu { window_seconds: 60 }
    );
    config.servers[0].scrape_interval_seconds = u32::MAX;
    assert_eq!(
        window("default", &config),
        Template::Cpu {
            window_seconds: u32::MAX
        }
    );
    let asked = compile(json!([{"name": "cpu", "cpu": {"averageUtilization": 70}, "windowSeconds": 300}]));
    assert_eq!(asked.metrics[0].template, Template::Cpu { window_seconds: 300 });
}

#[test]
fn every_kind_of_metric_becomes_its_query_and_measure() {
    let compiled = compile(json!([
        {"name": "cpu", "cpu": {"averageUtilization": 70, "container": "app"}},
        {"name": "memory", "memory": {"averageValue": "64Mi"}},
        {"name": "rate", "requestRate": {"averageValue": 5}},
        {"name": "grpc", "requestRate": {"averageValue": 5, "source": "grpc"}},
        {"name": "own", "prometheus": {"query": "up", "value": 5, "match": {"queue": "a"}}},
        {"name": "sent", "network": {"averageValue": 5, "direction": "Transmit"}, "windowSeconds": 300},
        {"name": "traffic", "network": {"averageValue": 5}},
        {"name": "written", "disk": {"averageValue": 5, "direction": "Write"}},
        {"name": "disk", "disk": {"averageValue": 5}},
    ]));
    let rate = |source: &str| Template::RequestRate {
        source: source.into(),
        window_seconds: 60,
    };
    let network = |direction, window_seconds| Template::Network {
        direction,
        window_seconds,
    };
    let disk = |direction| Template::Disk {
        direction,
        window_seconds: 60,
    };
    let expected = [
        (
            "cpu",
            Template::Cpu { window_seconds: 60 },
            Measure::Cpu {
                container: Some("app".into()),
                of: UtilizationOf::Request,
            },
        ),
        (
            "memory",
            Template::Memory,
            Measure::Memory {
                container: None,
                of: UtilizationOf::Request,
            },
        ),
        ("rate", rate("http"), Measure::RequestRate),
        ("grpc", rate("grpc"), Measure::RequestRate),
        (
            "own",
            Template::Custom { query: "up".into() },
            Measure::Total {
                matching: [("queue".to_owned(), "a".to_owned())].into(),
            },
        ),
        ("sent", network(NetworkDirection::Transmit, 300), Measure::Network),
        ("traffic", network(NetworkDirection::Both, 60), Measure::Network),
        ("written", disk(DiskDirection::Write), Measure::Disk),
        ("disk", disk(DiskDirection::Both), Measure::Disk),
    ];
    let compiled: Vec<_> = compiled
        .metrics
        .iter()
        .map(|metric| {
            (
                metric.name.as_str(),
                metric.template.clone(),
                metric.measure.clone(),
            )
        })
        .collect();
    assert_eq!(compiled, expected);
}

#[test]
fn the_period_is_the_policys_or_the_controllers() {
    let compile = |policy: Value| {
        let record = record(policy);
        CompiledPolicy::of(record.policy.as_ref().unwrap(), &config())
            .unwrap()
            .period_seconds
    };
    assert_eq!(compile(policy("web")), 15);
    assert_eq!(compile(with(policy("web"), "/spec/periodSeconds", json!(5))), 5);
}

#[test]
fn the_queries_of_guards_come_after_those_of_the_metrics() {
    let guards = json!([
        {"name": "errors", "query": "errors", "above": 1},
        {"name": "latency", "query": "latency", "above": 1, "match": {"service": "web"}},
    ]);
    let record = record(with(policy("web"), "/spec/guards", guards));
    let compiled = CompiledPolicy::of(record.policy.as_ref().unwrap(), &config()).unwrap();
    let texts: Vec<String> = compiled
        .queries()
        .map(|query| match query.template {
            Template::Custom { query } => query,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["load", "errors", "latency"]);
    assert_eq!(compiled.metric_queries().count(), 1);
    assert_eq!(compiled.guards[1].name, "latency");
    assert_eq!(
        compiled.guards[1].matching,
        MatchLabels::from([("service".to_owned(), "web".to_owned())])
    );
}

#[test]
fn each_schedule_has_the_windows_of_its_own_place() {
    let schedule = |name: &str, start: &str| json!({"name": name, "start": start, "durationMinutes": 60, "minReplicas": 3});
    let schedules = |second: &str| json!([schedule("never-now", "0 0 1 1 *"), schedule("always", second)]);
    let compile = |second: &str| {
        let record = record(with(policy("web"), "/spec/schedules", schedules(second)));
        CompiledPolicy::of(record.policy.as_ref().unwrap(), &config())
    };
    let windows = compile("0 * * * *").unwrap().windows(crate::fixtures::NOW);
    assert!(!windows.is_empty());
    assert!(windows.iter().all(|window| window.schedule == 1), "{windows:?}");
    let error = compile("61 * * * *").unwrap_err();
    assert!(error.contains("always"), "{error}");
}
