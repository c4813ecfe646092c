//! Answers of Prometheus, decoded straight into tables that observations are joined from. No network.
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::query::{FAMILY_DUPLICATES, FAMILY_PARTIAL, FAMILY_TIME, FAMILY_VALUE};

/// So much of a server's own words is kept.
const SERVER_TEXT_BYTES: usize = 200;

/// Why an answer could not be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {0} s")]
    TimedOut(u32),
    /// The server refused the query or failed on it.
    #[error("the server answered {status}: {message}")]
    Rejected {
        /// HTTP status.
        status: u16,
        /// The server's own words, shortened.
        message: String,
    },
    /// The answer is not what the Prometheus API promises.
    #[error("the answer cannot be read: {0}")]
    Undecodable(String),
    /// The answer is greater than `maxResponseBytes`.
    #[error("the answer is greater than {0} bytes: narrow the query or raise maxResponseBytes")]
    TooLarge(usize),
    /// The policy's server is not in the controller's configuration.
    #[error("no server named {0} in the controller's configuration")]
    UnknownServer(String),
    /// The metric's source is not in the controller's configuration.
    #[error("no source named {0} in the controller's configuration")]
    UnknownSource(String),
}

/// What is known of one pod or container.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Entry {
    /// The value; absent when only a time came.
    pub value: Option<f64>,
    /// Time of the newest sample in milliseconds since the Unix epoch.
    pub time_ms: Option<i64>,
    /// Whether several series stood where one should.
    pub duplicate: bool,
    /// Whether the value is a rate that speaks of a part of its window only.
    pub partial: bool,
}

impl Entry {
    /// Takes over a number of one family.
    pub(super) fn set(&mut self, family: &str, number: f64) {
        match family {
            FAMILY_VALUE => self.value = Some(number),
            FAMILY_TIME => self.time_ms = milliseconds(number),
            FAMILY_DUPLICATES => self.duplicate = true,
            FAMILY_PARTIAL => self.partial = true,
            _ => {}
        }
    }
}

/// The containers of one pod, under their names; one without a name where the query has no containers.
pub type Containers = Vec<(Box<str>, Entry)>;
/// By namespace, then pod.
pub type Pods = HashMap<Box<str>, HashMap<Box<str>, Containers>>;

/// A decoded answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Table {
    /// The pods of a grouped query.
    Pods(Pods),
    /// The series of a user's own query with their labels.
    Series(Vec<(BTreeMap<String, String>, f64)>),
}

/// A table and what the server remarked on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The decoded series.
    pub table: Table,
    /// What the server said beside them.
    pub remarks: Remarks,
    /// Seconds over which its rates were measured, where it has rates and who asked has said so.
    pub window_seconds: Option<u32>,
}

/// What a server says of its own answer, beside the series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remarks {
    /// `warnings`: of Thanos, Cortex and a Prometheus with remote storage the errors of what did not answer, each with
    /// status 200; of the query engine its annotations. `infos` are never about missing data and are not read.
    pub warnings: Vec<String>,
    /// `isPartial` of `VictoriaMetrics`: a part of its storage did not answer.
    pub is_partial: bool,
}

impl Remarks {
    /// The words that tell of data which the answer lacks. None: the answer is whole, as far as the server knows.
    #[must_use]
    pub fn lacking(&self) -> Option<&str> {
        let lacking = self.warnings.iter().find(|warning| !is_annotation(warning));
        lacking
            .map(String::as_str)
            .or_else(|| self.is_partial.then_some("isPartial is true"))
    }

    /// The first words that may explain why there is nothing. The engine's annotations are among them: it leaves out
    /// what it cannot calculate with, such as floats beside histograms.
    #[must_use]
    pub fn doubtful(&self) -> Option<&str> {
        self.lacking()
            .or_else(|| self.warnings.first().map(String::as_str))
    }
}

/// Whether a warning is one of the query engine's, which speak of the query (Prometheus, `util/annotations`, since
/// 2.48). What it omits after the tenth is taken for the same.
fn is_annotation(warning: &str) -> bool {
    warning.starts_with("PromQL warning") || warning.starts_with("PromQL info") || warning.ends_with(OMITTED)
}

const OMITTED: &str = "more warning annotations omitted";

#[derive(Deserialize)]
struct Envelope<'a, L> {
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default = "Option::default")]
    data: Option<Data<'a, L>>,
    #[serde(default, borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default, rename = "isPartial")]
    is_partial: Option<bool>,
}

#[derive(Deserialize)]
struct Data<'a, L> {
    #[serde(rename = "resultType", borrow)]
    result_type: Cow<'a, str>,
    #[serde(bound(deserialize = "L: Deserialize<'de>"))]
    result: L,
}

#[derive(Deserialize)]
struct Series<'a, L> {
    metric: L,
    #[serde(borrow)]
    value: (f64, Cow<'a, str>),
}

/// The value of one label, wherever it is wanted.
pub(super) type Labels<'a> = HashMap<Cow<'a, str>, Cow<'a, str>>;

/// Decodes the answer of a grouped query whose groups are named by these labels.
///
/// # Errors
/// When the text is not a Prometheus answer with an instant vector.
pub fn decode_pods(text: &[u8], namespace_label: &str, pod_label: &str) -> Result<Answer, FetchError> {
    let (series, remarks) = vector::<Vec<Series<'_, Labels<'_>>>>(text)?;
    let mut pods = Pods::new();
    for Series {
        metric,
        value: (_, value),
    } in &series
    {
        let label = |name: &str| metric.get(name).map_or("", |text| text.as_ref());
        let (namespace, pod, container) = (label(namespace_label), label(pod_label), label("container"));
        let number = number(value)?;
        let containers = entry_of(entry_of(&mut pods, namespace), pod);
        let index = containers
            .iter()
            .position(|(name, _)| name.as_ref() == container)
            .unwrap_or_else(|| {
                containers.push((container.into(), Entry::default()));
                containers.len() - 1
            });
        if let Some((_, entry)) = containers.get_mut(index) {
            entry.set(label(super::query::FAMILY_LABEL), number);
        }
    }
    Ok(Answer {
        table: Table::Pods(pods),
        remarks,
        window_seconds: None,
    })
}

/// Decodes the answer of a user's own query: an instant vector or a scalar.
///
/// # Errors
/// When the text is not a Prometheus answer of these types.
pub fn decode_series(text: &[u8]) -> Result<Answer, FetchError> {
    let (result, remarks, kind) = envelope::<&serde_json::value::RawValue>(text)?;
    let unreadable = |error: serde_json::Error| FetchError::Undecodable(error.to_string());
    let series = match kind.as_str() {
        "scalar" => {
            let (_, value): (f64, Cow<'_, str>) = serde_json::from_str(result.get()).map_err(unreadable)?;
            vec![(BTreeMap::new(), number(&value)?)]
        }
        "vector" => serde_json::from_str::<Vec<Series<'_, BTreeMap<String, String>>>>(result.get())
            .map_err(|error| {
                FetchError::Undecodable(format!(
                    "{error}; a native histogram must be reduced to a number first"
                ))
            })?
            .into_iter()
            .map(|series| Ok((series.metric, number(&series.value.1)?)))
            .collect::<Result<_, FetchError>>()?,
        other => return Err(not_a_vector(other)),
    };
    Ok(Answer {
        table: Table::Series(series),
        remarks,
        window_seconds: None,
    })
}

/// The server's own words in an error answer, if it is one.
#[must_use]
pub fn error_text(text: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Failure {
        error: String,
    }
    serde_json::from_slice::<Failure>(text)
        .ok()
        .map(|failure| failure.error)
}

fn vector<'a, L: Deserialize<'a>>(text: &'a [u8]) -> Result<(L, Remarks), FetchError> {
    let (result, remarks, kind) = envelope::<L>(text)?;
    if kind == "vector" {
        Ok((result, remarks))
    } else {
        Err(not_a_vector(&kind))
    }
}

/// The result, the server's remarks and the type of the result.
pub(super) fn envelope<'a, L: Deserialize<'a>>(text: &'a [u8]) -> Result<(L, Remarks, String), FetchError> {
    let envelope: Envelope<'a, L> =
        serde_json::from_slice(text).map_err(|error| FetchError::Undecodable(error.to_string()))?;
    match envelope.data {
        Some(data) if envelope.status == "success" => Ok((
            data.result,
            Remarks {
                warnings: envelope.warnings.unwrap_or_default(),
                is_partial: envelope.is_partial == Some(true),
            },
            data.result_type.into_owned(),
        )),
        _ => Err(FetchError::Undecodable(
            envelope
                .error
                .map_or_else(|| "it has no data".to_owned(), Cow::into_owned),
        )),
    }
}

fn not_a_vector(kind: &str) -> FetchError {
    FetchError::Undecodable(format!(
        "the result is a {kind}: write a query whose result is an instant vector or a scalar"
    ))
}

pub(super) fn entry_of<'m, V: Default>(map: &'m mut HashMap<Box<str>, V>, key: &str) -> &'m mut V {
    // Two look-ups, so that a known key allocates nothing.
    if !map.contains_key(key) {
        map.insert(key.into(), V::default());
    }
    map.entry(key.into()).or_default()
}

/// NaN and the infinities are numbers here: the decision tells them apart. What is no number at all is not left out:
/// it would look like a sample that is not there.
pub(super) fn number(text: &str) -> Result<f64, FetchError> {
    text.parse()
        .map_err(|_| FetchError::Undecodable(format!("{text:?} is no number")))
}

/// The beginning of a server's own words.
pub(super) fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(SERVER_TEXT_BYTES);
    let cut = text.get(..end).unwrap_or_default();
    if end < text.len() {
        format!("{cut}…")
    } else {
        cut.to_owned()
    }
}

fn milliseconds(seconds: f64) -> Option<i64> {
    let milliseconds = seconds * 1000.0;
    #[allow(clippy::cast_possible_truncation)] // in range, as just checked
    (milliseconds.is_finite() && milliseconds.abs() < 9e15).then_some(milliseconds as i64)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
