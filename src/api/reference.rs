//! The reference page of the ScalingPolicy, written from its schema. Pure.

use std::fmt::Write;

use serde_json::Value;

use super::fit::MAX_STATUS_BYTES;
use super::rules::RULES;
use super::schema::{SchemaError, crd_json};
use super::{GROUP, PAUSED_UNTIL_ANNOTATION};

/// The page as Markdown.
///
/// # Errors
/// When the schema cannot be produced.
pub fn reference_markdown() -> Result<String, SchemaError> {
    let crd = crd_json()?;
    let root = crd
        .pointer("/spec/versions/0/schema/openAPIV3Schema/properties")
        .ok_or_else(|| SchemaError::NoSuchField("openAPIV3Schema".to_owned()))?;
    let mut page = format!(
        "# ScalingPolicy\n\n\
         <!-- Written by `make generate` from src/api; edit the texts there. -->\n\n\
         `apiVersion: {GROUP}/v1alpha1`, `kind: ScalingPolicy`, short name `spol`, category `concertina`. The same texts \
         are shown by `kubectl explain scalingpolicy.spec`. Fields marked * are required. Quantities are whole numbers, or \
         text such as `250m`, `\"0.5\"` and `128Mi`. No field has a default in the schema: what is left out stays out of the \
         stored object, and what is in force is shown in `status.effective`.\n"
    );
    for part in ["spec", "status"] {
        let schema = root
            .get(part)
            .ok_or_else(|| SchemaError::NoSuchField(part.to_owned()))?;
        if part == "status" {
            write_rules(&mut page);
            write_annotation(&mut page);
        }
        write_section(&mut page, part, schema, &mut Vec::new());
        if part == "status" {
            append(
                &mut page,
                format_args!("\nA status has at most {MAX_STATUS_BYTES} bytes as JSON.\n"),
            );
        }
    }
    Ok(page)
}

/// The table of one object's fields, then those of the objects in it. `seen` holds what has a section already.
fn write_section(page: &mut String, path: &str, schema: &Value, seen: &mut Vec<(String, Value)>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return;
    };
    append(page, format_args!("\n## {path}\n"));
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        append(page, format_args!("\n{text}\n"));
    }
    let fields = Value::Object(properties.clone());
    if let Some((twin, _)) = seen.iter().find(|(_, earlier)| *earlier == fields) {
        append(page, format_args!("\nThe same fields as `{twin}`.\n"));
        return;
    }
    seen.push((path.to_owned(), fields));
    append(
        page,
        format_args!("\n| field | type | meaning |\n|---|---|---|\n"),
    );
    let required: Vec<_> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let is_required = |name: &String| required.contains(&name.as_str());
    let (first, then): (Vec<_>, Vec<_>) = properties.iter().partition(|(name, _)| is_required(name));
    for (name, field) in first.iter().chain(&then) {
        let mark = if is_required(name) { "*" } else { "" };
        let text = field
            .get("description")
            .and_then(Value::as_str)
            .unwrap_or_default();
        append(
            page,
            format_args!(
                "| `{name}`{mark} | {} | {} |\n",
                type_of(field),
                text.replace('|', "\\|")
            ),
        );
    }
    for (name, field) in first.iter().chain(&then) {
        let (path, inner) = match field.get("items") {
            Some(items) => (format!("{path}.{name}[]"), items),
            None => (format!("{path}.{name}"), *field),
        };
        write_section(page, &path, inner, seen);
    }
}

fn type_of(field: &Value) -> String {
    let text = |key: &str| field.get(key).and_then(Value::as_str).unwrap_or_default();
    if field.get("x-kubernetes-int-or-string").is_some() {
        return "quantity".to_owned();
    }
    match (
        text("type"),
        field.get("items"),
        field.get("additionalProperties"),
    ) {
        ("array", Some(items), _) => format!("list of {}s", type_of(items)),
        ("object", _, Some(_)) => "map of strings".to_owned(),
        ("string", ..) if text("format") == "date-time" => "time".to_owned(),
        ("string", ..) if text("format") == "date" => "date".to_owned(),
        ("string", ..) if field.get("enum").is_some() => "word".to_owned(),
        (name, ..) => name.to_owned(),
    }
}

fn write_rules(page: &mut String) {
    page.push_str(
        "\n## What is refused\n\nBeside wrong types and numbers out of bounds, the API server refuses:\n\n",
    );
    page.push_str("| field | answer |\n|---|---|\n");
    for rule in RULES {
        let field = rule.field_path.unwrap_or_default();
        append(
            page,
            format_args!(
                "| `{}{field}` | {} |\n",
                rule.at,
                rule.message.replace('|', "\\|")
            ),
        );
    }
}

fn write_annotation(page: &mut String) {
    append(
        page,
        format_args!(
            "\n## Annotation\n\n`{PAUSED_UNTIL_ANNOTATION}` with an RFC 3339 time pauses the policy until then, whatever its \
             spec says. It survives tools that put the spec back to what is in git:\n\n\
             ```sh\nkubectl annotate spol web {PAUSED_UNTIL_ANNOTATION}=2026-12-24T18:00:00Z\n```\n"
        ),
    );
}

fn append(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = page.write_fmt(text);
}
