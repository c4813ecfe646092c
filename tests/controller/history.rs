//! A controller that starts anew asks Prometheus what was wanted before: only where it matters, once for all, and never
//! so that anybody waits for it who need not.
use std::sync::Arc;
use std::time::Duration;

use concertina::control::tick;
use concertina_decision::Timestamp;
use serde_json::json;

use crate::faults::Held;
use crate::fixtures::{Policy, deployment, policy, query, rate};
use crate::prometheus::{Reply, number, past_rates};
use crate::world::World;

/// Shrinks after five minutes, and then at once.
fn stabilised(name: &str) -> Policy {
    let down =
        json!({"cooldownSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]});
    policy(name).with("/spec/behavior", json!({"scaleDown": down}))
}

fn names(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{name}-{index}")).collect()
}

/// A Deployment of four pods that receive what they should.
async fn steady(policy: Policy) -> World {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(policy);
    for _ in 0..3 {
        world.rate(&[("web", 4, 10.0)]);
        world.tick().await;
        world.pass(15);
    }
    world
}

/// Ticks with a lower load until the replicas change or 600 s have passed; after how many seconds they did. Another
/// controller takes over after so many seconds.
async fn shrinks_after(
    world: &mut World,
    restart: Option<u32>,
    mut remembered: impl FnMut(&World, Timestamp),
) -> u32 {
    let began = world.now;
    for second in (0..=600).step_by(15) {
        if restart == Some(second) {
            remembered(world, began);
            world.restart().await;
        }
        world.rate(&[("web", 4, 1.0)]);
        world.tick().await;
        if world.api.replicas("web") != 4 {
            return second;
        }
        world.pass(15);
    }
    panic!("it did not shrink")
}

/// The rates that the pods had in the last minutes, if they fell at some time.
fn past(world: &World, fell: Timestamp) -> Vec<(Timestamp, f64)> {
    let time = |step: i64| Timestamp(world.now.0 - step * 15_000);
    (1..=20)
        .rev()
        .map(time)
        .map(|time| (time, if time < fell { 10.0 } else { 1.0 }))
        .collect()
}

#[tokio::test]
async fn a_restart_shrinks_at_the_tick_at_which_it_would_have_without() {
    let undisturbed = shrinks_after(&mut steady(stabilised("web")).await, None, |_, _| {}).await;
    assert_eq!(undisturbed, 285, "five minutes after the load was last high");
    for restart in [15, 150, 285] {
        let mut world = steady(stabilised("web")).await;
        let knows = |world: &World, fell: Timestamp| {
            let rates = past(world, fell);
            let reply = past_rates(&names("web", 4), &rates);
            world.prometheus.remembers("http_requests_total", reply);
        };
        assert_eq!(
            shrinks_after(&mut world, Some(restart), knows).await,
            undisturbed,
            "{restart}"
        );
        let asked = world.prometheus.take_past_queries();
        assert_eq!(asked.len(), 1, "{asked:?}");
        assert!(
            asked[0].text.contains("http_requests_total{namespace=~\"shop\""),
            "{asked:?}"
        );
        let (start, end, step) = asked[0].steps;
        assert_eq!((end - start, step), (285, 15));
    }
}

#[tokio::test]
async fn a_load_that_was_high_just_now_holds_for_the_whole_window() {
    let mut world = steady(stabilised("web")).await;
    let knows = |world: &World, _| {
        let rates = past(world, world.now);
        world
            .prometheus
            .remembers("http_requests_total", past_rates(&names("web", 4), &rates));
    };
    assert_eq!(shrinks_after(&mut world, Some(150), knows).await, 150 + 285);
}

#[tokio::test]
async fn what_cannot_be_asked_holds_for_a_whole_window() {
    for reply in [
        Reply::Body(503, "text/plain", "down".into()),
        Reply::Body(200, "application/json", "{".into()),
    ] {
        let mut world = steady(stabilised("web")).await;
        let fails = |world: &World, _| world.prometheus.remembers("http_requests_total", reply.clone());
        assert_eq!(shrinks_after(&mut world, Some(150), fails).await, 150 + 300);
        assert_eq!(world.prometheus.take_past_queries().len(), 1, "once");
    }
}

#[tokio::test]
async fn a_new_policy_has_no_past() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(stabilised("web"));
    assert_eq!(shrinks_after(&mut world, None, |_, _| {}).await, 300);
    assert_eq!(world.prometheus.take_past_queries(), []);
}

#[tokio::test]
async fn replicas_that_were_changed_meanwhile_hold_for_a_whole_window() {
    let mut world = steady(stabilised("web")).await;
    world.api.scale_by_hand("web", 6);
    let rates = past(&world, Timestamp(0));
    world
        .prometheus
        .remembers("http_requests_total", past_rates(&names("web", 4), &rates));
    world.restart().await;
    world.rate(&[("web", 4, 1.0)]);
    world.tick().await;
    assert_eq!(world.api.replicas("web"), 6);
    world.expect("web", "AbleToScale", "True ScaleDownStabilized", "");
}

#[tokio::test]
async fn only_policies_that_want_fewer_ask_and_they_ask_together() {
    let mut world = World::start().await;
    let policies = [("low1", 1.0), ("low2", 2.0), ("steady", 10.0), ("high", 20.0)];
    for (name, _) in policies {
        deployment(&world.api, name, 4);
        world.api.has(stabilised(name));
    }
    world.rate(&policies.map(|(name, _)| (name, 4, 10.0)));
    world.tick().await;
    world.restart().await;
    world.pass(15);
    world.rate(&policies.map(|(name, each)| (name, 4, each)));
    let low = [names("low1", 4), names("low2", 4)].concat();
    let rates = past(&world, Timestamp(0));
    world
        .prometheus
        .remembers("http_requests_total", past_rates(&low, &rates));
    world.tick().await;
    assert_eq!(world.prometheus.take_past_queries().len(), 1);
    let replicas = policies.map(|(name, _)| world.api.replicas(name));
    assert_eq!(replicas, [1, 1, 4, 8]);
    world.pass(15);
    world.tick().await;
    assert_eq!(world.prometheus.take_past_queries(), [], "never again");
}

#[tokio::test]
async fn growth_does_not_wait_for_the_past() {
    let mut world = World::start().await;
    let both = [("down", 1.0), ("up", 20.0)];
    for (name, _) in both {
        deployment(&world.api, name, 4);
        world.api.has(stabilised(name));
    }
    world.rate(&both.map(|(name, _)| (name, 4, 10.0)));
    world.tick().await;
    world.restart().await;
    world.pass(15);
    world.rate(&both.map(|(name, each)| (name, 4, each)));
    let held = Held::default();
    let rates = past(&world, Timestamp(0));
    let reply = past_rates(&names("down", 4), &rates);
    world
        .prometheus
        .remembers("http_requests_total", Reply::Held(held.clone(), Box::new(reply)));
    let (context, now) = (Arc::clone(&world.controller.context), world.now);
    let under_way = tokio::spawn(async move { tick::tick(&context, now).await });
    held.has_arrived().await;
    world.until(|world| world.api.replicas("up") == 8).await;
    assert_eq!(world.api.replicas("down"), 4);
    held.release();
    under_way.await.unwrap();
    assert_eq!(world.api.replicas("down"), 1);
}

#[tokio::test]
async fn a_server_that_is_slow_about_the_past_is_given_up_at_its_timeout() {
    let own = |text: &str| stabilised("web").by(&[query(text, 10)]).asking("impatient");
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(own("load"));
    world.prometheus.answers("load", number("40"));
    world.tick().await;
    world.restart().await;
    world.pass(15);
    world.prometheus.answers("load", number("10"));
    world.prometheus.remembers("load", Reply::Silence);
    let began = std::time::Instant::now();
    world.tick().await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    world.expect("web", "AbleToScale", "True ScaleDownStabilized", "");
}

#[tokio::test]
async fn every_metric_must_be_known() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world
        .api
        .has(stabilised("web").by(&[rate(10), query("queue", 10)]));
    world.rate(&[("web", 4, 10.0)]);
    world.prometheus.answers("queue", number("40"));
    world.tick().await;
    world.restart().await;
    world.pass(15);
    world.rate(&[("web", 4, 1.0)]);
    world.prometheus.answers("queue", number("1"));
    let rates = past(&world, Timestamp(0));
    world
        .prometheus
        .remembers("http_requests_total", past_rates(&names("web", 4), &rates));
    world.tick().await;
    assert_eq!(world.prometheus.take_past_queries().len(), 2);
    assert_eq!(world.api.replicas("web"), 4, "the past of the queue is empty");
}
