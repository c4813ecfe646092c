//! The parts of the cluster that are watched, each by itself: the whole of it, or some namespaces. And the lists of a kind in each
//! part: what a list of one part did not tell is gone from that part, and from no other. No network.
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::watch::Failure;
use crate::intern;

/// What was listed is worked with for so long after the right to it was lost: an API server that begins refuses everybody for a
/// moment, and who exchanges a Role may take minutes.
const LOSS_PATIENCE: Duration = Duration::from_secs(300);

/// One part of the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part(u16);

impl Part {
    /// The whole cluster, where it is watched as one.
    pub const WHOLE: Self = Self(0);

    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All parts.
#[derive(Clone, Debug, Default)]
pub struct Parts(Arc<[Arc<str>]>);

impl Parts {
    /// These namespaces, each as a part; of none, the whole cluster as one.
    #[must_use]
    pub fn of<N: AsRef<str>>(namespaces: &[N]) -> Self {
        let mut names: Vec<_> = namespaces
            .iter()
            .map(|name| intern::name(name.as_ref()))
            .collect();
        names.sort_unstable();
        Self(names.into())
    }

    /// Whether the cluster is watched as a whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Every part, and the namespace that it is; none of the whole cluster.
    pub fn iter(&self) -> impl Iterator<Item = (Part, Option<&Arc<str>>)> {
        let whole = self.is_whole().then_some((Part::WHOLE, None));
        let named = (0..).map(Part).zip(self.0.iter().map(Some));
        whole.into_iter().chain(named)
    }

    /// The part in which a namespace is. None where it is not watched.
    #[must_use]
    pub fn of_namespace(&self, namespace: &str) -> Option<Part> {
        if self.is_whole() {
            return Some(Part::WHOLE);
        }
        let place = self.0.binary_search_by(|name| (**name).cmp(namespace)).ok()?;
        u16::try_from(place).ok().map(Part)
    }
}

/// The list in which something was seen last: of which part, and how many there were of it before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Epoch {
    part: Part,
    list: u16,
}

impl Epoch {
    /// Whether the list that has just ended left this out.
    pub(super) fn is_swept_by(self, ended: Self) -> bool {
        self.part == ended.part && self.list != ended.list
    }
}

/// How far a kind has been read in a part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Progress {
    /// Not listed yet.
    #[default]
    Awaited,
    /// Listed at least once.
    Listed,
    /// The controller may not list it, or has not been allowed to go on for too long: what it would tell is not known.
    Refused,
    /// Not served, or was waited for long enough: what it would tell is not known.
    GoneWithout,
}

#[derive(Debug, Default)]
struct Listing {
    list: u16,
    is_under_way: bool,
    progress: Progress,
    /// Why there is no list to work with, if it was tried.
    failure: Option<Box<Failure>>,
    /// Since when the watch of what is listed is forbidden.
    lost: Option<Instant>,
}

/// The lists of one kind, by part.
#[derive(Debug, Default)]
pub(super) struct Lists(Vec<Listing>);

impl Lists {
    /// A list begins; the one before may not have come to its end.
    pub(super) fn begin(&mut self, part: Part) {
        let listing = self.listing(part);
        listing.list = listing.list.wrapping_add(1);
        listing.is_under_way = true;
    }

    /// A list has ended. What [`Epoch::is_swept_by`] it is gone.
    pub(super) fn end(&mut self, part: Part) -> Epoch {
        let listing = self.listing(part);
        listing.is_under_way = false;
        listing.progress = Progress::Listed;
        listing.failure = None;
        listing.lost = None;
        self.epoch(part)
    }

    /// The newest list.
    pub(super) fn epoch(&self, part: Part) -> Epoch {
        let list = self.0.get(part.index()).map_or(0, |listing| listing.list);
        Epoch { part, list }
    }

    /// Whether a list has begun and not ended.
    pub(super) fn is_under_way(&self, part: Part) -> bool {
        self.0
            .get(part.index())
            .is_some_and(|listing| listing.is_under_way)
    }

    pub(super) fn progress(&self, part: Part) -> Progress {
        self.0
            .get(part.index())
            .map(|listing| listing.progress)
            .unwrap_or_default()
    }

    pub(super) fn is_listed(&self, part: Part) -> bool {
        self.progress(part) == Progress::Listed
    }

    /// Whether any part is listed.
    pub(super) fn is_any_listed(&self) -> bool {
        self.0.iter().any(|listing| listing.progress == Progress::Listed)
    }

    /// Why there is no list to work with, if it was tried.
    pub(super) fn failure(&self, part: Part) -> Option<&Failure> {
        self.0.get(part.index())?.failure.as_deref()
    }

    /// The first list is not waited for any longer. Returns whether that is news.
    pub(super) fn go_without(&mut self, part: Part) -> bool {
        let listing = self.listing(part);
        let is_news = listing.progress == Progress::Awaited;
        if is_news {
            listing.progress = Progress::GoneWithout;
        }
        is_news
    }

    /// Notes why a watch failed, as of `now`: where it is forbidden, a first list is not waited for any longer, and one that is there
    /// is given up after 5 min. Returns whether that is news.
    pub(super) fn note_refusal(&mut self, part: Part, failure: Failure, now: Instant) -> bool {
        let listing = self.listing(part);
        let is_forbidden = failure.is_forbidden;
        if listing.progress == Progress::Listed {
            let is_given_up = is_forbidden
                && now.saturating_duration_since(*listing.lost.get_or_insert(now)) >= LOSS_PATIENCE;
            if !is_given_up {
                return false;
            }
        }
        listing.failure = Some(Box::new(failure));
        let is_news = is_forbidden && matches!(listing.progress, Progress::Awaited | Progress::Listed);
        if is_forbidden {
            listing.progress = Progress::Refused;
        }
        is_news
    }

    /// A refusal counts no more: the next attempt tells.
    pub(super) fn await_again(&mut self, part: Part) {
        let listing = self.listing(part);
        if listing.progress == Progress::Refused || listing.lost.is_some() {
            listing.progress = Progress::Awaited;
            listing.lost = None;
        }
    }

    fn listing(&mut self, part: Part) -> &mut Listing {
        let index = part.index();
        if self.0.len() <= index {
            self.0.resize_with(index + 1, Listing::default);
        }
        #[expect(clippy::indexing_slicing, reason = "it was made long enough just now")]
        &mut self.0[index]
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
