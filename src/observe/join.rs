//! Joins the decoded answers with the pods of one target: the readings that a decision starts from. Pure.
use std::sync::Arc;

use concertina_decision::{Missing, PodReading, Reading, Reason, Timestamp};

use super::table::{Answer, Entry, FetchError, Group, Table, shortened};
use crate::api::UtilizationOf;
use crate::cluster::pods::{PodRecord, Resources};
use crate::control::compile::{CompiledMetric, Measure};

/// Something to tell the user about a metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The reason.
    pub reason: Reason,
    /// What happened and what to do.
    pub message: String,
}

/// The reading of one metric, and what there is to tell about it.
#[must_use]
pub fn reading(
    metric: &CompiledMetric,
    answer: &Result<Answer, FetchError>,
    namespace: &str,
    pods: &[PodRecord],
) -> (Reading, Option<Note>) {
    if let Measure::Total { matching } = &metric.measure {
        return total_reading(matching, answer);
    }
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return missing_answer(error),
    };
    let Table::Pods(table) = &answer.table else {
        return missing(Missing::BadAnswer, "the answer has no pods".to_owned());
    };
    let mut duplicate = None;
    let mut has_series = false;
    // A pod without CPU may as well lack the series of one of its containers.
    let is_cpu = matches!(metric.measure, Measure::Cpu { .. });
    // As many as there are pods, in one allocation.
    let readings: Vec<PodReading> = pods
        .iter()
        .map(|pod| {
            let entries = table.containers(namespace, &pod.name);
            if duplicate.is_none() && entries.clone().any(|(_, entry)| entry.duplicate) {
                duplicate = Some(pod);
            }
            let is_lacking = |(_, entry): (&str, Entry)| !is_cpu || entry.value.is_none();
            has_series |= pod.state.was_ready() && entries.clone().any(is_lacking);
            let reading = pod_reading(&metric.measure, pod, &entries);
            PodReading {
                at_least: reading.at_least || began_early(answer.window_seconds, pod, reading.time),
                ..reading
            }
        })
        .collect();
    if let Some(not_empty) = not_empty(metric, answer, pods, &readings, has_series) {
        return not_empty;
    }
    let note = duplicate.map(|pod| Note {
        reason: Reason::DuplicateSeries,
        message: format!(
            "pod {} has several series where one should be; the greatest counts. \
             Scrape the pods by one job only, or set matchers that pick one",
            pod.name
        ),
    });
    (Reading::PerPod(readings), note)
}

/// That no pod has a value means that there is nothing, which a policy may take for 0: but not where the counters are
/// there and only their rates are not, nor when the server says that the answer may be a part only.
fn not_empty(
    metric: &CompiledMetric,
    answer: &Answer,
    pods: &[PodRecord],
    readings: &[PodReading],
    has_series: bool,
) -> Option<(Reading, Option<Note>)> {
    if matches!(metric.measure, Measure::Memory { .. }) {
        // A running pod uses some, so that nothing is never taken for 0.
        return None;
    }
    let serving = || pods.iter().zip(readings).filter(|(pod, _)| pod.state.was_ready());
    if serving().next().is_none() || serving().any(|(_, reading)| reading.value.is_some()) {
        return None;
    }
    if has_series {
        return Some(no_rate_yet(answer));
    }
    if matches!(metric.measure, Measure::Cpu { .. }) {
        return None;
    }
    answer.remarks.doubtful().map(empty_with_remark)
}

/// There are samples and no rate of them: its window holds fewer than two.
fn no_rate_yet(answer: &Answer) -> (Reading, Option<Note>) {
    let message = match (answer.window_seconds, answer.interval_seconds) {
        // Scrapes fall on either side of the time over which they were counted: half an interval is no difference.
        (Some(window), Some(interval)) if f64::from(window) < 1.5 * interval => format!(
            "windowSeconds is {window}, but a rate needs two samples and there is one every {} s: write a longer \
             window, or leave it out",
            interval.ceil()
        ),
        (Some(window), _) => format!(
            "there are samples, but a rate needs two within its window of {window} s: where they are scraped less \
             often, write a longer windowSeconds"
        ),
        (None, _) => {
            "there are samples, but a rate needs two within its window: a longer one holds more".to_owned()
        }
    };
    missing(Missing::NotReadYet, message)
}

/// The one number of a whole target, whose series must carry these labels: a metric of totals, or a guard. Where there
/// is a number and nothing to tell, this allocates nothing.
#[must_use]
pub fn total_reading(
    matching: &[(Arc<str>, Box<str>)],
    answer: &Result<Answer, FetchError>,
) -> (Reading, Option<Note>) {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => return missing_answer(error),
    };
    let Table::Labels(table) = &answer.table else {
        return missing(Missing::BadAnswer, "the answer has no series".to_owned());
    };
    if let Some(lacking) = answer.remarks.lacking() {
        // A part of a total looks like less load.
        let message = format!(
            "the server answers in part only, and says: {}",
            shortened(lacking)
        );
        return missing(Missing::ServerError, message);
    }
    let Some(Group { series, entry }) = table.group(matching) else {
        let message = "the answer was not read for the labels of match".to_owned();
        return missing(Missing::BadAnswer, message);
    };
    match entry.value {
        None if entry == Entry::default() => nothing(answer, no_series(table.series(), matching.is_empty())),
        None => no_rate_yet(answer),
        Some(value) if value.is_nan() && answer.nan_is_no_requests => {
            nothing(answer, "there were no requests within the window".to_owned())
        }
        Some(_) if entry.partial => missing(
            Missing::NotReadYet,
            "nothing was scraped when the window of the rate began, so it tells of a part only".to_owned(),
        ),
        Some(value) if series <= 1 => {
            let reading = Reading::Total {
                value,
                time: entry.time_ms.map(Timestamp),
            };
            (reading, entry.duplicate.then(duplicate_total))
        }
        Some(_) => missing(
            Missing::Ambiguous,
            format!("the query answers {series} series: aggregate them with sum() or pick one with match"),
        ),
    }
}

/// The number of a guard. Of requests that are counted, but of which there are none just now, none failed and none took
/// long.
#[must_use]
pub fn guard_reading(
    matching: &[(Arc<str>, Box<str>)],
    answer: &Result<Answer, FetchError>,
) -> (Reading, Option<Note>) {
    if let Ok(found) = answer
        && found.nan_is_no_requests
        && found.remarks.doubtful().is_none()
        && let Table::Labels(table) = &found.table
        && let Some(Group { entry, .. }) = table.group(matching)
        && entry.value.is_some_and(f64::is_nan)
    {
        let time = entry.time_ms.map(Timestamp);
        return (Reading::Total { value: 0.0, time }, None);
    }
    total_reading(matching, answer)
}

fn duplicate_total() -> Note {
    Note {
        reason: Reason::DuplicateSeries,
        message: "there are several series where one should be; the greatest counts. \
                  Scrape them by one job only, or set matchers that pick one"
            .to_owned(),
    }
}

/// There is nothing for the target, which a policy may take for 0: but not when the server says that something was
/// left out.
fn nothing(answer: &Answer, message: String) -> (Reading, Option<Note>) {
    match answer.remarks.doubtful() {
        None => missing(Missing::NoSamples, message),
        Some(remark) => empty_with_remark(remark),
    }
}

fn empty_with_remark(remark: &str) -> (Reading, Option<Note>) {
    let message = format!("the answer is empty, and the server says: {}", shortened(remark));
    missing(Missing::ServerError, message)
}

fn no_series(received: usize, no_match: bool) -> String {
    if no_match || received == 0 {
        "the query answers no series: check its metric names and labels".to_owned()
    } else {
        format!("none of the {received} series of the query carries the labels of match")
    }
}

fn missing(missing: Missing, message: String) -> (Reading, Option<Note>) {
    (
        Reading::Missing(missing),
        Some(Note {
            reason: missing.reason(),
            message,
        }),
    )
}

fn missing_answer(error: &FetchError) -> (Reading, Option<Note>) {
    missing(cause_of(error), error.to_string())
}

/// What of a metric is missing where its query ended so.
pub(crate) fn cause_of(error: &FetchError) -> Missing {
    match error {
        FetchError::Unreachable(_) | FetchError::Unprepared(_) => Missing::Unreachable,
        FetchError::TimedOut(_) | FetchError::NoTurn(_) | FetchError::StillAsking => Missing::TimedOut,
        FetchError::Rejected { message, .. } if a_store_failed(message) => Missing::ServerError,
        // 429: the query may be sound, the server has too much to do.
        FetchError::Rejected { status, .. } if *status < 500 && *status != 429 => Missing::Refused,
        FetchError::Rejected { .. } => Missing::ServerError,
        FetchError::Undecodable(_) | FetchError::TooLarge(_) => Missing::BadAnswer,
        FetchError::UnknownServer(_) => Missing::UnknownServer,
        FetchError::UnknownSource(_) | FetchError::LackingSource(_) => Missing::UnknownSource,
    }
}

/// Whether it is not the query that failed but one of the stores behind the server: Thanos, which was asked not to
/// answer in part, then answers 422 with the store's own error, as if the query could not be executed.
pub(super) fn a_store_failed(message: &str) -> bool {
    [
        "Aborted",
        "Unavailable",
        "DeadlineExceeded",
        "Internal",
        "Unknown",
    ]
    .iter()
    .any(|code| message.contains(&format!("rpc error: code = {code} ")))
}

/// Whether the window of a rate began before the pod was Ready, and so before it was asked for anything. As
/// HorizontalPodAutoscaler, which takes no CPU sample whose window began before the pod was Ready.
fn began_early(window: Option<u32>, pod: &PodRecord, time: Option<Timestamp>) -> bool {
    window
        .zip(pod.ready_since)
        .zip(time)
        .is_some_and(|((window, since), time)| time < since.plus_seconds(window))
}

fn pod_reading<'e>(
    measure: &Measure,
    pod: &PodRecord,
    entries: &(impl Iterator<Item = (&'e str, Entry)> + Clone),
) -> PodReading {
    let entry_of = |name: &str| {
        entries
            .clone()
            .find(|(container, _)| *container == name)
            .map(|(_, entry)| entry)
    };
    match measure {
        Measure::Cpu { container, of } => sum_containers(pod, container.as_deref(), entry_of, |resources| {
            let limit = resources.cpu_limit;
            (whole(*of, resources.cpu_request, limit), limit)
        }),
        Measure::Memory { container, of } => {
            sum_containers(pod, container.as_deref(), entry_of, |resources| {
                (whole(*of, resources.memory_request, resources.memory_limit), None)
            })
        }
        Measure::RequestRate | Measure::Network | Measure::Disk | Measure::Total { .. } => {
            let entry = entry_of("").unwrap_or_default();
            PodReading {
                value: entry.value,
                time: entry.time_ms.map(Timestamp),
                at_least: entry.partial,
                ..PodReading::default()
            }
        }
    }
}

/// What 100 per cent are.
const fn whole(of: UtilizationOf, request: Option<f64>, limit: Option<f64>) -> Option<f64> {
    match of {
        UtilizationOf::Request => request,
        UtilizationOf::Limit => limit,
    }
}

/// A pod's usage is the sum over its containers. One container without a sample leaves the pod without one:
/// a part would look like less load. What the pod asks for as a whole goes before what its containers do.
fn sum_containers(
    pod: &PodRecord,
    only: Option<&str>,
    entry_of: impl Fn(&str) -> Option<Entry>,
    resources_of: impl Fn(&Resources) -> (Option<f64>, Option<f64>),
) -> PodReading {
    let mut counted = pod
        .containers
        .iter()
        .filter(|container| only.is_none_or(|only| container.name == only))
        .peekable();
    if counted.peek().is_none() {
        return PodReading::default();
    }
    let start = PodReading {
        value: Some(0.0),
        request: Some(0.0),
        limit: Some(0.0),
        ..PodReading::default()
    };
    let sum = counted.fold(start, |sum, container| {
        let entry = entry_of(&container.name).unwrap_or_default();
        let (request, limit) = resources_of(&container.resources);
        PodReading {
            value: sum.value.zip(entry.value).map(|(a, b)| a + b),
            // The oldest of the containers' newest samples: the sum is no fresher.
            time: match (sum.time, entry.time_ms.map(Timestamp)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
            request: sum.request.zip(request).map(|(a, b)| a + b),
            limit: sum.limit.zip(limit).map(|(a, b)| a + b),
            at_least: sum.at_least || entry.partial,
        }
    });
    let (request, limit) = only.map_or_else(|| resources_of(&pod.resources), |_| (None, None));
    PodReading {
        request: request.or(sum.request),
        limit: limit.or(sum.limit),
        ..sum
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
