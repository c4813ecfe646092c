//! What was last told about one policy, and what waits to be told. Pure.
use std::num::NonZeroU64;
use std::sync::Arc;

use super::difference::{Difference, Marks};
use super::known::Known;
use super::lasting::{self, Lasting};
use super::pace::{Pace, REFUSED_SECONDS};
use super::second::Second;
use crate::api::ScalingPolicyStatus;
use crate::cluster::policies::PolicyRecord;
use crate::observe::join::Note as Trouble;

/// A status that is to be written soon is kept; one that has to wait for longer is made anew when its time has come, by
/// the evaluation that is due then. Very many policies may be waiting.
const KEPT_SECONDS: u32 = 2;

/// What was last told about one policy. There are very many of these, so no status is kept once it is written.
#[derive(Debug)]
pub(super) struct Told {
    /// The policy; it says which object is spoken of.
    pub(super) record: Arc<PolicyRecord>,
    /// Of the last outcome, unless something happened in it.
    fingerprint: Option<NonZeroU64>,
    /// Of what is stored.
    written: Option<Marks>,
    /// What the next status goes on from.
    known: Known,
    written_at: Option<Second>,
    /// An outcome like the last one has nothing to tell from the first of these until the second.
    quiet: Option<(Second, Option<Second>)>,
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
            known: Known::default(),
            written_at: None,
            quiet: None,
            pace: Pace::default(),
            pending: None,
            aside: None,
        }
    }

    /// A policy of which nothing was told yet.
    pub(super) fn begin(record: &Arc<PolicyRecord>) -> Self {
        Self::new(Arc::clone(record))
    }

    /// Goes on from a status that somebody stored, so that it is neither repeated nor lost. News that is not younger than
    /// what is known here is an echo of it.
    pub(super) fn stored(&mut self, known: &Known, marks: Marks) {
        if self.known.decided().is_some() && known.decided() <= self.known.decided() {
            return;
        }
        self.known = known.clone();
        self.written = Some(marks);
        self.pending = None;
        self.quiet = None;
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

    /// Whether an outcome with this fingerprint has nothing new to tell; remembers it.
    pub(super) fn is_old_news(&mut self, fingerprint: Option<NonZeroU64>, now: Second) -> bool {
        let is_quiet = self
            .quiet
            .is_some_and(|(from, until)| from <= now && until.is_none_or(|until| now < until));
        let is_like_the_last = fingerprint.is_some() && fingerprint == self.fingerprint;
        self.fingerprint = fingerprint;
        is_quiet && is_like_the_last && self.pending.is_none()
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

    /// Takes the newest status. It waits as long as a reader can wait for the difference; `look_again` is when there may be
    /// something else to tell of the same outcome. Returns when it is to be written, if it is kept until then.
    pub(super) fn offer(
        &mut self,
        status: ScalingPolicyStatus,
        look_again: Option<Second>,
        now: Second,
    ) -> Option<Second> {
        self.known = Known::of(&status);
        self.quiet = Some((now, look_again));
        let marks = Marks::of(&status);
        let difference = self
            .written
            .map_or(Difference::Eventful, |written| written.difference(&marks));
        if difference == Difference::None {
            self.pending = None;
            return None;
        }
        let due = self.due(difference, status.observed_generation, now);
        if due.since(now) > KEPT_SECONDS {
            self.pending = None;
            self.quiet = Some((now, Some(look_again.map_or(due, |again| again.min(due)))));
            return None;
        }
        self.pending = Some(Box::new(Pending {
            status: Arc::new(status),
            due,
            marks,
            difference,
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
        self.written = Some(sent.marks);
        self.written_at = Some(now);
        if !is_first {
            self.pace.written(sent.difference, now);
        }
        self.was_refused_beside(None);
        if self.is_pending(sent) {
            self.pending = None;
        } else {
            // Something else came meanwhile; whether it is different from this is to be seen.
            self.quiet = None;
        }
    }

    /// A status was not stored, and is to be tried again. Returns when.
    pub(super) fn failed(&mut self, now: Second) -> Option<Second> {
        self.written_at = Some(now);
        self.was_refused_beside(None);
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
