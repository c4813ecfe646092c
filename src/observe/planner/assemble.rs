//! Puts one tick's plan together: finds each query once, whoever asks it, and who waits for the same requests. Pure.
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Group, NAMESPACES_NAMED, Plan, Request, Taken};
use crate::observe::plan::QueryKey;
use crate::observe::table::{LabelSet, Wanted};

/// One request reads series for no more sets of labels than this; for more, the query is asked again. Each set costs a
/// look-up per series, and users may name as many as they like.
const SETS_PER_REQUEST: usize = 64;
const NONE: u32 = u32::MAX;

/// Gives what is shared by `Arc` a number. What is the same allocation is found by its address; the rest is compared.
pub(super) struct Numbers<'a, T: ?Sized> {
    by_address: HashMap<usize, u32, DefaultHashBuilder>,
    by_value: HashMap<&'a T, u32, DefaultHashBuilder>,
    last: Option<(usize, u32)>,
}

impl<'a, T: ?Sized + Eq + Hash> Numbers<'a, T> {
    pub(super) fn new() -> Self {
        Self {
            by_address: HashMap::default(),
            by_value: HashMap::default(),
            last: None,
        }
    }

    /// The number, and whether it is new: the next after the last.
    pub(super) fn of(&mut self, value: &'a Arc<T>) -> (u32, bool) {
        // While it is borrowed no other value can come to its address.
        let address = Arc::as_ptr(value).cast::<u8>().addr();
        if let Some((_, number)) = self.last.filter(|(last, _)| *last == address) {
            return (number, false);
        }
        let (number, is_new) = match self.by_address.get(&address) {
            Some(number) => (*number, false),
            None => {
                let next = count(self.by_value.len());
                let number = *self.by_value.entry(&**value).or_insert(next);
                self.by_address.insert(address, number);
                (number, number == next && self.by_value.len() > next as usize)
            }
        };
        self.last = Some((address, number));
        (number, is_new)
    }
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(NONE)
}

/// The distinct sets of labels by which the series of one query are taken.
#[derive(Default)]
struct Sets {
    sets: Vec<LabelSet>,
    found: HashTable<u32>,
    hasher: DefaultHashBuilder,
    last: usize,
}

impl Sets {
    fn insert(&mut self, matching: &[(Arc<str>, Box<str>)]) -> usize {
        let is = |set: &LabelSet| {
            let mut names = set.iter().zip(matching);
            let same =
                |(one, (other, _)): (&Arc<str>, &(Arc<str>, _))| Arc::ptr_eq(one, other) || one == other;
            set.len() == matching.len() && names.all(same)
        };
        if self.sets.get(self.last).is_some_and(is) {
            return self.last;
        }
        let hash_of = |names: &mut dyn Iterator<Item = &Arc<str>>| {
            let mut hasher = self.hasher.build_hasher();
            names.for_each(|name| name.hash(&mut hasher));
            hasher.finish()
        };
        let hash = hash_of(&mut matching.iter().map(|(name, _)| name));
        let known = self
            .found
            .find(hash, |index| self.sets.get(*index as usize).is_some_and(is));
        self.last = match known {
            Some(index) => *index as usize,
            None => {
                let index = self.sets.len();
                self.found.insert_unique(hash, count(index), |index| {
                    let set = self.sets.get(*index as usize);
                    hash_of(&mut set.into_iter().flat_map(|set| set.iter()))
                });
                self.sets
                    .push(matching.iter().map(|(name, _)| Arc::clone(name)).collect());
                index
            }
        };
        self.last
    }
}

/// How a query may be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// It says itself what it speaks of.
    Own,
    /// It asks for namespaces, in one request.
    Whole,
    /// It asks for namespaces, in shards.
    Sharded,
}

/// One distinct query of the tick.
struct Slot<'a> {
    query: &'a Arc<QueryKey>,
    form: Form,
    sets: Sets,
    is_of_pods: bool,
    /// By the number of a shard or of a lot of sets.
    requests: Vec<u32>,
    /// By the number of a namespace.
    of_namespace: Vec<u32>,
}

struct Draft {
    slot: usize,
    part: usize,
    shard: u32,
    namespaces: Vec<Arc<str>>,
}

/// A plan in the making.
pub(super) struct Assembly<'a> {
    slots: Vec<Slot<'a>>,
    drafts: Vec<Draft>,
    groups: Vec<Group>,
    found: HashTable<u32>,
    hasher: DefaultHashBuilder,
    last: usize,
}

impl<'a> Assembly<'a> {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::new(),
            drafts: Vec::new(),
            groups: Vec::new(),
            found: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last: 0,
        }
    }

    /// Adds a query that nobody asked before; its number is the next.
    pub(super) fn add_query(&mut self, query: &'a Arc<QueryKey>, form: Form) {
        self.slots.push(Slot {
            query,
            form,
            sets: Sets::default(),
            is_of_pods: false,
            requests: Vec::new(),
            of_namespace: Vec::new(),
        });
    }

    pub(super) fn query(&self, slot: u32) -> Option<(&'a Arc<QueryKey>, Form)> {
        self.slots.get(slot as usize).map(|slot| (slot.query, slot.form))
    }

    /// The request for a query and a namespace, if this tick has asked for it already.
    pub(super) fn known(&self, slot: u32, namespace: u32) -> Option<u32> {
        let request = self
            .slots
            .get(slot as usize)?
            .of_namespace
            .get(namespace as usize);
        request.copied().filter(|request| *request != NONE)
    }

    /// Notes what is taken of an answer. Gives the number of the lot of sets.
    pub(super) fn take(&mut self, slot: u32, taken: Taken<'_>) -> usize {
        let Some(slot) = self.slots.get_mut(slot as usize) else {
            return 0;
        };
        match taken {
            Some(matching) => slot.sets.insert(matching) / SETS_PER_REQUEST,
            None => {
                slot.is_of_pods = true;
                0
            }
        }
    }

    /// The request for a part of a query: a shard, or a lot of sets.
    pub(super) fn request(&mut self, slot: u32, part: usize, shard: u32) -> u32 {
        let number = slot as usize;
        let Some(slot) = self.slots.get_mut(number) else {
            return NONE;
        };
        if slot.requests.len() <= part {
            slot.requests.resize(part + 1, NONE);
        }
        let next = count(self.drafts.len());
        match slot.requests.get_mut(part) {
            Some(request) if *request == NONE => {
                *request = next;
                self.drafts.push(Draft {
                    slot: number,
                    part,
                    shard,
                    namespaces: Vec::new(),
                });
                next
            }
            Some(request) => *request,
            None => NONE,
        }
    }

    /// A request asks for a namespace too.
    pub(super) fn add_namespace(&mut self, slot: u32, request: u32, namespace: u32, name: &Arc<str>) {
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            let place = namespace as usize;
            if slot.of_namespace.len() <= place {
                slot.of_namespace.resize(place + 1, NONE);
            }
            if let Some(of_namespace) = slot.of_namespace.get_mut(place) {
                *of_namespace = request;
            }
        }
        if let Some(draft) = self.drafts.get_mut(request as usize) {
            draft.namespaces.push(Arc::clone(name));
        }
    }

    /// One more policy that waits for these requests.
    pub(super) fn add_member(&mut self, requests: &[u32], member: u32) {
        let is = |group: &Group| *group.requests == *requests;
        if !self.groups.get(self.last).is_some_and(is) {
            let hash = self.hasher.hash_one(requests);
            let known = self
                .found
                .find(hash, |index| self.groups.get(*index as usize).is_some_and(is));
            self.last = match known {
                Some(index) => *index as usize,
                None => {
                    let (index, groups, hasher) = (self.groups.len(), &self.groups, &self.hasher);
                    self.found.insert_unique(hash, count(index), |index| {
                        let group = groups.get(*index as usize);
                        hasher.hash_one(group.map_or(&[][..], |group| &group.requests))
                    });
                    self.groups.push(Group {
                        requests: requests.into(),
                        members: Vec::new(),
                    });
                    index
                }
            };
        }
        if let Some(group) = self.groups.get_mut(self.last) {
            group.members.push(member);
        }
    }

    pub(super) fn finish(self) -> Plan {
        let slots = self.slots;
        let request = |mut draft: Draft| {
            let slot = slots.get(draft.slot)?;
            let is_named = match slot.form {
                Form::Own => false,
                Form::Whole => draft.namespaces.len() <= NAMESPACES_NAMED,
                Form::Sharded => true,
            };
            if is_named {
                draft.namespaces.sort_unstable();
            }
            let sets = match slot.form {
                Form::Own => slot
                    .sets
                    .sets
                    .chunks(SETS_PER_REQUEST)
                    .nth(draft.part)
                    .unwrap_or_default(),
                Form::Whole | Form::Sharded => &slot.sets.sets,
            };
            Some(Request {
                query: Arc::clone(slot.query),
                namespaces: draft.namespaces.into(),
                is_named,
                wanted: if slot.is_of_pods {
                    Wanted::Pods
                } else {
                    Wanted::Labels(sets.to_vec())
                },
                shard: draft.shard,
            })
        };
        Plan {
            requests: self.drafts.into_iter().filter_map(request).collect(),
            groups: self.groups,
        }
    }
}
