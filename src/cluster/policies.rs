//! The policies, compiled as the watch tells of them; the stored objects are not kept. Who owns which target. No network.
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::GroupVersionKind;

use super::guarded::Guarded;
use super::names::{ObjectKey, Uid};
use super::parts::{Epoch, Lists, Part, Parts};
use super::places::resize;
pub use super::policy_record::{Invalid, PolicyId, PolicyRecord, Unusable};
use super::targets::TargetKey;
use super::watch::Failure;
use crate::api::{Mode, ScalingPolicy};
use crate::config::Config;
use crate::control::compile::CompiledPolicy;
use crate::report::stored::StoredStatus;

/// What happened to the policies since it was last asked.
#[derive(Debug, Default)]
pub struct Changes {
    /// New or changed policies, and the status that each was stored with.
    pub changed: Vec<(Arc<PolicyRecord>, Option<Box<StoredStatus>>)>,
    /// Policies that are gone.
    pub gone: Vec<Arc<PolicyRecord>>,
}

#[derive(Debug)]
struct Slot {
    record: Arc<PolicyRecord>,
    /// The status it was last stored with, until it was handed on.
    stored: Option<Box<StoredStatus>>,
    /// Whether it is among the changed.
    is_changed: bool,
    /// The list in which it was last seen.
    epoch: Epoch,
}

/// All policies, and who owns which target.
#[derive(Debug)]
pub struct PolicyTable {
    config: Arc<Config>,
    slots: Vec<Option<Slot>>,
    free: Vec<PolicyId>,
    by_key: HashTable<PolicyId>,
    /// By their targets; several may claim one.
    claims: HashTable<PolicyId>,
    /// Claims less claimed objects: 0 where no two policies claim the same.
    rivals: usize,
    /// How many policies target each kind.
    kinds: HashMap<Arc<GroupVersionKind>, usize>,
    changed: Vec<PolicyId>,
    gone: Vec<Arc<PolicyRecord>>,
    hasher: DefaultHashBuilder,
    parts: Parts,
    lists: Lists,
}

impl PolicyTable {
    /// An empty table; policies are compiled with this configuration.
    #[must_use]
    pub fn new(config: Arc<Config>) -> Self {
        Self {
            parts: Parts::of(&config.watch_namespaces),
            config,
            slots: Vec::new(),
            free: Vec::new(),
            by_key: HashTable::new(),
            claims: HashTable::new(),
            rivals: 0,
            kinds: HashMap::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            hasher: DefaultHashBuilder::default(),
            lists: Lists::default(),
        }
    }

    /// The parts of the cluster that are watched.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) const fn lists(&self) -> &Lists {
        &self.lists
    }

    /// A new list begins: what does not come in it is gone when it ends.
    pub fn begin_list(&mut self, part: Part) {
        self.lists.begin(part);
    }

    /// Notes why a watch failed, as of `now`. Returns whether it is news that nothing will be heard of this part.
    pub fn note_failure(&mut self, part: Part, failure: Failure, now: Instant) -> bool {
        self.lists.note_refusal(part, failure, now)
    }

    /// The list is complete.
    pub fn end_list(&mut self, part: Part) {
        let ended = self.lists.end(part);
        let unseen: Vec<PolicyId> = self
            .slots
            .iter()
            .flatten()
            .filter(|slot| slot.epoch.is_swept_by(ended))
            .map(|slot| slot.record.id)
            .collect();
        for id in unseen {
            self.remove(id);
        }
    }

    /// Takes over one policy.
    pub fn apply(&mut self, guarded: Guarded<ScalingPolicy>) {
        let metadata = guarded.meta();
        let (key, uid) = (ObjectKey::of(metadata), Uid::in_metadata(metadata));
        let Some(part) = self.parts.of_namespace(&key.namespace) else {
            return;
        };
        let epoch = self.lists.epoch(part);
        let known = self.id_of(&key).filter(|id| {
            let is_same = self.get_by_id(*id).is_some_and(|record| record.uid == uid);
            if !is_same {
                // A policy of the same name that came later is another one.
                self.remove(*id);
            }
            is_same
        });
        let mut record = PolicyRecord {
            id: known.unwrap_or_else(|| self.place()),
            key,
            uid,
            generation: metadata.generation,
            created: metadata.creation_timestamp.as_ref().map(|time| time.0),
            compiled: Err(Unusable::Unreadable(Box::default())),
        };
        match guarded.0 {
            Ok(mut policy) => {
                let stored = policy
                    .status
                    .take()
                    .map(|status| Box::new(StoredStatus::of(&status)));
                let same = known.and_then(|id| self.get_by_id(id));
                if let Some(same) = same.filter(|known| known.is_of(&policy)).cloned() {
                    self.put(&same, stored, epoch);
                    return;
                }
                let compiled = CompiledPolicy::of(&policy, &self.config);
                record.compiled = compiled.map(Arc::new).map_err(|reason| {
                    Unusable::Invalid(Box::new(Invalid {
                        reason: reason.into(),
                        target: TargetKey::of(&record.key.namespace, &policy.spec.scale_target_ref),
                        spec_mode: policy.spec.mode.unwrap_or(Mode::Auto),
                        pause: policy.pause(),
                    }))
                });
                self.put(&Arc::new(record), stored, epoch);
            }
            Err(unreadable) => {
                record.compiled = Err(Unusable::Unreadable(unreadable.error.into()));
                self.put(&Arc::new(record), None, epoch);
            }
        }
    }

    /// Forgets a policy.
    pub fn delete(&mut self, metadata: &ObjectMeta) {
        if let Some(id) = self.id_of(&ObjectKey::of(metadata)) {
            self.remove(id);
        }
    }

    /// What happened since it was last asked.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes {
            changed: Vec::with_capacity(self.changed.len()),
            gone: std::mem::take(&mut self.gone),
        };
        for id in std::mem::take(&mut self.changed) {
            let slot = self.slots.get_mut(id.index()).and_then(Option::as_mut);
            if let Some(slot) = slot.filter(|slot| slot.is_changed) {
                slot.is_changed = false;
                changes
                    .changed
                    .push((Arc::clone(&slot.record), slot.stored.take()));
            }
        }
        // Only now may their places be given to others.
        self.free.extend(changes.gone.iter().map(|record| record.id));
        changes
    }

    /// The policy with this key.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<PolicyRecord>> {
        self.get_by_id(self.id_of(key)?).cloned()
    }

    /// The policy at this place.
    #[must_use]
    pub fn get_by_id(&self, id: PolicyId) -> Option<&Arc<PolicyRecord>> {
        record_at(&self.slots, id)
    }

    /// All policies.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PolicyRecord>> {
        self.slots.iter().flatten().map(|slot| &slot.record)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The kinds that policies target.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<GroupVersionKind>> {
        self.kinds.keys()
    }

    /// The policy that owns `target`: the oldest, then the one with the lesser uid. A paused one keeps what it owns; one
    /// that only recommends owns nothing, nor does one that cannot be acted on.
    #[must_use]
    pub fn owner_of(&self, target: &TargetKey) -> Option<&Arc<PolicyRecord>> {
        self.claimants(target)
            .min_by(|a, b| (a.created, &a.uid).cmp(&(b.created, &b.uid)))
    }

    /// Another policy that owns the target of `record`, which is one of this table. Where no two policies have the same
    /// target, as a rule, that needs no look.
    #[must_use]
    pub fn rival_of(&self, record: &PolicyRecord) -> Option<&Arc<PolicyRecord>> {
        if self.rivals == 0 && record.claim().is_some() {
            return None;
        }
        self.owner_of(record.target()?)
            .filter(|owner| owner.id != record.id)
    }

    /// Those who claim this object.
    fn claimants(&self, target: &TargetKey) -> impl Iterator<Item = &Arc<PolicyRecord>> {
        self.claims
            .iter_hash(object_hash(&self.hasher, target))
            .filter_map(|id| self.get_by_id(*id))
            .filter(|record| record.claim().is_some_and(|claim| claim.is_same_object(target)))
    }

    fn id_of(&self, key: &ObjectKey) -> Option<PolicyId> {
        let is_it = |id: &PolicyId| self.get_by_id(*id).is_some_and(|record| record.key == *key);
        self.by_key.find(self.hasher.hash_one(key), is_it).copied()
    }

    fn place(&mut self) -> PolicyId {
        self.free.pop().unwrap_or_else(|| {
            let id = PolicyId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
            resize(&mut self.slots, id.0);
            id
        })
    }

    fn put(&mut self, record: &Arc<PolicyRecord>, stored: Option<Box<StoredStatus>>, epoch: Epoch) {
        let Some(place) = self.slots.get_mut(record.id.index()) else {
            return;
        };
        let former = place.replace(Slot {
            record: Arc::clone(record),
            stored,
            is_changed: true,
            epoch,
        });
        if former.as_ref().is_none_or(|former| !former.is_changed) {
            self.changed.push(record.id);
        }
        match former {
            Some(former) if Arc::ptr_eq(&former.record, record) => return,
            Some(former) => self.disclaim(&former.record),
            None => {
                let Self {
                    by_key,
                    slots,
                    hasher,
                    ..
                } = self;
                let hash_of =
                    |id: &PolicyId| record_at(slots, *id).map_or(0, |record| hasher.hash_one(&record.key));
                by_key.insert_unique(hasher.hash_one(&record.key), record.id, hash_of);
            }
        }
        self.claim(record);
    }

    fn remove(&mut self, id: PolicyId) {
        let Some(slot) = self.slots.get_mut(id.index()).and_then(Option::take) else {
            return;
        };
        let hash = self.hasher.hash_one(&slot.record.key);
        if let Ok(entry) = self.by_key.find_entry(hash, |known| *known == id) {
            entry.remove();
        }
        self.disclaim(&slot.record);
        self.gone.push(slot.record);
    }

    fn claim(&mut self, record: &PolicyRecord) {
        if let Some(target) = record.target() {
            *self.kinds.entry(Arc::clone(&target.gvk)).or_default() += 1;
        }
        if let Some(target) = record.claim() {
            let is_claimed = self.claimants(target).next().is_some();
            self.rivals += usize::from(is_claimed);
            let Self {
                claims,
                slots,
                hasher,
                ..
            } = self;
            let hash_of = |id: &PolicyId| {
                let claim = record_at(slots, *id).and_then(|record| record.claim());
                claim.map_or(0, |target| object_hash(hasher, target))
            };
            claims.insert_unique(object_hash(hasher, target), record.id, hash_of);
        }
    }

    fn disclaim(&mut self, record: &PolicyRecord) {
        if let Some(target) = record.target()
            && let Some(count) = self.kinds.get_mut(&target.gvk)
        {
            *count -= 1;
            if *count == 0 {
                self.kinds.remove(&target.gvk);
            }
        }
        if let Some(target) = record.claim() {
            let hash = object_hash(&self.hasher, target);
            if let Ok(entry) = self.claims.find_entry(hash, |known| *known == record.id) {
                entry.remove();
                let is_claimed = self.claimants(target).next().is_some();
                self.rivals -= usize::from(is_claimed);
            }
        }
    }
}

fn record_at(slots: &[Option<Slot>], id: PolicyId) -> Option<&Arc<PolicyRecord>> {
    Some(&slots.get(id.index())?.as_ref()?.record)
}

/// The same for an object whichever version of its kind it is named by.
fn object_hash(hasher: &DefaultHashBuilder, target: &TargetKey) -> u64 {
    let TargetKey { gvk, namespace, name } = target;
    hasher.hash_one((&gvk.group, &gvk.kind, namespace, name))
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;
