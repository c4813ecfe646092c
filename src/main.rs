//! The `concertina` binary: parses the command line and calls the library.
use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use concertina::cli::{Arguments, Command, crd, decide, doctor, explain, run};

/// Watched objects are read by the thousand and dropped again; .cargo/config.toml says how soon their memory is given back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // One crypto provider for the API server's and Prometheus' clients; two would make the first connection panic.
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        eprintln!("error: a crypto provider is installed already");
        return ExitCode::FAILURE;
    }
    let result: Result<ExitCode, Box<dyn Error>> = match Arguments::parse().command {
        Command::Run(arguments) => start(run::run(arguments)).map(|()| ExitCode::SUCCESS),
        Command::Explain(arguments) => start(explain::run(arguments)),
        Command::Doctor(arguments) => start(doctor::run(arguments)),
        Command::Decide(arguments) => return decide::run(&arguments),
        Command::Crd => crd::print(&mut std::io::stdout())
            .map(|()| ExitCode::SUCCESS)
            .map_err(Into::into),
    };
    match result {
        Ok(code) => code,
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

fn start<T, E: Error + 'static>(task: impl Future<Output = Result<T, E>>) -> Result<T, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(task)?)
}
