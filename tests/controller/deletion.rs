//! Policies that are deleted, or replaced by others of the same name, while something of theirs is under way.
use crate::faults::{Fault, Held};
use crate::fixtures::{deployment, pods, policy, rate};
use crate::prometheus::Reply;
use crate::requests::Request;
use crate::world::World;

async fn overloaded() -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 20.0)]);
    world.settle().await;
    world
}

#[tokio::test]
async fn a_policy_deleted_while_its_write_is_in_flight_is_not_spoken_of_any_more() {
    let mut world = overloaded().await;
    let held = Held::default();
    world
        .api
        .fails(Request::is_scale_write, Fault::Waits(held.clone()), 1);
    let deletes = async {
        held.has_arrived().await;
        world.api.delete("scalingpolicies", "web");
        world.settle().await;
        held.release();
    };
    tokio::join!(world.decide(), deletes);
    assert_eq!(world.flush().await, ["scale web 2 → 4"], "no status and no event");
    pods(&world.api, "web", 2, 4);
    world.pass(15);
    world.rate(&[("web", 4, 20.0)]);
    assert_eq!(world.tick().await, [""; 0], "the replicas stay as they are");
    assert_eq!(world.api.replicas("web"), 4);
    let metrics = world.controller.context.metrics.encode().unwrap();
    assert!(
        !metrics.contains("policy=\"web\""),
        "its series are gone:\n{metrics}"
    );
}

#[tokio::test]
async fn a_policy_deleted_while_its_queries_run_writes_nothing() {
    let world = overloaded().await;
    let held = Held::default();
    let reply = Reply::Held(held.clone(), Box::new(world.rates(&[("web", 2, 20.0)])));
    world.prometheus.answers("http_requests_total", reply);
    let deletes = async {
        held.has_arrived().await;
        world.api.delete("scalingpolicies", "web");
        world.settle().await;
        held.release();
    };
    tokio::join!(world.decide(), deletes);
    assert_eq!(world.flush().await, [""; 0]);
}

#[tokio::test]
async fn a_policy_deleted_before_its_status_is_written_gets_none() {
    let mut world = overloaded().await;
    world.decide().await;
    world.api.delete("scalingpolicies", "web");
    world.settle().await;
    world.flush().await;
    assert_eq!(world.tick_after(15).await, [""; 0]);
    assert_eq!(world.tick_after(15).await, [""; 0]);
}

#[tokio::test]
async fn a_status_of_a_policy_that_is_gone_is_not_tried_again() {
    let mut world = overloaded().await;
    // The watch is late, so the controller does not know yet.
    world.api.withholds("scalingpolicies");
    world.api.delete("scalingpolicies", "web");
    world.decide().await;
    let writes = world.flush().await;
    assert!(writes.contains(&"status web".to_owned()), "{writes:?}");
    for _ in 0..3 {
        world.pass(3);
        assert_eq!(world.flush().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_policy_replaced_by_one_of_the_same_name_does_not_pass_on_its_status() {
    let mut world = overloaded().await;
    world.decide().await;
    // The new one is for something else, and the controller does not know it yet when the status goes out.
    world.api.withholds("scalingpolicies");
    world.api.delete("scalingpolicies", "web");
    world.api.has(policy("web").in_mode("DryRun").by(&[rate(5)]));
    world.flush().await;
    assert_eq!(
        world.status("web"),
        serde_json::Value::Null,
        "the old status is not the new policy's"
    );

    world.api.delivers();
    pods(&world.api, "web", 2, 4);
    world.pass(1);
    world.rate(&[("web", 4, 10.0)]);
    assert_eq!(
        world.tick().await,
        ["status web"],
        "evaluated at once, as a new policy"
    );
    assert_eq!(world.status("web")["mode"], "DryRun");
    assert_eq!(
        world.status("web")["lastChanges"],
        serde_json::Value::Null,
        "the changes were the other's"
    );
    assert_eq!(world.status("web")["desiredReplicas"], 8);
}

#[tokio::test]
async fn a_policy_replaced_while_its_queries_run_does_not_decide_with_them() {
    let mut world = overloaded().await;
    let held = Held::default();
    let reply = Reply::Held(held.clone(), Box::new(world.rates(&[("web", 2, 40.0)])));
    world.prometheus.answers("http_requests_total", reply);
    let replaces = async {
        held.has_arrived().await;
        world.api.delete("scalingpolicies", "web");
        world.api.has(policy("web").between(1, 3));
        world.settle().await;
        held.release();
    };
    tokio::join!(world.decide(), replaces);
    assert_eq!(world.flush().await, [""; 0]);
    world.pass(1);
    world.rate(&[("web", 2, 40.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 3");
}

#[tokio::test]
async fn the_series_of_a_policy_go_with_it() {
    let mut world = overloaded().await;
    world.tick().await;
    let metrics = |world: &World| world.controller.context.metrics.encode().unwrap();
    assert!(metrics(&world).contains("policy=\"web\""));
    world.api.delete("scalingpolicies", "web");
    world.tick_after(15).await;
    assert!(!metrics(&world).contains("policy=\"web\""), "{}", metrics(&world));
}
