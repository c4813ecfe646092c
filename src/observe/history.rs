//! Answers of range queries: for each step of the past what an instant query would have answered then. Pure.
use std::sync::Arc;

use super::table::{
    Answer, Cells, Family, FetchError, Field, Group, LabelRows, LabelTable, Labels, Naming, PodRows,
    PodTable, Remarks, Sink, Table, Wanted, number, pod_of, read,
};
use concertina_decision::Timestamp;

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

/// A decoded answer of a range query.
#[derive(Debug)]
pub struct History {
    /// Its instants.
    pub steps: Steps,
    /// Seconds over which its rates were measured, where it has rates and who asked has said so.
    pub window_seconds: Option<u32>,
    /// How many series the server sent.
    pub series: usize,
    /// Length of the body in bytes.
    pub bytes: usize,
    rows: Rows,
    remarks: Remarks,
}

/// What is known under each name, with a cell per step.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // one per answer
enum Rows {
    /// Containers.
    Pods(PodRows, Cells),
    /// Totals under the values of each set of labels, in the order of the labels.
    Labels(Vec<(LabelRows, Cells)>),
}

impl History {
    /// Decodes the answer of a range query of these steps.
    ///
    /// # Errors
    /// When the text is not a Prometheus answer with a matrix.
    pub fn decode(
        body: &[u8],
        steps: Steps,
        wanted: &Wanted,
        naming: Naming<'_>,
    ) -> Result<Self, FetchError> {
        let (names, family) = wanted.labels(naming);
        let cells = || Cells::of_steps(steps.count());
        let rows = match wanted {
            Wanted::Pods => Rows::Pods(PodRows::default(), cells()),
            Wanted::Labels(sets) => {
                let mut sets: Vec<_> = sets.iter().collect();
                sets.sort();
                sets.dedup();
                let of = |set| (LabelRows::of(set, &names), cells());
                Rows::Labels(sets.into_iter().map(of).collect())
            }
        };
        let mut sink = Matrix {
            steps,
            family,
            points: Vec::new(),
            series: 0,
            rows,
        };
        let remarks = read(body, Labels::wanted(names), &mut sink)?;
        sink.rows.shrink();
        Ok(Self {
            steps,
            window_seconds: None,
            series: sink.series,
            bytes: body.len(),
            rows: sink.rows,
            remarks,
        })
    }

    /// The part that speaks of these pods of a namespace, or of the series with these labels.
    pub fn part<'h>(
        &'h self,
        namespace: &'h str,
        pods: impl Iterator<Item = &'h str>,
        matching: Option<&'h [(Arc<str>, Box<str>)]>,
    ) -> Part<'h> {
        let found = match &self.rows {
            Rows::Pods(rows, cells) => {
                let containers = |pod| rows.get(namespace, pod).map(move |(name, row)| (pod, name, row));
                Found::Pods(namespace, pods.flat_map(containers).collect(), cells)
            }
            Rows::Labels(sets) => {
                let matching = matching.unwrap_or_default();
                let set = LabelRows::among(sets, |(rows, _)| rows, matching);
                Found::Labels(
                    matching,
                    set.and_then(|(rows, cells)| Some((rows.get(matching)?, cells))),
                )
            }
        };
        Part {
            found,
            remarks: &self.remarks,
            window_seconds: self.window_seconds,
        }
    }
}

impl Rows {
    fn shrink(&mut self) {
        match self {
            Self::Pods(rows, cells) => {
                rows.shrink();
                cells.shrink();
            }
            Self::Labels(sets) => {
                for (rows, cells) in sets {
                    rows.shrink();
                    cells.shrink();
                }
            }
        }
    }
}

/// Takes the series of a matrix.
struct Matrix {
    steps: Steps,
    family: Option<usize>,
    /// The numbers of the series that is being read, with their steps. What was not asked for is left out.
    points: Vec<(usize, f64)>,
    series: usize,
    rows: Rows,
}

impl Sink for Matrix {
    const FIELD: Field = Field::Values;
    const KIND: &'static str = "matrix";
    const TAKES_SCALAR: bool = false;

    fn point(&mut self, seconds: f64, text: &str) -> Result<(), String> {
        if let Some(step) = self.steps.index_of(seconds) {
            self.points.push((step, number(text)?));
        }
        Ok(())
    }

    fn series(&mut self, labels: &Labels) {
        self.series += 1;
        let add = |cells: &mut Cells, (row, is_new): (usize, bool), family| {
            if is_new {
                cells.add_row();
            }
            for (step, number) in &self.points {
                cells.set(row, *step, family, *number);
            }
        };
        match &mut self.rows {
            Rows::Pods(rows, cells) => {
                let (namespace, pod, container, family) = pod_of(labels);
                add(cells, rows.insert(namespace, pod, container), family);
            }
            Rows::Labels(sets) => {
                let family = self.family.map_or(Family::Value, |family| {
                    Family::of(labels.get(family).unwrap_or_default())
                });
                for (rows, cells) in sets {
                    if let Some(row) = rows.insert(labels) {
                        add(cells, row, family);
                    }
                }
            }
        }
        self.points.clear();
    }
}

/// The part of a history that one metric of one policy needs.
pub struct Part<'h> {
    found: Found<'h>,
    remarks: &'h Remarks,
    window_seconds: Option<u32>,
}

enum Found<'h> {
    /// The namespace, and each container with its pod and its row.
    Pods(&'h str, Vec<(&'h str, &'h str, usize)>, &'h Cells),
    /// The labels, and the row that carries them.
    Labels(&'h [(Arc<str>, Box<str>)], Option<(usize, &'h Cells)>),
}

impl Part<'_> {
    /// What an instant query would have answered at this step.
    #[must_use]
    pub fn at(&self, step: usize) -> Answer {
        let (table, series) = match &self.found {
            Found::Pods(namespace, containers, cells) => {
                let mut table = PodTable::default();
                for (pod, name, row) in containers {
                    if let Some(entry) = cells.known(*row, step) {
                        table.insert(namespace, pod, name, entry);
                    }
                }
                (Table::Pods(table), containers.len())
            }
            Found::Labels(matching, row) => {
                let group = row.and_then(|(row, cells)| {
                    Some(Group {
                        entry: cells.known(row, step)?,
                        series: if cells.has_several(row, step) { 2 } else { 1 },
                    })
                });
                let table = LabelTable::of_group(matching, group);
                let series = table.series();
                (Table::Labels(table), series)
            }
        };
        Answer {
            table,
            remarks: self.remarks.clone(),
            window_seconds: self.window_seconds,
            interval_seconds: None,
            // What is not known of the past holds shrinking back, and so does a value that is no number.
            nan_is_no_requests: false,
            series,
            bytes: 0,
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
