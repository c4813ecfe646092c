//! Answers of Prometheus, decoded straight into tables that observations are joined from. No network.
//!
//! A body is read once, series by series; of each series the wanted labels and the number are kept, in a few long lists
//! with an index by those labels. There is no tree of the body and no allocation of its own for a series, and one policy
//! finds what it needs by one look-up, however many there are.
use std::sync::Arc;

use concertina_decision::Timestamp;
use serde::Deserialize;

use super::query::FAMILY_LABEL;

mod cells;
mod decode;
mod index;
mod labels;
mod pods;
mod remarks;
mod series;

pub(super) use cells::{Cells, Family};
pub(super) use decode::{Field, Sink, read};
pub(super) use labels::LabelRows;
pub use labels::{Group, LabelSet, LabelTable};
pub use pods::PodTable;
pub(super) use pods::{PodRows, pod_of};
pub use remarks::Remarks;
pub(super) use series::Labels;

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
    /// Other queries had all the places for this server until the time was over.
    #[error(
        "not asked within {0} s: other queries to this server had not ended, and slow ones wait for each other"
    )]
    NoTurn(u32),
    /// The same query was sent before and has not been answered yet.
    #[error("the query sent before is still under way")]
    StillAsking,
    /// Something that the configuration of the server names is not there or not usable.
    #[error("the server cannot be asked: {0}")]
    Unprepared(String),
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
    /// The metric's source lacks what the metric asks for.
    #[error("{0} in the controller's configuration")]
    LackingSource(String),
}

/// What is known of one container, pod or total.
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
    /// How many series of a grouped answer said this.
    fn families(&self) -> usize {
        usize::from(self.value.is_some())
            + usize::from(self.time_ms.is_some())
            + usize::from(self.duplicate)
            + usize::from(self.partial)
    }
}

/// What of an answer is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The pods of a grouped query.
    Pods,
    /// Totals: for each of these sets of labels those that carry the same values of all of them. The empty set is all
    /// series together.
    Labels(Vec<LabelSet>),
}

/// How a query tells its series apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Naming<'n> {
    /// The label that carries the namespace.
    pub namespace: &'n str,
    /// The label that carries the pod.
    pub pod: &'n str,
    /// The label that carries the container.
    pub container: &'n str,
    /// Whether the label `concertina` says what the number of a series is. Else each is a value.
    pub has_families: bool,
}

impl Naming<'static> {
    /// Built-in queries about containers.
    pub const CONTAINERS: Self = Self {
        namespace: "namespace",
        pod: "pod",
        container: "container",
        has_families: true,
    };
    /// Queries that users wrote.
    pub const OWN: Self = Self {
        has_families: false,
        ..Self::CONTAINERS
    };
}

impl Wanted {
    /// What those want who take the series with these labels, or the pods.
    #[must_use]
    pub fn of(matching: Option<&[(Arc<str>, Box<str>)]>) -> Self {
        matching.map_or(Self::Pods, |matching| {
            Self::Labels(vec![matching.iter().map(|(name, _)| Arc::clone(name)).collect()])
        })
    }

    /// Wants the series with these labels too.
    pub fn include(&mut self, matching: Option<&[(Arc<str>, Box<str>)]>) {
        let (Self::Labels(sets), Some(matching)) = (self, matching) else {
            return;
        };
        let is_known = |set: &LabelSet| set.iter().eq(matching.iter().map(|(name, _)| name));
        if !sets.iter().any(is_known) {
            sets.push(matching.iter().map(|(name, _)| Arc::clone(name)).collect());
        }
    }

    /// The labels to read. Of pods they are those of namespace, pod, container and family. Of totals those of all
    /// sets, in any order, and the number of that of the family.
    pub(super) fn labels(&self, naming: Naming<'_>) -> (Vec<Arc<str>>, Option<usize>) {
        match self {
            Self::Pods => {
                let names = [naming.namespace, naming.pod, naming.container, FAMILY_LABEL];
                (names.map(Arc::from).into(), Some(3))
            }
            Self::Labels(sets) => {
                let mut names: Vec<Arc<str>> = sets.iter().flat_map(|set| set.iter().cloned()).collect();
                names.sort();
                names.dedup();
                let family = naming.has_families.then(|| {
                    let known = names.iter().position(|name| **name == *FAMILY_LABEL);
                    known.unwrap_or_else(|| {
                        names.push(FAMILY_LABEL.into());
                        names.len() - 1
                    })
                });
                (names, family)
            }
        }
    }
}

/// A decoded answer.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // one per answer
pub enum Table {
    /// The pods of a grouped query.
    Pods(PodTable),
    /// Totals, by their labels.
    Labels(LabelTable),
}

/// A table and what the server remarked on it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The decoded series.
    pub table: Table,
    /// What the server said beside them.
    pub remarks: Remarks,
    /// Seconds over which its rates were measured, where it has rates and who asked has said so.
    pub window_seconds: Option<u32>,
    /// Seconds between two scrapes of the series behind it, where they are measured.
    pub interval_seconds: Option<f64>,
    /// Whether a value that is no number says that there were no requests.
    pub nan_is_no_requests: bool,
    /// How many series the server sent.
    pub series: usize,
    /// Length of the body in bytes.
    pub bytes: usize,
}

impl Answer {
    /// Namespaces with the number of series that spoke of them; a namespace may come several times, in parts. Nothing
    /// where the answer does not tell namespaces apart.
    #[must_use]
    pub fn widths(&self) -> Vec<(&str, usize)> {
        match &self.table {
            Table::Pods(pods) => pods.widths().collect(),
            Table::Labels(labels) => labels.widths().collect(),
        }
    }

    /// The time of the newest sample behind any value of the answer; `None` where the answer tells no times.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        let newest = match &self.table {
            Table::Pods(pods) => pods.newest(),
            Table::Labels(labels) => labels.newest(),
        };
        newest.map(Timestamp)
    }
}

/// Decodes the answer of an instant query.
///
/// # Errors
/// When the text is not a Prometheus answer with an instant vector, or where totals are wanted a scalar.
pub fn decode(body: &[u8], wanted: &Wanted, naming: Naming<'_>) -> Result<Answer, FetchError> {
    let (names, family) = wanted.labels(naming);
    let (table, remarks, series) = match wanted {
        Wanted::Pods => {
            let mut sink = pods::PodSink::default();
            let remarks = read(body, Labels::wanted(names), &mut sink)?;
            let (table, series) = sink.finish();
            (Table::Pods(table), remarks, series)
        }
        Wanted::Labels(sets) => {
            let namespace = naming.has_families.then(|| naming.namespace.into());
            let mut sink = labels::LabelSink::of(sets, &names, family, namespace);
            let remarks = read(body, Labels::wanted(names), &mut sink)?;
            let table = sink.finish();
            let series = table.series();
            (Table::Labels(table), remarks, series)
        }
    };
    Ok(Answer {
        table,
        remarks,
        window_seconds: None,
        interval_seconds: None,
        nan_is_no_requests: false,
        series,
        bytes: body.len(),
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

/// NaN and the infinities are numbers here: the decision tells them apart. What is no number at all is not left out:
/// it would look like a sample that is not there.
pub(super) fn number(text: &str) -> Result<f64, String> {
    text.parse()
        .map_err(|_| format!("{:?} is no number", shortened(text)))
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

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod size_tests;
#[cfg(test)]
#[path = "../table_tests.rs"]
mod tests;
