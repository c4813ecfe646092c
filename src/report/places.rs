//! The place of each policy in lists that have one entry per policy. Pure.
use std::collections::HashMap;
use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use crate::cluster::pods::ObjectKey;
use crate::cluster::policies::PolicyRecord;

/// Where the entry of a policy is.
pub(super) type Place = u32;

/// The places in use. A place that is given up is used again.
///
/// Names are known by a hash of 64 bits. Among 100,000 policies two have the same once in three thousand million
/// controllers, and would each be told anew at every evaluation: whoever uses a place looks whose it is.
#[derive(Debug, Default)]
pub(super) struct Places {
    of: HashMap<u64, Place>,
    free: Vec<Place>,
}

fn hash_of(key: &ObjectKey) -> u64 {
    FixedState::default().hash_one(key)
}

impl Places {
    /// The place of this policy, a new one if it has none.
    pub(super) fn of(&mut self, record: &PolicyRecord) -> Place {
        let hash = hash_of(&record.key);
        if let Some(place) = self.of.get(&hash) {
            return *place;
        }
        let new = || Place::try_from(self.of.len()).unwrap_or(Place::MAX);
        let place = self.free.pop().unwrap_or_else(new);
        self.of.insert(hash, place);
        place
    }

    /// The place of the policy with this key, if it has one.
    pub(super) fn known(&self, key: &ObjectKey) -> Option<Place> {
        self.of.get(&hash_of(key)).copied()
    }

    /// The place that the policy had, if it had one.
    pub(super) fn forget(&mut self, key: &ObjectKey) -> Option<Place> {
        let place = self.of.remove(&hash_of(key))?;
        self.free.push(place);
        Some(place)
    }
}

/// Makes a list long enough for `place`, and not much longer: there are very many policies.
pub(super) fn resize<T>(list: &mut Vec<Option<T>>, place: Place) {
    let needed = place as usize + 1;
    if list.len() < needed {
        if list.capacity() < needed {
            list.reserve_exact(needed - list.len() + list.len() / 8);
        }
        list.resize_with(needed, || None);
    }
}
