//! Streams of documents, and tables of cases.

use super::*;
use crate::case::document::{Documents, cases_of};

fn documents(text: &str) -> Vec<Result<Value, String>> {
    let documents = Documents::new(Box::new(text.as_bytes())).unwrap();
    documents
        .map(|document| document.map_err(|error| error.to_string()))
        .collect()
}

#[test]
fn yaml_documents_come_one_by_one() {
    for text in [
        "a: 1\n---\na: 2\n",
        "---\na: 1\n--- # the second\na: 2",
        "# first\n%YAML 1.2\n---\na: 1\n...\n---\n\n# nothing\n---\na: 2\n---\n",
        "\n\n  \n---\na: 1\n---\na: 2\n",
        "--- {a: 1}\n---\r\na: 2\r\n",
    ] {
        assert_eq!(
            documents(text),
            [Ok(json!({ "a": 1 })), Ok(json!({ "a": 2 }))],
            "{text:?}"
        );
    }
    assert_eq!(documents("a: |\n  ---\n  b\n"), [Ok(json!({ "a": "---\nb\n" }))]);
    assert_eq!(documents("# nothing\n"), []);
    assert_eq!(documents(""), []);
}

#[test]
fn json_values_come_one_by_one() {
    for text in [
        "{\"a\": 1}\n{\"a\": 2}\n",
        "\n {\"a\":\n1}  {\"a\": 2}",
        "{\"a\":1}{\"a\":2}",
    ] {
        assert_eq!(
            documents(text),
            [Ok(json!({ "a": 1 })), Ok(json!({ "a": 2 }))],
            "{text:?}"
        );
    }
}

#[test]
fn what_is_wrong_with_a_text_is_told_and_where() {
    let found = documents("a: 1\n---\na: [\n---\na: 3\n");
    assert_eq!(found.len(), 3);
    let error = found[1].as_ref().unwrap_err();
    assert!(
        error.starts_with("no YAML in the document that begins at line 2: "),
        "{error}"
    );
    assert_eq!(found[2], Ok(json!({ "a": 3 })));
    let found = documents("{\"a\": 1}\n{\"a\": }\n{\"a\": 3}\n");
    assert_eq!(
        found.len(),
        2,
        "where JSON is broken, nobody knows where it goes on"
    );
    let error = found[1].as_ref().unwrap_err();
    assert!(
        error.starts_with("no JSON: ") && error.contains("line 2"),
        "{error}"
    );
    for (text, part) in [
        ("1: 2", "is no name of a field"),
        ("a: !x 2", "is no tag of a case"),
        ("a: 1\na: 2", "duplicate"),
    ] {
        let error = documents(text)[0].clone().unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn anchors_merges_and_numbers_that_json_has_not_are_read() {
    let text = "base: &base {a: 1, b: 2}\nmore: {<<: *base, b: 3, c: .nan, d: -.inf, e: 18446744073709551615, f: 1e3}\n";
    let more = json!({ "a": 1, "b": 3, "c": "NaN", "d": "-Infinity", "e": u64::MAX, "f": 1000.0 });
    assert_eq!(documents(text)[0].as_ref().unwrap()["more"], more);
}

#[test]
fn a_table_merges_each_case_into_the_base() {
    let table = json!({
        "apiVersion": FORMAT,
        "x-anchors": [1, 2],
        "base": { "now": 0, "observation": { "replicas": 4, "pods": 4 } },
        "cases": [
            { "name": "one" },
            { "name": "two", "observation": { "replicas": 5, "pods": null, "metrics": [1, null] } },
        ],
    });
    let expected = [
        json!({ "apiVersion": FORMAT, "name": "one", "now": 0, "observation": { "replicas": 4, "pods": 4 } }),
        json!({ "apiVersion": FORMAT, "name": "two", "now": 0, "observation": { "replicas": 5, "metrics": [1, null] } }),
    ];
    assert_eq!(cases_of(table).unwrap(), expected);
}

#[test]
fn what_is_no_table_is_a_case() {
    let case = json!({ "apiVersion": FORMAT, "name": "one" });
    assert_eq!(cases_of(case.clone()).unwrap(), std::slice::from_ref(&case));
    assert_eq!(cases_of(json!(5)).unwrap(), [json!(5)]);
    let with_anchors = json!({ "apiVersion": FORMAT, "name": "one", "x-pods": 5 });
    assert_eq!(cases_of(with_anchors).unwrap(), [case]);
}

#[test]
fn a_table_that_makes_no_sense_is_refused() {
    for (table, expected) in [
        (
            json!({ "cases": [] }),
            "apiVersion is not there: write concertina.dev/decision-case/v1",
        ),
        (
            json!({ "apiVersion": FORMAT, "cases": [], "bas": {} }),
            "bas is not a field of a case: write one of apiVersion, base, cases, or take it out",
        ),
        (
            json!({ "apiVersion": FORMAT, "cases": {} }),
            "a table needs base, which is a case without what differs, and cases, which is a list of what differs",
        ),
        (
            json!({ "apiVersion": FORMAT, "base": [], "cases": [] }),
            "a table needs base, which is a case without what differs, and cases, which is a list of what differs",
        ),
    ] {
        assert_eq!(cases_of(table).unwrap_err().to_string(), expected);
    }
}
