//! Numbers of many rows at one or more instants, each sort in one list. Pure.
use super::Entry;
use crate::observe::query::{FAMILY_DUPLICATES, FAMILY_PARTIAL, FAMILY_TIME, FAMILY_VALUE};

const VALUE: u8 = 1;
/// More than one value was set.
const VALUES: u8 = 2;
const TIME: u8 = 4;
const DUPLICATE: u8 = 8;
const PARTIAL: u8 = 16;

/// What a number of a grouped answer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::observe) enum Family {
    Value,
    Time,
    Duplicates,
    Partial,
    Other,
}

impl Family {
    /// By the value of the label `concertina`.
    pub(in crate::observe) fn of(name: &str) -> Self {
        match name {
            FAMILY_VALUE => Self::Value,
            FAMILY_TIME => Self::Time,
            FAMILY_DUPLICATES => Self::Duplicates,
            FAMILY_PARTIAL => Self::Partial,
            _ => Self::Other,
        }
    }
}

/// One cell per row and step. Beside the values, times take room only where there are any.
#[derive(Clone, Debug, Default)]
pub(in crate::observe) struct Cells {
    steps: usize,
    values: Vec<f64>,
    times: Vec<i64>,
    marks: Vec<u8>,
}

impl Cells {
    /// No rows, of so many steps each.
    pub(in crate::observe) fn of_steps(steps: usize) -> Self {
        Self {
            steps,
            ..Self::default()
        }
    }

    /// Adds a row without anything.
    pub(in crate::observe) fn add_row(&mut self) {
        let length = self.marks.len() + self.steps;
        self.values.resize(length, 0.0);
        self.marks.resize(length, 0);
        if !self.times.is_empty() {
            self.times.resize(length, 0);
        }
    }

    /// Takes over a number of one family. A second value of the same row and step is marked, and the last one stays.
    pub(in crate::observe) fn set(&mut self, row: usize, step: usize, family: Family, number: f64) {
        let cell = row * self.steps + step;
        if family == Family::Time {
            self.set_time(cell, milliseconds(number));
            return;
        }
        let (Some(mark), Some(value)) = (self.marks.get_mut(cell), self.values.get_mut(cell)) else {
            return;
        };
        match family {
            Family::Value => {
                *mark |= if *mark & VALUE == 0 { VALUE } else { VALUES };
                *value = number;
            }
            Family::Duplicates => *mark |= DUPLICATE,
            Family::Partial => *mark |= PARTIAL,
            Family::Time | Family::Other => {}
        }
    }

    /// The newest of all times, in milliseconds since the Unix epoch.
    pub(in crate::observe) fn newest(&self) -> Option<i64> {
        let marked = self.times.iter().zip(&self.marks);
        let known = marked.filter(|(_, mark)| **mark & TIME != 0);
        known.map(|(time, _)| *time).max()
    }

    /// Takes over all that an entry says, into the first step of a row.
    pub(in crate::observe) fn merge(&mut self, row: usize, entry: Entry) {
        if let Some(value) = entry.value {
            self.set(row, 0, Family::Value, value);
        }
        if let Some(time) = entry.time_ms {
            self.set_time(row * self.steps, Some(time));
        }
        if entry.duplicate {
            self.set(row, 0, Family::Duplicates, 1.0);
        }
        if entry.partial {
            self.set(row, 0, Family::Partial, 1.0);
        }
    }

    /// A time that is none makes a known one unknown.
    fn set_time(&mut self, cell: usize, time: Option<i64>) {
        self.times.resize(self.marks.len(), 0);
        if let (Some(mark), Some(known)) = (self.marks.get_mut(cell), self.times.get_mut(cell)) {
            *mark = if time.is_some() {
                *mark | TIME
            } else {
                *mark & !TIME
            };
            *known = time.unwrap_or(0);
        }
    }

    /// What is known of a row at a step.
    pub(in crate::observe) fn entry(&self, row: usize, step: usize) -> Entry {
        let cell = row * self.steps + step;
        let mark = self.mark(cell);
        Entry {
            value: self.values.get(cell).copied().filter(|_| mark & VALUE != 0),
            time_ms: self.times.get(cell).copied().filter(|_| mark & TIME != 0),
            duplicate: mark & DUPLICATE != 0,
            partial: mark & PARTIAL != 0,
        }
    }

    /// What is known of a row at a step that is one of the cells, if anything is.
    pub(in crate::observe) fn known(&self, row: usize, step: usize) -> Option<Entry> {
        let entry = (step < self.steps).then(|| self.entry(row, step))?;
        (entry != Entry::default()).then_some(entry)
    }

    /// Whether more than one value was set.
    pub(in crate::observe) fn has_several(&self, row: usize, step: usize) -> bool {
        self.mark(row * self.steps + step) & VALUES != 0
    }

    fn mark(&self, cell: usize) -> u8 {
        self.marks.get(cell).copied().unwrap_or(0)
    }

    /// Gives back the room for further rows.
    pub(in crate::observe) fn shrink(&mut self) {
        self.values.shrink_to_fit();
        self.times.shrink_to_fit();
        self.marks.shrink_to_fit();
    }
}

fn milliseconds(seconds: f64) -> Option<i64> {
    let milliseconds = seconds * 1000.0;
    #[allow(clippy::cast_possible_truncation)] // in range, as just checked
    (milliseconds.is_finite() && milliseconds.abs() < 9e15).then_some(milliseconds as i64)
}
