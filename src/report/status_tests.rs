use concertina_decision::{Missing, Observation, Pod, Reading, Verdict};
use serde_json::{Value, json};

use super::*;
use crate::api::UtilizationOf;
use crate::cluster::pods::StartupTimes;
use crate::control::evaluate::ChangeByOther;
use crate::fixtures::{NOW, outcome, outcome_of, policy, total, with};
use crate::report::difference::{Difference, Marks};
use crate::report::events::troubles;

fn status(outcome: &Outcome, known: Option<&ScalingPolicyStatus>) -> ScalingPolicyStatus {
    let known = known.map(Known::of).unwrap_or_default();
    status_of(outcome, &known, &troubles(outcome))
}

fn difference(stored: &ScalingPolicyStatus, new: &ScalingPolicyStatus) -> Difference {
    Marks::of(stored).difference(&Marks::of(new))
}

fn written(load: f64) -> Outcome {
    let mut outcome = outcome(policy("web"), vec![total(load)]);
    let decided = outcome.result.as_mut().unwrap();
    assert_eq!(decided.decision.verdict, Verdict::Scale);
    decided.effect = Effect::Written;
    outcome
}

fn later(mut outcome: Outcome, seconds: u32) -> Outcome {
    outcome.time = NOW.plus_seconds(seconds);
    outcome
}

#[test]
fn numbers_are_short_and_keep_three_digits() {
    let table = [
        (0.0, "0"),
        (83.26, "83.3"),
        (70.0, "70"),
        (1234.5, "1234"),
        (0.05, "0.05"),
        (1.5e-5, "1.50e-5"),
    ];
    for (value, text) in table {
        assert_eq!(three_digits(value), text);
    }
}

#[test]
fn amounts_are_in_the_unit_of_their_target() {
    let cpu = Measure::Cpu {
        container: None,
        of: UtilizationOf::Request,
    };
    let memory = Measure::Memory {
        container: None,
        of: UtilizationOf::Request,
    };
    for (measure, value, text) in [
        (&cpu, 0.25, "250m"),
        (&memory, 134_217_728.0, "128Mi"),
        (&Measure::RequestRate, 50.0, "50"),
    ] {
        assert_eq!(
            target_text(Target::AverageValue { per_replica: value }, measure),
            text
        );
        assert_eq!(value_text(Measured::PerReplica(value), measure), text);
    }
    assert_eq!(target_text(Target::Utilization { percent: 70.0 }, &cpu), "70%");
    assert_eq!(value_text(Measured::Percent(83.333), &cpu), "83.3%");
}

#[test]
fn a_change_is_the_newest_of_at_most_five() {
    let mut known = None;
    for round in 0..7 {
        known = Some(status(&later(written(40.0), round * 60), known.as_ref()));
    }
    let known = known.unwrap();
    assert_eq!(known.last_changes.len(), 5);
    let newest = &known.last_changes[0];
    assert_eq!((newest.from, newest.to, newest.by.as_str()), (2, 4, "Concertina"));
    assert_eq!(Some(&newest.time), known.last_scale_time.as_ref());
    assert_eq!(known.current_replicas, Some(4), "what was written is there now");
}

#[test]
fn a_change_by_others_and_one_of_our_own_in_one_evaluation_are_both_kept() {
    let mut both = written(40.0);
    both.result.as_mut().unwrap().changed_by_other = Some(ChangeByOther {
        from: 5,
        to: 2,
        manager: None,
    });
    let status = status(&both, None);
    let changes: Vec<_> = status
        .last_changes
        .iter()
        .map(|change| (change.from, change.to, change.by.as_str()))
        .collect();
    assert_eq!(changes, [(2, 4, "Concertina"), (5, 2, "Other")]);
}

#[test]
fn a_condition_keeps_the_time_since_when_it_is_so() {
    let first = status(&outcome(policy("web"), vec![total(20.0)]), None);
    let second = status(
        &later(outcome(policy("web"), vec![total(20.0)]), 60),
        Some(&first),
    );
    assert_eq!(first.conditions, second.conditions);
    let failing = later(
        outcome(policy("web"), vec![Reading::Missing(Missing::TimedOut)]),
        120,
    );
    let third = status(&failing, Some(&second));
    let since = |status: &ScalingPolicyStatus, kind: &str| {
        status
            .conditions
            .iter()
            .find(|condition| condition.type_ == kind)
            .unwrap()
            .last_transition_time
            .0
            .as_second()
    };
    assert_eq!(since(&third, "Ready"), since(&second, "Ready") + 120);
    assert_eq!(since(&third, "AbleToScale"), since(&second, "AbleToScale"));
}

#[test]
fn only_stages_that_altered_the_number_are_shown() {
    let status = status(&outcome(policy("web"), vec![total(1000.0)]), None);
    let stages: Vec<_> = status
        .stages
        .iter()
        .map(|stage| (stage.stage.as_str(), stage.replicas))
        .collect();
    assert_eq!(stages, [("Propose", 100), ("Bounds", 10)]);
}

#[test]
fn without_a_decision_the_last_changes_stay_and_the_counts_go() {
    let known = status(&written(40.0), None);
    let mut gone = later(outcome(policy("web"), vec![total(1.0)]), 60);
    gone.result = Err(Trouble {
        reason: Reason::TargetNotFound,
        message: "there is none".into(),
    });
    let status = status(&gone, Some(&known));
    assert_eq!(status.last_changes, known.last_changes);
    assert_eq!((status.current_replicas, status.desired_replicas), (None, None));
    assert!(status.effective.is_some() && status.metrics.is_empty());
    assert_eq!(status.last_decision.unwrap().reason, "TargetNotFound");
}

#[test]
fn what_moves_all_the_time_is_no_difference() {
    let of =
        |load: f64, seconds: u32| status(&later(outcome(policy("web"), vec![total(load)]), seconds), None);
    let mut later = of(19.0, 30);
    let stored = of(20.0, 0);
    later.conditions = stored.conditions.clone();
    assert_ne!(stored, later);
    assert_eq!(difference(&stored, &later), Difference::None);
}

/// Something that may happen to a status, and how much it matters.
type Change = (Difference, fn(&mut ScalingPolicyStatus));

#[test]
fn what_metrics_ask_for_is_a_difference_that_can_wait_and_all_else_is_not() {
    let stored = status(&outcome(policy("web"), vec![total(20.0)]), None);
    let changes: [Change; 13] = [
        (Difference::None, |status| status.effective = None),
        (Difference::None, |status| {
            status.effective.as_mut().unwrap().scale_up = None;
        }),
        (Difference::None, |status| {
            status.conditions[0].observed_generation = None;
        }),
        (Difference::Slight, |status| status.metrics[0].proposal = Some(7)),
        (Difference::Slight, |status| {
            status.metrics[0].reason = "MetricAboveTarget".into();
        }),
        (Difference::Slight, |status| {
            status.conditions[0].message = "other words".into();
        }),
        (Difference::Uneventful, |status| status.metrics[0].proposal = None),
        (Difference::Uneventful, |status| {
            status.conditions[1].reason = "ScaleDownStabilized".into();
        }),
        (Difference::Uneventful, |status| {
            status.last_decision.as_mut().unwrap().reason = "ScaleDownStabilized".into();
        }),
        (Difference::Standing, |status| {
            status.conditions[1].reason = "GuardTripped".into();
        }),
        (Difference::Standing, |status| {
            status.conditions[1].reason = "AWordOfAnotherVersion".into();
        }),
        (Difference::Standing, |status| {
            status.conditions[3].status = "True".into();
        }),
        (Difference::Eventful, |status| {
            status.effective.as_mut().unwrap().max_replicas = 9;
        }),
    ];
    for (number, (expected, change)) in changes.into_iter().enumerate() {
        let mut new = stored.clone();
        change(&mut new);
        assert_eq!(difference(&stored, &new), expected, "change {number}");
        assert_eq!(difference(&new, &stored), expected, "change {number} back");
    }
    let changes: [fn(&mut ScalingPolicyStatus); 6] = [
        |status| status.desired_replicas = Some(9),
        |status| status.current_replicas = Some(9),
        |status| status.mode = Some(Mode::Paused),
        |status| status.observed_generation = Some(9),
        |status| status.last_changes = vec![],
        |status| {
            let rules = &mut status.effective.as_mut().unwrap().scale_down;
            rules.as_mut().unwrap().cooldown_seconds = 9;
        },
    ];
    let stored = status(&written(40.0), None);
    for change in changes {
        let mut new = stored.clone();
        change(&mut new);
        assert_eq!(difference(&stored, &new), Difference::Eventful);
    }
}

#[test]
fn a_load_at_the_edge_of_what_one_replica_fewer_could_bear_is_not_told_at_every_decision() {
    // Ten per replica, two replicas: for 9 one would do, if it had been so for long.
    let of = |load: f64| status(&outcome(policy("web"), vec![total(load)]), None);
    let (enough, too_many) = (of(19.0), of(9.0));
    let reasons = [&enough, &too_many].map(|status| status.conditions[1].reason.as_str());
    assert_eq!(reasons, ["Ready", "ScaleDownStabilized"]);
    assert_eq!(enough.desired_replicas, too_many.desired_replicas);
    assert_eq!(difference(&enough, &too_many), Difference::Uneventful);
    assert_eq!(difference(&too_many, &enough), Difference::Uneventful);
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let metrics: Vec<Value> = (0..16)
        .map(|index| json!({"name": format!("m{index}"), "prometheus": {"query": "q", "averageValue": "1500m"}}))
        .collect();
    let fat = with(policy("web"), "/spec/metrics", metrics.into());
    for outcome in [outcome(fat, vec![total(1e12); 16]), written(40.0)] {
        let sent = status(&outcome, None).fitted();
        let text = serde_json::to_string(&sent).unwrap();
        assert!(text.len() <= crate::api::MAX_STATUS_BYTES, "{} bytes", text.len());
        assert_eq!(serde_json::from_str::<ScalingPolicyStatus>(&text).unwrap(), sent);
    }
}

#[test]
fn guards_that_are_not_clear_and_learned_times_are_shown() {
    let guards = json!([
        {"name": "errors", "query": "errors", "above": "0.01", "forSeconds": 0},
        {"name": "lag", "query": "lag", "above": 5},
        {"name": "slow", "query": "slow", "above": 5},
        {"name": "fine", "query": "fine", "above": 5},
    ]);
    let observation = Observation {
        current_replicas: 2,
        pods: vec![Pod::Ready; 2],
        metrics: vec![total(20.0)],
        guards: vec![
            total(0.02),
            Reading::Missing(Missing::TimedOut),
            total(6.0),
            total(1.0),
        ],
        ..Observation::default()
    };
    let mut outcome = outcome_of(with(policy("web"), "/spec/guards", guards), &observation);
    outcome.result.as_mut().unwrap().startup = Some(StartupTimes {
        p50_seconds: 7,
        p95_seconds: 12,
        samples: 9,
    });
    let shown = serde_json::to_value(status(&outcome, None)).unwrap();
    assert_eq!(
        shown["guards"],
        json!([
            {"name": "errors", "value": "0.02", "state": "Tripped"},
            {"name": "lag", "state": "Missing"},
            {"name": "slow", "value": "6", "state": "Pending"},
        ])
    );
    assert_eq!(
        shown["startup"],
        json!({"p50Seconds": 7, "p95Seconds": 12, "samples": 9})
    );
}

#[test]
fn a_guards_value_and_a_learned_time_alone_do_not_hurry_a_status() {
    let guards = json!([{"name": "errors", "query": "errors", "above": "0.01", "forSeconds": 0}]);
    let at = |errors: f64, p95_seconds: u32| {
        let observation = Observation {
            current_replicas: 2,
            pods: vec![Pod::Ready; 2],
            metrics: vec![total(20.0)],
            guards: vec![total(errors)],
            ..Observation::default()
        };
        let mut outcome = outcome_of(with(policy("web"), "/spec/guards", guards.clone()), &observation);
        outcome.result.as_mut().unwrap().startup = Some(StartupTimes {
            p50_seconds: 7,
            p95_seconds,
            samples: 9,
        });
        status(&outcome, None)
    };
    assert_eq!(difference(&at(0.0, 12), &at(0.001, 12)), Difference::None);
    assert_eq!(difference(&at(0.0, 12), &at(0.0, 13)), Difference::Uneventful);
    assert_eq!(difference(&at(0.0, 12), &at(0.02, 12)), Difference::Standing);
}
