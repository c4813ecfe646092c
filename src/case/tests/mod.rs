//! The forms of a case one by one, what is refused, and that a case that was written is the case that is read.
#![expect(
    clippy::needless_pass_by_value,
    reason = "values are written in place, where a reference is only noise"
)]

mod documents;
mod expectations;
mod forms;
mod refusals;
mod round_trip;

use super::*;

/// A policy with two metrics, a guard and a schedule.
fn spec() -> Value {
    json!({
        "minReplicas": 1,
        "maxReplicas": 40,
        "metrics": [
            { "name": "backlog", "prometheus": { "query": "q", "averageValue": 30 } },
            { "name": "cpu", "cpu": { "averageUtilization": 70 } },
        ],
        "guards": [{ "name": "errors", "query": "q", "above": "0.01" }],
        "schedules": [{ "name": "day", "start": "0 8 * * *", "durationMinutes": 600, "minReplicas": 3 }],
    })
}

/// A case at ten in the morning with four replicas; `changes` is merged into it.
fn value(changes: Value) -> Value {
    let mut value = json!({
        "apiVersion": FORMAT,
        "policy": spec(),
        "observation": { "replicas": 4, "metrics": { "backlog": 120, "cpu": "NoSamples" }, "guards": { "errors": 0 } },
        "now": "2026-07-01T10:00:00Z",
    });
    json_patch::merge(&mut value, &changes);
    value
}

fn case(changes: Value) -> Case {
    Case::read(value(changes)).unwrap()
}

fn refusal(changes: Value) -> String {
    Case::read(value(changes)).unwrap_err().to_string()
}

fn now() -> Timestamp {
    at("2026-07-01T10:00:00Z")
}

fn at(time: &str) -> Timestamp {
    Timestamp(time.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// So many seconds before now.
fn ago(seconds: i64) -> Timestamp {
    Timestamp(now().0 - seconds * 1000)
}
