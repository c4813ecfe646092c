use concertina_decision::{Missing, Reading, Reason, Stage};

use super::*;
use crate::api::Mode;
use crate::cluster::QuotaRefusal;
use crate::cluster::pods::StartupTimes;
use crate::control::evaluate::ChangeByOther;
use crate::fixtures::{NOW, outcome, policy, total};

fn with_load(load: f64) -> Outcome {
    outcome(policy("web"), vec![total(load)])
}

fn decided(outcome: &mut Outcome) -> &mut Decided {
    outcome.result.as_mut().unwrap()
}

#[test]
fn values_ages_and_times_leave_it_as_it_is() {
    let before = fingerprint(&with_load(20.0));
    assert!(before.is_some());
    let mut later = with_load(19.5);
    later.time = NOW.plus_seconds(15);
    assert_eq!(fingerprint(&later), before);
    decided(&mut later).decision.proposals[0].age_seconds = Some(7);
    decided(&mut later).decision.retry_after_seconds = Some(7);
    assert_eq!(fingerprint(&later), before);
}

/// Something that may be different in an outcome.
type Change = fn(&mut Outcome);

#[test]
fn whatever_a_reader_may_notice_changes_it() {
    let changes: [Change; 19] = [
        |outcome| outcome.mode = Some(Mode::DryRun),
        |outcome| outcome.target_uid = None,
        |outcome| decided(outcome).decision.current = 3,
        |outcome| decided(outcome).decision.desired = 3,
        |outcome| decided(outcome).decision.verdict = Verdict::Scale,
        |outcome| decided(outcome).decision.reason = Reason::ScaleDownStabilized,
        |outcome| decided(outcome).decision.stages[2].replicas = 9,
        |outcome| decided(outcome).decision.stages[2].reason = Reason::AtMaximum,
        |outcome| {
            decided(outcome).decision.stages.pop();
        },
        |outcome| decided(outcome).decision.proposals[0].outcome = MetricOutcome::Proposed(7),
        |outcome| decided(outcome).decision.proposals[0].outcome = MetricOutcome::Missing(Missing::Stale),
        |outcome| decided(outcome).decision.proposals[0].outcome = MetricOutcome::Missing(Missing::NoSamples),
        |outcome| decided(outcome).decision.proposals[0].reason = Reason::MetricAboveTarget,
        |outcome| decided(outcome).decision.proposals[0].missing_pods = 1,
        |outcome| {
            decided(outcome).notes[0] = Some(Note {
                reason: Reason::DuplicateSeries,
                message: "words".into(),
            });
        },
        |outcome| decided(outcome).effect = Effect::Failed("words".into()),
        |outcome| {
            decided(outcome).quota = Some(QuotaRefusal {
                room: 2,
                message: "words".into(),
            });
        },
        |outcome| decided(outcome).unschedulable_pods = 1,
        |outcome| {
            decided(outcome).startup = Some(StartupTimes {
                p50_seconds: 1,
                p95_seconds: 2,
                samples: 3,
            });
        },
    ];
    let mut seen = vec![fingerprint(&with_load(20.0))];
    for (number, change) in changes.into_iter().enumerate() {
        let mut outcome = with_load(20.0);
        change(&mut outcome);
        let print = fingerprint(&outcome);
        assert!(print.is_some() && !seen.contains(&print), "change {number}");
        seen.push(print);
    }
}

#[test]
fn the_same_words_of_another_metric_are_something_else() {
    let with_note = |place: usize| {
        let mut outcome = with_load(20.0);
        decided(&mut outcome).notes = vec![None; 2];
        decided(&mut outcome).notes[place] = Some(Note {
            reason: Reason::DuplicateSeries,
            message: "words".into(),
        });
        fingerprint(&outcome)
    };
    assert_ne!(with_note(0), with_note(1));
}

#[test]
fn a_guard_changes_it_by_its_state_and_by_why_it_is_missing() {
    let mut seen = Vec::new();
    for state in [
        GuardState::Clear,
        GuardState::Pending,
        GuardState::Tripped,
        GuardState::Missing(Missing::Stale),
        GuardState::Missing(Missing::NoSamples),
        GuardState::Expired,
    ] {
        let mut outcome = with_load(20.0);
        decided(&mut outcome)
            .decision
            .guards
            .push(concertina_decision::GuardRecord { value: None, state });
        let print = fingerprint(&outcome);
        assert!(!seen.contains(&print), "{state:?}");
        seen.push(print);
    }
}

#[test]
fn why_there_is_no_decision_counts_with_its_words() {
    let without = |reason: Reason, message: &str| {
        let mut outcome = with_load(20.0);
        outcome.result = Err(Note {
            reason,
            message: message.into(),
        });
        fingerprint(&outcome)
    };
    let print = without(Reason::TargetNotFound, "words");
    assert_eq!(print, without(Reason::TargetNotFound, "words"));
    assert_ne!(print, without(Reason::TargetNotFound, "other words"));
    assert_ne!(print, without(Reason::TargetForbidden, "words"));
}

#[test]
fn what_happened_has_none_so_that_it_is_told_each_time() {
    let mut written = with_load(40.0);
    decided(&mut written).effect = Effect::Written;
    assert_eq!(fingerprint(&written), None);
    let mut changed = with_load(20.0);
    decided(&mut changed).changed_by_other = Some(ChangeByOther {
        from: 5,
        to: 2,
        manager: None,
    });
    assert_eq!(fingerprint(&changed), None);
}

#[test]
fn a_missing_metric_is_unlike_one_that_answers() {
    let missing = outcome(policy("web"), vec![Reading::Missing(Missing::TimedOut)]);
    assert_ne!(fingerprint(&missing), fingerprint(&with_load(20.0)));
    assert!(
        missing
            .result
            .as_ref()
            .unwrap()
            .decision
            .stage(Stage::Observe)
            .is_some()
    );
}
