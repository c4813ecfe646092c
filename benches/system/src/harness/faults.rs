//! A Prometheus that is slow, fails and falls silent (B9): the period that remains, wrong changes, and how soon all is well
//! again. It starts the proxy, and calls it, the exporter and the API server.

use std::time::{Duration, Instant};

use super::bed::{Bed, PROXY, between_ticks};
use super::controller::{Controller, Setup};
use super::observer::{Observer, What};
use super::reaction::{is_expected, seconds_between};
use super::rest::settle;
use crate::error::BenchError;
use crate::fixture;
use crate::proxy::Count;
use crate::report::Part;

/// Time after a trouble begins that is not measured, so that what was under way before ends. Silence is measured at once.
const LEAD: Duration = Duration::from_secs(10);
/// A multiple of every period.
const LENGTH: Duration = Duration::from_secs(60);

/// What happened in one phase.
struct Phase {
    period_share: f64,
    changes: usize,
    count: Count,
}

/// Measures all troubles one after the other.
pub(crate) async fn measure(bed: &Bed, policies: usize, part: &mut Part) -> Result<(), BenchError> {
    let _proxy = bed.proxy()?;
    let setup = Setup {
        prometheus: PROXY.into(),
        period_seconds: bed.arguments.fault_period,
        scrape_milliseconds: bed.arguments.fast_scrape,
        port: 8080,
    };
    bed.scrape(setup.scrape_milliseconds, policies).await?;
    let mut controller = Controller::start(bed, &setup)?;
    controller.ready(Duration::from_secs(120)).await?;
    settle(bed).await?;
    let observer = bed.observe(What::Deployments).await?;
    let period = f64::from(setup.period_seconds);
    let phases = [
        ("no trouble", ""),
        ("answers 2 s late", "?latency_ms=2000"),
        ("30 % of answers are 503", "?error_share=0.3"),
        ("silence for 60 s", "?black_hole=true"),
    ];
    let mut silence_ended = None;
    for (name, trouble) in phases {
        let setting = format!("{policies} policies, period {period:.0} s, {name}");
        let is_silence = trouble.contains("black_hole");
        if !is_silence {
            bed.trouble(trouble).await?;
            tokio::time::sleep(LEAD).await;
        }
        between_ticks(setup.period_seconds).await;
        if is_silence {
            bed.trouble(trouble).await?;
        }
        let phase = phase(bed, &controller, &observer, policies, period).await?;
        part.add(
            "B9",
            &setting,
            "effective period by nominal",
            "×",
            vec![phase.period_share],
        );
        #[allow(clippy::cast_precision_loss)]
        let (changes, most) = (phase.changes as f64, phase.count.most_in_flight as f64);
        part.add("B9", &setting, "wrong changes of a count", "", vec![changes]);
        part.add("B9", &setting, "most requests at a time", "", vec![most]);
        if is_silence {
            // A load that changed while nobody could see it shows when all is well again.
            let began = Instant::now();
            bed.step(&fixture::workload(0), 2.0).await?;
            tokio::time::sleep(Duration::from_millis((2 * bed.arguments.fast_scrape).into())).await;
            bed.trouble("").await?;
            let ended = Instant::now();
            let changed = observer
                .change_of(0, began, Duration::from_secs(60), is_expected(true))
                .await;
            silence_ended = changed.map(|changed| seconds_between(ended, changed));
            part.add(
                "B9",
                &setting,
                "end of silence to a patch for what changed in it",
                "s",
                silence_ended.into_iter().collect(),
            );
        }
        bed.trouble("").await?;
        tokio::time::sleep(LEAD).await;
    }
    if silence_ended.is_none() {
        part.miss("B9: after the silence nothing was patched within 60 s");
    }
    bed.step("all", 1.0).await?;
    settle(bed).await?;
    if observer.interruptions() > 0 {
        part.miss("B9: the observer's watch was cut off, so changes may have been missed");
    }
    controller.process.terminate(Duration::from_secs(10));
    Ok(())
}

async fn phase(
    bed: &Bed,
    controller: &Controller,
    observer: &Observer,
    policies: usize,
    period: f64,
) -> Result<Phase, BenchError> {
    let before = controller.evaluations().await?;
    let began = Instant::now();
    tokio::time::sleep(LENGTH).await;
    let evaluations = controller.evaluations().await? - before;
    #[allow(clippy::cast_precision_loss)]
    let actual = policies as f64 * LENGTH.as_secs_f64() / evaluations.max(1.0);
    Ok(Phase {
        period_share: actual / period,
        // The load is steady, so every change is wrong.
        changes: observer.since(began).len(),
        count: bed.proxy_count().await?,
    })
}
