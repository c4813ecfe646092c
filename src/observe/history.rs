//! Answers of range queries: for each step of the past what an instant query would have answered then. Pure.
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use concertina_decision::Timestamp;
use serde::Deserialize;

use super::join::carries;
use super::query::FAMILY_LABEL;
use super::table::{Answer, Entry, FetchError, Labels, Pods, Remarks, Table, entry_of, envelope, number};
use crate::control::compile::Matching;

/// The longest past that is asked for, in seconds.
pub const MAX_PAST_SECONDS: u32 = 3600;
/// A window is asked for in so many steps at most, which are as many as a memory keeps of it.
const STEPS_PER_WINDOW: u32 = 60;

/// The instants at which a query is asked. They are aligned to the clock, so that policies share their queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Steps {
    /// The first, in seconds since the Unix epoch.
    pub start: i64,
    /// The last, in the same.
    pub end: i64,
    /// Seconds between two; at least 1.
    pub step: u32,
}

impl Steps {
    /// The steps of a window that ends now: the first is no younger than the window, the last is before now. Each is an
    /// instant at which a policy of this period is evaluated.
    #[must_use]
    pub fn before(now: Timestamp, window_seconds: u32, period_seconds: u32) -> Self {
        let window = window_seconds.min(MAX_PAST_SECONDS);
        let period = period_seconds.max(1);
        let periods = window.div_ceil(period.saturating_mul(STEPS_PER_WINDOW)).max(1);
        let step = period.saturating_mul(periods);
        let aligned = |milliseconds: i64| {
            let seconds = milliseconds.div_euclid(1000);
            seconds - seconds.rem_euclid(i64::from(step))
        };
        Self {
            start: aligned(now.0.saturating_sub(i64::from(window) * 1000)),
            end: aligned(now.0.saturating_sub(1)),
            step,
        }
    }

    /// Their instants, oldest first.
    pub fn times(self) -> impl Iterator<Item = Timestamp> {
        (0..self.count()).map(move |index| {
            let seconds = i64::try_from(index)
                .unwrap_or(i64::MAX)
                .saturating_mul(self.step.into());
            Timestamp::from_seconds(self.start.saturating_add(seconds))
        })
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        let span = self.end.saturating_sub(self.start).max(0);
        usize::try_from(span / i64::from(self.step.max(1))).unwrap_or(0) + 1
    }

    /// Which of them is at this time; Prometheus answers in seconds, with a fraction where there is one.
    fn index_of(self, seconds: f64) -> Option<usize> {
        #[allow(clippy::cast_precision_loss)] // times of our age fit
        let index = (seconds - self.start as f64) / f64::from(self.step.max(1));
        let whole = index.round();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range, as just checked
        ((index - whole).abs() < 0.001 && whole >= 0.0 && whole < self.count() as f64)
            .then_some(whole as usize)
    }
}

/// The containers of one pod, each with one entry per step.
type Containers = Vec<(Box<str>, Vec<Entry>)>;
/// The labels of a series, and its value at each step.
type Series = (BTreeMap<String, String>, Vec<Option<f64>>);

/// A decoded answer of a range query.
#[derive(Debug)]
pub struct History {
    /// Its instants.
    pub steps: Steps,
    /// Seconds over which its rates were measured, where it has rates and who asked has said so.
    pub window_seconds: Option<u32>,
    tables: Tables,
    remarks: Remarks,
}

#[derive(Debug)]
enum Tables {
    /// By namespace, then pod.
    Pods(HashMap<Box<str>, HashMap<Box<str>, Containers>>),
    /// The series of a user's own query.
    Series(Vec<Series>),
}

#[derive(Deserialize)]
struct Row<'a, L> {
    metric: L,
    #[serde(borrow)]
    values: Vec<(f64, Cow<'a, str>)>,
}

impl History {
    /// Decodes the answer of a grouped query whose groups are named by these labels.
    ///
    /// # Errors
    /// When the text is not a Prometheus answer with a matrix of these steps.
    pub fn of_pods(
        text: &[u8],
        steps: Steps,
        namespace_label: &str,
        pod_label: &str,
    ) -> Result<Self, FetchError> {
        let (rows, remarks) = matrix::<Labels<'_>>(text)?;
        let mut pods: HashMap<Box<str>, HashMap<Box<str>, Containers>> = HashMap::new();
        for row in &rows {
            let label = |name: &str| row.metric.get(name).map_or("", |text| text.as_ref());
            let containers = entry_of(entry_of(&mut pods, label(namespace_label)), label(pod_label));
            let name = label("container");
            let known = containers.iter().position(|(known, _)| known.as_ref() == name);
            let index = known.unwrap_or_else(|| {
                containers.push((name.into(), vec![Entry::default(); steps.count()]));
                containers.len() - 1
            });
            let Some((_, entries)) = containers.get_mut(index) else {
                continue;
            };
            for (index, value) in values(&row.values, steps)? {
                if let Some(entry) = entries.get_mut(index) {
                    entry.set(label(FAMILY_LABEL), value);
                }
            }
        }
        Ok(Self {
            steps,
            window_seconds: None,
            tables: Tables::Pods(pods),
            remarks,
        })
    }

    /// Decodes the answer of a user's own query.
    ///
    /// # Errors
    /// When the text is not a Prometheus answer with a matrix of these steps.
    pub fn of_series(text: &[u8], steps: Steps) -> Result<Self, FetchError> {
        let (rows, remarks) = matrix::<BTreeMap<String, String>>(text)?;
        let series = rows.into_iter().map(|row| {
            let mut at_steps = vec![None; steps.count()];
            for (index, value) in values(&row.values, steps)? {
                if let Some(at_step) = at_steps.get_mut(index) {
                    *at_step = Some(value);
                }
            }
            Ok((row.metric, at_steps))
        });
        Ok(Self {
            steps,
            window_seconds: None,
            tables: Tables::Series(series.collect::<Result<_, FetchError>>()?),
            remarks,
        })
    }

    /// The part that speaks of these pods of a namespace, or of the series with these labels.
    pub fn part<'h>(
        &'h self,
        namespace: &'h str,
        pods: impl Iterator<Item = &'h str>,
        matching: Option<&Matching>,
    ) -> Part<'h> {
        let rows = match &self.tables {
            Tables::Pods(by_namespace) => {
                let known = by_namespace.get(namespace);
                let rows = pods.filter_map(|pod| Some((pod, known?.get(pod)?)));
                Rows::Pods(namespace, rows.collect())
            }
            Tables::Series(series) => {
                let carries =
                    |(labels, _): &&Series| matching.is_none_or(|matching| carries(labels, matching));
                Rows::Series(series.iter().filter(carries).collect())
            }
        };
        Part {
            rows,
            remarks: &self.remarks,
            window_seconds: self.window_seconds,
        }
    }
}

/// The part of a history that one metric of one policy needs.
pub struct Part<'h> {
    rows: Rows<'h>,
    remarks: &'h Remarks,
    window_seconds: Option<u32>,
}

enum Rows<'h> {
    Pods(&'h str, Vec<(&'h str, &'h Containers)>),
    Series(Vec<&'h Series>),
}

impl Part<'_> {
    /// What an instant query would have answered at this step.
    #[must_use]
    pub fn at(&self, step: usize) -> Answer {
        let table = match &self.rows {
            Rows::Pods(namespace, pods) => {
                let entries = |containers: &Containers| -> Vec<(Box<str>, Entry)> {
                    let at_step = |(name, entries): &(Box<str>, Vec<Entry>)| {
                        let entry = entries.get(step).filter(|entry| **entry != Entry::default())?;
                        Some((name.clone(), *entry))
                    };
                    containers.iter().filter_map(at_step).collect()
                };
                let pods = pods.iter().map(|(pod, rows)| ((*pod).into(), entries(rows)));
                Table::Pods(Pods::from([((*namespace).into(), pods.collect())]))
            }
            Rows::Series(series) => {
                let at_step = |(labels, values): &&Series| Some((labels.clone(), (*values.get(step)?)?));
                Table::Series(series.iter().filter_map(at_step).collect())
            }
        };
        Answer {
            table,
            remarks: self.remarks.clone(),
            window_seconds: self.window_seconds,
        }
    }
}

fn matrix<'a, L: Deserialize<'a>>(text: &'a [u8]) -> Result<(Vec<Row<'a, L>>, Remarks), FetchError> {
    let (rows, remarks, kind) = envelope::<Vec<Row<'a, L>>>(text)?;
    if kind == "matrix" {
        Ok((rows, remarks))
    } else {
        Err(FetchError::Undecodable(format!(
            "the result is a {kind} where a matrix was asked for"
        )))
    }
}

/// The values with the indices of their steps. What was not asked for is left out.
fn values(row: &[(f64, Cow<'_, str>)], steps: Steps) -> Result<Vec<(usize, f64)>, FetchError> {
    row.iter()
        .filter_map(|(seconds, text)| Some((steps.index_of(*seconds)?, text)))
        .map(|(index, text)| Ok((index, number(text)?)))
        .collect()
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
