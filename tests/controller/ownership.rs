//! Several policies on one target: the oldest owns it, the others only recommend.
use serde_json::json;

use crate::fixtures::{deployment, policy, rate};
use crate::world::World;

const OLD: &str = "2023-01-01T00:00:00Z";
const NEW: &str = "2023-02-01T00:00:00Z";

/// Two policies on an overloaded Deployment `web`; the younger one would scale it further.
async fn contested() -> World {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world
        .api
        .has(policy("young").on_deployment("web").created(NEW).by(&[rate(5)]));
    world.api.has(policy("old").on_deployment("web").created(OLD));
    world.rate(&[("web", 2, 20.0)]);
    world
}

#[tokio::test]
async fn the_oldest_policy_owns_the_target_and_the_other_recommends() {
    let mut world = contested().await;
    let mut writes = world.tick().await;
    writes.sort();
    let expected = [
        "Normal MetricAboveTarget on Deployment web",
        "Normal MetricAboveTarget on ScalingPolicy old",
        "Warning TargetOwnedByOther on ScalingPolicy young",
        "scale web 2 → 4",
        "status old",
        "status young",
    ];
    assert_eq!(writes, expected);
    world.expect("old", "Ready", "True Ready", "");
    for kind in ["Ready", "AbleToScale"] {
        world.expect(
            "young",
            kind,
            "False TargetOwnedByOther",
            "policy shop/old is older",
        );
    }
    world.expect("young", "ScalingActive", "True Ready", "");
    assert_eq!(world.status("young")["desiredReplicas"], 8);
    assert_eq!(
        world.status("young")["lastDecision"]["reason"],
        "TargetOwnedByOther"
    );
    assert!(
        !world
            .tick_after(15)
            .await
            .iter()
            .any(|write| write.starts_with("scale"))
    );
}

#[tokio::test]
async fn of_two_policies_of_one_age_the_lesser_uid_owns_the_target() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    let twin = |name: &str, uid: &str| {
        policy(name)
            .on_deployment("web")
            .created(OLD)
            .with("/metadata/uid", uid)
    };
    world.api.has(twin("one", "b"));
    world.api.has(twin("two", "a").by(&[rate(5)]));
    world.rate(&[("web", 2, 20.0)]);
    let writes = world.tick().await;
    assert!(writes.contains(&"scale web 2 → 8".to_owned()), "{writes:?}");
    world.expect("one", "Ready", "False TargetOwnedByOther", "shop/two");
}

#[tokio::test]
async fn when_the_owner_is_deleted_the_other_takes_over() {
    let mut world = contested().await;
    world.tick().await;
    world.api.delete("scalingpolicies", "old");
    world.pass(15);
    world.rate(&[("web", 2, 20.0)]);
    let writes = world.tick().await;
    assert!(writes.contains(&"scale web 4 → 8".to_owned()), "{writes:?}");
    world.expect("young", "Ready", "True Ready", "");
}

#[tokio::test]
async fn a_policy_that_moves_to_another_target_frees_the_first() {
    let mut world = contested().await;
    deployment(&world.api, "other", 1);
    world.tick().await;
    world
        .api
        .set("scalingpolicies", "old", "/spec/scaleTargetRef/name", "other");
    world.pass(15);
    world.rate(&[("web", 2, 20.0), ("other", 1, 30.0)]);
    let writes = world.tick().await;
    assert!(writes.contains(&"scale web 4 → 8".to_owned()), "{writes:?}");
    assert!(writes.contains(&"scale other 1 → 3".to_owned()), "{writes:?}");
}

#[tokio::test]
async fn policies_of_two_namespaces_do_not_contend_for_targets_of_one_name() {
    let world = contested().await;
    world.api.has(
        policy("web")
            .with("/metadata/namespace", "elsewhere")
            .created("2022-01-01T00:00:00Z"),
    );
    let writes = world.tick().await;
    assert!(writes.contains(&"scale web 2 → 4".to_owned()), "{writes:?}");
}

#[tokio::test]
async fn an_older_policy_that_cannot_be_compiled_keeps_no_sound_one_from_the_target() {
    let schedule = |start: &str, zone: &str| json!([{"name": "day", "start": start, "timeZone": zone, "durationMinutes": 60, "minReplicas": 2}]);
    let mut short = rate(10);
    short["windowSeconds"] = 20.into();
    for (field, value) in [
        ("schedules", schedule("0 25 * * *", "UTC")),
        ("schedules", schedule("0 8 * * *", "Europe/Atlantis")),
        ("metrics", json!([short])),
    ] {
        let mut world = contested().await;
        world.tick().await;
        assert_eq!(world.api.replicas("web"), 4, "the old one owns it");
        world
            .api
            .set("scalingpolicies", "old", &format!("/spec/{field}"), value);
        world.pass(15);
        world.rate(&[("web", 2, 20.0)]);
        let writes = world.tick().await;
        assert!(writes.contains(&"scale web 4 → 8".to_owned()), "{writes:?}");
        world.expect("old", "Ready", "False InvalidPolicy", "");
        world.expect("young", "Ready", "True Ready", "");
    }
}
