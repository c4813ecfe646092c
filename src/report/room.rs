//! How many statuses may wait to be written at a time. Each takes some KiB, so what finds no room is made anew by a later
//! evaluation. Pure.
use std::sync::Arc;

/// So many statuses are kept: some MiB, and more than are written in a second.
pub(super) const MOST_KEPT: usize = 2000;

/// The room for statuses that wait.
#[derive(Debug, Default)]
pub(super) struct Room(Arc<()>);

/// One status's part of the room, until this and its clones are dropped.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    _kept: Arc<()>,
}

impl Room {
    /// A seat, unless all are taken.
    pub(super) fn take(&self) -> Option<Seat> {
        self.has_more().then(|| Seat {
            _kept: Arc::clone(&self.0),
        })
    }

    /// Whether so many seats are taken that none is to be held for what has just failed.
    pub(super) fn is_scarce(&self) -> bool {
        Arc::strong_count(&self.0) > MOST_KEPT / 2
    }

    /// Whether a seat is left.
    pub(super) fn has_more(&self) -> bool {
        // One is the room itself.
        Arc::strong_count(&self.0) <= MOST_KEPT
    }
}
