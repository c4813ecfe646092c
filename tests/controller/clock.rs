//! A clock that leaps: everything is still evaluated in its period, and nothing is scaled wrongly for it.
use crate::fixtures::{deployment, pods, policy};
use crate::world::World;

async fn settled() -> World {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world
        .api
        .has(policy("web").with("/spec/behavior", serde_json::json!({})));
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    assert_eq!(world.tick_after(15).await, [""; 0]);
    world.prometheus.take_queries();
    world
}

#[tokio::test]
async fn a_clock_set_back_by_an_hour_freezes_nothing() {
    let mut world = settled().await;
    world.now = concertina_decision::Timestamp(world.now.0 - 3_600_000);
    for _ in 0..3 {
        world.rate(&[("web", 4, 10.0)]);
        assert_eq!(world.tick().await, [""; 0]);
        assert_eq!(
            world.prometheus.take_queries().len(),
            1,
            "evaluated in each period"
        );
        world.pass(15);
    }
    world.rate(&[("web", 4, 20.0)]);
    let writes = world.tick().await;
    assert_eq!(writes[0], "scale web 4 → 8", "growth is not held");
    assert!(
        writes.contains(&"status web".to_owned()),
        "nor is the status: {writes:?}"
    );
    pods(&world.api, "web", 4, 8);
    let mut waited = 0;
    loop {
        world.pass(15);
        waited += 15;
        world.rate(&[("web", 8, 2.0)]);
        if world.tick().await.iter().any(|write| write.starts_with("scale")) {
            break;
        }
        assert!(waited < 600, "shrinking is not held for the hour");
    }
    assert!(waited >= 300, "but for its window: {waited}");
}

#[tokio::test]
async fn a_trouble_is_told_although_the_clock_was_set_back() {
    let mut world = settled().await;
    let trouble = || crate::prometheus::Reply::Body(503, "text/plain", "down".into());
    world.prometheus.answers("http_requests_total", trouble());
    assert_eq!(
        world.tick_after(15).await[0],
        "Warning PrometheusError on ScalingPolicy web"
    );
    world.pass(15);
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    world.now = concertina_decision::Timestamp(world.now.0 - 3_600_000);
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    world.prometheus.answers("http_requests_total", trouble());
    assert_eq!(
        world.tick_after(15).await[0],
        "Warning PrometheusError on ScalingPolicy web"
    );
}

#[tokio::test]
async fn a_clock_that_leaps_forward_shrinks_nothing_at_once() {
    let mut world = settled().await;
    world.pass(3600);
    world.rate(&[("web", 4, 1.0)]);
    let writes = world.tick().await;
    assert!(
        !writes.iter().any(|write| write.starts_with("scale")),
        "{writes:?}"
    );
}
