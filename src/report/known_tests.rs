use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;
use crate::fixtures::{outcome, policy, total};
use crate::report::events::troubles;
use crate::report::status::status_of;

fn change(reason: &str, by: &str) -> ChangeStatus {
    ChangeStatus {
        time: Time(Timestamp::from_second(1_700_000_000).unwrap()),
        from: 2,
        to: 4,
        reason: reason.to_owned(),
        by: by.to_owned(),
    }
}

fn with(changes: Vec<ChangeStatus>) -> ScalingPolicyStatus {
    ScalingPolicyStatus {
        last_changes: changes,
        ..ScalingPolicyStatus::default()
    }
}

#[test]
fn changes_come_back_as_they_were_told_also_those_of_another_version() {
    for changes in [
        vec![],
        vec![
            change("MetricAboveTarget", "Concertina"),
            change("ReplicasChangedByOther", "Other"),
        ],
        vec![change("AWordOfAnotherVersion", "Concertina")],
        vec![
            change("MetricAboveTarget", "SomebodyNamed"),
            change("MetricAboveTarget", "Other"),
        ],
    ] {
        assert_eq!(Known::of(&with(changes.clone())).changes(), changes);
    }
}

#[test]
fn two_changes_take_no_more_than_their_numbers() {
    let known = Known::of(&with(vec![change("MetricAboveTarget", "Concertina"); 2]));
    assert_eq!(known.heap_bytes(), 32);
    assert!(size_of::<Known>() <= 48);
}

#[test]
fn a_condition_is_known_only_as_it_stood() {
    let outcome = outcome(policy("web"), vec![total(20.0)]);
    let status = status_of(&outcome, &Known::default(), &troubles(&outcome));
    let known = Known::of(&status);
    let now = Second::of(outcome.time);
    assert_eq!(known.since("Ready", true), Some(now));
    assert_eq!(known.since("Ready", false), None);
    assert_eq!(known.since("ScalingLimited", false), Some(now));
    assert_eq!(known.since("Unheard", true), None);
    assert_eq!(known.decided(), Some(now));
    assert_eq!(known.last_scale(), None);
}
