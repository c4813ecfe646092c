use serde_json::Value;

use super::*;

/// Created so many seconds before it was Ready.
fn created_before(mut pod: Value, seconds: i64) -> Value {
    let ready: Timestamp = "2024-01-01T00:00:05Z".parse().unwrap();
    let created = Timestamp::from_second(ready.as_second() - seconds).unwrap();
    pod["metadata"]["creationTimestamp"] = created.to_string().into();
    pod
}

fn learned(table: &PodTable, owner: &str) -> Option<(u32, u32)> {
    table
        .startup(&owner.into())
        .map(|times| (times.p95_seconds, times.samples))
}

#[test]
fn a_pod_seen_becoming_ready_for_the_first_time_tells_once_how_long_it_took() {
    let mut table = table(&[]);
    list_sets(&mut table, &[set("new", "web")]);
    table.apply_pod(read(created_before(unready_since(pod("a", "new"), 1), 700)));
    assert_eq!(learned(&table, "web"), None);
    for _ in 0..2 {
        table.apply_pod(read(created_before(pod("a", "new"), 700)));
        assert_eq!(learned(&table, "web"), Some((700, 1)));
        table.apply_pod(read(created_before(unready_since(pod("a", "new"), 9), 700)));
    }
    list_pods(&mut table, &[created_before(pod("a", "new"), 700)]);
    assert_eq!(learned(&table, "web"), Some((700, 1)));
}

#[test]
fn outages_teach_no_start_up_time() {
    let mut restarted = pod("restarted", "web");
    restarted["status"]["containerStatuses"] =
        json!([{"name": "app", "image": "shop", "imageID": "", "ready": true, "restartCount": 1}]);
    let mut table = table(&[]);
    for (started, seconds, expected) in [
        (restarted, 20, None),
        (pod("no-image", "web"), 7200, None),
        (pod("too-slow", "web"), 901, None),
        (pod("slow", "web"), 900, Some((900, 1))),
    ] {
        let started = created_before(started, seconds);
        table.apply_pod(read(unready_since(started.clone(), 1)));
        table.apply_pod(read(started));
        assert_eq!(learned(&table, "web"), expected, "after {seconds} s");
    }
}

#[test]
fn a_pod_that_became_ready_unseen_between_two_lists_counts() {
    let mut table = table(&[created_before(unready_since(pod("a", "web"), 1), 700)]);
    list_pods(&mut table, &[created_before(pod("a", "web"), 700)]);
    assert_eq!(learned(&table, "web"), Some((700, 1)));
}

#[test]
fn the_first_list_tells_start_up_times_where_nothing_can_have_changed_since() {
    let restarted = {
        let mut pod = crashing(created_before(pod("b", "web"), 20), "True");
        pod["status"]["containerStatuses"][0]["restartCount"] = 1.into();
        pod
    };
    let table = table(&[
        created_before(pod("a", "web"), 600),
        restarted,
        created_before(pod("c", "web"), 601),
        created_before(pod("d", "web"), -1),
        pod("e", "web"),
        created_before(unready_since(pod("f", "web"), 20), 20),
    ]);
    assert_eq!(learned(&table, "web"), Some((600, 1)));
}

#[test]
fn of_a_long_list_the_pods_that_became_ready_last_are_kept() {
    let ready_at = |mut pod: Value, minute: usize| {
        pod["metadata"]["creationTimestamp"] = format!("2024-01-01T00:{minute:02}:00Z").into();
        let seconds = if minute < 8 { 50 } else { 10 };
        let ready = format!("2024-01-01T00:{minute:02}:{seconds}Z");
        pod["status"]["conditions"][0]["lastTransitionTime"] = ready.into();
        pod
    };
    // By name the slow ones come last.
    let pods: Vec<Value> = (0..40)
        .map(|minute| ready_at(pod(&format!("web-{:02}", 39 - minute), "web"), minute))
        .collect();
    assert_eq!(learned(&table(&pods), "web"), Some((10, 32)));
}

#[test]
fn start_up_times_find_their_target_when_its_replica_set_is_listed_last() {
    let mut table = table(&[created_before(pod("a", "new"), 20)]);
    assert_eq!(learned(&table, "web"), None);
    list_sets(&mut table, &[set("new", "web")]);
    assert_eq!(learned(&table, "web"), Some((20, 1)));
    assert_eq!(learned(&table, "new"), None);
}

#[test]
fn start_up_times_go_with_their_target() {
    let mut table = table(&[created_before(pod("a", "new"), 20)]);
    list_sets(&mut table, &[set("new", "web")]);
    table.restore_startup(
        &"target".into(),
        StartupTimes {
            p50_seconds: 1,
            p95_seconds: 2,
            samples: 3,
        },
    );
    table.restore_startup(
        &"gone".into(),
        StartupTimes {
            p50_seconds: 1,
            p95_seconds: 2,
            samples: 3,
        },
    );
    table.delete_pod(read::<SlimPod>(pod("a", "new")).metadata());
    let mut gone = table.startups_without_pods();
    assert!(gone.remove(&"target".into()));
    table.forget_startups(&gone);
    assert_eq!(
        learned(&table, "web"),
        Some((20, 1)),
        "scaled to zero, it has a ReplicaSet still"
    );
    assert_eq!(
        (learned(&table, "target"), learned(&table, "gone")),
        (Some((2, 3)), None)
    );
    table.delete_replica_set(set("new", "web").metadata());
    table.forget_startups(&table.startups_without_pods());
    assert_eq!((learned(&table, "web"), learned(&table, "target")), (None, None));
}
