//! A sound policy on a sound target: what is written when the load changes, and nothing when it does not.
use serde_json::json;

use crate::fixtures::{deployment, pods, policy};
use crate::world::World;

#[tokio::test]
async fn a_rate_above_the_target_is_answered_with_one_tested_write_then_status_and_events() {
    let mut world = World::start().await;
    let uid = deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 25.0)]);

    world.settle().await;
    world.decide().await;
    world.flush().await;
    let scale = world.api.requests(super::requests::Request::is_scale_write);
    assert_eq!(scale.len(), 1);
    assert_eq!(
        scale[0].path,
        "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    );
    assert_eq!(scale[0].content_type, "application/json-patch+json");
    let expected = json!([
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/replicas", "value": 2},
        {"op": "replace", "path": "/spec/replicas", "value": 5},
    ]);
    assert_eq!(scale[0].body, expected);
    assert_eq!(world.api.replicas("web"), 5);

    let status = world.status("web");
    assert_eq!(
        (&status["currentReplicas"], &status["desiredReplicas"]),
        (&json!(5), &json!(5))
    );
    let change = json!({"time": "2023-11-14T22:14:00Z", "from": 2, "to": 5, "reason": "MetricAboveTarget", "by": "Concertina"});
    assert_eq!(status["lastChanges"], json!([change]));
    assert_eq!(status["metrics"][0]["value"], "25");
    assert_eq!(status["metrics"][0]["target"], "10");
    world.expect("web", "Ready", "True Ready", "in force");
    world.expect("web", "AbleToScale", "True Ready", "");
    world.expect("web", "ScalingActive", "True Ready", "");
    world.expect("web", "ScalingLimited", "False WithinBounds", "");

    pods(&world.api, "web", 2, 5);
    world.pass(15);
    world.rate(&[("web", 5, 10.0)]);
    world.tick().await;
    assert_eq!(
        world.tick_after(15).await,
        [""; 0],
        "nothing changed, so nothing is written"
    );
}

#[tokio::test]
async fn the_writes_of_a_change_come_in_order_and_name_policy_and_target() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 25.0)]);
    let writes = world.tick().await;
    let expected = [
        "scale web 2 → 5",
        "Normal MetricAboveTarget on ScalingPolicy web",
        "Normal MetricAboveTarget on Deployment web",
        "status web",
    ];
    assert_eq!(writes, expected);
}
