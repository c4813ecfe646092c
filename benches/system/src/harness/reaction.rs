//! How soon a new load is acted on (B2, and the probes of B1): from the sample being visible in Prometheus to the new count
//! on a watch, both seen by others than the controller. It calls the exporter, Prometheus and the API server.

use std::time::{Duration, Instant};

use super::bed::Bed;
use super::controller::Controller;
use super::observer::{Observer, What};
use super::prober::Prober;
use super::rest::settle;
use crate::error::BenchError;
use crate::fixture::{self, REPLICAS};
use crate::report::Part;
use crate::statistics::{greatest, percentile, uniform};

/// Policies of B1 whose load steps.
const PROBES: usize = 100;
/// How many workloads step side by side in B2.
const LANES: usize = 4;

/// What came of the steps.
#[derive(Default)]
struct Steps {
    /// Seconds from the sample being visible to the new count.
    seconds: Vec<f64>,
    never_visible: usize,
    never_changed: usize,
}

/// Is this the count for the load of a step?
pub(crate) fn is_expected(doubled: bool) -> impl Fn(i64) -> bool + Copy {
    move |replicas| replicas == if doubled { 2 * REPLICAS } else { REPLICAS }
}

/// Steps the load of one workload after another, up and down, each after a pause of random length.
async fn lane(
    bed: &Bed,
    observer: &Observer,
    prober: &Prober,
    workload: usize,
    steps: usize,
    longest_pause: Duration,
    patience: Duration,
) -> Result<Steps, BenchError> {
    let mut outcome = Steps::default();
    let name = fixture::workload(workload);
    for step in 0..steps {
        tokio::time::sleep(longest_pause.mul_f64(uniform(2, workload as u64, step as u64))).await;
        let doubled = step % 2 == 0;
        let began = Instant::now();
        bed.step(&name, if doubled { 2.0 } else { 1.0 }).await?;
        let Some(visible) = prober.visible(workload, doubled, patience).await else {
            outcome.never_visible += 1;
            continue;
        };
        match observer
            .change_of(workload, began, patience, is_expected(doubled))
            .await
        {
            // The controller may see a sample a moment before the prober does.
            Some(changed) => outcome.seconds.push(seconds_between(visible, changed)),
            None => outcome.never_changed += 1,
        }
    }
    // Steady again, whatever was measured.
    bed.step(&name, 1.0).await?;
    Ok(outcome)
}

/// Seconds from one instant to another, which may be earlier.
pub(crate) fn seconds_between(from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(later) => later.as_secs_f64(),
        None => -(from - to).as_secs_f64(),
    }
}

async fn lanes(
    bed: &Bed,
    workloads: Vec<usize>,
    steps: usize,
    longest_pause: Duration,
    patience: Duration,
) -> Result<(Steps, usize), BenchError> {
    let observer = bed.observe(What::Deployments).await?;
    let prober = Prober::start(bed.http.clone(), bed.prometheus.clone());
    let all = workloads
        .into_iter()
        .map(|workload| lane(bed, &observer, &prober, workload, steps, longest_pause, patience));
    let mut together = Steps::default();
    for outcome in futures::future::try_join_all(all).await? {
        together.seconds.extend(outcome.seconds);
        together.never_visible += outcome.never_visible;
        together.never_changed += outcome.never_changed;
    }
    Ok((together, observer.interruptions()))
}

/// B1: a hundred policies, spread over the fleet, whose patch has to appear within the period.
pub(crate) async fn probes(
    bed: &Bed,
    policies: usize,
    part: &mut Part,
    (setting, period_seconds): (&str, u32),
) -> Result<(), BenchError> {
    let period = Duration::from_secs(period_seconds.into());
    let count = PROBES.min(policies);
    let workloads: Vec<usize> = (0..count).map(|probe| probe * policies / count).collect();
    let patience = period * 4 + Duration::from_secs(30);
    let longest_pause = (period * 3).max(Duration::from_secs(bed.arguments.scrape.into()));
    let (steps, interruptions) = lanes(bed, workloads, 1, longest_pause, patience).await?;
    report(
        part,
        "B1",
        setting,
        "probe: sample visible to patch visible",
        &steps,
        interruptions,
    );
    let late = steps
        .seconds
        .iter()
        .filter(|seconds| **seconds > period.as_secs_f64())
        .count();
    #[allow(clippy::cast_precision_loss)]
    let late = (late + steps.never_changed) as f64;
    part.add(
        "B1",
        setting,
        "probes later than the period",
        "probes",
        vec![late],
    );
    Ok(())
}

/// B2: single steps at random phases, at the fast period.
pub(crate) async fn measure(bed: &Bed, policies: usize, part: &mut Part) -> Result<(), BenchError> {
    let (mut controller, setting) = Controller::fast(bed, policies).await?;
    settle(bed).await?;
    let count = LANES.min(policies);
    let workloads = (0..count)
        .map(|lane| (2 * lane + 1) * policies / (2 * count))
        .collect();
    let steps = (bed.arguments.steps / count).max(1);
    let pause = Duration::from_secs((2 * bed.arguments.fast_period).into());
    let (steps, interruptions) = lanes(bed, workloads, steps, pause, Duration::from_secs(20)).await?;
    report(
        part,
        "B2",
        &setting,
        "sample visible to patch visible",
        &steps,
        interruptions,
    );
    controller.process.terminate(Duration::from_secs(10));
    Ok(())
}

fn report(part: &mut Part, bar: &str, setting: &str, what: &str, steps: &Steps, interruptions: usize) {
    let setting = format!("{setting}, {} steps", steps.seconds.len());
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let value = percentile(&steps.seconds, share).into_iter().collect();
        part.add(bar, &setting, &format!("{what}, {name}"), "s", value);
    }
    part.add(
        bar,
        &setting,
        &format!("{what}, longest"),
        "s",
        greatest(&steps.seconds).into_iter().collect(),
    );
    for (count, what) in [
        (steps.never_visible, "steps never became visible in Prometheus"),
        (steps.never_changed, "steps were never acted on"),
        (interruptions, "times the observer missed what happened"),
    ] {
        if count > 0 {
            part.miss(format!("{bar} ({setting}): {count} {what}"));
        }
    }
}
