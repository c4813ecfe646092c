//! What was told of each policy, which statuses are due, and the events that wait. Pure.
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::sync::Arc;

use k8s_openapi::api::events::v1::Event;

use super::room::{MOST_KEPT, Room};
use super::second::Second;
use super::send::Sent;
use super::told::{Pending, Told};
use crate::cluster::places::{Place, resize};
use crate::cluster::policies::PolicyRecord;

/// Events waiting to be sent; beyond it the oldest is dropped and counted.
const MAX_PENDING_EVENTS: usize = 4096;

/// Beyond so many entries those that stand for nothing any more are dropped.
const MOST_DUE: usize = 4 * MOST_KEPT;
/// So many statuses are sent before events have their turn again.
const LOT: usize = 256;

/// A status that is to be sent.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) place: Place,
    pub(super) record: Arc<PolicyRecord>,
    pub(super) pending: Pending,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    policies: Vec<Option<Told>>,
    room: Room,
    /// Statuses by the time at which they are due. An entry may be older than what it stands for.
    due: BinaryHeap<Reverse<(Second, Place)>>,
    events: VecDeque<(Event, u32)>,
    event_number: u64,
    /// Nothing more of these is sent in this turn.
    are_events_held: bool,
    /// The API server asked for rest from the first of these until the second.
    rest: Option<(Second, Second)>,
}

impl Queue {
    /// What was told of this policy, and the room for what is to be told.
    pub(super) fn told(&mut self, record: &Arc<PolicyRecord>) -> (&mut Told, &Room) {
        let place = record.id.0;
        resize(&mut self.policies, place);
        // The list was just made long enough.
        #[allow(clippy::indexing_slicing)]
        let told = &mut self.policies[place as usize];
        if told.as_ref().is_none_or(|told| told.record.uid != record.uid) {
            *told = None;
        }
        (told.get_or_insert_with(|| Told::begin(record)), &self.room)
    }

    /// The replicas after the newest change of this policy that was told of, by whichever controller, if that was Concertina's own.
    pub(super) fn own_replicas(&self, record: &PolicyRecord) -> Option<i32> {
        let told = self.policies.get(record.id.index())?.as_ref()?;
        let is_meant = told.record.uid == record.uid;
        is_meant.then(|| told.known().own_replicas()).flatten()
    }

    /// A status is due then.
    pub(super) fn is_due(&mut self, place: Place, due: Second) {
        self.due.push(Reverse((due, place)));
        if self.due.len() > MOST_DUE {
            let places: BTreeSet<Place> = self.due.drain().map(|Reverse((_, place))| place).collect();
            let due = |place| Some(Reverse((self.pending(place)?.due, place)));
            self.due = places.into_iter().filter_map(due).collect();
        }
    }

    /// The policies whose statuses are due, at most [`LOT`], in the order of their names, so that requests are the same for
    /// the same input, and whether these are all. `None` while the API server has its rest.
    pub(super) fn take_due(&mut self, now: Second) -> Option<(Vec<Place>, bool)> {
        if self.is_resting(now) {
            return None;
        }
        let mut places = BTreeSet::new();
        while places.len() < LOT {
            let next = self.due.peek().filter(|Reverse((due, _))| *due <= now);
            let Some(Reverse((due, place))) = next.copied() else {
                break;
            };
            self.due.pop();
            match self.pending(place).map(|pending| pending.due) {
                Some(later) if later > now && later > due => self.is_due(place, later),
                Some(_) => {
                    places.insert(place);
                }
                None => {}
            }
        }
        let are_all = places.len() < LOT;
        Some((self.in_order(places), are_all))
    }

    /// All whose statuses wait, due or not.
    pub(super) fn take_all(&mut self) -> Vec<Place> {
        self.due.clear();
        self.rest = None;
        self.in_order((0..).take(self.policies.len()))
    }

    /// The newest status of the policy at this place, to be sent now, if one still waits.
    pub(super) fn newest(&mut self, place: Place) -> Option<Due> {
        let told = self.policies.get_mut(place as usize)?.as_mut()?;
        let pending = told.send()?;
        let record = Arc::clone(&told.record);
        Some(Due {
            place,
            record,
            pending,
        })
    }

    /// What became of a status.
    pub(super) fn sent(&mut self, due: &Due, sent: Sent, now: Second) {
        let Some(told) = self.policies.get_mut(due.place as usize) else {
            return;
        };
        let room = &self.room;
        // It may be another policy's place by now.
        let Some(told) = told.as_mut().filter(|told| told.record.uid == due.record.uid) else {
            return;
        };
        let again = match sent {
            Sent::Accepted => {
                told.accepted(&due.pending, now);
                None
            }
            Sent::Failed => told.failed(now, room),
            Sent::Refused => told.refused(due.pending.status.observed_generation, now),
            Sent::Busy(seconds) => {
                self.rest(now, seconds);
                self.postpone_while_resting(due, now);
                None
            }
            Sent::Gone => {
                self.remove(due.place);
                None
            }
        };
        if let Some(again) = again {
            self.is_due(due.place, again);
        }
    }

    /// The API server asks for so many seconds of rest.
    pub(super) fn rest(&mut self, now: Second, seconds: u32) {
        let until = now.plus(seconds);
        let until = self.rest.map_or(until, |(_, before)| before.max(until));
        self.rest = Some((now, until));
    }

    /// Puts a status off when the API server has its rest; whether it does.
    pub(super) fn postpone_while_resting(&mut self, due: &Due, now: Second) -> bool {
        let Some((_, until)) = self.rest.filter(|_| self.is_resting(now)) else {
            return false;
        };
        if let Some(again) = self.of(due).and_then(|told| told.postpone(until)) {
            self.is_due(due.place, again);
        }
        true
    }

    /// Adds an event; whether another one was dropped for it.
    pub(super) fn add_event(&mut self, event: Event) -> bool {
        let is_full = self.events.len() >= MAX_PENDING_EVENTS;
        if is_full {
            self.events.pop_front();
        }
        self.events.push_back((event, 0));
        is_full
    }

    /// A number that no other event of this process has.
    pub(super) fn next_event_number(&mut self) -> u64 {
        self.event_number += 1;
        self.event_number
    }

    /// The next event to send, and how often that was tried.
    pub(super) fn next_event(&mut self) -> Option<(Event, u32)> {
        if self.are_events_held {
            return None;
        }
        self.events.pop_front()
    }

    /// Puts an event back that could not be sent, after so many attempts; the others wait for the next turn with it.
    pub(super) fn retry_event(&mut self, event: Event, attempts: u32) {
        self.hold_events();
        self.events.push_back((event, attempts));
    }

    /// Another controller tells of what there is.
    pub(super) fn drop_events(&mut self) {
        self.events.clear();
    }

    /// The other events wait for the next turn.
    pub(super) fn hold_events(&mut self) {
        self.are_events_held = true;
    }

    /// A turn is over. The room that a storm took is given back.
    pub(super) fn release_events(&mut self) {
        self.are_events_held = false;
        self.events.shrink_to(self.events.len() * 2);
        self.due.shrink_to(self.due.len() * 2);
    }

    /// Forgets a policy that is gone.
    pub(super) fn forget(&mut self, record: &PolicyRecord) {
        let place = record.id.0;
        let told = self.policies.get(record.id.index()).and_then(Option::as_ref);
        if told.is_some_and(|told| told.record.uid == record.uid) {
            self.remove(place);
        }
    }

    /// Entries of what is due.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.due.len()
    }

    fn is_resting(&self, now: Second) -> bool {
        self.rest.is_some_and(|(from, until)| from <= now && now < until)
    }

    fn pending(&self, place: Place) -> Option<&Pending> {
        self.policies.get(place as usize)?.as_ref()?.pending()
    }

    fn in_order(&self, places: impl IntoIterator<Item = Place>) -> Vec<Place> {
        let mut waiting: Vec<_> = places
            .into_iter()
            .filter_map(|place| {
                let told = self.policies.get(place as usize)?.as_ref()?;
                told.pending()?;
                Some((&told.record.key, place))
            })
            .collect();
        waiting.sort_by_key(|(key, _)| *key);
        waiting.into_iter().map(|(_, place)| place).collect()
    }

    /// What was told of the very policy whose status this is.
    fn of(&mut self, due: &Due) -> Option<&mut Told> {
        let told = self.policies.get_mut(due.place as usize)?.as_mut()?;
        (told.record.uid == due.record.uid).then_some(told)
    }

    fn remove(&mut self, place: Place) {
        if let Some(told) = self.policies.get_mut(place as usize) {
            *told = None;
        }
    }
}
