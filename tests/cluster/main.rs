//! Tests on a real cluster: the one that KUBECONFIG names, with the controller deployed in it. `make test-cluster` runs
//! them inside the test bed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod admission;
mod answers;
#[expect(dead_code, reason = "the tests of the dashboards themselves need more of it")]
#[path = "../dashboards/boards.rs"]
mod boards;
mod bounds;
mod capacity;
mod churn;
mod dashboards;
mod fixtures;
mod guards_and_schedules;
mod load;
mod modes;
mod others;
mod reading;
mod refusals;
mod rights;
mod rollouts;
mod targets;
mod undisturbed;
mod world;
