//! What the cluster has no room for: quotas that refuse pods, and pods that find no node.
use serde_json::{Value, json};

use crate::fixtures::{backlog, by, deployment, policy};
use crate::world::{changes_of, in_a_namespace};

fn quota(pods: i32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota",
        "metadata": {"name": "few-pods"},
        "spec": {"hard": {"pods": pods.to_string()}},
    })
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_quota_that_refuses_pods_is_named_and_growth_goes_on_when_it_is_raised() {
    in_a_namespace(async |world| {
        world.has(quota(2)).await;
        world
            .until("ResourceQuota", "few-pods", "it is in force", |quota| {
                quota["status"]["hard"]["pods"] == "2"
            })
            .await;
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        // Nobody knows of the wall before it is hit.
        world.until_replicas("Deployment", "web", 3).await;
        let message = world
            .until_condition("web", "Ready", "False", "QuotaExceeded")
            .await;
        assert!(message.contains("exceeded quota: few-pods"), "{message}");
        let warning = world.until_warning("web", "QuotaExceeded").await;
        assert!(warning.contains("exceeded quota: few-pods"), "{warning}");

        world
            .change("ScalingPolicy", "web", by(&[backlog(100, 20)]))
            .await;
        world
            .until_condition("web", "ScalingLimited", "True", "QuotaExceeded")
            .await;
        let web = world.object("Deployment", "web").await;
        assert_eq!((&web["spec"]["replicas"], changes_of(&web)), (&json!(3), 1));

        world.change("ResourceQuota", "few-pods", quota(20)).await;
        world.until_replicas("Deployment", "web", 5).await;
        world
            .until_condition("web", "ScalingLimited", "False", "WithinBounds")
            .await;
        world.until_condition("web", "Ready", "True", "Ready").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn pods_that_find_no_node_are_told_and_limit_nothing() {
    in_a_namespace(async |world| {
        // A thousand cores each.
        world.has(deployment("web").with_cpu(1_000_000)).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;
        let message = world
            .until_condition("web", "Ready", "False", "UnschedulablePods")
            .await;
        assert!(
            message.starts_with("3 pods of the target find no node"),
            "{message}"
        );
        world.until_warning("web", "UnschedulablePods").await;

        // A node autoscaler needs to see how many there should be.
        world
            .change("ScalingPolicy", "web", by(&[backlog(100, 20)]))
            .await;
        world.until_replicas("Deployment", "web", 5).await;
        world
            .until_condition("web", "ScalingLimited", "False", "WithinBounds")
            .await;
    })
    .await;
}
