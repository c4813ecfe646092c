//! The command line of the sample shop: `shop serve` and `shop load`.

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(
    version,
    about = "A small web shop and its load generator, to see an autoscaler work"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the shop: static pages at once, dynamic pages one at a time at a fixed CPU cost
    Serve(shop::serve::Settings),
    /// Ask a shop for pages along a bounded profile and report what came back, second by second
    Load(shop::load::Settings),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // One thread serves the network. Pages burn CPU on a thread of their own, so metrics and probes never wait for them.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(8)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("shop: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome: Result<(), Box<dyn std::error::Error>> = runtime.block_on(async {
        match arguments.command {
            Command::Serve(settings) => shop::serve::run(settings).await.map_err(Into::into),
            Command::Load(settings) => shop::load::run(settings).await.map_err(Into::into),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shop: {error}");
            ExitCode::FAILURE
        }
    }
}
