//! `concertina-bench run`: measures on one kind of fleet, size by size. It starts the controller, and reads its counts from
//! the API server, etcd, Prometheus and the kernel; the controller's own word is taken for evaluations only.

mod access;
mod bed;
mod controller;
mod faults;
mod memory;
mod observer;
mod prober;
mod process;
mod processor;
mod reaction;
mod rest;
mod sample;
mod start;
mod storm;

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use self::bed::Bed;
use crate::error::BenchError;
use crate::fixture::Kind;
use crate::report::{self, Part};

/// Arguments of `concertina-bench run`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RunArguments {
    /// The controller's program, a release build.
    #[arg(long)]
    controller: PathBuf,
    /// Further arguments of the controller, each with this flag.
    #[arg(long = "controller-argument", allow_hyphen_values = true)]
    controller_arguments: Vec<String>,
    /// Kubeconfig of the controller's own service account.
    #[arg(long)]
    kubeconfig: PathBuf,
    /// Directory for the part of the report, logs and the controller's configuration.
    #[arg(long)]
    out: PathBuf,
    /// Name of the part.
    #[arg(long)]
    name: String,
    /// What the fleet consists of.
    #[arg(long, value_enum)]
    kind: Kind,
    /// Sizes of the fleet, ascending, with commas.
    #[arg(long, value_delimiter = ',', default_values_t = [1000_usize])]
    policies: Vec<usize>,
    /// What to measure, with commas: b1 b2 b3 b4 b5 b6 b7 b8 b9.
    #[arg(long, value_delimiter = ',', required = true)]
    bench: Vec<String>,
    /// Seconds between two evaluations where the fleet is at rest (B1, B4, B5, B7).
    #[arg(long, default_value_t = 15)]
    period: u32,
    /// Shorter periods at which the same fleet is measured after that, with commas (B1).
    #[arg(long, value_delimiter = ',')]
    further_periods: Vec<u32>,
    /// Seconds between two scrapes there.
    #[arg(long, default_value_t = 15)]
    scrape: u32,
    /// Seconds between two evaluations where time or processor time is measured (B2, B3, B6, B8).
    #[arg(long, default_value_t = 1)]
    fast_period: u32,
    /// Milliseconds between two scrapes there, but for B6. It is no multiple of the period, so that every phase between the two
    /// comes about.
    #[arg(long, default_value_t = 1030)]
    fast_scrape: u32,
    /// Seconds between two evaluations where Prometheus is in trouble (B9).
    #[arg(long, default_value_t = 5)]
    fault_period: u32,
    /// Windows of rest, storms, cold starts.
    #[arg(long, default_value_t = 4)]
    repetitions: usize,
    /// Seconds of a window of rest.
    #[arg(long, default_value_t = 60)]
    window_seconds: u64,
    /// Single steps of B2.
    #[arg(long, default_value_t = 200)]
    steps: usize,
}

impl RunArguments {
    /// Is this bar to be measured?
    fn wants(&self, bar: &str) -> bool {
        self.bench.iter().any(|wanted| wanted.eq_ignore_ascii_case(bar))
    }

    fn check(&self) -> Result<(), BenchError> {
        let known = ["b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8", "b9"];
        let stranger = self
            .bench
            .iter()
            .find(|bar| !known.contains(&bar.to_lowercase().as_str()));
        if let Some(bar) = stranger {
            return Err(BenchError::Unusable(format!(
                "there is no {bar}: choose of {}",
                known.join(" ")
            )));
        }
        let periods = [1, 2, 5, 10, 15, 30, 60];
        let is_shorter = |period: &u32| periods.contains(period) && *period < self.period;
        if !self.further_periods.iter().all(is_shorter)
            || !(self.further_periods.is_empty() || self.wants("b1"))
        {
            return Err(BenchError::Unusable(format!(
                "further periods are among {periods:?}, shorter than the period of {} s, and for b1",
                self.period
            )));
        }
        if !self.policies.is_sorted() || self.policies.first().is_none_or(|least| *least == 0) {
            return Err(BenchError::Unusable(
                "sizes of the fleet are positive and ascend".into(),
            ));
        }
        Ok(())
    }
}

/// Measures and writes a part of the report. What was measured before a failure is kept.
pub(crate) async fn run(arguments: RunArguments) -> Result<(), BenchError> {
    arguments.check()?;
    let (out, name) = (arguments.out.clone(), arguments.name.clone());
    let mut part = Part::default();
    conditions(&arguments, &mut part);
    let outcome = measure(arguments, &mut part).await;
    if let Err(error) = &outcome {
        part.miss(format!("part {name} ended early: {error}"));
    }
    report::write_part(&out, &name, &part)?;
    outcome
}

async fn measure(arguments: RunArguments, part: &mut Part) -> Result<(), BenchError> {
    let began = Instant::now();
    let mut bed = Bed::connect(arguments).await?;
    let sizes = bed.arguments.policies.clone();
    let wants = |bed: &Bed, bars: &[&str]| bars.iter().any(|bar| bed.arguments.wants(bar));
    let mut rested = Vec::new();
    for (number, policies) in sizes.into_iter().enumerate() {
        println!(
            "{} fleet of {policies}, after {:.0} s",
            bed.kind().name(),
            began.elapsed().as_secs_f64()
        );
        bed.grow(policies).await?;
        if wants(&bed, &["b1", "b4", "b5", "b6", "b7"]) {
            rested.push(rest::measure(&bed, policies, part).await?);
            if bed.arguments.wants("b1") {
                rest::at_further_periods(&bed, policies, part).await?;
            }
        }
        if bed.kind() == Kind::Pods {
            if wants(&bed, &["b2", "b3", "b8", "b9"]) {
                part.miss("B2, B3, B8 and B9 are measured on the fleet of kind workload, whose load steps");
            }
            continue;
        }
        if number == 0 {
            if wants(&bed, &["b2"]) {
                reaction::measure(&bed, policies, part).await?;
            }
            if wants(&bed, &["b3"]) {
                storm::measure(&bed, policies, part).await?;
            }
            if wants(&bed, &["b9"]) {
                faults::measure(&bed, policies, part).await?;
            }
        }
        if wants(&bed, &["b8"]) {
            start::cold(&bed, policies, part).await?;
            start::fail_over(&bed, policies, part).await?;
        }
    }
    rest::lines(&bed, &rested, part);
    println!("measured in {:.0} s", began.elapsed().as_secs_f64());
    Ok(())
}

/// What the figures depend on.
fn conditions(arguments: &RunArguments, part: &mut Part) {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or_else(String::new, |name| name.trim_matches([' ', '\t', ':']).to_owned());
    let memory = read("/proc/meminfo")
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned();
    let load = read("/proc/loadavg");
    let allocator: Vec<String> = std::env::vars()
        .filter(|(name, _)| name.starts_with("MALLOC") || name.starts_with("GLIBC"))
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let version = std::process::Command::new(&arguments.controller)
        .arg("--version")
        .output()
        .map_or_else(
            |error| error.to_string(),
            |said| String::from_utf8_lossy(&said.stdout).trim().to_owned(),
        );
    part.conditions.push(format!(
        "{} fleet: {cores} cores, {processor}; {memory}; load average at the start {}; {version}; \
         allocator settings: {}; period {} s, scraped every {} s, {} windows of {} s; noise ±3 %",
        arguments.kind.name(),
        load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        if allocator.is_empty() {
            "none".to_owned()
        } else {
            allocator.join(" ")
        },
        arguments.period,
        arguments.scrape,
        arguments.repetitions,
        arguments.window_seconds,
    ));
}
