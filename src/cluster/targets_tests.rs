use std::time::Duration;

use kube::core::ApiResource;
use kube::discovery::Scope;
use serde_json::{Value, json};

use super::*;
use crate::api::ScaleTargetRef;

fn deployments() -> GroupVersionKind {
    GroupVersionKind::gvk("apps", "v1", "Deployment")
}

fn fleets() -> GroupVersionKind {
    GroupVersionKind::gvk("example.dev", "v1", "Fleet")
}

fn object(uid: &str, version: u64, replicas: i32) -> SlimTarget {
    read(json!({"metadata": metadata(uid, version), "spec": {"replicas": replicas, "template": {}}}))
}

fn metadata(uid: &str, version: u64) -> Value {
    json!({"name": "web", "namespace": "shop", "uid": uid, "resourceVersion": version.to_string()})
}

fn read(object: Value) -> SlimTarget {
    serde_json::from_value(object).unwrap()
}

fn scale(uid: &str, version: u64, replicas: Option<i32>) -> Scale {
    let metadata = metadata(uid, version);
    let spec = replicas.map_or(json!({}), |replicas| json!({"replicas": replicas}));
    serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
}

fn key(gvk: GroupVersionKind) -> TargetKey {
    TargetKey {
        gvk: gvk.into(),
        namespace: "shop".into(),
        name: "web".into(),
    }
}

fn list(table: &mut TargetTable, gvk: &GroupVersionKind, objects: &[SlimTarget]) {
    table.begin_list(gvk, Part::WHOLE);
    for object in objects {
        table.apply(gvk, object);
    }
    table.end_list(gvk, Part::WHOLE);
}

fn table() -> TargetTable {
    let mut table = TargetTable::default();
    table.apply(&deployments(), &object("u", 5, 2));
    table
}

fn seen(table: &TargetTable) -> Option<(String, Option<Replicas>)> {
    table
        .get(&key(deployments()))
        .map(|record| (record.uid.to_string(), record.replicas))
}

#[test]
fn api_versions_of_the_core_group_and_of_others_are_told_apart() {
    for (api_version, group, version) in [
        ("v1", "", "v1"),
        ("apps/v1", "apps", "v1"),
        ("argoproj.io/v1alpha1", "argoproj.io", "v1alpha1"),
    ] {
        let reference = ScaleTargetRef {
            api_version: api_version.into(),
            kind: "K".into(),
            name: "web".into(),
        };
        let target = TargetKey::of("shop", &reference);
        assert_eq!(
            (target.gvk.group.as_str(), target.gvk.version.as_str()),
            (group, version)
        );
        assert_eq!(target.to_string(), "K shop/web");
    }
}

#[test]
fn old_news_is_no_news() {
    let mut table = table();
    table.apply(&deployments(), &object("u", 4, 9));
    table.note_scale(&key(deployments()), &scale("u", 3, Some(9)));
    assert_eq!(seen(&table), Some(("u".into(), Some(2))));
}

#[test]
fn a_written_scale_is_seen_before_the_watch_tells_of_it() {
    let mut table = table();
    table.note_scale(&key(deployments()), &scale("u", 8, Some(4)));
    table.apply(&deployments(), &object("u", 6, 2));
    assert_eq!(seen(&table), Some(("u".into(), Some(4))));
    table.apply(&deployments(), &object("u", 9, 3));
    assert_eq!(seen(&table), Some(("u".into(), Some(3))));
}

#[test]
fn a_scale_without_replicas_has_none() {
    let mut table = table();
    table.note_scale(&key(deployments()), &scale("u", 8, None));
    assert_eq!(seen(&table), Some(("u".into(), Some(0))));
}

#[test]
fn an_object_that_came_again_is_not_replaced_by_old_news_of_the_one_before() {
    let mut table = table();
    table.note_scale(&key(deployments()), &scale("again", 8, Some(1)));
    assert_eq!(seen(&table), Some(("again".into(), Some(1))));
    table.apply(&deployments(), &object("u", 6, 2));
    assert_eq!(seen(&table), Some(("again".into(), Some(1))));
    table.delete(&deployments(), object("u", 7, 2).metadata());
    assert_eq!(seen(&table), Some(("again".into(), Some(1))));
    table.delete(&deployments(), object("again", 9, 1).metadata());
    assert_eq!(seen(&table), None);
}

#[test]
fn a_new_list_is_taken_over_and_drops_what_is_gone() {
    let mut table = table();
    let state = KindState::Watched {
        resource: ApiResource::from_gvk(&deployments()),
        scope: Scope::Namespaced,
    };
    table.set_kind(&deployments(), state, Instant::now());
    table.note_scale(&key(deployments()), &scale("u", 8, Some(4)));
    table.apply(&fleets(), &object("ship", 1, 1));
    list(&mut table, &deployments(), &[object("u", 9, 3)]);
    assert_eq!(seen(&table), Some(("u".into(), Some(3))));
    assert!(table.is_synced(&deployments()) && table.is_listed(&deployments(), "shop"));
    list(&mut table, &deployments(), &[]);
    assert_eq!(seen(&table), None);
    assert!(table.get(&key(fleets())).is_some(), "other kinds are not touched");
}

#[test]
fn a_failure_is_kept_with_its_kind_until_there_is_a_list() {
    let mut table = TargetTable::default();
    let failure = Failure {
        is_forbidden: true,
        is_unserved: false,
        message: "no".into(),
    };
    let now = Instant::now();
    table.note_failure(&deployments(), Part::WHOLE, failure.clone(), now);
    assert!(matches!(table.kind(&deployments()), KindState::Unknown));
    let state = KindState::Watched {
        resource: ApiResource::from_gvk(&deployments()),
        scope: Scope::Namespaced,
    };
    table.set_kind(&deployments(), state, now);
    table.note_failure(&deployments(), Part::WHOLE, failure.clone(), now);
    assert_eq!(table.failure(&deployments(), "shop"), Some(&failure));
    list(&mut table, &deployments(), &[]);
    assert!(table.is_listed(&deployments(), "shop"));
    table.note_failure(&deployments(), Part::WHOLE, failure.clone(), now);
    assert_eq!(
        table.failure(&deployments(), "shop"),
        None,
        "what was listed stays good for a while"
    );
    let after = now + Duration::from_secs(300);
    table.note_failure(&deployments(), Part::WHOLE, failure.clone(), after);
    assert_eq!(table.failure(&deployments(), "shop"), Some(&failure));
    assert!(!table.is_listed(&deployments(), "shop"));
}

#[test]
fn the_count_of_a_custom_kind_is_only_known_from_its_scale() {
    let mut table = TargetTable::default();
    table.apply(&fleets(), &object("ship", 1, 7));
    assert_eq!(table.get(&key(fleets())).unwrap().replicas, None);
    table.note_scale(&key(fleets()), &scale("ship", 1, Some(3)));
    assert_eq!(table.get(&key(fleets())).unwrap().replicas, Some(3));
    table.apply(&fleets(), &object("ship", 2, 7));
    assert_eq!(
        table.get(&key(fleets())).unwrap().replicas,
        None,
        "it may have changed"
    );
}

#[test]
fn counts_that_are_no_counts_are_read_from_the_scale_too() {
    for replicas in [json!(null), json!("3"), json!(1.5), json!(99_999_999_999_i64)] {
        let object = json!({"metadata": metadata("u", 5), "spec": {"replicas": replicas}});
        let mut table = TargetTable::default();
        table.apply(&deployments(), &read(object));
        assert_eq!(seen(&table), Some(("u".into(), None)));
    }
}

#[test]
fn a_kind_is_looked_up_once_and_again_only_after_failures_and_a_while() {
    let (mut table, start) = (TargetTable::default(), Instant::now());
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(table.needs_lookup(&deployments(), start, 15));
    for state in [
        KindState::Missing,
        KindState::NotScalable,
        KindState::Unavailable("down".into()),
    ] {
        table.set_kind(&deployments(), state, start);
        assert!(!table.needs_lookup(&deployments(), after(14), 15));
        assert!(table.needs_lookup(&deployments(), after(15), 15));
    }
    let resource = ApiResource::from_gvk(&deployments());
    let state = KindState::Watched {
        resource,
        scope: Scope::Namespaced,
    };
    table.set_kind(&deployments(), state, start);
    assert!(!table.needs_lookup(&deployments(), after(9999), 15));
}

#[test]
fn what_a_scale_answers_leaves_the_rest_as_the_watch_told_it() {
    let mut table = TargetTable::default();
    let fields = json!([{"manager": "kubectl", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]);
    let mut metadata = metadata("u", 5);
    metadata["managedFields"] = fields;
    table.apply(
        &deployments(),
        &read(json!({"metadata": metadata, "spec": {"replicas": 2, "paused": true}})),
    );
    let key = key(deployments());
    assert_eq!(table.replicas_manager(&key).as_deref(), Some("kubectl"));
    table.note_scale(&key, &scale("u", 8, Some(2)));
    assert_eq!(table.replicas_manager(&key).as_deref(), Some("kubectl"));
    assert!(table.get(&key).unwrap().rollout.is_stopped);
    table.note_scale(&key, &scale("u", 9, Some(4)));
    assert_eq!(
        table.replicas_manager(&key),
        None,
        "it is not known who wrote this count"
    );
    table.note_scale(&key, &scale("another", 9, Some(4)));
    assert_eq!(table.replicas_manager(&key), None);
    assert!(!table.get(&key).unwrap().rollout.is_stopped);
    assert_eq!(seen(&table), Some(("another".into(), Some(4))));
    assert_eq!(table.uids().collect::<Vec<_>>(), [&Uid::of("another")]);
}

#[test]
fn an_object_that_goes_leaves_nothing_behind_and_may_come_again() {
    let mut table = table();
    table.delete(&deployments(), object("u", 6, 2).metadata());
    assert_eq!(seen(&table), None);
    assert!(table.targets.is_empty());
    assert_eq!(table.kinds().count(), 0);
    table.apply(&deployments(), &object("again", 7, 2));
    assert_eq!(seen(&table), Some(("again".into(), Some(2))));
    list(&mut table, &deployments(), &[]);
    assert!(table.targets.is_empty());
}

#[test]
fn while_a_list_comes_what_was_known_stays() {
    let mut table = table();
    table.begin_list(&deployments(), Part::WHOLE);
    assert!(seen(&table).is_some());
    table.begin_list(&deployments(), Part::WHOLE);
    table.end_list(&deployments(), Part::WHOLE);
    assert_eq!(seen(&table), None);
}

#[test]
fn a_list_is_believed_after_a_restore_however_small_its_versions_are() {
    let mut table = TargetTable::default();
    table.apply(&deployments(), &object("u", 900, 2));
    table.note_scale(&key(deployments()), &scale("u", 950, Some(4)));
    list(&mut table, &deployments(), &[object("u", 40, 3)]);
    assert_eq!(seen(&table), Some(("u".into(), Some(3))));
    table.apply(&deployments(), &object("u", 41, 5));
    assert_eq!(
        seen(&table),
        Some(("u".into(), Some(5))),
        "and so is what follows it"
    );
    table.note_scale(&key(deployments()), &scale("u", 42, Some(6)));
    assert_eq!(seen(&table), Some(("u".into(), Some(6))));
    table.delete(&deployments(), object("u", 43, 6).metadata());
    assert_eq!(seen(&table), None);
}

#[test]
fn what_a_scale_told_while_a_list_comes_is_newer_than_the_list() {
    let mut table = table();
    table.begin_list(&deployments(), Part::WHOLE);
    table.note_scale(&key(deployments()), &scale("u", 8, Some(4)));
    table.apply(&deployments(), &object("u", 6, 2));
    table.end_list(&deployments(), Part::WHOLE);
    assert_eq!(seen(&table), Some(("u".into(), Some(4))));
    list(&mut table, &deployments(), &[object("u", 7, 3)]);
    assert_eq!(
        seen(&table),
        Some(("u".into(), Some(3))),
        "the next list began later"
    );
}

#[test]
fn a_kind_that_is_forgotten_leaves_nothing_behind() {
    let mut table = TargetTable::default();
    for number in 0..1000 {
        let gvk = GroupVersionKind::gvk("example.dev", "v1", &format!("Kind{number}"));
        table.set_kind(&gvk, KindState::Missing, Instant::now());
        table.apply(&gvk, &object("u", 5, 2));
        table.forget_kind(&gvk);
        assert!(table.needs_lookup(&gvk, Instant::now(), 15));
    }
    assert!(table.targets.is_empty());
    assert_eq!(table.kinds().count(), 0);
    table.apply(&deployments(), &object("u", 5, 2));
    table.forget_kind(&deployments());
    assert_eq!(seen(&table), None);
    assert_eq!(table.kinds().count(), 0, "nor one that was never looked up");
}
