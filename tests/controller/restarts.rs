//! A controller that starts anew beside the same cluster: nothing shrinks at once, nothing is forgotten, nothing repeated.
use serde_json::json;

use crate::faults::{Fault, Held};
use crate::fixtures::{cpu, deployment, pods, policy, query, rate};
use crate::prometheus::{Reply, number};
use crate::requests::Request;
use crate::world::World;

/// A policy that has just grown from 2 to 4, with the default behaviour of shrinking, and is settled there.
async fn grown() -> World {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").with("/spec/behavior", json!({})));
    world.rate(&[("web", 2, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    pods(&world.api, "web", 2, 4);
    world.pass(15);
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    assert_eq!(world.tick_after(15).await, [""; 0]);
    world
}

#[tokio::test]
async fn nothing_is_written_when_nothing_changed_meanwhile() {
    let mut world = grown().await;
    world.restart().await;
    for _ in 0..4 {
        world.pass(15);
        world.rate(&[("web", 4, 10.0)]);
        assert_eq!(world.tick().await, [""; 0]);
    }
}

#[tokio::test]
async fn the_last_changes_are_kept() {
    let mut world = grown().await;
    let before = world.status("web");
    assert_eq!(before["lastChanges"].as_array().unwrap().len(), 1);
    world.restart().await;
    world.pass(15);
    world.rate(&[("web", 4, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 4 → 8");
    let after = world.status("web");
    assert_eq!(after["lastChanges"].as_array().unwrap().len(), 2);
    assert_eq!(after["lastChanges"][1], before["lastChanges"][0]);
    let ready = |status: &serde_json::Value| status["conditions"][0]["lastTransitionTime"].clone();
    assert_eq!(ready(&before), ready(&after), "the condition is as old as it was");
}

#[tokio::test]
async fn nothing_shrinks_before_the_stabilisation_window_is_known_again() {
    let mut world = grown().await;
    world.restart().await;
    let mut waited = 0;
    loop {
        world.pass(15);
        waited += 15;
        world.rate(&[("web", 4, 1.0)]);
        if world.tick().await.iter().any(|write| write.starts_with("scale")) {
            break;
        }
        assert!(waited < 600, "it shrinks at last");
    }
    assert!(waited >= 300, "it shrank after {waited} s");
    assert_eq!(
        world.api.replicas("web"),
        3,
        "and then no faster than a quarter per minute"
    );
}

#[tokio::test]
async fn a_change_made_while_no_controller_ran_is_somebody_elses() {
    let mut world = grown().await;
    world.api.scale_by_hand("web", 6);
    pods(&world.api, "web", 4, 6);
    world.restart().await;
    world.pass(15);
    world.rate(&[("web", 6, 10.0)]);
    assert_eq!(
        world.tick().await,
        ["Normal ReplicasChangedByOther on ScalingPolicy web", "status web"]
    );
    assert_eq!(world.status("web")["currentReplicas"], 6);
}

#[tokio::test]
async fn a_trouble_that_lasts_is_not_told_in_the_status_again() {
    let mut world = grown().await;
    world.prometheus.answers(
        "http_requests_total",
        Reply::Body(503, "text/plain", "down".into()),
    );
    world.tick_after(15).await;
    world.restart().await;
    assert_eq!(
        world.tick_after(15).await,
        ["Warning PrometheusError on ScalingPolicy web"],
        "only its event is"
    );
}

#[tokio::test]
async fn a_target_that_is_still_being_looked_up_is_no_news() {
    let mut world = grown().await;
    let held = Held::default();
    let lists = |request: &Request| request.path == "/apis/apps/v1/deployments";
    world.api.fails(lists, Fault::Waits(held.clone()), 1);
    world.restart_unsettled().await;
    held.has_arrived().await;
    world.pass(15);
    world.rate(&[("web", 4, 20.0)]);
    world.decide().await;
    world.controller.context.reporter.flush(world.now).await;
    assert_eq!(world.writes(), [""; 0]);
    held.release();
    assert_eq!(
        world.tick_after(1).await[0],
        "scale web 4 → 8",
        "it need not wait for its next period"
    );
}

#[tokio::test]
async fn a_cooldown_goes_on() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world
        .api
        .has(policy("web").with("/spec/behavior/scaleUp", json!({"cooldownSeconds": 120})));
    world.rate(&[("web", 2, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    pods(&world.api, "web", 2, 4);
    world.restart().await;
    for _ in 0..7 {
        world.pass(15);
        world.rate(&[("web", 4, 20.0)]);
        let writes = world.tick().await;
        assert!(
            !writes.iter().any(|write| write.starts_with("scale")),
            "{writes:?}"
        );
    }
    world.expect("web", "AbleToScale", "True ScaleUpCooldown", "");
    world.pass(15);
    world.rate(&[("web", 4, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 4 → 8");
}

#[tokio::test]
async fn a_limit_per_period_goes_on() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    let limit = json!({"type": "Pods", "value": 2, "periodSeconds": 60});
    world
        .api
        .has(policy("web").with("/spec/behavior/scaleUp", json!({"policies": [limit]})));
    world.rate(&[("web", 2, 40.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    pods(&world.api, "web", 2, 4);
    world.restart().await;
    world.pass(15);
    world.rate(&[("web", 4, 20.0)]);
    let writes = world.tick().await;
    assert!(
        !writes.iter().any(|write| write.starts_with("scale")),
        "{writes:?}"
    );
    world.pass(45);
    world.rate(&[("web", 4, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 4 → 6");
}

/// Four steps by one each, all of which fit into the limit of four per ten minutes, of a policy that has much to tell:
/// three metrics, one of which fails at length, and a guard that is tripped.
async fn grown_in_four_steps() -> World {
    let mut world = World::start().await;
    deployment(&world.api, "web", 10);
    let limit = json!({"type": "Pods", "value": 4, "periodSeconds": 600});
    let guard = json!({"name": "errors", "query": "error_ratio", "above": "0.01", "forSeconds": 0});
    let policy = policy("web")
        .by(&[cpu(70), rate(50), query("rabbitmq_queue_messages_ready", 30)])
        .between(2, 40)
        .with(
            "/spec/behavior",
            json!({
                "scaleUp": {"policies": [limit], "tolerance": "0.02"},
                "scaleDown": {"cooldownSeconds": 60, "stabilizationWindowSeconds": 300},
            }),
        )
        .with("/spec/guards", json!([guard]));
    world.api.has(policy);
    let error = json!({"status": "error", "errorType": "unavailable", "error": format!(
        "the store gateway eu-west-1-b is not to be reached: {}", "dial tcp 10.96.12.7:10901: connection refused; ".repeat(4),
    )});
    let failing = Reply::Body(503, "application/json", error.to_string());
    world.prometheus.answers("rabbitmq_queue_messages_ready", failing);
    world.prometheus.answers("error_ratio", number("0.0234"));
    for replicas in 10..14_u8 {
        wants_one_more(&world, replicas);
        let step = format!("scale web {replicas} → {}", replicas + 1);
        assert_eq!(world.tick().await[0], step);
        pods(&world.api, "web", replicas.into(), usize::from(replicas) + 1);
        world.pass(15);
    }
    world
}

/// A load that needs one replica more than the target has.
fn wants_one_more(world: &World, replicas: u8) {
    let each = 50.0 * (f64::from(replicas) + 0.9) / f64::from(replicas);
    world.rate(&[("web", replicas.into(), each)]);
    world.cpu(&[("web", replicas.into(), 0.61)]);
}

#[tokio::test]
async fn a_limit_per_period_goes_on_from_all_the_changes_of_a_policy_that_has_much_to_tell() {
    let mut world = grown_in_four_steps().await;
    let status = world.status("web");
    assert_eq!(status["lastChanges"].as_array().unwrap().len(), 4);
    assert!(status["metrics"][2]["reason"] == "PrometheusError", "{status}");
    world.restart().await;
    let mut passed = 60;
    while passed < 600 {
        wants_one_more(&world, 14);
        let writes = world.tick().await;
        assert!(
            !writes.iter().any(|write| write.starts_with("scale")),
            "after {passed} s: {writes:?}"
        );
        world.expect("web", "ScalingLimited", "True ScaleUpLimit", "");
        let step = if passed < 585 { 75 } else { 15 };
        passed += step;
        world.pass(step);
    }
    assert_eq!(passed, 600, "since the first of the four");
    wants_one_more(&world, 14);
    assert_eq!(world.tick().await[0], "scale web 14 → 15");
}
