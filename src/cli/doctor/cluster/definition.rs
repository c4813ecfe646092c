//! Whether the ScalingPolicy definition that is stored is that of this program. Pure.
use std::collections::BTreeSet;

use serde_json::Value;

use crate::api::{GROUP, crd_yaml};

use super::super::finding::{Findings, plural, some_of};
use super::{ClusterFacts, Trouble, serves};

const INSTALL: &str = "helm install or kubectl apply -k deploy/manifests, with the configuration that comes of this: docs/how-to/install.md";
const UPDATE: &str = "helm upgrade with the chart of this version; or concertina crd | kubectl apply --server-side --force-conflicts -f -";

pub(super) fn check(facts: &ClusterFacts, found: &mut Findings) {
    match &facts.definition {
        Ok(stored) => compare(stored, found),
        Err(Trouble::Absent) => is_absent(facts, found),
        Err(_) if serves(&facts.groups, GROUP, "scalingpolicies") => found.note(
            "definition",
            "ScalingPolicy is served; whether it is that of this version is not known, as you may not read it",
            "the right to get customresourcedefinitions, for whoever runs this; the controller does without",
        ),
        Err(Trouble::Forbidden) => is_absent(facts, found),
        Err(error) => found.problem("definition", format!("cannot be read: {error}"), "what the message says"),
    }
}

fn is_absent(facts: &ClusterFacts, found: &mut Findings) {
    if facts.has_account == Ok(true) {
        found.problem(
            "definition",
            "ScalingPolicy is not served, though the controller's account is there",
            UPDATE,
        );
    } else {
        found.note("installed", "Concertina is not installed yet", INSTALL);
    }
}

fn compare(stored: &Value, found: &mut Findings) {
    let condition = |wanted: &str| {
        let conditions = stored.pointer("/status/conditions")?.as_array()?;
        conditions
            .iter()
            .find(|condition| condition.get("type").and_then(Value::as_str) == Some(wanted))
    };
    let text = |value: Option<&Value>, field: &str| {
        let text = value.and_then(|value| value.get(field)).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    for wanted in ["NamesAccepted", "Established"] {
        if text(condition(wanted), "status") == "False" {
            let message = text(condition(wanted), "message");
            return found.problem(
                "definition",
                format!("not in force: {message}"),
                "what the message says",
            );
        }
    }
    let expected = crd_yaml()
        .ok()
        .and_then(|text| serde_yaml::from_str::<Value>(&text).ok());
    let Some(expected) = expected else { return };
    let (Some(expected), Some(stored)) = (schema(&expected), schema(stored)) else {
        return found.problem("definition", "the stored one has no version v1alpha1", UPDATE);
    };
    let (mut older, mut newer) = (Vec::new(), Vec::new());
    lacking(expected, stored, "", &mut older);
    lacking(stored, expected, "", &mut newer);
    if !older.is_empty() {
        let what = format!("it is older than this program and lacks {}", named(&older));
        found.problem("definition", what, UPDATE);
    } else if !newer.is_empty() {
        found.note(
            "definition",
            format!("it has {} that this program does not know", named(&newer)),
            "a controller of the version that the definition is from",
        );
    } else if rules(expected) != rules(stored) {
        found.note(
            "definition",
            "its rules are those of another version than this program",
            UPDATE,
        );
    } else {
        found.ok("definition", "ScalingPolicy is that of this version");
    }
}

fn named(fields: &[String]) -> String {
    format!("{} ({})", plural(fields.len(), "field"), some_of(fields, 4))
}

fn schema(definition: &Value) -> Option<&Value> {
    let versions = definition.pointer("/spec/versions")?.as_array()?;
    let version = versions
        .iter()
        .find(|version| version.get("name").and_then(Value::as_str) == Some("v1alpha1"))?;
    version.pointer("/schema/openAPIV3Schema")
}

/// The fields of `expected` that `stored` lacks.
fn lacking(expected: &Value, stored: &Value, path: &str, fields: &mut Vec<String>) {
    let properties = expected.get("properties").and_then(Value::as_object);
    for (name, schema) in properties.into_iter().flatten() {
        let field = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        match stored.get("properties").and_then(|stored| stored.get(name)) {
            Some(stored) => lacking(schema, stored, &field, fields),
            None => fields.push(field),
        }
    }
    if let (Some(expected), Some(stored)) = (expected.get("items"), stored.get("items")) {
        lacking(expected, stored, &format!("{path}[]"), fields);
    }
}

/// All validation rules of a schema.
fn rules(schema: &Value) -> BTreeSet<&str> {
    let mut rules: BTreeSet<&str> = BTreeSet::new();
    let own = schema.get("x-kubernetes-validations").and_then(Value::as_array);
    rules.extend(
        own.into_iter()
            .flatten()
            .filter_map(|rule| rule.get("rule")?.as_str()),
    );
    let properties = schema.get("properties").and_then(Value::as_object);
    let inner = properties.into_iter().flat_map(|properties| properties.values());
    for schema in inner.chain(schema.get("items")) {
        rules.extend(self::rules(schema));
    }
    rules
}

#[cfg(test)]
#[path = "definition_tests.rs"]
mod tests;
