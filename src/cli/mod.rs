//! The command line: what each subcommand is called and takes.
pub mod crd;
pub mod decide;
mod decide_table;
pub mod doctor;
pub mod explain;
mod leader;
pub mod run;
mod servers;

use clap::{Parser, Subcommand};

/// A Kubernetes horizontal autoscaler that explains every decision.
#[derive(Debug, Parser)]
#[command(name = "concertina", version)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller, inside a cluster or outside one with the current kubeconfig.
    Run(run::RunArguments),
    /// Decide cases from files, without a cluster: replay a decision, or test a policy.
    Decide(decide::DecideArguments),
    /// Look at a cluster and its Prometheus, and say what to set: to be run first.
    Doctor(doctor::DoctorArguments),
    /// Show how the newest decision on a policy came about.
    Explain(explain::ExplainArguments),
    /// Print the CustomResourceDefinition of ScalingPolicy.
    Crd,
}
