//! Starts the watches that feed the tables: policies, pods, ReplicaSets, other autoscalers, and one per kind that a policy
//! targets. This reads from the network.
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use kube::Client;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::{ApiCapabilities, Scope};
use tokio::task::JoinSet;

use super::Cluster;
use super::autoscalers::{AutoscalerTable, SlimAutoscaler, Source};
use super::keda::{find_keda, lose_patience_with_keda};
use super::parts::{Lists, Part};
use super::pods::SlimReplicaSet;
use super::targets::{KindState, SlimTarget};
use super::watch::{Change, follow, follow_sound};
use crate::api::ScalingPolicy;
use crate::log::causes;

/// A kind that could not be looked up, or does not exist, is looked up again after this.
const LOOKUP_RETRY_SECONDS: u64 = 15;
/// Least time between two looks at which kinds are wanted.
pub(super) const LOOKUP_GAP: Duration = Duration::from_millis(100);
/// One look-up of a kind is given up after this.
pub(super) const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
pub(super) const NO_ANSWER: &str = "no answer within 10 s";
const WITHOUT_NAMESPACE: &str = "its objects are in no namespace, and only namespaces are watched";
/// A kind that no policy targets any more is watched for so long, because a policy may come back.
const UNUSED_PATIENCE: Duration = Duration::from_secs(60);
/// Whether a kind is still targeted is looked at so often.
const UNUSED_GAP: Duration = Duration::from_secs(10);
/// What was learned of targets and kinds that are gone is forgotten so often.
const FORGET_GAP: Duration = Duration::from_secs(300);

/// Feeds `cluster` until the future is dropped. `watch_client` must not have a read time-out: a quiet watch is no
/// failure. `call_client` must have one.
///
/// Ends when a watch has ended, which only a bug can do: tables that stand still are worse than a restart.
pub async fn run(cluster: Arc<Cluster>, watch_client: Client, call_client: Client) {
    let mut tasks: JoinSet<Option<GroupVersionKind>> = JoinSet::new();
    for (part, namespace) in cluster.parts().iter() {
        let place = || (part, namespace.cloned());
        tasks.spawn(feed_policies(Arc::clone(&cluster), watch_client.clone(), place()).map(|()| None));
        tasks.spawn(feed_pods(Arc::clone(&cluster), watch_client.clone(), place()).map(|()| None));
        tasks.spawn(feed_replica_sets(Arc::clone(&cluster), watch_client.clone(), place()).map(|()| None));
        let autoscalers = feed_horizontal_autoscalers(Arc::clone(&cluster), watch_client.clone(), place());
        tasks.spawn(autoscalers.map(|()| None));
    }
    let keda = feed_keda(Arc::clone(&cluster), watch_client.clone(), call_client.clone());
    tasks.spawn(keda.map(|()| None));
    let mut under_way = HashSet::new();
    let mut forgot = tokio::time::Instant::now();
    loop {
        if forgot.elapsed() >= FORGET_GAP {
            cluster.forget_gone();
            forget_kinds(&cluster, &under_way);
            forgot = tokio::time::Instant::now();
        }
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
                tasks.spawn(follow_kind_while_targeted(
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

/// What is watched by itself: a part of the cluster, and the namespace that it is; none of the whole.
type Place = (Part, Option<Arc<str>>);

async fn feed_policies(cluster: Arc<Cluster>, client: Client, (part, namespace): Place) {
    let resource = ApiResource::erase::<ScalingPolicy>(&());
    follow(client, &resource, namespace.as_deref(), |change| {
        match change {
            Change::ListBegins => cluster.policies().begin_list(part),
            Change::Apply(policy) => cluster.policies().apply(policy),
            Change::ListEnds => {
                // In the order of `View`.
                let mut autoscalers = cluster.autoscalers();
                let mut policies = cluster.policies();
                trust_no_refusal_before(policies.lists(), &mut autoscalers, part);
                policies.end_list(part);
            }
            Change::Delete(metadata) => cluster.policies().delete(&metadata),
            Change::Fail(failure) => {
                let is_news = cluster.policies().note_failure(part, failure, now());
                tell_if_refused(is_news, &resource, namespace.as_deref());
            }
        }
        cluster.policies_changed.notify_one();
    })
    .await;
}

async fn feed_pods(cluster: Arc<Cluster>, client: Client, (part, namespace): Place) {
    let resource = resource("", "v1", "Pod", "pods");
    follow_sound(client, &resource, namespace.as_deref(), |change| {
        let mut pods = cluster.pods();
        match change {
            Change::ListBegins => pods.begin_pods(part),
            Change::Apply(pod) => pods.apply_pod(pod),
            Change::ListEnds => {
                trust_no_refusal_before(pods.pod_lists(), &mut cluster.autoscalers(), part);
                pods.end_pods(part);
            }
            Change::Delete(metadata) => pods.delete_pod(&metadata),
            Change::Fail(failure) => {
                let is_news = pods.note_pods_failure(part, failure, now());
                tell_if_refused(is_news, &resource, namespace.as_deref());
            }
        }
    })
    .await;
}

async fn feed_replica_sets(cluster: Arc<Cluster>, client: Client, (part, namespace): Place) {
    let resource = resource("apps", "v1", "ReplicaSet", "replicasets");
    let on_change = |change: Change<SlimReplicaSet>| {
        let mut pods = cluster.pods();
        match change {
            Change::ListBegins => pods.begin_replica_sets(part),
            Change::Apply(set) => pods.apply_replica_set(&set),
            Change::ListEnds => {
                trust_no_refusal_before(pods.replica_set_lists(), &mut cluster.autoscalers(), part);
                pods.end_replica_sets(part);
            }
            Change::Delete(metadata) => pods.delete_replica_set(&metadata),
            Change::Fail(failure) => {
                let is_news = pods.note_replica_sets_failure(part, failure, now());
                tell_if_refused(is_news, &resource, namespace.as_deref());
            }
        }
    };
    follow_sound(client, &resource, namespace.as_deref(), on_change).await;
}

/// When one of these lists is the first of its part, or the first for long, other autoscalers were refused before it for the same reason
/// perhaps: an API server that begins, or a Role that is new. What they own is found out once more before anything is scaled.
fn trust_no_refusal_before(lists: &Lists, autoscalers: &mut AutoscalerTable, part: Part) {
    if !lists.is_listed(part) {
        autoscalers.await_again(part);
    }
}

/// By the clock that the pauses between attempts are measured with.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// One namespace in which the controller has no rights does not keep it from the others.
fn tell_if_refused(is_news: bool, resource: &ApiResource, namespace: Option<&str>) {
    if let Some(namespace) = namespace.filter(|_| is_news) {
        tracing::warn!(
            resource = resource.plural,
            namespace,
            "nothing is done in this namespace while the controller may not list and watch these: it begins by itself when the \
             namespace is there and the controller has its Role in it; or leave it out of watchNamespaces"
        );
    }
}

async fn feed_horizontal_autoscalers(cluster: Arc<Cluster>, client: Client, place: Place) {
    let source = Source::HorizontalPodAutoscaler;
    let resource = resource("autoscaling", "v2", source.kind(), "horizontalpodautoscalers");
    follow_autoscalers(&cluster, client, source, &resource, place).await;
}

/// KEDA may be installed at any time, and it may be broken.
async fn feed_keda(cluster: Arc<Cluster>, watch_client: Client, call_client: Client) {
    let follows = async {
        let resource = find_keda(&cluster, &call_client).await;
        let parts = cluster.parts();
        let follows = parts.iter().map(|(part, namespace)| {
            let place = (part, namespace.cloned());
            follow_autoscalers(&cluster, watch_client.clone(), Source::Keda, &resource, place)
        });
        join_all(follows).await;
    };
    tokio::join!(follows, lose_patience_with_keda(&cluster));
}

/// Without the right to list them the controller goes on, and says so once.
async fn follow_autoscalers(
    cluster: &Cluster,
    client: Client,
    source: Source,
    resource: &ApiResource,
    (part, namespace): Place,
) {
    let namespace = namespace.as_deref();
    let on_change = |change: Change<SlimAutoscaler>| match change {
        Change::ListBegins => cluster.autoscalers().begin_list(source, part),
        Change::Apply(object) => cluster.autoscalers().apply(source, &object),
        Change::ListEnds => cluster.autoscalers().end_list(source, part),
        Change::Delete(metadata) => cluster.autoscalers().delete(source, &metadata),
        Change::Fail(failure) => {
            let error = failure.message.clone();
            if cluster.autoscalers().note_failure(source, part, failure, now()) {
                tracing::warn!(
                    resource = resource.plural,
                    namespace,
                    error,
                    "going on without them: a policy whose target one of them scales too will not stand back; \
                     to change that, give the controller the rights to list and watch them"
                );
            }
        }
    };
    follow_sound(client, resource, namespace, on_change).await;
}

fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

fn wanted_kinds(cluster: &Cluster) -> HashSet<GroupVersionKind> {
    let policies = cluster.policies();
    policies.kinds().map(|gvk| gvk.as_ref().clone()).collect()
}

/// Forgets kinds that could not be followed and that no policy targets any more.
fn forget_kinds(cluster: &Cluster, under_way: &HashSet<GroupVersionKind>) {
    let wanted = wanted_kinds(cluster);
    let mut targets = cluster.targets();
    let kinds = targets.kinds().map(|gvk| gvk.as_ref().clone());
    let unused: Vec<_> = kinds
        .filter(|gvk| !wanted.contains(gvk) && !under_way.contains(gvk))
        .collect();
    for gvk in unused {
        targets.forget_kind(&gvk);
    }
}

/// Follows a kind until no policy has targeted it for a while, and then forgets it. Returns the kind when it is to be looked up
/// again, should a policy want it.
async fn follow_kind_while_targeted(
    cluster: Arc<Cluster>,
    watch_client: Client,
    call_client: Client,
    gvk: GroupVersionKind,
) -> Option<GroupVersionKind> {
    let ended = tokio::select! {
        ended = follow_kind(&cluster, watch_client, &call_client, &gvk) => ended,
        () = is_targeted_no_more(&cluster, &gvk) => Followed::InVain,
    };
    match ended {
        Followed::Ended => return None,
        Followed::NotFound => {}
        Followed::InVain => {
            tracing::info!(
                group = gvk.group,
                kind = gvk.kind,
                "no policy targets this kind any more: it is watched no more"
            );
            cluster.targets().forget_kind(&gvk);
        }
    }
    Some(gvk)
}

/// Why a kind is followed no more.
enum Followed {
    /// Its watch has ended, which only a bug can do.
    Ended,
    /// There is nothing to follow.
    NotFound,
    /// Nobody targets it.
    InVain,
}

/// Waits until no policy has targeted the kind for a while.
async fn is_targeted_no_more(cluster: &Cluster, gvk: &GroupVersionKind) {
    let mut unused = Duration::ZERO;
    while unused < UNUSED_PATIENCE {
        tokio::time::sleep(UNUSED_GAP).await;
        let is_targeted = cluster.policies().kinds().any(|kind| **kind == *gvk);
        unused = if is_targeted {
            Duration::ZERO
        } else {
            unused + UNUSED_GAP
        };
    }
}

/// Looks a kind up and follows its objects.
async fn follow_kind(
    cluster: &Cluster,
    watch_client: Client,
    call_client: &Client,
    gvk: &GroupVersionKind,
) -> Followed {
    let parts = cluster.parts();
    let mut state = look_up(call_client, gvk).await;
    if !parts.is_whole()
        && matches!(
            state,
            KindState::Watched {
                scope: Scope::Cluster,
                ..
            }
        )
    {
        state = KindState::Unavailable(WITHOUT_NAMESPACE.into());
    }
    cluster.targets().set_kind(gvk, state.clone(), Instant::now());
    let KindState::Watched { resource, .. } = state else {
        return Followed::NotFound;
    };
    let mut follows: FuturesUnordered<_> = parts
        .iter()
        .map(|(part, namespace)| {
            let on_change = move |change: Change<SlimTarget>| match change {
                Change::ListBegins => cluster.targets().begin_list(gvk, part),
                Change::Apply(object) => cluster.targets().apply(gvk, &object),
                Change::ListEnds => cluster.targets().end_list(gvk, part),
                Change::Delete(metadata) => cluster.targets().delete(gvk, &metadata),
                Change::Fail(failure) => cluster.targets().note_failure(gvk, part, failure, now()),
            };
            let (client, resource) = (watch_client.clone(), &resource);
            async move { follow_sound(client, resource, namespace.map(|name| &**name), on_change).await }
        })
        .collect();
    follows.next().await;
    Followed::Ended
}

async fn look_up(client: &Client, gvk: &GroupVersionKind) -> KindState {
    match tokio::time::timeout(LOOKUP_TIMEOUT, kube::discovery::pinned_kind(client, gvk)).await {
        Err(_) => KindState::Unavailable(NO_ANSWER.into()),
        Ok(Err(kube::Error::Discovery(_))) => KindState::Missing,
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => KindState::Missing,
        Ok(Err(error)) => KindState::Unavailable(causes(&error)),
        Ok(Ok((_, capabilities))) if !is_scalable(&capabilities) => KindState::NotScalable,
        Ok(Ok((resource, capabilities))) => KindState::Watched {
            resource,
            scope: capabilities.scope,
        },
    }
}

fn is_scalable(capabilities: &ApiCapabilities) -> bool {
    capabilities
        .subresources
        .iter()
        .any(|(resource, subresource)| resource.plural == "scale" && subresource.supports_operation("patch"))
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
