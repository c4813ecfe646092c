//! Many policies: queries are shared, an idle controller is silent, and nobody waits for anybody else.
#![allow(clippy::float_cmp)] // counts, as they are written
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use concertina::control::tick;
use serde_json::json;

use crate::faults::Held;
use crate::fixtures::{cpu, deployment, policy, query, rate};
use crate::prometheus::{Reply, number, series};
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
async fn windows_that_come_to_the_same_text_are_both_evaluated_in_the_same_tick() {
    let world = World::start().await;
    for name in ["auto", "sixty"] {
        deployment(&world.api, name, 2);
    }
    let mut sixty = cpu(50);
    sixty["windowSeconds"] = json!(60);
    world.api.has(policy("auto").by(&[cpu(50)]));
    world.api.has(policy("sixty").by(&[sixty]));
    world.cpu(&[("auto", 2, 1.0), ("sixty", 2, 1.0)]);
    world.tick().await;
    assert_eq!((world.api.replicas("auto"), world.api.replicas("sixty")), (4, 4));
    let queries = world.prometheus.take_queries();
    assert!(queries.len() == 2 && queries[0] == queries[1], "{queries:?}");
    assert_eq!(world.controller.metric("concertina_evaluations_late_total"), 0.0);
}

#[tokio::test]
async fn a_text_with_more_sets_of_labels_than_one_answer_is_read_for_is_asked_in_lots_and_all_are_evaluated()
{
    let mut world = World::start().await;
    let names: Vec<String> = (0..130).map(|index| format!("web{index:03}")).collect();
    let mut series_of_all = Vec::new();
    for name in &names {
        deployment(&world.api, name, 1);
        let mut queue = query("sum by (web) (queue_length)", 10);
        // A label of its own, so that each is a set of its own.
        queue["prometheus"]["match"] = json!({name.as_str(): "x"});
        world
            .api
            .has(policy(name).by(&[queue]).with("/spec/periodSeconds", 1));
        series_of_all.push((json!({name.as_str(): "x"}), "30"));
    }
    world.prometheus.answers("queue_length", series(&series_of_all));
    world.tick().await;
    assert!(names.iter().all(|name| world.api.replicas(name) == 3));
    assert_eq!(world.prometheus.take_queries().len(), 3, "one for each 64 sets");
    world.tick_after(1).await;
    assert_eq!(world.prometheus.take_queries().len(), 3);
    assert_eq!(world.controller.metric("concertina_evaluations_total"), 260.0);
    assert_eq!(world.controller.metric("concertina_evaluations_late_total"), 0.0);
}

#[tokio::test]
async fn a_scrape_interval_is_measured_over_all_namespaces_and_exported_with_its_window() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").asking("impatient"));
    world.api.has(policy("lost").asking("nowhere"));
    world.prometheus.is_scraped_every("30");
    world.rate(&[("web", 2, 10.0)]);
    world.tick().await;
    let metric = |world: &World, name: &str| {
        let text = world.controller.context.metrics.encode().unwrap();
        let labels = "{server=\"impatient\",of=\"source/http\"} ";
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(labels));
        found.map(str::to_owned)
    };
    let is_measured = |world: &World| metric(world, "concertina_scrape_interval_seconds").is_some();
    world.until(is_measured).await;
    assert_eq!(
        metric(&world, "concertina_scrape_interval_seconds").as_deref(),
        Some("30.0")
    );
    assert_eq!(
        metric(&world, "concertina_rate_window_seconds").as_deref(),
        Some("120")
    );
    let asked = world.prometheus.interval_queries();
    assert!(asked.len() == 1 && !asked[0].contains("namespace=~"), "{asked:?}");
    world.prometheus.take_queries();
    world.tick_after(15).await;
    let queries = world.prometheus.take_queries();
    assert!(queries.len() == 1 && queries[0].contains("[120s]"), "{queries:?}");
}

#[tokio::test]
async fn failovers_are_exported() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").asking("pair"));
    world.rate(&[("web", 2, 20.0)]);
    world.tick().await;
    assert_eq!(world.api.replicas("web"), 4);
    assert_eq!(
        world
            .controller
            .metric("concertina_failovers_total{server=\"pair\"}"),
        1.0
    );
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
