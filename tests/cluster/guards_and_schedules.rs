//! Schedules that raise the floor, start-up times that are learned, and guards that hold shrinking.
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

use crate::fixtures::{backlog, by, deployment, pods_of, policy};
use crate::world::{changes_of, in_a_namespace};

/// The next full minute that is at least this far away, in seconds since the epoch.
fn next_minute(at_least_seconds: i64) -> i64 {
    let soonest = Timestamp::now().as_second() + at_least_seconds;
    (soonest + 59).div_euclid(60) * 60
}

/// The cron pattern of this minute.
fn pattern(second: i64) -> String {
    let start = Timestamp::from_second(second).unwrap().to_zoned(TimeZone::UTC);
    format!(
        "{} {} {} {} *",
        start.minute(),
        start.hour(),
        start.day(),
        start.month()
    )
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_window_raises_the_minimum_as_early_as_pods_take_to_start() {
    in_a_namespace(async |world| {
        world.has(deployment("web").ready_after(4)).await;
        let start = next_minute(20);
        let schedules = json!([
            {"name": "rush", "start": pattern(start), "durationMinutes": 10, "minReplicas": 4},
        ]);
        world
            .has(policy("web").by(&[backlog(20, 20)]).with("schedules", schedules))
            .await;
        world.until_desired("web", 1).await;
        world.until_replicas("Deployment", "web", 4).await;
        let raised = world
            .until("ScalingPolicy", "web", "its change is told", |policy| {
                policy["status"]["lastChanges"][0]["to"] == 4
            })
            .await;
        // Learned from the first pod.
        let startup = &raised["status"]["startup"];
        let early = startup["p95Seconds"].as_i64().unwrap();
        assert!(startup["p50Seconds"].as_i64() <= Some(early), "{startup:#}");
        assert!(early >= 4, "{startup:#}");
        assert!(startup["samples"].as_i64() >= Some(1), "{startup:#}");
        let change = &raised["status"]["lastChanges"][0];
        let time: Timestamp = change["time"].as_str().unwrap().parse().unwrap();
        let lead = start - time.as_second();
        assert!((1..=early).contains(&lead), "{lead} s early, pods take {early} s");
        assert_eq!(change["from"], 1, "at once: {raised:#}");
        let reason = change["reason"].as_str().unwrap();
        assert!(reason.starts_with("ScheduledMinimum"), "{reason}");
        let note = world.until_event("Deployment", "web", reason).await;
        assert!(note.contains("rush"), "{note}");
        world
            .until_condition("web", "ScalingLimited", "True", "ScheduledMinimum")
            .await;
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_guard_holds_shrinking_until_it_clears() {
    in_a_namespace(async |world| {
        // As many errors as there are pods of the Deployment `errors`.
        world.has(deployment("errors")).await;
        world.has(deployment("web")).await;
        let guards = json!([{
            "name": "errors", "query": pods_of(&world.namespace, "errors"),
            "above": 0, "forSeconds": 0, "whenEmpty": "Zero",
        }]);
        world
            .has(policy("web").by(&[backlog(60, 20)]).with("guards", guards))
            .await;
        world.until_replicas("Deployment", "web", 3).await;
        let message = world
            .until_condition("web", "Ready", "False", "GuardTripped")
            .await;
        assert!(message.contains("guard errors is tripped (1)"), "{message}");
        world.until_warning("web", "GuardTripped").await;

        world.change("ScalingPolicy", "web", by(&[backlog(20, 20)])).await;
        world
            .until_condition("web", "AbleToScale", "True", "GuardTripped")
            .await;
        let held = world.object("ScalingPolicy", "web").await;
        let guard = &held["status"]["guards"][0];
        assert_eq!(
            (&guard["name"], &guard["state"]),
            (&json!("errors"), &json!("Tripped"))
        );
        assert_eq!(changes_of(&world.object("Deployment", "web").await), 1);

        world
            .change("Deployment", "errors", json!({"spec": {"replicas": 0}}))
            .await;
        world.until_replicas("Deployment", "web", 1).await;
        let clear = world
            .until("ScalingPolicy", "web", "it is clear", |policy| {
                policy["status"]["guards"] == Value::Null
            })
            .await;
        assert_eq!(clear["status"]["lastChanges"][0]["from"], 3);
    })
    .await;
}
