//! Bounds that are changed on a living policy, and a policy that goes.
use serde_json::json;

use crate::fixtures::{backlog, deployment, policy};
use crate::modes::until_another_policy_has_acted;
use crate::world::{changes_of, in_a_namespace};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn changed_bounds_act_at_once_and_a_deleted_policy_leaves_the_replicas() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        // Calm: neither a raised minimum nor a lowered maximum waits for cooldowns and windows.
        world.has(policy("web").by(&[backlog(20, 20)]).calm()).await;
        world.until_desired("web", 1).await;

        world
            .change("ScalingPolicy", "web", json!({"spec": {"minReplicas": 4}}))
            .await;
        world.until_replicas("Deployment", "web", 4).await;
        let note = world.until_event("ScalingPolicy", "web", "BelowMinimum").await;
        assert_eq!(note, "1 → 4: it has fewer replicas than the minimum of 4");

        world
            .change(
                "ScalingPolicy",
                "web",
                json!({"spec": {"minReplicas": 1, "maxReplicas": 2}}),
            )
            .await;
        world.until_replicas("Deployment", "web", 2).await;
        let note = world.until_event("ScalingPolicy", "web", "AboveMaximum").await;
        assert_eq!(note, "4 → 2: it has more replicas than the maximum of 2");

        world.delete("ScalingPolicy", "web").await;
        until_another_policy_has_acted(world).await;
        let left = world.object("Deployment", "web").await;
        assert_eq!((&left["spec"]["replicas"], changes_of(&left)), (&json!(2), 2));
    })
    .await;
}
