//! What a controller, or a policy, that begins anew takes from what is there: guards from the status, zero from the object.
use serde_json::json;

use crate::fixtures::{deployment, is_marked_as_written_by, policy, query};
use crate::prometheus::number;
use crate::world::World;

/// The scale writes of a tick 15 seconds later.
async fn next(world: &mut World) -> Vec<String> {
    let writes = world.tick_after(15).await;
    writes
        .into_iter()
        .filter(|write| write.starts_with("scale"))
        .collect()
}

#[tokio::test]
async fn a_tripped_guard_is_tripped_after_a_restart_and_its_longest_block_goes_on() {
    let guard = json!({
        "name": "errors", "query": "error_ratio", "above": "0.01", "forSeconds": 60, "maxBlockSeconds": 120,
    });
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(
        policy("web")
            .by(&[query("backlog", 10)])
            .with("/spec/guards", json!([guard])),
    );
    world.prometheus.answers("backlog", number("40"));
    world.prometheus.answers("error_ratio", number("0.5"));
    world.tick().await;
    for _ in 0..4 {
        assert_eq!(next(&mut world).await, [""; 0]);
    }
    assert_eq!(world.status("web")["guards"][0]["state"], "Tripped");
    world.prometheus.answers("backlog", number("20"));
    world.restart().await;
    let mut waited = 0;
    while next(&mut world).await.is_empty() {
        waited += 15;
        assert!(waited < 300, "it shrinks at last");
    }
    assert!((90..=120).contains(&waited), "it shrank after {waited} s");
}

#[tokio::test]
async fn a_policy_that_is_made_anew_takes_up_what_the_controller_took_to_zero() {
    let night = json!([{"name": "night", "start": "0 22 * * *", "durationMinutes": 15, "maxReplicas": 0}]);
    let nightly = policy("web")
        .by(&[query("backlog", 10)])
        .with("/spec/schedules", night);
    let mut world = World::start().await;
    deployment(&world.api, "web", 1);
    world.api.has(nightly.clone());
    world.prometheus.answers("backlog", number("10"));
    world.tick().await;
    assert_eq!(world.api.replicas("web"), 0, "it is 22:14");
    is_marked_as_written_by(&world.api, "web", "concertina");
    world.api.delete("scalingpolicies", "web");
    world.tick_after(15).await;
    world.api.has(nightly);
    world.restart().await;
    assert_eq!(next(&mut world).await, [""; 0], "the night is not over");
    world.pass(30);
    assert_eq!(next(&mut world).await, ["scale web 0 → 1"]);
}

#[tokio::test]
async fn without_that_sign_zero_is_somebodys_pause() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 0);
    world.api.has(policy("web").by(&[query("backlog", 10)]));
    world.prometheus.answers("backlog", number("10"));
    world.tick().await;
    assert_eq!(next(&mut world).await, [""; 0]);
    world.expect("web", "Ready", "False ScaledToZeroManually", "");
}
