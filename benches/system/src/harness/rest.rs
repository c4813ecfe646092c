//! The fleet at rest: what the controller costs the API server, Prometheus and the machine while nothing has to change
//! (B1, B4, B5, B6, B7). It asks all servers for their own counts.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::access;
use super::bed::{Bed, PROXY};
use super::controller::{Controller, Setup, evaluations};
use super::process;
use crate::error::BenchError;
use crate::exposition::bucket_difference;
use crate::fixture::Kind;
use crate::proxy::Count;
use crate::report::Part;
use crate::statistics::{histogram_quantile, line};

const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// Port of the API server.
const API_PORT: u16 = 6443;
/// Longest time in which a controller that was just started comes to rest.
const LONGEST_SETTLING: Duration = Duration::from_secs(240);

/// Everything that is counted, at one instant.
struct Sample {
    at: Instant,
    cpu: Option<f64>,
    evaluations: Option<f64>,
    gaps: Vec<(f64, f64)>,
    queries: f64,
    prometheus_cpu: f64,
    api_cpu: f64,
    puts: f64,
    requests: BTreeMap<&'static str, f64>,
    received: Option<HashMap<String, f64>>,
    machine: Option<(f64, f64)>,
}

impl Sample {
    async fn take(bed: &Bed, controller: Option<&Controller>) -> Result<Self, BenchError> {
        let api = bed.api_metrics().await?;
        let prometheus = bed.prometheus_metrics().await?;
        let etcd = bed.metrics_of("http://127.0.0.1:2379").await?;
        let own = match controller {
            // A controller that is too busy to tell is measured all the same.
            Some(controller) => controller.metrics().await.ok(),
            None => None,
        };
        let processor = "process_cpu_seconds_total";
        Ok(Self {
            at: Instant::now(),
            cpu: controller.and_then(|controller| controller.process.cpu_seconds()),
            evaluations: own.as_ref().map(evaluations),
            gaps: own.map_or_else(Vec::new, |own| own.buckets("concertina_evaluation_gap_seconds")),
            queries: ["/api/v1/query", "/api/v1/query_range"]
                .iter()
                .filter_map(|handler| {
                    prometheus.sum("prometheus_http_requests_total", &[("handler", handler)])
                })
                .sum(),
            prometheus_cpu: prometheus.sum(processor, &[]).unwrap_or(0.0),
            api_cpu: api.sum(processor, &[]).unwrap_or(0.0),
            puts: etcd.sum("etcd_mvcc_put_total", &[]).unwrap_or(0.0),
            requests: access::requests(&api),
            received: controller.and_then(|controller| process::received(controller.process.id(), API_PORT)),
            machine: process::machine(),
        })
    }
}

/// What happened between two samples.
struct Window<'s>(&'s Sample, &'s Sample);

impl Window<'_> {
    fn seconds(&self) -> f64 {
        (self.1.at - self.0.at).as_secs_f64()
    }

    fn rate(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        (of(self.1) - of(self.0)) / self.seconds()
    }

    fn optional(&self, of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        Some(of(self.1)? - of(self.0)?)
    }

    fn requests(&self, classes: &[&str]) -> f64 {
        let count = |sample: &Sample| -> f64 {
            sample
                .requests
                .iter()
                .filter(|(class, _)| classes.is_empty() || classes.contains(class))
                .map(|(_, count)| count)
                .sum()
        };
        self.rate(count)
    }

    fn received_bytes(&self) -> Option<f64> {
        let (before, after) = (self.0.received.as_ref()?, self.1.received.as_ref()?);
        Some(
            after
                .iter()
                .map(|(connection, bytes)| bytes - before.get(connection).unwrap_or(&0.0))
                .sum(),
        )
    }

    fn busy_share(&self) -> Option<f64> {
        let (busy_before, all_before) = self.0.machine?;
        let (busy, all) = self.1.machine?;
        Some((busy - busy_before) / (all - all_before).max(0.01))
    }

    fn gap(&self, share: f64) -> Option<f64> {
        histogram_quantile(&bucket_difference(&self.0.gaps, &self.1.gaps), share)
    }
}

/// Samples at the edges of windows of equal length.
async fn windows(
    bed: &Bed,
    controller: Option<&Controller>,
    count: usize,
    seconds: u64,
) -> Result<Vec<Sample>, BenchError> {
    let mut samples = vec![Sample::take(bed, controller).await?];
    let began = Instant::now();
    for number in 1..=count {
        let edge = Duration::from_secs(seconds) * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep(edge.saturating_sub(began.elapsed())).await;
        samples.push(Sample::take(bed, controller).await?);
    }
    Ok(samples)
}

fn between(samples: &[Sample]) -> impl Iterator<Item = Window<'_>> {
    samples
        .iter()
        .zip(samples.iter().skip(1))
        .map(|(before, after)| Window(before, after))
}

/// Waits until hardly anything is written any more; tells how many writes there were in the last five seconds.
pub(crate) async fn settle(bed: &Bed) -> Result<(Duration, f64), BenchError> {
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
        if quiet >= 4 || began.elapsed() > LONGEST_SETTLING {
            return Ok((began.elapsed(), written));
        }
        before = after;
    }
}

/// What a size of the fleet adds to the lines over all sizes.
pub(crate) struct Rested {
    policies: f64,
    resident: Vec<f64>,
    /// Seconds of processor time per second, at the fast period.
    cpu: Vec<f64>,
    series_per_tick: Option<f64>,
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
        rested.series_per_tick = series_per_tick(bed, policies, &setup, part).await?;
        processor(bed, policies, &setup, part, &mut rested).await?;
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
    let baseline = windows(bed, None, 1, arguments.window_seconds.min(60)).await?;
    let mut controller = Controller::start(bed, setup)?;
    controller.ready(Duration::from_secs(120)).await?;
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
    let samples = windows(
        bed,
        Some(&controller),
        arguments.repetitions,
        arguments.window_seconds,
    )
    .await?;
    let each = |of: &dyn Fn(&Window<'_>) -> Option<f64>| -> Vec<f64> {
        between(&samples).filter_map(|window| of(&window)).collect()
    };
    let above = |of: fn(&Sample) -> f64| -> Vec<f64> {
        let idle = between(&baseline)
            .map(|window| window.rate(of))
            .next()
            .unwrap_or(0.0);
        between(&samples)
            .map(|window| (window.rate(of) - idle) * 1000.0)
            .collect()
    };
    let machine = each(&|window| Some(window.busy_share()? * 100.0));
    part.add("B1", &setting, "share of the machine that was busy", "%", machine);
    let (median_gap, long_gap) = (each(&|window| window.gap(0.5)), each(&|window| window.gap(0.99)));
    if long_gap.is_empty() {
        part.miss(
            "B1: gaps between evaluations: this controller has no concertina_evaluation_gap_seconds; the mean period stands in",
        );
    } else {
        part.add(
            "B1",
            &setting,
            "gap between two evaluations, p50 (upper bound of its bucket)",
            "s",
            median_gap,
        );
        part.add(
            "B1",
            &setting,
            "gap between two evaluations, p99 (upper bound of its bucket)",
            "s",
            long_gap,
        );
    }
    let period = each(&|window| {
        Some(rested.policies * window.seconds() / window.optional(|sample| sample.evaluations)?.max(1.0))
    });
    part.add(
        "B1",
        &setting,
        "mean period between two evaluations of a policy",
        "s",
        period,
    );
    part.add(
        "B4",
        &setting,
        "queries, by Prometheus",
        "/min",
        each(&|window| Some(window.rate(|sample| sample.queries) * 60.0)),
    );
    part.add(
        "B4",
        &setting,
        "Prometheus' CPU above its baseline",
        "mcores",
        above(|sample| sample.prometheus_cpu),
    );
    part.add(
        "B5",
        &setting,
        "the controller's requests, by the API server",
        "/s",
        each(&|window| Some(window.requests(&[]))),
    );
    for (class, what) in [
        ("lease", "of these for the lease"),
        ("watch", "of these lists and new watches"),
        ("status", "of these status"),
        ("events", "of these events"),
    ] {
        part.add(
            "B5",
            &setting,
            what,
            "/s",
            each(&|window| Some(window.requests(&[class]))),
        );
    }
    part.add(
        "B5",
        &setting,
        "bytes to the controller from the API server, by its sockets",
        "B/s",
        each(&|window| Some(window.received_bytes()? / window.seconds())),
    );
    part.add(
        "B5",
        &setting,
        "API server's CPU above its baseline",
        "mcores",
        above(|sample| sample.api_cpu),
    );
    part.add(
        "B5",
        &setting,
        "etcd's writes above their baseline",
        "/1000 s",
        above(|sample| sample.puts),
    );
    part.add(
        "B6",
        &setting,
        "the controller's CPU",
        "mcores",
        each(&|window| Some(window.optional(|sample| sample.cpu)? / window.seconds() * 1000.0)),
    );
    if bed.arguments.wants("b1") && bed.kind() == Kind::Workload {
        super::reaction::probes(bed, policies, part, &setting).await?;
    }
    if bed.arguments.wants("b7") {
        memory(bed, &setting, &controller, part, rested).await?;
    }
    controller.process.terminate(Duration::from_secs(10));
    Ok(())
}

async fn memory(
    bed: &Bed,
    setting: &str,
    controller: &Controller,
    part: &mut Part,
    rested: &mut Rested,
) -> Result<(), BenchError> {
    let Some(rest) = controller.memory() else {
        part.miss(format!(
            "B7 ({setting}): /proc does not tell the controller's memory"
        ));
        return Ok(());
    };
    rested.resident.push(rest.resident);
    part.add(
        "B7",
        setting,
        "resident at rest",
        "MiB",
        vec![rest.resident / MEBIBYTE],
    );
    part.add(
        "B7",
        setting,
        "greatest since start",
        "MiB",
        vec![rest.peak / MEBIBYTE],
    );
    part.add(
        "B7",
        setting,
        "proportional share at rest",
        "MiB",
        rest.proportional.iter().map(|bytes| bytes / MEBIBYTE).collect(),
    );
    part.add(
        "B7",
        setting,
        "resident per policy, all in",
        "KiB",
        vec![rest.resident / 1024.0 / rested.policies],
    );
    relist(bed, setting, controller, rest.resident, part).await
}

/// An API server that is killed and starts anew remembers no history: every watch ends, is told 410, and lists again.
async fn relist(
    bed: &Bed,
    setting: &str,
    controller: &Controller,
    rest: f64,
    part: &mut Part,
) -> Result<(), BenchError> {
    let Some(server) = process::neighbours().get("apiserver").copied() else {
        part.miss(format!(
            "B7 ({setting}): relist: there is no API server's process beside this one"
        ));
        return Ok(());
    };
    if !process::reset_peak(controller.process.id()) {
        part.miss(format!(
            "B7 ({setting}): relist: the peak of memory cannot be reset"
        ));
        return Ok(());
    }
    process::signal(server, "KILL");
    let began = Instant::now();
    let end = began + Duration::from_secs(120);
    let (mut lists, mut quiet) = (0.0, 0);
    // Listed again, and nothing more to list for five seconds.
    while Instant::now() < end && quiet < 5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Ok(metrics) = bed.api_metrics().await else {
            continue;
        };
        let now = metrics
            .sum(
                "apiserver_request_total",
                &[("verb", "LIST"), ("resource", "scalingpolicies")],
            )
            .unwrap_or(0.0)
            + access::requests(&metrics).get("watch").copied().unwrap_or(0.0);
        quiet = if now > 0.0 && now <= lists { quiet + 1 } else { 0 };
        lists = now;
    }
    if quiet < 5 {
        part.miss(format!(
            "B7 ({setting}): relist: the controller did not list again within 120 s"
        ));
        return Ok(());
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let Some(after) = controller.memory() else {
        return Ok(());
    };
    println!(
        "  [{setting}] listed again within {:.0} s",
        began.elapsed().as_secs_f64()
    );
    part.add(
        "B7",
        setting,
        "peak at relist",
        "MiB",
        vec![after.peak / MEBIBYTE],
    );
    part.add(
        "B7",
        setting,
        "peak at relist by rest",
        "×",
        vec![after.peak / rest],
    );
    part.add(
        "B7",
        setting,
        "resident after relist",
        "MiB",
        vec![after.resident / MEBIBYTE],
    );
    Ok(())
}

/// How many elements of answers one evaluation of the whole fleet decodes, counted before Prometheus.
async fn series_per_tick(
    bed: &Bed,
    policies: usize,
    setup: &Setup,
    part: &mut Part,
) -> Result<Option<f64>, BenchError> {
    let _proxy = bed.proxy()?;
    let setup = Setup {
        prometheus: PROXY.into(),
        period_seconds: 1,
        ..setup.clone()
    };
    let mut controller = Controller::start(bed, &setup)?;
    controller.ready(Duration::from_secs(120)).await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    bed.http
        .post(format!("{PROXY}/-/trouble"))
        .send()
        .await?
        .error_for_status()?;
    let before = controller.evaluations().await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let evaluations = controller.evaluations().await? - before;
    let text = bed
        .http
        .get(format!("{PROXY}/-/count"))
        .send()
        .await?
        .text()
        .await?;
    let count: Count = serde_json::from_str(&text)?;
    #[allow(clippy::cast_precision_loss)]
    let (series, bytes, fleet) = (count.series as f64, count.answer_bytes as f64, policies as f64);
    let ticks = evaluations / fleet;
    if ticks < 1.0 || series < 1.0 {
        part.miss(format!(
            "B6 ({policies} policies): decoded series: {evaluations} evaluations and {series} series in 20 s"
        ));
        return Ok(None);
    }
    let setting = format!("{policies} policies, period 1 s");
    part.add(
        "B6",
        &setting,
        "series decoded per evaluation",
        "series",
        vec![series / ticks / fleet],
    );
    part.add(
        "B6",
        &setting,
        "bytes of a series in an answer",
        "B",
        vec![bytes / series],
    );
    Ok(Some(series / ticks))
}

/// Processor time at the fast period, for a line over the sizes.
async fn processor(
    bed: &Bed,
    policies: usize,
    setup: &Setup,
    part: &mut Part,
    rested: &mut Rested,
) -> Result<(), BenchError> {
    let setup = Setup {
        period_seconds: bed.arguments.fast_period,
        ..setup.clone()
    };
    let setting = format!("{policies} policies, period {} s", setup.period_seconds);
    let mut controller = Controller::start(bed, &setup)?;
    controller.ready(Duration::from_secs(120)).await?;
    settle(bed).await?;
    let samples = windows(bed, Some(&controller), bed.arguments.repetitions, 15).await?;
    let mut per_evaluation = Vec::new();
    for window in between(&samples) {
        let (Some(cpu), Some(evaluations)) = (
            window.optional(|sample| sample.cpu),
            window.optional(|sample| sample.evaluations),
        ) else {
            continue;
        };
        rested.cpu.push(cpu / window.seconds());
        per_evaluation.push(cpu / evaluations.max(1.0) * 1e6);
    }
    part.add(
        "B6",
        &setting,
        "CPU per evaluation, all in",
        "µs",
        per_evaluation.clone(),
    );
    if let Some(series) = rested.series_per_tick {
        let per_series = rested.policies / series;
        part.add(
            "B6",
            &setting,
            "CPU per decoded series, all in",
            "µs",
            per_evaluation.iter().map(|cpu| cpu * per_series).collect(),
        );
    }
    let period = between(&samples)
        .filter_map(|window| {
            Some(rested.policies * window.seconds() / window.optional(|sample| sample.evaluations)?.max(1.0))
        })
        .collect();
    part.add(
        "B6",
        &setting,
        "mean period between two evaluations of a policy",
        "s",
        period,
    );
    let machine = between(&samples)
        .filter_map(|window| Some(window.busy_share()? * 100.0))
        .collect();
    part.add("B6", &setting, "share of the machine that was busy", "%", machine);
    Ok(())
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
    if let Some((slope, intercept)) = line(&points(|size| &size.resident)) {
        part.add(
            "B7",
            &setting,
            "slope of resident memory",
            "KiB/policy",
            vec![slope / 1024.0],
        );
        part.add(
            "B7",
            &setting,
            "resident memory of no policy, by that line",
            "MiB",
            vec![intercept / MEBIBYTE],
        );
    }
    if let Some((slope, _)) = line(&points(|size| &size.cpu)) {
        let period = f64::from(bed.arguments.fast_period);
        part.add(
            "B6",
            &setting,
            "slope of CPU per evaluation",
            "µs",
            vec![slope * period * 1e6],
        );
        let per_policy = rested
            .last()
            .and_then(|size| Some(size.series_per_tick? / size.policies));
        if let Some(per_policy) = per_policy {
            part.add(
                "B6",
                &setting,
                "slope of CPU per decoded series",
                "µs",
                vec![slope * period * 1e6 / per_policy],
            );
        }
    }
}
