//! A controller that starts anew beside the same cluster: nothing shrinks at once, nothing is forgotten, nothing repeated.
use serde_json::json;

use crate::fixtures::{deployment, pods, policy};
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
async fn a_change_made_while_no_controller_ran_is_taken_as_it_is() {
    let mut world = grown().await;
    world.api.scale_by_hand("web", 6);
    pods(&world.api, "web", 4, 6);
    world.restart().await;
    world.pass(15);
    world.rate(&[("web", 6, 10.0)]);
    assert_eq!(world.tick().await, ["status web"]);
    assert_eq!(world.status("web")["currentReplicas"], 6);
}

#[tokio::test]
async fn a_trouble_that_lasts_is_not_told_in_the_status_again() {
    let mut world = grown().await;
    world.prometheus.answers(
        "http_requests_total",
        crate::prometheus::Reply::Body(503, "text/plain", "down".into()),
    );
    world.tick_after(15).await;
    world.restart().await;
    assert_eq!(
        world.tick_after(15).await,
        ["Warning PrometheusError on ScalingPolicy web"],
        "only its event is"
    );
}
