//! What was last told about one policy, and what waits to be told. Pure.
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use super::difference::{Difference, Marks};
use super::known::Known;
use super::lasting::{self, Lasting};
use super::pace::{Pace, REFUSED_SECONDS};
use super::room::{Room, Seat};
use super::second::Second;
use crate::api::ScalingPolicyStatus;
use crate::cluster::policies::PolicyRecord;
use crate::observe::join::Note as Trouble;

/// A status that is to be written soon is kept; one that has to wait for longer is made anew when its time has come, by
/// the evaluation that is due then. Very many policies may be waiting.
const KEPT_SECONDS: u32 = 2;
/// So many former statuses are known again when the watch tells of them late.
const FORMER: usize = 3;

/// What was last told about one policy. There are very many of these, so no status is kept once it is written.
#[derive(Debug)]
pub(super) struct Told {
    /// The policy; it says which object is spoken of.
    pub(super) record: Arc<PolicyRecord>,
    /// Of the last outcome, unless something happened in it.
    fingerprint: Option<NonZeroU64>,
    /// Of what is stored.
    written: Option<Marks>,
    /// Of what was stored before it; the watch may still tell of these, until it has told of what is stored now.
    former: [Option<NonZeroU32>; FORMER],
    /// What the next status goes on from.
    known: Known,
    written_at: Option<Second>,
    /// An outcome like the last one has nothing to tell from the first of these until the second.
    quiet: Option<(Second, Option<Second>)>,
    /// There is something to tell for which there was no room.
    is_without_room: bool,
    /// Another status was told of since ours was sent: which of them came last is not known.
    is_contested: bool,
    pace: Pace,
    pending: Option<Box<Pending>>,
    aside: Option<Box<Aside>>,
}

/// A status that waits to be written.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) status: Arc<ScalingPolicyStatus>,
    pub(super) due: Second,
    marks: Marks,
    difference: Difference,
    _seat: Seat,
}

/// What only few policies have.
#[derive(Debug, Default)]
struct Aside {
    lasting: Lasting,
    /// The generation of the policy beside which the last status was refused.
    refused_generation: Option<i64>,
}

impl Told {
    /// Nothing was told yet.
    pub(super) fn new(record: Arc<PolicyRecord>) -> Self {
        Self {
            record,
            fingerprint: None,
            written: None,
            former: [None; FORMER],
            known: Known::default(),
            written_at: None,
            quiet: None,
            is_without_room: false,
            is_contested: false,
            pace: Pace::default(),
            pending: None,
            aside: None,
        }
    }

    /// A policy of which nothing was told yet.
    pub(super) fn begin(record: &Arc<PolicyRecord>) -> Self {
        Self::new(Arc::clone(record))
    }

    /// Goes on from a status that somebody stored, so that it is neither repeated nor lost. What is not younger than what
    /// is known here is an echo, or it took the place of what was written here: then the next evaluation writes again.
    pub(super) fn stored(&mut self, known: &Known, marks: Marks) {
        if self.known.decided().is_none() || known.decided() > self.known.decided() {
            self.known = known.clone();
            self.written = Some(marks);
            self.former = [None; FORMER];
            self.pending = None;
            self.quiet = None;
        } else if self.written == Some(marks) {
            // The watch tells in order: nothing older comes after this.
            self.former = [None; FORMER];
        } else if !self.former.contains(&Some(marks.short())) {
            self.is_now_stored(marks);
            self.is_contested = true;
            self.quiet = None;
        }
    }

    /// The former marks are kept, so that neither a late echo nor a server that stores less than it is sent is answered
    /// with the same status for ever.
    fn is_now_stored(&mut self, marks: Marks) {
        let former = self.written.replace(marks).map(|marks| marks.short());
        if former.is_some() && former != Some(marks.short()) {
            self.former.rotate_right(1);
            if let Some(place) = self.former.first_mut() {
                *place = former;
            }
        }
    }

    /// Whether a status was told, by this process or by another one.
    pub(super) const fn has_status(&self) -> bool {
        self.written.is_some() || self.pending.is_some()
    }

    /// Takes the newest record of the same policy. Changes of another target are not to be told of this one.
    pub(super) fn speak_of(&mut self, record: &Arc<PolicyRecord>) {
        if Arc::ptr_eq(&self.record, record) {
            return;
        }
        if self.record.generation != record.generation && self.record.target() != record.target() {
            self.known.forget_changes();
        }
        self.record = Arc::clone(record);
    }

    /// Whether an outcome with this fingerprint has nothing new to tell, or nothing for which there is room; remembers it.
    pub(super) fn is_old_news(&mut self, fingerprint: Option<NonZeroU64>, now: Second, room: &Room) -> bool {
        let is_quiet = self
            .quiet
            .is_some_and(|(from, until)| from <= now && until.is_none_or(|until| now < until));
        let is_like_the_last = fingerprint.is_some() && fingerprint == self.fingerprint;
        self.fingerprint = fingerprint;
        let finds_room = self.is_without_room && room.has_more();
        is_quiet && is_like_the_last && self.pending.is_none() && !finds_room
    }

    /// Those of `troubles` that last, and which are to be announced.
    pub(super) fn look_at(&mut self, troubles: Vec<Trouble>, now: Second) -> lasting::Told {
        if troubles.is_empty() && self.aside.is_none() {
            return lasting::Told::default();
        }
        let told = self.aside.get_or_insert_default().lasting.look_at(troubles, now);
        self.clear_aside();
        told
    }

    pub(super) const fn known(&self) -> &Known {
        &self.known
    }

    pub(super) fn pending(&self) -> Option<&Pending> {
        self.pending.as_deref()
    }

    /// What waits is sent now.
    pub(super) fn send(&mut self) -> Option<Pending> {
        self.is_contested = false;
        self.pending().cloned()
    }

    /// Takes the newest status. It waits as long as a reader can wait for the difference; `look_again` is when there may be
    /// something else to tell of the same outcome. Returns when it is to be written, if it is kept until then: there must be
    /// room.
    pub(super) fn offer(
        &mut self,
        status: ScalingPolicyStatus,
        look_again: Option<Second>,
        now: Second,
        room: &Room,
    ) -> Option<Second> {
        self.known = Known::of(&status);
        self.quiet = Some((now, look_again));
        self.is_without_room = false;
        self.pending = None;
        let marks = Marks::of(&status);
        let difference = self
            .written
            .map_or(Difference::Eventful, |written| written.difference(&marks));
        if difference == Difference::None {
            return None;
        }
        let due = self.due(difference, status.observed_generation, now);
        if due.since(now) > KEPT_SECONDS {
            self.quiet = Some((now, Some(look_again.map_or(due, |again| again.min(due)))));
            return None;
        }
        let Some(seat) = room.take() else {
            self.is_without_room = true;
            return None;
        };
        self.pending = Some(Box::new(Pending {
            status: Arc::new(status),
            due,
            marks,
            difference,
            _seat: seat,
        }));
        Some(due)
    }

    fn due(&self, difference: Difference, generation: Option<i64>, now: Second) -> Second {
        let refused = self.aside.as_ref().and_then(|aside| aside.refused_generation);
        let gap = if refused.is_some() && refused == generation {
            REFUSED_SECONDS
        } else {
            self.pace.gap_seconds(difference, now)
        };
        match self.written_at {
            // After the clock was set back the gap starts anew.
            Some(at) if at <= now => at.plus(gap).max(now),
            _ => now,
        }
    }

    /// A status was stored.
    pub(super) fn accepted(&mut self, sent: &Pending, now: Second) {
        let is_first = self.written.is_none();
        let is_contested = std::mem::take(&mut self.is_contested);
        if !is_contested {
            self.is_now_stored(sent.marks);
        }
        self.written_at = Some(now);
        if !is_first {
            self.pace.written(sent.difference, now);
        }
        self.was_refused_beside(None);
        let was_pending = self.is_pending(sent);
        if was_pending {
            self.pending = None;
        }
        if is_contested || !was_pending {
            // Something else came meanwhile; whether it is different from this is to be seen.
            self.quiet = None;
        }
    }

    /// A status was not stored, and is to be tried again. Returns when, if it is kept until then: what cannot be written
    /// must not keep others from their room.
    pub(super) fn failed(&mut self, now: Second, room: &Room) -> Option<Second> {
        self.written_at = Some(now);
        self.was_refused_beside(None);
        if room.is_scarce() && self.pending.take().is_some() {
            self.is_without_room = true;
            return None;
        }
        self.wait_again(now)
    }

    /// A status is not taken beside this generation of the policy. Returns when it is tried again, if it is kept until then.
    pub(super) fn refused(&mut self, generation: Option<i64>, now: Second) -> Option<Second> {
        self.written_at = Some(now);
        self.was_refused_beside(generation);
        self.wait_again(now)
    }

    /// The API server asks for rest: what waits is due no sooner than `due`.
    pub(super) fn postpone(&mut self, due: Second) -> Option<Second> {
        let pending = self.pending.as_mut()?;
        pending.due = due;
        Some(due)
    }

    fn wait_again(&mut self, now: Second) -> Option<Second> {
        let pending = self.pending.as_ref()?;
        let due = self.due(pending.difference, pending.status.observed_generation, now);
        if due.since(now) > KEPT_SECONDS {
            self.pending = None;
            self.quiet = Some((now, Some(due)));
            return None;
        }
        self.postpone(due)
    }

    fn is_pending(&self, sent: &Pending) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| Arc::ptr_eq(&pending.status, &sent.status))
    }

    fn was_refused_beside(&mut self, generation: Option<i64>) {
        if generation.is_some() || self.aside.is_some() {
            self.aside.get_or_insert_default().refused_generation = generation;
            self.clear_aside();
        }
    }

    fn clear_aside(&mut self) {
        let is_empty = |aside: &Aside| aside.lasting.is_empty() && aside.refused_generation.is_none();
        if self.aside.as_deref().is_some_and(is_empty) {
            self.aside = None;
        }
    }
}
