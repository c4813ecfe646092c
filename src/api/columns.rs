//! What `kubectl get scalingpolicies` shows. Pure.

use serde_json::{Value, json};

/// Name, type, JSON path, description.
type Column = (&'static str, &'static str, &'static str, &'static str);

const COLUMNS: [Column; 8] = [
    (
        "Target",
        "string",
        ".spec.scaleTargetRef.name",
        "Name of the object that is scaled.",
    ),
    (
        "Mode",
        "string",
        ".status.mode",
        "Mode in force: Auto, DryRun or Paused.",
    ),
    (
        "Min",
        "integer",
        ".status.effective.minReplicas",
        "Fewest replicas of the policy; an open schedule may ask for more.",
    ),
    (
        "Max",
        "integer",
        ".spec.maxReplicas",
        "Most replicas of the policy; an open schedule may allow fewer.",
    ),
    (
        "Replicas",
        "integer",
        ".status.currentReplicas",
        "Replicas that the target asks for now.",
    ),
    (
        "Desired",
        "integer",
        ".status.desiredReplicas",
        "Replicas that the last decision wants.",
    ),
    (
        "Ready",
        "string",
        ".status.conditions[?(@.type==\"Ready\")].status",
        "Whether the policy works as written.",
    ),
    (
        "Reason",
        "string",
        ".status.lastDecision.reason",
        "Reason of the last decision.",
    ),
];

/// Shown with `-o wide` only.
const WIDE_COLUMNS: [Column; 3] = [
    (
        "Kind",
        "string",
        ".spec.scaleTargetRef.kind",
        "Kind of the object that is scaled.",
    ),
    (
        "Last Scale",
        "date",
        ".status.lastScaleTime",
        "Time since this policy last changed the replicas.",
    ),
    (
        "Message",
        "string",
        ".status.lastDecision.message",
        "The last decision in one sentence.",
    ),
];

/// By custom the last one.
const AGE: Column = (
    "Age",
    "date",
    ".metadata.creationTimestamp",
    "Time since the policy was created.",
);

/// `additionalPrinterColumns` of the definition.
pub(super) fn printer_columns() -> Value {
    let narrow = COLUMNS.iter().map(|column| (column, 0));
    let wide = WIDE_COLUMNS.iter().map(|column| (column, 1));
    let age = [(&AGE, 0)];
    narrow
        .chain(wide)
        .chain(age)
        .map(|((name, kind, path, description), priority)| {
            let mut column =
                json!({"name": name, "type": kind, "jsonPath": path, "description": description});
            // The API server leaves 0 out; so does this, or GitOps tools would see a difference.
            if priority > 0
                && let Some(fields) = column.as_object_mut()
            {
                fields.insert("priority".to_owned(), json!(priority));
            }
            column
        })
        .collect()
}
