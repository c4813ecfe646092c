//! The `concertina` binary: parses the command line and calls the library.
use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use concertina::cli::{Arguments, Command, crd, decide, run};

fn main() -> ExitCode {
    // One crypto provider for the API server's and Prometheus' clients; two would make the first connection panic.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("error: a crypto provider is installed already");
        return ExitCode::FAILURE;
    }
    let result: Result<(), Box<dyn Error>> = match Arguments::parse().command {
        Command::Run(arguments) => start(arguments),
        Command::Decide(arguments) => return decide::run(&arguments),
        Command::Crd => crd::print(&mut std::io::stdout()).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                eprint!(": {cause}");
                source = cause.source();
            }
            eprintln!();
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: run::RunArguments) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(run::run(arguments))?)
}
