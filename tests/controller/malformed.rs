//! Policies that the API server would refuse today, but that an older schema let in: a clear condition, and no harm to others.
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::fixtures::{Policy, deployment, policy, rate};
use crate::requests::Request;
use crate::world::World;

/// The malformed policy `bad` gets a condition with this in its message, and the sound one beside it scales.
async fn is_refused(bad: Policy, telling: &str) {
    let mut world = World::start().await;
    deployment(&world.api, "bad", 2);
    deployment(&world.api, "good", 2);
    world.api.has(bad);
    world.api.has(policy("good"));
    world.rate(&[("good", 2, 20.0), ("bad", 2, 20.0)]);
    let mut writes = world.tick().await;
    writes.sort();
    let expected = [
        "Normal MetricAboveTarget on Deployment good",
        "Normal MetricAboveTarget on ScalingPolicy good",
        "Warning InvalidPolicy on ScalingPolicy bad",
        "scale good 2 → 4",
        "status bad",
        "status good",
    ];
    assert_eq!(writes, expected);
    for kind in ["Ready", "AbleToScale", "ScalingActive"] {
        world.expect("bad", kind, "False InvalidPolicy", telling);
    }
    assert_eq!(world.tick_after(15).await, ["status good"], "told once");
    world.api.has(policy("bad"));
    world.pass(15);
    world.rate(&[("good", 2, 20.0), ("bad", 2, 20.0)]);
    let writes = world.tick().await;
    assert!(
        writes.contains(&"scale bad 2 → 4".to_owned()),
        "a corrected policy works: {writes:?}"
    );
    world.expect("bad", "Ready", "True Ready", "");
}

fn rate_of(value: impl Into<Value>) -> Policy {
    policy("bad").by(&[json!({"name": "rate", "requestRate": {"averageValue": value.into()}})])
}

#[tokio::test]
async fn a_minimum_above_the_maximum() {
    is_refused(
        policy("bad").between(7, 3),
        "minReplicas 7 is greater than maxReplicas 3",
    )
    .await;
}

#[tokio::test]
async fn a_negative_minimum() {
    is_refused(policy("bad").between(-1, 3), "minReplicas is -1").await;
}

#[tokio::test]
async fn a_maximum_of_zero() {
    is_refused(policy("bad").with("/spec/maxReplicas", 0), "maxReplicas is 0").await;
}

#[tokio::test]
async fn a_target_of_zero() {
    is_refused(rate_of(0), "metric rate averageValue is 0").await;
}

#[tokio::test]
async fn a_negative_target() {
    is_refused(rate_of("-50m"), "metric rate averageValue is -50m").await;
}

#[tokio::test]
async fn a_target_that_is_no_quantity() {
    is_refused(rate_of("fast"), "is not a quantity").await;
}

#[tokio::test]
async fn a_utilisation_of_zero() {
    let metric = json!({"name": "cpu", "cpu": {"averageUtilization": 0}});
    is_refused(policy("bad").by(&[metric]), "metric cpu averageUtilization is 0").await;
}

#[tokio::test]
async fn no_metrics() {
    is_refused(policy("bad").by(&[]), "metrics has no entry").await;
}

#[tokio::test]
async fn too_many_metrics() {
    let metrics: Vec<Value> = (0..40)
        .map(|index| {
            let mut metric = rate(10);
            metric["name"] = format!("m{index}").into();
            metric
        })
        .collect();
    is_refused(policy("bad").by(&metrics), "metrics has 40 entries").await;
}

#[tokio::test]
async fn two_metrics_of_one_name() {
    is_refused(
        policy("bad").by(&[rate(10), rate(20)]),
        "two metrics are named rate",
    )
    .await;
}

#[tokio::test]
async fn a_metric_that_measures_nothing() {
    is_refused(
        policy("bad").by(&[json!({"name": "what"})]),
        "metric what has 0 of cpu",
    )
    .await;
}

#[tokio::test]
async fn a_metric_that_measures_two_things() {
    let mut both = rate(10);
    both["cpu"] = json!({"averageUtilization": 50});
    is_refused(policy("bad").by(&[both]), "metric rate has 2 of cpu").await;
}

#[tokio::test]
async fn a_word_where_a_number_belongs() {
    is_refused(
        policy("bad").with("/spec/maxReplicas", "many"),
        "spec.maxReplicas",
    )
    .await;
}

#[tokio::test]
async fn a_number_beyond_any_count() {
    is_refused(
        policy("bad").with("/spec/maxReplicas", 99_999_999_999_i64),
        "spec.maxReplicas",
    )
    .await;
}

#[tokio::test]
async fn a_mode_that_does_not_exist() {
    is_refused(policy("bad").in_mode("Sometimes"), "Sometimes").await;
}

#[tokio::test]
async fn a_spec_without_a_target() {
    let mut stored = Value::from(policy("bad"));
    stored["spec"].as_object_mut().unwrap().remove("scaleTargetRef");
    is_refused(
        policy("bad").with("/spec", stored["spec"].clone()),
        "scaleTargetRef",
    )
    .await;
}

#[tokio::test]
async fn a_spec_that_is_null() {
    is_refused(policy("bad").with("/spec", Value::Null), "cannot be read").await;
}

#[tokio::test]
async fn a_period_of_zero() {
    is_refused(policy("bad").with("/spec/periodSeconds", 0), "periodSeconds is 0").await;
}

#[tokio::test]
async fn a_status_that_cannot_be_read_is_written_anew() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world
        .api
        .has(policy("web").with("/status", json!({"conditions": "none", "lastChanges": 5})));
    world.rate(&[("web", 2, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    world.expect("web", "Ready", "True Ready", "");
}

#[tokio::test]
async fn a_status_refused_beside_a_malformed_object_is_tried_again_late_or_when_the_object_is_mended() {
    let mut world = World::start().await;
    deployment(&world.api, "bad", 2);
    world.api.has(policy("bad").between(7, 3));
    let refusal = Fault::Answers(422, "spec.metrics[0].cpu: Invalid value: invalid data");
    world.api.fails(Request::is_status_write, refusal, 2);
    assert!(world.tick().await.contains(&"status bad".to_owned()));
    for _ in 0..19 {
        assert_eq!(world.tick_after(15).await, [""; 0]);
    }
    assert_eq!(world.tick_after(15).await, ["status bad"], "after five minutes");
    assert_eq!(world.tick_after(15).await, [""; 0]);

    world.api.has(policy("bad").between(1, 3));
    world.pass(15);
    world.rate(&[("bad", 2, 10.0)]);
    assert_eq!(world.tick().await, ["status bad"], "at once");
    world.expect("bad", "Ready", "True Ready", "");
}
