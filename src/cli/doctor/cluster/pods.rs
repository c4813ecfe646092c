//! A few of the cluster's pods, to look for in Prometheus. Pure.
use concertina_decision::Timestamp;
use serde_json::Value;

use super::super::server::RunningPod;

/// So many pods are looked for.
const MOST: usize = 20;
/// A younger pod may not have been scraped yet.
const LEAST_AGE_SECONDS: i64 = 180;

/// Pods from all over the list that have run for a while.
pub(super) fn sample(pods: &[Value], now: Timestamp) -> Vec<RunningPod> {
    let text = |pod: &Value, pointer: &str| pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let has_run = |pod: &&Value| {
        let started = text(pod, "/status/startTime").and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let is_old = |started: jiff::Timestamp| now.0 - started.as_millisecond() >= LEAST_AGE_SECONDS * 1000;
        // The kubelet's own pods are found by another name in cAdvisor.
        started.is_some_and(is_old)
            && pod
                .pointer("/metadata/annotations/kubernetes.io~1config.mirror")
                .is_none()
    };
    let old: Vec<&Value> = pods.iter().filter(has_run).collect();
    let step = old.len().div_ceil(MOST).max(1);
    let named = old.into_iter().step_by(step).filter_map(|pod| {
        Some(RunningPod {
            namespace: text(pod, "/metadata/namespace")?,
            name: text(pod, "/metadata/name")?,
        })
    });
    named.collect()
}
