//! Real load on real pods: growing with it, and back when it is gone.
use serde_json::Value;

use crate::fixtures::{cpu, deployment, policy, query, rate, scrape_interval_seconds, service, visitors};
use crate::world::{World, in_a_namespace};

/// Waits until the Deployment has grown to three Ready pods, takes the load away, and waits for the way back.
async fn grows_and_shrinks(world: &World, name: &str) -> Value {
    world
        .until("Deployment", name, "three replicas are Ready", |deployment| {
            deployment["spec"]["replicas"].as_i64() >= Some(3)
                && deployment["status"]["readyReplicas"].as_i64() >= Some(3)
        })
        .await;
    world.delete("Pod", "visitors").await;
    world.until_replicas("Deployment", name, 1).await;
    let told = |policy: &Value| policy["status"]["lastChanges"][0]["to"] == 1;
    let policy = world
        .until("ScalingPolicy", name, "the status tells of the way back", told)
        .await;

    let changes = policy["status"]["lastChanges"].as_array().unwrap();
    for (newer, older) in changes.iter().zip(&changes[1..]) {
        assert_eq!(newer["from"], older["to"], "a change is missing: {changes:#?}");
    }
    assert!(
        changes.iter().all(|change| change["by"] == "Concertina"),
        "{changes:#?}"
    );
    policy
}

/// Every change is told once on the policy and once on the target, with the same words.
async fn every_change_is_told_on_both(world: &World, name: &str) {
    world.until_event("Deployment", name, "MetricAboveTarget").await;
    let notes = async |kind: &str| {
        let events = world.events(kind, name).await;
        let is_change = |event: &&Value| event["action"] == "Scale";
        let mut notes: Vec<String> = events
            .iter()
            .filter(is_change)
            .map(|event| event["note"].to_string())
            .collect();
        notes.sort();
        notes
    };
    let on_policy = notes("ScalingPolicy").await;
    assert_eq!(on_policy, notes("Deployment").await);
    let changes = crate::world::changes_of(&world.object("Deployment", name).await);
    assert_eq!(
        i64::try_from(on_policy.len()).unwrap(),
        changes,
        "one event for each change: {on_policy:#?}"
    );
    assert!(
        on_policy.iter().any(|note| note.contains("→ 1")),
        "{on_policy:#?}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_shop_under_many_requests_grows_and_shrinks_when_they_end() {
    in_a_namespace(async |world| {
        world.has(deployment("shop")).await;
        world.has(service("shop")).await;
        world
            .has(policy("shop").by(&[rate(10)]).between(1, 5).shrinking_after(10))
            .await;
        world.has(visitors("shop", 30)).await;
        let policy = grows_and_shrinks(world, "shop").await;
        let metric = &policy["status"]["metrics"][0];
        assert_eq!(
            (&metric["name"], &metric["target"]),
            (&"rate".into(), &"10".into())
        );
        every_change_is_told_on_both(world, "shop").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn busy_pods_grow_by_their_cpu_and_shrink_when_idle() {
    in_a_namespace(async |world| {
        // 30 pages a second of 6 ms are 180 millicores: more than four pods of 40 should carry.
        world.has(deployment("busy").with_cpu(40).with_pages_of(6)).await;
        world.has(service("busy")).await;
        world
            .has(policy("busy").by(&[cpu(100)]).between(1, 4).shrinking_after(10))
            .await;
        world.has(visitors("busy", 30)).await;
        let policy = grows_and_shrinks(world, "busy").await;
        let value = policy["status"]["metrics"][0]["value"].as_str().unwrap();
        assert!(value.ends_with('%'), "{value}");
        every_change_is_told_on_both(world, "busy").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_target_without_load_sleeps_and_wakes_by_the_load_of_what_calls_it() {
    in_a_namespace(async |world| {
        // Who visits the front needs the back: one for each 10 pages a second.
        world.has(deployment("front")).await;
        world.has(service("front")).await;
        world.has(deployment("back")).await;
        let namespace = &world.namespace;
        let pages = format!(r#"http_requests_total{{namespace="{namespace}",pod=~"front-.*"}}"#);
        let window = 3 * scrape_interval_seconds();
        let mut calls = query(&format!("sum(rate({pages}[{window}s]))"), 10);
        calls["activation"] = 5.into();
        world.has(policy("back").by(&[calls]).between(0, 5)).await;
        world.until_replicas("Deployment", "back", 0).await;
        world.until_event("Deployment", "back", "Idle").await;

        // A page now and then wakes nobody.
        world.has(visitors("front", 2)).await;
        world
            .until("ScalingPolicy", "back", "there is a little load", |policy| {
                policy["status"]["metrics"][0]["reason"] == "BelowActivation"
            })
            .await;
        assert_eq!(world.object("Deployment", "back").await["spec"]["replicas"], 0);
        world.delete("Pod", "visitors").await;
        world.until_gone("Pod", "visitors").await;

        world.has(visitors("front", 30)).await;
        world
            .until("Deployment", "back", "three replicas are Ready", |back| {
                back["status"]["readyReplicas"] == 3
            })
            .await;
        world.delete("Pod", "visitors").await;
        world.until_replicas("Deployment", "back", 0).await;
    })
    .await;
}
