use concertina_decision::{Missing, Reading, Reason};

use super::*;
use crate::fixtures::{outcome, policy, total, with};
use crate::observe::join::Note;

fn lines(metrics: &Metrics, beginning: &str) -> Vec<String> {
    let text = metrics.encode().unwrap();
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_policy_shows_its_counts_and_how_many_metrics_are_missing() {
    let metrics = Metrics::default();
    metrics.evaluated(&outcome(policy("web"), vec![total(40.0)]));
    metrics.evaluated(&outcome(policy("api"), vec![Reading::Missing(Missing::TimedOut)]));
    metrics.evaluations(2);
    assert_eq!(
        lines(&metrics, "concertina_policy_"),
        [
            "concertina_policy_current_replicas{namespace=\"shop\",policy=\"web\"} 2",
            "concertina_policy_current_replicas{namespace=\"shop\",policy=\"api\"} 2",
            "concertina_policy_desired_replicas{namespace=\"shop\",policy=\"web\"} 4",
            "concertina_policy_desired_replicas{namespace=\"shop\",policy=\"api\"} 2",
            "concertina_policy_metrics_missing{namespace=\"shop\",policy=\"web\"} 0",
            "concertina_policy_metrics_missing{namespace=\"shop\",policy=\"api\"} 1",
        ]
    );
    assert_eq!(
        lines(&metrics, "concertina_evaluations_total"),
        ["concertina_evaluations_total 2"]
    );
}

#[test]
fn what_cannot_be_decided_any_more_does_not_keep_its_last_numbers() {
    let metrics = Metrics::default();
    let mut outcome = outcome(policy("web"), vec![total(40.0)]);
    metrics.evaluated(&outcome);
    outcome.result = Err(Note {
        reason: Reason::TargetNotFound,
        message: "there is none".into(),
    });
    metrics.evaluated(&outcome);
    assert_eq!(lines(&metrics, "concertina_policy_"), [""; 0]);
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
    let left = lines(&metrics, "concertina_policy_desired_replicas");
    assert_eq!(
        left,
        ["concertina_policy_desired_replicas{namespace=\"shop\",policy=\"api\"} 4"]
    );
}

#[test]
fn without_series_of_policies_all_else_is_there() {
    let metrics = Metrics::new(false);
    metrics.evaluated(&outcome(policy("web"), vec![total(40.0)]));
    assert_eq!(lines(&metrics, "concertina_policy_"), [""; 0]);
    assert_eq!(lines(&metrics, "concertina_decisions_total").len(), 1);
}

#[test]
fn the_text_comes_in_pieces_of_bounded_size_and_ends_as_the_format_asks() {
    let metrics = Arc::new(Metrics::default());
    for number in 0..1300 {
        let named = with(policy("web"), "/metadata/name", format!("web-{number}").into());
        metrics.evaluated(&outcome(named, vec![total(20.0)]));
    }
    let pieces: Vec<String> = metrics.pages().unwrap().collect();
    assert_eq!(pieces.len(), 1 + 3 * 3 + 1);
    assert!(pieces.iter().all(|piece| piece.len() < 100_000));
    let text = pieces.concat();
    assert_eq!(text, metrics.encode().unwrap());
    assert!(text.ends_with("\n# EOF\n"));
    for family in ["current_replicas", "desired_replicas", "metrics_missing"] {
        let rows = text
            .lines()
            .filter(|line| line.starts_with(&format!("concertina_policy_{family}{{")));
        assert_eq!(rows.count(), 1300, "{family}");
        let kinds = format!("# TYPE concertina_policy_{family} gauge");
        assert_eq!(text.lines().filter(|line| *line == kinds).count(), 1);
    }
}

#[test]
fn the_numbers_of_a_policy_take_few_bytes() {
    let metrics = Metrics::default();
    for number in 0..1000 {
        let named = with(policy("web"), "/metadata/name", format!("web-{number}").into());
        metrics.evaluated(&outcome(named, vec![total(20.0)]));
    }
    assert!(metrics.policy_bytes() <= 1000 * 28, "{}", metrics.policy_bytes());
}

#[test]
fn every_fact_of_the_loop_has_its_metric() {
    let metrics = Metrics::default();
    metrics.policies(3);
    metrics.evaluation_gap(1.04);
    metrics.evaluation_gap(15.5);
    metrics.evaluations_late(2);
    metrics.tick(Duration::from_millis(3));
    metrics.scale_write_took(Duration::from_millis(30));
    metrics.decoded("default", 100, 5000);
    metrics.newest_sample_age("default", "cpu", 7.5);
    metrics.event_dropped();
    let text = metrics.encode().unwrap();
    for line in [
        "concertina_policies 3",
        "concertina_evaluation_gap_seconds_bucket{le=\"1.05\"} 1",
        "concertina_evaluation_gap_seconds_bucket{le=\"15.0\"} 1",
        "concertina_evaluation_gap_seconds_bucket{le=\"15.75\"} 2",
        "concertina_evaluations_late_total 2",
        "concertina_tick_duration_seconds_bucket{le=\"0.005\"} 1",
        "concertina_scale_write_duration_seconds_count 1",
        "concertina_series_decoded_total{server=\"default\"} 100",
        "concertina_response_bytes_total{server=\"default\"} 5000",
        "concertina_newest_sample_age_seconds{server=\"default\",kind=\"cpu\"} 7.5",
        "concertina_events_dropped_total 1",
    ] {
        assert!(text.lines().any(|told| told == line), "no {line} in\n{text}");
    }
}
