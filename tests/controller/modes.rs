//! What a policy may do with its decisions: nothing in DryRun, nothing while Paused, everything again afterwards.
use serde_json::json;

use crate::fixtures::{deployment, policy};
use crate::world::World;

/// A Deployment of two under twice its load.
async fn overloaded() -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.rate(&[("web", 2, 20.0)]);
    world
}

#[tokio::test]
async fn a_dry_run_reports_what_it_would_do_and_writes_no_scale() {
    let mut world = overloaded().await;
    world.api.has(policy("web").in_mode("DryRun"));
    assert_eq!(world.tick().await, ["status web"]);
    let status = world.status("web");
    assert_eq!(
        (&status["currentReplicas"], &status["desiredReplicas"]),
        (&json!(2), &json!(4))
    );
    assert_eq!(status["mode"], "DryRun");
    assert_eq!(status["lastChanges"], json!(null));
    world.expect("web", "Ready", "True DryRun", "only recommends");
    world.expect("web", "AbleToScale", "False DryRun", "only recommends");
    world.expect("web", "ScalingActive", "True Ready", "");
    assert_eq!(world.tick_after(15).await, [""; 0]);
}

#[tokio::test]
async fn a_paused_policy_writes_no_scale_until_the_pause_is_over() {
    let mut world = overloaded().await;
    // The world begins at 22:14:00.
    world.api.has(
        policy("web")
            .in_mode("Paused")
            .with("/spec/pausedUntil", "2023-11-14T22:14:30Z"),
    );
    assert_eq!(world.tick().await, ["status web"]);
    assert_eq!(world.status("web")["mode"], "Paused");
    world.expect("web", "Ready", "True Paused", "");
    world.expect("web", "AbleToScale", "False Paused", "");
    world.expect("web", "ScalingActive", "False Paused", "");
    assert_eq!(world.tick_after(15).await, [""; 0]);
    assert_eq!(world.tick_after(15).await[0], "scale web 2 → 4");
    assert_eq!(world.status("web")["mode"], "Auto");
    world.expect("web", "AbleToScale", "True Ready", "");
}

#[tokio::test]
async fn the_annotation_pauses_whatever_the_spec_says() {
    let mut world = overloaded().await;
    let until = |time: &str| {
        policy("web").with(
            "/metadata/annotations",
            json!({"concertina.dev/paused-until": time}),
        )
    };
    world.api.has(until("2023-11-14T22:14:15Z"));
    assert_eq!(world.tick().await, ["status web"]);
    assert_eq!(world.status("web")["mode"], "Paused");
    assert_eq!(world.tick_after(15).await[0], "scale web 2 → 4");
}

#[tokio::test]
async fn an_annotation_that_is_no_time_stops_the_policy_and_says_what_to_write() {
    let world = overloaded().await;
    world.api.has(policy("web").with(
        "/metadata/annotations",
        json!({"concertina.dev/paused-until": "tomorrow"}),
    ));
    assert_eq!(
        world.tick().await,
        ["Warning InvalidPolicy on ScalingPolicy web", "status web"]
    );
    world.expect(
        "web",
        "Ready",
        "False InvalidPolicy",
        "write an RFC 3339 time such as",
    );
}
