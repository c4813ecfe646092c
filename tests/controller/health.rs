//! What the probes are told in each state of the controller, and that nothing but a loop that stands still makes it be started anew.
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use concertina::cluster::Cluster;
use concertina::control::Context;
use concertina::leader::Leadership;
use concertina::web;
use tower::ServiceExt;

use crate::faults::Fault;
use crate::fixtures::{deployment, policy};
use crate::world::World;

/// What is answered at this path.
async fn get(context: &Arc<Context>, path: &str) -> (u16, String) {
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = web::router(Arc::clone(context)).oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (code, String::from_utf8(body.to_vec()).unwrap())
}

/// Asserts the codes of both probes, a part of what `/readyz` says, and whether this one leads by its metrics, which are there in every state.
async fn expect(context: &Arc<Context>, alive: u16, ready: u16, telling: &str, leads: u8) {
    assert_eq!(get(context, "/healthz").await.0, alive);
    let (code, said) = get(context, "/readyz").await;
    assert_eq!(code, ready, "{said}");
    assert!(said.contains(telling), "{said}");
    let (code, metrics) = get(context, "/metrics").await;
    assert_eq!(code, 200);
    assert!(
        metrics.contains(&format!("\nconcertina_leader {leads}\n")),
        "{metrics}"
    );
}

/// A controller beside that of the world: with the same knowledge of the cluster or with none, and a leader or not.
fn another(world: &World, cluster: Option<Arc<Cluster>>, leadership: Leadership) -> Arc<Context> {
    let config = world.controller.context.config.clone();
    let cluster = cluster.unwrap_or_else(|| Arc::new(Cluster::new(config.clone())));
    let context = Context::led_by(config, world.api.client(), cluster, Arc::new(leadership));
    Arc::new(context.unwrap())
}

async fn decided() -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 10.0)]);
    world.tick().await;
    world
}

#[tokio::test]
async fn a_controller_that_starts_is_alive_and_not_ready_until_the_cluster_is_listed() {
    let world = World::start().await;
    let starting = another(&world, None, Leadership::standby());
    expect(&starting, 200, 503, "not complete", 0).await;
    let listed = another(
        &world,
        Some(Arc::clone(&world.controller.cluster)),
        Leadership::standby(),
    );
    expect(&listed, 200, 200, "ok", 0).await;
}

#[tokio::test]
async fn leader_and_standby_are_both_ready() {
    let world = decided().await;
    expect(&world.controller.context, 200, 200, "ok", 1).await;
    let cluster = Arc::clone(&world.controller.cluster);
    let standby = another(&world, Some(cluster), Leadership::standby());
    concertina::control::tick::tick(&standby, world.now).await;
    expect(&standby, 200, 200, "ok", 0).await;
}

#[tokio::test]
async fn a_lost_api_server_is_no_reason_to_start_anew() {
    let mut world = decided().await;
    world.api.always_fails(|_| true, Fault::Disconnects);
    world.pass(15);
    world.rate(&[("web", 2, 40.0)]);
    world.decide().await;
    expect(&world.controller.context, 200, 200, "ok", 1).await;
}

#[tokio::test]
async fn a_lost_prometheus_is_no_reason_to_start_anew_or_to_be_unready() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").asking("refusing"));
    world.tick().await;
    world.expect("web", "Ready", "False PrometheusUnreachable", "");
    expect(&world.controller.context, 200, 200, "ok", 1).await;
}

#[tokio::test]
async fn a_controller_that_ends_is_alive_and_not_ready() {
    let world = decided().await;
    world.controller.context.leadership.resign();
    expect(&world.controller.context, 200, 503, "ending", 0).await;
}

#[tokio::test]
async fn a_loop_that_stands_still_is_not_alive_until_it_goes_on() {
    let mut world = decided().await;
    let context = Arc::clone(&world.controller.context);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(get(&context, "/healthz").await, (200, "ok\n".into()));
    tokio::time::advance(Duration::from_secs(2)).await;
    let (code, said) = get(&context, "/healthz").await;
    assert_eq!((code, said.trim()), (503, "the loop has begun no tick for 61 s"));
    tokio::time::resume();
    world.pass(15);
    world.decide().await;
    assert_eq!(get(&context, "/healthz").await.0, 200);
}
