//! Every way in which Prometheus gives no usable answer: the target stays, the reason is told, others are unaffected.
use crate::fixtures::{deployment, policy, query, rate};
use crate::prometheus::{Reply, number};
use crate::world::World;
use serde_json::json;

/// A policy `bad` on two replicas whose one metric is the query `broken` to this server, beside a good one.
async fn one_bad_metric(server: &str, reply: Reply) -> World {
    let world = World::start().await;
    deployment(&world.api, "bad", 2);
    deployment(&world.api, "good", 2);
    world.api.has(policy("good"));
    world
        .api
        .has(policy("bad").by(&[query("broken", 10)]).asking(server));
    world.rate(&[("good", 2, 20.0)]);
    world.prometheus.answers("broken", reply);
    world
}

/// One tick: the good policy scales, the bad one does not and says why.
async fn holds(mut world: World, reason: &str, telling: &str) {
    let mut writes = world.tick().await;
    writes.sort();
    let warning = format!("Warning {reason} on ScalingPolicy bad");
    let expected = [
        "Normal MetricAboveTarget on Deployment good",
        "Normal MetricAboveTarget on ScalingPolicy good",
        &warning,
        "scale good 2 → 4",
        "status bad",
        "status good",
    ];
    assert_eq!(writes, expected);
    world.expect("bad", "Ready", &format!("False {reason}"), telling);
    world.expect("bad", "AbleToScale", "True Ready", "");
    world.expect("bad", "ScalingActive", "False MetricsMissing", "");
    let status = world.status("bad");
    assert_eq!(
        (&status["currentReplicas"], &status["desiredReplicas"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(status["metrics"][0]["reason"], reason);
    assert_eq!(status["metrics"][0]["proposal"], json!(null));
    assert_eq!(
        world.tick_after(15).await,
        ["status good"],
        "a trouble that lasts is told once"
    );
}

#[tokio::test]
async fn an_unreachable_server_holds_its_policies() {
    holds(
        one_bad_metric("refusing", number("100")).await,
        "PrometheusUnreachable",
        "refused",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_configured_is_named() {
    holds(
        one_bad_metric("elsewhere", number("100")).await,
        "UnknownServer",
        "no server named elsewhere",
    )
    .await;
}

#[tokio::test]
async fn a_missing_metric_lets_the_others_raise() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").by(&[rate(10), query("broken", 10)]));
    world.rate(&[("web", 2, 20.0)]);
    world
        .prometheus
        .answers("broken", Reply::Body(503, "text/plain", "down".into()));
    let writes = world.tick().await;
    assert_eq!(writes[0], "scale web 2 → 4");
    world.expect("web", "Ready", "False PrometheusError", "503");
}
