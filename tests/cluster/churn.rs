//! Steady load on pods that come and go: while their samples are missing, the policy neither shrinks nor grows.
use crate::fixtures::{deployment, policy, rate, scrape_interval_seconds, service, visitors};
use crate::modes::until_prometheus_says;
use crate::world::{World, changes_of, in_a_namespace, kubectl};

/// So many scrapes are in the window over which the controller measures a rate.
const SCRAPES: u32 = 4;

fn window_seconds() -> u32 {
    SCRAPES * scrape_interval_seconds()
}

/// The counters of the shop; `pages` picks one of each pod, or all.
fn counters(world: &World, pages: &str) -> String {
    let namespace = &world.namespace;
    format!(r#"http_requests_total{{namespace="{namespace}",pod=~"shop-.*",page=~"{pages}"}}"#)
}

/// Gives the shop a policy of 10 pages a second and replica once all its replicas together have as much to do.
async fn is_busy_with(world: &World, replicas: i32) {
    world.has(service("shop")).await;
    world.has(visitors("shop", 10 * replicas)).await;
    let all = counters(world, ".*");
    let in_tens = format!("round(sum(rate({all}[{}s])) / 10)", window_seconds());
    until_prometheus_says(world, "shop", &in_tens, replicas.into()).await;
    world.has(policy("shop").by(&[rate(10)])).await;
    world.until_condition("shop", "Ready", "True", "Ready").await;
}

/// Waits until the shop has so many Ready pods, all of the newest version and measured for a whole window.
async fn until_all_are_measured(world: &World, replicas: i64) {
    world
        .until(
            "Deployment",
            "shop",
            "all replicas are new and Ready, and no more",
            |shop| {
                let status = &shop["status"];
                let counts = ["replicas", "readyReplicas", "updatedReplicas"];
                status["observedGeneration"] == shop["metadata"]["generation"]
                    && counts.iter().all(|count| status[count] == replicas)
            },
        )
        .await;
    let one = counters(world, "home");
    let window = window_seconds();
    let long_enough = format!("count((count_over_time({one}[{window}s]) >= {SCRAPES}) and {one})");
    until_prometheus_says(world, "shop", &long_enough, replicas).await;
}

/// Takes the load away: a policy that could not shrink at all would have held the replicas for nothing.
async fn shrinks_without_load(world: &World) {
    world.delete("Pod", "visitors").await;
    world.until_replicas("Deployment", "shop", 1).await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_rollout_with_surge_changes_no_replicas() {
    in_a_namespace(async |world| {
        world.has(deployment("shop").replicas(3).surging(3)).await;
        is_busy_with(world, 3).await;
        world
            .change("Deployment", "shop", deployment("shop").into_version("2"))
            .await;
        until_all_are_measured(world, 3).await;
        let shop = world.object("Deployment", "shop").await;
        assert_eq!(changes_of(&shop), 1, "the version alone: {shop:#}");
        shrinks_without_load(world).await;
    })
    .await;
}

/// Runs a command of kubectl on two of the shop's pods.
fn on_two_pods(world: &World, before: &[&str], after: &[&str]) {
    let namespace = &world.namespace;
    let pods = kubectl(&["get", "pods", "-n", namespace, "-l", "app=shop", "-o", "name"]);
    let two = pods.lines().take(2);
    let command: Vec<&str> = before
        .iter()
        .copied()
        .chain(["-n", namespace])
        .chain(two)
        .chain(after.iter().copied())
        .collect();
    kubectl(&command);
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn pods_that_vanish_are_made_up_for() {
    in_a_namespace(async |world| {
        world.has(deployment("shop").replicas(4)).await;
        is_busy_with(world, 4).await;
        on_two_pods(world, &["delete", "--force", "--grace-period=0"], &[]);
        until_all_are_measured(world, 4).await;
        let shop = world.object("Deployment", "shop").await;
        assert_eq!(changes_of(&shop), 0, "{shop:#}");
        shrinks_without_load(world).await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn pods_that_nobody_measures_do_not_look_like_less_load() {
    in_a_namespace(async |world| {
        world.has(deployment("shop").replicas(4)).await;
        is_busy_with(world, 4).await;
        on_two_pods(
            world,
            &["annotate", "--overwrite"],
            &["prometheus.io/scrape=false"],
        );
        let message = world
            .until_condition("shop", "Ready", "False", "PodsWithoutSamples")
            .await;
        assert!(message.contains("2 of 4 pods have no sample"), "{message}");
        world.until_warning("shop", "PodsWithoutSamples").await;
        on_two_pods(
            world,
            &["annotate", "--overwrite"],
            &["prometheus.io/scrape=true"],
        );
        world.until_condition("shop", "Ready", "True", "Ready").await;
        let shop = world.object("Deployment", "shop").await;
        assert_eq!(changes_of(&shop), 0, "{shop:#}");
    })
    .await;
}
