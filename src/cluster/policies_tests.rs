use serde_json::{Value, json};

use super::*;
use crate::fixtures::{guarded, policy, with};

fn on_web(name: &str, created: &str) -> Value {
    let policy = with(policy(name), "/spec/scaleTargetRef/name", "web".into());
    with(policy, "/metadata/creationTimestamp", created.into())
}

fn table(policies: &[Value]) -> PolicyTable {
    let mut table = PolicyTable::default();
    table.replace(policies.iter().cloned().map(guarded).collect());
    table
}

fn owner(table: &PolicyTable) -> Option<String> {
    owner_without(table, &[])
}

/// Who owns the Deployment `web` while these policies are broken.
fn owner_without(table: &PolicyTable, broken: &[&str]) -> Option<String> {
    let reference = crate::api::ScaleTargetRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
    };
    table
        .owner_of(&TargetKey::of("shop", &reference), |record| {
            broken.contains(&&*record.key.name)
        })
        .map(|owner| owner.key.name.to_string())
}

const OLD: &str = "2023-01-01T00:00:00Z";
const NEW: &str = "2024-01-01T00:00:00Z";

#[test]
fn the_oldest_policy_owns_a_target_then_the_lesser_uid_in_whatever_order_they_came() {
    let mut policies = [on_web("b", OLD), on_web("a", OLD), on_web("0", NEW)];
    for _ in 0..3 {
        policies.rotate_left(1);
        assert_eq!(owner(&table(&policies)).as_deref(), Some("a"));
    }
}

#[test]
fn ownership_passes_on_when_the_owner_goes_or_turns_away() {
    let mut table = table(&[on_web("old", OLD), on_web("new", NEW)]);
    table.apply(guarded(with(
        on_web("old", OLD),
        "/spec/scaleTargetRef/name",
        "other".into(),
    )));
    assert_eq!(owner(&table).as_deref(), Some("new"));
    table.apply(guarded(on_web("old", OLD)));
    assert_eq!(owner(&table).as_deref(), Some("old"));
    table.delete(&guarded(on_web("old", OLD)));
    assert_eq!(owner(&table).as_deref(), Some("new"));
    table.delete(&guarded(on_web("new", NEW)));
    assert_eq!(owner(&table), None);
    assert!(table.claims.is_empty() && table.policies.is_empty());
}

#[test]
fn a_broken_policy_keeps_no_other_from_the_target() {
    let table = table(&[on_web("old", OLD), on_web("new", NEW)]);
    assert_eq!(owner_without(&table, &["new"]).as_deref(), Some("old"));
    assert_eq!(owner_without(&table, &["old"]).as_deref(), Some("new"));
    assert_eq!(owner_without(&table, &["old", "new"]), None);
}

#[test]
fn a_policy_that_only_recommends_keeps_no_other_from_the_target() {
    let only_recommends = with(on_web("old", OLD), "/spec/mode", "DryRun".into());
    let paused = with(on_web("old", OLD), "/spec/mode", "Paused".into());
    for (old, expected) in [(only_recommends, "new"), (paused, "old")] {
        assert_eq!(
            owner(&table(&[old, on_web("new", NEW)])).as_deref(),
            Some(expected)
        );
    }
}

#[test]
fn one_object_has_one_owner_whichever_version_of_its_kind_is_named() {
    let other_version = with(
        on_web("new", NEW),
        "/spec/scaleTargetRef/apiVersion",
        "apps/v2".into(),
    );
    let table = table(&[on_web("old", OLD), other_version]);
    assert_eq!(table.claims.len(), 1);
    assert_eq!(owner(&table).as_deref(), Some("old"));
}

#[test]
fn a_policy_that_is_applied_often_claims_its_target_once() {
    let mut table = table(&[on_web("a", OLD)]);
    for _ in 0..5 {
        table.apply(guarded(on_web("a", OLD)));
    }
    assert_eq!(table.claims.values().map(Vec::len).collect::<Vec<_>>(), [1]);
}

#[test]
fn a_policy_that_cannot_be_read_is_kept_with_the_reason_and_claims_nothing() {
    let bad = with(on_web("bad", OLD), "/spec/maxReplicas", "many".into());
    let mut table = table(&[bad.clone(), on_web("good", NEW)]);
    assert_eq!(owner(&table).as_deref(), Some("good"));
    let key = ObjectKey {
        namespace: "shop".into(),
        name: "bad".into(),
    };
    let record = table.get(&key).unwrap();
    assert_eq!((record.uid.as_str(), record.generation), ("uid-bad", Some(1)));
    let reason = record.policy.as_ref().unwrap_err();
    assert!(reason.contains("spec.maxReplicas"), "{reason}");
    table.delete(&guarded(bad));
    assert!(table.get(&key).is_none());
}

#[test]
fn a_new_list_replaces_everything() {
    let mut table = table(&[on_web("old", OLD)]);
    assert!(table.is_synced());
    table.replace(vec![guarded(on_web("new", NEW))]);
    assert_eq!(owner(&table).as_deref(), Some("new"));
    assert_eq!(table.iter().count(), 1);
}

#[test]
fn no_stored_object_makes_the_table_panic() {
    for spec in [
        json!(null),
        json!([]),
        json!("x"),
        json!({"metrics": {"name": 5}}),
        json!({"scaleTargetRef": []}),
    ] {
        let table = table(&[with(policy("odd"), "/spec", spec.clone())]);
        assert!(
            table
                .iter()
                .all(|record| record.policy.is_err() && record.target().is_none()),
            "{spec}"
        );
    }
}
