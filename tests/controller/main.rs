//! The whole controller against a scripted API server and a scripted Prometheus: the exact requests it sends, what it
//! reports, and that it is silent when nothing changed. Time is given, not waited for; nothing but loopback is used.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod answers;
mod api_server;
mod faults;
mod fixtures;
mod kinds;
mod leader_candidates;
mod leader_store;
mod patches;
mod prometheus;
mod requests;
mod state;
mod watch;
mod world;

mod autoscalers;
mod clock;
mod conflicts;
mod deletion;
mod failures;
mod health;
mod history;
mod leader_election;
mod leader_properties;
mod leader_standby;
mod logs;
mod malformed;
mod missing_metrics;
mod modes;
mod namespaces;
mod ownership;
mod pod_metrics;
mod replay;
mod restarts;
mod resuming;
mod rights;
mod running;
mod safety;
mod scaling;
mod sharing;
mod size;
mod targets;
mod tenancy;
mod watches;
