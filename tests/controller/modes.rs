//! What a policy may do with its decisions: nothing in DryRun, nothing while Paused, everything again afterwards.
use serde_json::json;

use crate::fixtures::{deployment, policy};
use crate::world::World;

/// The mode of the policy `web` as the metrics tell it.
fn mode_in_metrics(world: &World) -> String {
    let text = world.controller.context.metrics.encode().unwrap();
    let before = "concertina_policy_decision_info{namespace=\"shop\",policy=\"web\",mode=\"";
    let told = text.lines().find_map(|line| line.strip_prefix(before)).unwrap();
    told.split('"').next().unwrap().to_owned()
}

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
    assert_eq!(
        world.status("web")["mode"],
        json!(null),
        "whether it is to be paused is not known"
    );
    assert_eq!(mode_in_metrics(&world), "Unknown");
}

#[tokio::test]
async fn a_policy_that_contradicts_itself_keeps_its_mode() {
    let mut world = overloaded().await;
    let contradiction = || policy("web").between(7, 3);
    for mode in ["DryRun", "Paused", "Auto"] {
        world.api.has(contradiction().in_mode(mode));
        world.tick_after(15).await;
        world.expect("web", "Ready", "False InvalidPolicy", "minReplicas 7");
        assert_eq!(world.status("web")["mode"], mode);
        assert_eq!(mode_in_metrics(&world), mode);
    }
    world.api.has(contradiction().with(
        "/metadata/annotations",
        json!({"concertina.dev/paused-until": "2023-11-14T23:00:00Z"}),
    ));
    world.tick_after(15).await;
    assert_eq!(world.status("web")["mode"], "Paused");
    assert_eq!(mode_in_metrics(&world), "Paused");
}

#[tokio::test]
async fn of_an_object_that_cannot_be_read_no_mode_is_known() {
    let world = overloaded().await;
    world.api.has(policy("web").with("/spec/metrics", "cpu"));
    world.tick().await;
    world.expect("web", "Ready", "False InvalidPolicy", "cannot be read");
    assert_eq!(world.status("web")["mode"], json!(null));
    assert_eq!(mode_in_metrics(&world), "Unknown");
}
