//! A controller that watches some namespaces only: what it asks, and that none of them disturbs another.
use serde_json::{Value, json};

use crate::api_server::ApiServer;
use crate::fixtures::{Policy, deployment_in, policy};
use crate::prometheus::{families, result};
use crate::world::World;

/// What is asked of the API server before any policy is there, in `shop` and in `team`.
const WATCHED: [(&str, &str); 5] = [
    ("/apis/concertina.dev/v1alpha1", "scalingpolicies"),
    ("/api/v1", "pods"),
    ("/apis/apps/v1", "replicasets"),
    ("/apis/autoscaling/v2", "horizontalpodautoscalers"),
    ("/apis/keda.sh/v1alpha1", "scaledobjects"),
];

pub(crate) fn policy_in(namespace: &str) -> Policy {
    policy("web").with("/metadata/namespace", namespace)
}

/// Every pod of the Deployment `web` in each of these namespaces receives so many requests per second.
fn rate(world: &World, namespaces: &[(&str, usize, f64)]) {
    let rows = namespaces.iter().flat_map(|(namespace, pods, each)| {
        (0..*pods).map(move |pod| {
            (
                json!({"namespace": namespace, "pod": format!("web-{pod}")}),
                *each,
            )
        })
    });
    let rows = families(world.now, &rows.collect::<Vec<_>>());
    world
        .prometheus
        .answers("http_requests_total", result("vector", &rows.into()));
}

/// `web` with two pods and a policy in each of these namespaces, of which the controller watches `shop` and `team`.
async fn world(namespaces: &[&str]) -> World {
    let api = ApiServer::default();
    for namespace in namespaces {
        deployment_in(namespace, &api, "web", 2);
        api.has(policy_in(namespace));
    }
    World::watching(&["shop", "team"], api).await
}

pub(crate) fn replicas(world: &World, namespace: &str) -> Value {
    world.api.object_in(namespace, "deployments", "web")["spec"]["replicas"].clone()
}

pub(crate) fn status(world: &World, namespace: &str) -> Value {
    world.api.object_in(namespace, "scalingpolicies", "web")["status"].clone()
}

/// The paths of all reads, without those that were made again.
fn paths(world: &World) -> Vec<String> {
    let mut paths: Vec<String> = world
        .api
        .requests(|_| true)
        .into_iter()
        .map(|one| one.path)
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

#[tokio::test]
async fn nothing_is_asked_beyond_the_namespaces_and_what_the_api_server_serves() {
    let world = world(&["shop", "team", "others"]).await;
    rate(
        &world,
        &[("shop", 2, 20.0), ("team", 2, 20.0), ("others", 2, 20.0)],
    );
    world.tick().await;
    let mut expected = vec!["/apis/apps/v1".to_owned(), "/apis/keda.sh/v1alpha1".to_owned()];
    for namespace in ["shop", "team"] {
        let of_kinds = WATCHED.iter().chain([&("/apis/apps/v1", "deployments")]);
        expected.extend(of_kinds.map(|(api, plural)| format!("{api}/namespaces/{namespace}/{plural}")));
        let policy = "scalingpolicies/web/status";
        expected.extend([
            format!("/apis/apps/v1/namespaces/{namespace}/deployments/web/scale"),
            format!("/apis/concertina.dev/v1alpha1/namespaces/{namespace}/{policy}"),
            format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events"),
        ]);
    }
    expected.sort();
    assert_eq!(paths(&world), expected);
}

#[tokio::test]
async fn policies_of_the_namespaces_act_and_those_of_others_are_left_alone() {
    let world = world(&["shop", "team", "others"]).await;
    rate(
        &world,
        &[("shop", 2, 20.0), ("team", 2, 20.0), ("others", 2, 20.0)],
    );
    world.tick().await;
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [4, 4]);
    assert_eq!(replicas(&world, "others"), 2);
    assert_eq!(status(&world, "others"), Value::Null);
    assert_eq!(world.controller.cluster.policies().len(), 2);
}

#[tokio::test]
async fn built_in_queries_never_ask_beyond_the_namespaces() {
    let world = world(&["shop", "others"]).await;
    rate(&world, &[("shop", 2, 20.0)]);
    world.tick().await;
    let queries = world.prometheus.take_queries();
    assert_eq!(queries.len(), 1);
    assert!(queries[0].contains("namespace=~\"shop\""), "{}", queries[0]);
    world
        .until(|world| !world.prometheus.interval_queries().is_empty())
        .await;
    for query in world.prometheus.interval_queries() {
        assert!(query.contains("namespace=~\"shop|team\""), "{query}");
    }
}

#[tokio::test]
async fn a_new_list_of_one_namespace_takes_nothing_from_another() {
    let mut world = world(&["shop", "team"]).await;
    rate(&world, &[("shop", 2, 10.0), ("team", 2, 10.0)]);
    world.tick().await;
    for plural in ["scalingpolicies", "pods", "replicasets", "deployments"] {
        let lists = world
            .api
            .requests(|request| request.query.contains("sendInitialEvents"))
            .len();
        world.api.expires_in("team", plural);
        world
            .until(|world| {
                let lists_now = world
                    .api
                    .requests(|request| request.query.contains("sendInitialEvents"));
                lists_now.len() == lists + 1
            })
            .await;
        world.settle().await;
        world.pass(15);
        rate(&world, &[("shop", 2, 10.0), ("team", 2, 10.0)]);
        assert_eq!(world.tick().await, [""; 0], "{plural}");
    }
    assert_eq!(world.controller.cluster.policies().len(), 2);
    // And the list of one takes from that one what it did not tell.
    world.api.withholds("scalingpolicies");
    world.api.delete_in("team", "scalingpolicies", "web");
    world.api.forgets_what_it_withheld("scalingpolicies");
    world.api.expires_in("team", "scalingpolicies");
    world
        .until(|world| world.controller.cluster.policies().len() == 1)
        .await;
    world.pass(15);
    rate(&world, &[("shop", 2, 20.0), ("team", 2, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [4, 2]);
}

#[tokio::test]
async fn what_another_autoscaler_scales_in_a_namespace_is_left_to_it() {
    let world = world(&["shop", "team"]).await;
    world.api.has(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "cpu", "namespace": "team"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9},
    }));
    rate(&world, &[("shop", 2, 20.0), ("team", 2, 20.0)]);
    world.tick().await;
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [4, 2]);
}
