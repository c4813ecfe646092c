//! Rows that keep their place, and an index that finds them by any key in them: what a table of hundreds of thousands of objects
//! is made of, with no copy while it grows and no key twice. No network.
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroU32;

use hashbrown::{DefaultHashBuilder, HashTable};

/// So many rows are allocated at once.
const CHUNK: usize = 128;

/// The place of a row; `Option<Id>` takes four bytes too. It may be another row's after the first one was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id(NonZeroU32);

impl Id {
    fn of(place: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(u32::try_from(place).unwrap_or(u32::MAX)))
    }

    const fn place(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// Rows by their place.
#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<Id>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    pub(super) fn insert(&mut self, row: T) -> Id {
        if let Some(id) = self.free.pop()
            && let Some(place) = self.row(id)
        {
            *place = Some(row);
            return id;
        }
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => {
                chunk.push(Some(row));
                Id::of(full + chunk.len() - 1)
            }
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(Some(row));
                self.chunks.push(chunk);
                Id::of((self.chunks.len() - 1) * CHUNK)
            }
        }
    }

    pub(super) fn get(&self, id: Id) -> Option<&T> {
        let place = id.place();
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        self.row(id)?.as_mut()
    }

    pub(super) fn remove(&mut self, id: Id) -> Option<T> {
        let row = self.row(id)?.take()?;
        self.free.push(id);
        Some(row)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Id, &T)> {
        let places = self.chunks.iter().flatten().enumerate();
        places.filter_map(|(place, row)| Some((Id::of(place), row.as_ref()?)))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn row(&mut self, id: Id) -> Option<&mut Option<T>> {
        let place = id.place();
        self.chunks.get_mut(place / CHUNK)?.get_mut(place % CHUNK)
    }
}

/// Finds rows by a key that they hold themselves. Who asks says how the key is read from a row.
#[derive(Debug, Default)]
pub(super) struct Index {
    ids: HashTable<Id>,
    hasher: DefaultHashBuilder,
}

impl Index {
    /// The row with this key.
    pub(super) fn find(&self, key: &(impl Hash + ?Sized), is_it: impl Fn(Id) -> bool) -> Option<Id> {
        let hash = self.hasher.hash_one(key);
        self.ids.find(hash, |id| is_it(*id)).copied()
    }

    /// Adds a row, which must not be there.
    pub(super) fn insert<K: Hash>(&mut self, id: Id, key_of: impl Fn(Id) -> Option<K>) {
        let Self { ids, hasher } = self;
        let hash = |id: &Id| key_of(*id).map_or(0, |key| hasher.hash_one(key));
        let own = hash(&id);
        ids.insert_unique(own, id, hash);
    }

    /// Takes a row out, which must still have its key.
    pub(super) fn remove(&mut self, id: Id, key: &(impl Hash + ?Sized)) {
        let hash = self.hasher.hash_one(key);
        if let Ok(found) = self.ids.find_entry(hash, |known| *known == id) {
            found.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_places_and_places_are_used_again() {
        let mut slab = Slab::default();
        let ids: Vec<Id> = (0..1000).map(|row| slab.insert(row)).collect();
        assert_eq!(slab.remove(ids[500]), Some(500));
        assert_eq!(slab.get(ids[500]), None);
        assert_eq!(slab.remove(ids[500]), None);
        for (row, id) in ids.iter().enumerate().filter(|(row, _)| *row != 500) {
            assert_eq!(slab.get(*id), Some(&row));
        }
        assert_eq!(slab.insert(7), ids[500]);
        *slab.get_mut(ids[500]).unwrap() = 8;
        assert_eq!(slab.iter().count(), 1000);
        assert_eq!(slab.iter().find(|(id, _)| *id == ids[500]), Some((ids[500], &8)));
    }

    #[test]
    fn an_index_finds_what_is_there_and_nothing_else() {
        let (mut slab, mut index) = (Slab::default(), Index::default());
        for row in 0..1000 {
            let id = slab.insert(row.to_string());
            index.insert(id, |id| slab.get(id).cloned());
        }
        let find =
            |index: &Index, key: &str| index.find(key, |id| slab.get(id).is_some_and(|row| row == key));
        let found = find(&index, "77").unwrap();
        assert_eq!(slab.get(found).unwrap(), "77");
        assert_eq!(find(&index, "1000"), None);
        index.remove(found, "77");
        assert_eq!(find(&index, "77"), None);
        assert!(find(&index, "78").is_some());
    }

    #[test]
    fn no_place_takes_no_more_room_than_a_place() {
        assert_eq!(size_of::<Option<Id>>(), 4);
    }
}
