//! Metrics of pods: some pods without samples, samples that are too old or stand twice, pods without requests.
use serde_json::json;

use crate::fixtures::{cpu, deployment, policy};
use crate::prometheus::{families, result};
use crate::world::World;

/// A policy on four pods of which two have samples, with so many requests per second each.
async fn half_the_series(each: f64) -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, each)]);
    world
}

#[tokio::test]
async fn half_the_series_does_not_look_like_half_the_load() {
    let mut world = half_the_series(10.0).await;
    assert_eq!(world.tick().await, ["status web"]);
    assert_eq!(world.status("web")["desiredReplicas"], 4);
    world.tick_after(15).await;
    world.pass(15);
    world.rate(&[("web", 2, 10.0)]);
    assert_eq!(
        world.tick().await,
        ["Warning PodsWithoutSamples on ScalingPolicy web", "status web"]
    );
    world.expect(
        "web",
        "Ready",
        "False PodsWithoutSamples",
        "2 of 4 pods have no sample",
    );
    assert_eq!(world.status("web")["desiredReplicas"], 4);
}

#[tokio::test]
async fn pods_without_samples_count_as_busy_when_shrinking() {
    // 2 × 0.2 and 2 × 1 make 2.4.
    assert_eq!(half_the_series(2.0).await.tick().await[0], "scale web 4 → 3");
}

#[tokio::test]
async fn pods_without_samples_count_as_nothing_when_growing() {
    assert_eq!(half_the_series(25.0).await.tick().await[0], "scale web 4 → 5");
}

#[tokio::test]
async fn duplicate_series_are_reported_and_the_greatest_counts() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 1);
    world.api.has(policy("web"));
    let labels = json!({"namespace": "shop", "pod": "web-0"});
    let mut samples = families(world.now, &[(labels.clone(), 30.0)]);
    let mut duplicates = labels;
    duplicates["concertina"] = "duplicates".into();
    samples.push(json!({"metric": duplicates, "value": [1, "2"]}));
    world
        .prometheus
        .answers("http_requests_total", result("vector", &samples.into()));
    let expected = [
        "scale web 1 → 3",
        "Normal MetricAboveTarget on ScalingPolicy web",
        "Normal MetricAboveTarget on Deployment web",
        "status web",
    ];
    assert_eq!(world.tick().await, expected);
    world.expect("web", "Ready", "True Ready", "");
    // A restarted container has two series for the 5 min of Prometheus' look-back; what stays longer is a trouble.
    world.pass(330);
    assert!(
        world
            .tick()
            .await
            .contains(&"Warning DuplicateSeries on ScalingPolicy web".to_owned())
    );
    world.expect(
        "web",
        "Ready",
        "False DuplicateSeries",
        "pod web-0 has several series",
    );
}

#[tokio::test]
async fn samples_that_are_too_old_are_missing() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 2.0)]);
    world.pass(121);
    assert_eq!(
        world.tick().await,
        ["Warning StaleSamples on ScalingPolicy web", "status web"]
    );
    world.expect("web", "Ready", "False StaleSamples", "older than");
}

#[tokio::test]
async fn a_utilisation_of_pods_without_requests_says_what_to_set() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    for pod in ["web-0", "web-1"] {
        world
            .api
            .set("pods", pod, "/spec/containers/0/resources", json!({}));
    }
    world.api.has(policy("web").by(&[cpu(50)]));
    world.cpu(&[("web", 2, 1.0)]);
    assert_eq!(
        world.tick().await,
        ["Warning NoResourceRequests on ScalingPolicy web", "status web"]
    );
    world.expect(
        "web",
        "Ready",
        "False NoResourceRequests",
        "set resource requests",
    );
    world.expect("web", "ScalingActive", "False MetricsMissing", "");
}

#[tokio::test]
async fn a_utilisation_is_that_of_what_the_pods_request() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").by(&[cpu(50)]));
    world.cpu(&[("web", 2, 1.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    assert_eq!(world.status("web")["metrics"][0]["value"], "100%");
}
