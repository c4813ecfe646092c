//! The fattest policies that the schema lets in: their status stays within its bound, and is not written over and over.
use concertina::api::MAX_STATUS_BYTES;
use serde_json::{Value, json};

use crate::fixtures::{deployment, policy, query, rate};
use crate::prometheus::{Reply, number};
use crate::requests::Request;
use crate::world::World;

/// Sixteen metrics of the longest names, eight limits in each direction.
async fn fat(reply: Reply) -> World {
    let world = World::start().await;
    deployment(&world.api, "fat", 2);
    let metrics: Vec<Value> = (0..16)
        .map(|index| {
            let name = format!("{}-{index:02}", "m".repeat(60));
            let query = format!("a_long_metric_name_{index:02}");
            json!({"name": name, "prometheus": {"query": query, "averageValue": "123456789123"}})
        })
        .collect();
    let limits = vec![json!({"type": "Percent", "value": 100_000, "periodSeconds": 1800}); 8];
    let rules = json!({"cooldownSeconds": 0, "stabilizationWindowSeconds": 0, "tolerance": "0.123456789", "policies": limits});
    world.api.has(policy("fat").by(&metrics).between(2, 100_000).with(
        "/spec/behavior",
        json!({
            "scaleUp": rules, "scaleDown": rules,
        }),
    ));
    world.prometheus.answers("a_long_metric_name", reply);
    world
}

/// The sizes of all statuses written so far, in bytes.
fn sizes(world: &World) -> Vec<usize> {
    let sent = world.api.requests(Request::is_status_write);
    sent.iter()
        .map(|request| request.body[1]["value"].to_string().len())
        .collect()
}

fn all_fit(world: &World) {
    let sizes = sizes(world);
    assert!(
        !sizes.is_empty() && sizes.iter().all(|size| *size <= MAX_STATUS_BYTES),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn a_status_full_of_long_error_messages_fits_and_is_written_once() {
    let error = json!({"status": "error", "errorType": "bad_data", "error": "parse error →\n".repeat(300)});
    let mut world = fat(Reply::Body(400, "application/json", error.to_string())).await;
    world.tick().await;
    all_fit(&world);
    world.expect("fat", "Ready", "False PrometheusRefused", "400");
    for _ in 0..5 {
        assert_eq!(world.tick_after(15).await, [""; 0]);
    }
    world.restart().await;
    let writes = world.tick_after(15).await;
    assert!(
        !writes.contains(&"status fat".to_owned()),
        "not even after a restart: {writes:?}"
    );
}

#[tokio::test]
async fn a_status_full_of_numbers_and_changes_fits() {
    let mut world = fat(number("987654321987654")).await;
    for round in 0..6 {
        world.prometheus.answers(
            "a_long_metric_name",
            number(&format!("{}", 123_456_789_123_i64 * (5 + round * 3))),
        );
        world.tick_after(15).await;
    }
    all_fit(&world);
    let status = world.status("fat");
    assert_eq!(
        status["lastChanges"].as_array().map(Vec::len),
        Some(5),
        "{status}"
    );
    let shown = status["metrics"].as_array().unwrap().len();
    let omitted = usize::try_from(status["metricsOmitted"].as_u64().unwrap_or(0)).unwrap();
    assert_eq!(shown + omitted, 16, "what is left out is counted");
    assert_eq!(
        world
            .tick_after(15)
            .await
            .iter()
            .filter(|write| write.starts_with("scale"))
            .count(),
        0
    );
    assert_eq!(world.tick_after(15).await, [""; 0]);
    println!("{:?}", sizes(&world));
}

/// The times of status writes, in seconds, while each pair of requests per second per pod and of a queue's length comes
/// in turn for two minutes, every five seconds.
async fn written_at(loads: [(f64, &str); 2]) -> Vec<u32> {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    let policy = policy("web")
        .by(&[rate(10), query("queue", 10)])
        .with("/spec/behavior", json!({}))
        .with("/spec/periodSeconds", 5);
    world.api.has(policy);
    let mut written = Vec::new();
    for (round, (each, queue)) in (0..=24).zip(loads.into_iter().cycle()) {
        world.rate(&[("web", 4, each)]);
        world.prometheus.answers("queue", number(queue));
        let writes = world.tick().await;
        assert!(
            !writes.iter().any(|write| write.starts_with("scale")),
            "{writes:?}"
        );
        if writes.contains(&"status web".to_owned()) {
            written.push(round * 5);
        }
        world.pass(5);
    }
    let status = world.status("web");
    assert_eq!(
        (&status["currentReplicas"], &status["desiredReplicas"]),
        (&json!(4), &json!(4))
    );
    written
}

#[tokio::test]
async fn why_nothing_shrinks_is_written_ever_less_often_while_the_load_is_at_an_edge() {
    let written = written_at([(9.5, "1"), (5.0, "1")]).await;
    // Fifteen seconds, thirty, a minute; and then at the first tick at which it is not what the status says already.
    assert_eq!(written, [0, 15, 50, 115]);
}

#[tokio::test]
async fn what_a_metric_asks_for_beside_a_greater_one_is_written_once_a_minute() {
    let written = written_at([(9.5, "5"), (9.5, "25")]).await;
    assert!(written.len() <= 3, "{written:?}");
    assert!(
        written.windows(2).all(|pair| pair[1] - pair[0] >= 60),
        "{written:?}"
    );
}
