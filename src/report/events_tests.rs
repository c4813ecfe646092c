use concertina_decision::{Missing, Observation, Pod, Reading};
use serde_json::json;

use super::*;
use crate::cluster::QuotaRefusal;
use crate::fixtures::{outcome, outcome_of, policy, total, with};
use crate::observe::join::Note as Told;

fn written() -> Outcome {
    let mut outcome = outcome(policy("web"), vec![total(40.0)]);
    outcome.result.as_mut().unwrap().effect = Effect::Written;
    outcome
}

#[test]
fn a_text_is_cut_between_characters() {
    assert_eq!(cut("a→b", 2), "a");
    assert_eq!(cut("a→b", 4), "a→");
    assert_eq!(cut("a→b", 9), "a→b");
}

#[test]
fn a_change_has_one_event_on_the_policy_and_one_on_the_target_each_naming_the_other() {
    let outcome = written();
    let notes = changes(&outcome);
    assert_eq!(notes.len(), 1);
    let subjects = subjects(&outcome, &notes[0]);
    let kinds: Vec<_> = subjects
        .iter()
        .map(|(regarding, related)| {
            (
                regarding.kind.as_deref(),
                related.as_ref().and_then(|of| of.kind.as_deref()),
            )
        })
        .collect();
    let (policy, target) = (Some("ScalingPolicy"), Some("Deployment"));
    assert_eq!(kinds, [(policy, target), (target, policy)]);
    assert_eq!(subjects[1].0.uid.as_deref(), Some("uid-of-target"));
    assert!(
        notes[0].message.starts_with("2 → 4: load 40 in total"),
        "{}",
        notes[0].message
    );
}

#[test]
fn a_warning_is_on_the_policy_alone_and_knows_the_target_where_there_is_one() {
    let mut outcome = written();
    let note = Note::warning(Reason::TargetNotFound, "words".into());
    assert_eq!(subjects(&outcome, &note).len(), 1);
    outcome.target_uid = None;
    let subjects = subjects(&outcome, &note);
    assert_eq!(subjects.len(), 1);
    assert_eq!(subjects[0].1, None);
}

#[test]
fn nothing_written_is_no_change() {
    for effect in [
        Effect::None,
        Effect::Withheld,
        Effect::Conflict("x".into()),
        Effect::Failed("x".into()),
    ] {
        let mut outcome = written();
        outcome.result.as_mut().unwrap().effect = effect;
        assert_eq!(changes(&outcome), []);
    }
}

#[test]
fn an_event_keeps_within_what_the_api_server_takes() {
    let long = "n".repeat(253);
    let mut outcome = outcome(
        with(policy("web"), "/metadata/name", long.as_str().into()),
        vec![total(40.0)],
    );
    outcome.result.as_mut().unwrap().effect = Effect::Written;
    let note = Note::warning(Reason::PatchFailed, "→".repeat(2000));
    let subject = subjects(&outcome, &note).remove(0);
    let event = event(&outcome, &note, subject, &"i".repeat(500), u64::MAX);
    let name = event.metadata.name.unwrap();
    assert!(
        name.len() <= 253 && name.ends_with(&format!(".{:x}", u64::MAX)),
        "{name}"
    );
    assert!(event.note.unwrap().len() <= 1024);
    assert!(event.reporting_instance.unwrap().len() <= 128);
    assert!(event.event_time.is_some() && event.action.is_some() && event.reporting_controller.is_some());
}

#[test]
fn two_events_of_one_moment_have_names_of_their_own() {
    let outcome = written();
    let note = &changes(&outcome)[0];
    let names: Vec<_> = subjects(&outcome, note)
        .into_iter()
        .enumerate()
        .map(|(number, subject)| {
            event(&outcome, note, subject, "i", number as u64)
                .metadata
                .name
                .unwrap()
        })
        .collect();
    assert_ne!(names[0], names[1]);
}

#[test]
fn every_metric_that_is_missing_is_named() {
    let metrics = json!([
        {"name": "one", "prometheus": {"query": "a", "averageValue": 1}},
        {"name": "two", "prometheus": {"query": "b", "averageValue": 1}},
        {"name": "three", "prometheus": {"query": "c", "averageValue": 1}},
    ]);
    let readings = vec![
        Reading::Missing(Missing::TimedOut),
        total(1.0),
        Reading::Missing(Missing::NotReadYet),
    ];
    let troubles = troubles(&outcome(with(policy("web"), "/spec/metrics", metrics), readings));
    let found: Vec<_> = troubles
        .iter()
        .map(|trouble| (trouble.reason, trouble.message.as_str()))
        .collect();
    let expected = (
        Reason::PrometheusTimeout,
        "metric one: Prometheus did not answer in time",
    );
    assert_eq!(found, [expected], "what has not been asked for yet is no trouble");
}

#[test]
fn what_lies_with_the_target_comes_before_what_lies_with_metrics() {
    let mut outcome = outcome(policy("web"), vec![Reading::Missing(Missing::TimedOut)]);
    outcome.result.as_mut().unwrap().effect = Effect::NotOwner("shop/old".into());
    let reasons: Vec<_> = troubles(&outcome).iter().map(|trouble| trouble.reason).collect();
    assert_eq!(reasons, [Reason::TargetOwnedByOther, Reason::PrometheusTimeout]);
}

#[test]
fn looking_up_is_no_trouble_and_any_other_reason_is() {
    let mut outcome = written();
    for (reason, count) in [
        (Reason::Evaluating, 0),
        (Reason::TargetForbidden, 1),
        (Reason::InvalidPolicy, 1),
    ] {
        outcome.result = Err(Trouble {
            reason,
            message: "words".into(),
        });
        assert_eq!(troubles(&outcome).len(), count, "{reason}");
    }
}

#[test]
fn a_change_by_others_names_who_wrote_it_where_that_is_known() {
    let said = |manager: Option<&str>| {
        let mut outcome = outcome(policy("web"), vec![total(20.0)]);
        outcome.result.as_mut().unwrap().changed_by_other = Some(ChangeByOther {
            from: 5,
            to: 2,
            manager: manager.map(Into::into),
        });
        changes(&outcome)[0].message.clone()
    };
    assert_eq!(
        said(Some("kubectl")),
        "replicas 5 → 2: kubectl changed the replicas"
    );
    assert_eq!(said(None), "replicas 5 → 2: somebody else changed the replicas");
    // The watch may show the count before it shows whose it is.
    assert_eq!(said(Some(FIELD_MANAGER)), said(None));
}

#[test]
fn a_guard_that_is_not_clear_says_its_name_and_what_it_means() {
    let guards = json!([
        {"name": "errors", "query": "errors", "above": "0.01", "forSeconds": 0},
        {"name": "lag", "query": "lag", "above": 5},
        {"name": "fine", "query": "fine", "above": 5},
    ]);
    let guarded = with(policy("web"), "/spec/guards", guards);
    let observation = Observation {
        current_replicas: 2,
        pods: vec![Pod::Ready; 2],
        metrics: vec![total(20.0)],
        guards: vec![total(0.02), Reading::Missing(Missing::TimedOut), total(1.0)],
        ..Observation::default()
    };
    let mut outcome = outcome_of(guarded, &observation);
    outcome.result.as_mut().unwrap().guard_notes[1] = Some(Told {
        reason: Reason::PrometheusTimeout,
        message: "no answer within 5 s".into(),
    });
    let said: Vec<_> = troubles(&outcome)
        .into_iter()
        .map(|trouble| (trouble.reason, trouble.message))
        .collect();
    let tripped = "guard errors is tripped (0.02): nothing shrinks until it clears";
    let missing = "guard lag has no usable value, so nothing shrinks: no answer within 5 s";
    assert_eq!(
        said,
        [
            (Reason::GuardTripped, tripped.to_owned()),
            (Reason::GuardMissing, missing.to_owned())
        ]
    );
}

#[test]
fn what_the_cluster_has_no_room_for_is_told() {
    let mut outcome = outcome(policy("web"), vec![total(40.0)]);
    let decided = outcome.result.as_mut().unwrap();
    decided.quota = Some(QuotaRefusal {
        room: 2,
        message: "exceeded quota: small".into(),
    });
    decided.unschedulable_pods = 3;
    let said: Vec<_> = troubles(&outcome)
        .into_iter()
        .map(|trouble| (trouble.reason, trouble.message))
        .collect();
    assert_eq!(said[0].0, Reason::QuotaExceeded);
    assert!(said[0].1.ends_with(": exceeded quota: small"), "{said:?}");
    assert_eq!(said[1].0, Reason::UnschedulablePods);
    assert!(
        said[1].1.starts_with("3 pods of the target find no node"),
        "{said:?}"
    );
}

#[test]
fn crashing_pods_that_hold_growth_are_told() {
    let observation = Observation {
        current_replicas: 2,
        pods: vec![Pod::CrashingAtStart; 2],
        metrics: vec![total(90.0)],
        ..Observation::default()
    };
    let reasons: Vec<_> = troubles(&outcome_of(policy("web"), &observation))
        .into_iter()
        .map(|trouble| trouble.reason)
        .collect();
    assert_eq!(reasons, [Reason::PodsCrashing]);
}

#[test]
fn another_autoscaler_on_the_target_is_named() {
    let mut outcome = outcome(policy("web"), vec![total(40.0)]);
    outcome.result.as_mut().unwrap().effect = Effect::OwnedByAutoscaler("HorizontalPodAutoscaler web".into());
    let troubles = troubles(&outcome);
    assert_eq!(troubles[0].reason, Reason::TargetOwnedByOther);
    assert_eq!(
        troubles[0].message,
        "HorizontalPodAutoscaler web scales the target too, so this policy only recommends: delete one of the two"
    );
}
