use concertina_decision::{Missing, Reading};
use serde_json::{Value, json};

use super::*;
use crate::observe::join::total_reading;
use crate::observe::table::Entry;

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

fn of_pods(text: &[u8]) -> Result<History, FetchError> {
    History::decode(text, STEPS, &Wanted::Pods, Naming::CONTAINERS)
}

/// The history of a user's own query, of which all series together and those of each queue are wanted.
fn of_series(text: &[u8]) -> Result<History, FetchError> {
    let sets = vec![[].into(), ["queue".into()].into()];
    History::decode(text, STEPS, &Wanted::Labels(sets), Naming::OWN)
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
    let history = of_pods(&text).unwrap();
    let part = history.part("shop", ["web-0", "web-1", "gone"].into_iter(), None);
    let at = |step: usize| match part.at(step).table {
        Table::Pods(pods) => {
            let of = |pod: &str| -> Vec<(String, Entry)> {
                let containers = pods.containers("shop", pod);
                containers.map(|(name, entry)| (name.to_owned(), entry)).collect()
            };
            assert!(of("not-asked-for").is_empty() && of("gone").is_empty());
            (of("web-0"), of("web-1"))
        }
        Table::Labels(_) => panic!("not by pod"),
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
    let history = of_series(text.as_bytes()).unwrap();
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
    let history = of_series(&text).unwrap();
    let queue = |name: &str| Vec::from([("queue".into(), name.into())]);
    let reading = |matching: &[(Arc<str>, Box<str>)], step: usize| {
        let part = history.part("shop", std::iter::empty(), Some(matching));
        // The answer is one in part as the server warns, which is not looked at here.
        let answer = Answer {
            remarks: Remarks::default(),
            ..part.at(step)
        };
        total_reading(matching, &Ok(answer)).0
    };
    let value = |matching: &[(Arc<str>, Box<str>)], step: usize| match reading(matching, step) {
        Reading::Total { value, .. } => value,
        other => panic!("{other:?}"),
    };
    assert_eq!((value(&queue("a"), 0), value(&queue("b"), 0)), (1.0, 5.0));
    assert!(value(&queue("a"), 1).is_nan());
    assert_eq!(reading(&queue("a"), 2), Reading::Missing(Missing::NoSamples));
    assert_eq!(reading(&queue("c"), 0), Reading::Missing(Missing::NoSamples));
    assert_eq!(reading(&[], 0), Reading::Missing(Missing::Ambiguous));
    assert!(value(&[], 1).is_nan(), "one of two is there");
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
    let history = of_series(&text).unwrap();
    for step in 0..3 {
        match history.part("shop", std::iter::empty(), None).at(step).table {
            Table::Labels(table) => assert_eq!(table.group(&[]), Some(Group::default()), "{step}"),
            Table::Pods(_) => panic!("by pod"),
        }
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
        assert!(of_pods(&text).is_err());
        assert!(of_series(&text).is_err());
    }
    assert!(of_pods(&whole).is_ok());
}
