//! Makes so many decisions of one service and nothing else, so that a profiler can count instructions:
//! `instructions one|three|hundred COUNT`. No network.
#![allow(missing_docs, reason = "a benchmark has no interface")]

#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

use std::hint::black_box;

use fixtures::service::Service;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, service, count, ..] = arguments.as_slice() else {
        // Cargo calls every benchmark with arguments of its own.
        return;
    };
    let mut service = match service.as_str() {
        "one" => Service::of_one_metric(),
        "three" => Service::of_three_metrics(3),
        "hundred" => Service::of_three_metrics(100),
        _ => return,
    };
    for _ in 0..count.parse().unwrap_or(0) {
        black_box(service.evaluate());
    }
    eprintln!("{} changes of the replicas", service.changes);
}
