//! The dashboards: the rules that they keep, and every one of their queries asked of a real Prometheus that scrapes the
//! exporter's own text of a small fleet in which every state occurs. Loopback only. Needs Prometheus: testbed/tools --only
//! prometheus builds it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod boards;
mod exporter;
mod fleet;
mod live;
mod prometheus;
#[path = "../shared/prometheus_process.rs"]
mod prometheus_process;
mod rules;
mod story;
