use concertina_decision::{Missing, Reading};
use serde_json::{Value, json};

use super::*;
use crate::observe::join::total_reading;

const NOW: Timestamp = Timestamp(1_700_000_040_000);

#[test]
fn the_steps_of_a_window_are_those_of_the_evaluations_and_reach_over_its_whole_length() {
    let steps = Steps::before(NOW, 300, 15);
    let expected = Steps {
        start: 1_699_999_740,
        end: 1_700_000_025,
        step: 15,
    };
    assert_eq!(steps, expected);
    let times: Vec<_> = steps.times().collect();
    assert_eq!(times.len(), 20);
    assert_eq!(times[0], Timestamp(NOW.0 - 300_000));
    assert_eq!(
        times[19],
        Timestamp(NOW.0 - 15_000),
        "what is now is evaluated, not rebuilt"
    );
}

#[test]
fn steps_are_aligned_to_the_clock_so_that_policies_share_them() {
    for milliseconds in [1, 4_000, 14_999] {
        let steps = Steps::before(Timestamp(NOW.0 + milliseconds), 300, 15);
        assert_eq!(
            (steps.start, steps.end),
            (1_699_999_740, 1_700_000_040),
            "{milliseconds}"
        );
    }
}

#[test]
fn there_are_few_steps_whatever_the_window() {
    for window in [0, 1, 15, 299, 300, 900, 3600, u32::MAX] {
        for period in [1, 2, 5, 10, 15, 30, 60] {
            let steps = Steps::before(NOW, window, period);
            assert!((1..=61).contains(&steps.count()), "{window} {period}: {steps:?}");
            assert_eq!(steps.step % period, 0, "{window} {period}");
            let first = steps.times().next().unwrap();
            assert!(
                first.0 <= NOW.0 - i64::from(window.min(3600)) * 1000 || window == 0,
                "{window} {period}"
            );
        }
    }
}

/// Three steps of 15 seconds.
const STEPS: Steps = Steps {
    start: 1_700_000_010,
    end: 1_700_000_040,
    step: 15,
};

fn matrix(rows: &[(Value, Value)]) -> Vec<u8> {
    let rows: Vec<_> = rows
        .iter()
        .map(|(metric, values)| json!({"metric": metric, "values": values}))
        .collect();
    json!({"status": "success", "warnings": ["partial"], "data": {"resultType": "matrix", "result": rows}})
        .to_string()
        .into_bytes()
}

fn family(name: &str, pod: &str) -> Value {
    json!({"concertina": name, "namespace": "shop", "pod": pod, "container": "app"})
}

#[test]
fn each_step_is_what_an_instant_query_would_have_answered() {
    let text = matrix(&[
        (
            family("value", "web-0"),
            json!([[1_700_000_010, "1"], [1_700_000_040, "3"]]),
        ),
        (
            family("time", "web-0"),
            json!([[1_700_000_010, "1700000008.5"], [1_700_000_040, "1700000038.5"]]),
        ),
        (family("value", "web-1"), json!([[1_700_000_025.0, "2"]])),
        (family("value", "not-asked-for"), json!([[1_700_000_025.0, "9"]])),
    ]);
    let history = History::of_pods(&text, STEPS, "namespace", "pod").unwrap();
    let part = history.part("shop", ["web-0", "web-1", "gone"].into_iter(), None);
    let at = |step: usize| match part.at(step).table {
        Table::Pods(mut pods) => {
            let pods: BTreeMap<_, _> = pods.remove("shop").unwrap().into_iter().collect();
            let of = |name: &str| pods.get(name).cloned().unwrap_or_default();
            assert!(!pods.contains_key("not-asked-for") && !pods.contains_key("gone"));
            (of("web-0"), of("web-1"))
        }
        Table::Series(_) => panic!("not by pod"),
    };
    let entry = |value: f64, time_ms: Option<i64>| {
        let entry = Entry {
            value: Some(value),
            time_ms,
            ..Entry::default()
        };
        vec![("app".into(), entry)]
    };
    assert_eq!(at(0), (entry(1.0, Some(1_700_000_008_500)), vec![]));
    assert_eq!(at(1), (vec![], entry(2.0, None)));
    assert_eq!(at(2), (entry(3.0, Some(1_700_000_038_500)), vec![]));
    assert_eq!(at(3), (vec![], vec![]), "beyond the end");
    assert_eq!(part.at(0).remarks.warnings, ["partial"]);
}

#[test]
fn each_step_of_an_answer_in_part_is_a_part() {
    let text = r#"{"status":"success","isPartial":true,"data":{"resultType":"matrix","result":[
        {"metric":{},"values":[[1700000010,"1"]]}]},"stats":{"seriesFetched":"1","executionTimeMsec":3}}"#;
    let history = History::of_series(text.as_bytes(), STEPS).unwrap();
    let part = history.part("shop", std::iter::empty(), None);
    for step in 0..3 {
        let (reading, _) = total_reading(&[], &Ok(part.at(step)));
        assert_eq!(reading, Reading::Missing(Missing::ServerError), "{step}");
    }
}

#[test]
fn series_of_ones_own_are_those_that_match() {
    let text = matrix(&[
        (
            json!({"queue": "a"}),
            json!([[1_700_000_010, "1"], [1_700_000_025, "NaN"]]),
        ),
        (json!({"queue": "b"}), json!([[1_700_000_010, "5"]])),
    ]);
    let history = History::of_series(&text, STEPS).unwrap();
    let matching = Matching::from([("queue".into(), "a".into())]);
    let values = |matching: Option<&Matching>, step: usize| -> Vec<f64> {
        match history.part("shop", std::iter::empty(), matching).at(step).table {
            Table::Series(series) => series.into_iter().map(|(_, value)| value).collect(),
            Table::Pods(_) => panic!("by pod"),
        }
    };
    assert_eq!(values(Some(&matching), 0), [1.0]);
    assert!(values(Some(&matching), 1)[0].is_nan());
    assert_eq!(values(Some(&matching), 2), [0.0; 0]);
    assert_eq!(values(None, 0), [1.0, 5.0]);
}

#[test]
fn instants_that_were_not_asked_for_are_left_out() {
    let text = matrix(&[(
        json!({}),
        json!([
            [1_699_999_995, "1"],
            [1_700_000_017, "2"],
            [1_700_000_055, "3"],
            [1e300, "4"],
            [-1e300, "5"]
        ]),
    )]);
    let history = History::of_series(&text, STEPS).unwrap();
    for step in 0..3 {
        let answer = history.part("shop", std::iter::empty(), None).at(step);
        assert_eq!(answer.table, Table::Series(vec![]), "{step}");
    }
}

#[test]
fn what_is_no_matrix_is_refused() {
    let vector = json!({"status": "success", "data": {"resultType": "vector", "result": []}}).to_string();
    let histogram = json!({"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "histograms": []}]}})
        .to_string();
    let no_number = matrix(&[(family("value", "web-0"), json!([[1_700_000_010, "seven"]]))]);
    let whole = matrix(&[(family("value", "web-0"), json!([[1_700_000_010, "7"]]))]);
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    for text in [vector.into_bytes(), histogram.into_bytes(), no_number]
        .into_iter()
        .chain(cut)
    {
        assert!(History::of_pods(&text, STEPS, "namespace", "pod").is_err());
        assert!(History::of_series(&text, STEPS).is_err());
    }
    assert!(History::of_pods(&whole, STEPS, "namespace", "pod").is_ok());
}
