use concertina_decision::Pod;

use super::*;
use crate::cluster::pods::ContainerResources;
use crate::observe::table::{Naming, PodTable, Remarks, Wanted, decode};

#[path = "join_total_tests.rs"]
mod totals;

use totals::total;

fn container(name: &str, request: Option<f64>) -> ContainerResources {
    ContainerResources {
        name: name.into(),
        resources: Resources {
            cpu_request: request,
            cpu_limit: request.map(|request| request * 2.0),
            memory_request: request,
            memory_limit: request.map(|request| request * 4.0),
        },
    }
}

fn pod(name: &str, containers: &[ContainerResources]) -> PodRecord {
    PodRecord {
        name: name.into(),
        uid: format!("uid-{name}").as_str().into(),
        state: Pod::Ready,
        ready_since: None,
        unschedulable: false,
        resources: Resources::default(),
        containers: containers.into(),
    }
}

fn metric(measure: Measure) -> CompiledMetric {
    CompiledMetric {
        name: "m".into(),
        measure,
    }
}

fn cpu(container: Option<&str>) -> CompiledMetric {
    metric(Measure::Cpu {
        container: container.map(Into::into),
        of: UtilizationOf::Request,
    })
}

fn sample(value: f64, time_ms: i64) -> Entry {
    Entry {
        value: Some(value),
        time_ms: Some(time_ms),
        ..Entry::default()
    }
}

/// An answer with these entries: namespace, pod, container.
fn answer(entries: &[(&str, &str, &str, Entry)]) -> Result<Answer, FetchError> {
    let mut pods = PodTable::default();
    for (namespace, pod, container, entry) in entries {
        pods.insert(namespace, pod, container, *entry);
    }
    Ok(Answer {
        table: Table::Pods(pods),
        remarks: Remarks::default(),
        window_seconds: None,
        interval_seconds: None,
        nan_is_no_requests: false,
        series: entries.len(),
        bytes: 0,
    })
}

fn per_pod(
    metric: &CompiledMetric,
    answer: &Result<Answer, FetchError>,
    pods: &[PodRecord],
) -> Vec<PodReading> {
    match reading(metric, answer, "shop", pods) {
        (Reading::PerPod(readings), None) => readings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pod_uses_what_its_containers_use_together_and_is_as_old_as_the_oldest() {
    let web = pod(
        "web",
        &[container("app", Some(1.0)), container("proxy", Some(0.5))],
    );
    let answer = answer(&[
        ("shop", "web", "app", sample(0.25, 9_000)),
        ("shop", "web", "proxy", sample(0.5, 5_000)),
    ]);
    let expected = PodReading {
        value: Some(0.75),
        time: Some(Timestamp(5_000)),
        request: Some(1.5),
        limit: Some(3.0),
        at_least: false,
    };
    assert_eq!(per_pod(&cpu(None), &answer, &[web]), [expected]);
}

#[test]
fn what_a_pod_asks_for_as_a_whole_goes_before_its_containers_unless_one_of_them_counts_alone() {
    let asks = |resources, containers: &[ContainerResources]| PodRecord {
        resources,
        ..pod("web", containers)
    };
    let all = Resources {
        cpu_request: Some(3.0),
        cpu_limit: Some(8.0),
        ..Resources::default()
    };
    let request_only = Resources {
        cpu_limit: None,
        ..all
    };
    let silent = [container("app", None), container("proxy", Some(0.5))];
    let stated = [container("app", Some(1.0)), container("proxy", Some(0.5))];
    let answer = answer(&[
        ("shop", "web", "app", sample(0.25, 9_000)),
        ("shop", "web", "proxy", sample(0.5, 9_000)),
    ]);
    for (web, only, expected) in [
        (asks(all, &silent), None, (Some(3.0), Some(8.0))),
        (asks(all, &stated), None, (Some(3.0), Some(8.0))),
        (asks(request_only, &stated), None, (Some(3.0), Some(3.0))),
        (asks(request_only, &silent), None, (Some(3.0), None)),
        (asks(all, &stated), Some("proxy"), (Some(0.5), Some(1.0))),
        (asks(all, &silent), Some("app"), (None, None)),
    ] {
        let found = &per_pod(&cpu(only), &answer, std::slice::from_ref(&web))[0];
        assert_eq!((found.request, found.limit), expected, "{only:?} of {web:?}");
    }
}

#[test]
fn a_rate_is_at_least_what_was_seen_until_the_pod_has_been_ready_for_a_whole_window() {
    for (window_seconds, ready_since, time_ms, expected) in [
        (Some(20), Some(10_000), 29_999, true),
        (Some(20), Some(10_000), 30_000, false),
        (Some(20), Some(40_000), 30_000, true),
        // It was Ready, and is not now.
        (Some(20), None, 30_000, false),
        (None, Some(30_000), 30_000, false),
    ] {
        let web = PodRecord {
            ready_since: ready_since.map(Timestamp),
            ..pod("web", &[container("app", Some(1.0))])
        };
        let answer = answer(&[("shop", "web", "app", sample(0.25, time_ms))]).map(|answer| Answer {
            window_seconds,
            ..answer
        });
        let found = per_pod(&cpu(None), &answer, &[web]);
        assert_eq!(
            found[0].at_least, expected,
            "{window_seconds:?} {ready_since:?} {time_ms}"
        );
    }
}

#[test]
fn a_rate_of_a_part_of_its_window_is_at_least_what_was_seen() {
    let partial = Entry {
        partial: true,
        ..sample(0.25, 9_000)
    };
    let web = pod(
        "web",
        &[container("app", Some(1.0)), container("proxy", Some(0.5))],
    );
    let of_cpu = answer(&[
        ("shop", "web", "app", sample(0.5, 9_000)),
        ("shop", "web", "proxy", partial),
    ]);
    assert!(per_pod(&cpu(None), &of_cpu, std::slice::from_ref(&web))[0].at_least);
    assert!(!per_pod(&cpu(Some("app")), &of_cpu, std::slice::from_ref(&web))[0].at_least);
    let of_pod = answer(&[("shop", "web", "", partial)]);
    assert!(per_pod(&metric(Measure::RequestRate), &of_pod, &[web])[0].at_least);
}

#[test]
fn a_container_without_a_sample_leaves_its_pod_without_one() {
    let web = pod(
        "web",
        &[container("app", Some(1.0)), container("proxy", Some(0.5))],
    );
    let answer = answer(&[("shop", "web", "app", sample(0.25, 9_000))]);
    assert_eq!(per_pod(&cpu(None), &answer, &[web])[0].value, None);
}

#[test]
fn a_container_without_a_request_leaves_its_pod_without_one() {
    let web = pod("web", &[container("app", Some(1.0)), container("proxy", None)]);
    let readings = per_pod(&cpu(None), &answer(&[]), &[web]);
    assert_eq!((readings[0].request, readings[0].limit), (None, None));
}

#[test]
fn one_container_alone_counts_where_it_is_named() {
    let web = pod("web", &[container("app", Some(1.0)), container("proxy", None)]);
    let answer = answer(&[
        ("shop", "web", "app", sample(0.25, 9_000)),
        ("shop", "web", "proxy", sample(8.0, 1)),
    ]);
    let readings = per_pod(&cpu(Some("app")), &answer, std::slice::from_ref(&web));
    assert_eq!((readings[0].value, readings[0].request), (Some(0.25), Some(1.0)));
    assert_eq!(
        per_pod(&cpu(Some("nobody")), &answer, &[web]),
        [PodReading::default()],
        "not zero"
    );
}

#[test]
fn memory_has_no_limit_that_censors_it() {
    let web = pod("web", &[container("app", Some(1.0))]);
    let answer = answer(&[("shop", "web", "app", sample(1.0, 9_000))]);
    let readings = per_pod(&memory(UtilizationOf::Request), &answer, &[web]);
    assert!(readings[0].limit.is_none_or(|limit| limit <= 0.0), "{readings:?}");
}

#[test]
fn utilisation_is_of_the_requests_or_of_the_limits() {
    let web = pod("web", &[container("app", Some(1.0))]);
    let answer = answer(&[("shop", "web", "app", sample(1.0, 9_000))]);
    let whole = |metric: &CompiledMetric| per_pod(metric, &answer, std::slice::from_ref(&web))[0].request;
    let cpu_of = |of| metric(Measure::Cpu { container: None, of });
    assert_eq!(whole(&cpu_of(UtilizationOf::Request)), Some(1.0));
    assert_eq!(whole(&cpu_of(UtilizationOf::Limit)), Some(2.0));
    assert_eq!(whole(&memory(UtilizationOf::Request)), Some(1.0));
    assert_eq!(whole(&memory(UtilizationOf::Limit)), Some(4.0));
    let unlimited = pod("web", &[container("app", None)]);
    let reading = &per_pod(&cpu_of(UtilizationOf::Limit), &answer, &[unlimited])[0];
    assert_eq!(reading.request, None);
}

#[test]
fn pods_of_other_namespaces_and_pods_that_are_gone_do_not_count() {
    let answer = answer(&[
        ("elsewhere", "web", "", sample(100.0, 1)),
        ("shop", "gone", "", sample(100.0, 1)),
        ("shop", "web", "", sample(7.0, 1)),
    ]);
    let readings = per_pod(
        &metric(Measure::RequestRate),
        &answer,
        &[pod("new", &[]), pod("web", &[])],
    );
    assert_eq!(
        readings.iter().map(|reading| reading.value).collect::<Vec<_>>(),
        [None, Some(7.0)]
    );
}

#[test]
fn a_pod_with_several_series_is_named() {
    let mut doubled = sample(7.0, 1);
    doubled.duplicate = true;
    let answer = answer(&[("shop", "a", "", sample(1.0, 1)), ("shop", "b", "", doubled)]);
    let (reading, note) = reading(
        &metric(Measure::RequestRate),
        &answer,
        "shop",
        &[pod("a", &[]), pod("b", &[])],
    );
    assert!(matches!(reading, Reading::PerPod(readings) if readings.len() == 2));
    let note = note.unwrap();
    assert_eq!(note.reason, Reason::DuplicateSeries);
    assert!(note.message.contains("pod b "), "{}", note.message);
}

#[test]
fn every_failure_has_its_own_reason_and_keeps_its_words() {
    let rejected = |status| FetchError::Rejected {
        status,
        message: "words".into(),
    };
    let store_failed = |words: &str| FetchError::Rejected {
        status: 422,
        message: format!("expanding series: proxy Series(): rpc error: code = {words}"),
    };
    for (error, expected) in [
        (FetchError::Unreachable("refused".into()), Missing::Unreachable),
        (FetchError::TimedOut(5), Missing::TimedOut),
        (rejected(400), Missing::Refused),
        (rejected(401), Missing::Refused),
        (rejected(422), Missing::Refused),
        // The query is sound; the server has too much to do.
        (rejected(429), Missing::ServerError),
        (rejected(500), Missing::ServerError),
        (rejected(503), Missing::ServerError),
        // Thanos without one of its stores, asked not to answer in part.
        (
            store_failed("Unavailable desc = connection refused"),
            Missing::ServerError,
        ),
        (
            store_failed("Aborted desc = receive series from Addr"),
            Missing::ServerError,
        ),
        // Mimir: the query is too wide.
        (
            store_failed("Code(422) desc = the query hit the maximum number of series"),
            Missing::Refused,
        ),
        (FetchError::Undecodable("x".into()), Missing::BadAnswer),
        (FetchError::TooLarge(5), Missing::BadAnswer),
        (FetchError::UnknownServer("s".into()), Missing::UnknownServer),
        (FetchError::UnknownSource("s".into()), Missing::UnknownSource),
    ] {
        let message = error.to_string();
        let (reading, note) = total(&[], &Err(error));
        assert_eq!(reading, Reading::Missing(expected), "{message}");
        assert_eq!(
            note,
            Some(Note {
                reason: expected.reason(),
                message
            })
        );
    }
}

fn memory(of: UtilizationOf) -> CompiledMetric {
    metric(Measure::Memory { container: None, of })
}

/// An answer about requests of one workload, with this number and this time.
fn requests(value: f64) -> Result<Answer, FetchError> {
    let series = |family: &str, number: f64| {
        format!(r#"{{"metric":{{"concertina":"{family}","service":"web"}},"value":[0,"{number}"]}}"#)
    };
    let body = format!(
        r#"{{"status":"success","data":{{"resultType":"vector","result":[{},{}]}}}}"#,
        series("value", value),
        series("time", 30.0)
    );
    let wanted = Wanted::of(Some(&[("service".into(), "web".into())]));
    let answer = decode(body.as_bytes(), &wanted, Naming::CONTAINERS)?;
    Ok(Answer {
        nan_is_no_requests: true,
        ..answer
    })
}

#[test]
fn without_requests_a_share_of_them_is_nothing_for_a_metric_and_zero_for_a_guard() {
    let matching: &[(Arc<str>, Box<str>)] = &[("service".into(), "web".into())];
    let time = Some(Timestamp(30_000));
    let (reading, note) = total_reading(matching, &requests(f64::NAN));
    assert_eq!(reading, Reading::Missing(Missing::NoSamples));
    assert!(note.unwrap().message.contains("no requests"));
    let zero = Reading::Total { value: 0.0, time };
    assert_eq!(guard_reading(matching, &requests(f64::NAN)), (zero, None));
    let slow = Reading::Total { value: 0.5, time };
    assert_eq!(total_reading(matching, &requests(0.5)), (slow.clone(), None));
    assert_eq!(guard_reading(matching, &requests(0.5)), (slow, None));
    let others: &[(Arc<str>, Box<str>)] = &[("service".into(), "other".into())];
    assert_eq!(
        guard_reading(others, &requests(f64::NAN)).0,
        Reading::Missing(Missing::NoSamples),
        "what has no series is no health"
    );
}
