//! Reading a case part by part: every value knows its path, and a field that nothing asked for is an error. Pure.

use concertina_decision::Timestamp;
use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::CaseError;

/// A value of a case and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) path: String,
    pub(super) value: Value,
}

/// The fields of a mapping; each is taken once.
#[derive(Debug)]
pub(super) struct Fields {
    path: String,
    map: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Node {
    pub(super) fn new(path: impl Into<String>, value: Value) -> Self {
        Self {
            path: path.into(),
            value,
        }
    }

    /// Refuses the value, with what to write.
    pub(super) fn refuse(&self, expected: impl Into<String>) -> CaseError {
        CaseError::Value {
            path: self.path.clone(),
            found: shown(&self.value),
            expected: expected.into(),
        }
    }

    pub(super) fn fields(self, expected: &str) -> Result<Fields, CaseError> {
        match self.value {
            Value::Object(map) => Ok(Fields {
                path: self.path,
                map,
                known: Vec::new(),
            }),
            _ => Err(self.refuse(expected)),
        }
    }

    /// The entries of a mapping whose keys are names.
    pub(super) fn entries(self, expected: &str) -> Result<Vec<(String, Self)>, CaseError> {
        let Value::Object(map) = self.value else {
            return Err(self.refuse(expected));
        };
        let path = self.path;
        Ok(map
            .into_iter()
            .map(|(name, value)| {
                let path = format!("{path}.{name}");
                (name, Self { path, value })
            })
            .collect())
    }

    pub(super) fn list(self, expected: &str) -> Result<Vec<Self>, CaseError> {
        let Value::Array(values) = self.value else {
            return Err(self.refuse(expected));
        };
        let path = self.path;
        Ok(values
            .into_iter()
            .enumerate()
            .map(|(index, value)| Self {
                path: format!("{path}[{index}]"),
                value,
            })
            .collect())
    }

    pub(super) fn text(&self) -> Result<&str, CaseError> {
        self.value.as_str().ok_or_else(|| self.refuse("a text"))
    }

    /// A whole number that fits the type asked for.
    pub(super) fn whole<T: TryFrom<i128>>(&self) -> Result<T, CaseError> {
        let number = match &self.value {
            Value::Number(number) => number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from)),
            _ => None,
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| self.refuse("a whole number in range"))
    }

    /// A number, or what JSON has no number for as a word.
    pub(super) fn number(&self) -> Result<f64, CaseError> {
        number(&self.value).ok_or_else(|| self.refuse("a number, NaN, Infinity or -Infinity"))
    }

    /// A time: RFC 3339, milliseconds since the epoch, or how long before or after `now`.
    pub(super) fn time(&self, now: Timestamp) -> Result<Timestamp, CaseError> {
        let relative = self.value.as_str().and_then(|text| relative_time(text, now));
        relative.or_else(|| absolute_time(&self.value)).ok_or_else(|| {
            self.refuse("a time, such as 2026-07-01T10:00:00Z, or \"-300s\" for so long before now")
        })
    }

    /// A time that is not relative to another.
    pub(super) fn absolute_time(&self) -> Result<Timestamp, CaseError> {
        absolute_time(&self.value).ok_or_else(|| self.refuse("a time, such as 2026-07-01T10:00:00Z"))
    }
}

impl Fields {
    /// Takes a field; a field that is null is not there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node> {
        self.take_even_null(name).filter(|node| !node.value.is_null())
    }

    /// Takes a field, also one that is null.
    pub(super) fn take_even_null(&mut self, name: &'static str) -> Option<Node> {
        self.known.push(name);
        let value = self.map.remove(name)?;
        Some(Node {
            path: join(&self.path, name),
            value,
        })
    }

    pub(super) fn require(&mut self, name: &'static str, example: &'static str) -> Result<Node, CaseError> {
        let path = self.path.clone();
        self.take(name).ok_or(CaseError::Missing {
            path,
            field: name,
            example,
        })
    }

    /// What has not been taken yet.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.map)
    }

    /// Refuses what has not been taken.
    pub(super) fn finish(self) -> Result<(), CaseError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(CaseError::UnknownField {
                field: join(&self.path, name),
                known: self.known.join(", "),
            }),
        }
    }
}

pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

fn absolute_time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(number) => number.as_i64().map(Timestamp),
        Value::String(text) => {
            let time: jiff::Timestamp = text.parse().ok()?;
            Some(Timestamp(time.as_millisecond()))
        }
        _ => None,
    }
}

/// Before the year 0 an absolute time begins with a sign too, but it is no distance.
fn relative_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    if text == "now" {
        return Some(now);
    }
    let distance: SignedDuration = text.strip_prefix('+').unwrap_or(text).parse().ok()?;
    if !text.starts_with(['-', '+']) {
        return None;
    }
    let milliseconds = i64::try_from(distance.as_millis()).ok()?;
    Some(Timestamp(now.0.checked_add(milliseconds)?))
}

/// A time as it is written: RFC 3339, or milliseconds beyond the years that can be written so.
pub(super) fn time_value(time: Timestamp) -> Value {
    match jiff::Timestamp::from_millisecond(time.0) {
        Ok(instant) => Value::String(instant.to_string()),
        Err(_) => Value::from(time.0),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            // Rust's own words for these would be others.
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    }
}

/// A number as it is written. serde_json reads some numbers one bit off, so these are written as text, which is read
/// exactly.
pub(super) fn number_value(number: f64) -> Value {
    if number.is_nan() {
        return "NaN".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let value = Value::from(number);
    let text = value.to_string();
    match serde_json::from_str::<f64>(&text) {
        Ok(read) if read.to_bits() == number.to_bits() => value,
        _ => text.into(),
    }
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Object(map) => match map.keys().next() {
            None => "{}".to_owned(),
            Some(name) => format!("{{{name}: …}}"),
        },
        Value::Array(values) => format!("a list of {}", values.len()),
        simple => simple.to_string(),
    }
}
