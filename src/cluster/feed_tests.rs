//! How long a broken KEDA is waited for, and kinds that nobody targets any more, by a clock that only the test moves.
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};

use super::*;
use crate::cluster::targets::TargetKey;
use crate::config::Config;
use crate::fixtures::{guarded, policy, with};

/// What the API server does when it is asked whether KEDA is there, until it is mended.
#[derive(Clone, Copy)]
enum Outage {
    Answers(u16),
    IsSilent,
}

/// An API server that has nothing but the Deployment `web`, and a ScaledObject on it once KEDA is mended.
fn client(outage: Outage, is_mended: &Arc<AtomicBool>) -> Client {
    let is_mended = Arc::clone(is_mended);
    let service = tower::service_fn(move |request: Request<Body>| {
        let is_mended = is_mended.load(Ordering::SeqCst);
        async move {
            let uri = request.uri();
            let asks = |what: &str| uri.query().is_some_and(|query| query.contains(what));
            if asks("watch=") && !asks("sendInitialEvents=") {
                return std::future::pending().await;
            }
            let (code, body) = match (uri.path(), outage) {
                _ if asks("sendInitialEvents=") => (422, json!({"kind": "Status", "code": 422})),
                ("/apis/keda.sh/v1alpha1", Outage::IsSilent) if !is_mended => std::future::pending().await,
                ("/apis/keda.sh/v1alpha1", Outage::Answers(code)) if !is_mended => (
                    code,
                    json!({"kind": "Status", "status": "Failure", "code": code, "message": "it is broken"}),
                ),
                ("/apis/keda.sh/v1alpha1", _) => (200, kinds_of_keda()),
                ("/apis/keda.sh/v1alpha1/scaledobjects", _) => (200, list(&[scaled_object()])),
                ("/apis/apps/v1", _) => (200, kinds_of_apps()),
                ("/apis/apps/v1/deployments", _) => (200, list(&[deployment()])),
                ("/apis/wide.dev/v1", _) => (200, kinds_without_namespace()),
                ("/apis/example.dev/v1", _) => {
                    (404, json!({"kind": "Status", "status": "Failure", "code": 404}))
                }
                _ => (200, list(&[])),
            };
            let answer = Response::builder()
                .status(code)
                .body(Body::from(body.to_string().into_bytes()));
            Ok::<_, tower::BoxError>(answer.unwrap())
        }
    });
    Client::new(service, "shop")
}

fn list(items: &[Value]) -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items})
}

fn kinds_of_keda() -> Value {
    let kind = json!({
        "name": "scaledobjects", "singularName": "", "namespaced": true, "kind": "ScaledObject", "verbs": ["list", "watch"],
    });
    json!({"kind": "APIResourceList", "groupVersion": "keda.sh/v1alpha1", "resources": [kind]})
}

fn kinds_of_apps() -> Value {
    let kind = |name: &str, kind: &str, verbs: &[&str]| json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs});
    let kinds = [
        kind("deployments", "Deployment", &["list", "watch"]),
        kind("deployments/scale", "Scale", &["get", "patch"]),
    ];
    json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": kinds})
}

fn kinds_without_namespace() -> Value {
    let kind = |name: &str, kind: &str, verbs: &[&str]| json!({"name": name, "singularName": "", "namespaced": false, "kind": kind, "verbs": verbs});
    let kinds = [
        kind("wides", "Wide", &["list", "watch"]),
        kind("wides/scale", "Scale", &["get", "patch"]),
    ];
    json!({"kind": "APIResourceList", "groupVersion": "wide.dev/v1", "resources": kinds})
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "uid": "web", "resourceVersion": "1"},
        "spec": {"replicas": 2},
    })
}

fn scaled_object() -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
        "metadata": {"name": "queue", "namespace": "shop", "uid": "so", "resourceVersion": "1"},
        "spec": {"scaleTargetRef": {"name": "web"}, "triggers": []},
    })
}

fn web() -> TargetKey {
    TargetKey {
        gvk: GroupVersionKind::gvk("apps", "v1", "Deployment").into(),
        namespace: "shop".into(),
        name: "web".into(),
    }
}

fn owner_of_web(cluster: &Cluster) -> Option<String> {
    cluster.autoscalers().of(&web())
}

fn is_told_of(cluster: &Cluster, policy: &Value) {
    cluster.policies().apply(guarded(policy.clone()));
    cluster.policies_changed.notify_one();
}

fn is_told_of_the_end_of(cluster: &Cluster, policy: &Value) {
    let guarded = guarded(policy.clone());
    cluster.policies().delete(kube::Resource::meta(&guarded));
}

/// Runs the feed against such a server. Returns the tables, and what mends KEDA.
fn fed(outage: Outage) -> (Arc<Cluster>, Arc<AtomicBool>) {
    fed_with(crate::fixtures::config(), outage)
}

fn fed_with(config: Config, outage: Outage) -> (Arc<Cluster>, Arc<AtomicBool>) {
    let (cluster, is_mended) = (
        Arc::new(Cluster::new(Arc::new(config))),
        Arc::new(AtomicBool::new(false)),
    );
    let client = client(outage, &is_mended);
    tokio::spawn(run(Arc::clone(&cluster), client.clone(), client));
    (cluster, is_mended)
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn keda_is_waited_for_while_its_api_fails_but_not_for_ever() {
    for outage in [Outage::Answers(503), Outage::Answers(429), Outage::IsSilent] {
        let (cluster, is_mended) = fed(outage);
        pass(14).await;
        assert!(!cluster.is_synced(), "what it scales is not known");
        pass(2).await;
        assert!(cluster.is_synced(), "a broken API stops nothing for ever");
        assert_eq!(owner_of_web(&cluster), None);
        is_mended.store(true, Ordering::SeqCst);
        pass(26).await;
        assert_eq!(
            owner_of_web(&cluster).as_deref(),
            Some("ScaledObject queue"),
            "it was tried again meanwhile"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_outage_of_keda_delays_and_hides_nothing() {
    let (cluster, is_mended) = fed(Outage::Answers(503));
    pass(5).await;
    is_mended.store(true, Ordering::SeqCst);
    pass(4).await;
    assert!(cluster.is_synced());
    assert_eq!(owner_of_web(&cluster).as_deref(), Some("ScaledObject queue"));
}

#[tokio::test(start_paused = true)]
async fn where_keda_is_absent_or_refused_nothing_waits_for_it_until_it_is_there() {
    for code in [403, 404] {
        let (cluster, is_mended) = fed(Outage::Answers(code));
        pass(1).await;
        assert!(cluster.is_synced(), "{code}");
        is_mended.store(true, Ordering::SeqCst);
        pass(301).await;
        assert_eq!(
            owner_of_web(&cluster).as_deref(),
            Some("ScaledObject queue"),
            "{code}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_nobody_targets_any_more_is_forgotten_after_a_minute_and_found_again() {
    let (cluster, _) = fed(Outage::Answers(404));
    pass(1).await;
    let policy = policy("web");
    is_told_of(&cluster, &policy);
    pass(3).await;
    assert!(cluster.targets().get(&web()).is_some());
    is_told_of_the_end_of(&cluster, &policy);
    pass(40).await;
    assert!(cluster.targets().get(&web()).is_some(), "a policy may come back");
    is_told_of(&cluster, &policy);
    pass(65).await;
    assert!(cluster.targets().get(&web()).is_some(), "it has come back");
    is_told_of_the_end_of(&cluster, &policy);
    pass(75).await;
    assert!(cluster.targets().get(&web()).is_none());
    assert_eq!(cluster.targets().kinds().count(), 0);
    is_told_of(&cluster, &policy);
    pass(3).await;
    assert!(cluster.targets().get(&web()).is_some());
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_not_served_are_forgotten_with_the_policies_that_name_them() {
    let (cluster, _) = fed(Outage::Answers(404));
    pass(1).await;
    let policy = with(
        policy("web"),
        "/spec/scaleTargetRef/apiVersion",
        json!("example.dev/v1"),
    );
    is_told_of(&cluster, &policy);
    pass(3).await;
    assert_eq!(cluster.targets().kinds().count(), 1);
    is_told_of_the_end_of(&cluster, &policy);
    pass(310).await;
    assert_eq!(cluster.targets().kinds().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_in_no_namespace_is_not_watched_where_only_namespaces_are() {
    let gvk = GroupVersionKind::gvk("wide.dev", "v1", "Wide");
    let target = json!({"apiVersion": "wide.dev/v1", "kind": "Wide", "name": "web"});
    let policy = with(policy("web"), "/spec/scaleTargetRef", target);
    let mut some = crate::fixtures::config();
    some.watch_namespaces = vec!["shop".into()];
    let (cluster, _) = fed_with(some, Outage::Answers(404));
    pass(1).await;
    is_told_of(&cluster, &policy);
    pass(3).await;
    let state = cluster.targets().kind(&gvk);
    assert!(
        matches!(&state, KindState::Unavailable(why) if why.contains("in no namespace")),
        "{state:?}"
    );
    let (cluster, _) = fed(Outage::Answers(404));
    pass(1).await;
    is_told_of(&cluster, &policy);
    pass(3).await;
    let state = cluster.targets().kind(&gvk);
    assert!(matches!(state, KindState::Watched { .. }), "{state:?}");
}
