//! Finds rows by the names they carry, in a few large allocations: the texts lie in one string, and one hash table finds
//! them. Names are compared exactly, never by their hash alone. Pure.
//!
//! The names come from whoever can write a label. They are hashed with a seed of this process, so that nobody can
//! prepare names that all fall together and make every look-up a search.
use std::hash::{BuildHasher, Hash};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Rows under tuples of names; all tuples of one index are of the same length, which may be 0.
#[derive(Clone, Debug, Default)]
pub(in crate::observe) struct Index {
    width: usize,
    /// All names, one after the other.
    text: String,
    /// Where each name ends: `width` of them per row.
    ends: Vec<u32>,
    rows: u32,
    slots: HashTable<Slot>,
    hasher: DefaultHashBuilder,
}

/// The half of a hash that is kept beside a row, so that growth and most misses need not read the names.
#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    row: u32,
}

impl Slot {
    /// Spreads what is kept over all bits: the table takes some from both ends.
    fn spread(hash: u32) -> u64 {
        u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

impl Index {
    /// An empty index of tuples of so many names.
    pub(in crate::observe) fn of_width(width: usize) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// How many rows there are.
    pub(in crate::observe) fn len(&self) -> usize {
        self.rows as usize
    }

    /// The row of these names.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as `insert`: an iterator is handed over"
    )]
    pub(in crate::observe) fn get<'n>(&self, names: impl Iterator<Item = &'n str> + Clone) -> Option<usize> {
        self.find(self.hash(names.clone()), &names)
    }

    /// The row of these names, and whether it is new: the next after the last.
    pub(in crate::observe) fn insert<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str> + Clone,
    ) -> (usize, bool) {
        let hash = self.hash(names.clone());
        if let Some(row) = self.find(hash, &names) {
            return (row, false);
        }
        for name in names {
            self.text.push_str(name);
            // Answers and so their names are shorter than this can count: see `decode`.
            self.ends.push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        }
        let row = self.rows;
        self.rows += 1;
        self.slots
            .insert_unique(Slot::spread(hash), Slot { hash, row }, |slot| {
                Slot::spread(slot.hash)
            });
        (row as usize, true)
    }

    /// The names of a row.
    pub(in crate::observe) fn names(&self, row: usize) -> impl Iterator<Item = &str> + Clone {
        let first = row * self.width;
        (first..first + self.width).map(|name| self.name(name))
    }

    fn name(&self, index: usize) -> &str {
        let start = index
            .checked_sub(1)
            .map_or(Some(0), |before| self.ends.get(before).copied());
        let range = start.zip(self.ends.get(index).copied());
        range
            .and_then(|(start, end)| self.text.get(start as usize..end as usize))
            .unwrap_or_default()
    }

    fn hash<'n>(&self, names: impl Iterator<Item = &'n str>) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        names.for_each(|name| name.hash(&mut hasher));
        u32::try_from(std::hash::Hasher::finish(&hasher) >> 32).unwrap_or(0)
    }

    fn find<'n>(&self, hash: u32, names: &(impl Iterator<Item = &'n str> + Clone)) -> Option<usize> {
        let found = self.slots.find(Slot::spread(hash), |slot| {
            slot.hash == hash && self.names(slot.row as usize).eq(names.clone())
        });
        found.map(|slot| slot.row as usize)
    }

    /// Gives back the room for further rows.
    pub(in crate::observe) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.slots.shrink_to_fit(|slot| Slot::spread(slot.hash));
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
