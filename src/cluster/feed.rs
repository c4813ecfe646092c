//! Starts the watches that feed the tables: policies, pods, ReplicaSets, and one per kind that a policy targets. This reads from the network.
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::core::{DeserializeGuard, GroupVersionKind, PartialObjectMeta};
use kube::discovery::ApiCapabilities;
use kube::{Api, Client};
use tokio::task::JoinSet;

use super::Cluster;
use super::targets::{KindState, SlimTarget};
use super::watch::{Change, follow};
use crate::api::ScalingPolicy;

/// A kind that could not be looked up, or does not exist, is looked up again after this.
const LOOKUP_RETRY_SECONDS: u64 = 15;
/// Least time between two looks at which kinds are wanted.
const LOOKUP_GAP: Duration = Duration::from_millis(100);
/// One look-up of a kind is given up after this.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);

/// Feeds `cluster` until the future is dropped. `watch_client` must not have a read time-out: a quiet watch is no
/// failure. `call_client` must have one.
///
/// Ends when a watch has ended, which only a bug can do: tables that stand still are worse than a restart.
pub async fn run(cluster: Arc<Cluster>, watch_client: Client, call_client: Client) {
    let mut tasks: JoinSet<Option<GroupVersionKind>> = JoinSet::new();
    tasks.spawn(feed_policies(Arc::clone(&cluster), watch_client.clone()).map(|()| None));
    tasks.spawn(feed_pods(Arc::clone(&cluster), watch_client.clone()).map(|()| None));
    tasks.spawn(feed_replica_sets(Arc::clone(&cluster), watch_client.clone()).map(|()| None));
    let mut under_way = HashSet::new();
    loop {
        while let Some(ended) = tasks.try_join_next() {
            let Ok(Some(gvk)) = ended else {
                tracing::error!("a watch has ended: the controller ends too, to be started anew");
                return;
            };
            under_way.remove(&gvk);
        }
        for gvk in wanted_kinds(&cluster) {
            let due = cluster
                .targets()
                .needs_lookup(&gvk, Instant::now(), LOOKUP_RETRY_SECONDS);
            if due && under_way.insert(gvk.clone()) {
                // Side by side: an API that hangs holds up those alone who target its kinds.
                tasks.spawn(follow_kind(
                    Arc::clone(&cluster),
                    watch_client.clone(),
                    call_client.clone(),
                    gvk,
                ));
            }
        }
        // Every status that is written comes back as a change of a policy: look at the kinds now and then, not each time.
        tokio::time::sleep(LOOKUP_GAP).await;
        let _ = tokio::time::timeout(Duration::from_secs(1), cluster.policies_changed.notified()).await;
    }
}

async fn feed_policies(cluster: Arc<Cluster>, client: Client) {
    let api: Api<DeserializeGuard<ScalingPolicy>> = Api::all(client);
    follow(api, "policies", |change| {
        match change {
            Change::Replace(policies) => cluster.policies().replace(policies),
            Change::Apply(policy) => cluster.policies().apply(policy),
            Change::Delete(policy) => cluster.policies().delete(&policy),
            Change::Fail(_) => {}
        }
        cluster.policies_changed.notify_one();
    })
    .await;
}

async fn feed_pods(cluster: Arc<Cluster>, client: Client) {
    follow(Api::<Pod>::all(client), "pods", |change| match change {
        Change::Replace(pods) => cluster.pods().replace_pods(pods),
        Change::Apply(pod) => cluster.pods().apply_pod(&pod),
        Change::Delete(pod) => cluster.pods().delete_pod(&pod),
        Change::Fail(_) => {}
    })
    .await;
}

async fn feed_replica_sets(cluster: Arc<Cluster>, client: Client) {
    let api: Api<PartialObjectMeta<ReplicaSet>> = Api::all(client);
    follow(api, "replica sets", |change| match change {
        Change::Replace(sets) => cluster
            .pods()
            .replace_replica_sets(sets.iter().map(|set| &set.metadata)),
        Change::Apply(set) => cluster.pods().apply_replica_set(&set.metadata),
        Change::Delete(set) => cluster.pods().delete_replica_set(&set.metadata),
        Change::Fail(_) => {}
    })
    .await;
}

fn wanted_kinds(cluster: &Cluster) -> HashSet<GroupVersionKind> {
    let policies = cluster.policies();
    policies
        .iter()
        .filter_map(|record| Some(record.target()?.gvk))
        .collect()
}

/// Looks a kind up and follows its objects. Returns the kind when there is nothing to follow, to be looked up again.
async fn follow_kind(
    cluster: Arc<Cluster>,
    watch_client: Client,
    call_client: Client,
    gvk: GroupVersionKind,
) -> Option<GroupVersionKind> {
    let state = look_up(&call_client, &gvk).await;
    cluster.targets().set_kind(&gvk, state.clone(), Instant::now());
    let KindState::Watched { resource, .. } = state else {
        return Some(gvk);
    };
    let api: Api<SlimTarget> = Api::all_with(watch_client, &resource);
    follow(api, &resource.kind, |change| match change {
        Change::Replace(objects) => cluster.targets().replace(&gvk, objects),
        Change::Apply(object) => cluster.targets().apply(&gvk, &object),
        Change::Delete(object) => cluster.targets().delete(&gvk, &object),
        Change::Fail(failure) => cluster.targets().note_failure(&gvk, failure),
    })
    .await;
    None
}

async fn look_up(client: &Client, gvk: &GroupVersionKind) -> KindState {
    match tokio::time::timeout(LOOKUP_TIMEOUT, kube::discovery::pinned_kind(client, gvk)).await {
        Err(_) => KindState::Unavailable("no answer within 10 s".into()),
        Ok(Err(kube::Error::Discovery(_))) => KindState::Missing,
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => KindState::Missing,
        Ok(Err(error)) => KindState::Unavailable(error.to_string()),
        Ok(Ok((_, capabilities))) if !is_scalable(&capabilities) => KindState::NotScalable,
        Ok(Ok((resource, capabilities))) => KindState::Watched {
            resource,
            scope: capabilities.scope,
            synced: false,
            failure: None,
        },
    }
}

fn is_scalable(capabilities: &ApiCapabilities) -> bool {
    capabilities
        .subresources
        .iter()
        .any(|(resource, subresource)| resource.plural == "scale" && subresource.supports_operation("patch"))
}
