//! What holds a change back or asks for one beside the metrics: guards, rollouts, schedules, zero, the fallback, quotas,
//! crashing pods, other autoscalers and other writers, from what the API server shows to what is written and told.
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::fixtures::{Policy, deployment, is_marked_as_written_by, pods, policy, query, rate};
use crate::prometheus::{Reply, no_series, number};
use crate::requests::Request;
use crate::world::World;

/// Four Ready replicas at ten requests per second each, decided once: there is nothing to do.
async fn settled(policy: Policy) -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(policy);
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    world
}

/// A tick 15 seconds later, each of so many pods with so many requests per second. Returns the scale writes.
async fn at_rate(world: &mut World, pods: usize, each: f64) -> Vec<String> {
    world.pass(15);
    world.rate(&[("web", pods, each)]);
    scales(world.tick().await)
}

fn scales(writes: Vec<String>) -> Vec<String> {
    writes
        .into_iter()
        .filter(|write| write.starts_with("scale"))
        .collect()
}

/// The notes of the events of this reason on the policy `web`.
fn told(world: &World, reason: &str) -> Vec<String> {
    let events = world
        .api
        .requests(|request| request.method == "POST" && request.path.ends_with("/events"));
    events
        .iter()
        .map(|event| &event.body)
        .filter(|event| event["reason"] == reason && event["regarding"]["kind"] == "ScalingPolicy")
        .map(|event| event["note"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_tripped_guard_holds_shrinking_until_it_clears() {
    let guard = json!({"name": "errors", "query": "error_ratio", "above": "0.01", "forSeconds": 15});
    let guarded = policy("web").with("/spec/guards", json!([guard]));
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(guarded);
    world.prometheus.answers("error_ratio", number("0.5"));
    world.rate(&[("web", 4, 10.0)]);
    world.tick().await;
    assert_eq!(
        world.status("web")["guards"],
        json!([{"name": "errors", "value": "0.5", "state": "Pending"}])
    );
    assert_eq!(at_rate(&mut world, 4, 2.0).await, [""; 0]);
    world.expect(
        "web",
        "Ready",
        "False GuardTripped",
        "guard errors is tripped (0.5)",
    );
    world.expect("web", "AbleToScale", "True GuardTripped", "");
    assert_eq!(told(&world, "GuardTripped").len(), 1);
    assert_eq!(
        at_rate(&mut world, 4, 20.0).await,
        ["scale web 4 → 8"],
        "growth is free"
    );
    pods(&world.api, "web", 4, 8);
    world.prometheus.answers("error_ratio", number("0.01"));
    assert_eq!(at_rate(&mut world, 8, 2.5).await, ["scale web 8 → 2"]);
    assert_eq!(world.status("web")["guards"], json!(null));
}

#[tokio::test]
async fn a_guard_without_an_answer_holds_shrinking_and_an_empty_one_may_be_zero() {
    let guard = |name: &str, when_empty: &str| json!({"name": name, "query": format!("of_{name}"), "above": 1, "whenEmpty": when_empty});
    let with = |guard: Value| policy("web").with("/spec/guards", json!([guard]));
    let mut world = settled(with(guard("lag", "Missing"))).await;
    assert_eq!(at_rate(&mut world, 4, 2.0).await, [""; 0]);
    world.expect(
        "web",
        "Ready",
        "False GuardMissing",
        "the query answers no series",
    );
    let mut world = settled(with(guard("lag", "Zero"))).await;
    assert_eq!(at_rate(&mut world, 4, 2.0).await, ["scale web 4 → 1"]);
    let mut world = settled(with(guard("lag", "Zero"))).await;
    let broken = Reply::Body(500, "text/plain", "it is broken".into());
    world.prometheus.answers("of_lag", broken);
    assert_eq!(at_rate(&mut world, 4, 2.0).await, [""; 0], "broken is not empty");
}

#[tokio::test]
async fn other_guards_begin_anew() {
    let guard = |name: &str| json!([{"name": name, "query": "error_ratio", "above": 1, "forSeconds": 15}]);
    let mut world = settled(policy("web").with("/spec/guards", guard("errors"))).await;
    world.prometheus.answers("error_ratio", number("5"));
    at_rate(&mut world, 4, 10.0).await;
    assert_eq!(at_rate(&mut world, 4, 2.0).await, [""; 0]);
    world
        .api
        .set("scalingpolicies", "web", "/spec/guards", guard("others"));
    world.settle().await;
    // Above, but it has not been known to be so for long.
    assert_eq!(at_rate(&mut world, 4, 2.0).await, ["scale web 4 → 1"]);
}

#[tokio::test]
async fn a_rollout_holds_shrinking_and_a_stuck_one_does_not_for_ever() {
    let frozen = policy("web").with("/spec/behavior/rolloutFreezeSeconds", 60);
    let mut world = settled(frozen).await;
    let uid = world.api.object("deployments", "web")["metadata"]["uid"].clone();
    let owner = |api_version: &str, kind: &str, name: &str, uid: &Value| json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true}]);
    let set = world.api.has(json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": "web-new", "annotations": {"deployment.kubernetes.io/revision": "2"},
            "ownerReferences": owner("apps/v1", "Deployment", "web", &uid),
        },
    }));
    world.api.has(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-new-0", "ownerReferences": owner("apps/v1", "ReplicaSet", "web-new", &set.into())},
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running"},
    }));
    world.settle().await;
    for _ in 0..4 {
        assert_eq!(at_rate(&mut world, 4, 2.0).await, [""; 0]);
    }
    world.expect("web", "AbleToScale", "True RolloutUnderWay", "");
    assert_eq!(
        at_rate(&mut world, 4, 2.0).await,
        ["scale web 4 → 1"],
        "60 s are over"
    );
}

#[tokio::test]
async fn a_schedule_raises_the_floor_when_its_window_opens() {
    // It is 22:14 on a Tuesday.
    let schedule = json!({"name": "evening", "start": "15 22 * * 2", "durationMinutes": 1, "minReplicas": 6});
    let mut world = settled(policy("web").with("/spec/schedules", json!([schedule]))).await;
    assert_eq!(at_rate(&mut world, 4, 10.0).await, [""; 0]);
    world.pass(30);
    assert_eq!(at_rate(&mut world, 4, 10.0).await, ["scale web 4 → 6"]);
    assert_eq!(
        told(&world, "ScheduledMinimum"),
        ["4 → 6: schedule evening asks for at least 6"]
    );
    pods(&world.api, "web", 4, 6);
    world.pass(30);
    assert_eq!(at_rate(&mut world, 6, 5.0).await, [""; 0]);
    world.expect("web", "ScalingLimited", "True ScheduledMinimum", "");
    assert_eq!(
        at_rate(&mut world, 6, 5.0).await,
        ["scale web 6 → 3"],
        "the window has closed"
    );
}

#[tokio::test]
async fn a_floor_begins_early_by_the_learned_start_up_time_which_outlives_a_restart() {
    let schedule =
        json!({"name": "evening", "start": "16 22 * * *", "durationMinutes": 60, "minReplicas": 6});
    // The pods of the fixture took from creation, at midnight, ten seconds to be Ready.
    let mut world = settled(policy("web").with("/spec/schedules", json!([schedule]))).await;
    let startup = json!({"p50Seconds": 10, "p95Seconds": 10, "samples": 4});
    assert_eq!(world.status("web")["startup"], startup);
    for index in 0..4 {
        // What is learned from a list is from pods that became Ready soon; these would teach nothing.
        world.api.set(
            "pods",
            &format!("web-{index}"),
            "/status/conditions/0/lastTransitionTime",
            "2023-11-14T09:00:00Z",
        );
    }
    world.restart().await;
    world.pass(91);
    world.rate(&[("web", 4, 10.0)]);
    let writes = scales(world.tick().await);
    assert_eq!(writes, [""; 0], "29 s before the window");
    assert_eq!(world.status("web")["startup"], startup);
    world.pass(20);
    world.rate(&[("web", 4, 10.0)]);
    assert_eq!(
        scales(world.tick().await),
        ["scale web 4 → 6"],
        "9 s before the window"
    );
    assert_eq!(told(&world, "ScheduledMinimumSoon").len(), 1);
}

#[tokio::test]
async fn to_zero_when_nothing_is_asked_for_and_back_when_something_is() {
    let mut backlog = query("backlog", 10);
    backlog["activation"] = 5.into();
    let jobs = policy("web")
        .by(&[backlog])
        .between(0, 10)
        .with("/spec/behavior/scaleDown/cooldownSeconds", 30);
    let mut world = World::start().await;
    deployment(&world.api, "web", 1);
    world.api.has(jobs);
    world.prometheus.answers("backlog", number("4"));
    for _ in 0..3 {
        assert_eq!(scales(world.tick().await), [""; 0]);
        world.pass(14);
    }
    world.pass(3);
    assert_eq!(scales(world.tick().await), ["scale web 1 → 0"]);
    pods(&world.api, "web", 1, 0);
    assert_eq!(scales(world.tick_after(15).await), [""; 0]);
    world.expect("web", "Ready", "True Ready", "");
    world.prometheus.answers("backlog", number("25"));
    world.restart().await;
    assert_eq!(scales(world.tick_after(15).await), ["scale web 0 → 3"]);
}

#[tokio::test]
async fn the_fallback_counts_the_time_from_before_a_restart() {
    let fallback = json!({"afterSeconds": 60, "replicas": 7});
    let mut world = settled(policy("web").with("/spec/fallback", fallback)).await;
    world.prometheus.answers("http_requests_total", no_series());
    assert_eq!(scales(world.tick_after(15).await), [""; 0]);
    assert_eq!(scales(world.tick_after(15).await), [""; 0]);
    world.restart().await;
    assert_eq!(scales(world.tick_after(15).await), [""; 0]);
    assert_eq!(scales(world.tick_after(15).await), [""; 0]);
    assert_eq!(
        scales(world.tick_after(15).await),
        ["scale web 4 → 7"],
        "60 s after the first"
    );
    world.expect("web", "ScalingActive", "False FallbackActive", "");
    assert_eq!(
        told(&world, "FallbackActive").len(),
        2,
        "the change and the trouble"
    );
}

fn quota(pods: u32) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"},
        "spec": {"hard": {"pods": pods.to_string()}},
        "status": {"hard": {"pods": pods.to_string()}, "used": {"pods": "4"}},
    })
}

#[tokio::test]
async fn a_quota_that_refuses_pods_is_named_and_passes_when_it_grows() {
    let mut world = settled(policy("web")).await;
    world.api.has(quota(4));
    let refusal = json!([{
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-5\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4",
    }]);
    world
        .api
        .set("deployments", "web", "/status", json!({"conditions": refusal}));
    world.settle().await;
    assert_eq!(at_rate(&mut world, 4, 20.0).await, [""; 0]);
    world.expect(
        "web",
        "ScalingLimited",
        "True QuotaExceeded",
        "exceeded quota: small",
    );
    assert_eq!(told(&world, "QuotaExceeded").len(), 1);
    // The condition still tells of the refusal, and the quota has room by now.
    world.api.set("resourcequotas", "small", "/status/hard/pods", "6");
    assert_eq!(at_rate(&mut world, 4, 20.0).await, ["scale web 4 → 6"]);
    pods(&world.api, "web", 4, 6);
    world
        .api
        .set("deployments", "web", "/status", json!({"conditions": []}));
    world.settle().await;
    assert_eq!(at_rate(&mut world, 6, 20.0).await, ["scale web 6 → 10"]);
}

#[tokio::test]
async fn a_quota_that_may_not_be_read_stands_and_one_that_is_gone_does_not() {
    let refusal = json!([{
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
        "message": "pods \"web-5\" is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4",
    }]);
    let mut world = settled(policy("web")).await;
    world
        .api
        .set("deployments", "web", "/status", json!({"conditions": refusal}));
    world.settle().await;
    let reads_a_quota = |request: &Request| request.path.contains("/resourcequotas/");
    world
        .api
        .fails(reads_a_quota, Fault::Answers(403, "it may not"), 1);
    assert_eq!(at_rate(&mut world, 4, 20.0).await, [""; 0]);
    assert_eq!(at_rate(&mut world, 4, 20.0).await, ["scale web 4 → 8"]);
}

#[tokio::test]
async fn a_version_that_crashes_does_not_multiply() {
    let mut world = settled(policy("web").by(&[query("backlog", 10)])).await;
    for index in 0..4 {
        world.api.set(
            "pods",
            &format!("web-{index}"),
            "/status",
            json!({
                "phase": "Running", "startTime": "2023-11-14T22:00:00Z",
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2023-11-14T22:00:01Z"}],
                "containerStatuses": [{
                    "name": "app", "image": "web", "imageID": "web", "ready": false, "restartCount": 5,
                    "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                }],
            }),
        );
    }
    world.settle().await;
    world.prometheus.answers("backlog", number("90"));
    assert_eq!(scales(world.tick_after(15).await), [""; 0]);
    world.expect("web", "Ready", "False PodsCrashing", "");
    world.expect("web", "ScalingLimited", "True PodsCrashing", "");
}

#[tokio::test]
async fn pods_without_a_node_cap_nothing_and_are_told_after_a_while() {
    let mut world = settled(policy("web").by(&[query("backlog", 10)])).await;
    world.api.set(
        "pods",
        "web-3",
        "/status",
        json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"},
        ]}),
    );
    world.settle().await;
    world.prometheus.answers("backlog", number("90"));
    assert_eq!(scales(world.tick_after(15).await), ["scale web 4 → 9"]);
    assert_eq!(told(&world, "UnschedulablePods"), [""; 0]);
    world.tick_after(15).await;
    world.tick_after(15).await;
    assert_eq!(
        told(&world, "UnschedulablePods"),
        ["1 pods of the target find no node: add nodes, or lower their requests"]
    );
}

#[tokio::test]
async fn an_autoscaler_on_the_target_is_respected_until_it_is_gone() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "old"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 5},
    }));
    world.api.has(policy("web"));
    world.settle().await;
    world.rate(&[("web", 4, 20.0)]);
    assert_eq!(scales(world.tick().await), [""; 0]);
    let words = "HorizontalPodAutoscaler old scales the target too";
    world.expect("web", "Ready", "False TargetOwnedByOther", words);
    world.expect("web", "AbleToScale", "False TargetOwnedByOther", words);
    assert_eq!(
        world.status("web")["desiredReplicas"],
        8,
        "it goes on recommending"
    );
    world.api.delete("horizontalpodautoscalers", "old");
    world.settle().await;
    assert_eq!(at_rate(&mut world, 4, 20.0).await, ["scale web 4 → 8"]);
}

#[tokio::test]
async fn a_dry_run_stands_beside_an_autoscaler() {
    let mut world = settled(policy("web").in_mode("DryRun")).await;
    world.api.has(json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "old"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 5},
    }));
    world.settle().await;
    assert_eq!(at_rate(&mut world, 4, 20.0).await, [""; 0]);
    world.expect("web", "Ready", "True DryRun", "");
    assert_eq!(world.status("web")["desiredReplicas"], 8);
}

#[tokio::test]
async fn who_changed_the_replicas_is_named() {
    let mut world = settled(policy("web")).await;
    is_marked_as_written_by(&world.api, "web", "kubectl");
    world.api.scale_by_hand("web", 6);
    pods(&world.api, "web", 4, 6);
    world.settle().await;
    at_rate(&mut world, 6, 10.0).await;
    assert_eq!(
        told(&world, "ReplicasChangedByOther"),
        ["replicas 4 → 6: kubectl changed the replicas"]
    );
}

#[tokio::test]
async fn who_is_undone_again_and_again_gives_way() {
    let mut world = settled(policy("web").by(&[rate(10)])).await;
    for _ in 0..3 {
        assert_eq!(at_rate(&mut world, 4, 20.0).await, ["scale web 4 → 8"]);
        world.api.scale_by_hand("web", 4);
        world.settle().await;
    }
    assert_eq!(at_rate(&mut world, 4, 20.0).await, [""; 0]);
    world.expect("web", "Ready", "False ReplicasContested", "");
    world.expect("web", "AbleToScale", "True ReplicasContested", "");
}
