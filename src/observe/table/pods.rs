//! The pods of a grouped answer, each with its containers. Pure.
use super::Entry;
use super::cells::{Cells, Family};
use super::decode::{Field, Sink};
use super::index::Index;
use super::number;
use super::series::Labels;

/// No further container.
const END: u32 = u32::MAX;

/// Containers under namespace, pod and container, in a few lists. Each container is one row of some [`Cells`].
#[derive(Clone, Debug)]
pub(in crate::observe) struct PodRows {
    /// Namespace and pod.
    pods: Index,
    /// For each pod its first and its last container.
    chains: Vec<(u32, u32)>,
    names: Index,
    /// For each container its name and the next one of its pod.
    containers: Vec<(u32, u32)>,
}

impl Default for PodRows {
    fn default() -> Self {
        Self {
            pods: Index::of_width(2),
            chains: Vec::new(),
            names: Index::of_width(1),
            containers: Vec::new(),
        }
    }
}

impl PodRows {
    /// The row of a container, and whether it is new: the next after the last.
    pub(in crate::observe) fn insert(
        &mut self,
        namespace: &str,
        pod: &str,
        container: &str,
    ) -> (usize, bool) {
        let (pod, is_new) = self.pods.insert([namespace, pod].into_iter());
        let (name, _) = self.names.insert(std::iter::once(container));
        let name = u32::try_from(name).unwrap_or(END);
        let next = u32::try_from(self.containers.len()).unwrap_or(END);
        if is_new {
            self.chains.push((next, next));
            self.containers.push((name, END));
            return (next as usize, true);
        }
        let known = self.rows_of(pod).find(|row| self.container(*row).0 == name);
        if let Some(row) = known {
            return (row, false);
        }
        if let Some((_, last)) = self.chains.get_mut(pod) {
            if let Some((_, after)) = self.containers.get_mut(*last as usize) {
                *after = next;
            }
            *last = next;
        }
        self.containers.push((name, END));
        (next as usize, true)
    }

    /// The rows of a pod's containers, with their names.
    pub(in crate::observe) fn get(
        &self,
        namespace: &str,
        pod: &str,
    ) -> impl Iterator<Item = (&str, usize)> + Clone {
        let pod = self.pods.get([namespace, pod].into_iter());
        pod.into_iter().flat_map(|pod| self.rows_of(pod)).map(|row| {
            (
                self.names
                    .names(self.container(row).0 as usize)
                    .next()
                    .unwrap_or_default(),
                row,
            )
        })
    }

    /// All pods: namespace, name and the rows of their containers.
    fn iter(&self) -> impl Iterator<Item = (&str, &str, impl Iterator<Item = usize> + Clone)> {
        (0..self.pods.len()).map(|pod| {
            let mut names = self.pods.names(pod);
            let name = |name: Option<_>| name.unwrap_or_default();
            (name(names.next()), name(names.next()), self.rows_of(pod))
        })
    }

    fn rows_of(&self, pod: usize) -> impl Iterator<Item = usize> + Clone {
        let first = self.chains.get(pod).map_or(END, |(first, _)| *first);
        let row = |row: u32| (row != END).then_some(row);
        std::iter::successors(row(first), move |at| row(self.container(*at as usize).1))
            .map(|row| row as usize)
    }

    fn container(&self, row: usize) -> (u32, u32) {
        self.containers.get(row).copied().unwrap_or((END, END))
    }

    /// Gives back the room for further rows.
    pub(in crate::observe) fn shrink(&mut self) {
        self.pods.shrink();
        self.names.shrink();
        self.chains.shrink_to_fit();
        self.containers.shrink_to_fit();
    }
}

/// The pods of a grouped answer.
#[derive(Clone, Debug)]
pub struct PodTable {
    rows: PodRows,
    cells: Cells,
}

impl Default for PodTable {
    fn default() -> Self {
        Self {
            rows: PodRows::default(),
            cells: Cells::of_steps(1),
        }
    }
}

impl PodTable {
    /// The newest of all times, in milliseconds since the Unix epoch.
    pub(super) fn newest(&self) -> Option<i64> {
        self.cells.newest()
    }

    /// The containers of one pod with what is known of them; one without a name where the query has no containers.
    pub fn containers(&self, namespace: &str, pod: &str) -> impl Iterator<Item = (&str, Entry)> + Clone {
        self.rows
            .get(namespace, pod)
            .map(|(name, row)| (name, self.cells.entry(row, 0)))
    }

    /// Takes over what is known of one container.
    pub fn insert(&mut self, namespace: &str, pod: &str, container: &str, entry: Entry) {
        let (row, is_new) = self.rows.insert(namespace, pod, container);
        if is_new {
            self.cells.add_row();
        }
        self.cells.merge(row, entry);
    }

    fn add(&mut self, namespace: &str, pod: &str, container: &str, family: Family, number: f64) {
        let (row, is_new) = self.rows.insert(namespace, pod, container);
        if is_new {
            self.cells.add_row();
        }
        self.cells.set(row, 0, family, number);
    }

    /// For each pod its namespace and the number of series that spoke of it.
    pub(super) fn widths(&self) -> impl Iterator<Item = (&str, usize)> {
        self.rows.iter().map(|(namespace, _, rows)| {
            let series = rows.map(|row| self.cells.entry(row, 0).families()).sum();
            (namespace, series)
        })
    }
}

/// Takes the series of an instant vector.
#[derive(Default)]
pub(super) struct PodSink {
    pub(super) table: PodTable,
    pub(super) series: usize,
    number: f64,
}

impl PodSink {
    pub(super) fn finish(mut self) -> (PodTable, usize) {
        self.table.rows.shrink();
        self.table.cells.shrink();
        (self.table, self.series)
    }
}

/// Which pod, container and family a series speaks of. The labels are those of [`super::Wanted::labels`].
pub(in crate::observe) fn pod_of(labels: &Labels) -> (&str, &str, &str, Family) {
    let label = |label| labels.get(label).unwrap_or_default();
    (label(0), label(1), label(2), Family::of(label(3)))
}

impl Sink for PodSink {
    const FIELD: Field = Field::Value;
    const KIND: &'static str = "vector";
    const TAKES_SCALAR: bool = false;

    fn point(&mut self, _: f64, text: &str) -> Result<(), String> {
        self.number = number(text)?;
        Ok(())
    }

    fn series(&mut self, labels: &Labels) {
        let (namespace, pod, container, family) = pod_of(labels);
        self.table.add(namespace, pod, container, family, self.number);
        self.series += 1;
    }
}
