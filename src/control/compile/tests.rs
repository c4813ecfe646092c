use serde_json::{Value, json};

use super::*;
use crate::api::{DiskDirection, NetworkDirection};
use crate::fixtures::{config, guarded, policy, with};
use crate::observe::query::{SourceMeasure, Template, Window};

fn compile(metrics: Value) -> CompiledPolicy {
    let stored = guarded(with(policy("web"), "/spec/metrics", metrics));
    CompiledPolicy::of(&stored.0.unwrap(), &config()).unwrap()
}

#[test]
fn a_window_is_the_scrape_intervals_own_or_what_is_asked_for() {
    let cpu = |extra: Value| {
        let mut cpu = json!({"name": "cpu", "cpu": {"averageUtilization": 70}});
        cpu.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        compile(json!([cpu])).queries[0].template.clone()
    };
    let automatic = Template::Cpu { window: Window::Auto };
    assert_eq!(cpu(json!({})), automatic);
    assert_eq!(automatic.window_seconds(20), Some(20));
    let asked = Template::Cpu {
        window: Window::Seconds(300),
    };
    assert_eq!(cpu(json!({"windowSeconds": 300})), asked);
    assert_eq!(asked.window_seconds(20), Some(300));
    assert_eq!(Template::Memory.window_seconds(20), None);
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
    let rate = |source: &str| Template::Source {
        source: source.into(),
        measure: SourceMeasure::RequestRate,
        by: Box::default(),
        window: Window::Auto,
    };
    let network = |direction, window| Template::Network { direction, window };
    let disk = |direction| Template::Disk {
        direction,
        window: Window::Auto,
    };
    let expected = [
        (
            "cpu",
            Template::Cpu { window: Window::Auto },
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
            Template::Custom {
                query: "up".into(),
                age_query: None,
            },
            Measure::Total {
                matching: [("queue".into(), "a".into())].into(),
            },
        ),
        (
            "sent",
            network(NetworkDirection::Transmit, Window::Seconds(300)),
            Measure::Network,
        ),
        (
            "traffic",
            network(NetworkDirection::Both, Window::Auto),
            Measure::Network,
        ),
        ("written", disk(DiskDirection::Write), Measure::Disk),
        ("disk", disk(DiskDirection::Both), Measure::Disk),
    ];
    let found: Vec<_> = compiled
        .metrics
        .iter()
        .zip(&compiled.queries)
        .map(|(metric, query)| (&*metric.name, query.template.clone(), metric.measure.clone()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn the_period_is_the_policys_or_the_controllers() {
    let compile = |policy: Value| {
        let stored = guarded(policy);
        CompiledPolicy::of(&stored.0.unwrap(), &config())
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
    let stored = guarded(with(policy("web"), "/spec/guards", guards));
    let compiled = CompiledPolicy::of(&stored.0.unwrap(), &config()).unwrap();
    let texts: Vec<&str> = compiled
        .queries
        .iter()
        .map(|query| match &query.template {
            Template::Custom { query, .. } => &**query,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(texts, ["load", "errors", "latency"]);
    assert_eq!(compiled.metric_queries().len(), 1);
    assert_eq!(&*compiled.guards()[1].name, "latency");
    assert_eq!(*compiled.guards()[1].matching, [("service".into(), "web".into())]);
}

#[test]
fn each_schedule_has_the_windows_of_its_own_place() {
    let schedule = |name: &str, start: &str| json!({"name": name, "start": start, "durationMinutes": 60, "minReplicas": 3});
    let schedules = |second: &str| json!([schedule("never-now", "0 0 1 1 *"), schedule("always", second)]);
    let compile = |second: &str| {
        let stored = guarded(with(policy("web"), "/spec/schedules", schedules(second)));
        CompiledPolicy::of(&stored.0.unwrap(), &config())
    };
    let windows = compile("0 * * * *").unwrap().windows(crate::fixtures::NOW);
    assert!(!windows.is_empty());
    assert!(windows.iter().all(|window| window.schedule == 1), "{windows:?}");
    let error = compile("61 * * * *").unwrap_err();
    assert!(error.contains("always"), "{error}");
}

#[test]
fn equal_queries_and_names_of_two_policies_are_one_allocation() {
    let metrics = json!([{"name": "a", "prometheus": {"query": "up", "value": 5, "match": {"queue": "a"}}}]);
    let (one, other) = (compile(metrics.clone()), compile(metrics));
    assert!(Arc::ptr_eq(&one.queries[0], &other.queries[0]));
    assert!(Arc::ptr_eq(&one.server, &one.queries[0].server));
    assert!(Arc::ptr_eq(&one.metrics[0].name, &other.metrics[0].name));
    let label = |compiled: &CompiledPolicy| match &compiled.metrics[0].measure {
        Measure::Total { matching } => Arc::clone(&matching[0].0),
        other => panic!("{other:?}"),
    };
    assert!(Arc::ptr_eq(&label(&one), &label(&other)));
}

/// Bytes of a policy beyond what it shares with others.
fn bytes(compiled: &CompiledPolicy) -> usize {
    let rules = [&compiled.decision.scale_up, &compiled.decision.scale_down];
    let matching = |matching: &Matching| {
        let values: usize = matching.iter().map(|(_, value)| value.len()).sum();
        size_of_val(&**matching) + values
    };
    let of_metric = |metric: &CompiledMetric| match &metric.measure {
        Measure::Total { matching: labels } => matching(labels),
        _ => 0,
    };
    size_of_val(compiled)
        + size_of_val(&*compiled.decision.metrics)
        + size_of_val(&*compiled.decision.guards)
        + rules
            .iter()
            .map(|rules| size_of_val(&*rules.policies))
            .sum::<usize>()
        + size_of_val(&*compiled.metrics)
        + compiled.metrics.iter().map(of_metric).sum::<usize>()
        + size_of_val(&*compiled.queries)
        + compiled.target.name.len()
        + compiled.rare.as_ref().map_or(0, |rare| {
            let guards: usize = rare.guards.iter().map(|guard| matching(&guard.matching)).sum();
            size_of_val(&**rare) + size_of_val(&*rare.guards) + size_of_val(&*rare.schedules) + guards
        })
}

#[test]
fn a_policy_of_one_query_and_two_labels_takes_few_bytes() {
    let compiled = compile(json!([{
        "name": "backlog",
        "prometheus": {"query": "sum by (queue, tenant) (ready)", "averageValue": 30,
                       "match": {"queue": "orders", "tenant": "a"}},
    }]));
    let bytes = bytes(&compiled);
    assert!(bytes <= 450, "{bytes} bytes, {} in place", size_of_val(&compiled));
}

#[test]
fn what_pauses_a_policy_is_known_without_the_stored_object() {
    let until = |text: &str| json!({"concertina.dev/paused-until": text});
    let mode = |policy: Value, at: &str| {
        let stored = guarded(policy);
        let compiled = CompiledPolicy::of(&stored.0.unwrap(), &config()).unwrap();
        compiled.mode_in_force(at.parse().unwrap())
    };
    let (before, after) = ("2030-01-01T00:00:00Z", "2030-01-01T02:00:00Z");
    let annotated = |text: &str| with(policy("web"), "/metadata/annotations", until(text));
    let at_one = annotated("2030-01-01T01:00:00Z");
    assert_eq!(mode(policy("web"), before), Ok(Mode::Auto));
    assert_eq!(mode(at_one.clone(), before), Ok(Mode::Paused));
    assert_eq!(mode(at_one, after), Ok(Mode::Auto));
    assert!(mode(annotated("tomorrow"), before).is_err());
    let paused = with(policy("web"), "/spec/mode", json!("Paused"));
    assert_eq!(mode(paused.clone(), after), Ok(Mode::Paused));
    let paused = with(paused, "/spec/pausedUntil", json!("2030-01-01T01:00:00Z"));
    assert_eq!(mode(paused.clone(), before), Ok(Mode::Paused));
    assert_eq!(mode(paused, after), Ok(Mode::Auto));
}

/// The templates and matching labels of a policy, by the names of its metrics.
fn totals(metrics: Value) -> Vec<(Template, Vec<(String, String)>)> {
    let compiled = compile(metrics);
    let labels = |metric: &CompiledMetric| match &metric.measure {
        Measure::Total { matching } => matching
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        other => panic!("{other:?}"),
    };
    compiled
        .metrics
        .iter()
        .zip(&compiled.queries)
        .map(|(metric, query)| (query.template.clone(), labels(metric)))
        .collect()
}

#[test]
fn requests_of_a_workload_are_picked_by_the_sources_labels_or_the_policys_own() {
    let found = totals(json!([
        {"name": "a", "requestRate": {"source": "istio", "averageValue": 5}},
        {"name": "b", "responseTime": {"source": "ingress-nginx", "value": "250m"}},
        {"name": "c", "failureRate": {"source": "ingress-nginx", "value": "0.02", "match": {"path": "/", "ingress": "i"}}},
    ]));
    let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        found[0].1,
        [
            text("destination_workload", "web"),
            text("destination_workload_namespace", "shop")
        ]
    );
    assert_eq!(found[1].1, [text("namespace", "shop"), text("service", "web")]);
    let quantile = |template: &Template| match template {
        Template::Source {
            measure: SourceMeasure::ResponseTime(quantile),
            ..
        } => quantile.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(quantile(&found[1].0), "0.95");
    assert_eq!(
        found[2].1,
        [text("ingress", "i"), text("namespace", "shop"), text("path", "/")]
    );
    assert!(
        matches!(&found[2].0, Template::Source { by, .. } if by.iter().map(|label| &**label).eq(["ingress", "path"]))
    );
}

#[test]
fn a_metric_and_a_guard_of_one_source_share_their_query() {
    let policy = with(
        policy("web"),
        "/spec/metrics",
        json!([{"name": "slow", "responseTime": {"source": "istio", "quantile": "0.990", "value": 1}}]),
    );
    let guards = json!([
        {"name": "slow", "responseTime": {"source": "istio", "quantile": "0.99"}, "above": 1},
        {"name": "errors", "failureRate": {"source": "istio"}, "above": "0.01"},
    ]);
    let stored = guarded(with(policy, "/spec/guards", guards));
    let compiled = CompiledPolicy::of(&stored.0.unwrap(), &config()).unwrap();
    assert!(Arc::ptr_eq(&compiled.queries[0], &compiled.queries[1]));
    assert_ne!(compiled.queries[0], compiled.queries[2]);
    assert_eq!(compiled.guards()[0].matching.len(), 2);
}

#[test]
fn labels_that_cannot_pick_requests_are_refused_with_what_to_write() {
    let error = |rate: Value| {
        let metrics = json!([{"name": "rate", "requestRate": rate}]);
        let stored = guarded(with(policy("web"), "/spec/metrics", metrics));
        CompiledPolicy::of(&stored.0.unwrap(), &config()).unwrap_err()
    };
    for (source, labels, expected) in [
        ("http", json!({"a": "b"}), "source http counts per pod"),
        (
            "istio",
            json!({"destination_workload_namespace": "other"}),
            "always the policy's own namespace",
        ),
        ("istio", json!({"__name__": "up"}), "no label to pick requests by"),
        ("istio", json!({"a\"}": "up"}), "no label to pick requests by"),
        ("istio", json!({"le": "1"}), "no label to pick requests by"),
    ] {
        let message = error(json!({"averageValue": 1, "source": source, "match": labels}));
        assert!(message.contains(expected), "{labels}: {message}");
    }
}
