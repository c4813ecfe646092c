//! Other autoscalers: what they scale is known, and nothing depends on the right or the chance to list them.
use concertina::cluster::targets::TargetKey;
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::faults::{Fault, Held};
use crate::fixtures::{deployment, policy};
use crate::requests::Request;
use crate::world::World;

fn horizontal(name: &str, target: &str) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
            "maxReplicas": 5,
        },
    })
}

fn scaled_object(name: &str, target: &str) -> Value {
    json!({
        "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": name},
        "spec": {"scaleTargetRef": {"name": target}, "triggers": []},
    })
}

fn owner(world: &World, deployment: &str) -> Option<String> {
    world.controller.cluster.autoscaler_of(&TargetKey {
        gvk: GroupVersionKind::gvk("apps", "v1", "Deployment").into(),
        namespace: "shop".into(),
        name: deployment.into(),
    })
}

fn lists_horizontal(request: &Request) -> bool {
    request.path == "/apis/autoscaling/v2/horizontalpodautoscalers"
}

fn finds_keda(request: &Request) -> bool {
    request.path == "/apis/keda.sh/v1alpha1"
}

fn lists_keda(request: &Request) -> bool {
    request.path == "/apis/keda.sh/v1alpha1/scaledobjects"
}

#[tokio::test]
async fn autoscalers_are_known_from_the_first_list_and_from_every_change() {
    let mut world = World::start().await;
    world.api.has(horizontal("cpu", "web"));
    world.api.has(scaled_object("queue", "worker"));
    world.settle().await;
    for _ in 0..2 {
        assert_eq!(
            owner(&world, "web").as_deref(),
            Some("HorizontalPodAutoscaler cpu")
        );
        assert_eq!(owner(&world, "worker").as_deref(), Some("ScaledObject queue"));
        assert_eq!(owner(&world, "other"), None);
        world.restart().await;
    }
    world.api.delete("horizontalpodautoscalers", "cpu");
    world.api.delete("scaledobjects", "queue");
    world.settle().await;
    assert_eq!((owner(&world, "web"), owner(&world, "worker")), (None, None));
}

/// The controller begins anew, and does its work although it knows of no autoscalers.
async fn works_without_them(world: &mut World) {
    world.restart_unsettled().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world
        .until(|world| {
            let cluster = &world.controller.cluster;
            cluster.targets().uids().count() == 1 && cluster.policies().iter().count() == 1
        })
        .await;
    world.rate(&[("web", 2, 20.0)]);
    world.decide().await;
    assert_eq!(
        world.writes().first().map(String::as_str),
        Some("scale web 2 → 4")
    );
}

#[tokio::test]
async fn a_controller_that_may_not_list_them_goes_on_without() {
    let mut world = World::start().await;
    let message =
        "horizontalpodautoscalers.autoscaling is forbidden: User \"concertina\" cannot list resource";
    world
        .api
        .always_fails(lists_horizontal, Fault::Answers(403, message));
    world.api.always_fails(lists_keda, Fault::Answers(403, message));
    works_without_them(&mut world).await;
}

#[tokio::test]
async fn a_cluster_without_keda_is_served() {
    for (requests, code) in [
        (finds_keda as fn(&Request) -> bool, 404),
        (finds_keda, 403),
        (lists_keda, 404),
    ] {
        let mut world = World::start().await;
        world
            .api
            .always_fails(requests, Fault::Answers(code, "it is not there"));
        works_without_them(&mut world).await;
    }
}

#[tokio::test]
async fn what_keda_scales_is_known_before_anything_is_decided_although_its_api_failed_at_first() {
    for (requests, fault) in [
        (
            finds_keda as fn(&Request) -> bool,
            Fault::Answers(503, "it begins"),
        ),
        (finds_keda, Fault::Disconnects),
        (lists_keda, Fault::Answers(500, "it begins")),
    ] {
        let mut world = World::start().await;
        world.api.has(scaled_object("queue", "worker"));
        world.api.fails(requests, fault, 1);
        world.restart_unsettled().await;
        assert_eq!(owner(&world, "worker").as_deref(), Some("ScaledObject queue"));
    }
}

#[tokio::test]
async fn nothing_is_decided_before_the_autoscalers_have_been_listed() {
    let mut world = World::start().await;
    world.api.has(horizontal("cpu", "web"));
    let held = Held::default();
    world
        .api
        .fails(lists_horizontal, Fault::Answers(500, "not now"), 1);
    world.api.fails(lists_horizontal, Fault::Waits(held.clone()), 1);
    let restarts = world.restart_unsettled();
    tokio::select! {
        () = restarts => panic!("it is ready without the list"),
        () = held.has_arrived() => {}
    }
    held.release();
}
