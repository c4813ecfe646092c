use concertina_decision::{Change, Missing, Observation, Pod, PodReading, Reading, Reason, Writer};
use serde_json::json;

use super::tests::{lines, metrics_with};
use super::*;
use crate::cluster::QuotaRefusal;
use crate::cluster::pods::StartupTimes;
use crate::control::enforce::Effect;
use crate::fixtures::{outcome, outcome_of, policy, total, with};
use crate::observe::join::Note;

#[test]
fn a_policy_shows_its_replicas_and_the_reasons_that_bear_on_them() {
    let metrics = metrics_with(
        PolicySeriesLevel::Replicas,
        &[
            outcome(policy("web"), vec![total(400.0)]),
            outcome(policy("api"), vec![Reading::Missing(Missing::TimedOut)]),
        ],
    );
    let of_web = |name: &str, more: &str, number: u32| {
        format!("concertina_policy_{name}{{namespace=\"shop\",policy=\"web\"{more}}} {number}")
    };
    let told = lines(&metrics, "concertina_policy_");
    let web: Vec<&String> = told.iter().filter(|line| line.contains("\"web\"")).collect();
    assert_eq!(
        web,
        [
            &of_web("current_replicas", "", 2),
            &of_web("desired_replicas", "", 10),
            &of_web("min_replicas", "", 1),
            &of_web("max_replicas", "", 10),
            &of_web("metrics_missing", "", 0),
            &of_web("pods", ",state=\"ready\"", 2),
            &of_web("pods", ",state=\"unready\"", 0),
            &of_web("pods", ",state=\"starting\"", 0),
            &of_web("pods", ",state=\"crashing\"", 0),
            &of_web("changes_total", ",direction=\"up\"", 0),
            &of_web("changes_total", ",direction=\"down\"", 0),
            &of_web(
                "decision_info",
                ",mode=\"Auto\",reason=\"MetricAboveTarget\",winner=\"load\"",
                1
            ),
            &of_web("reason", ",reason=\"AtMaximum\"", 1),
        ]
    );
    let missing = lines(
        &metrics,
        "concertina_policy_metrics_missing{namespace=\"shop\",policy=\"api\"}",
    );
    assert_eq!(
        missing,
        ["concertina_policy_metrics_missing{namespace=\"shop\",policy=\"api\"} 1"]
    );
    let reasons = lines(
        &metrics,
        "concertina_policy_reason{namespace=\"shop\",policy=\"api\"",
    );
    let reasons: Vec<&str> = reasons.iter().filter_map(|line| line.split('"').nth(5)).collect();
    assert_eq!(reasons, ["MetricsMissing", "PrometheusTimeout"]);
}

#[test]
fn in_detail_a_policy_shows_its_stages_metrics_guards_and_start_up_times() {
    let guarded = with(
        policy("web"),
        "/spec/guards",
        json!([
            {"name": "errors", "query": "errors", "above": 1}, {"name": "latency", "query": "latency", "above": 1},
        ]),
    );
    let utilization = with(
        guarded,
        "/spec/metrics",
        json!([
            {"name": "cpu", "cpu": {"averageUtilization": 50}},
            {"name": "lo\"ad", "prometheus": {"query": "load", "averageValue": 10}},
        ]),
    );
    let reading = PodReading {
        value: Some(0.3),
        request: Some(1.0),
        ..PodReading::default()
    };
    let mut decided = outcome_of(
        utilization,
        &Observation {
            current_replicas: 2,
            pods: vec![Pod::Ready, Pod::Ready, Pod::Crashing],
            metrics: vec![
                Reading::PerPod(vec![reading; 2]),
                Reading::Missing(Missing::NoSamples),
            ],
            guards: vec![total(3.0), Reading::Missing(Missing::Stale)],
            ..Observation::default()
        },
    );
    decided.result.as_mut().unwrap().startup = Some(StartupTimes {
        p50_seconds: 4,
        p95_seconds: 9,
        samples: 30,
    });
    let metrics = metrics_with(PolicySeriesLevel::All, &[decided]);
    let found = |name: &str| -> Vec<String> {
        let beginning = format!("concertina_policy_{name}{{namespace=\"shop\",policy=\"web\",");
        let told = lines(&metrics, &beginning);
        told.iter()
            .map(|line| line[beginning.len()..].to_owned())
            .collect()
    };
    assert_eq!(found("metric_value"), ["metric=\"cpu\"} 0.3"]);
    assert_eq!(
        found("metric_target"),
        ["metric=\"cpu\"} 0.5", "metric=\"lo\\\"ad\"} 10"]
    );
    assert_eq!(found("metric_ratio").len(), 1);
    assert_eq!(
        found("metric_missing"),
        ["metric=\"lo\\\"ad\",reason=\"NoSamples\"} 1"]
    );
    assert_eq!(
        found("guard_state"),
        [
            "guard=\"errors\",state=\"Pending\"} 1",
            "guard=\"latency\",state=\"Missing\"} 1"
        ]
    );
    assert_eq!(
        found("startup_seconds"),
        ["quantile=\"0.5\"} 4", "quantile=\"0.95\"} 9"]
    );
    assert_eq!(found("pods").last().unwrap(), "state=\"crashing\"} 1");
    let stages = found("stage_replicas");
    assert_eq!(stages.len(), 9, "{stages:?}");
    assert_eq!(stages[0], "stage=\"Observe\",reason=\"SomeMetricsMissing\"} 2");
    assert!(found("reason").contains(&"reason=\"GuardMissing\"} 1".to_owned()));
}

#[test]
fn changes_are_counted_by_direction_when_they_were_written() {
    let mut up = outcome(policy("web"), vec![total(40.0)]);
    let metrics = metrics_with(PolicySeriesLevel::Replicas, std::slice::from_ref(&up));
    up.result.as_mut().unwrap().effect = Effect::Written;
    let bounded = with(policy("web"), "/spec/maxReplicas", 1.into());
    let mut down = outcome(bounded, vec![total(40.0)]);
    down.result.as_mut().unwrap().effect = Effect::Written;
    metrics.evaluated_all([&up, &up, &down]);
    let changes = lines(&metrics, "concertina_policy_changes_total");
    let numbers: Vec<&str> = changes
        .iter()
        .filter_map(|line| line.split("} ").nth(1))
        .collect();
    assert_eq!(numbers, ["2", "1"]);
}

#[test]
fn the_last_change_says_when_it_was_which_way_and_why_until_the_next() {
    let metrics = Metrics::default();
    let mut grown = outcome(policy("web"), vec![total(40.0)]);
    grown.result.as_mut().unwrap().effect = Effect::Written;
    let at_rest = outcome(policy("web"), vec![total(20.0)]);
    metrics.evaluated_all([&grown, &at_rest]);
    let last = |more: &str| {
        [format!(
            "concertina_policy_last_change_timestamp_seconds{{namespace=\"shop\",policy=\"web\",{more}}} 1700000000"
        )]
    };
    let told = || lines(&metrics, "concertina_policy_last_change");
    let growth = last("direction=\"up\",reason=\"MetricAboveTarget\",winner=\"load\"");
    assert_eq!(told(), growth);
    let newer = with(policy("web"), "/metadata/generation", 2.into());
    metrics.evaluated(&outcome(newer, vec![total(20.0)]));
    assert_eq!(
        told(),
        last("direction=\"up\",reason=\"MetricAboveTarget\",winner=\"\""),
        "another generation may have other metrics"
    );
    let mut by_other = at_rest;
    by_other.result.as_mut().unwrap().seen = Some(Change {
        at: by_other.time,
        from: 4,
        to: 2,
        by: Writer::Other,
    });
    metrics.evaluated(&by_other);
    assert_eq!(
        told(),
        last("direction=\"down\",reason=\"ReplicasChangedByOther\",winner=\"\"")
    );
}

#[test]
fn a_quota_that_refuses_pods_bears_on_a_decision_also_once_the_count_is_written() {
    let mut refused = outcome(policy("web"), vec![total(40.0)]);
    let decided = refused.result.as_mut().unwrap();
    decided.effect = Effect::Written;
    decided.quota = Some(QuotaRefusal {
        message: "exceeded quota: pods".into(),
        room: 3,
    });
    let metrics = metrics_with(PolicySeriesLevel::Replicas, &[refused]);
    let reasons = lines(&metrics, "concertina_policy_reason");
    assert_eq!(
        reasons,
        ["concertina_policy_reason{namespace=\"shop\",policy=\"web\",reason=\"QuotaExceeded\"} 1"]
    );
}

#[test]
fn what_cannot_be_decided_any_more_says_why_and_does_not_keep_its_last_numbers() {
    let metrics = Metrics::default();
    let mut outcome = outcome(policy("web"), vec![total(40.0)]);
    metrics.evaluated(&outcome);
    outcome.result = Err(Note {
        reason: Reason::TargetNotFound,
        message: "there is none".into(),
    });
    metrics.evaluated(&outcome);
    let of_web = "namespace=\"shop\",policy=\"web\"";
    assert_eq!(
        lines(&metrics, "concertina_policy_"),
        [
            format!("concertina_policy_changes_total{{{of_web},direction=\"up\"}} 0"),
            format!("concertina_policy_changes_total{{{of_web},direction=\"down\"}} 0"),
            format!(
                "concertina_policy_decision_info{{{of_web},mode=\"Auto\",reason=\"TargetNotFound\",winner=\"\"}} 1"
            ),
            format!("concertina_policy_reason{{{of_web},reason=\"TargetNotFound\"}} 1"),
        ]
    );
    assert_eq!(
        lines(&metrics, "concertina_decisions_total{reason=\"TargetNotFound\"}"),
        ["concertina_decisions_total{reason=\"TargetNotFound\"} 1"]
    );
}

#[test]
fn a_policy_that_is_gone_takes_its_series_with_it() {
    let metrics = Metrics::default();
    let (web, api) = (
        outcome(policy("web"), vec![total(40.0)]),
        outcome(policy("api"), vec![total(40.0)]),
    );
    metrics.evaluated_all([&web, &api]);
    metrics.forget(&web.record);
    assert!(
        lines(&metrics, "concertina_policy_")
            .iter()
            .all(|line| line.contains("policy=\"api\""))
    );
    let left = lines(&metrics, "concertina_policy_desired_replicas");
    assert_eq!(
        left,
        ["concertina_policy_desired_replicas{namespace=\"shop\",policy=\"api\"} 4"]
    );
}
