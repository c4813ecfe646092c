//! The fleet that is measured on: how many workloads, and what each is called. Pure.

use clap::ValueEnum;

/// So many workloads share a namespace.
pub(crate) const WORKLOADS_PER_NAMESPACE: usize = 100;
/// Replicas that every workload starts with, and load that is on target for them.
pub(crate) const REPLICAS: i64 = 3;
/// Load per replica that the policies of [`Kind::Workload`] aim at.
pub(crate) const LOAD_PER_REPLICA: f64 = 10.0;
/// Share of the target that is used in steady state: with noise of 3 % around it, the count that a load asks for is
/// always the same, also twice the load's.
pub(crate) const STEADY: f64 = 0.95;

/// Stands for the hash of the pods' template.
pub(crate) const HASH: &str = "7d4b9c6f5";

/// What the policies of a fleet look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One series per workload and no pods.
    Workload,
    /// CPU, memory and request rate of three pods per workload.
    Pods,
}

impl Kind {
    /// Pods of each workload.
    pub(crate) fn pods(self) -> usize {
        match self {
            Self::Workload => 0,
            Self::Pods => usize::try_from(REPLICAS).unwrap_or(0),
        }
    }

    /// As on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Pods => "pods",
        }
    }
}

/// The name of a workload, of its Deployment and of its policy.
pub(crate) fn workload(index: usize) -> String {
    format!("w{index:06}")
}

/// The namespace that a workload is in.
pub(crate) fn namespace(index: usize) -> String {
    format!("bench-{:04}", index / WORKLOADS_PER_NAMESPACE)
}

/// The name of a workload's pod.
pub(crate) fn pod(index: usize, pod: usize) -> String {
    format!("w{index:06}-{HASH}-{pod:05}")
}

/// Which workload has this name.
pub(crate) fn index_of(workload: &str) -> Option<usize> {
    workload.strip_prefix('w')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_workload() {
        for index in [0, 7, 99_999, 1_000_000] {
            assert_eq!(index_of(&workload(index)), Some(index));
        }
        assert_eq!(index_of("web"), None);
    }

    #[test]
    fn a_namespace_holds_a_hundred_workloads() {
        assert_eq!(namespace(99), namespace(0));
        assert_ne!(namespace(100), namespace(99));
    }
}
