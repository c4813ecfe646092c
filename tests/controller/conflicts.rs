//! Others who change the target: by hand, between decision and write, or by deleting and creating it again.
use serde_json::json;

use crate::faults::{Fault, Held};
use crate::fixtures::{deployment, pods, policy, query};
use crate::prometheus::{Reply, number};
use crate::requests::Request;
use crate::world::World;

/// A settled policy on two replicas at their target.
async fn settled() -> World {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 10.0)]);
    world.tick().await;
    assert_eq!(world.tick_after(15).await, [""; 0]);
    world
}

#[tokio::test]
async fn a_change_by_hand_is_seen_recorded_and_decided_on_anew() {
    let mut world = settled().await;
    world.api.scale_by_hand("web", 4);
    pods(&world.api, "web", 2, 4);
    world.pass(15);
    world.rate(&[("web", 4, 10.0)]);
    assert_eq!(
        world.tick().await,
        ["Normal ReplicasChangedByOther on ScalingPolicy web", "status web"]
    );
    let status = world.status("web");
    assert_eq!(status["currentReplicas"], 4);
    let change = json!({
        "time": "2023-11-14T22:14:30Z", "from": 2, "to": 4, "reason": "ReplicasChangedByOther", "by": "Other",
    });
    assert_eq!(status["lastChanges"], json!([change]));
    assert_eq!(
        status["lastScaleTime"],
        json!(null),
        "the policy itself has changed nothing"
    );
    world.pass(15);
    world.rate(&[("web", 4, 5.0)]);
    assert_eq!(
        world.tick().await[0],
        "scale web 4 → 2",
        "decided from the new count"
    );
}

#[tokio::test]
async fn a_target_set_to_zero_by_hand_stays_there() {
    let mut world = settled().await;
    world.api.scale_by_hand("web", 0);
    pods(&world.api, "web", 2, 0);
    world.pass(15);
    world.rate(&[]);
    let writes = world.tick().await;
    assert!(
        !writes.iter().any(|write| write.starts_with("scale")),
        "{writes:?}"
    );
    world.expect(
        "web",
        "Ready",
        "False ScaledToZeroManually",
        "scale the target up to resume",
    );
    world.expect("web", "ScalingActive", "False ScaledToZeroManually", "");
    assert_eq!(world.tick_after(15).await, [""; 0]);
    world.api.scale_by_hand("web", 1);
    pods(&world.api, "web", 0, 1);
    world.pass(15);
    world.rate(&[("web", 1, 30.0)]);
    assert_eq!(world.tick().await[0], "scale web 1 → 3");
}

#[tokio::test]
async fn a_change_between_decision_and_write_is_a_conflict_and_decided_again_at_the_next_tick() {
    let mut world = settled().await;
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    // The watch is late, so the decision still sees two replicas.
    world.api.withholds("deployments");
    world.api.scale_by_hand("web", 3);
    assert_eq!(world.tick().await, ["scale web 2 → 4", "status web"]);
    assert_eq!(world.api.replicas("web"), 3, "the write had no effect");
    let reads = world
        .api
        .requests(|request| request.method == "GET" && request.path.ends_with("/scale"));
    assert_eq!(reads.len(), 1, "it is looked up why");
    assert_eq!(world.status("web")["lastDecision"]["reason"], "Conflict");
    assert_eq!(world.status("web")["lastChanges"], json!(null));

    world.api.delivers();
    let writes = world.tick_after(1).await;
    assert_eq!(
        writes[0], "scale web 3 → 4",
        "decided anew from what is there, at once"
    );
    assert!(
        writes.contains(&"Normal ReplicasChangedByOther on ScalingPolicy web".to_owned()),
        "{writes:?}"
    );
    assert_eq!(world.api.replicas("web"), 4);
}

#[tokio::test]
async fn a_conflict_is_not_repeated_blindly_while_the_watch_is_late() {
    let mut world = settled().await;
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    world.api.withholds("deployments");
    world.api.scale_by_hand("web", 4);
    world.tick().await;
    for _ in 0..3 {
        let writes = world.tick_after(1).await;
        assert!(
            !writes.iter().any(|write| write.starts_with("scale")),
            "{writes:?}"
        );
    }
    assert_eq!(world.api.replicas("web"), 4);
}

#[tokio::test]
async fn a_target_that_was_deleted_and_created_again_is_not_scaled_by_an_old_decision() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").by(&[query("length", 10)]));
    world.prometheus.answers("length", number("40"));
    world.settle().await;
    // The watch is late, so the decision still sees the old object.
    world.api.withholds("deployments");
    world.api.delete("deployments", "web");
    deployment(&world.api, "web", 2);
    assert_eq!(world.tick().await, ["scale web 2 → 4", "status web"]);
    assert_eq!(world.api.replicas("web"), 2, "the write had no effect");
    assert_eq!(world.status("web")["lastDecision"]["reason"], "Conflict");
    assert_eq!(
        world.tick_after(1).await[0],
        "scale web 2 → 4",
        "decided again for the new object"
    );
    assert_eq!(world.api.replicas("web"), 4);
    world.api.delivers();
    world.tick_after(15).await;
    assert_eq!(world.tick_after(15).await, [""; 0]);
}

#[tokio::test]
async fn a_target_that_is_deleted_while_it_is_scaled_is_not_found_afterwards() {
    let mut world = settled().await;
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    world.api.withholds("deployments");
    world.api.delete("deployments", "web");
    world.tick().await;
    world.expect(
        "web",
        "AbleToScale",
        "False PatchFailed",
        "does not exist any more",
    );
    world.api.delivers();
    world.tick_after(15).await;
    world.expect(
        "web",
        "AbleToScale",
        "False TargetNotFound",
        "there is no Deployment shop/web",
    );
}

#[tokio::test]
async fn a_policy_that_is_changed_while_it_is_evaluated_is_decided_again() {
    let mut world = settled().await;
    world.pass(15);
    is_changed_while_evaluated(&world, false).await;
    assert_eq!(
        world.flush().await,
        ["status web"],
        "8 replicas were wanted before, 5 are allowed now"
    );
    world.pass(1);
    world.rate(&[("web", 2, 40.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 5");
}

/// A new spec comes while an evaluation waits, which then ends; before that a tick may have taken the spec in.
async fn is_changed_while_evaluated(world: &World, is_taken_in: bool) {
    let held = Held::default();
    let reply = Reply::Held(held.clone(), Box::new(world.rates(&[("web", 2, 40.0)])));
    world.prometheus.answers("http_requests_total", reply);
    let changes = async {
        held.has_arrived().await;
        world.api.set("scalingpolicies", "web", "/spec/maxReplicas", 5);
        world.settle().await;
        if is_taken_in {
            world.decide().await;
        }
        held.release();
    };
    tokio::join!(world.decide(), changes);
}

/// The series of all policies, and their decisions.
fn series(world: &World) -> Vec<String> {
    let text = world.controller.context.metrics.encode().unwrap();
    let is_meant =
        |line: &&str| line.starts_with("concertina_policy_") || line.starts_with("concertina_decisions_");
    text.lines().filter(is_meant).map(str::to_owned).collect()
}

#[tokio::test]
async fn an_evaluation_that_a_new_spec_voids_leaves_the_series_of_the_policy_alone() {
    let mut world = settled().await;
    world.pass(15);
    let before = series(&world);
    is_changed_while_evaluated(&world, true).await;
    assert_eq!(series(&world), before);
}

#[tokio::test]
async fn nothing_is_told_of_a_policy_whose_first_evaluation_a_new_spec_voids() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.settle().await;
    is_changed_while_evaluated(&world, true).await;
    assert_eq!(series(&world), [""; 0]);
    assert_eq!(world.flush().await, [""; 0]);
}

#[tokio::test]
async fn an_old_watch_event_after_a_write_is_not_taken_for_somebody_elses_change() {
    let mut world = settled().await;
    let before = world.api.object("deployments", "web");
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    // Nothing of the write is heard from the watch; an older state comes late.
    world.api.withholds("deployments");
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    world.api.delivers_again("deployments", &before);
    pods(&world.api, "web", 2, 4);
    world.pass(15);
    world.rate(&[("web", 4, 10.0)]);
    let writes = world.tick().await;
    assert!(
        !writes
            .iter()
            .any(|write| write.contains("ChangedByOther") || write.starts_with("scale")),
        "{writes:?}"
    );
    assert_eq!(world.status("web")["currentReplicas"], 4);
    world.api.delivers();
    assert_eq!(world.tick_after(15).await, [""; 0]);
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_our_own_change_all_the_same() {
    let mut world = settled().await;
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    world.api.fails(Request::is_scale_write, Fault::Breaks, 1);
    let writes = world.tick().await;
    assert_eq!(
        world.api.replicas("web"),
        4,
        "the write was made, but the connection broke before the answer"
    );
    assert!(
        writes.contains(&"Normal MetricAboveTarget on Deployment web".to_owned()),
        "{writes:?}"
    );
    assert_eq!(world.status("web")["lastChanges"][0]["by"], "Concertina");
    world.expect("web", "AbleToScale", "True Ready", "");
    pods(&world.api, "web", 2, 4);
    world.pass(15);
    world.rate(&[("web", 4, 10.0)]);
    let writes = world.tick().await;
    assert!(
        !writes.iter().any(|write| write.contains("ChangedByOther")),
        "{writes:?}"
    );
}
