//! The CustomResourceDefinition: what is generated from the types, made fit for the API server, `kubectl explain` and
//! GitOps tools. Pure.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::columns::printer_columns;
use super::rules::{RULES, Rule};
use super::spec::ScalingPolicy;

/// Why the definition cannot be produced; each of these is a mistake in this program and is found by its tests.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A rule is attached to a field that does not exist.
    #[error("no field {0} in the schema for a validation rule")]
    NoSuchField(String),
    /// The definition is not one that Kubernetes knows.
    #[error("cannot convert the definition")]
    Json(#[from] serde_json::Error),
    /// The definition cannot be written as YAML.
    #[error("cannot write the definition as YAML")]
    Yaml(#[from] serde_saphyr::ser::Error),
}

/// The definition as the API server takes it.
pub fn crd() -> Result<CustomResourceDefinition, SchemaError> {
    Ok(serde_json::from_value(crd_json()?)?)
}

/// The definition as `kubectl apply` takes it.
pub fn crd_yaml() -> Result<String, SchemaError> {
    Ok(serde_saphyr::to_string(&crd_json()?)?)
}

/// The definition with integers as integers, which the typed form cannot hold.
pub(super) fn crd_json() -> Result<Value, SchemaError> {
    let mut crd = serde_json::to_value(ScalingPolicy::crd())?;
    let no_such_field = |name: &str| SchemaError::NoSuchField(name.to_owned());
    let version = crd.pointer_mut("/spec/versions/0").and_then(Value::as_object_mut);
    let version = version.ok_or_else(|| no_such_field("versions"))?;
    version.insert("additionalPrinterColumns".to_owned(), printer_columns());
    let root = version
        .get_mut("schema")
        .and_then(|schema| schema.get_mut("openAPIV3Schema"));
    let root = root.ok_or_else(|| no_such_field("openAPIV3Schema"))?;
    tidy(root);
    for rule in RULES {
        attach(root, rule)?;
    }
    Ok(crd)
}

/// Puts right, in every schema below this one, what the generator does differently from what Kubernetes wants.
fn tidy(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else {
        return;
    };
    // Discouraged by the API conventions: absent fields are left out, never null.
    fields.remove("nullable");
    // Defaults live in code; those of a schema are frozen into stored objects.
    fields.remove("default");
    fields.remove("title");
    // Every number is bounded, and "must be of type int32" puzzles those who wrote 2.5.
    if fields.get("format").is_some_and(|format| format == "int32") {
        fields.remove("format");
    }
    for bound in ["minimum", "maximum"] {
        if let Some(number) = fields.get_mut(bound) {
            make_integer(number);
        }
    }
    if let Some(Value::String(text)) = fields.get_mut("description") {
        // Line ends of the source are no paragraphs.
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if fields.contains_key("x-kubernetes-int-or-string") {
        // The generator drops the types of the branches.
        fields.insert(
            "anyOf".to_owned(),
            json!([{"type": "integer"}, {"type": "string"}]),
        );
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(tidy);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(schema) = fields.get_mut(inner) {
            tidy(schema);
        }
    }
    if let Some(Value::Object(items)) = fields.get_mut("items") {
        // kubectl explain would append it to what the list says of itself.
        items.remove("description");
    }
}

fn make_integer(number: &mut Value) {
    if let Some(float) = number.as_f64() {
        #[allow(clippy::cast_possible_truncation)] // whole numbers far inside i64 only
        if float.fract() == 0.0 && float.abs() < 1e15 {
            *number = json!(float as i64);
        }
    }
}

fn attach(root: &mut Value, rule: &Rule) -> Result<(), SchemaError> {
    let no_such_field = || SchemaError::NoSuchField(rule.at.to_owned());
    let field = find(root, rule.at).ok_or_else(no_such_field)?;
    let mut entry = Map::new();
    entry.insert("rule".to_owned(), json!(rule.rule));
    entry.insert("message".to_owned(), json!(rule.message));
    if let Some(path) = rule.field_path {
        entry.insert("fieldPath".to_owned(), json!(path));
    }
    field
        .entry("x-kubernetes-validations")
        .or_insert_with(|| json!([]))
        .as_array_mut()
        .ok_or_else(no_such_field)?
        .push(Value::Object(entry));
    Ok(())
}

/// The schema at a path such as `spec.metrics[].cpu`.
fn find<'a>(root: &'a mut Value, path: &str) -> Option<&'a mut Map<String, Value>> {
    let mut schema = root;
    for step in path.split('.') {
        let (name, is_list) = match step.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (step, false),
        };
        schema = schema.get_mut("properties")?.get_mut(name)?;
        if is_list {
            schema = schema.get_mut("items")?;
        }
    }
    schema.as_object_mut()
}

/// The schema of `match`: label names and values.
pub(super) fn match_labels(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 8,
        "additionalProperties": {
            "type": "string",
            "maxLength": 253,
            "description": "Value that the label must have. Example: orders.",
        },
    })
}

/// The schema of a list of dates. The format makes the API server refuse the 30th of February.
pub(super) fn dates(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "x-kubernetes-list-type": "atomic",
        "items": {
            "type": "string",
            "format": "date",
            "maxLength": 10,
        },
    })
}

/// The schema of `conditions` with the constraints that Kubernetes' own conditions have; the generated one has
/// none of them.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "reason", "message", "lastTransitionTime"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "Name of the condition.",
                    "maxLength": 316,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?$",
                },
                "status": {
                    "type": "string",
                    "description": "Whether the condition holds: True, False or Unknown.",
                    "enum": ["True", "False", "Unknown"],
                },
                "reason": {
                    "type": "string",
                    "description": "Why the condition has its status, in one word.",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "type": "string",
                    "description": "Why the condition has its status, in a sentence that says what to do.",
                    "maxLength": 32768,
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status last changed.",
                },
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The metadata.generation that the condition speaks of.",
                },
            },
        },
    })
}
