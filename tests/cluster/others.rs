//! Others who write the replicas of a target: people by hand, again and again, and another autoscaler.
use serde_json::{Value, json};

use crate::fixtures::{backlog, deployment, policy};
use crate::modes::until_another_policy_has_acted;
use crate::world::{World, changes_of, in_a_namespace, kubectl};

fn scale_by_hand(world: &World, name: &str, replicas: i32) {
    let replicas = format!("--replicas={replicas}");
    kubectl(&["scale", "deployment", name, "-n", &world.namespace, &replicas]);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_change_by_hand_counts_towards_what_a_period_allows() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        let limits = json!([{"type": "Pods", "value": 2, "periodSeconds": 300}]);
        let policy = policy("web").by(&[backlog(160, 20)]);
        world
            .has(policy.behaving("scaleUp", json!({"policies": limits})))
            .await;
        world.until_replicas("Deployment", "web", 3).await;
        world
            .until_condition("web", "ScalingLimited", "True", "ScaleUpLimit")
            .await;

        // More than the period allows in all is nobody's to take back.
        scale_by_hand(world, "web", 5);
        let note = world
            .until_event("ScalingPolicy", "web", "ReplicasChangedByOther")
            .await;
        assert_eq!(note, "replicas 3 → 5: kubectl changed the replicas");
        let told = world
            .until("ScalingPolicy", "web", "the change by hand is told", |policy| {
                policy["status"]["currentReplicas"] == 5
            })
            .await;
        let newest = &told["status"]["lastChanges"][0];
        assert_eq!(
            (&newest["by"], &newest["from"], &newest["to"]),
            (&json!("Other"), &json!(3), &json!(5))
        );
        until_another_policy_has_acted(world).await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 2);

        // And less leaves room again: up to two more than at the beginning.
        scale_by_hand(world, "web", 2);
        world.until_replicas("Deployment", "web", 3).await;
        until_seen(world, "web", 3).await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 4);
    })
    .await;
}

/// Waits until the policy has seen that the target has so many replicas.
async fn until_seen(world: &World, policy: &str, replicas: i64) {
    let what = format!("{replicas} replicas are seen");
    world
        .until("ScalingPolicy", policy, &what, |policy| {
            policy["status"]["currentReplicas"] == replicas
        })
        .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_contest_ends_by_giving_way() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;
        for _ in 0..2 {
            scale_by_hand(world, "web", 1);
            world.until_replicas("Deployment", "web", 3).await;
        }
        scale_by_hand(world, "web", 1);
        let message = world
            .until_condition("web", "Ready", "False", "ReplicasContested")
            .await;
        assert!(message.contains("find out who"), "{message}");
        world.until_warning("web", "ReplicasContested").await;
        world
            .until_condition("web", "AbleToScale", "True", "ReplicasContested")
            .await;
        let web = world.object("Deployment", "web").await;
        assert_eq!((&web["spec"]["replicas"], changes_of(&web)), (&json!(1), 6));

        // The policy's own minimum is no matter of contest.
        world
            .change("ScalingPolicy", "web", json!({"spec": {"minReplicas": 2}}))
            .await;
        world.until_replicas("Deployment", "web", 2).await;
    })
    .await;
}

/// A HorizontalPodAutoscaler on the Deployment of the same name.
fn autoscaler(name: &str) -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": 70});
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": 4,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    })
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_another_autoscaler_scales_is_left_to_it_until_it_is_deleted() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;

        world.has(autoscaler("web")).await;
        let message = world
            .until_condition("web", "Ready", "False", "TargetOwnedByOther")
            .await;
        assert!(message.contains("HorizontalPodAutoscaler web"), "{message}");
        let warning = world.until_warning("web", "TargetOwnedByOther").await;
        assert!(warning.contains("HorizontalPodAutoscaler web"), "{warning}");
        world
            .until_condition("web", "AbleToScale", "False", "TargetOwnedByOther")
            .await;

        // It goes on recommending, and writes nothing.
        let more = json!({"spec": {"metrics": [backlog(100, 20)]}});
        world.change("ScalingPolicy", "web", more).await;
        world.until_desired("web", 5).await;
        until_another_policy_has_acted(world).await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 1);

        world.delete("HorizontalPodAutoscaler", "web").await;
        world.until_replicas("Deployment", "web", 5).await;
        world.until_condition("web", "Ready", "True", "Ready").await;
    })
    .await;
}
