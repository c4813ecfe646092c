//! The text of the metrics in pieces: that of very many policies would take as much memory as all else. No network.
use std::fmt;

use super::Metrics;
use super::families;
use crate::cluster::places::Place;

/// What of the text is still to come.
#[derive(Debug)]
pub struct Pages(State);

#[derive(Debug)]
enum State {
    Head(String),
    /// The rows of one family, from this place.
    Rows(usize, Place),
    Done,
}

impl Pages {
    /// All pieces. What does not belong to single policies is taken now.
    ///
    /// # Errors
    /// When a value cannot be formatted.
    pub(super) fn of(metrics: &Metrics) -> Result<Self, fmt::Error> {
        Ok(Self(State::Head(metrics.head()?)))
    }

    /// The next piece of these metrics.
    pub(super) fn next(&mut self, metrics: &Metrics) -> Option<String> {
        let (text, state) = match (
            std::mem::replace(&mut self.0, State::Done),
            metrics.shown_policies(),
        ) {
            (State::Head(text), _) => (text, State::Rows(0, 0)),
            (State::Rows(family, from), Some(series)) if family < families::count(series) => {
                let (text, following) = families::piece(series, family, from);
                (
                    text,
                    following.map_or(State::Rows(family + 1, 0), |from| State::Rows(family, from)),
                )
            }
            (State::Rows(..), _) => ("# EOF\n".to_owned(), State::Done),
            (State::Done, _) => return None,
        };
        self.0 = state;
        Some(text)
    }
}
