//! Everything that the servers and the kernel count, at the edges of windows, and what it came to in between. It asks the API
//! server, etcd, Prometheus and the controller.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use super::access;
use super::bed::{Bed, between_ticks};
use super::controller::{Controller, evaluations};
use super::process;
use crate::error::BenchError;
use crate::exposition::bucket_difference;
use crate::statistics::histogram_quantile;

/// Port of the API server.
const API_PORT: u16 = 6443;

/// Everything that is counted, at one instant.
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) cpu: Option<f64>,
    pub(super) evaluations: Option<f64>,
    gaps: Vec<(f64, f64)>,
    pub(super) queries: f64,
    pub(super) prometheus_cpu: f64,
    pub(super) api_cpu: f64,
    pub(super) puts: f64,
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
pub(super) struct Window<'s>(&'s Sample, &'s Sample);

impl Window<'_> {
    pub(super) fn seconds(&self) -> f64 {
        (self.1.at - self.0.at).as_secs_f64()
    }

    pub(super) fn rate(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        (of(self.1) - of(self.0)) / self.seconds()
    }

    pub(super) fn optional(&self, of: impl Fn(&Sample) -> Option<f64>) -> Option<f64> {
        Some(of(self.1)? - of(self.0)?)
    }

    pub(super) fn requests(&self, classes: &[&str]) -> f64 {
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

    pub(super) fn received_bytes(&self) -> Option<f64> {
        let (before, after) = (self.0.received.as_ref()?, self.1.received.as_ref()?);
        Some(
            after
                .iter()
                .map(|(connection, bytes)| bytes - before.get(connection).unwrap_or(&0.0))
                .sum(),
        )
    }

    pub(super) fn busy_share(&self) -> Option<f64> {
        let (busy_before, all_before) = self.0.machine?;
        let (busy, all) = self.1.machine?;
        Some((busy - busy_before) / (all - all_before).max(0.01))
    }

    /// Mean seconds between two evaluations of a policy.
    pub(super) fn period(&self, policies: f64) -> Option<f64> {
        let evaluations = self.optional(|sample| sample.evaluations)?;
        Some(policies * self.seconds() / evaluations.max(1.0))
    }

    pub(super) fn gap(&self, share: f64) -> Option<f64> {
        histogram_quantile(&bucket_difference(&self.0.gaps, &self.1.gaps), share)
    }
}

/// Samples at the edges of windows of equal length.
pub(super) async fn windows(
    bed: &Bed,
    controller: Option<&Controller>,
    period_seconds: u32,
    count: usize,
    seconds: u64,
) -> Result<Vec<Sample>, BenchError> {
    between_ticks(period_seconds).await;
    let mut samples = vec![Sample::take(bed, controller).await?];
    let began = Instant::now();
    for number in 1..=count {
        let edge = Duration::from_secs(seconds) * u32::try_from(number).unwrap_or(u32::MAX);
        tokio::time::sleep(edge.saturating_sub(began.elapsed())).await;
        samples.push(Sample::take(bed, controller).await?);
    }
    Ok(samples)
}

pub(super) fn between(samples: &[Sample]) -> impl Iterator<Item = Window<'_>> {
    samples
        .iter()
        .zip(samples.iter().skip(1))
        .map(|(before, after)| Window(before, after))
}
