//! Which pods and ReplicaSets are kept, and until when.
use super::*;

/// A ReplicaSet of the Deployment `web`, which wants and has so many pods.
fn scaled(uid: &str, revision: u32, replicas: u32) -> SlimReplicaSet {
    let mut metadata = owned(uid, uid, "web");
    metadata["annotations"] = json!({"deployment.kubernetes.io/revision": revision.to_string()});
    read(json!({"metadata": metadata, "spec": {"replicas": replicas}, "status": {"replicas": replicas}}))
}

#[test]
fn of_past_replica_sets_none_is_kept() {
    let mut table = PodTable::default();
    list_sets(
        &mut table,
        &[scaled("b", 2, 0), scaled("a", 1, 0), scaled("c", 3, 2)],
    );
    assert_eq!(table.owners.len(), 2, "{table:?}");
    let newest = |table: &PodTable| table.versions_of(&"web".into()).newest.unwrap().version;
    assert_eq!(newest(&table), version("c"));
    // A roll-back: the old set comes again with a new revision, before its pods.
    table.apply_replica_set(&scaled("a", 4, 2));
    table.apply_replica_set(&scaled("c", 3, 0));
    assert_eq!((newest(&table), table.owners.len()), (version("a"), 2));
    // The newest is kept without pods.
    table.apply_replica_set(&scaled("a", 4, 0));
    assert_eq!((newest(&table), table.owners.len()), (version("a"), 2));
}

#[test]
fn a_replica_set_that_thinks_itself_empty_is_kept_until_its_last_pod_is_seen_gone() {
    let mut table = table(&[pod("c-1", "c"), pod("d-1", "d")]);
    list_sets(&mut table, &[scaled("c", 3, 1), scaled("d", 4, 1)]);
    table.apply_replica_set(&scaled("c", 3, 0));
    assert_eq!(names(&table, "web"), ["c-1", "d-1"]);
    table.delete_pod(read::<SlimPod>(pod("c-1", "c")).metadata());
    assert_eq!(
        (names(&table, "web"), table.owners.len()),
        (vec!["d-1".to_owned()], 2)
    );
}

#[test]
fn while_a_list_comes_what_was_known_stays_and_afterwards_only_what_it_told() {
    let mut table = table(&[pod("a", "web"), pod("b", "web")]);
    list_sets(&mut table, &[set("x", "web"), set("y", "web")]);
    table.begin_pods(Part::WHOLE);
    table.begin_replica_sets(Part::WHOLE);
    table.apply_pod(read(pod("c", "web")));
    table.apply_replica_set(&set("z", "web"));
    assert_eq!(names(&table, "web"), ["a", "b", "c"]);
    // It broke off, and another begins.
    table.begin_pods(Part::WHOLE);
    table.begin_replica_sets(Part::WHOLE);
    table.apply_pod(read(pod("b", "web")));
    table.apply_replica_set(&set("y", "web"));
    assert_eq!(names(&table, "web"), ["a", "b", "c"]);
    assert!(is_synced(&table));
    table.end_pods(Part::WHOLE);
    table.end_replica_sets(Part::WHOLE);
    assert_eq!(
        (names(&table, "web"), table.owners.len()),
        (vec!["b".to_owned()], 2)
    );
}

#[test]
fn pods_of_jobs_daemon_sets_and_nodes_are_not_kept() {
    let of = |api_version: &str, kind: &str| {
        let mut pod = pod(kind, "x");
        pod["metadata"]["ownerReferences"][0]["apiVersion"] = api_version.into();
        pod["metadata"]["ownerReferences"][0]["kind"] = kind.into();
        pod
    };
    let table = table(&[
        of("batch/v1", "Job"),
        of("apps/v1", "DaemonSet"),
        of("v1", "Node"),
        of("example.dev/v1", "Job"),
        of("apps/v1", "StatefulSet"),
    ]);
    assert_eq!(names(&table, "x"), ["Job", "StatefulSet"]);
}

#[test]
fn pods_of_one_template_share_what_they_ask_for() {
    let table = table(&[pod("a", "web"), pod("b", "web")]);
    let pods = of_owner(&table, "web", LATER);
    assert!(Arc::ptr_eq(&pods[0].containers, &pods[1].containers));
}
