//! The memory of a case: the fields of the decision's own memory with friendly times, and a short form for a quiet past.
//! Pure.

use concertina_decision::{Memory, Replicas, Timestamp};
use serde_json::{Map, Value, json};

use super::CaseError;
use super::node::{Fields, Node, time_value};
use crate::api::ScalingPolicySpec;

/// Fields that are times, wherever they stand in a memory.
const TIMES: [&str; 10] = [
    "firstSeen",
    "recordedAt",
    "lastChange",
    "lastGrowth",
    "lastNeeded",
    "missingSince",
    "aboveSince",
    "blockingSince",
    "since",
    "at",
];
/// Of a quiet past, how long ago the last evaluation was, where the policy does not say how often it is evaluated.
const PERIOD_SECONDS: i32 = 15;
const MAPPING: &str = "a mapping, such as {quietSeconds: 3600} or what concertina decide -o json prints";

/// Reads a memory. What it says nothing of is as in a memory that has seen nothing, or as in a quiet past.
pub(super) fn read(
    node: Node,
    spec: &ScalingPolicySpec,
    current: Replicas,
    now: Timestamp,
) -> Result<Memory, CaseError> {
    let mut fields = node.fields(MAPPING)?;
    let mut memory = quiet_past(&mut fields, spec, current, now)?;
    if let Some(guards) = fields.take("guards") {
        memory.insert("guards".into(), guards_in_order(guards, spec, now)?);
    }
    let changes = fields.take("changes");
    for (name, value) in fields.rest() {
        let node = Node::new(format!("memory.{name}"), value);
        memory.insert(name, with_plain_times(node, now)?);
    }
    if let Some(changes) = changes {
        let changes = with_plain_times(changes, now)?;
        for (field, value) in told_by(&changes) {
            memory.entry(field).or_insert(value);
        }
        memory.insert("changes".into(), changes);
    }
    strict(Value::Object(memory))
}

/// A target seen for `quietSeconds`, evaluated all along and never changed, of which `wanted` replicas were wanted all the
/// time, or as many as there are.
fn quiet_past(
    fields: &mut Fields,
    spec: &ScalingPolicySpec,
    current: Replicas,
    now: Timestamp,
) -> Result<Map<String, Value>, CaseError> {
    let wanted = fields.take("wanted");
    let Some(quiet) = fields.take("quietSeconds") else {
        return match wanted {
            None => Ok(Map::new()),
            Some(wanted) => {
                Err(wanted.refuse("it together with quietSeconds, the time for which it was wanted"))
            }
        };
    };
    let seconds: u32 = quiet.whole()?;
    let wanted: Replicas = wanted.map_or(Ok(current), |node| node.whole())?;
    let ago = |seconds: i64| json!(now.0.saturating_sub(seconds.saturating_mul(1000)));
    let first_seen = ago(seconds.into());
    let period = spec
        .period_seconds
        .unwrap_or(PERIOD_SECONDS)
        .max(0)
        .unsigned_abs();
    let recorded_at = ago(period.min(seconds).into());
    let want = |at: &Value, replicas| json!({ "since": at, "at": at, "replicas": replicas });
    // At the first sight the engine assumes that what was there was needed.
    let mut down = Vec::new();
    if current > wanted {
        down.push(want(&first_seen, current));
    }
    down.push(want(&recorded_at, wanted));
    let mut memory = Map::new();
    memory.insert("replicas".into(), json!(current));
    if wanted > 0 {
        memory.insert("lastNeeded".into(), recorded_at.clone());
    }
    memory.insert("scaleUpWants".into(), json!([want(&recorded_at, wanted)]));
    memory.insert("scaleDownWants".into(), Value::Array(down));
    memory.insert("recordedAt".into(), recorded_at);
    memory.insert("firstSeen".into(), first_seen);
    Ok(memory)
}

/// What the changes say of the last change and the last growth.
fn told_by(changes: &Value) -> Vec<(&'static str, Value)> {
    let changes = changes.as_array().map_or(&[][..], Vec::as_slice);
    let number = |change: &Value, field: &str| change.get(field).and_then(Value::as_i64);
    let growth = changes
        .iter()
        .rfind(|change| number(change, "to") > number(change, "from"));
    let mut told = Vec::new();
    if let Some(last) = changes.last() {
        told.extend(last.get("at").map(|at| ("lastChange", at.clone())));
        told.extend(last.get("by").map(|by| ("lastWriter", by.clone())));
    }
    told.extend(
        growth
            .and_then(|growth| growth.get("at"))
            .map(|at| ("lastGrowth", at.clone())),
    );
    told
}

/// Guards by name, or as a list in the policy's order.
fn guards_in_order(node: Node, spec: &ScalingPolicySpec, now: Timestamp) -> Result<Value, CaseError> {
    if node.value.is_array() {
        return with_plain_times(node, now);
    }
    let mut guards = vec![json!({}); spec.guards.len()];
    for (name, node) in
        node.entries("a mapping from the guards' names to {aboveSince: -60s, blockingSince: -30s}")?
    {
        let place = spec.guards.iter().position(|guard| guard.name == name);
        let Some(guard) = place.and_then(|place| guards.get_mut(place)) else {
            let known: Vec<_> = spec.guards.iter().map(|guard| guard.name.as_str()).collect();
            return Err(CaseError::UnknownName {
                path: node.path,
                what: "guard",
                known: known.join(", "),
            });
        };
        *guard = with_plain_times(node, now)?;
    }
    Ok(Value::Array(guards))
}

/// The same with every time in milliseconds. A want that was wanted once alone needs no `since`.
fn with_plain_times(node: Node, now: Timestamp) -> Result<Value, CaseError> {
    let last = node.path.rsplit('.').next().unwrap_or_default();
    if TIMES.contains(&last) && !node.value.is_null() {
        return Ok(json!(node.time(now)?.0));
    }
    match &node.value {
        Value::Array(_) => node
            .list("a list")?
            .into_iter()
            .map(|node| with_plain_times(node, now))
            .collect(),
        Value::Object(_) => {
            let is_want = last.starts_with("scaleUpWants[") || last.starts_with("scaleDownWants[");
            let mut map = Map::new();
            for (name, node) in node.entries("a mapping")? {
                map.insert(name, with_plain_times(node, now)?);
            }
            if let Some(at) = map.get("at").filter(|_| is_want).cloned() {
                map.entry("since").or_insert(at);
            }
            Ok(Value::Object(map))
        }
        _ => Ok(node.value),
    }
}

fn strict(value: Value) -> Result<Memory, CaseError> {
    let mut ignored = None;
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(value, &mut track);
    let memory = serde_ignored::deserialize(tracked, |path| {
        ignored.get_or_insert_with(|| path.to_string());
    })
    .map_err(|error: serde_json::Error| CaseError::Unreadable(format!("memory.{}: {error}", track.path())))?;
    match ignored {
        None => Ok(memory),
        Some(path) => Err(CaseError::Ignored(format!("memory.{}", path.replace(".?", "")))),
    }
}

/// Writes a memory so that [`read`] gives it back.
pub(super) fn write(memory: &Memory) -> Value {
    let mut value = serde_json::to_value(memory).unwrap_or_default();
    show_times(&mut value);
    if let Value::Object(map) = &mut value {
        // With changes, a field that is absent would be filled in from them.
        let is_quiet = map
            .get("changes")
            .and_then(Value::as_array)
            .is_none_or(Vec::is_empty);
        map.retain(|name, value| match value {
            Value::Array(values) => !values.is_empty(),
            Value::Null => !is_quiet && ["lastChange", "lastGrowth", "lastWriter"].contains(&name.as_str()),
            _ => true,
        });
    }
    value
}

fn show_times(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(show_times),
        Value::Object(map) => {
            for (name, value) in map {
                match value.as_i64() {
                    Some(time) if TIMES.contains(&name.as_str()) => *value = time_value(Timestamp(time)),
                    _ => show_times(value),
                }
            }
        }
        _ => {}
    }
}
