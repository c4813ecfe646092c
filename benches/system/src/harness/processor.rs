//! Processor time of an evaluation and of a decoded series, at a period that is short enough to see it (B6). It starts
//! controllers, and the proxy that counts series.

use std::time::Duration;

use super::bed::{Bed, PROXY};
use super::controller::{Controller, Setup};
use super::rest::{Rested, settle};
use super::sample::{between, windows};
use crate::error::BenchError;
use crate::report::Part;

/// Long enough for a cgroup's clock.
const WINDOW_SECONDS: u64 = 15;

/// How many elements of answers one evaluation of the whole fleet decodes, counted before Prometheus.
pub(super) async fn series_per_tick(
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
    bed.trouble("").await?;
    let before = controller.evaluations().await?;
    tokio::time::sleep(Duration::from_secs(20)).await;
    let evaluations = controller.evaluations().await? - before;
    let count = bed.proxy_count().await?;
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
pub(super) async fn measure(
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
    let count = bed.arguments.repetitions.saturating_add(1);
    let mut samples = windows(
        bed,
        Some(&controller),
        setup.period_seconds,
        count,
        WINDOW_SECONDS,
    )
    .await?;
    // In the first the controller may still be learning what was before it started.
    samples.remove(0);
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
        .filter_map(|window| window.period(rested.policies))
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
