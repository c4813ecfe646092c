use concertina_decision::Pod as PodState;
use serde_json::{Value, json};

use super::*;

#[path = "pods_kept_tests.rs"]
mod kept;
#[path = "pods_startup_tests.rs"]
mod startup;

fn owned(name: &str, uid: &str, owner: &str) -> Value {
    let owner = json!([{"apiVersion": "v1", "kind": "X", "name": owner, "uid": owner, "controller": true}]);
    json!({"name": name, "namespace": "shop", "uid": uid, "ownerReferences": owner})
}

/// A Ready pod named and identified `name` that `owner` controls.
fn pod(name: &str, owner: &str) -> Value {
    json!({
        "metadata": owned(name, name, owner),
        "spec": {"containers": [{"name": "app"}]},
        "status": {"phase": "Running", "startTime": "2024-01-01T00:00:00Z", "conditions": [
            {"type": "Ready", "status": "True", "lastTransitionTime": "2024-01-01T00:00:05Z"},
        ]},
    })
}

/// A ReplicaSet identified `uid` that `owner` controls.
fn set(uid: &str, owner: &str) -> SlimReplicaSet {
    read(json!({"metadata": owned(uid, uid, owner), "spec": {"replicas": 1}, "status": {"replicas": 1}}))
}

/// Not Ready since so many seconds after its start.
fn unready_since(mut pod: Value, seconds: u32) -> Value {
    let since = format!("2024-01-01T00:00:{seconds:02}Z");
    pod["status"]["conditions"][0] = json!({"type": "Ready", "status": "False", "lastTransitionTime": since});
    pod
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

/// The version of the pods of a ReplicaSet.
fn version(set: &str) -> u64 {
    hash_of(&Uid::of(set))
}

/// When nothing is recent any more.
const LATER: Instant = Instant(i64::MAX);

fn is_synced(table: &PodTable) -> bool {
    table.pod_lists().is_listed(Part::WHOLE) && table.replica_set_lists().is_listed(Part::WHOLE)
}

fn list_pods(table: &mut PodTable, pods: &[Value]) {
    table.begin_pods(Part::WHOLE);
    for pod in pods {
        table.apply_pod(read(pod.clone()));
    }
    table.end_pods(Part::WHOLE);
}

fn list_sets(table: &mut PodTable, sets: &[SlimReplicaSet]) {
    table.begin_replica_sets(Part::WHOLE);
    for set in sets {
        table.apply_replica_set(set);
    }
    table.end_replica_sets(Part::WHOLE);
}

fn table(pods: &[Value]) -> PodTable {
    let mut table = PodTable::default();
    list_pods(&mut table, pods);
    table
}

fn of_owner(table: &PodTable, owner: &str, now: Instant) -> Vec<PodRecord> {
    let mut pods = Vec::new();
    table.of_owner(&owner.into(), now, &mut pods);
    pods
}

fn names(table: &PodTable, owner: &str) -> Vec<String> {
    of_owner(table, owner, LATER)
        .into_iter()
        .map(|pod| pod.name.to_string())
        .collect()
}

fn states(table: &PodTable, owner: &str) -> Vec<PodState> {
    of_owner(table, owner, LATER)
        .into_iter()
        .map(|pod| pod.state)
        .collect()
}

#[test]
fn pods_are_found_by_their_owner_or_through_its_replica_sets_whichever_came_first() {
    let sets = [set("old", "web"), set("new", "web")];
    let pods = [
        pod("c", "old"),
        pod("a", "new"),
        pod("b", "new"),
        pod("x", "other"),
        pod("d", "web"),
    ];
    let mut sets_first = PodTable::default();
    list_sets(&mut sets_first, &sets);
    list_pods(&mut sets_first, &pods);
    let mut pods_first = table(&pods);
    list_sets(&mut pods_first, &sets);
    for table in [&sets_first, &pods_first] {
        assert_eq!(names(table, "web"), ["a", "b", "c", "d"]);
        assert!(is_synced(table));
    }
    pods_first.delete_replica_set(sets[0].metadata());
    assert_eq!(names(&pods_first, "web"), ["a", "b", "d"]);
    pods_first.apply_replica_set(&set("new", "someone"));
    assert_eq!(names(&pods_first, "web"), ["d"]);
    assert_eq!(names(&pods_first, "someone"), ["a", "b"]);
}

#[test]
fn a_table_is_complete_once_both_lists_are() {
    let mut pods = table(&[]);
    assert!(!is_synced(&pods));
    list_sets(&mut pods, &[]);
    assert!(is_synced(&pods));
}

#[test]
fn pods_that_ended_are_being_deleted_or_are_nobodys_do_not_live() {
    let mut terminating = pod("terminating", "web");
    terminating["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z".into();
    let mut failed = pod("failed", "web");
    failed["status"]["phase"] = "Failed".into();
    let mut done = pod("done", "web");
    done["status"]["phase"] = "Succeeded".into();
    let mut orphan = pod("orphan", "web");
    orphan["metadata"]["ownerReferences"] = json!(null);
    let mut follower = pod("follower", "web");
    follower["metadata"]["ownerReferences"][0]["controller"] = false.into();
    let table = table(&[terminating, failed, done, orphan, follower, pod("living", "web")]);
    assert_eq!(names(&table, "web"), ["living"]);
}

#[test]
fn changes_and_deletions_leave_nothing_behind() {
    let mut table = table(&[pod("a", "web"), pod("b", "web")]);
    table.apply_pod(read(pod("a", "other")));
    assert_eq!(
        (names(&table, "web"), names(&table, "other")),
        (vec!["b".to_owned()], vec!["a".to_owned()])
    );
    let mut ended = pod("b", "web");
    ended["status"]["phase"] = "Failed".into();
    table.apply_pod(read(ended));
    table.delete_pod(read::<SlimPod>(pod("a", "other")).metadata());
    table.delete_pod(read::<SlimPod>(pod("never", "seen")).metadata());
    assert!(table.pods.is_empty() && table.owners.is_empty(), "{table:?}");
    table.apply_replica_set(&set("set", "web"));
    table.delete_replica_set(set("set", "web").metadata());
    assert!(table.owners.is_empty(), "{table:?}");
}

#[test]
fn a_pod_never_ready_is_starting() {
    let mut bare = pod("bare", "web");
    bare.as_object_mut().unwrap().remove("status");
    let mut pending = pod("pending", "web");
    pending["status"] = json!({"phase": "Pending"});
    let table = table(&[bare, pending, unready_since(pod("slow", "web"), 20)]);
    assert_eq!(states(&table, "web"), [PodState::Starting; 3]);
}

#[test]
fn a_pod_that_turned_unready_long_after_its_start_was_ready_once() {
    for (seconds, state) in [(30, PodState::Starting), (31, PodState::Unready)] {
        assert_eq!(
            states(&table(&[unready_since(pod("a", "web"), seconds)]), "web"),
            [state],
            "{seconds}"
        );
    }
}

#[test]
fn a_pod_seen_ready_stays_one_that_was_ready_through_changes_and_new_lists() {
    let mut table = table(&[pod("a", "web")]);
    let unready = || unready_since(pod("a", "web"), 10);
    table.apply_pod(read(unready()));
    assert_eq!(states(&table, "web"), [PodState::Unready]);
    list_pods(&mut table, &[unready()]);
    assert_eq!(states(&table, "web"), [PodState::Unready]);
    table.apply_pod(read(pod("a", "web")));
    assert_eq!(states(&table, "web"), [PodState::Ready]);
}

#[test]
fn another_pod_of_the_same_name_begins_anew() {
    let again = || {
        let mut again = unready_since(pod("a", "web"), 10);
        again["metadata"]["uid"] = "another".into();
        again
    };
    let mut table = table(&[pod("a", "web")]);
    table.apply_pod(read(again()));
    assert_eq!(states(&table, "web"), [PodState::Starting]);
    table.apply_pod(read(pod("a", "web")));
    list_pods(&mut table, &[again()]);
    assert_eq!(states(&table, "web"), [PodState::Starting]);
}

#[test]
fn sidecars_count_and_init_containers_do_not() {
    let mut web = pod("a", "web");
    web["spec"] = json!({
        "containers": [{"name": "app", "resources": {
            "requests": {"cpu": "250m", "memory": "64Mi"}, "limits": {"cpu": "1.5", "memory": "1Gi"},
        }}],
        "initContainers": [
            {"name": "setup", "resources": {"requests": {"cpu": "4"}}},
            {"name": "proxy", "restartPolicy": "Always", "resources": {"requests": {"cpu": "odd"}}},
        ],
    });
    let containers = of_owner(&table(&[web]), "web", LATER).remove(0).containers;
    let app = ContainerResources {
        name: "app".into(),
        resources: Resources {
            cpu_request: Some(0.25),
            cpu_limit: Some(1.5),
            memory_request: Some(67_108_864.0),
            memory_limit: Some(1_073_741_824.0),
        },
    };
    let proxy = ContainerResources {
        name: "proxy".into(),
        ..ContainerResources::default()
    };
    assert_eq!(*containers, [app, proxy]);
}

#[test]
fn what_a_pod_asks_for_as_a_whole_is_read_beside_its_containers() {
    let mut web = pod("a", "web");
    web["spec"] = json!({
        "containers": [{"name": "app"}],
        "resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "2", "memory": "1Gi"}},
    });
    let record = of_owner(&table(&[web]), "web", LATER).remove(0);
    let expected = Resources {
        cpu_request: Some(0.5),
        cpu_limit: Some(2.0),
        memory_request: None,
        memory_limit: Some(1_073_741_824.0),
    };
    assert_eq!(record.resources, expected);
    assert_eq!(record.containers[0].resources, Resources::default());
}

/// Its one container ended after two seconds each time, and runs again since noon.
fn crashing(mut pod: Value, ready: &str) -> Value {
    pod["status"]["conditions"][0]["status"] = ready.into();
    pod["status"]["containerStatuses"] = json!([{
        "name": "app", "image": "shop", "imageID": "", "ready": false, "restartCount": 4,
        "state": {"running": {"startedAt": "2024-01-01T12:00:00Z"}},
        "lastState": {"terminated": {
            "exitCode": 1, "startedAt": "2024-01-01T11:58:00Z", "finishedAt": "2024-01-01T11:58:02Z",
        }},
    }]);
    pod
}

/// So many seconds after noon.
fn noon(seconds: u32) -> Instant {
    let noon: Timestamp = "2024-01-01T12:00:00Z".parse().unwrap();
    Instant(noon.as_millisecond()).plus_seconds(seconds)
}

#[test]
fn a_crashing_pod_is_known_by_whether_it_was_ready_once() {
    let mut table = table(&[crashing(unready_since(pod("a", "web"), 5), "False")]);
    assert_eq!(states(&table, "web"), [PodState::CrashingAtStart]);
    table.apply_pod(read(pod("a", "web")));
    table.apply_pod(read(crashing(unready_since(pod("a", "web"), 5), "False")));
    assert_eq!(states(&table, "web"), [PodState::Crashing]);
    list_pods(
        &mut table,
        &[crashing(unready_since(pod("a", "web"), 5), "False")],
    );
    assert_eq!(states(&table, "web"), [PodState::Crashing]);
    table.apply_pod(read(unready_since(pod("a", "web"), 5)));
    assert_eq!(states(&table, "web"), [PodState::Unready]);
}

#[test]
fn a_pod_that_is_ready_for_a_moment_of_each_round_is_crashing_in_that_moment_too() {
    let mut table = table(&[crashing(pod("a", "web"), "True"), pod("b", "web")]);
    let at = |table: &PodTable, seconds| -> Vec<PodState> {
        let pods = of_owner(table, "web", noon(seconds));
        pods.into_iter().map(|pod| pod.state).collect()
    };
    assert_eq!(at(&table, 9), [PodState::Crashing, PodState::Ready]);
    assert_eq!(at(&table, 10), [PodState::Ready, PodState::Ready]);
    table.apply_pod(read(crashing(unready_since(pod("a", "web"), 5), "False")));
    assert_eq!(at(&table, 10), [PodState::Crashing, PodState::Ready]);
}

#[test]
fn a_pod_without_a_node_is_marked() {
    let mut pending = pod("a", "web");
    pending["status"] = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes are available"},
    ]});
    let marks: Vec<bool> = of_owner(&table(&[pending, pod("b", "web")]), "web", LATER)
        .iter()
        .map(|pod| pod.unschedulable)
        .collect();
    assert_eq!(marks, [true, false]);
}

#[test]
fn versions_are_counted_by_replica_set_and_by_label() {
    let labelled = |name: &str, revision: &str| {
        let mut pod = pod(name, "db");
        pod["metadata"]["labels"] = json!({"app": "db", "controller-revision-hash": revision});
        pod
    };
    let mut dying = pod("d", "old");
    dying["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z".into();
    let mut table = table(&[
        pod("a", "new"),
        pod("b", "new"),
        pod("c", "old"),
        dying,
        labelled("db-0", "db-1"),
        labelled("db-1", "db-1"),
        labelled("db-2", "db-2"),
    ]);
    list_sets(
        &mut table,
        &[set("new", "web"), set("old", "web"), set("older", "web")],
    );
    let sorted = |owner: &str| {
        let versions = table.versions_of(&owner.into());
        let mut pods: Vec<_> = versions.first.into_iter().chain(versions.others).collect();
        pods.sort_by_key(|(_, count)| *count);
        pods
    };
    assert_eq!(sorted("web"), [(version("old"), 1), (version("new"), 2)]);
    assert_eq!(sorted("db"), [(hash_of("db-2"), 1), (hash_of("db-1"), 2)]);
    assert_eq!(
        ["web", "db", "x"].map(|owner| table.count_of(&owner.into())),
        [3, 3, 0]
    );
    assert_eq!(
        ["web", "older", "x"].map(|owner| table.has_any(&owner.into())),
        [true, false, false]
    );
}

#[test]
fn the_newest_replica_set_is_the_one_with_the_greatest_revision_then_the_youngest() {
    let set = |uid: &str, revision: Option<&str>, created: &str| {
        let mut metadata = owned(uid, uid, "web");
        metadata["creationTimestamp"] = format!("2024-01-0{created}T00:00:00Z").into();
        if let Some(revision) = revision {
            metadata["annotations"] = json!({"deployment.kubernetes.io/revision": revision});
        }
        read::<SlimReplicaSet>(json!({"metadata": metadata}))
    };
    let newest = |sets: &[SlimReplicaSet]| {
        let mut table = PodTable::default();
        list_sets(&mut table, sets);
        table.versions_of(&"web".into()).newest.unwrap()
    };
    let forth = newest(&[set("a", Some("9"), "1"), set("b", Some("10"), "2")]);
    assert_eq!(forth.version, version("b"));
    let back = newest(&[set("a", Some("11"), "1"), set("b", Some("10"), "2")]);
    assert_eq!(back.version, version("a"));
    let forth_again = newest(&[set("a", Some("11"), "1"), set("b", Some("12"), "2")]);
    assert_eq!(forth_again.version, forth.version);
    assert_ne!(forth_again.rollout, forth.rollout, "it is another rollout");
    assert_eq!(
        newest(&[set("a", None, "1"), set("b", None, "2")]).version,
        version("b")
    );
    assert_eq!(PodTable::default().versions_of(&"web".into()).newest, None);
}
