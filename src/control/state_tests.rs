use serde_json::{Value, json};

use kube::Resource;

use super::*;
use crate::cluster::policies::PolicyTable;
use crate::fixtures::{NOW, guarded, policy, table, with};

/// Stored policies, and what the loop makes of them.
struct Fleet {
    table: PolicyTable,
    states: PolicyStates,
}

impl Fleet {
    fn of(policies: &[Value]) -> Self {
        let (table, states) = (table(), PolicyStates::default());
        let mut fleet = Self { table, states };
        policies.iter().for_each(|policy| fleet.store(policy.clone()));
        fleet
    }

    /// With one policy that was evaluated.
    fn evaluated(policy: Value) -> Self {
        let mut fleet = Self::of(&[policy]);
        assert_eq!(fleet.take(0), ["web"], "a new policy is due at once");
        fleet.finish("web", false);
        fleet
    }

    fn store(&mut self, policy: Value) {
        self.table.apply(guarded(policy));
        self.states.sync(self.table.take_changes(), 15);
    }

    fn delete(&mut self, policy: Value) {
        self.table.delete(guarded(policy).meta());
        self.states.sync(self.table.take_changes(), 15);
    }

    fn record(&self, name: &str) -> Arc<PolicyRecord> {
        let mut records = self.table.iter();
        records.find(|record| &*record.key.name == name).unwrap().clone()
    }

    fn take(&mut self, seconds: i64) -> Vec<String> {
        let due = self.states.take_due(Timestamp(NOW.0 + seconds * 1000));
        due.iter().map(|record| record.key.name.to_string()).collect()
    }

    fn finish(&mut self, name: &str, again: bool) {
        let record = self.record(name);
        self.states.finish(&record, again);
    }

    fn memory(&mut self, name: &str) -> &mut Memory {
        let record = self.record(name);
        &mut self.states.get_mut(&record).unwrap().memory
    }

    /// Places in the lists of all periods together.
    fn members(&self) -> usize {
        let periods = self.states.periods.values();
        periods.map(|period| period.members.len()).sum()
    }
}

const NOBODY: [&str; 0] = [];

#[test]
fn a_policy_is_due_once_in_each_period_of_the_clock() {
    // The world of these tests begins five seconds before a full quarter minute.
    let mut fleet = Fleet::evaluated(policy("web"));
    let mut due = Vec::new();
    for second in 1..=40 {
        if !fleet.take(second).is_empty() {
            due.push(second);
            fleet.finish("web", false);
        }
    }
    assert_eq!(due, [10, 25, 40]);
}

#[test]
fn policies_of_several_periods_are_due_together_where_these_meet() {
    let every = |name: &str, seconds: u32| with(policy(name), "/spec/periodSeconds", seconds.into());
    let mut fleet = Fleet::of(&[every("one", 1), every("five", 5), every("fifteen", 15)]);
    let mut due = [0; 3];
    for second in 0..30 {
        for name in fleet.take(second) {
            fleet.finish(&name, false);
            let index = ["one", "five", "fifteen"].iter().position(|known| *known == name);
            due[index.unwrap()] += 1;
        }
    }
    // At the first second all are new; five and fifteen meet the clock at 10 and 25.
    assert_eq!(due, [30, 6, 3]);
}

#[test]
fn a_policy_that_gets_another_period_keeps_that_one_alone() {
    let mut fleet = Fleet::evaluated(policy("web"));
    let faster = with(policy("web"), "/metadata/generation", 2.into());
    fleet.store(with(faster, "/spec/periodSeconds", 5.into()));
    let mut due = Vec::new();
    for second in 1..=20 {
        if !fleet.take(second).is_empty() {
            due.push(second);
            fleet.finish("web", false);
        }
    }
    assert_eq!(due, [1, 5, 10, 15, 20], "at once, and then every five seconds");
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_anything() {
    let mut fleet = Fleet::evaluated(policy("web"));
    assert_eq!(fleet.take(-3600), ["web"]);
    fleet.finish("web", false);
    assert_eq!(fleet.take(-3599), NOBODY);
    assert_eq!(fleet.take(-3585), ["web"]);
}

#[test]
fn a_policy_in_flight_is_not_taken_again_until_it_is_finished_and_then_at_once() {
    let mut fleet = Fleet::evaluated(policy("web"));
    assert_eq!(fleet.take(10), ["web"]);
    assert!(fleet.states.any_in_flight());
    assert_eq!(fleet.take(25), NOBODY);
    let other = PolicyRecord {
        uid: "somebody else".into(),
        ..PolicyRecord::clone(&fleet.record("web"))
    };
    fleet.states.finish(&other, false);
    assert_eq!(fleet.take(26), NOBODY);
    fleet.finish("web", false);
    assert_eq!(fleet.take(27), ["web"], "its turn at 25 s was missed");
    fleet.finish("web", false);
    assert_eq!(fleet.take(28), NOBODY);
    assert_eq!(fleet.take(40), ["web"]);
    fleet.finish("web", true);
    assert_eq!(fleet.take(41), ["web"], "again at once");
}

#[test]
fn a_changed_policy_is_due_at_once_and_another_status_or_annotation_makes_none_due() {
    let mut fleet = Fleet::evaluated(policy("web"));
    fleet.store(policy("web"));
    fleet.store(with(policy("web"), "/status", json!({"observedGeneration": 1})));
    fleet.store(with(policy("web"), "/metadata/annotations", json!({"a": "b"})));
    assert_eq!(fleet.take(1), NOBODY);
    let changed = with(policy("web"), "/metadata/generation", json!(2));
    fleet.store(with(changed, "/spec/maxReplicas", json!(3)));
    let due = fleet.states.take_due(NOW);
    assert_eq!(due[0].compiled.as_ref().unwrap().decision.max_replicas, 3);
}

#[test]
fn what_is_remembered_stays_through_changes_but_not_through_another_target() {
    let mut fleet = Fleet::evaluated(policy("web"));
    fleet.memory("web").record_change(2, 4, NOW);
    let changed = with(policy("web"), "/metadata/generation", json!(2));
    fleet.store(with(changed.clone(), "/spec/maxReplicas", json!(3)));
    assert_eq!(fleet.memory("web").changes().len(), 1);
    let elsewhere = with(changed, "/metadata/generation", json!(3));
    fleet.store(with(elsewhere, "/spec/scaleTargetRef/name", json!("other")));
    assert_eq!(fleet.memory("web").changes().len(), 0);
}

#[test]
fn a_policy_that_goes_is_forgotten_and_one_of_the_same_name_begins_anew() {
    let mut fleet = Fleet::evaluated(policy("web"));
    let first = fleet.record("web");
    fleet.memory("web").record_change(2, 4, NOW);
    assert_eq!(fleet.take(15), ["web"]);
    let again = with(policy("web"), "/metadata/uid", json!("another"));
    fleet.store(again.clone());
    assert!(fleet.states.get_mut(&first).is_none());
    assert_eq!(
        fleet.take(15),
        ["web"],
        "that the first is still in flight is no concern of the second"
    );
    assert_eq!(*fleet.memory("web"), Memory::default());
    fleet.states.finish(&first, true);
    assert!(fleet.states.any_in_flight(), "the second is not finished");
    fleet.delete(again);
    assert!(fleet.states.is_empty() && !fleet.states.any_in_flight());
    assert_eq!(fleet.take(60), NOBODY);
}

#[test]
fn many_policies_that_come_and_go_leave_nothing_behind() {
    let mut fleet = Fleet::of(&[policy("stays")]);
    for round in 0..50 {
        for name in ["a", "b", "c"] {
            fleet.store(policy(name));
        }
        fleet.take(round * 15);
        for name in ["a", "b", "c"] {
            fleet.delete(policy(name));
        }
    }
    assert_eq!(fleet.states.len(), 1);
    assert!(fleet.states.slots.len() <= 8, "places are used again");
    assert_eq!(fleet.members(), 1);
}

#[test]
fn changes_in_the_stored_status_are_remembered_in_their_order() {
    let change = |time: &str, from: i32, to: i32| json!({"time": time, "from": from, "to": to, "reason": "MetricAboveTarget", "by": "Concertina"});
    // The newest first, as the status has them.
    let changes = json!([
        change("2023-11-14T22:10:00Z", 4, 3),
        change("2023-11-14T22:00:00Z", 2, 4)
    ]);
    let mut fleet = Fleet::evaluated(with(
        policy("web"),
        "/status",
        json!({"observedGeneration": 1, "lastChanges": changes}),
    ));
    let memory = fleet.memory("web");
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
    let mut fleet = Fleet::evaluated(with(policy("web"), "/spec/maxReplicas", json!(0)));
    assert_eq!(fleet.take(1), NOBODY);
    let due = fleet.states.take_due(Timestamp(NOW.0 + 15_000));
    let reason = due[0].compiled.as_ref().unwrap_err().to_string();
    assert!(reason.contains("maxReplicas is 0"), "{reason}");
}

#[test]
fn policies_that_change_their_period_back_and_forth_are_due_once() {
    let mut fleet = Fleet::evaluated(policy("web"));
    for (generation, seconds) in [(2, 5), (3, 15), (4, 5), (5, 15)] {
        let changed = with(policy("web"), "/metadata/generation", generation.into());
        fleet.store(with(changed, "/spec/periodSeconds", seconds.into()));
    }
    assert_eq!(fleet.take(10), ["web"]);
    assert_eq!(fleet.members(), 1);
}
