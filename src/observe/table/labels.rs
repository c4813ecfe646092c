//! Totals under the values of their labels: one table per set of labels that policies name in `match`. Pure.
use std::sync::Arc;

use super::Entry;
use super::cells::{Cells, Family};
use super::decode::{Field, Sink};
use super::index::Index;
use super::number;
use super::series::Labels;

/// Names of labels, in order and each once.
pub type LabelSet = Arc<[Arc<str>]>;

/// Rows under the values of one set of labels.
#[derive(Clone, Debug)]
pub(in crate::observe) struct LabelRows {
    names: LabelSet,
    /// Where the labels are among those that are read.
    columns: Box<[usize]>,
    index: Index,
}

impl LabelRows {
    /// No rows yet. `wanted` are the labels that are read.
    pub(in crate::observe) fn of(names: &LabelSet, wanted: &[Arc<str>]) -> Self {
        let column = |name: &Arc<str>| {
            wanted
                .iter()
                .position(|wanted| wanted == name)
                .unwrap_or(usize::MAX)
        };
        Self {
            columns: names.iter().map(column).collect(),
            index: Index::of_width(names.len()),
            names: Arc::clone(names),
        }
    }

    /// The row of a series, and whether it is new. `None` when the series lacks one of the labels.
    pub(in crate::observe) fn insert(&mut self, labels: &Labels) -> Option<(usize, bool)> {
        let values = self.columns.iter().map(|column| labels.get(*column));
        values
            .clone()
            .all(|value| value.is_some())
            .then(|| self.index.insert(values.map(Option::unwrap_or_default)))
    }

    /// Whether these are the labels.
    fn compare<V>(&self, matching: &[(Arc<str>, V)]) -> std::cmp::Ordering {
        self.names.iter().cmp(matching.iter().map(|(name, _)| name))
    }

    /// The row of these values.
    pub(in crate::observe) fn get(&self, matching: &[(Arc<str>, Box<str>)]) -> Option<usize> {
        self.index.get(matching.iter().map(|(_, value)| &**value))
    }

    /// The rows of the labels that these values belong to, among `sets` in their order.
    pub(in crate::observe) fn among<'r, T>(
        sets: &'r [T],
        rows: impl Fn(&T) -> &Self,
        matching: &[(Arc<str>, Box<str>)],
    ) -> Option<&'r T> {
        let found = sets.binary_search_by(|set| rows(set).compare(matching));
        found.ok().and_then(|index| sets.get(index))
    }

    /// Gives back the room for further rows.
    pub(in crate::observe) fn shrink(&mut self) {
        self.index.shrink();
    }
}

/// What carries the same values of some labels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Group {
    /// How many series have a value there.
    pub series: u32,
    /// What is known; with several series, of the last of them.
    pub entry: Entry,
}

/// An answer of totals, found by the values of their labels.
#[derive(Clone, Debug, Default)]
pub struct LabelTable {
    /// In the order of their labels.
    sets: Vec<Set>,
    series: usize,
    /// Of a grouped query, the label that names the namespace.
    namespace: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Set {
    rows: LabelRows,
    cells: Cells,
    counts: Vec<u32>,
}

impl Set {
    fn of(names: &LabelSet, wanted: &[Arc<str>]) -> Self {
        Self {
            rows: LabelRows::of(names, wanted),
            cells: Cells::of_steps(1),
            counts: Vec::new(),
        }
    }
}

impl LabelTable {
    /// The newest of all times, in milliseconds since the Unix epoch.
    pub(super) fn newest(&self) -> Option<i64> {
        self.sets.iter().filter_map(|set| set.cells.newest()).max()
    }

    /// The series that carry these labels with these values, which are in the order of the labels. `None` when the answer
    /// was not read for these labels.
    #[must_use]
    pub fn group(&self, matching: &[(Arc<str>, Box<str>)]) -> Option<Group> {
        let set = LabelRows::among(&self.sets, |set| &set.rows, matching)?;
        Some(set.rows.get(matching).map_or_else(Group::default, |row| Group {
            series: set.counts.get(row).copied().unwrap_or(0),
            entry: set.cells.entry(row, 0),
        }))
    }

    /// How many series the answer has.
    #[must_use]
    pub const fn series(&self) -> usize {
        self.series
    }

    /// A table that knows of one group alone.
    pub(in crate::observe) fn of_group(matching: &[(Arc<str>, Box<str>)], group: Option<Group>) -> Self {
        let names: LabelSet = matching.iter().map(|(name, _)| Arc::clone(name)).collect();
        let mut set = Set::of(&names, &names);
        if let Some(group) = group {
            set.rows.index.insert(matching.iter().map(|(_, value)| &**value));
            set.cells.add_row();
            set.cells.merge(0, group.entry);
            set.counts.push(group.series);
        }
        Self {
            sets: vec![set],
            series: group.map_or(0, |group| group.series as usize),
            namespace: None,
        }
    }

    /// Of a grouped query, namespaces with the number of series that spoke of them, in parts.
    pub(super) fn widths(&self) -> impl Iterator<Item = (&str, usize)> {
        let by_namespace = self.sets.iter().find_map(|set| {
            let namespace = self.namespace.as_ref()?;
            let label = set.rows.names.iter().position(|name| name == namespace)?;
            Some((set, label))
        });
        by_namespace.into_iter().flat_map(|(set, label)| {
            (0..set.rows.index.len()).map(move |row| {
                let count = set.counts.get(row).copied().unwrap_or(0) as usize;
                let families = set.cells.entry(row, 0).families();
                let namespace = set.rows.index.names(row).nth(label);
                (namespace.unwrap_or_default(), count.max(families))
            })
        })
    }
}

/// Takes the series of an instant vector, or a scalar.
pub(super) struct LabelSink {
    table: LabelTable,
    /// Where the label of the family is among those that are read; `None` where all series are values.
    family: Option<usize>,
    number: f64,
}

impl LabelSink {
    pub(super) fn of(
        sets: &[LabelSet],
        wanted: &[Arc<str>],
        family: Option<usize>,
        namespace: Option<Arc<str>>,
    ) -> Self {
        let mut sets: Vec<Set> = sets.iter().map(|names| Set::of(names, wanted)).collect();
        sets.sort_by(|one, other| one.rows.names.cmp(&other.rows.names));
        sets.dedup_by(|one, other| one.rows.names == other.rows.names);
        Self {
            table: LabelTable {
                sets,
                series: 0,
                namespace,
            },
            family,
            number: 0.0,
        }
    }

    pub(super) fn finish(mut self) -> LabelTable {
        for set in &mut self.table.sets {
            set.rows.shrink();
            set.cells.shrink();
            set.counts.shrink_to_fit();
        }
        self.table
    }
}

impl Sink for LabelSink {
    const FIELD: Field = Field::Value;
    const KIND: &'static str = "vector";
    const TAKES_SCALAR: bool = true;

    fn point(&mut self, _: f64, text: &str) -> Result<(), String> {
        self.number = number(text)?;
        Ok(())
    }

    fn series(&mut self, labels: &Labels) {
        let family = self.family.map_or(Family::Value, |family| {
            Family::of(labels.get(family).unwrap_or_default())
        });
        self.table.series += 1;
        for set in &mut self.table.sets {
            let Some((row, is_new)) = set.rows.insert(labels) else {
                continue;
            };
            if is_new {
                set.cells.add_row();
                set.counts.push(0);
            }
            set.cells.set(row, 0, family, self.number);
            if let Some(count) = set.counts.get_mut(row).filter(|_| family == Family::Value) {
                *count = count.saturating_add(1);
            }
        }
    }
}
