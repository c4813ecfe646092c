//! What one metric of a spec comes to.

use serde_json::{Value, json};

use super::*;
use crate::api::settings::tests::{assert_refused, spec};

/// The decision's metric for one of a spec.
fn metric(metric: &Value) -> Metric {
    let policy = spec(json!({"metrics": [metric]})).unwrap().decision_policy();
    policy.unwrap().metrics[0]
}

#[test]
fn bytes_are_a_rate_per_replica_that_the_cpu_moves() {
    let table = [
        json!({"name": "a", "network": {"averageValue": "10M"}}),
        json!({"name": "a", "network": {"averageValue": "10M", "direction": "Receive"}}),
        json!({"name": "a", "disk": {"averageValue": 10_000_000}}),
        json!({"name": "a", "disk": {"averageValue": "10M", "direction": "Write"}}),
    ];
    for row in table {
        let metric = metric(&row);
        let per_replica = 10_000_000.0;
        assert_eq!(metric.target, Target::AverageValue { per_replica });
        assert!(metric.cpu_bound);
    }
}

#[test]
fn only_cpu_and_memory_have_no_activation_unless_one_is_written() {
    let table = [
        (json!({"cpu": {"averageUtilization": 70}}), None),
        (json!({"memory": {"averageValue": "1Gi"}}), None),
        (json!({"requestRate": {"averageValue": 50}}), Some(0.0)),
        (json!({"network": {"averageValue": "10M"}}), Some(0.0)),
        (json!({"disk": {"averageValue": "10M"}}), Some(0.0)),
        (
            json!({"prometheus": {"query": "x", "averageValue": 30}}),
            Some(0.0),
        ),
        (json!({"prometheus": {"query": "x", "value": 30}}), Some(0.0)),
    ];
    for (mut row, expected) in table {
        row["name"] = json!("a");
        assert_eq!(metric(&row).activation, expected, "{row}");
        row["activation"] = json!("500m");
        assert_eq!(metric(&row).activation, Some(0.5), "{row}");
    }
}

#[test]
fn what_is_not_written_of_a_metric_has_the_documented_default() {
    let metric = metric(&json!({"name": "a", "prometheus": {"query": "x", "averageValue": 30}}));
    assert_eq!(metric.tolerance, MetricTolerance::default());
    assert_eq!(metric.when_empty, concertina_decision::WhenEmpty::Missing);
    assert_eq!(metric.on_missing, concertina_decision::OnMissing::Hold);
}

#[test]
fn what_is_written_of_a_metric_reaches_the_decision() {
    let metric = metric(&json!({
        "name": "a", "prometheus": {"query": "x", "averageValue": 30}, "whenEmpty": "Zero", "onMissing": "Ignore",
        "tolerance": {"scaleUp": "0.05", "scaleDown": 1},
    }));
    let tolerance = MetricTolerance {
        scale_up: Some(0.05),
        scale_down: Some(1.0),
    };
    assert_eq!(metric.tolerance, tolerance);
    assert_eq!(metric.when_empty, concertina_decision::WhenEmpty::Zero);
    assert_eq!(metric.on_missing, concertina_decision::OnMissing::Ignore);
}

#[test]
fn a_metric_that_contradicts_itself_is_refused_with_what_to_write() {
    let metric = |metric: Value| json!({"metrics": [metric]});
    let query = json!({"query": "x", "averageValue": 30});
    assert_refused([
        (
            metric(json!({"name": "a", "network": {"averageValue": 1}, "disk": {"averageValue": 1}})),
            "metric a has 2 of cpu, memory, requestRate, responseTime, failureRate, network, disk and prometheus: write exactly one",
        ),
        (
            metric(json!({"name": "a", "network": {"averageValue": 0}})),
            "metric a averageValue is 0: write bytes per second above 0, such as 10M",
        ),
        (
            metric(json!({"name": "a", "disk": {"averageValue": "-1"}})),
            "metric a averageValue is -1: write bytes per second above 0, such as 20M",
        ),
        (
            metric(json!({"name": "a", "prometheus": query, "activation": -1})),
            "metric a activation is -1: write an amount of 0 or more, such as 5",
        ),
        (
            metric(json!({"name": "a", "prometheus": query, "activation": "9000000000e300"})),
            "metric a activation is",
        ),
        (
            metric(json!({"name": "a", "prometheus": query, "tolerance": {"scaleUp": 5}})),
            "metric a tolerance.scaleUp is 5: write a share from 0 to 1",
        ),
        (
            metric(json!({"name": "a", "prometheus": query, "tolerance": {"scaleDown": "-0.1"}})),
            "metric a tolerance.scaleDown is -100m: write a share from 0 to 1",
        ),
        (
            metric(json!({"name": "a", "cpu": {"averageUtilization": 70}, "whenEmpty": "Zero"})),
            "metric a has whenEmpty, which is not for cpu and memory",
        ),
        (
            metric(json!({"name": "a", "memory": {"averageUtilization": 70}, "whenEmpty": "Missing"})),
            "metric a has whenEmpty, which is not for cpu and memory",
        ),
    ]);
}

#[test]
fn response_time_and_failures_are_values_that_no_pod_measures() {
    for (row, value) in [
        (
            json!({"responseTime": {"source": "istio", "value": "250m"}}),
            0.25,
        ),
        (
            json!({"responseTime": {"source": "istio", "quantile": "0.99", "value": 2}}),
            2.0,
        ),
        (json!({"failureRate": {"source": "istio", "value": "0.02"}}), 0.02),
        (json!({"failureRate": {"source": "istio", "value": 1}}), 1.0),
    ] {
        let mut row = row;
        row["name"] = json!("a");
        let metric = metric(&row);
        assert_eq!(metric.target, Target::Value { value }, "{row}");
        assert!(!metric.cpu_bound && !metric.starts_hot, "{row}");
    }
}

#[test]
fn response_times_and_failures_that_make_no_sense_are_refused_with_what_to_write() {
    let time = |quantile: Value, value: Value| json!({"metrics": [{"name": "a", "responseTime": {"source": "s", "quantile": quantile, "value": value}}]});
    let failures =
        |value: Value| json!({"metrics": [{"name": "a", "failureRate": {"source": "s", "value": value}}]});
    let quantile = "write a share from 0.0001 to 0.9999 in quotes, such as \"0.95\"";
    assert_refused([
        (
            time(json!("0.95"), json!(0)),
            "metric a value is 0: write seconds above 0",
        ),
        (time(json!(1), json!(1)), "metric a quantile is 1: write a share"),
        (time(json!("95"), json!(1)), quantile),
        (time(json!("0"), json!(1)), quantile),
        (time(json!("0.00001"), json!(1)), quantile),
        (failures(json!("0")), "metric a value is 0: write a share above 0"),
        (
            failures(json!(2)),
            "metric a value is 2: write a share from 0 to 1",
        ),
    ]);
    let texts = [quantile_of(None), quantile_of(Some("0.5"))].map(|quantile| quantile.to_string());
    assert_eq!(texts, ["0.95", "0.5"]);
}

#[allow(clippy::float_cmp)] // as it is written
fn quantile_of(asked: Option<&str>) -> f64 {
    super::quantile(asked.map(|asked| asked.parse().unwrap())).unwrap()
}
