//! What Prometheus answers to a user's own query: numbers that scale, and answers that are none.
use serde_json::{Value, json};

use crate::fixtures::{backlog, by, cpu, deployment, policy, query};
use crate::modes::until_another_policy_has_acted;
use crate::world::{World, changes_of, condition, in_a_namespace};

/// Two queues in one answer.
const QUEUES: &str = r#"label_replace(vector(60), "queue", "orders", "", "") or label_replace(vector(100), "queue", "mails", "", "")"#;

fn backlog_of(queue: &str) -> Value {
    let mut metric = query(QUEUES, 20);
    metric["prometheus"]["match"] = json!({"queue": queue});
    metric
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn policies_that_share_a_query_take_each_its_own_series() {
    in_a_namespace(async |world| {
        for (queue, replicas) in [("orders", 3), ("mails", 5)] {
            world.has(deployment(queue)).await;
            world.has(policy(queue).by(&[backlog_of(queue)])).await;
            world.until_replicas("Deployment", queue, replicas).await;
            world.until_condition(queue, "Ready", "True", "Ready").await;
        }
        // A single number is an answer as well, and so is the value that the answer itself should have.
        world.has(deployment("latency")).await;
        let latency = json!({"name": "latency", "prometheus": {"query": "scalar(vector(4))", "value": 2}});
        world.has(policy("latency").by(&[latency])).await;
        world
            .until(
                "Deployment",
                "latency",
                "twice the latency, twice the replicas",
                |deployment| deployment["spec"]["replicas"].as_i64() >= Some(2),
            )
            .await;
    })
    .await;
}

/// The trouble is a condition, a reason of the metric and one warning, and nothing is scaled.
async fn is_told_and_nothing_is_scaled(world: &World, name: &str, reason: &str, says: &str) {
    let message = world.until_condition(name, "Ready", "False", reason).await;
    assert!(message.contains(says), "{name}: {message}");
    let warning = world.until_warning(name, reason).await;
    assert!(warning.contains(says), "{name}: {warning}");
    let told = world.object("ScalingPolicy", name).await;
    assert_eq!(told["status"]["metrics"][0]["reason"], reason, "{name}");
    assert_eq!(condition(&told, "ScalingActive")["status"], "False", "{name}");
    let target = world.object("Deployment", name).await;
    assert_eq!(
        (&target["spec"]["replicas"], changes_of(&target)),
        (&json!(2), 0),
        "{name}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn an_answer_that_is_no_number_is_told_and_scales_nothing() {
    let table = [
        ("broken", "sum(", "PrometheusRefused", "parse error"),
        (
            "nan",
            "vector(0) / vector(0)",
            "NotANumber",
            "not a finite number",
        ),
        (
            "infinite",
            "vector(1) / vector(0)",
            "NotANumber",
            "not a finite number",
        ),
        ("negative", "vector(-1)", "NegativeValue", "below zero"),
        (
            "several",
            QUEUES,
            "AmbiguousSeries",
            "answers 2 series: aggregate them with sum() or pick one with match",
        ),
        (
            "empty",
            "no_such_metric",
            "NoSamples",
            "answers no series: check its metric names and labels",
        ),
    ];
    in_a_namespace(async |world| {
        for (name, text, ..) in table {
            world.has(deployment(name).replicas(2)).await;
            world.has(policy(name).by(&[query(text, 20)])).await;
        }
        // None of the queues has this name.
        world.has(deployment("unmatched").replicas(2)).await;
        world.has(policy("unmatched").by(&[backlog_of("returns")])).await;
        world.has(deployment("elsewhere").replicas(2)).await;
        world.has(policy("elsewhere").asking("no-such-server")).await;

        for (name, _, reason, says) in table {
            is_told_and_nothing_is_scaled(world, name, reason, says).await;
        }
        let says = "none of the 2 series of the query carries the labels of match";
        is_told_and_nothing_is_scaled(world, "unmatched", "NoSamples", says).await;
        let says = "no server named no-such-server in the controller's configuration";
        is_told_and_nothing_is_scaled(world, "elsewhere", "UnknownServer", says).await;

        // A right query puts it right.
        world
            .change("ScalingPolicy", "broken", by(&[backlog(60, 20)]))
            .await;
        world.until_replicas("Deployment", "broken", 3).await;
        world.until_condition("broken", "Ready", "True", "Ready").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn pods_without_requests_have_no_utilisation() {
    in_a_namespace(async |world| {
        world
            .has(deployment("silent").replicas(2).without_requests())
            .await;
        world.has(policy("silent").by(&[cpu(70)])).await;
        let says = "set resource requests";
        is_told_and_nothing_is_scaled(world, "silent", "NoResourceRequests", says).await;
        // The one beside it is not affected, nor is a metric beside it that can be measured.
        until_another_policy_has_acted(world).await;
        world
            .change("ScalingPolicy", "silent", by(&[cpu(70), backlog(60, 20)]))
            .await;
        world.until_replicas("Deployment", "silent", 3).await;
        world
            .until_condition("silent", "Ready", "False", "NoResourceRequests")
            .await;
        world
            .until_condition("silent", "ScalingActive", "True", "Ready")
            .await;
    })
    .await;
}
