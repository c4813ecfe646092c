//! Targets that are not there, cannot be scaled, keep their count elsewhere, or go and come again.
use serde_json::json;

use crate::faults::{Fault, Held};
use crate::fixtures::{deployment, policy, query};
use crate::prometheus::number;
use crate::requests::Request;
use crate::world::World;

/// A sound policy on an overloaded Deployment `good`, beside whatever else a scenario adds.
async fn beside_a_good_one() -> World {
    let world = World::start().await;
    deployment(&world.api, "good", 2);
    world.api.has(policy("good"));
    world.rate(&[("good", 2, 20.0)]);
    world
}

const GOOD: [&str; 4] = [
    "scale good 2 → 4",
    "Normal MetricAboveTarget on ScalingPolicy good",
    "Normal MetricAboveTarget on Deployment good",
    "status good",
];

/// The writes of the good policy, with one warning and one status of the bad one among them.
fn good_and(bad: &str, reason: &str) -> Vec<String> {
    let mut writes = vec![GOOD[0].to_owned()];
    writes.push(format!("Warning {reason} on ScalingPolicy {bad}"));
    writes.extend([GOOD[1].to_owned(), GOOD[2].to_owned()]);
    writes.extend([format!("status {bad}"), GOOD[3].to_owned()]);
    writes
}

/// Writes in an order that does not depend on which policy answered first.
fn sorted(mut writes: Vec<String>) -> Vec<String> {
    writes.sort();
    writes
}

#[tokio::test]
async fn a_kind_that_is_not_served_is_named_and_harms_nobody_else() {
    let mut world = beside_a_good_one().await;
    world
        .api
        .has(policy("bad").on("nothing.dev/v1", "Nothing", "bad"));
    assert_eq!(
        sorted(world.tick().await),
        sorted(good_and("bad", "TargetNotFound"))
    );
    for kind in ["Ready", "AbleToScale", "ScalingActive"] {
        world.expect(
            "bad",
            kind,
            "False TargetNotFound",
            "serves no kind Nothing in nothing.dev/v1",
        );
    }
    assert_eq!(
        world.tick_after(15).await,
        ["status good"],
        "the bad one is told once"
    );
}

#[tokio::test]
async fn a_target_that_does_not_exist_is_named_and_found_once_it_is_created() {
    let mut world = beside_a_good_one().await;
    world.api.has(policy("bad"));
    assert_eq!(
        sorted(world.tick().await),
        sorted(good_and("bad", "TargetNotFound"))
    );
    world.expect(
        "bad",
        "Ready",
        "False TargetNotFound",
        "there is no Deployment shop/bad",
    );

    deployment(&world.api, "bad", 1);
    world.pass(15);
    world.rate(&[("good", 2, 20.0), ("bad", 1, 30.0)]);
    let writes = world.tick().await;
    assert!(writes.contains(&"scale bad 1 → 3".to_owned()), "{writes:?}");
    world.expect("bad", "Ready", "True Ready", "");
}

#[tokio::test]
async fn a_kind_without_a_scale_subresource_is_refused_with_advice() {
    let world = beside_a_good_one().await;
    world.api.has(policy("bad").on("apps/v1", "DaemonSet", "bad"));
    assert_eq!(
        sorted(world.tick().await),
        sorted(good_and("bad", "TargetNotScalable"))
    );
    world.expect("bad", "Ready", "False TargetNotScalable", "such as a Deployment");
}

#[tokio::test]
async fn a_custom_kind_is_scaled_by_what_its_scale_subresource_says() {
    let mut world = World::start().await;
    let fleet = json!({
        "apiVersion": "example.dev/v1", "kind": "Fleet", "metadata": {"name": "ships"},
        // A field of this name means something else here.
        "spec": {"size": 2, "replicas": 77},
    });
    world.api.has(fleet);
    let metrics = [query("queue_length", 10)];
    world.api.has(
        policy("ships")
            .on("example.dev/v1", "Fleet", "ships")
            .by(&metrics),
    );
    world.prometheus.answers("queue_length", number("50"));
    assert_eq!(world.tick().await[0], "scale ships 2 → 5");
    assert_eq!(
        world.api.object("fleets", "ships")["spec"],
        json!({"size": 5, "replicas": 77})
    );
    world.tick_after(15).await;
    assert_eq!(world.tick_after(15).await, [""; 0]);
}

#[tokio::test]
async fn a_kind_that_the_controller_may_not_list_says_so() {
    let mut world = beside_a_good_one().await;
    world.tick().await;
    let lists = |request: &Request| request.path == "/apis/example.dev/v1/fleets";
    world.api.always_fails(
        lists,
        Fault::Answers(403, "fleets is forbidden: User cannot list resource"),
    );
    world
        .api
        .has(policy("ships").on("example.dev/v1", "Fleet", "ships"));
    world
        .until(|world| {
            !world
                .api
                .requests(|request| request.path.ends_with("/fleets"))
                .is_empty()
        })
        .await;
    world.pass(15);
    world.decide().await;
    world.controller.context.reporter.flush(world.now).await;
    assert!(
        world
            .writes()
            .contains(&"Warning TargetForbidden on ScalingPolicy ships".to_owned())
    );
    world.expect("ships", "Ready", "False TargetForbidden", "fleets is forbidden");
}

#[tokio::test]
async fn an_object_without_a_spec_does_not_hide_the_others_of_its_kind() {
    let world = World::start().await;
    for (name, spec) in [("ships", json!({"size": 2})), ("odd", json!(null))] {
        world.api.has(json!({
            "apiVersion": "example.dev/v1", "kind": "Fleet", "metadata": {"name": name}, "spec": spec,
        }));
    }
    world.api.has(
        policy("ships")
            .on("example.dev/v1", "Fleet", "ships")
            .by(&[query("queue_length", 10)]),
    );
    world.prometheus.answers("queue_length", number("50"));
    assert_eq!(world.tick().await[0], "scale ships 2 → 5");
}

#[tokio::test]
async fn a_new_policy_does_not_wait_a_period_for_its_target_to_be_looked_up() {
    let mut world = beside_a_good_one().await;
    world.tick().await;
    let held = Held::default();
    let lists = |request: &Request| request.path == "/apis/example.dev/v1/fleets";
    world.api.fails(lists, Fault::Waits(held.clone()), 1);
    world.api.has(json!({
        "apiVersion": "example.dev/v1", "kind": "Fleet", "metadata": {"name": "ships"}, "spec": {"size": 2},
    }));
    world.api.has(
        policy("ships")
            .on("example.dev/v1", "Fleet", "ships")
            .by(&[query("queue_length", 10)]),
    );
    world.prometheus.answers("queue_length", number("50"));
    held.has_arrived().await;
    world.pass(1);
    world.decide().await;
    world.controller.context.reporter.flush(world.now).await;
    assert!(world.writes().contains(&"status ships".to_owned()));
    world.expect(
        "ships",
        "Ready",
        "False Evaluating",
        "looking up Fleet shop/ships",
    );
    held.release();
    assert_eq!(world.tick_after(1).await[0], "scale ships 2 → 5");
}
