//! Concertina: a Kubernetes horizontal autoscaler.
