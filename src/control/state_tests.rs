use serde_json::{Value, json};

use super::*;
use crate::fixtures::{NOW, config, policy, record, with};

fn compile(record: &PolicyRecord, config: &Config) -> Result<Arc<CompiledPolicy>, String> {
    let policy = record.policy.as_ref().map_err(Clone::clone)?;
    CompiledPolicy::of(policy, config).map(Arc::new)
}

fn sync(states: &mut PolicyStates, policies: &[&Arc<PolicyRecord>]) -> Vec<ObjectKey> {
    states.sync(policies.iter().copied(), &config(), compile)
}

fn take(states: &mut PolicyStates, record: &Arc<PolicyRecord>, seconds: i64) -> bool {
    states
        .take_due(record, 15, Timestamp(NOW.0 + seconds * 1000))
        .is_some()
}

fn finish(states: &mut PolicyStates, record: &PolicyRecord) {
    states.finish(&record.key, &record.uid, false);
}

fn evaluated(policy: Value) -> (PolicyStates, Arc<PolicyRecord>) {
    let (mut states, record) = (PolicyStates::default(), record(policy));
    sync(&mut states, &[&record]);
    assert!(take(&mut states, &record, 0), "a new policy is due at once");
    finish(&mut states, &record);
    (states, record)
}

#[test]
fn a_policy_is_due_once_in_each_period_of_the_clock() {
    // The world of these tests begins five seconds before a full quarter minute.
    let (mut states, record) = evaluated(policy("web"));
    let mut due = Vec::new();
    for second in 1..=40 {
        if take(&mut states, &record, second) {
            due.push(second);
            finish(&mut states, &record);
        }
    }
    assert_eq!(due, [10, 25, 40]);
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_anything() {
    let (mut states, record) = evaluated(policy("web"));
    assert!(take(&mut states, &record, -3600));
    finish(&mut states, &record);
    assert!(!take(&mut states, &record, -3599));
    assert!(take(&mut states, &record, -3585));
}

#[test]
fn a_policy_in_flight_is_not_taken_again_until_it_is_finished() {
    let (mut states, record) = evaluated(policy("web"));
    assert!(take(&mut states, &record, 15));
    assert!(!take(&mut states, &record, 30));
    states.finish(&record.key, "somebody else", false);
    assert!(!take(&mut states, &record, 45));
    states.finish(&record.key, &record.uid, true);
    assert!(take(&mut states, &record, 45), "again at once");
}

#[test]
fn a_policy_is_broken_when_it_cannot_be_compiled_as_it_is_stored_now() {
    let schedule = |start: &str, zone: &str| json!([{"name": "day", "start": start, "timeZone": zone, "durationMinutes": 60, "minReplicas": 2}]);
    let rate =
        |window: i32| json!([{"name": "rps", "requestRate": {"averageValue": 10}, "windowSeconds": window}]);
    for (field, value, expected) in [
        ("schedules", schedule("0 8 * * *", "UTC"), false),
        ("schedules", schedule("0 25 * * *", "UTC"), true),
        ("schedules", schedule("0 8 * * *", "Europe/Atlantis"), true),
        ("metrics", rate(30), false),
        ("metrics", rate(29), true),
        ("minReplicas", 999.into(), true),
    ] {
        let (mut states, told) = (PolicyStates::default(), format!("{field} {value}"));
        let stored = record(with(policy("web"), &format!("/spec/{field}"), value));
        assert!(!states.is_broken(&stored), "not known yet: {told}");
        sync(&mut states, &[&stored]);
        assert_eq!(states.is_broken(&stored), expected, "{told}");
        let mended = record(with(policy("web"), "/metadata/generation", 2.into()));
        assert!(!states.is_broken(&mended), "not looked at yet: {told}");
    }
}

#[test]
fn a_changed_policy_is_due_at_once_and_compiled_anew() {
    let (mut states, first) = evaluated(policy("web"));
    sync(&mut states, &[&first]);
    assert!(!take(&mut states, &first, 1), "nothing changed");
    let changed = with(
        with(policy("web"), "/metadata/generation", json!(2)),
        "/spec/maxReplicas",
        json!(3),
    );
    let changed = record(changed);
    sync(&mut states, &[&changed]);
    let due = states.take_due(&changed, 15, NOW).unwrap();
    assert_eq!(due.compiled.unwrap().decision.max_replicas, 3);
}

#[test]
fn what_is_remembered_stays_through_changes_but_not_through_another_target() {
    let (mut states, record_of_one) = evaluated(policy("web"));
    let remembered = |states: &mut PolicyStates, record: &PolicyRecord| {
        states.get_mut(record).unwrap().memory.changes().len()
    };
    states
        .get_mut(&record_of_one)
        .unwrap()
        .memory
        .record_change(2, 4, NOW);
    let changed = with(policy("web"), "/metadata/generation", json!(2));
    let two = record(with(changed.clone(), "/spec/maxReplicas", json!(3)));
    sync(&mut states, &[&two]);
    assert_eq!(remembered(&mut states, &two), 1);
    let elsewhere = with(changed, "/metadata/generation", json!(3));
    let three = record(with(elsewhere, "/spec/scaleTargetRef/name", json!("other")));
    sync(&mut states, &[&three]);
    assert_eq!(remembered(&mut states, &three), 0);
}

#[test]
fn a_policy_that_goes_is_forgotten_and_one_of_the_same_name_begins_anew() {
    let (mut states, first) = evaluated(policy("web"));
    states.get_mut(&first).unwrap().memory.record_change(2, 4, NOW);
    assert!(take(&mut states, &first, 15));
    let again = record(with(policy("web"), "/metadata/uid", json!("another")));
    assert_eq!(sync(&mut states, &[&again]), [], "the name lives on");
    assert!(states.get_mut(&first).is_none());
    let due = states.take_due(&again, 15, NOW);
    assert!(
        due.is_some(),
        "that the first is still in flight is no concern of the second"
    );
    assert_eq!(states.get_mut(&again).unwrap().memory, Memory::default());
    assert_eq!(sync(&mut states, &[]), std::slice::from_ref(&again.key));
    assert!(states.is_empty());
}

#[test]
fn changes_in_the_stored_status_are_remembered_in_their_order() {
    let change = |time: &str, from: i32, to: i32| json!({"time": time, "from": from, "to": to, "reason": "MetricAboveTarget", "by": "Concertina"});
    // The newest first, as the status has them.
    let changes = json!([
        change("2023-11-14T22:10:00Z", 4, 3),
        change("2023-11-14T22:00:00Z", 2, 4)
    ]);
    let (mut states, record) = evaluated(with(
        policy("web"),
        "/status",
        json!({"observedGeneration": 1, "lastChanges": changes}),
    ));
    let memory = &states.get_mut(&record).unwrap().memory;
    let changes: Vec<_> = memory
        .changes()
        .iter()
        .map(|change| (change.from, change.to))
        .collect();
    assert_eq!(changes, [(2, 4), (4, 3)]);
    assert_eq!(memory.last_change(), Some(Timestamp::from_seconds(1_699_999_800)));
}

#[test]
fn a_policy_that_cannot_be_compiled_is_due_at_the_default_period_with_its_reason() {
    let (mut states, record) = evaluated(with(policy("web"), "/spec/maxReplicas", json!(0)));
    assert!(!take(&mut states, &record, 1));
    let due = states.take_due(&record, 15, Timestamp(NOW.0 + 15_000)).unwrap();
    assert!(due.compiled.unwrap_err().contains("maxReplicas is 0"));
}
