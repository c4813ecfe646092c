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
    ]));
    let rate = |source: &str| Template::RequestRate {
        source: source.into(),
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
