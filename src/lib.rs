//! Concertina: a Kubernetes horizontal autoscaler.

pub mod api;
