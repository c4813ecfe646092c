//! An API server in trouble: nothing is lost that matters, nothing is hammered, and other policies go on.
use crate::faults::{Fault, Held};
use crate::fixtures::{deployment, policy, query};
use crate::prometheus::{Reply, number};
use crate::requests::Request;
use crate::world::World;

async fn overloaded() -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web"));
    world.rate(&[("web", 2, 20.0)]);
    world
}

/// The first write fails, the policy says so, another policy is scaled all the same, and the next tick succeeds.
async fn is_tried_again(fault: Fault, telling: &str) {
    let mut world = overloaded().await;
    deployment(&world.api, "other", 2);
    world.api.has(policy("other").by(&[query("length", 10)]));
    world.prometheus.answers("length", number("40"));
    let of_web = |request: &Request| request.is_scale_write() && request.path.contains("/web/");
    world.api.fails(of_web, fault, 1);
    let writes = world.tick().await;
    assert!(writes.contains(&"scale other 2 → 4".to_owned()), "{writes:?}");
    assert!(
        writes.contains(&"Warning PatchFailed on ScalingPolicy web".to_owned()),
        "{writes:?}"
    );
    for kind in ["Ready", "AbleToScale"] {
        world.expect("web", kind, "False PatchFailed", telling);
    }
    assert_eq!(world.status("web")["lastDecision"]["reason"], "PatchFailed");
    assert_eq!(world.status("web")["lastChanges"], serde_json::Value::Null);
    assert_eq!(world.status("web")["currentReplicas"], 2);
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    world.expect("web", "Ready", "True Ready", "");
}

#[tokio::test]
async fn a_busy_api_server_is_tried_again_at_the_next_period() {
    is_tried_again(Fault::Answers(429, "too many requests"), "too busy").await;
}

#[tokio::test]
async fn a_failing_api_server_is_quoted_and_tried_again() {
    is_tried_again(
        Fault::Answers(500, "etcdserver: request timed out"),
        "etcdserver: request timed out",
    )
    .await;
}

#[tokio::test]
async fn a_missing_right_is_quoted() {
    is_tried_again(
        Fault::Answers(403, "cannot patch resource deployments/scale"),
        "cannot patch resource",
    )
    .await;
}

#[tokio::test]
async fn a_webhook_that_refuses_is_quoted() {
    let fault = Fault::Answers(422, "admission webhook denied the request: over budget");
    is_tried_again(fault, "over budget").await;
}

#[tokio::test]
async fn a_broken_connection_is_named() {
    is_tried_again(Fault::Disconnects, "connection reset").await;
}

#[tokio::test]
async fn a_webhook_that_stores_another_count_is_found_out() {
    let mut world = overloaded().await;
    world.api.always_fails(Request::is_scale_write, Fault::Alters(3));
    world.tick().await;
    assert_eq!(world.api.replicas("web"), 3);
    world.expect(
        "web",
        "Ready",
        "False PatchFailed",
        "stored 3 replicas of Deployment shop/web where 4",
    );
    assert_eq!(
        world.status("web")["lastChanges"],
        serde_json::Value::Null,
        "it was not our count"
    );
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    world.tick().await;
    assert_eq!(world.status("web")["lastChanges"][0]["by"], "Other");
}

// The clock stands still but where everything waits, so the ten seconds take no time. Nothing but the API server may
// be waited for then: the policy's metric names a server that does not exist, and it is below its minimum.
#[tokio::test(start_paused = true)]
async fn an_api_server_that_does_not_answer_is_given_up_and_tried_again() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 1);
    world.api.has(policy("web").between(2, 5).asking("nowhere"));
    world.api.fails(Request::is_scale_write, Fault::NeverAnswers, 1);
    world.tick().await;
    world.expect("web", "AbleToScale", "False PatchFailed", "no answer in time");
    assert_eq!(world.tick_after(15).await[0], "scale web 1 → 2");
    assert_eq!(world.api.replicas("web"), 2);
}

#[tokio::test]
async fn a_status_that_fails_is_tried_again_but_not_at_every_turn() {
    let mut world = overloaded().await;
    world
        .api
        .fails(Request::is_status_write, Fault::Answers(500, "no leader"), 2);
    let writes = world.tick().await;
    assert_eq!(writes.iter().filter(|write| *write == "status web").count(), 1);
    assert_eq!(world.flush().await, [""; 0], "not at once");
    world.pass(1);
    assert_eq!(world.flush().await, [""; 0], "nor a second later");
    world.pass(1);
    assert_eq!(world.flush().await, ["status web"], "but after two");
    world.pass(2);
    assert_eq!(world.flush().await, ["status web"]);
    assert_eq!(world.status("web")["currentReplicas"], 4);
    world.pass(2);
    assert_eq!(world.flush().await, [""; 0]);
}

#[tokio::test]
async fn events_that_fail_are_tried_three_times_and_then_counted_as_dropped() {
    let mut world = overloaded().await;
    world
        .api
        .always_fails(Request::is_event, Fault::Answers(503, "not now"));
    world.tick().await;
    for _ in 0..10 {
        world.pass(1);
        world.flush().await;
    }
    let events = world.api.requests(Request::is_event);
    assert_eq!(events.len(), 6, "two events, three times each");
    assert!((world.controller.metric("concertina_events_dropped_total") - 2.0).abs() < 0.1);
    assert_eq!(
        world.status("web")["currentReplicas"],
        4,
        "statuses do not wait for events"
    );
}

#[tokio::test]
async fn an_event_that_fails_once_arrives_later() {
    let mut world = overloaded().await;
    world
        .api
        .fails(Request::is_event, Fault::Answers(500, "no leader"), 1);
    let mut writes = world.tick().await;
    writes.extend(world.flush().await);
    let scaled = |writes: &[String], on: &str| {
        writes
            .iter()
            .filter(|write| *write == &format!("Normal MetricAboveTarget on {on}"))
            .count()
    };
    assert_eq!(scaled(&writes, "Deployment web"), 1);
    assert_eq!(scaled(&writes, "ScalingPolicy web"), 2);
    world.pass(1);
    assert_eq!(world.flush().await, [""; 0]);
}

#[tokio::test]
async fn an_event_that_is_refused_for_good_is_dropped_at_once() {
    let mut world = overloaded().await;
    world.api.always_fails(
        Request::is_event,
        Fault::Answers(403, "namespace shop is being terminated"),
    );
    world.tick().await;
    world.pass(1);
    assert_eq!(world.flush().await, [""; 0]);
    assert!((world.controller.metric("concertina_events_dropped_total") - 2.0).abs() < 0.1);
}

#[tokio::test]
async fn a_kind_that_cannot_be_looked_up_says_why() {
    let world = overloaded().await;
    world.tick().await;
    let discovery = |request: &Request| request.path == "/apis/example.dev/v1";
    world
        .api
        .fails(discovery, Fault::Answers(503, "example.dev is down"), 1);
    world
        .api
        .has(policy("ships").on("example.dev/v1", "Fleet", "ships"));
    world.tick().await;
    world.expect("ships", "Ready", "False TargetUnavailable", "example.dev is down");
    world.expect("web", "Ready", "True Ready", "");
}

#[tokio::test]
async fn a_status_that_is_stuck_does_not_hold_up_those_of_others() {
    let world = overloaded().await;
    deployment(&world.api, "other", 2);
    world.api.has(policy("other"));
    let held = Held::default();
    let of_other = |request: &Request| request.is_status_write() && request.path.contains("/other/");
    world.api.fails(of_other, Fault::Waits(held.clone()), 1);
    world.settle().await;
    world.decide().await;
    let watches = async {
        held.has_arrived().await;
        world
            .until(|world| world.status("web") != serde_json::Value::Null)
            .await;
        held.release();
    };
    tokio::join!(world.flush(), watches);
    assert_ne!(world.status("other"), serde_json::Value::Null);
}

#[tokio::test]
async fn an_error_whose_words_change_all_the_time_is_not_written_all_the_time() {
    let mut world = overloaded().await;
    let mut writes = 0;
    for second in 0..120 {
        if second % 15 == 0 {
            let body = format!("upstream failed, request id {second}");
            world
                .prometheus
                .answers("http_requests_total", Reply::Body(500, "text/plain", body));
        }
        writes += world
            .tick_after(1)
            .await
            .iter()
            .filter(|write| *write == "status web")
            .count();
    }
    assert!((1..=3).contains(&writes), "{writes} in two minutes");
}

#[tokio::test]
async fn a_conflict_inside_the_api_server_is_decided_again() {
    let mut world = overloaded().await;
    let fault = Fault::Answers(
        409,
        "the object has been modified; please apply your changes to the latest version",
    );
    world.api.fails(Request::is_scale_write, fault, 1);
    let writes = world.tick().await;
    assert_eq!(
        writes,
        ["scale web 2 → 4", "status web"],
        "no trouble, so no event"
    );
    assert_eq!(world.tick_after(1).await[0], "scale web 2 → 4");
    assert_eq!(world.api.replicas("web"), 4);
}
