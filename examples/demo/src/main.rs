//! The demo: the overload case on a cluster, from the first replica to the plot. It talks to the API server of the
//! current kubeconfig and writes into one directory; cluster, images, CRD and controller must be there already.

mod cluster;
mod manifests;
mod page;
mod plot;
mod rows;
mod run;
mod summary;
mod table;
mod view;

use clap::Parser;
use cluster::Cluster;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const CLEANUP_LIMIT: Duration = Duration::from_secs(90);

#[derive(Debug, Parser)]
#[command(
    about = "Runs the overload case on the cluster of the current kubeconfig and shows what the controller does"
)]
struct Arguments {
    /// Namespace to make for the shop
    #[arg(long, default_value = "shop")]
    namespace: String,
    /// Image of the shop and its load generator
    #[arg(long, env = "IMAGE_SHOP", default_value = "localhost/shop:dev")]
    image: String,
    /// Where demo.csv, demo.svg, summary.json and index.html go
    #[arg(long, default_value = "demo-output")]
    output: PathBuf,
    /// Requests per second before and after the overload
    #[arg(long, default_value_t = 4)]
    quiet_rps: u32,
    /// Requests per second of the overload
    #[arg(long, default_value_t = 80)]
    overload_rps: u32,
    /// Seconds before the overload
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(5..=600))]
    quiet_seconds: u32,
    /// Seconds of overload
    #[arg(long, default_value_t = 110, value_parser = clap::value_parser!(u32).range(30..=1200))]
    overload_seconds: u32,
    /// Seconds after the overload
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(10..=1200))]
    fall_seconds: u32,
    /// Leave the shop and its policy in the cluster: 1 or true
    #[arg(long, env = "KEEP", default_value = "false", num_args = 0..=1, default_missing_value = "true",
        value_parser = clap::builder::FalseyValueParser::new())]
    keep: bool,
}

impl Arguments {
    fn profile(&self) -> String {
        let Arguments {
            quiet_rps,
            overload_rps,
            quiet_seconds,
            overload_seconds,
            fall_seconds,
            ..
        } = self;
        format!(
            "{quiet_rps}rps:{quiet_seconds}s,{overload_rps}rps:{overload_seconds}s,{quiet_rps}rps:{fall_seconds}s"
        )
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cluster = match Cluster::connect(&arguments.namespace).await {
        Ok(cluster) => cluster,
        Err(error) => return failed(&error),
    };
    let namespace = &arguments.namespace;
    // Until here nothing was made, so there is nothing to remove.
    if let Err(error) = run::prepare(&cluster).await {
        return failed(&error);
    }
    let outcome = tokio::select! {
        outcome = run::run(&cluster, &arguments) => outcome,
        () = interrupted() => Err(run::RunError::Interrupted),
    };
    let code = match outcome {
        Ok(complaints) if complaints.is_empty() => ExitCode::SUCCESS,
        Ok(complaints) => {
            for complaint in complaints {
                eprintln!("demo: {complaint}");
            }
            ExitCode::FAILURE
        }
        Err(error) => failed(&error),
    };
    if arguments.keep {
        println!("{}", how_to_look(namespace));
        return code;
    }
    println!("removing the namespace {namespace}");
    match cluster.delete(CLEANUP_LIMIT).await {
        Ok(()) => code,
        Err(error) => failed(&error),
    }
}

/// Says what went wrong, down to the first cause.
fn failed(error: &dyn std::error::Error) -> ExitCode {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let deeper = error.to_string();
        if !text.contains(&deeper) {
            text = format!("{text}: {deeper}");
        }
        cause = error.source();
    }
    eprintln!("demo: {text}");
    ExitCode::FAILURE
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

fn how_to_look(namespace: &str) -> String {
    let enter = match std::env::var("TESTBED") {
        Ok(name) => format!("TESTBED={name} testbed/enter "),
        Err(_) => String::new(),
    };
    format!(
        "The shop is still there. To look at it:\n\
         \x20 {enter}kubectl get scalingpolicies,deployments,pods -n {namespace}\n\
         \x20 {enter}kubectl describe scalingpolicy shop -n {namespace}\n\
         \x20 {enter}kubectl get events -n {namespace} --sort-by=.metadata.creationTimestamp\n\
         \x20 {enter}kubectl logs load -n {namespace}\n\
         To remove it: {enter}kubectl delete namespace {namespace}"
    )
}
