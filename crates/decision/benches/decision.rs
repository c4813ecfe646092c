//! What one decision costs, the remembering included: `make bench-decision`. No network.
#![allow(missing_docs, reason = "a benchmark has no interface")]

#[path = "../tests/fixtures/mod.rs"]
mod fixtures;

use criterion::{Criterion, criterion_group, criterion_main};
use fixtures::service::Service;

fn decisions(criterion: &mut Criterion) {
    for (name, mut service) in [
        ("one metric, 3 pods", Service::of_one_metric()),
        ("three metrics, 3 pods", Service::of_three_metrics(3)),
        ("three metrics, 100 pods", Service::of_three_metrics(100)),
    ] {
        criterion.bench_function(name, |bencher| bencher.iter(|| service.evaluate()));
    }
}

criterion_group!(benches, decisions);
criterion_main!(benches);
