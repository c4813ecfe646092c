//! Cases whose outcome was worked out by hand from the rules of the decision, by subject.

use std::collections::{BTreeMap, BTreeSet};

use concertina::case::{Documents, cases_of};
use serde_json::Value;

use crate::{decide, read, repository};

/// The files of cases, relative to the repository.
fn files() -> Vec<String> {
    let mut files: Vec<String> = std::fs::read_dir(repository().join("tests/decide/cases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| format!("tests/decide/cases/{name}"))
        .collect();
    files.sort();
    files
}

fn cases(file: &str) -> Vec<Value> {
    let text = read(file);
    let documents = Documents::new(Box::new(text.as_bytes())).unwrap();
    documents
        .flat_map(|document| cases_of(document.unwrap()).unwrap())
        .collect()
}

#[test]
fn every_golden_case_comes_out_as_expected() {
    let files = files();
    let mut arguments = vec!["-o", "json", "-f"];
    arguments.extend(files.iter().map(String::as_str));
    let ran = decide(&arguments, "");
    assert_eq!(ran.code, 0, "{}", ran.troubles);
    let decided = ran.lines();
    assert!(decided.len() >= 300, "only {} cases", decided.len());
    // What was decided is what is there: none was passed over.
    let written: usize = files.iter().map(|file| cases(file).len()).sum();
    assert_eq!(decided.len(), written);
}

#[test]
fn every_golden_case_says_what_it_expects_and_has_a_name_of_its_own() {
    for file in files() {
        let mut names = BTreeSet::new();
        for case in cases(&file) {
            let name = case["name"]
                .as_str()
                .unwrap_or_else(|| panic!("{file}: a case without a name"));
            assert!(
                names.insert(name.to_owned()),
                "{file}: two cases are named {name}"
            );
            let expect = &case["expect"];
            let is_complete = ["desired", "reason", "alteredBy"]
                .iter()
                .all(|field| !expect[field].is_null());
            assert!(
                is_complete || expect["error"].is_string(),
                "{file}: {name} expects too little"
            );
        }
    }
}

#[test]
fn golden_cases_reach_every_stage_and_the_reasons_of_a_decision() {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut stages = BTreeSet::new();
    let mut seen = BTreeSet::new();
    for case in files().iter().flat_map(|file| cases(file)) {
        let expect = &case["expect"];
        if let (Some(reason), Some(stage)) = (expect["reason"].as_str(), expect["alteredBy"].as_str()) {
            *reasons.entry(reason.to_owned()).or_default() += 1;
            stages.insert(stage.to_owned());
        }
        collect_words(expect, &mut seen);
    }
    let altering = [
        "Bounds",
        "Combine",
        "CoolDown",
        "Guard",
        "Limit",
        "None",
        "Propose",
        "Stabilise",
        "Wall",
    ];
    assert_eq!(stages.iter().map(String::as_str).collect::<Vec<_>>(), altering);
    // Those that a decision with metrics can have; the others are the controller's own.
    let of_decisions = concertina_decision::Reason::ALL
        .iter()
        .map(|reason| reason.as_str())
        .take_while(|reason| *reason != "Evaluating");
    // A policy without metrics, a target value that is none, and a metric that is waiting for its first query are refused
    // or named before a decision is made; the words for "nothing to do here" explain no decision.
    let never_alone = [
        "NoMetrics",
        "InvalidTarget",
        "Observed",
        "GuardExpired",
        "NothingForbids",
        "NoChangeWanted",
    ];
    for reason in of_decisions.filter(|reason| !never_alone.contains(reason)) {
        assert!(seen.contains(reason), "no golden case expects {reason}");
    }
    assert!(reasons.len() >= 30, "{reasons:?}");
}

fn collect_words(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::String(word) => {
            words.insert(word.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| collect_words(value, words)),
        Value::Object(map) => map.values().for_each(|value| collect_words(value, words)),
        _ => {}
    }
}

#[test]
fn a_golden_case_that_expects_something_else_fails() {
    // The check itself is checked: with a number off by one every case of a file differs.
    let file = "tests/decide/cases/walls.yaml";
    let mut lines = String::new();
    let mut count = 0;
    for mut case in cases(file) {
        let desired = case["expect"]["desired"].as_i64().unwrap();
        case["expect"]["desired"] = (desired + 1).into();
        lines.push_str(&format!("{case}\n"));
        count += 1;
    }
    let ran = decide(&["--quiet", "-o", "json", "-f", "-"], &lines);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.lines().len(), count);
    assert_eq!(ran.troubles.matches("not as expected: ").count(), count);
}
