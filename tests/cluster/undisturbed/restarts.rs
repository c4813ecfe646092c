//! The controller killed and started anew: what it remembers, and what it asks Prometheus for.
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, ResourceExt};
use serde_json::json;

use crate::fixtures::{backlog, by, deployment, pods_of, policy, query};
use crate::modes::until_another_policy_has_acted;
use crate::world::{GLANCE, World, api, changes_of, kubectl, resource, undisturbed};

/// The controller's pods that are not on their way out, each with how often its program was started anew.
pub(crate) async fn controller(world: &World) -> Vec<(String, i32)> {
    let pods: Api<Pod> = Api::namespaced(world.client.clone(), "concertina");
    let pods = pods
        .list(&ListParams::default().labels("app=concertina"))
        .await
        .unwrap();
    let living = pods
        .items
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    living
        .map(|pod| {
            let status = pod.status.clone().unwrap_or_default();
            let containers = status.container_statuses.unwrap_or_default();
            (
                pod.name_any(),
                containers.iter().map(|container| container.restart_count).sum(),
            )
        })
        .collect()
}

/// Kills the controller without a chance to say goodbye. Another one is started by its Deployment.
pub(crate) async fn kill_the_controller(world: &World) {
    for (pod, _) in controller(world).await {
        kubectl(&[
            "delete",
            "pod",
            &pod,
            "-n",
            "concertina",
            "--force",
            "--grace-period=0",
        ]);
    }
}

/// The pod that holds the Lease.
async fn leader(world: &World) -> Option<String> {
    let leases = api(&world.client, Some("concertina"), &resource("Lease"));
    let lease = leases.get_opt("concertina").await.unwrap()?;
    let holder = lease.data["spec"]["holderIdentity"].as_str()?;
    Some(holder.rsplit_once('_')?.0.to_owned())
}

/// Waits until a pod leads that is none of these, and returns its name. One that was killed lives for a moment yet, and may act.
pub(crate) async fn until_another_leads(world: &World, others: &[String]) -> String {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(leader) = leader(world).await.filter(|leader| !others.contains(leader)) {
            return leader;
        }
        assert!(Instant::now() < deadline, "nobody leads but {others:?}");
        tokio::time::sleep(GLANCE).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_killed_controller_comes_back_remembers_and_goes_on() {
    undisturbed(async |world| {
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)]).calm()).await;
        world.until_replicas("Deployment", "web", 3).await;
        // Less would do from now on, and the window of shrinking has not passed.
        world.change("ScalingPolicy", "web", by(&[backlog(20, 20)])).await;
        world
            .until_condition("web", "AbleToScale", "True", "ScaleDownStabilized")
            .await;
        let changes = async || world.object("ScalingPolicy", "web").await["status"]["lastChanges"].clone();
        let before = changes().await;
        assert_eq!(before.as_array().map(Vec::len), Some(1), "{before:#}");

        let killed = controller(world).await;
        kill_the_controller(world).await;
        until_another_policy_has_acted(world).await;
        assert_ne!(controller(world).await, killed);
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 1);
        assert_eq!(changes().await, before);
        world
            .until_condition("web", "AbleToScale", "True", "ScaleDownStabilized")
            .await;

        world.change("ScalingPolicy", "web", by(&[backlog(80, 20)])).await;
        world.until_replicas("Deployment", "web", 4).await;
        let grown = world
            .until("ScalingPolicy", "web", "both changes are told", |policy| {
                policy["status"]["lastChanges"].as_array().map(Vec::len) == Some(2)
            })
            .await;
        assert_eq!(grown["status"]["lastChanges"][1], before[0]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_new_controller_shrinks_by_what_prometheus_remembers_and_no_further() {
    undisturbed(async |world| {
        // One replica was enough for as long as anybody can tell.
        world.has(deployment("quiet").replicas(3)).await;
        world
            .has(policy("quiet").by(&[backlog(20, 20)]).shrinking_after(600))
            .await;
        // As many as there are pods of `callers` were needed until a moment ago.
        world.has(deployment("callers").replicas(3)).await;
        world.has(deployment("busy")).await;
        let callers = query(&pods_of(&world.namespace, "callers"), 1);
        world
            .has(policy("busy").by(&[callers]).shrinking_after(600))
            .await;
        world.until_replicas("Deployment", "busy", 3).await;
        world
            .change("Deployment", "callers", json!({"spec": {"replicas": 1}}))
            .await;
        for held in ["quiet", "busy"] {
            world
                .until_condition(held, "AbleToScale", "True", "ScaleDownStabilized")
                .await;
        }
        let before = changes_of(&world.object("Deployment", "busy").await);

        kill_the_controller(world).await;
        world.until_replicas("Deployment", "quiet", 1).await;
        until_another_policy_has_acted(world).await;
        let busy = world.object("Deployment", "busy").await;
        assert_eq!(
            (&busy["spec"]["replicas"], changes_of(&busy)),
            (&json!(3), before)
        );
        world
            .until_condition("busy", "AbleToScale", "True", "ScaleDownStabilized")
            .await;
    })
    .await;
}
