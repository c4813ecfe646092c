//! Targets of every kind: those that are not there, or not yet, or not to be scaled, and those that two policies want.
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::fixtures::{backlog, deployment, policy, stateful_set};
use crate::modes::until_another_policy_has_acted;
use crate::world::{GLANCE, changes_of, in_a_namespace};

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_target_that_cannot_be_scaled_is_named_with_what_to_do() {
    in_a_namespace(async |world| {
        world
            .has(policy("unknown").on("apps/v1", "Deploymnet", "web"))
            .await;
        world.has(policy("unscalable").on("v1", "Secret", "web")).await;
        world
            .has(policy("missing").on("apps/v1", "Deployment", "web"))
            .await;
        for (policy, reason, says) in [
            (
                "unknown",
                "TargetNotFound",
                "serves no kind Deploymnet in apps/v1: check apiVersion and kind",
            ),
            (
                "unscalable",
                "TargetNotScalable",
                "Secret has no scale subresource",
            ),
            (
                "missing",
                "TargetNotFound",
                "create it, or correct the name in scaleTargetRef",
            ),
        ] {
            let message = world.until_condition(policy, "Ready", "False", reason).await;
            assert!(message.contains(says), "{policy}: {message}");
            world
                .until_condition(policy, "AbleToScale", "False", reason)
                .await;
            let warning = world.until_warning(policy, reason).await;
            assert!(warning.contains(says), "{policy}: {warning}");
        }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_target_that_is_created_later_is_picked_up() {
    in_a_namespace(async |world| {
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world
            .until_condition("web", "Ready", "False", "TargetNotFound")
            .await;
        world.has(deployment("web")).await;
        world.until_replicas("Deployment", "web", 3).await;
        world.until_condition("web", "Ready", "True", "Ready").await;

        // And again, when it was deleted: the new object is not the old one.
        world.delete("Deployment", "web").await;
        world
            .until_condition("web", "Ready", "False", "TargetNotFound")
            .await;
        world.has(deployment("web").replicas(2)).await;
        world.until_replicas("Deployment", "web", 3).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_stateful_set_is_scaled_as_a_deployment_is() {
    in_a_namespace(async |world| {
        world.has(stateful_set("queue")).await;
        let policy = policy("queue").on("apps/v1", "StatefulSet", "queue");
        world.has(policy.by(&[backlog(60, 20)])).await;
        let set = world.until_replicas("StatefulSet", "queue", 3).await;
        assert_eq!(changes_of(&set), 1);
        world
            .until_event("StatefulSet", "queue", "MetricAboveTarget")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn of_two_policies_on_one_target_the_older_acts_until_it_is_deleted() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        let older = policy("older").on("apps/v1", "Deployment", "web");
        let older = world.has(older.by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;

        let younger = policy("younger").on("apps/v1", "Deployment", "web");
        let younger: Value = younger.by(&[backlog(100, 20)]).into();
        // Ages are whole seconds: only a later second makes it the younger one.
        let rehearsal = PostParams {
            dry_run: true,
            field_manager: None,
        };
        let created = |policy: &Value| policy["metadata"]["creationTimestamp"].to_string();
        while created(&world.try_create(&younger, &rehearsal).await.unwrap()) == created(&older) {
            tokio::time::sleep(GLANCE).await;
        }
        world.has(younger).await;

        let message = world
            .until_condition("younger", "AbleToScale", "False", "TargetOwnedByOther")
            .await;
        assert!(
            message.contains("/older is older and owns the target"),
            "{message}"
        );
        world.until_warning("younger", "TargetOwnedByOther").await;
        let recommends = world.until_desired("younger", 5).await;
        assert_eq!(recommends["status"]["currentReplicas"], 3);
        until_another_policy_has_acted(world).await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 1);
        world.until_condition("older", "Ready", "True", "Ready").await;

        world.delete("ScalingPolicy", "older").await;
        world.until_replicas("Deployment", "web", 5).await;
        world.until_condition("younger", "Ready", "True", "Ready").await;
        assert_eq!(
            world
                .until("ScalingPolicy", "younger", "its change is told", |policy| {
                    policy["status"]["lastChanges"][0]["to"] == 5
                })
                .await["status"]["lastChanges"][0]["from"],
            json!(3)
        );
    })
    .await;
}
