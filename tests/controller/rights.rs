//! A controller that lacks rights in one of its namespaces, gets them late or loses them: it does nothing there, says so, and goes on
//! elsewhere.
use std::sync::Arc;
use std::time::Duration;

use concertina::cluster::{Cluster, Standing, feed};
use concertina::config::Config;
use kube::core::GroupVersionKind;
use serde_json::json;

use crate::api_server::ApiServer;
use crate::faults::{Fault, Held};
use crate::fixtures::deployment_in;
use crate::namespaces::{policy_in, replicas, status};
use crate::requests::Request;
use crate::world::World;

/// Longer than any pause between two attempts of a watch.
const PATIENCE: Duration = Duration::from_secs(60);

/// The watch of targets waits by itself too.
fn is_target_of_team_known(world: &World) -> bool {
    let gvk = GroupVersionKind::gvk("apps", "v1", "Deployment");
    world.controller.cluster.targets().is_listed(&gvk, "team")
}

fn is_of_team(request: &Request) -> bool {
    request.path.contains("/namespaces/team/")
}

fn is_teams_pods(request: &Request) -> bool {
    request.path == "/api/v1/namespaces/team/pods"
}

fn is_teams_deployments(request: &Request) -> bool {
    request.path == "/apis/apps/v1/namespaces/team/deployments"
}

/// Two namespaces, in each of which a policy without metrics keeps at least three replicas of a Deployment that has two.
fn api_of_two_teams() -> ApiServer {
    let api = ApiServer::default();
    for namespace in ["shop", "team"] {
        deployment_in(namespace, &api, "web", 2);
        api.has(policy_in(namespace).asking("nowhere").between(3, 5));
    }
    api
}

#[tokio::test(start_paused = true)]
async fn a_namespace_without_rights_harms_no_other_and_begins_by_itself_when_it_has_them() {
    let api = api_of_two_teams();
    // Each of the six kinds is asked for once as events and once in pages.
    api.fails(is_of_team, Fault::Answers(403, "no Role in team"), 20);
    let world = World::watching(&["shop", "team"], api).await;
    assert_eq!(world.tick().await[0], "scale web 2 → 3");
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [3, 2]);
    world
        .until_within(20 * PATIENCE, |world| {
            world.controller.cluster.policies().len() == 2
        })
        .await;
    world
        .until_within(20 * PATIENCE, |world| {
            is_target_of_team_known(world)
                && world.controller.cluster.view().standing_of("team") == Standing::Read
        })
        .await;
    world.settle().await;
    assert_eq!(world.tick().await[0], "scale web 2 → 3");
    assert_eq!(replicas(&world, "team"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_whose_pods_may_not_be_read_is_not_acted_on_and_its_policies_say_so() {
    let api = api_of_two_teams();
    api.always_fails(
        is_teams_pods,
        Fault::Answers(403, "pods is forbidden: no Role in team"),
    );
    let world = World::watching(&["shop", "team"], api).await;
    world.tick().await;
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [3, 2]);
    let conditions = status(&world, "team")["conditions"].clone();
    let ready = conditions
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["type"] == "Ready");
    let ready = ready.unwrap();
    assert_eq!(ready["reason"], "TargetForbidden");
    let message = ready["message"].as_str().unwrap();
    assert!(
        message.contains("cannot list pods in namespace team: pods is forbidden: no Role in team"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_may_read_no_namespace_is_not_ready() {
    let api = ApiServer::default();
    api.always_fails(
        |request| request.path.ends_with("/pods"),
        Fault::Answers(403, "pods is forbidden"),
    );
    let mut config = Config::with_server("http://prometheus:9090", 15).unwrap();
    config.watch_namespaces = vec!["shop".into(), "team".into()];
    let cluster = Arc::new(Cluster::new(Arc::new(config)));
    let feed = feed::run(Arc::clone(&cluster), api.client(), api.client());
    assert!(tokio::time::timeout(PATIENCE, feed).await.is_err());
    assert!(!cluster.is_synced());
}

fn is_teams_horizontal(request: &Request) -> bool {
    request.path == "/apis/autoscaling/v2/namespaces/team/horizontalpodautoscalers"
}

fn is_of_team_but_horizontal(request: &Request) -> bool {
    is_of_team(request) && !is_teams_horizontal(request)
}

/// How far `team` is read, without other autoscalers and with them.
fn standings(world: &World) -> [String; 2] {
    let view = world.controller.cluster.view();
    let part = view.policies.parts().of_namespace("team").unwrap();
    [view.standing(part), view.standing_of("team")].map(|standing| match standing {
        Standing::Awaited => "awaited".into(),
        Standing::Read => "read".into(),
        Standing::Refused { what, .. } => format!("no {what}"),
    })
}

/// `team` gets its rights late, those to HorizontalPodAutoscalers last or never. The policy in it would scale `web` to 3.
async fn world_of_late_rights(horizontal: impl FnOnce(&ApiServer)) -> World {
    let api = api_of_two_teams();
    // Each of five kinds is asked for once as events and once in pages.
    api.fails(
        is_of_team_but_horizontal,
        Fault::Answers(403, "no Role in team"),
        10,
    );
    horizontal(&api);
    let world = World::watching(&["shop", "team"], api).await;
    assert_eq!(world.tick().await[0], "scale web 2 → 3", "in shop");
    world
        .until_within(20 * PATIENCE, |world| {
            let policies = world.controller.cluster.policies().len();
            policies == 2 && standings(world)[0] == "read" && is_target_of_team_known(world)
        })
        .await;
    world
}

#[tokio::test(start_paused = true)]
async fn what_an_autoscaler_scales_is_left_to_it_although_the_right_to_see_it_comes_last() {
    let held = Held::default();
    let mut world = world_of_late_rights(|api| {
        api.has(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "cpu", "namespace": "team"},
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 9},
        }));
        api.fails(is_teams_horizontal, Fault::Answers(403, "no Role in team"), 2);
        api.fails(is_teams_horizontal, Fault::Waits(held.clone()), 1);
    })
    .await;
    assert_eq!(standings(&world), ["read", "awaited"]);
    world.pass(15);
    world.decide().await;
    assert_eq!(replicas(&world, "team"), 2, "who scales it is not known");
    held.release();
    world
        .until_within(20 * PATIENCE, |world| standings(world)[1] == "read")
        .await;
    for _ in 0..3 {
        world.pass(15);
        world.tick().await;
    }
    assert_eq!(replicas(&world, "team"), 2);
    let scales = world
        .api
        .requests(|request| request.method != "GET" && request.path.ends_with("/scale"));
    assert!(!scales.iter().any(is_of_team), "{scales:?}");
}

#[tokio::test(start_paused = true)]
async fn a_namespace_in_which_autoscalers_may_never_be_listed_is_scaled_in_without() {
    let mut world = world_of_late_rights(|api| {
        api.always_fails(
            is_teams_horizontal,
            Fault::Answers(403, "horizontalpodautoscalers is forbidden"),
        );
    })
    .await;
    world
        .until_within(PATIENCE, |world| standings(world)[1] == "read")
        .await;
    world.pass(15);
    world.tick().await;
    assert_eq!(replicas(&world, "team"), 3);
}

/// Both have scaled their Deployment.
async fn world_of_two_teams() -> World {
    let api = api_of_two_teams();
    let world = World::watching(&["shop", "team"], api).await;
    world.tick().await;
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [3, 3]);
    world
}

/// Refuses for some ten minutes what `of` picks, from the end of the watch of this kind on, and waits until the controller has given it up.
async fn loses_a_right(
    world: &mut World,
    (kind, refusal): (&str, &'static str),
    of: fn(&Request) -> bool,
    is_given_up: impl Fn(&World) -> bool,
) {
    world.api.fails(of, Fault::Answers(403, refusal), 60);
    let began = tokio::time::Instant::now();
    world.api.expires_in("team", kind);
    world.until_within(20 * PATIENCE, is_given_up).await;
    assert!(
        began.elapsed() >= Duration::from_secs(300),
        "an API server that begins refuses too"
    );
}

/// Somebody sets both back to two, and the controllers' next period comes.
async fn is_set_back(world: &mut World) {
    for namespace in ["shop", "team"] {
        let mut web = world.api.object_in(namespace, "deployments", "web");
        web["spec"]["replicas"] = 2.into();
        world.api.has(web);
    }
    world.settle().await;
    next_period(world).await;
}

async fn next_period(world: &mut World) {
    world.pass(15);
    world.tick().await;
}

#[tokio::test(start_paused = true)]
async fn where_a_right_is_lost_nothing_is_scaled_after_a_while_until_it_is_back() {
    let mut world = world_of_two_teams().await;
    let refusal = ("pods", "pods is forbidden: no Role in team");
    loses_a_right(&mut world, refusal, is_teams_pods, |world| {
        standings(world) == ["no pods", "no pods"]
    })
    .await;
    assert!(world.controller.cluster.is_synced(), "it goes on elsewhere");
    is_set_back(&mut world).await;
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [3, 2]);
    let conditions = status(&world, "team")["conditions"].to_string();
    assert!(conditions.contains("\"TargetForbidden\""), "{conditions}");
    world
        .until_within(20 * PATIENCE, |world| standings(world) == ["read", "read"])
        .await;
    next_period(&mut world).await;
    assert_eq!(replicas(&world, "team"), 3);
}

#[tokio::test(start_paused = true)]
async fn where_the_right_to_the_targets_is_lost_they_are_given_up_after_a_while_until_it_is_back() {
    let mut world = world_of_two_teams().await;
    let refusal = ("deployments", "deployments.apps is forbidden: no Role in team");
    loses_a_right(&mut world, refusal, is_teams_deployments, |world| {
        !is_target_of_team_known(world)
    })
    .await;
    is_set_back(&mut world).await;
    assert_eq!([replicas(&world, "shop"), replicas(&world, "team")], [3, 2]);
    let conditions = status(&world, "team")["conditions"].to_string();
    for part in [
        "\"TargetForbidden\"",
        "cannot list Deployment objects: deployments.apps is forbidden: no Role in team",
    ] {
        assert!(conditions.contains(part), "{conditions}");
    }
    world.until_within(20 * PATIENCE, is_target_of_team_known).await;
    next_period(&mut world).await;
    assert_eq!(replicas(&world, "team"), 3);
}
