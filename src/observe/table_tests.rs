use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn answer(kind: &str, result: &Value) -> Vec<u8> {
    json!({"status": "success", "data": {"resultType": kind, "result": result}})
        .to_string()
        .into_bytes()
}

/// Namespace and pod with the containers and what is known of them.
struct Pods(PodTable);

impl Pods {
    fn of(&self, pod: &str) -> Vec<(String, Entry)> {
        let containers = self.0.containers("shop", pod);
        containers.map(|(name, entry)| (name.to_owned(), entry)).collect()
    }
}

fn decode_pods(text: &[u8]) -> Result<Answer, FetchError> {
    decode(text, &Wanted::Pods, Naming::CONTAINERS)
}

/// Decodes a user's own query, of which series with these labels are wanted.
fn decode_own(text: &[u8], sets: &[&[&str]]) -> Result<Answer, FetchError> {
    let set = |set: &&[&str]| set.iter().map(|name| Arc::from(*name)).collect();
    decode(text, &Wanted::Labels(sets.iter().map(set).collect()), Naming::OWN)
}

/// All series of a user's own query together.
fn decode_total(text: &[u8]) -> Result<Answer, FetchError> {
    decode_own(text, &[&[]])
}

fn matching(labels: &[(&str, &str)]) -> Vec<(Arc<str>, Box<str>)> {
    let label = |(name, value): &(&str, &str)| (Arc::from(*name), Box::from(*value));
    labels.iter().map(label).collect()
}

fn group(answer: &Answer, labels: &[(&str, &str)]) -> Group {
    match &answer.table {
        Table::Labels(table) => table.group(&matching(labels)).unwrap(),
        Table::Pods(_) => panic!("by pod"),
    }
}

fn by_pod(answer: Answer) -> Pods {
    match answer.table {
        Table::Pods(pods) => Pods(pods),
        Table::Labels(_) => panic!("not by pod"),
    }
}

fn pods(series: &[(Value, &str)]) -> Pods {
    let one = |(labels, value): &(Value, &str)| json!({"metric": labels, "value": [1.5, value]});
    let text = answer("vector", &series.iter().map(one).collect());
    by_pod(decode_pods(&text).unwrap())
}

fn sample(family: &str, container: &str) -> Value {
    json!({"concertina": family, "namespace": "shop", "pod": "web-0", "container": container})
}

#[test]
fn the_families_of_one_container_make_one_entry_in_any_order() {
    let mut series = [
        (sample("time", "app"), "1700000000.25"),
        (sample("duplicates", "app"), "2"),
        (sample("partial", "app"), "1"),
        (sample("value", "app"), "0.5"),
    ];
    for _ in 0..4 {
        series.rotate_left(1);
        let expected = Entry {
            value: Some(0.5),
            time_ms: Some(1_700_000_000_250),
            duplicate: true,
            partial: true,
        };
        assert_eq!(pods(&series).of("web-0"), [("app".into(), expected)]);
    }
}

#[test]
fn containers_stay_apart_and_a_pod_without_container_label_has_one_without_name() {
    let labels = json!({"concertina": "value", "namespace": "shop", "pod": "web-1"});
    let pods = pods(&[
        (sample("value", "app"), "1"),
        (sample("value", "proxy"), "2"),
        (labels, "3"),
    ]);
    let names = |pod: &str| -> Vec<String> { pods.of(pod).into_iter().map(|(name, _)| name).collect() };
    assert_eq!(names("web-0"), ["app", "proxy"]);
    assert_eq!(names("web-1"), [""]);
    assert_eq!(names("web-2"), [""; 0]);
    assert_eq!(pods.0.containers("elsewhere", "web-0").count(), 0);
}

#[test]
fn nan_and_infinities_are_kept_for_the_decision_to_refuse() {
    for (text, check) in [
        ("NaN", f64::is_nan as fn(f64) -> bool),
        ("+Inf", f64::is_infinite),
        ("-Inf", f64::is_infinite),
    ] {
        let pods = pods(&[(sample("value", "app"), text)]);
        assert!(check(pods.of("web-0")[0].1.value.unwrap()), "{text}");
    }
}

#[test]
fn a_time_that_is_no_time_is_unknown() {
    for text in ["NaN", "+Inf", "1e300"] {
        let pods = pods(&[(sample("time", "app"), text)]);
        assert_eq!(pods.of("web-0")[0].1.time_ms, None, "{text}");
    }
}

#[test]
fn families_of_other_names_are_left_out() {
    let pods = pods(&[(sample("other", "app"), "1")]);
    assert_eq!(pods.of("web-0"), [("app".into(), Entry::default())]);
}

#[test]
fn a_value_that_is_no_number_is_not_taken_for_a_missing_one() {
    let vector = answer(
        "vector",
        &json!([{"metric": sample("value", "app"), "value": [1, "seven"]}]),
    );
    let scalar = answer("scalar", &json!([1, ""]));
    for error in [
        decode_pods(&vector).unwrap_err(),
        decode_total(&vector).unwrap_err(),
        // Nobody takes this series, and yet it may be the one that is meant.
        decode_own(&vector, &[&["queue"]]).unwrap_err(),
        decode_total(&scalar).unwrap_err(),
    ] {
        assert!(error.to_string().contains("is no number"), "{error}");
    }
}

#[test]
fn the_labels_of_namespace_and_pod_are_those_of_the_source() {
    let metric = json!({"concertina": "value", "exported_namespace": "shop", "exported_pod": "web-0", "pod": "exporter"});
    let text = answer("vector", &json!([{"metric": metric, "value": [1, "7"]}]));
    let naming = Naming {
        namespace: "exported_namespace",
        pod: "exported_pod",
        ..Naming::CONTAINERS
    };
    let pods = by_pod(decode(&text, &Wanted::Pods, naming).unwrap());
    assert_eq!(pods.of("web-0")[0].1.value, Some(7.0));
}

#[test]
fn escaped_labels_are_read() {
    let text = r#"{"status":"success","data":{"resultType":"vector","result":
        [{"metric":{"queue":"a\"b\\cé\n","\u0068ost":"\ud83d\ude00"},"value":[1,"7"]}]}}"#;
    let answer = decode_own(text.as_bytes(), &[&["host", "queue"]]).unwrap();
    let group = group(&answer, &[("host", "😀"), ("queue", "a\"b\\cé\n")]);
    assert_eq!((group.series, group.entry.value), (1, Some(7.0)));
}

#[test]
fn what_a_server_says_of_its_answer_is_kept_whatever_else_it_says() {
    let mut text = json!({"status": "success", "warnings": ["partial"], "infos": ["x"], "isPartial": false,
        "data": {"resultType": "vector", "result": [], "stats": {"seriesFetched": "0"}, "explanation": null}});
    let remarks = |text: &Value| {
        let text = text.to_string();
        let by_pod = decode_pods(text.as_bytes()).unwrap().remarks;
        assert_eq!(by_pod, decode_total(text.as_bytes()).unwrap().remarks);
        by_pod
    };
    let said = |warnings: &[&str], is_partial: bool| Remarks {
        warnings: warnings.iter().map(ToString::to_string).collect(),
        is_partial,
    };
    assert_eq!(remarks(&text), said(&["partial"], false));
    text["warnings"] = Value::Null;
    text["isPartial"] = true.into();
    assert_eq!(remarks(&text), said(&[], true));
    text["isPartial"] = Value::Null;
    assert_eq!(remarks(&text), said(&[], false));
}

/// Answers as servers give them, and the words that tell of missing data.
const ANSWERS: [(&str, &str, Option<&str>); 7] = [
    (
        "Thanos, one of two stores down",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1732184400.123,"40"]}],
            "analysis":{}},"warnings":["receive series from Addr: 10.96.192.138:10901 LabelSets: {replica=\"a\"} MinTime: 1730222825216 MaxTime: 1731412800000: rpc error: code = Unknown desc = no space left"]}"#,
        Some("receive series from Addr: 10.96.192.138:10901"),
    ),
    (
        "Thanos, no store",
        r#"{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["No StoreAPIs matched for this query"]}"#,
        Some("No StoreAPIs matched for this query"),
    ),
    (
        "VictoriaMetrics, one of two vmstorage down",
        r#"{"status":"success","isPartial":true,"data":{"resultType":"vector","result":[{"metric":{},"value":[1732184400,"40"]}]},
            "stats":{"seriesFetched":"1","executionTimeMsec":3}}"#,
        Some("isPartial is true"),
    ),
    (
        "VictoriaMetrics, whole",
        r#"{"status":"success","isPartial":false,"data":{"resultType":"vector","result":[{"metric":{},"value":[1732184400,"40"]}]},
            "stats":{"seriesFetched":"1","executionTimeMsec":3}}"#,
        None,
    ),
    (
        "Prometheus 3, an annotation of each sort",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1732184400.123,"40"]}]},
            "warnings":["PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)","3 more warning annotations omitted"],
            "infos":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"queue\" (1:6)"]}"#,
        None,
    ),
    (
        "Prometheus 2.48, which had no infos",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1732184400.123,"40"]}]},
            "warnings":["PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"queue\" (1:6)"]}"#,
        None,
    ),
    (
        "Prometheus with remote storage that fails, behind an annotation",
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1732184400.123,"40"]}]},
            "warnings":["PromQL warning: bucket label \"le\" is missing or has a malformed value of \"\"","remote_read: remote server http://b/read returned http status 503"]}"#,
        Some("remote_read: remote server"),
    ),
];

#[test]
fn an_answer_in_part_is_told_from_a_remark_on_the_query() {
    for (server, text, expected) in ANSWERS {
        let remarks = decode_total(text.as_bytes()).unwrap().remarks;
        match expected {
            Some(words) => assert!(remarks.lacking().unwrap().starts_with(words), "{server}"),
            None => assert_eq!(remarks.lacking(), None, "{server}"),
        }
        assert_eq!(
            remarks.doubtful().is_some(),
            expected.is_some() || !remarks.warnings.is_empty(),
            "{server}"
        );
    }
}

#[test]
fn an_answer_that_is_no_vector_is_refused_with_what_to_write() {
    for kind in ["matrix", "string", "streams"] {
        let text = answer(kind, &json!([]));
        for error in [decode_total(&text).unwrap_err(), decode_pods(&text).unwrap_err()] {
            assert!(
                error
                    .to_string()
                    .contains(&format!("the result is a {kind}: write")),
                "{error}"
            );
        }
    }
}

#[test]
fn a_scalar_is_a_number_only_for_a_users_own_query() {
    let text = answer("scalar", &json!([1, "7"]));
    let scalar = decode_own(&text, &[&[], &["queue"]]).unwrap();
    let total = group(&scalar, &[]);
    assert_eq!((total.series, total.entry.value), (1, Some(7.0)));
    assert_eq!(group(&scalar, &[("queue", "a")]).series, 0, "it has no labels");
    assert!(decode_pods(&text).is_err());
}

#[test]
fn an_error_in_place_of_data_is_quoted() {
    let text = json!({"status": "error", "errorType": "timeout", "error": "query timed out"}).to_string();
    assert!(
        decode_total(text.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("query timed out")
    );
    assert_eq!(error_text(text.as_bytes()).as_deref(), Some("query timed out"));
    assert_eq!(error_text(b"<html>"), None);
}

#[test]
fn an_answer_cut_off_anywhere_is_refused() {
    let whole = answer(
        "vector",
        &json!([{"metric": sample("value", "app"), "value": [1, "7"]}]),
    );
    for end in 0..whole.len() {
        assert!(decode_pods(&whole[..end]).is_err(), "{end}");
        assert!(decode_total(&whole[..end]).is_err(), "{end}");
    }
}

#[test]
fn endless_nesting_is_refused() {
    for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        assert!(decode_total(text.as_bytes()).is_err());
        assert_eq!(error_text(text.as_bytes()), None);
    }
}

/// Any JSON that may stand where something else is expected.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9 +.NaInf-]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(
                "metric|value|histogram|status|data|result|pod|namespace|[a-z]{1,5}",
                inner,
                0..4
            )
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoders_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (decode_total(&bytes), decode_pods(&bytes), error_text(&bytes));
    }

    #[test]
    fn nothing_in_the_place_of_anything_makes_the_decoders_panic(
        status in any_json(), kind in prop_oneof![Just("vector".into()), Just("scalar".into()), any_json()],
        result in any_json(), warnings in any_json(),
    ) {
        let text = json!({"status": status, "warnings": warnings, "data": {"resultType": kind, "result": result}}).to_string();
        let _ = (decode_total(text.as_bytes()), decode_pods(text.as_bytes()));
    }

    #[test]
    fn no_sample_makes_the_decoders_panic(samples in prop::collection::vec((any_json(), any_json()), 0..4)) {
        let samples: Vec<Value> =
            samples.into_iter().map(|(metric, value)| json!({"metric": metric, "value": [1, value]})).collect();
        let text = answer("vector", &samples.into());
        let _ = (decode_total(&text), decode_pods(&text));
    }

    #[test]
    fn every_number_that_prometheus_writes_is_read_back(value in any::<f64>()) {
        let text = answer("vector", &json!([{"metric": {}, "value": [1, value.to_string()]}]));
        let read = group(&decode_total(&text).unwrap(), &[]).entry.value.unwrap();
        prop_assert!(read.to_bits() == value.to_bits() || value.is_nan());
    }
}
