//! What was read of one metric or guard, in a case: a number, numbers per pod, or the reason why there is none. Pure.

use concertina_decision::{Missing, Pod, PodReading, Reading, Timestamp};
use serde_json::{Map, Value, json};

use super::CaseError;
use super::node::{Fields, Node, number_value, time_value};

const READING: &str = "a number, {total: 240, age: 15}, {perPod: [0.5, 0.6], request: 1}, or the reason why it is missing, such as NoSamples";

/// Everything that a reading may be missing for; in a case it is written as its reason.
pub(super) const MISSING: [Missing; 17] = [
    Missing::NotReadYet,
    Missing::UnknownServer,
    Missing::UnknownSource,
    Missing::Unreachable,
    Missing::TimedOut,
    Missing::Refused,
    Missing::ServerError,
    Missing::BadAnswer,
    Missing::NoSamples,
    Missing::Stale,
    Missing::NotANumber,
    Missing::Negative,
    Missing::Ambiguous,
    Missing::NoRequests,
    Missing::NoReadyPods,
    Missing::BadTarget,
    Missing::WrongKind,
];

/// Reads what was read.
pub(super) fn read(node: Node, pods: &[Pod], now: Timestamp) -> Result<Reading, CaseError> {
    if let Some(why) = node.value.as_str().and_then(missing) {
        return Ok(Reading::Missing(why));
    }
    if matches!(node.value, Value::Number(_) | Value::String(_)) {
        let value = node.number().map_err(|_| node.refuse(READING))?;
        return Ok(Reading::Total { value, time: None });
    }
    let whole = node.clone();
    let mut fields = node.fields(READING)?;
    let (total, per_pod, why) = (
        fields.take("total"),
        fields.take("perPod"),
        fields.take("missing"),
    );
    let reading = match (total, per_pod, why) {
        (Some(total), None, None) => Reading::Total {
            value: total.number()?,
            time: time(&mut fields, now)?,
        },
        (None, Some(values), None) => {
            let shared = PodReading {
                value: None,
                time: time(&mut fields, now)?,
                request: fields.take("request").map(|node| node.number()).transpose()?,
                limit: fields.take("limit").map(|node| node.number()).transpose()?,
                at_least: at_least(&mut fields, false)?,
            };
            Reading::PerPod(per_pod_readings(values, &shared, pods, now)?)
        }
        (None, None, Some(why)) => Reading::Missing(
            missing(why.text()?)
                .ok_or_else(|| why.refuse(MISSING.map(|missing| missing.reason().as_str()).join(", ")))?,
        ),
        _ => return Err(whole.refuse(READING)),
    };
    fields.finish()?;
    Ok(reading)
}

fn per_pod_readings(
    node: Node,
    shared: &PodReading,
    pods: &[Pod],
    now: Timestamp,
) -> Result<Vec<PodReading>, CaseError> {
    if !node.value.is_array() {
        let value = Some(
            node.number()
                .map_err(|_| node.refuse("a list with an entry for each pod, or one number for all"))?,
        );
        return Ok(vec![PodReading { value, ..*shared }; pods.len()]);
    }
    let refusal = node.refuse(format!("at most one entry for each of the {} pods", pods.len()));
    let nodes = node.list("a list")?;
    if nodes.len() > pods.len() {
        return Err(refusal);
    }
    nodes
        .into_iter()
        .map(|node| pod_reading(node, shared, now))
        .collect()
}

fn pod_reading(node: Node, shared: &PodReading, now: Timestamp) -> Result<PodReading, CaseError> {
    match &node.value {
        Value::Null => Ok(*shared),
        Value::Object(_) => {
            let mut fields = node.fields("a mapping")?;
            let reading = PodReading {
                value: fields.take("value").map(|node| node.number()).transpose()?,
                time: time(&mut fields, now)?.or(shared.time),
                request: fields
                    .take("request")
                    .map_or(Ok(shared.request), |node| node.number().map(Some))?,
                limit: fields
                    .take("limit")
                    .map_or(Ok(shared.limit), |node| node.number().map(Some))?,
                at_least: at_least(&mut fields, shared.at_least)?,
            };
            fields.finish()?;
            Ok(reading)
        }
        _ => Ok(PodReading {
            value: Some(node.number()?),
            ..*shared
        }),
    }
}

/// Whether the value means at least this: `atLeast`.
fn at_least(fields: &mut Fields, otherwise: bool) -> Result<bool, CaseError> {
    fields.take("atLeast").map_or(Ok(otherwise), |node| {
        node.value.as_bool().ok_or_else(|| node.refuse("true or false"))
    })
}

/// When it was measured: `time`, or `age` in seconds.
fn time(fields: &mut Fields, now: Timestamp) -> Result<Option<Timestamp>, CaseError> {
    let (age, time) = (fields.take("age"), fields.take("time"));
    match (age, time) {
        (Some(age), None) => {
            let refuse = || age.refuse("seconds of 0 or more, and only one of age and time");
            let seconds = age.number()?;
            if !(0.0..=1e12).contains(&seconds) {
                return Err(refuse());
            }
            #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
            let milliseconds = (seconds * 1000.0).round() as i64;
            Ok(Some(Timestamp(now.0.saturating_sub(milliseconds))))
        }
        (None, Some(time)) => Ok(Some(time.time(now)?)),
        (None, None) => Ok(None),
        (Some(age), Some(_)) => Err(age.refuse("only one of age and time")),
    }
}

/// What a word says a reading is missing for.
fn missing(word: &str) -> Option<Missing> {
    // A number that is none is a value, whatever the reason for refusing it is called.
    MISSING
        .into_iter()
        .find(|missing| missing.reason().as_str() == word)
}

/// Writes it so that [`read`] gives it back, but for readings beyond the last pod.
pub(super) fn write(reading: &Reading, pods: usize) -> Value {
    match reading {
        Reading::Missing(why) => json!({ "missing": why.reason().as_str() }),
        Reading::Total { value, time } => {
            let mut map = Map::new();
            map.insert("total".into(), number_value(*value));
            if let Some(time) = time {
                map.insert("time".into(), time_value(*time));
            }
            Value::Object(map)
        }
        Reading::PerPod(readings) => {
            let readings: Vec<_> = readings.iter().take(pods).map(pod_value).collect();
            json!({ "perPod": readings })
        }
    }
}

fn pod_value(reading: &PodReading) -> Value {
    let PodReading {
        value,
        time,
        request,
        limit,
        at_least,
    } = reading;
    let mut map = Map::new();
    for (field, number) in [("value", value), ("request", request), ("limit", limit)] {
        if let Some(number) = number {
            map.insert(field.into(), number_value(*number));
        }
    }
    if let Some(time) = time {
        map.insert("time".into(), time_value(*time));
    }
    if *at_least {
        map.insert("atLeast".into(), true.into());
    }
    match (value, map.len()) {
        (Some(value), 1) => number_value(*value),
        (None, 0) => Value::Null,
        _ => Value::Object(map),
    }
}
