use serde_json::{Value, json};

use super::*;
use crate::fixtures::{guarded, policy, with};

fn on_web(name: &str, created: &str) -> Value {
    let policy = with(policy(name), "/spec/scaleTargetRef/name", "web".into());
    with(policy, "/metadata/creationTimestamp", created.into())
}

fn table(policies: &[Value]) -> PolicyTable {
    let mut table = crate::fixtures::table();
    replace(&mut table, policies);
    table
}

/// A complete list.
fn replace(table: &mut PolicyTable, policies: &[Value]) {
    table.begin_list(Part::WHOLE);
    policies
        .iter()
        .for_each(|policy| table.apply(guarded(policy.clone())));
    table.end_list(Part::WHOLE);
}

/// Who owns the Deployment `web`.
fn owner(table: &PolicyTable) -> Option<String> {
    let reference = crate::api::ScaleTargetRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        name: "web".into(),
    };
    for record in table.iter() {
        let owner = record.target().and_then(|target| table.owner_of(target));
        let owner = owner.map(|owner| owner.id);
        let rival = table.rival_of(record).map(|rival| rival.id);
        assert_eq!(rival, owner.filter(|owner| *owner != record.id), "{}", record.key);
    }
    table
        .owner_of(&TargetKey::of("shop", &reference))
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
    assert_eq!((owner(&table).as_deref(), table.rivals), (Some("old"), 1));
    let elsewhere = with(on_web("old", OLD), "/spec/scaleTargetRef/name", "other".into());
    table.apply(guarded(with(elsewhere, "/metadata/generation", 2.into())));
    assert_eq!((owner(&table).as_deref(), table.rivals), (Some("new"), 0));
    table.apply(guarded(with(
        on_web("old", OLD),
        "/metadata/generation",
        3.into(),
    )));
    assert_eq!(owner(&table).as_deref(), Some("old"));
    table.delete(guarded(on_web("old", OLD)).meta());
    assert_eq!(owner(&table).as_deref(), Some("new"));
    table.delete(guarded(on_web("new", NEW)).meta());
    assert_eq!(owner(&table), None);
    assert!(table.claims.is_empty() && table.is_empty() && table.kinds.is_empty());
    assert_eq!(table.rivals, 0);
}

#[test]
fn a_policy_that_contradicts_itself_keeps_no_other_from_the_target() {
    let schedule = |start: &str, zone: &str| json!([{"name": "day", "start": start, "timeZone": zone, "durationMinutes": 60, "minReplicas": 2}]);
    for (field, value, expected) in [
        ("schedules", schedule("0 8 * * *", "UTC"), "old"),
        ("schedules", schedule("0 25 * * *", "UTC"), "new"),
        ("schedules", schedule("0 8 * * *", "Europe/Atlantis"), "new"),
        ("minReplicas", 999.into(), "new"),
    ] {
        let told = format!("{field} {value}");
        let old = with(on_web("old", OLD), &format!("/spec/{field}"), value);
        let mut table = table(&[old, on_web("new", NEW)]);
        assert_eq!(owner(&table).as_deref(), Some(expected), "{told}");
        table.apply(guarded(with(
            on_web("old", OLD),
            "/metadata/generation",
            2.into(),
        )));
        assert_eq!(owner(&table).as_deref(), Some("old"), "mended: {told}");
    }
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
    assert_eq!(owner(&table).as_deref(), Some("old"));
}

#[test]
fn a_policy_that_is_applied_often_claims_its_target_once() {
    let mut table = table(&[on_web("a", OLD)]);
    for _ in 0..5 {
        table.apply(guarded(on_web("a", OLD)));
    }
    assert_eq!(table.claims.len(), 1);
    assert_eq!(table.take_changes().changed.len(), 1, "told once");
}

#[test]
fn a_policy_that_cannot_be_read_is_kept_with_the_reason_and_claims_nothing() {
    let bad = with(on_web("bad", OLD), "/spec/maxReplicas", "many".into());
    let mut table = table(&[bad.clone(), on_web("good", NEW)]);
    assert_eq!(owner(&table).as_deref(), Some("good"));
    let key = ObjectKey::new("shop", "bad");
    let record = table.get(&key).unwrap();
    assert_eq!(
        (record.uid.clone(), record.generation),
        ("uid-bad".into(), Some(1))
    );
    let reason = record.compiled.as_ref().unwrap_err().to_string();
    assert!(reason.contains("spec.maxReplicas"), "{reason}");
    table.delete(guarded(bad).meta());
    assert!(table.get(&key).is_none());
}

#[test]
fn a_new_list_replaces_everything() {
    let mut table = table(&[on_web("old", OLD)]);
    assert!(table.lists().is_listed(Part::WHOLE));
    table.take_changes();
    replace(&mut table, &[on_web("new", NEW)]);
    assert_eq!(owner(&table).as_deref(), Some("new"));
    assert_eq!((table.iter().count(), table.len()), (1, 1));
    let changes = table.take_changes();
    assert_eq!(changes.gone.len(), 1);
    assert_eq!(&*changes.changed[0].0.key.name, "new");
}

#[test]
fn a_status_is_handed_on_once_and_makes_no_other_record() {
    let mut table = table(&[on_web("a", OLD)]);
    let first = table.take_changes().changed.remove(0).0;
    table.apply(guarded(with(
        on_web("a", OLD),
        "/status",
        json!({"currentReplicas": 7}),
    )));
    let (record, stored) = table.take_changes().changed.remove(0);
    assert!(Arc::ptr_eq(&first, &record));
    assert_eq!(stored.unwrap().current_replicas, Some(7));
    assert!(table.take_changes().changed.is_empty());
}

#[test]
fn a_place_is_given_away_only_after_everybody_was_told() {
    let mut table = table(&[on_web("a", OLD)]);
    let first = table.take_changes().changed.remove(0).0.id;
    table.delete(guarded(on_web("a", OLD)).meta());
    table.apply(guarded(on_web("b", OLD)));
    let told = table.take_changes();
    assert_ne!(told.changed[0].0.id, first);
    assert_eq!(told.gone[0].id, first);
    table.apply(guarded(on_web("c", OLD)));
    assert_eq!(table.take_changes().changed[0].0.id, first);
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
                .all(|record| record.compiled.is_err() && record.target().is_none()),
            "{spec}"
        );
    }
}

/// Claims less claimed objects, counted anew.
fn rivals(table: &PolicyTable) -> usize {
    let claims: Vec<&TargetKey> = table.iter().filter_map(|record| record.claim()).collect();
    let is_first = |place: usize| {
        !claims[..place]
            .iter()
            .any(|other| other.is_same_object(claims[place]))
    };
    claims.len() - (0..claims.len()).filter(|place| is_first(*place)).count()
}

proptest::proptest! {
    /// Of several policies some change their target, their mode or their uid, some go, some come in a list.
    #[test]
    fn rivals_are_counted_whatever_happens(steps in proptest::collection::vec((0_u8..6, 0_u8..4, 0_u8..3, 0_u8..3), 1..40)) {
        let mut table = crate::fixtures::table();
        for (generation, (what, name, target, kind)) in (1..).zip(steps) {
            let mut stored = with(on_web(&format!("p{name}"), OLD), "/metadata/generation", generation.into());
            let mode = if kind == 0 { "DryRun" } else { "Auto" };
            for (place, value) in [
                ("/spec/scaleTargetRef/name", format!("web-{target}")),
                ("/spec/mode", mode.to_owned()),
                ("/metadata/uid", format!("uid-{name}-{}", kind / 2)),
            ] {
                stored = with(stored, place, value.into());
            }
            match what {
                0 => table.delete(guarded(stored).meta()),
                1 => replace(&mut table, &[stored]),
                _ => table.apply(guarded(stored)),
            }
            proptest::prop_assert_eq!(table.rivals, rivals(&table));
            owner(&table);
        }
    }
}
