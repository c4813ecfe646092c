//! Watches that break: the tables are rebuilt and nobody notices.
use crate::fixtures::{deployment, pods, policy};
use crate::world::World;

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
async fn versions_that_are_gone_are_listed_anew_without_a_trace() {
    let mut world = settled().await;
    for plural in ["scalingpolicies", "pods", "replicasets", "deployments"] {
        world.api.expires(plural);
        // While the list is on its way, the tables keep what they knew.
        world.pass(15);
        world.rate(&[("web", 2, 10.0)]);
        world.decide().await;
        assert_eq!(world.flush().await, [""; 0], "{plural}");
        world.pass(15);
        world.rate(&[("web", 2, 10.0)]);
        assert_eq!(world.tick().await, [""; 0], "{plural}");
    }
}

#[tokio::test]
async fn what_changed_while_a_watch_was_broken_is_seen_by_the_new_list() {
    let mut world = settled().await;
    for plural in ["scalingpolicies", "pods", "deployments"] {
        world.api.withholds(plural);
    }
    world.api.scale_by_hand("web", 4);
    pods(&world.api, "web", 2, 4);
    world.api.has(policy("web").between(1, 6));
    for plural in ["scalingpolicies", "pods", "deployments"] {
        world.api.forgets_what_it_withheld(plural);
        world.api.expires(plural);
    }
    world.settle().await;
    world.pass(15);
    world.rate(&[("web", 4, 40.0)]);
    let writes = world.tick().await;
    assert_eq!(writes[0], "scale web 4 → 6");
}

#[tokio::test]
async fn a_policy_deleted_while_the_watch_was_broken_is_gone() {
    let mut world = settled().await;
    world.api.withholds("scalingpolicies");
    world.api.delete("scalingpolicies", "web");
    world.api.forgets_what_it_withheld("scalingpolicies");
    world.api.expires("scalingpolicies");
    world.pass(15);
    world.rate(&[("web", 2, 40.0)]);
    assert_eq!(world.tick().await, [""; 0]);
    assert!(world.controller.cluster.policies().iter().next().is_none());
}

#[tokio::test]
async fn an_unready_pod_stays_one_that_was_ready_after_a_new_list() {
    let mut world = settled().await;
    // It fails its probes within its first half minute, but it was Ready: its load must not vanish.
    world
        .api
        .set("pods", "web-1", "/status/startTime", "2023-11-14T22:14:00Z");
    world.settle().await;
    world.api.set(
        "pods",
        "web-1",
        "/status/conditions/0/lastTransitionTime",
        "2023-11-14T22:14:20Z",
    );
    world
        .api
        .set("pods", "web-1", "/status/conditions/0/status", "False");
    world.settle().await;
    world.api.expires("pods");
    world.pass(15);
    world.rate(&[("web", 2, 14.0)]);
    assert_eq!(
        world.tick().await[0],
        "scale web 2 → 3",
        "28 requests per second, not 14"
    );
}
