//! The newest decision as a case: what the endpoint answers is decided to the same by the same function.
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use concertina::case::Case;
use concertina::web;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::fixtures::{cpu, deployment, policy, rate};
use crate::prometheus::number;
use crate::world::World;

async fn case(world: &World, name: &str) -> (StatusCode, String) {
    let request = Request::get(format!("/api/v1/policies/shop/{name}/case"));
    let request = request.body(Body::empty()).unwrap();
    let router = web::router(world.controller.context.clone());
    let response = router.oneshot(request).await.unwrap();
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_decision_is_replayed_from_what_the_controller_writes() {
    let guard = json!({"name": "errors", "query": "error_ratio", "above": "0.01", "forSeconds": 0});
    let schedule = json!({"name": "late", "start": "0 22 * * *", "durationMinutes": 60, "minReplicas": 2});
    let rich = policy("web")
        .by(&[rate(10), cpu(50)])
        .with("/spec/guards", json!([guard]))
        .with("/spec/schedules", json!([schedule]));
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(rich);
    world.prometheus.answers("error_ratio", number("0.02"));
    for each in [10.0, 17.0, 2.0] {
        world.rate(&[("web", 4, each)]);
        world.cpu(&[("web", 4, 0.3)]);
        world.tick().await;
        let (status, text) = case(&world, "web").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let case = Case::read(serde_json::from_str::<Value>(&text).unwrap()).unwrap();
        let decided = case.decide().unwrap();
        let stored = world.status("web");
        assert_eq!(stored["desiredReplicas"], decided.decision.desired);
        assert_eq!(stored["lastDecision"]["reason"], decided.decision.reason.as_str());
        let told = stored["lastDecision"]["message"].as_str().unwrap();
        assert!(decided.message.starts_with(told), "{told}\n{}", decided.message);
        assert_eq!(case.now, world.now);
        world.pass(15);
    }
}

#[tokio::test]
async fn a_spec_that_was_never_decided_on_has_no_case() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(policy("web"));
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    assert_eq!(case(&world, "web").await.0, StatusCode::OK);
    let unknown = json!([{"name": "x", "start": "0 25 * * *", "durationMinutes": 5, "minReplicas": 2}]);
    world
        .api
        .set("scalingpolicies", "web", "/spec/schedules", unknown);
    world.tick_after(15).await;
    world.expect("web", "Ready", "False InvalidPolicy", "schedule x");
    assert_eq!(case(&world, "web").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_policy_that_is_not_there_or_not_decided_has_no_case() {
    let world = World::start().await;
    let (status, text) = case(&world, "nobody").await;
    assert_eq!(
        (status, text.as_str()),
        (
            StatusCode::NOT_FOUND,
            "there is no policy shop/nobody: write its namespace and its name\n"
        )
    );
    world.api.has(policy("web").on_deployment("gone"));
    world.tick().await;
    let (status, text) = case(&world, "web").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(text.contains("has not been decided yet"), "{text}");
}
