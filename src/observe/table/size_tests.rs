//! How much memory answers take, and how often it is asked for. What decoding costs in time is printed by a test that is
//! run by hand: `cargo test --release --lib what_100_000_series_cost -- --ignored --nocapture`.
use std::fmt::Write;

use concertina_decision::{Reading, Timestamp};

use super::*;
use crate::counted::{allocations, bytes_since};
use crate::observe::history::{History, Steps};
use crate::observe::join::total_reading;

const SERIES: usize = 100_000;

/// Of the shape of a workload's series: namespace and workload.
fn labels(index: usize) -> (String, String) {
    (format!("team-{}", index / 50), format!("checkout-{index}"))
}

fn body(kind: &str, series: impl Fn(&mut String, usize)) -> String {
    let mut body = format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":["#);
    for index in 0..SERIES {
        body += if index == 0 { "" } else { "," };
        series(&mut body, index);
    }
    body + "]}}"
}

fn workloads() -> String {
    body("vector", |body, index| {
        let (namespace, workload) = labels(index);
        let number = index as f64 / 7.0;
        let _ = write!(
            body,
            r#"{{"metric":{{"namespace":"{namespace}","workload":"{workload}"}},"value":[1700000000.123,"{number}"]}}"#
        );
    })
}

fn by_workload() -> Wanted {
    Wanted::Labels(vec![["namespace".into(), "workload".into()].into()])
}

/// What policies match, one per series.
fn policies() -> Vec<Vec<(Arc<str>, Box<str>)>> {
    let names: [Arc<str>; 2] = ["namespace".into(), "workload".into()];
    let matching = |index| {
        let (namespace, workload) = labels(index);
        let values = [namespace.into(), workload.into()];
        names.iter().cloned().zip(values).collect()
    };
    (0..SERIES).map(matching).collect()
}

/// Bytes per series and allocations in all.
fn cost<T>(decode: impl FnOnce() -> T) -> (T, usize, usize) {
    let (allocations_before, bytes_before) = (allocations(), bytes_since(0));
    let decoded = decode();
    let bytes = bytes_since(bytes_before) / SERIES;
    (decoded, bytes, allocations() - allocations_before)
}

#[test]
fn totals_take_64_bytes_each_and_are_found_without_an_allocation() {
    let (body, policies) = (workloads(), policies());
    let (answer, bytes, count) = cost(|| decode(body.as_bytes(), &by_workload(), Naming::OWN));
    assert!(answer.is_ok());
    assert!((40..=64).contains(&bytes), "{bytes} bytes per series");
    assert!(count < 200, "{count} allocations");
    let before = allocations();
    for (index, matching) in policies.iter().enumerate() {
        let (reading, note) = total_reading(matching, &answer);
        let value = index as f64 / 7.0;
        assert_eq!((reading, note), (Reading::Total { value, time: None }, None));
    }
    assert_eq!(allocations(), before);
}

#[test]
fn pods_take_80_bytes_for_each_series() {
    // Value and time of 50,000 containers.
    let body = body("vector", |body, index| {
        let (pod, family) = (
            index % (SERIES / 2),
            if index < SERIES / 2 { "value" } else { "time" },
        );
        let namespace = pod / 50;
        let _ = write!(
            body,
            r#"{{"metric":{{"concertina":"{family}","container":"app","namespace":"team-{namespace}","pod":"checkout-7d9f8b6c5d-{pod:05}"}},"value":[1700000000.123,"0.25"]}}"#
        );
    });
    let (answer, bytes, count) = cost(|| decode(body.as_bytes(), &Wanted::Pods, Naming::CONTAINERS));
    assert!((30..=80).contains(&bytes), "{bytes} bytes per series");
    assert!(count < 200, "{count} allocations");
    let answer = answer.unwrap();
    let widths: usize = answer.widths().iter().map(|(_, width)| width).sum();
    assert_eq!(widths, SERIES);
}

#[test]
fn twenty_steps_of_the_past_take_240_bytes_for_each_series() {
    let steps = Steps::before(Timestamp::from_seconds(1_700_000_100), 300, 15);
    let times: Vec<i64> = steps.times().map(|time| time.0 / 1000).collect();
    assert_eq!(times.len(), 20);
    let body = body("matrix", |body, index| {
        let (namespace, workload) = labels(index);
        let _ = write!(
            body,
            r#"{{"metric":{{"namespace":"{namespace}","workload":"{workload}"}},"values":["#
        );
        for (place, time) in times.iter().enumerate() {
            let _ = write!(body, "{}[{time},\"{index}\"]", if place == 0 { "" } else { "," });
        }
        *body += "]}";
    });
    let (history, bytes, count) =
        cost(|| History::decode(body.as_bytes(), steps, &by_workload(), Naming::OWN).unwrap());
    assert!((180..=240).contains(&bytes), "{bytes} bytes per series");
    assert!(count < 200, "{count} allocations");
    let matching = &policies()[777];
    let part = history.part("", std::iter::empty(), Some(matching));
    let (reading, _) = total_reading(matching, &Ok(part.at(19)));
    assert_eq!(
        reading,
        Reading::Total {
            value: 777.0,
            time: None
        }
    );
}

#[test]
#[ignore = "prints times and shows nothing; for a release build on a quiet machine"]
fn what_100_000_series_cost() {
    use crate::observe::planner::{Asks, Planner, Taken};
    let (body, policies) = (workloads(), policies());
    let nanoseconds = |what: &str, run: &mut dyn FnMut()| {
        let best = (0..15)
            .map(|_| {
                let start = std::time::Instant::now();
                run();
                start.elapsed()
            })
            .min();
        let each = best.unwrap_or_default().as_nanos() / SERIES as u128;
        println!(
            "{what}: {each} ns each; bodies of {} bytes per series",
            body.len() / SERIES
        );
    };
    let mut answer = Err(FetchError::TimedOut(0));
    nanoseconds("decode by namespace and workload", &mut || {
        answer = decode(body.as_bytes(), &by_workload(), Naming::OWN);
    });
    nanoseconds("the same as a tree", &mut || {
        std::hint::black_box(serde_json::from_str::<serde_json::Value>(&body).ok());
    });
    nanoseconds("the same and nothing kept", &mut || {
        std::hint::black_box(serde_json::from_str::<serde::de::IgnoredAny>(&body).ok());
    });
    nanoseconds("join", &mut || {
        for matching in &policies {
            std::hint::black_box(total_reading(matching, &answer));
        }
    });
    struct Policy<'p>(
        Arc<str>,
        Arc<super::super::plan::QueryKey>,
        &'p [(Arc<str>, Box<str>)],
    );
    impl Asks for Policy<'_> {
        fn needs(&self) -> impl Iterator<Item = (&Arc<super::super::plan::QueryKey>, Taken<'_>)> {
            let memory = (&self.1, None);
            [memory, (&self.1, Some(self.2)), memory].into_iter()
        }
    }
    let server: Arc<str> = "default".into();
    let key = super::super::plan::QueryKey::shared(&server, crate::observe::query::Template::Memory);
    let policy = |matching: &'_ Vec<(Arc<str>, Box<str>)>| crate::intern::name(&matching[0].1);
    let due: Vec<Policy<'_>> = policies
        .iter()
        .map(|matching| Policy(policy(matching), Arc::clone(&key), matching))
        .collect();
    let mut planner = Planner::default();
    nanoseconds("plan three queries", &mut || {
        let due = due.iter().map(|policy| (&policy.0, policy));
        std::hint::black_box(planner.plan(due, Timestamp::from_seconds(1)));
    });
}
