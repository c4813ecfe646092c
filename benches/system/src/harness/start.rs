//! From a cold start, and from a killed leader, to full coverage (B8). It starts controllers, and calls the exporter,
//! Prometheus and the API server.

use std::time::{Duration, Instant};

use serde::Deserialize;

use super::access;
use super::bed::Bed;
use super::controller::{Controller, Setup};
use super::observer::What;
use super::prober::Prober;
use super::reaction::{is_expected, seconds_between};
use super::rest::settle;
use crate::client;
use crate::error::BenchError;
use crate::fixture::{self, REPLICAS};
use crate::report::Part;

const PATIENCE: Duration = Duration::from_secs(180);
/// Workloads whose load changes when the leader is killed.
const ORPHANS: usize = 20;

#[derive(Deserialize)]
struct Leases {
    items: Vec<Lease>,
}

#[derive(Deserialize)]
struct Lease {
    spec: LeaseSpec,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct LeaseSpec {
    holder_identity: Option<String>,
    lease_duration_seconds: Option<u64>,
}

fn setup(bed: &Bed, port: u16) -> Setup {
    Setup {
        prometheus: bed.prometheus.clone(),
        period_seconds: bed.arguments.fast_period,
        scrape_milliseconds: bed.arguments.fast_scrape,
        port,
    }
}

/// Starts the controller on a fleet of which every policy is off its target.
pub(crate) async fn cold(bed: &Bed, policies: usize, part: &mut Part) -> Result<(), BenchError> {
    let setup = setup(bed, 8080);
    let setting = format!(
        "{policies} policies off target, period {} s",
        setup.period_seconds
    );
    bed.scrape(setup.scrape_milliseconds, policies).await?;
    let mut seconds: [Vec<f64>; 4] = Default::default();
    // Up and down in turn; an even number leaves everything as it was.
    for number in 0..(2 * bed.arguments.repetitions.min(4).div_ceil(2)) {
        let doubled = number % 2 == 0;
        bed.step("all", if doubled { 2.0 } else { 1.0 }).await?;
        let prober = Prober::start(bed.http.clone(), bed.prometheus.clone());
        if prober
            .visible(0, doubled, Duration::from_secs(60))
            .await
            .is_none()
        {
            part.miss(format!("B8 ({setting}): the step never became visible"));
            return Ok(());
        }
        drop(prober);
        // Rates and ages are those of a fleet that has been so for a while.
        tokio::time::sleep(Duration::from_secs(3)).await;
        let observer = bed.observe(What::Deployments).await?;
        let mut controller = Controller::start(bed, &setup)?;
        let began = controller.started;
        let ready = controller.ready(Duration::from_secs(120)).await?;
        let decided = decided(&controller, policies).await;
        let patched = observer
            .changes_of_all(policies, began, PATIENCE, is_expected(doubled))
            .await;
        if patched.len() < policies {
            part.miss(format!(
                "B8 ({setting}): {} were patched within 180 s",
                patched.len()
            ));
        }
        observer.tell_missed(&format!("B8 ({setting})"), part);
        let times = [
            Some(ready),
            decided,
            patched.first().copied(),
            patched.last().copied(),
        ];
        for (list, time) in seconds.iter_mut().zip(times) {
            list.extend(time.map(|time| seconds_between(began, time)));
        }
        settle(bed).await?;
        controller.process.terminate(Duration::from_secs(10));
    }
    let names = [
        "start to ready",
        "start to all decided",
        "start to first patch",
        "start to last patch",
    ];
    for (what, values) in names.into_iter().zip(seconds) {
        part.add("B8", &setting, what, "s", values);
    }
    Ok(())
}

/// When as many evaluations as policies were counted, to 100 ms.
async fn decided(controller: &Controller, policies: usize) -> Option<Instant> {
    let end = Instant::now() + PATIENCE;
    #[allow(clippy::cast_precision_loss)]
    let all = policies as f64;
    while Instant::now() < end {
        if controller
            .evaluations()
            .await
            .is_ok_and(|evaluations| evaluations >= all)
        {
            return Some(Instant::now());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

async fn lease(bed: &Bed) -> Result<Option<LeaseSpec>, BenchError> {
    let path = format!(
        "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
        access::NAMESPACE
    );
    let leases: Leases = client::get(&bed.api, &path).await?;
    Ok(leases.items.into_iter().map(|lease| lease.spec).find(|lease| {
        lease
            .holder_identity
            .as_ref()
            .is_some_and(|holder| !holder.is_empty())
    }))
}

/// Kills the leader in the moment in which loads change, with a standby running.
pub(crate) async fn fail_over(bed: &Bed, policies: usize, part: &mut Part) -> Result<(), BenchError> {
    let setting = format!("{policies} policies, killed leader");
    bed.scrape(bed.arguments.fast_scrape, policies).await?;
    let mut leader = Controller::start(bed, &setup(bed, 8080))?;
    leader.ready(Duration::from_secs(120)).await?;
    let end = Instant::now() + Duration::from_secs(30);
    let mut held = lease(bed).await?;
    while held.is_none() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
        held = lease(bed).await?;
    }
    let Some(held) = held else {
        part.miss("B8: fail-over: this controller holds no lease, so a second one is no standby");
        leader.process.terminate(Duration::from_secs(10));
        return Ok(());
    };
    let mut standby = Controller::start(bed, &setup(bed, 8082))?;
    // A standby may say that it is not ready; its watches are warm after a while all the same.
    let _ = standby.ready(Duration::from_secs(20)).await;
    settle(bed).await?;
    let observer = bed.observe(What::Deployments).await?;
    let count = ORPHANS.min(policies);
    let names: Vec<String> = (0..count).map(fixture::workload).collect();
    bed.step(&names.join(","), 2.0).await?;
    let killed = Instant::now();
    leader.process.kill();
    let patched = observer
        .changes_of_all(count, killed, PATIENCE, is_expected(true))
        .await;
    // Wrong writes may come later too.
    tokio::time::sleep(Duration::from_secs(15)).await;
    let changes = observer.since(killed);
    let wrong = changes
        .iter()
        .filter(|change| {
            let expected = if change.workload < count {
                2 * REPLICAS
            } else {
                REPLICAS
            };
            change.value != expected
        })
        .count();
    observer.tell_missed(&format!("B8 ({setting})"), part);
    if patched.len() < count {
        part.miss(format!(
            "B8 ({setting}): {} of {count} were patched within 180 s",
            patched.len()
        ));
    }
    let seconds = |time: Option<&Instant>| -> Vec<f64> {
        time.map(|time| seconds_between(killed, *time))
            .into_iter()
            .collect()
    };
    let duration = held.lease_duration_seconds.unwrap_or(0);
    let setting = format!("{setting}, lease of {duration} s");
    part.add(
        "B8",
        &setting,
        "kill to first patch",
        "s",
        seconds(patched.first()),
    );
    part.add("B8", &setting, "kill to last patch", "s", seconds(patched.last()));
    #[allow(clippy::cast_precision_loss)]
    part.add("B8", &setting, "wrong writes", "", vec![wrong as f64]);
    bed.step("all", 1.0).await?;
    observer
        .changes_of_all(count, Instant::now(), Duration::from_secs(60), is_expected(false))
        .await;
    settle(bed).await?;
    standby.process.terminate(Duration::from_secs(10));
    Ok(())
}
