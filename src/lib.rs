//! Concertina: a Kubernetes horizontal autoscaler. See ARCHITECTURE.md for the way data takes through these modules.
pub mod api;
pub mod case;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod control;
#[cfg(test)]
mod counted;
pub mod dashboards;
#[cfg(test)]
mod fixtures;
pub mod intern;
pub mod leader;
pub mod log;
pub mod observe;
pub mod promql;
pub mod report;
pub mod schedule;
pub mod web;
