//! The controller left to itself, by the clock on the wall: the loop, the reporter and the endpoint for metrics.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use concertina::cluster::Cluster;
use concertina::control::tick;
use concertina::web;
use tokio::net::TcpListener;

use crate::fixtures::{deployment, policy};
use crate::world::World;

/// A socket of loopback, and its address.
async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The HTTP status and the body at this path.
async fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let response = reqwest::get(format!("http://{address}{path}")).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_controller_scales_and_reports_by_itself_within_seconds() {
    let mut world = World::start().await;
    world.now = tick::wall_clock();
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").with("/spec/periodSeconds", 1));
    world.rate(&[("web", 2, 20.0)]);
    let context = Arc::clone(&world.controller.context);
    let (listener, address) = listener().await;
    let running = async {
        tokio::select! {
            () = tick::run(Arc::clone(&context)) => {}
            () = context.reporter.run(tick::wall_clock) => {}
            served = web::run(Arc::clone(&context), listener) => served.unwrap(),
        }
    };
    let watching = async {
        world
            .until_within(Duration::from_secs(5), |world| world.api.replicas("web") == 4)
            .await;
        world
            .until_within(Duration::from_secs(5), |world| {
                world.status("web")["currentReplicas"] == 4
            })
            .await;
        assert_eq!(get(address, "/healthz").await, (200, "ok\n".into()));
        assert_eq!(get(address, "/readyz").await, (200, "ok\n".into()));
        let (code, metrics) = get(address, "/metrics").await;
        assert_eq!(code, 200);
        for line in [
            "concertina_policies 1",
            "concertina_policy_desired_replicas{namespace=\"shop\",policy=\"web\"} 4",
            "concertina_scale_writes_total{result=\"written\"} 1",
            "concertina_queries_total{server=\"default\",result=\"ok\"}",
            "# EOF",
        ] {
            assert!(metrics.contains(line), "no {line} in\n{metrics}");
        }
    };
    tokio::select! {
        () = running => panic!("it runs until it is stopped"),
        () = watching => {}
    }
}

#[tokio::test]
async fn a_controller_that_knows_nothing_yet_is_alive_but_not_ready_and_does_not_tick() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    let config = world.controller.context.config.clone();
    let nothing = Arc::new(Cluster::new(config.clone()));
    let context = concertina::control::Context::new(config, world.api.client(), nothing).unwrap();
    let context = Arc::new(context);
    let (listener, address) = listener().await;
    let served = tokio::spawn(web::run(Arc::clone(&context), listener));
    let ticking = tokio::spawn(tick::run(context));
    assert_eq!(get(address, "/healthz").await.0, 200);
    let (code, reason) = get(address, "/readyz").await;
    assert_eq!(code, 503);
    assert!(reason.contains("not complete"), "{reason}");
    assert!(!ticking.is_finished());
    assert_eq!(world.writes(), [""; 0]);
    served.abort();
    ticking.abort();
}
