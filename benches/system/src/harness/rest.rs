//! The fleet at rest: what the controller costs the API server, Prometheus and the machine while nothing has to change
//! (B1, B4, B5, B6, B7). It asks all servers for their own counts.

use std::time::{Duration, Instant};

use super::bed::Bed;
use super::controller::{Controller, Setup};
use super::memory::MEBIBYTE;
use super::sample::{Sample, Window, between, windows};
use super::{access, memory, processor, reaction};
use crate::error::BenchError;
use crate::fixture::Kind;
use crate::report::Part;
use crate::statistics::line;

/// Longest time in which a controller that was just started comes to rest, beside that for each policy: every new policy
/// gets a status, and an API server that shares two cores with the fleet takes a hundred of them in a second.
const LONGEST_SETTLING: Duration = Duration::from_secs(240);
const SETTLING_PER_POLICY: Duration = Duration::from_millis(10);

/// Waits until hardly anything is written any more; tells how many writes there were in the last five seconds.
pub(crate) async fn settle(bed: &Bed) -> Result<(Duration, f64), BenchError> {
    let longest = LONGEST_SETTLING + SETTLING_PER_POLICY * u32::try_from(bed.filled()).unwrap_or(u32::MAX);
    let writes = async || -> Result<f64, BenchError> {
        let counts = access::requests(&bed.api_metrics().await?);
        Ok(["scale", "status", "events"]
            .iter()
            .filter_map(|class| counts.get(class))
            .sum())
    };
    let began = Instant::now();
    let (mut before, mut quiet) = (writes().await?, 0);
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let after = writes().await?;
        let written = after - before;
        quiet = if written <= 2.0 { quiet + 1 } else { 0 };
        if quiet >= 3 || began.elapsed() > longest {
            return Ok((began.elapsed(), written));
        }
        before = after;
    }
}

/// What a size of the fleet adds to the lines over all sizes.
pub(crate) struct Rested {
    pub(super) policies: f64,
    /// Bytes.
    pub(super) resident: Vec<f64>,
    /// Seconds of processor time per second, at the fast period.
    pub(super) cpu: Vec<f64>,
    pub(super) series_per_tick: Option<f64>,
}

/// Measures one size of the fleet.
pub(crate) async fn measure(bed: &Bed, policies: usize, part: &mut Part) -> Result<Rested, BenchError> {
    let wants = |bar: &str| bed.arguments.wants(bar);
    let mut rested = Rested {
        #[allow(clippy::cast_precision_loss)]
        policies: policies as f64,
        resident: Vec::new(),
        cpu: Vec::new(),
        series_per_tick: None,
    };
    let setup = Setup {
        prometheus: bed.prometheus.clone(),
        period_seconds: bed.arguments.period,
        scrape_milliseconds: bed.arguments.scrape * 1000,
        port: 8080,
    };
    bed.scrape(setup.scrape_milliseconds, policies).await?;
    if wants("b1") || wants("b4") || wants("b5") || wants("b7") {
        steady(bed, policies, &setup, part, &mut rested).await?;
    }
    if wants("b6") {
        rested.series_per_tick = processor::series_per_tick(bed, policies, &setup, part).await?;
        processor::measure(bed, policies, &setup, part, &mut rested).await?;
    }
    Ok(rested)
}

async fn steady(
    bed: &Bed,
    policies: usize,
    setup: &Setup,
    part: &mut Part,
    rested: &mut Rested,
) -> Result<(), BenchError> {
    let arguments = &bed.arguments;
    let setting = format!("{policies} policies, period {} s", setup.period_seconds);
    let baseline = windows(
        bed,
        None,
        setup.period_seconds,
        1,
        arguments.window_seconds.min(60),
    )
    .await?;
    let mut controller = Controller::start(bed, setup)?;
    let ready = controller.ready(Duration::from_secs(120)).await?;
    let lists = (ready - controller.started).as_secs_f64();
    part.add(
        "B8",
        &setting,
        "start to ready: everything listed",
        "s",
        vec![lists],
    );
    part.conditions.push(format!(
        "processor time of the controller is counted by {}",
        controller.process.counted_by()
    ));
    let (took, left) = settle(bed).await?;
    println!(
        "  [{setting}] at rest after {:.0} s, {left:.0} writes in the last 5 s of them",
        took.as_secs_f64()
    );
    if left > 2.0 {
        part.miss(format!(
            "rest ({setting}): after {:.0} s there were still {left:.0} writes in 5 s",
            took.as_secs_f64()
        ));
    }
    let (count, seconds) = (arguments.repetitions, arguments.window_seconds);
    let samples = windows(bed, Some(&controller), setup.period_seconds, count, seconds).await?;
    capacity(&setting, rested.policies, &samples, part);
    costs(&setting, &baseline, &samples, part);
    if arguments.wants("b1") && bed.kind() == Kind::Workload {
        reaction::probes(bed, policies, part, (&setting, setup.period_seconds)).await?;
    }
    if arguments.wants("b7") {
        memory::measure(bed, &setting, &controller, part, rested).await?;
    }
    controller.process.terminate(Duration::from_secs(10));
    Ok(())
}

/// B1 alone at shorter periods, on the same fleet; a period that is too short for it shows in the gaps and the probes.
pub(crate) async fn at_further_periods(
    bed: &Bed,
    policies: usize,
    part: &mut Part,
) -> Result<(), BenchError> {
    #[allow(clippy::cast_precision_loss)]
    let fleet = policies as f64;
    for period in &bed.arguments.further_periods {
        let setup = Setup {
            prometheus: bed.prometheus.clone(),
            period_seconds: *period,
            scrape_milliseconds: bed.arguments.scrape * 1000,
            port: 8080,
        };
        let setting = format!("{policies} policies, period {period} s");
        let mut controller = Controller::start(bed, &setup)?;
        controller.ready(Duration::from_secs(120)).await?;
        settle(bed).await?;
        let (count, seconds) = (bed.arguments.repetitions.min(2), bed.arguments.window_seconds);
        let samples = windows(bed, Some(&controller), *period, count, seconds).await?;
        capacity(&setting, fleet, &samples, part);
        if bed.kind() == Kind::Workload {
            reaction::probes(bed, policies, part, (&setting, *period)).await?;
        }
        controller.process.terminate(Duration::from_secs(10));
    }
    Ok(())
}

/// How often each policy was evaluated, a value for each window.
fn capacity(setting: &str, policies: f64, samples: &[Sample], part: &mut Part) {
    let each = |of: &dyn Fn(&Window<'_>) -> Option<f64>| -> Vec<f64> {
        between(samples).filter_map(|window| of(&window)).collect()
    };
    let mut add = |what: &str, unit: &str, values: Vec<f64>| part.add("B1", setting, what, unit, values);
    let busy = each(&|window| Some(window.busy_share()? * 100.0));
    add("share of the machine that was busy", "%", busy);
    let gap = "gap between two evaluations (upper bound of its bucket)";
    let gaps = [0.5, 0.99].map(|share| each(&|window| window.gap(share)));
    let has_gaps = gaps.iter().all(|values| !values.is_empty());
    for (name, values) in ["p50", "p99"].into_iter().zip(gaps) {
        if has_gaps {
            add(&format!("{gap}, {name}"), "s", values);
        }
    }
    let period = each(&|window| window.period(policies));
    add("mean period between two evaluations of a policy", "s", period);
    if !has_gaps {
        part.miss("B1: gaps between evaluations: this controller has no concertina_evaluation_gap_seconds; the mean period stands in");
    }
}

/// What the windows of rest came to, a value for each.
fn costs(setting: &str, baseline: &[Sample], samples: &[Sample], part: &mut Part) {
    let each = |of: &dyn Fn(&Window<'_>) -> Option<f64>| -> Vec<f64> {
        between(samples).filter_map(|window| of(&window)).collect()
    };
    let above = |of: fn(&Sample) -> f64| -> Vec<f64> {
        let idle = between(baseline)
            .map(|window| window.rate(of))
            .next()
            .unwrap_or(0.0);
        each(&|window| Some((window.rate(of) - idle) * 1000.0))
    };
    let requests = |classes: &'static [&str]| each(&|window| Some(window.requests(classes)));
    let mut add =
        |bar: &str, what: &str, unit: &str, values: Vec<f64>| part.add(bar, setting, what, unit, values);

    let queries = each(&|window| Some(window.rate(|sample| sample.queries) * 60.0));
    add("B4", "queries, by Prometheus", "/min", queries);
    let cpu = above(|sample| sample.prometheus_cpu);
    add("B4", "Prometheus' CPU above its baseline", "mcores", cpu);
    add(
        "B5",
        "the controller's requests, by the API server",
        "/s",
        requests(&[]),
    );
    add("B5", "of these for the lease", "/s", requests(&["lease"]));
    add("B5", "of these lists and new watches", "/s", requests(&["watch"]));
    add("B5", "of these status", "/s", requests(&["status"]));
    add("B5", "of these events", "/s", requests(&["events"]));
    let received = each(&|window| Some(window.received_bytes()? / window.seconds()));
    add(
        "B5",
        "bytes to the controller from the API server, by its sockets",
        "B/s",
        received,
    );
    let cpu = above(|sample| sample.api_cpu);
    add("B5", "the API server's CPU above its baseline", "mcores", cpu);
    let puts = above(|sample| sample.puts);
    add("B5", "etcd's writes above their baseline", "/1000 s", puts);
    let cpu = each(&|window| Some(window.optional(|sample| sample.cpu)? / window.seconds() * 1000.0));
    add("B6", "the controller's CPU", "mcores", cpu);
}

/// What another policy adds, from all sizes together: it leaves out what the process costs by itself.
pub(crate) fn lines(bed: &Bed, rested: &[Rested], part: &mut Part) {
    if rested.len() < 2 {
        return;
    }
    let sizes: Vec<String> = rested
        .iter()
        .map(|size| format!("{:.0}", size.policies))
        .collect();
    let setting = format!("{} fleets of {} policies", bed.kind().name(), sizes.join(", "));
    let points = |of: fn(&Rested) -> &Vec<f64>| -> Vec<(f64, f64)> {
        rested
            .iter()
            .flat_map(|size| of(size).iter().map(|value| (size.policies, *value)))
            .collect()
    };
    let mut add =
        |bar: &str, what: &str, unit: &str, value: f64| part.add(bar, &setting, what, unit, vec![value]);
    if let Some((slope, intercept)) = line(&points(|size| &size.resident)) {
        add("B7", "slope of resident memory", "KiB/policy", slope / 1024.0);
        add(
            "B7",
            "resident memory of no policy, by that line",
            "MiB",
            intercept / MEBIBYTE,
        );
    }
    if let Some((slope, _)) = line(&points(|size| &size.cpu)) {
        let per_evaluation = slope * f64::from(bed.arguments.fast_period) * 1e6;
        add("B6", "slope of CPU per evaluation", "µs", per_evaluation);
        let series = rested
            .last()
            .and_then(|size| Some(size.series_per_tick? / size.policies));
        if let Some(series) = series {
            add(
                "B6",
                "slope of CPU per decoded series",
                "µs",
                per_evaluation / series,
            );
        }
    }
}
