//! Policies that decide and do not act, and people who act beside the policy.
use serde_json::json;

use crate::fixtures::{backlog, deployment, policy, query};
use crate::world::{World, changes_of, in_a_namespace, kubectl};

/// Returns after policies have been decided on for a while: a policy made now has acted by then.
pub(crate) async fn until_another_policy_has_acted(world: &World) {
    world.has(deployment("beacon")).await;
    world.has(policy("beacon").by(&[backlog(40, 20)])).await;
    world.until_replicas("Deployment", "beacon", 2).await;
}

/// Waits until Prometheus answers `number`, from 1 to 10, to the query; asked by a policy that only recommends for the
/// Deployment `target`.
pub(crate) async fn until_prometheus_says(world: &World, target: &str, text: &str, number: i64) {
    // An empty answer would leave the target as it is.
    let witness = policy("witness").on("apps/v1", "Deployment", target);
    let asking = query(&format!("({text}) or vector(0)"), 1);
    world.has(witness.by(&[asking]).in_mode("DryRun")).await;
    world.until_desired("witness", number).await;
    world.delete("ScalingPolicy", "witness").await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_dry_run_tells_what_it_would_do_and_changes_nothing() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        world
            .has(policy("web").by(&[backlog(60, 20)]).in_mode("DryRun"))
            .await;
        let told = world.until_desired("web", 3).await;
        assert_eq!(
            told["status"]["lastDecision"]["message"],
            "1 → 3: backlog 60 in total is 3 times its target of 20 per replica"
        );
        assert_eq!(told["status"]["mode"], "DryRun");
        world.until_condition("web", "Ready", "True", "DryRun").await;
        world
            .until_condition("web", "AbleToScale", "False", "DryRun")
            .await;

        until_another_policy_has_acted(world).await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 0);
        assert!(world.events("ScalingPolicy", "web").await.is_empty());

        // It owns nothing: a younger policy acts on the same target, and it goes on telling.
        let acting = policy("acting").on("apps/v1", "Deployment", "web");
        world.has(acting.by(&[backlog(100, 20)])).await;
        world.until_replicas("Deployment", "web", 5).await;
        world
            .until(
                "ScalingPolicy",
                "web",
                "five replicas are too many to it",
                |policy| {
                    let status = &policy["status"];
                    status["currentReplicas"] == 5 && status["desiredReplicas"] == 3
                },
            )
            .await;
        world.until_condition("acting", "Ready", "True", "Ready").await;
        world.delete("ScalingPolicy", "acting").await;

        world
            .change("ScalingPolicy", "web", json!({"spec": {"mode": "Auto"}}))
            .await;
        world.until_replicas("Deployment", "web", 3).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_paused_policy_rests_until_it_is_unpaused() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        let paused = policy("web").by(&[backlog(60, 20)]).in_mode("Paused");
        world.has(paused).await;
        world.until_condition("web", "Ready", "True", "Paused").await;
        world
            .until_condition("web", "ScalingActive", "False", "Paused")
            .await;
        until_another_policy_has_acted(world).await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 0);

        // The annotation takes over from the spec, and ends when it is removed.
        let until =
            |time: Option<&str>| json!({"metadata": {"annotations": {"concertina.dev/paused-until": time}}});
        world
            .change("ScalingPolicy", "web", until(Some("2999-12-24T18:00:00Z")))
            .await;
        world
            .change("ScalingPolicy", "web", json!({"spec": {"mode": null}}))
            .await;
        world
            .until("ScalingPolicy", "web", "paused in generation 2", |policy| {
                policy["status"]["observedGeneration"] == 2 && policy["status"]["mode"] == "Paused"
            })
            .await;
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 0);

        world.change("ScalingPolicy", "web", until(None)).await;
        world.until_replicas("Deployment", "web", 3).await;
        world.until_condition("web", "Ready", "True", "Ready").await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_change_by_hand_is_seen_and_decided_anew_from_there() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;

        for by_hand in [5, 1] {
            let replicas = format!("--replicas={by_hand}");
            kubectl(&["scale", "deployment", "web", "-n", &world.namespace, &replicas]);
            // Written by us after the other's change was seen: both are told, the newest first.
            let is_told = |policy: &serde_json::Value| {
                let changes = &policy["status"]["lastChanges"];
                let change = |index: usize| {
                    let change = &changes[index];
                    json!([
                        change["from"],
                        change["to"],
                        change["by"],
                        change["reason"] == "ReplicasChangedByOther"
                    ])
                };
                change(0) == json!([by_hand, 3, "Concertina", false])
                    && change(1) == json!([3, by_hand, "Other", true])
            };
            world
                .until(
                    "ScalingPolicy",
                    "web",
                    "the change by hand and the way back",
                    is_told,
                )
                .await;
            world.until_replicas("Deployment", "web", 3).await;
        }
        let events = world.events("ScalingPolicy", "web").await;
        for text in [
            "replicas 3 → 5: kubectl",
            "5 → 3: backlog",
            "replicas 3 → 1: kubectl",
            "1 → 3: backlog",
        ] {
            assert!(
                events
                    .iter()
                    .any(|event| event["note"].as_str().unwrap().contains(text)),
                "no event says {text:?}: {events:#?}"
            );
        }
    })
    .await;
}
