//! Queries about what the kubelet measures of containers and pods. Text only, no network.
//!
//! cAdvisor and the kubelet's resource metrics have counters of the same names and labels, so that one query finds
//! either; where both are scraped, the greater counts and the rest are duplicates.
use super::TextContext;
use super::text::{Families, partial, selector};
use crate::api::{DiskDirection, NetworkDirection};

/// CPU seconds that containers used.
pub(crate) const CPU_SECONDS: &str = "container_cpu_usage_seconds_total";
/// Bytes of their working set.
pub(crate) const WORKING_SET: &str = "container_memory_working_set_bytes";
/// Bytes that pods were sent, and sent.
pub(crate) const RECEIVED: &str = "container_network_receive_bytes_total";
const TRANSMITTED: &str = "container_network_transmit_bytes_total";
/// Bytes that containers read and wrote.
pub(crate) const READ: &str = "container_fs_reads_bytes_total";
const WRITTEN: &str = "container_fs_writes_bytes_total";

/// CPU of each container.
pub(super) fn cpu(context: &TextContext<'_>, window: u32) -> String {
    let series = containers(context, CPU_SECONDS);
    let by = by_container(context);
    Families {
        // `and` drops the series of a container that is gone: its rate would linger for a window.
        value: format!("max by ({by}) (rate({series}[{window}s]) and {series})"),
        time: newest(&series, &by),
        counts: Some(format!("count by ({by}) ({series})")),
        partial: Some(partial(&series, &by, window)),
    }
    .text()
}

/// Memory of each container.
pub(super) fn memory(context: &TextContext<'_>) -> String {
    let series = containers(context, WORKING_SET);
    let by = by_container(context);
    Families {
        value: format!("max by ({by}) ({series})"),
        time: newest(&series, &by),
        counts: Some(format!("count by ({by}) ({series})")),
        partial: None,
    }
    .text()
}

/// Traffic of each pod.
pub(super) fn network(context: &TextContext<'_>, direction: NetworkDirection, window: u32) -> String {
    let counters: &[&str] = match direction {
        NetworkDirection::Receive => &[RECEIVED],
        NetworkDirection::Transmit => &[TRANSMITTED],
        NetworkDirection::Both => &[RECEIVED, TRANSMITTED],
    };
    let series: Vec<String> = counters.iter().map(|counter| pods(context, counter)).collect();
    throughput(context, &series, "interface", window)
}

/// Disk traffic of each pod.
pub(super) fn disk(context: &TextContext<'_>, direction: DiskDirection, window: u32) -> String {
    let counters: &[&str] = match direction {
        DiskDirection::Read => &[READ],
        DiskDirection::Write => &[WRITTEN],
        DiskDirection::Both => &[READ, WRITTEN],
    };
    let series: Vec<String> = counters
        .iter()
        .map(|counter| containers(context, counter))
        .collect();
    throughput(
        context,
        &series,
        &format!("{},device", context.labels.container),
        window,
    )
}

/// Bytes per second of each pod: the sum over `parts` and counters. A pod that lacks one of the counters has no value.
fn throughput(context: &TextContext<'_>, series: &[String], parts: &str, window: u32) -> String {
    let by = format!("{},{}", context.labels.namespace, context.labels.pod);
    // The greatest of the series of one part counts: two jobs may scrape it, and a container may just have restarted.
    let sum = |series: &String| {
        format!("sum by ({by}) (max by ({by},{parts}) (rate({series}[{window}s]) and {series}))")
    };
    let sums: Vec<String> = series.iter().map(sum).collect();
    // The counters of one part come in one scrape, so one of them tells the time and the duplicates of all.
    let first = series.first().map_or("", String::as_str);
    Families {
        value: sums.join(" + "),
        time: newest(first, &by),
        counts: Some(format!("max by ({by}) (count by ({by},{parts}) ({first}))")),
        partial: Some(partial(first, &by, window)),
    }
    .text()
}

/// The series of all containers but those that are none: the unnamed one is the pod's own cgroup, POD its pause container.
pub(crate) fn containers(context: &TextContext<'_>, metric: &str) -> String {
    let (pod, container) = (&context.labels.pod, &context.labels.container);
    let namespaces = context.namespaces.matcher(&context.labels.namespace);
    let own = format!("{container}!=\"\",{container}!=\"POD\",{pod}!=\"\"");
    selector(metric, &[&namespaces, &own, context.matchers])
}

/// The series of pods' networks. A pod's containers share it, so the series is that of the pod or of its pause container.
pub(crate) fn pods(context: &TextContext<'_>, metric: &str) -> String {
    let (pod, container) = (&context.labels.pod, &context.labels.container);
    let namespaces = context.namespaces.matcher(&context.labels.namespace);
    let own = format!("{pod}!=\"\",{container}=~\"|POD\",interface!=\"lo\"");
    selector(metric, &[&namespaces, &own, context.matchers])
}

fn by_container(context: &TextContext<'_>) -> String {
    let labels = context.labels;
    format!("{},{},{}", labels.namespace, labels.pod, labels.container)
}

fn newest(series: &str, by: &str) -> String {
    format!("max by ({by}) (timestamp({series}))")
}
