//! A few of the cluster's pods, to look for in Prometheus. Pure.
use concertina_decision::Timestamp;
use serde_json::Value;

use super::super::server::RunningPod;

/// So many pods are looked for.
const MOST: usize = 20;
/// One that is Ready for less may not have been scraped yet.
const LEAST_AGE_SECONDS: i64 = 180;

/// Pods from all over the list that have been Ready for a while.
pub(super) fn sample(pods: &[Value], now: Timestamp) -> Vec<RunningPod> {
    let text = |pod: &Value, pointer: &str| pod.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let has_run = |pod: &&Value| {
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array);
        // One that crashes again and again runs too, and has no series.
        let mut ready = conditions.into_iter().flatten().filter(|condition| {
            text(condition, "/type").as_deref() == Some("Ready")
                && text(condition, "/status").as_deref() == Some("True")
        });
        let since = ready
            .next()
            .and_then(|condition| text(condition, "/lastTransitionTime"));
        let since = since.and_then(|time| time.parse::<jiff::Timestamp>().ok());
        let is_long_ago = |since: jiff::Timestamp| now.0 - since.as_millisecond() >= LEAST_AGE_SECONDS * 1000;
        // The kubelet's own pods are found by another name in cAdvisor.
        let is_mirrored = pod
            .pointer("/metadata/annotations/kubernetes.io~1config.mirror")
            .is_some();
        since.is_some_and(is_long_ago) && !is_mirrored
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
