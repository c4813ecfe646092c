//! Many policies: queries are shared, an idle controller is silent, and nobody waits for anybody else.
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use concertina::control::tick;

use crate::faults::Held;
use crate::fixtures::{cpu, deployment, policy, query, rate};
use crate::prometheus::{Reply, number};
use crate::world::World;

/// So many policies by cpu and rate, each on a Deployment of one pod at its targets.
async fn many(count: usize) -> (World, Vec<String>) {
    let world = World::start().await;
    let names: Vec<String> = (0..count).map(|index| format!("web{index:03}")).collect();
    for name in &names {
        deployment(&world.api, name, 1);
        world.api.has(policy(name).by(&[cpu(50), rate(10)]));
    }
    (world, names)
}

fn at_target(world: &World, names: &[String]) {
    let each = |value: f64| {
        names
            .iter()
            .map(|name| (name.as_str(), 1, value))
            .collect::<Vec<_>>()
    };
    world.rate(&each(10.0));
    world.cpu(&each(0.5));
}

#[tokio::test]
async fn a_hundred_policies_ask_two_queries_per_tick_and_an_idle_controller_writes_nothing() {
    let (mut world, names) = many(100).await;
    at_target(&world, &names);
    assert_eq!(world.tick().await.len(), 100, "each gets its first status");
    assert_eq!(world.prometheus.take_queries().len(), 2);
    for _ in 0..20 {
        world.pass(15);
        at_target(&world, &names);
        assert_eq!(world.tick().await, [""; 0]);
        let queries: BTreeSet<_> = world.prometheus.take_queries().into_iter().collect();
        assert_eq!(queries.len(), 2, "{queries:?}");
        assert!(
            queries.iter().all(|query| query.contains("namespace=~\"shop\"")),
            "{queries:?}"
        );
        world.pass(1);
        world.tick().await;
        assert_eq!(world.prometheus.take_queries().len(), 0, "nobody is due");
        world.pass(14);
        world.tick().await;
        world.prometheus.take_queries();
    }
}

#[tokio::test]
async fn policies_of_different_periods_are_due_at_their_own() {
    let mut world = World::start().await;
    deployment(&world.api, "fast", 1);
    deployment(&world.api, "slow", 1);
    world.api.has(
        policy("fast")
            .with("/spec/periodSeconds", 5)
            .by(&[query("fast", 10)]),
    );
    world.api.has(
        policy("slow")
            .with("/spec/periodSeconds", 30)
            .by(&[query("slow", 10)]),
    );
    world.prometheus.answers("fast", number("10"));
    world.prometheus.answers("slow", number("10"));
    world.tick().await;
    let mut queries = world.prometheus.take_queries();
    for _ in 0..60 {
        world.tick_after(1).await;
        queries.extend(world.prometheus.take_queries());
    }
    let asked = |text: &str| queries.iter().filter(|query| *query == text).count();
    assert_eq!((asked("fast"), asked("slow")), (13, 3));
}

#[tokio::test]
async fn a_slow_query_delays_only_its_own_policy() {
    let world = World::start().await;
    let held = Held::default();
    for name in ["slow", "good"] {
        deployment(&world.api, name, 2);
    }
    world.api.has(policy("slow").by(&[query("slow_query", 10)]));
    world.api.has(policy("good"));
    world.rate(&[("good", 2, 20.0)]);
    world
        .prometheus
        .answers("slow_query", Reply::Held(held.clone(), Box::new(number("60"))));
    world.settle().await;
    let (context, now) = (Arc::clone(&world.controller.context), world.now);
    let under_way = tokio::spawn(async move { tick::tick(&context, now).await });
    held.has_arrived().await;
    world.until(|world| world.api.replicas("good") == 4).await;
    assert_eq!(world.api.replicas("slow"), 2);
    held.release();
    under_way.await.unwrap();
    assert_eq!(world.api.replicas("slow"), 6);
}

#[tokio::test]
async fn a_policy_whose_answers_are_not_there_yet_is_not_evaluated_again() {
    let mut world = World::start().await;
    let held = Held::default();
    deployment(&world.api, "slow", 2);
    world.api.has(
        policy("slow")
            .by(&[query("slow_query", 10)])
            .with("/spec/periodSeconds", 1),
    );
    world
        .prometheus
        .answers("slow_query", Reply::Held(held.clone(), Box::new(number("60"))));
    world.settle().await;
    let (context, now) = (Arc::clone(&world.controller.context), world.now);
    let under_way = tokio::spawn(async move { tick::tick(&context, now).await });
    held.has_arrived().await;
    for _ in 0..3 {
        assert_eq!(world.tick_after(1).await, [""; 0]);
    }
    assert_eq!(world.prometheus.take_queries().len(), 1);
    held.release();
    under_way.await.unwrap();
    assert_eq!(world.writes(), ["scale slow 2 → 6"]);
}

#[tokio::test]
async fn a_burst_of_changes_is_written_in_one_tick() {
    let (world, names) = many(50).await;
    let each = |value: f64| {
        names
            .iter()
            .map(|name| (name.as_str(), 1, value))
            .collect::<Vec<_>>()
    };
    world.rate(&each(30.0));
    world.cpu(&each(0.5));
    let writes = world.tick().await;
    assert_eq!(
        writes.iter().filter(|write| write.starts_with("scale")).count(),
        50
    );
    assert!(names.iter().all(|name| world.api.replicas(name) == 3));
}

#[tokio::test]
async fn many_slow_queries_do_not_keep_the_built_in_ones_waiting() {
    let world = World::start().await;
    deployment(&world.api, "good", 2);
    world.api.has(policy("good"));
    for index in 0..20 {
        // Before the good one by name, so that they are asked first.
        let name = format!("a{index}");
        deployment(&world.api, &name, 2);
        world
            .api
            .has(policy(&name).by(&[query(&format!("slow_query_{index}"), 10)]));
    }
    world.prometheus.answers("slow_query", Reply::Silence);
    world.rate(&[("good", 2, 20.0)]);
    world.settle().await;
    let (context, now) = (Arc::clone(&world.controller.context), world.now);
    let under_way = tokio::spawn(async move { tick::tick(&context, now).await });
    world
        .until_within(Duration::from_secs(2), |world| world.api.replicas("good") == 4)
        .await;
    under_way.abort();
}
