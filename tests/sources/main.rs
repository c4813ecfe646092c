//! Every built-in query, and every source that the documentation shows, asked of a real Prometheus that holds series as
//! the exporters expose them. Needs Prometheus: testbed/tools --only prometheus builds it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod built_in;
mod doctor;
mod documented;
mod freshness;
mod prometheus;
#[path = "../shared/prometheus_process.rs"]
mod prometheus_process;
mod series;
mod tenancy;
mod usage;
mod world;
