//! Equal values kept once: 100,000 policies name the same few queries and metrics. No network.
use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// A table smaller than this is not worth looking through for what nobody uses any more.
const LEAST_SWEPT: usize = 64;

/// Gives equal values one allocation. What nobody holds any more is dropped while others are added.
#[derive(Debug)]
pub struct Interner<T: ?Sized>(Mutex<Known<T>>);

#[derive(Debug)]
struct Known<T: ?Sized> {
    values: HashSet<Arc<T>>,
    /// How many there may be before those that nobody holds are looked for.
    sweep_at: usize,
}

impl<T: ?Sized> Default for Interner<T> {
    fn default() -> Self {
        Self(Mutex::new(Known {
            values: HashSet::new(),
            sweep_at: LEAST_SWEPT,
        }))
    }
}

impl<T: ?Sized + Eq + Hash> Interner<T> {
    /// The one allocation of this value.
    pub fn get<V: Borrow<T> + Into<Arc<T>>>(&self, value: V) -> Arc<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = known.values.get(value.borrow()) {
            return Arc::clone(there);
        }
        let value: Arc<T> = value.into();
        if known.values.len() >= known.sweep_at {
            known.values.retain(|value| Arc::strong_count(value) > 1);
            known.sweep_at = (known.values.len() * 2).max(LEAST_SWEPT);
        }
        known.values.insert(Arc::clone(&value));
        value
    }

    /// How many values are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

static NAMES: LazyLock<Interner<str>> = LazyLock::new(Interner::default);

/// The one allocation of a name that many policies share: of metrics, servers, labels and kinds.
#[must_use]
pub fn name(text: &str) -> Arc<str> {
    NAMES.get(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_allocation_and_others_are_not() {
        let interner: Interner<str> = Interner::default();
        let (first, second) = (interner.get("cpu"), interner.get(String::from("cpu").as_str()));
        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &interner.get("memory")));
        assert_eq!(interner.len(), 2);
    }

    #[test]
    fn what_nobody_holds_is_dropped_and_what_is_held_stays() {
        let interner: Interner<str> = Interner::default();
        let held = interner.get("held");
        for number in 0..10_000 {
            interner.get(format!("name-{number}").as_str());
        }
        assert!(interner.len() <= LEAST_SWEPT, "{}", interner.len());
        assert!(Arc::ptr_eq(&held, &interner.get("held")));
    }
}
