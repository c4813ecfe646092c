//! The pipeline as a whole: one decision, many in a row, and what holds for all of them. Pure: no network, no clock.

#[path = "../fixtures/mod.rs"]
mod fixtures;

mod arbitrary;
mod changes;
mod forbidding;
mod lists;
mod one_decision;
mod overload;
mod properties;
mod schedules;
mod sentences;
mod starts;
mod stories;
mod troubles;
mod windows;
mod zero;
