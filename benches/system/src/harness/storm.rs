//! All policies must move at once (B3), and how fast the same API server takes the same patches from a bare generator. It
//! calls the exporter, Prometheus and the API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::Method;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::access;
use super::bed::Bed;
use super::controller::Controller;
use super::observer::What;
use super::prober::Prober;
use super::reaction::{is_expected, seconds_between};
use super::rest::settle;
use crate::client;
use crate::error::BenchError;
use crate::fill::in_parallel;
use crate::fixture::{self, REPLICAS};
use crate::report::Part;
use crate::statistics::{greatest, median};

/// Connections of the bare generator.
const CONNECTIONS: [usize; 5] = [1, 8, 16, 32, 64];
/// Those with which somebody watches.
const WATCHED_CONNECTIONS: usize = 32;
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Targets {
    items: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    metadata: TargetMetadata,
    spec: TargetSpec,
}

#[derive(Deserialize)]
struct TargetMetadata {
    name: String,
    uid: String,
}

#[derive(Deserialize)]
struct TargetSpec {
    replicas: i64,
}

/// Measures storms and the ceiling, and ends with all counts as they were.
pub(crate) async fn measure(bed: &Bed, policies: usize, part: &mut Part) -> Result<(), BenchError> {
    let (mut controller, setting) = Controller::fast(bed, policies).await?;
    let mut storms = Vec::new();
    // An even number of storms, up and down in turn, leaves everything as it was.
    for number in 0..(2 * bed.arguments.repetitions.div_ceil(2)) {
        settle(bed).await?;
        let doubled = number % 2 == 0;
        match storm(bed, policies, doubled, &setting, part).await? {
            Some(storm) => storms.push(storm),
            None => break,
        }
    }
    bed.step("all", 1.0).await?;
    settle(bed).await?;
    controller.process.terminate(Duration::from_secs(10));
    drop(controller);

    let each = |of: fn(&Storm) -> f64| -> Vec<f64> { storms.iter().map(of).collect() };
    for (what, values) in [
        ("sample visible to first patch", each(|storm| storm.first)),
        ("sample visible to half of the patches", each(|storm| storm.half)),
        ("sample visible to last patch", each(|storm| storm.last)),
    ] {
        part.add("B3", &setting, what, "s", values);
    }
    let statuses: Vec<f64> = storms.iter().filter_map(|storm| storm.status).collect();
    part.add("B3", &setting, "sample visible to last status", "s", statuses);
    part.add(
        "B3",
        &setting,
        "sample visible to last event",
        "s",
        storms.iter().filter_map(|storm| storm.event).collect(),
    );
    part.add("B3", &setting, "events", "", each(|storm| storm.events));
    #[allow(clippy::cast_precision_loss)]
    let fleet = policies as f64;
    let per_change = storms.iter().map(|storm| storm.scale_requests / fleet).collect();
    part.add(
        "B3",
        &setting,
        "requests to /scale per change, by the API server",
        "",
        per_change,
    );

    let ceiling = ceiling(bed, policies, part).await?;
    if let Some(ceiling) = ceiling {
        let share = |of: fn(&Storm) -> f64| -> Vec<f64> {
            storms
                .iter()
                .map(|storm| 100.0 * fleet / of(storm).max(0.001) / ceiling)
                .collect()
        };
        part.add(
            "B3",
            &setting,
            "patches per second from first to last, by the ceiling",
            "%",
            share(|storm| storm.last - storm.first),
        );
        part.add(
            "B3",
            &setting,
            "patches per second from the sample on, by the ceiling",
            "%",
            share(|storm| storm.last),
        );
    }
    Ok(())
}

/// Seconds from the sample being visible.
struct Storm {
    first: f64,
    half: f64,
    last: f64,
    status: Option<f64>,
    event: Option<f64>,
    events: f64,
    scale_requests: f64,
}

async fn storm(
    bed: &Bed,
    policies: usize,
    doubled: bool,
    setting: &str,
    part: &mut Part,
) -> Result<Option<Storm>, BenchError> {
    let deployments = bed.observe(What::Deployments).await?;
    let statuses = bed.observe(What::Policies).await?;
    let events = bed.observe(What::Events).await?;
    let prober = Prober::start(bed.http.clone(), bed.prometheus.clone());
    let requests = async || -> Result<f64, BenchError> {
        let counts = access::requests(&bed.api_metrics().await?);
        Ok(counts.get("scale").copied().unwrap_or(0.0))
    };
    let before = requests().await?;
    let began = Instant::now();
    bed.step("all", if doubled { 2.0 } else { 1.0 }).await?;
    let visible = prober.visible(0, doubled, Duration::from_secs(60)).await;
    drop(prober);
    let Some(visible) = visible else {
        part.miss(format!(
            "B3 ({setting}): the step never became visible in Prometheus"
        ));
        return Ok(None);
    };
    let is = is_expected(doubled);
    let patched = deployments.changes_of_all(policies, began, PATIENCE, is).await;
    let (Some(first), Some(half), Some(last)) =
        (patched.first(), patched.get(patched.len() / 2), patched.last())
    else {
        part.miss(format!("B3 ({setting}): nothing was patched within 120 s"));
        return Ok(None);
    };
    if patched.len() < policies {
        part.miss(format!(
            "B3 ({setting}): {} of {policies} were patched within 120 s",
            patched.len()
        ));
    }
    let scale_requests = requests().await? - before;
    let told = statuses.changes_of_all(policies, began, PATIENCE, is).await;
    if told.len() < policies {
        part.miss(format!(
            "B3 ({setting}): {} of {policies} had their status within 120 s",
            told.len()
        ));
    }
    // Events go on for as long as any came within five seconds.
    let mut count = 0;
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let now = events.since(began).len();
        if now == count || began.elapsed() > PATIENCE * 2 {
            break;
        }
        count = now;
    }
    let happened = events.since(began);
    #[allow(clippy::cast_precision_loss)]
    let count = happened.len() as f64;
    let wrong = deployments
        .since(began)
        .into_iter()
        .filter(|change| change.value != REPLICAS && change.value != 2 * REPLICAS)
        .count();
    for observer in [&deployments, &statuses, &events] {
        observer.tell_missed(&format!("B3 ({setting})"), part);
    }
    if wrong > 0 {
        part.miss(format!(
            "B3 ({setting}): {wrong} patches to a count that no load asked for: the bar is void"
        ));
    }
    Ok(Some(Storm {
        first: seconds_between(visible, *first),
        half: seconds_between(visible, *half),
        last: seconds_between(visible, *last),
        status: told.last().map(|last| seconds_between(visible, *last)),
        event: happened.last().map(|last| seconds_between(visible, last.at)),
        events: count,
        scale_requests,
    }))
}

/// Patches per second at the best number of connections, with nobody watching; and what the observer's watches take of them.
async fn ceiling(bed: &Bed, policies: usize, part: &mut Part) -> Result<Option<f64>, BenchError> {
    let mut best: Vec<f64> = Vec::new();
    for connections in CONNECTIONS {
        let rates = bare(bed, policies, connections, part).await?;
        best.extend(median(&rates));
        let setting = format!("bare generator, {connections} connections, {policies} targets");
        part.add("B3", &setting, "patches of /scale", "/s", rates);
    }
    let (mut alone, mut watched) = (Vec::new(), Vec::new());
    // In turn, so that the order of the two makes no difference.
    for _ in 0..2 {
        alone.extend(bare(bed, policies, WATCHED_CONNECTIONS, part).await?);
        let observers = [What::Deployments, What::Policies, What::Events];
        let observers = futures::future::try_join_all(observers.map(|what| bed.observe(what))).await?;
        watched.extend(bare(bed, policies, WATCHED_CONNECTIONS, part).await?);
        drop(observers);
    }
    let setting = format!("bare generator, {WATCHED_CONNECTIONS} connections, {policies} targets, in turn");
    part.add(
        "B3",
        &setting,
        "patches of /scale with nobody watching",
        "/s",
        alone,
    );
    part.add(
        "B3",
        &setting,
        "patches of /scale with the observer's three watches open",
        "/s",
        watched,
    );
    Ok(greatest(&best))
}

/// Patches per second of a bare generator, several times.
async fn bare(
    bed: &Bed,
    policies: usize,
    connections: usize,
    part: &mut Part,
) -> Result<Vec<f64>, BenchError> {
    let list: Targets = client::get(&bed.api, "/apis/apps/v1/deployments").await?;
    let targets: Vec<(usize, String, i64)> = list
        .items
        .into_iter()
        .filter_map(|target| {
            let index = fixture::index_of(&target.metadata.name)?;
            (index < policies).then_some((index, target.metadata.uid, target.spec.replicas))
        })
        .collect();
    let clients = bed.as_controller(connections)?;
    // Connections are warm, as the controller's are.
    futures::future::try_join_all(clients.iter().map(kube::Client::apiserver_version)).await?;
    let mut rates = Vec::new();
    // Up, then down again, twice.
    for up in [1, 0, 1, 0] {
        let refused = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let items = targets.clone();
        in_parallel(&clients, items, |client, (index, uid, replicas)| {
            let refused = Arc::clone(&refused);
            async move {
                let (from, to) = (replicas + 1 - up, replicas + up);
                let patch = json!([
                    {"op": "test", "path": "/metadata/uid", "value": uid},
                    {"op": "test", "path": "/spec/replicas", "value": from},
                    {"op": "replace", "path": "/spec/replicas", "value": to},
                ]);
                let path = format!(
                    "/apis/apps/v1/namespaces/{}/deployments/{}/scale?fieldManager=bench",
                    fixture::namespace(index),
                    fixture::workload(index)
                );
                let kind = "application/json-patch+json";
                let body = patch.to_string().into_bytes();
                let sent: Result<IgnoredAny, _> =
                    client::send(&client, Method::PATCH, &path, kind, body).await;
                if sent.is_err() {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }
        })
        .await?;
        let seconds = began.elapsed().as_secs_f64();
        let refused = refused.load(Ordering::Relaxed);
        if refused > 0 {
            part.miss(format!(
                "B3: ceiling with {connections} connections: {refused} patches were refused"
            ));
            continue;
        }
        #[allow(clippy::cast_precision_loss)]
        rates.push(targets.len() as f64 / seconds);
    }
    Ok(rates)
}
