//! The definition as a whole: everything is described, bounded and refused with a sentence.

use concertina::api;
use serde_json::Value;

use crate::{parse_yaml, read};

/// The definition as every YAML reader reads it.
fn definition() -> Value {
    parse_yaml("the definition", &api::crd_yaml().unwrap())
}

fn root() -> Value {
    definition()
        .pointer("/spec/versions/0/schema/openAPIV3Schema")
        .unwrap()
        .clone()
}

/// Calls `visit` with the path and schema of every property and every list item below `schema`.
fn walk(path: &str, schema: &Value, visit: &mut dyn FnMut(&str, &Value)) {
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        visit(&path, field);
        walk(&path, field, visit);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            let path = format!("{path}[]");
            visit(&path, &schema[inner]);
            walk(&path, &schema[inner], visit);
        }
    }
}

/// The paths for which `is_bad` holds.
fn offenders(is_bad: impl Fn(&str, &Value) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    walk("", &root(), &mut |path, schema| {
        if is_bad(path, schema) {
            found.push(path.to_owned());
        }
    });
    found
}

fn none() -> Vec<String> {
    Vec::new()
}

#[test]
fn the_definition_that_is_applied_is_the_one_that_is_printed() {
    let typed = serde_json::to_value(api::crd().unwrap()).unwrap();
    let again: k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition =
        serde_json::from_value(definition()).unwrap();
    assert_eq!(typed, serde_json::to_value(again).unwrap());
}

#[test]
fn every_property_is_described_in_whole_sentences() {
    let bad = offenders(|path, schema| {
        let text = schema["description"].as_str().unwrap_or_default();
        let is_one_line = text.lines().count() == 1;
        let is_sentence = is_one_line && text.starts_with(char::is_uppercase) && text.ends_with('.');
        let is_list_item = path.ends_with("[]");
        !is_sentence && !is_list_item
    });
    assert_eq!(bad, none());
}

#[test]
fn what_a_user_may_leave_out_says_its_default_or_its_alternative() {
    let groups = ["spec.behavior"]; // an object of objects that say it themselves
    let mut required = Vec::new();
    let all = root();
    walk("", &all, &mut |path, schema| {
        for name in schema["required"].as_array().into_iter().flatten() {
            required.push(format!("{path}.{}", name.as_str().unwrap()));
        }
    });
    let bad = offenders(|path, schema| {
        let text = schema["description"].as_str().unwrap_or_default();
        let expected: &[&str] = if required.contains(&path.to_owned()) {
            &["Required", "equired;"]
        } else {
            &["Default", "default", "Either this or", "One of cpu"]
        };
        path.starts_with("spec.")
            && !path.ends_with("[]")
            && !groups.contains(&path)
            && !expected.iter().any(|word| text.contains(word))
    });
    assert_eq!(bad, none());
}

#[test]
fn nothing_is_unbounded() {
    let bad = offenders(|path, schema| match schema["type"].as_str() {
        Some("string") => {
            schema["maxLength"].is_null() && schema["enum"].is_null() && schema["format"] != "date-time"
        }
        Some("array") => schema["maxItems"].is_null() || schema["x-kubernetes-list-type"].is_null(),
        Some("integer") if path.starts_with("spec.") => {
            schema["enum"].is_null() && (schema["minimum"].is_null() || schema["maximum"].is_null())
        }
        Some("object") => !schema["additionalProperties"].is_null() && schema["maxProperties"].is_null(),
        Some("integer") => false,
        _ => schema["maxLength"].is_null() || schema["pattern"].is_null(), // quantities
    });
    assert_eq!(bad, none());
}

#[test]
fn lists_in_status_are_atomic_but_for_conditions() {
    let bad = offenders(|path, schema| {
        path.starts_with("status.")
            && path != "status.conditions"
            && schema["type"] == "array"
            && schema["x-kubernetes-list-type"] != "atomic"
    });
    assert_eq!(bad, none());
}

#[test]
fn there_are_no_defaults_no_nulls_and_no_fractions() {
    let bad = offenders(|_, schema| {
        let fields = schema.as_object().unwrap();
        let has_fraction = ["minimum", "maximum"].iter().any(|bound| schema[*bound].is_f64());
        has_fraction
            || ["default", "nullable", "title"]
                .iter()
                .any(|word| fields.contains_key(*word))
    });
    assert_eq!(bad, none());
}

#[test]
fn every_rule_has_a_bad_manifest_that_shows_its_sentence() {
    let path = "tests/cluster/bad_manifests.yaml";
    let rows = parse_yaml(path, &read(path));
    let says: Vec<&str> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["says"].as_str().unwrap())
        .collect();
    let mut unseen = Vec::new();
    walk("", &root(), &mut |path, schema| {
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let message = rule["message"].as_str().unwrap();
            if !says.iter().any(|part| message.contains(part)) {
                unseen.push(format!("{path}: {message}"));
            }
        }
    });
    assert_eq!(unseen, none());
}

#[test]
fn the_defaults_in_the_texts_are_those_of_the_code() {
    let root = root();
    let text = |pointer: &str| {
        root.pointer(pointer).unwrap()["description"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let metric = "/properties/spec/properties/metrics/items/properties";
    let guard = "/properties/spec/properties/guards/items/properties";
    let behavior = "/properties/spec/properties/behavior/properties";
    let spec: api::ScalingPolicySpec = serde_json::from_value(serde_json::json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
        "maxReplicas": 10,
        "metrics": [{"name": "cpu", "cpu": {"averageUtilization": 70}}],
        "guards": [{"name": "errors", "query": "sum(errors)", "above": 0}],
    }))
    .unwrap();
    let policy = spec.decision_policy().unwrap();
    let (up, down) = (&policy.scale_up, &policy.scale_down);
    let table = [
        (
            text("/properties/spec/properties/minReplicas"),
            format!("Default {};", policy.min_replicas),
        ),
        (
            text(&format!("{metric}/maxAgeSeconds")),
            format!("Default {};", api::DEFAULT_MAX_AGE_SECONDS),
        ),
        (
            text(&format!("{metric}/requestRate/properties/source")),
            format!("Default {},", api::DEFAULT_SOURCE),
        ),
        (
            text("/properties/spec/properties/prometheusRef"),
            format!("Default {{name: {}}}.", api::DEFAULT_PROMETHEUS),
        ),
        (
            text(&format!("{guard}/forSeconds")),
            format!("Default {};", policy.guards[0].for_seconds),
        ),
        (
            text(&format!("{guard}/maxBlockSeconds")),
            format!("Default {};", policy.guards[0].max_block_seconds),
        ),
        (
            text(&format!("{guard}/whenEmpty")),
            format!("Default {:?}.", policy.guards[0].when_empty),
        ),
        (
            text(&format!("{metric}/whenEmpty")),
            format!("Default {:?}.", policy.metrics[0].when_empty),
        ),
        (
            text(&format!("{metric}/onMissing")),
            format!("Default {:?}.", policy.metrics[0].on_missing),
        ),
        (
            text(&format!("{behavior}/rolloutFreezeSeconds")),
            format!("Default {};", policy.rollout_freeze_seconds),
        ),
        (
            text("/properties/spec/properties/schedules/items/properties/minReplicas"),
            format!(
                "at most by {} minutes",
                concertina_decision::MAX_LEAD_SECONDS / 60
            ),
        ),
        (
            text(&format!("{behavior}/scaleUp/properties/cooldownSeconds")),
            format!(
                "Default {} up, {} down;",
                up.cooldown_seconds, down.cooldown_seconds
            ),
        ),
        (
            text(&format!(
                "{behavior}/scaleUp/properties/stabilizationWindowSeconds"
            )),
            format!(
                "Default {} up, {} down;",
                up.stabilization_window_seconds, down.stabilization_window_seconds
            ),
        ),
        (
            text(&format!("{behavior}/scaleUp/properties/tolerance")),
            format!("Default \"{}\",", up.tolerance),
        ),
        (
            text(&format!("{behavior}/scaleUp/properties/policies")),
            format!(
                "none up; {} per cent per {} s down;",
                down.policies[0].value, down.policies[0].period_seconds
            ),
        ),
    ];
    for (text, expected) in table {
        assert!(text.contains(&expected), "{text:?} should say {expected:?}");
    }
}
