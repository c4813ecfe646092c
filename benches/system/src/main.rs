//! `concertina-bench`: a fleet of pretended workloads and what the controller costs and how soon it acts on it. It talks to
//! the test bed that `testbed/enter` leads into, and to nothing else.
mod client;
mod error;
mod exporter;
mod exposition;
mod fill;
mod fixture;
mod harness;
mod proxy;
mod report;
mod statistics;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::error::BenchError;

#[derive(Debug, Parser)]
#[command(name = "concertina-bench", about, version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// Measures what the controller costs and how soon it acts.
#[derive(Debug, Subcommand)]
enum Command {
    /// Exposes the series of a fleet, with noise and steps of load.
    Exporter(exporter::ExporterArguments),
    /// Makes the objects of a fleet.
    Fill(fill::FillArguments),
    /// Stands before Prometheus: counts, and answers late, with errors or never.
    Proxy(proxy::ProxyArguments),
    /// Measures on one kind of fleet, size by size, and writes a part of the report.
    Run(Box<harness::RunArguments>),
    /// Joins parts of a report.
    Report(report::ReportArguments),
}

#[tokio::main]
async fn main() -> ExitCode {
    // One crypto provider for all clients of the process. A second call cannot happen.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // What was started ends with what started it, also on a signal.
    let outcome = tokio::select! {
        outcome = work(Arguments::parse().command) => outcome,
        () = interrupted() => Err(BenchError::Interrupted),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn work(command: Command) -> Result<(), BenchError> {
    match command {
        Command::Exporter(arguments) => exporter::run(&arguments).await,
        Command::Fill(arguments) => fill::run(&arguments).await,
        Command::Proxy(arguments) => proxy::run(&arguments).await,
        Command::Run(arguments) => harness::run(*arguments).await,
        Command::Report(arguments) => report::run(&arguments),
    }
}

async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}
