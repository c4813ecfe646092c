//! Totals and empty answers: what is whole, what is a part, and what is nothing.
use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

#[test]
fn counters_without_a_rate_yet_are_no_empty_answer() {
    let counted = Entry {
        time_ms: Some(1),
        ..Entry::default()
    };
    let pods = [pod("a", &[]), pod("b", &[])];
    for measure in [Measure::RequestRate, Measure::Network, Measure::Disk] {
        let rate = metric(measure);
        let one = answer(&[("shop", "a", "", counted)]);
        let (reading, note) = reading(&rate, &one, "shop", &pods);
        assert_eq!(reading, Reading::Missing(Missing::NotReadYet), "{rate:?}");
        assert!(note.unwrap().message.contains("a rate needs two"));
        let nothing = per_pod(&rate, &answer(&[]), &pods);
        assert_eq!(nothing, [PodReading::default(); 2], "nothing at all is empty");
        let both = answer(&[("shop", "a", "", counted), ("shop", "b", "", sample(1.0, 1))]);
        assert_eq!(
            per_pod(&rate, &both, &pods)[1].value,
            Some(1.0),
            "one value is enough"
        );
    }
}

#[test]
fn cpu_without_a_rate_says_so_and_without_one_of_its_containers_it_does_not() {
    let counted = Entry {
        time_ms: Some(1),
        ..Entry::default()
    };
    let pods = [pod(
        "a",
        &[container("app", Some(1.0)), container("proxy", Some(1.0))],
    )];
    let without_rate = answer(&[("shop", "a", "app", counted), ("shop", "a", "proxy", counted)]);
    let (found, note) = reading(&cpu(None), &without_rate, "shop", &pods);
    assert_eq!(found, Reading::Missing(Missing::NotReadYet));
    assert!(note.unwrap().message.contains("a rate needs two"));
    let without_container = answer(&[("shop", "a", "app", sample(1.0, 1))]);
    assert_eq!(per_pod(&cpu(None), &without_container, &pods)[0].value, None);
    assert_eq!(per_pod(&cpu(None), &answer(&[]), &pods)[0].value, None);
}

#[test]
fn a_rate_that_is_not_there_blames_a_window_that_is_too_short_by_more_than_chance() {
    let counted = Entry {
        time_ms: Some(1),
        ..Entry::default()
    };
    let message = |window_seconds, interval_seconds| {
        let answer = answer(&[("shop", "a", "", counted)]).map(|answer| Answer {
            window_seconds,
            interval_seconds,
            ..answer
        });
        let rate = metric(Measure::RequestRate);
        let (found, note) = reading(&rate, &answer, "shop", &[pod("a", &[])]);
        assert_eq!(found, Reading::Missing(Missing::NotReadYet));
        note.unwrap().message
    };
    let too_short = message(Some(15), Some(29.2));
    assert!(
        too_short.contains("windowSeconds is 15, but a rate needs two samples and there is one every 30 s"),
        "{too_short}"
    );
    for (window, interval) in [(Some(30), Some(20.0)), (Some(20), Some(5.0)), (Some(20), None)] {
        let slower = message(window, interval);
        assert!(
            slower.contains("scraped less often, write a longer windowSeconds"),
            "{slower}"
        );
    }
}

#[test]
fn a_rate_that_is_there_counts_however_often_its_series_seem_to_be_scraped() {
    let answer = answer(&[("shop", "a", "", sample(2.0, 1))]).map(|answer| Answer {
        window_seconds: Some(30),
        interval_seconds: Some(60.0),
        ..answer
    });
    let found = per_pod(&metric(Measure::RequestRate), &answer, &[pod("a", &[])]);
    assert_eq!(found[0].value, Some(2.0));
}

#[test]
fn an_empty_answer_with_a_remark_is_no_empty_answer() {
    for (remarks, telling) in [
        (warning("a store is down"), "a store is down"),
        // The engine leaves out what it cannot calculate with.
        (warning("PromQL warning: a mix"), "PromQL warning: a mix"),
        (IS_PARTIAL, "isPartial"),
    ] {
        empty_is_missing(&remarks, telling);
    }
}

fn empty_is_missing(remarks: &Remarks, telling: &str) {
    let warned = |answer| with(answer, remarks);
    let of_pods = reading(
        &metric(Measure::RequestRate),
        &warned(answer(&[])),
        "shop",
        &[pod("a", &[])],
    );
    for (reading, note) in [of_pods, total(&[], &warned(series(&[])))] {
        assert_eq!(reading, Reading::Missing(Missing::ServerError));
        assert!(note.unwrap().message.contains(telling), "{telling}");
    }
    let no_pods = reading(&metric(Measure::RequestRate), &warned(answer(&[])), "shop", &[]);
    assert_eq!(
        no_pods,
        (Reading::PerPod(vec![]), None),
        "at zero it is not applicable"
    );
    let some = warned(answer(&[("shop", "a", "", sample(1.0, 1))]));
    assert_eq!(
        per_pod(&metric(Measure::RequestRate), &some, &[pod("a", &[])])[0].value,
        Some(1.0)
    );
}

const IS_PARTIAL: Remarks = Remarks {
    warnings: Vec::new(),
    is_partial: true,
};

fn warning(text: &str) -> Remarks {
    Remarks {
        warnings: vec![text.into()],
        is_partial: false,
    }
}

fn with(answer: Result<Answer, FetchError>, remarks: &Remarks) -> Result<Answer, FetchError> {
    answer.map(|answer| Answer {
        remarks: remarks.clone(),
        ..answer
    })
}

#[test]
fn a_part_of_a_total_is_no_total() {
    let queues = || series(&[&[("queue", "a")], &[("queue", "b")]]);
    let long = format!("receive series from Addr: {}: rpc error", "x".repeat(3000));
    for (remarks, telling) in [
        (IS_PARTIAL, "isPartial is true"),
        (warning("a store is down"), "a store is down"),
        (warning(&long), "receive series from Addr"),
    ] {
        for matching in [&[("queue", "a")][..], &[]] {
            let (reading, note) = total(matching, &with(queues(), &remarks));
            assert_eq!(reading, Reading::Missing(Missing::ServerError), "{telling}");
            let message = note.unwrap().message;
            assert!(
                message.contains("in part") && message.contains(telling),
                "{message}"
            );
            assert!(message.len() < 300, "{message}");
        }
    }
    for annotation in ["PromQL warning: a mix", "PromQL info: no counter"] {
        let (reading, note) = total(&[("queue", "a")], &with(queues(), &warning(annotation)));
        let value = Reading::Total {
            value: 7.0,
            time: None,
        };
        assert_eq!((reading, note), (value, None), "{annotation}");
    }
}

#[test]
fn a_part_of_the_pods_is_a_part_of_the_readings() {
    let pods = [pod("a", &[]), pod("b", &[])];
    let one = answer(&[("shop", "a", "", sample(1.0, 1))]);
    let readings = per_pod(&metric(Measure::RequestRate), &with(one, &IS_PARTIAL), &pods);
    assert_eq!((readings[0].value, readings[1].value), (Some(1.0), None));
}

/// The answer to a user's own query: a series of 7 for each of these labels.
fn series(labels: &[&[(&str, &str)]]) -> Result<Answer, FetchError> {
    let one = |labels: &&[(&str, &str)]| {
        let labels: BTreeMap<_, _> = labels.iter().copied().collect();
        json!({"metric": labels, "value": [1.5, "7"]})
    };
    decoded(&labels.iter().map(one).collect::<Vec<_>>(), Naming::OWN)
}

/// Series of which all together, those of each queue and those of each queue and host are wanted.
fn decoded(series: &[Value], naming: Naming<'_>) -> Result<Answer, FetchError> {
    let body = json!({"status": "success", "data": {"resultType": "vector", "result": series}}).to_string();
    let sets = [&[][..], &["queue"], &["host", "queue"]];
    let set = |set: &[&str]| set.iter().map(|name| (*name).into()).collect();
    decode(body.as_bytes(), &Wanted::Labels(sets.map(set).into()), naming)
}

#[test]
fn a_total_of_a_grouped_query_has_its_time_and_tells_of_what_is_doubled() {
    let family = |family: &str, queue: &str, number: &str| json!({"metric": {"queue": queue, "concertina": family}, "value": [1.5, number]});
    let grouped = Naming {
        has_families: true,
        ..Naming::OWN
    };
    let answer = decoded(
        &[
            family("value", "a", "7"),
            family("time", "a", "12.5"),
            family("time", "b", "12.5"),
            family("value", "c", "8"),
            family("duplicates", "c", "2"),
        ],
        grouped,
    );
    let found = |value: f64, time: Option<i64>| Reading::Total {
        value,
        time: time.map(Timestamp),
    };
    assert_eq!(
        total(&[("queue", "a")], &answer),
        (found(7.0, Some(12_500)), None)
    );
    let (reading, note) = total(&[("queue", "b")], &answer);
    assert_eq!(reading, Reading::Missing(Missing::NotReadYet));
    assert!(note.unwrap().message.contains("a rate needs two"));
    let (reading, note) = total(&[("queue", "c")], &answer);
    assert_eq!(
        (reading, note.unwrap().reason),
        (found(8.0, None), Reason::DuplicateSeries)
    );
    let (reading, _) = total(&[("queue", "d")], &answer);
    assert_eq!(reading, Reading::Missing(Missing::NoSamples));
}

#[test]
fn labels_for_which_an_answer_was_not_read_are_no_empty_answer() {
    let (reading, note) = total(&[("zone", "a")], &series(&[&[("zone", "a")]]));
    assert_eq!(reading, Reading::Missing(Missing::BadAnswer));
    assert!(note.unwrap().message.contains("not read for"));
}

pub(super) fn total(
    matching: &[(&str, &str)],
    answer: &Result<Answer, FetchError>,
) -> (Reading, Option<Note>) {
    let matching = matching
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    reading(&metric(Measure::Total { matching }), answer, "shop", &[])
}

#[test]
fn a_query_of_ones_own_must_come_to_one_series() {
    let two = series(&[&[("queue", "a"), ("host", "x")], &[("queue", "b")]]);
    assert_eq!(
        total(&[("queue", "a")], &two),
        (
            Reading::Total {
                value: 7.0,
                time: None
            },
            None
        )
    );
    for (matching, answer, expected, telling) in [
        (&[][..], &two, Missing::Ambiguous, "2 series"),
        (
            &[("queue", "c")],
            &two,
            Missing::NoSamples,
            "none of the 2 series",
        ),
        (&[("queue", "c")], &series(&[]), Missing::NoSamples, "no series"),
        (&[], &series(&[]), Missing::NoSamples, "no series"),
    ] {
        let (reading, note) = total(matching, answer);
        assert_eq!(reading, Reading::Missing(expected), "{matching:?}");
        assert!(note.unwrap().message.contains(telling), "{matching:?}");
    }
}
