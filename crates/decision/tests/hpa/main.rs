//! Where HorizontalPodAutoscaler is wrong or surprising: each situation is computed as it would and as we do, and both
//! numbers are held. The page docs/explanation/hpa.md shows them. Touches no network; reads and, with UPDATE=1, writes
//! that page.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

#[path = "../fixtures/mod.rs"]
mod fixtures;

mod bad_numbers;
mod budgets;
mod cases;
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "what is computed here loses precision, and is to be computed as it is"
)]
mod hpa;
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "what is computed here loses precision, and is to be computed as it is"
)]
mod hpa_loop;
mod hpa_loop_tests;
mod hpa_tests;
mod missing_data;
mod ordinary;
mod outcome;
mod page;
mod pods_counted;
mod speed;
mod zero_and_bounds;
