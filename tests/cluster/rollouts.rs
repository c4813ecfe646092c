//! New versions of a target: those that come up under load, those that get stuck, and those that crash.
use serde_json::{Value, json};

use crate::fixtures::{backlog, by, deployment, policy};
use crate::world::{changes_of, in_a_namespace};

/// Of the Deployment's pods, how many are of the newest version.
fn updated(deployment: &Value) -> Option<i64> {
    let is_seen = deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"];
    is_seen.then(|| deployment["status"]["updatedReplicas"].as_i64().unwrap_or(0))
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_stuck_rollout_forbids_shrinking_for_a_while_only() {
    in_a_namespace(async |world| {
        world.has(deployment("web").replicas(4).surging(1)).await;
        let policy = policy("web").by(&[backlog(80, 20)]);
        world
            .has(policy.behaving("rolloutFreezeSeconds", 15.into()))
            .await;
        world
            .until("Deployment", "web", "all are Ready", |web| {
                web["status"]["readyReplicas"] == 4
            })
            .await;

        let stuck = deployment("web").never_ready().into_version("2");
        world.change("Deployment", "web", stuck).await;
        world
            .until("Deployment", "web", "one pod of the new version", |web| {
                updated(web) == Some(1)
            })
            .await;
        world.change("ScalingPolicy", "web", by(&[backlog(40, 20)])).await;
        world
            .until_condition("web", "AbleToScale", "True", "RolloutUnderWay")
            .await;
        assert_eq!(world.object("Deployment", "web").await["spec"]["replicas"], 4);

        let shrunk = world.until_replicas("Deployment", "web", 2).await;
        assert_eq!(
            shrunk["status"]["updatedReplicas"], 1,
            "it is stuck still: {shrunk:#}"
        );
        // What is stuck may grow at any time.
        world.change("ScalingPolicy", "web", by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_version_that_crashes_is_not_multiplied() {
    in_a_namespace(async |world| {
        world.has(deployment("web").replicas(2).recreated()).await;
        world.has(policy("web").by(&[backlog(40, 20)])).await;
        world
            .until("Deployment", "web", "all are Ready", |web| {
                web["status"]["readyReplicas"] == 2
            })
            .await;

        let crashing = deployment("web").crashing().into_version("2");
        world.change("Deployment", "web", crashing).await;
        world.until_crashing("web", 2).await;
        // Nobody serves, so the backlog rises; more of the same would not help.
        world
            .change("ScalingPolicy", "web", by(&[backlog(160, 20)]))
            .await;
        world
            .until_condition("web", "ScalingLimited", "True", "PodsCrashing")
            .await;
        world
            .until_condition("web", "Ready", "False", "PodsCrashing")
            .await;
        world.until_warning("web", "PodsCrashing").await;
        let web = world.object("Deployment", "web").await;
        assert_eq!((&web["spec"]["replicas"], changes_of(&web)), (&json!(2), 1));

        let mended = deployment("web").into_version("3");
        world.change("Deployment", "web", mended).await;
        world.until_replicas("Deployment", "web", 8).await;
        world.until_condition("web", "Ready", "True", "Ready").await;
    })
    .await;
}
