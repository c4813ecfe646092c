use serde_json::Value;

use super::*;
use crate::control::enforce::Effect;
use crate::fixtures::{outcome, policy, total, with};

pub(super) fn lines(metrics: &Metrics, beginning: &str) -> Vec<String> {
    let text = metrics.encode().unwrap();
    let lines = text.lines().filter(|line| line.starts_with(beginning));
    lines.map(str::to_owned).collect()
}

fn named(name: &str) -> Value {
    with(policy("web"), "/metadata/name", name.into())
}

pub(super) fn metrics_with(level: PolicySeriesLevel, outcomes: &[Outcome]) -> Metrics {
    let metrics = Metrics::new(level);
    metrics.evaluated_all(outcomes);
    metrics
}

#[test]
fn a_standby_shows_no_policies() {
    let leadership = Arc::new(Leadership::standby());
    let metrics = Metrics::default().telling_of(&leadership);
    metrics.evaluated(&outcome(policy("web"), vec![total(40.0)]));
    assert_eq!(lines(&metrics, "concertina_policy_"), [""; 0]);
    assert_eq!(lines(&metrics, "concertina_leader "), ["concertina_leader 0"]);
    let alone = Metrics::default().telling_of(&Arc::new(Leadership::alone()));
    alone.evaluated(&outcome(policy("web"), vec![total(40.0)]));
    assert_eq!(lines(&alone, "concertina_policy_desired_replicas").len(), 1);
}

#[test]
fn without_series_of_policies_all_else_is_there() {
    let metrics = metrics_with(
        PolicySeriesLevel::None,
        &[outcome(policy("web"), vec![total(40.0)])],
    );
    assert_eq!(lines(&metrics, "concertina_policy_"), [""; 0]);
    assert_eq!(lines(&metrics, "concertina_decisions_total").len(), 1);
}

#[test]
fn the_text_comes_in_pieces_of_bounded_size_and_ends_as_the_format_asks() {
    let metrics = Arc::new(Metrics::default());
    for number in 0..1300 {
        metrics.evaluated(&outcome(named(&format!("web-{number}")), vec![total(20.0)]));
    }
    let pieces: Vec<String> = metrics.pages().unwrap().collect();
    assert!(pieces.len() > families_shown() + 2, "{}", pieces.len());
    assert!(pieces.iter().all(|piece| piece.len() < 52_000));
    let text = pieces.concat();
    let but_time = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with("process_"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert!(
        but_time(&text) == but_time(&metrics.encode().unwrap()),
        "in pieces and at once"
    );
    assert!(text.ends_with("\n# EOF\n"));
    for family in [
        "current_replicas",
        "desired_replicas",
        "metrics_missing",
        "metric_ratio",
    ] {
        let rows = text
            .lines()
            .filter(|line| line.starts_with(&format!("concertina_policy_{family}{{")));
        assert_eq!(rows.count(), 1300, "{family}");
        let kinds = format!("# TYPE concertina_policy_{family} gauge");
        assert_eq!(text.lines().filter(|line| *line == kinds).count(), 1);
    }
}

fn families_shown() -> usize {
    names::POLICY.metrics.len() + names::POLICY_DETAIL.metrics.len()
}

#[test]
fn every_metric_of_the_catalogue_is_exported_under_its_name_type_and_help() {
    let metrics = Metrics::default().telling_of(&Arc::new(Leadership::alone()));
    let mut grown = outcome(policy("web"), vec![total(40.0)]);
    grown.result.as_mut().unwrap().effect = Effect::Written;
    metrics.evaluated(&grown);
    metrics.queried("default", &Ok(()), Duration::from_millis(1));
    metrics.decoded("default", 1, 10);
    metrics.failovers("default", 1);
    metrics.scrape_interval("default", "cpu", 15.0, 60);
    metrics.scale_write(&Ok(Scale::default()));
    metrics.status_write(true);
    let text = metrics.encode().unwrap();
    for metric in names::SECTIONS.iter().flat_map(|section| section.metrics) {
        let (family, kind) = (metric.family(), metric.kind.as_str());
        let (type_line, help) = (
            format!("# TYPE {family} {kind}"),
            format!("# HELP {family} {}", metric.help),
        );
        assert!(text.lines().any(|line| line == type_line), "{type_line}");
        assert!(
            text.lines().any(|line| line.trim_end_matches('.') == help),
            "{help}"
        );
    }
    let described = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let known: Vec<&str> = names::SECTIONS
        .iter()
        .flat_map(|section| section.metrics)
        .map(MetricName::family)
        .collect();
    let unknown: Vec<&str> = described.filter(|family| !known.contains(family)).collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn a_server_in_trouble_is_told_from_a_query_that_is_refused_and_what_was_not_sent_takes_no_time() {
    let metrics = Metrics::default();
    let rejected = |status| FetchError::Rejected {
        status,
        message: "no".into(),
    };
    for error in [
        rejected(400),
        rejected(401),
        rejected(429),
        rejected(503),
        FetchError::TimedOut(5),
    ] {
        metrics.queried::<()>("default", &Err(error), Duration::from_secs(1));
    }
    for error in [
        FetchError::StillAsking,
        FetchError::NoTurn(5),
        FetchError::Unprepared("no file".into()),
    ] {
        metrics.queried::<()>("default", &Err(error), Duration::ZERO);
    }
    let count = |result: &str| {
        let line = format!("concertina_queries_total{{server=\"default\",result=\"{result}\"}} ");
        lines(&metrics, &line)[0][line.len()..].to_owned()
    };
    let results = [
        "rejected",
        "server_error",
        "timeout",
        "still_asking",
        "unreachable",
    ];
    assert_eq!(results.map(count), ["2", "2", "2", "1", "1"]);
    assert_eq!(
        lines(&metrics, "concertina_query_duration_seconds_count"),
        ["concertina_query_duration_seconds_count{server=\"default\"} 5"]
    );
}

#[test]
fn the_numbers_of_a_policy_take_few_bytes() {
    let bytes = |level: PolicySeriesLevel| {
        let outcomes = (0..1000).map(|number| outcome(named(&format!("web-{number}")), vec![total(20.0)]));
        metrics_with(level, &outcomes.collect::<Vec<_>>()).policy_bytes()
    };
    let (replicas, all) = (bytes(PolicySeriesLevel::Replicas), bytes(PolicySeriesLevel::All));
    println!("{replicas} and {all} bytes for 1,000 policies");
    assert!(replicas <= 1000 * 76, "{replicas}");
    assert!(all <= 1000 * 300, "{all}");
}

#[test]
fn the_process_tells_what_it_costs() {
    let metrics = Metrics::default();
    let number = |name: &str| -> f64 {
        let line = lines(&metrics, &format!("{name} "));
        line[0].rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(number("process_cpu_seconds_total") > 0.0);
    assert!(number("process_resident_memory_bytes") > 1_000_000.0);
    assert!(number("process_start_time_seconds") > 1_700_000_000.0);
    let build = format!(
        "concertina_build_info{{version=\"{}\"}} 1",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(lines(&metrics, "concertina_build_info"), [build]);
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
        "concertina_events_dropped_total 1",
    ] {
        assert!(text.lines().any(|told| told == line), "no {line} in\n{text}");
    }
}
