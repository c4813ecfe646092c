//! Every example can be read, means the same to every reader, and makes a policy that can be decided.

use concertina::api::ScalingPolicy;
use concertina::schedule::Schedule;

use crate::{parse_yaml, repository};

/// (path, text) of every policy directly under examples/.
fn examples() -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(repository("examples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            (
                path.file_name().unwrap().to_string_lossy().into_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn every_example_makes_a_policy_that_can_be_decided() {
    let examples = examples();
    assert!(examples.len() >= 5, "only {} examples were found", examples.len());
    for (path, text) in examples {
        let policy: ScalingPolicy = serde_json::from_value(parse_yaml(&path, &text))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        let decision = policy
            .spec
            .decision_policy()
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!(decision.metrics.len(), policy.spec.metrics.len(), "{path}");
        assert_eq!(decision.guards.len(), policy.spec.guards.len(), "{path}");
        for schedule in &policy.spec.schedules {
            Schedule::of(schedule).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
}

#[test]
fn what_a_policy_can_do_is_shown_by_an_example() {
    let all: Vec<_> = examples()
        .iter()
        .map(|(path, text)| parse_yaml(path, text)["spec"].to_string())
        .collect();
    for field in [
        "cpu",
        "memory",
        "requestRate",
        "responseTime",
        "failureRate",
        "source",
        "quantile",
        "ageQuery",
        "network",
        "disk",
        "prometheus",
        "match",
        "windowSeconds",
        "maxAgeSeconds",
        "tolerance",
        "activation",
        "whenEmpty",
        "onMissing",
        "behavior",
        "rolloutFreezeSeconds",
        "schedules",
        "onDates",
        "exceptDates",
        "guards",
        "fallback",
        "mode",
    ] {
        let name = format!("\"{field}\":");
        assert!(
            all.iter().any(|spec| spec.contains(&name)),
            "no example shows {field}"
        );
    }
}

#[test]
fn no_example_holds_a_field_that_would_be_dropped() {
    for (path, text) in examples() {
        let written = parse_yaml(&path, &text);
        let policy: ScalingPolicy = serde_json::from_value(written.clone()).unwrap();
        let kept = serde_json::to_value(&policy.spec).unwrap();
        let lost = lost_fields("spec", &written["spec"], &kept);
        assert!(lost.is_empty(), "{path} has unknown fields: {lost:?}");
    }
}

/// Paths that are in `written` and not in `kept`.
fn lost_fields(path: &str, written: &serde_json::Value, kept: &serde_json::Value) -> Vec<String> {
    use serde_json::Value::{Array, Object};
    match (written, kept) {
        (Object(written), Object(kept)) => written
            .iter()
            .flat_map(|(name, value)| match kept.get(name) {
                Some(kept) => lost_fields(&format!("{path}.{name}"), value, kept),
                None => vec![format!("{path}.{name}")],
            })
            .collect(),
        (Array(written), Array(kept)) => written
            .iter()
            .zip(kept)
            .flat_map(|(value, kept)| lost_fields(path, value, kept))
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_example_says_what_it_is_for_and_has_a_name_of_its_own() {
    let mut names = Vec::new();
    for (path, text) in examples() {
        assert!(text.starts_with("# "), "{path} begins with no comment");
        let name = parse_yaml(&path, &text)["metadata"]["name"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(!names.contains(&name), "{path}: another example is named {name}");
        names.push(name);
    }
}
