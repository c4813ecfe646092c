use concertina_decision::{Missing, Reading};

use super::*;
use crate::fixtures::{outcome, policy, total, with};
use crate::report::events::troubles;

/// The conditions as `True Reason`, in their order: Ready, AbleToScale, ScalingActive, ScalingLimited.
fn conditions(outcome: &Outcome) -> [String; 4] {
    let findings = findings(outcome, &troubles(outcome));
    assert_eq!(
        findings.each_ref().map(|finding| finding.kind),
        ["Ready", "AbleToScale", "ScalingActive", "ScalingLimited"]
    );
    findings.map(|finding| {
        assert!(!finding.message.is_empty());
        format!(
            "{} {}",
            if finding.holds { "True" } else { "False" },
            finding.reason
        )
    })
}

fn decided(load: f64, effect: Effect, mode: Mode) -> Outcome {
    let mut outcome = outcome(policy("web"), vec![total(load)]);
    outcome.mode = Some(mode);
    if let Ok(decided) = &mut outcome.result {
        decided.effect = effect;
    }
    outcome
}

#[test]
fn effect_and_mode_decide_whether_the_policy_is_able_to_scale() {
    for (effect, mode, ready, able, active) in [
        (
            Effect::Written,
            Mode::Auto,
            "True Ready",
            "True Ready",
            "True Ready",
        ),
        (Effect::None, Mode::Auto, "True Ready", "True Ready", "True Ready"),
        (
            Effect::Conflict("x".into()),
            Mode::Auto,
            "True Ready",
            "True Ready",
            "True Ready",
        ),
        (
            Effect::Withheld,
            Mode::DryRun,
            "True DryRun",
            "False DryRun",
            "True Ready",
        ),
        (
            Effect::Withheld,
            Mode::Paused,
            "True Paused",
            "False Paused",
            "False Paused",
        ),
        (
            Effect::Failed("x".into()),
            Mode::Auto,
            "False PatchFailed",
            "False PatchFailed",
            "True Ready",
        ),
        (
            Effect::NotOwner("shop/old".into()),
            Mode::Auto,
            "False TargetOwnedByOther",
            "False TargetOwnedByOther",
            "True Ready",
        ),
    ] {
        let found = conditions(&decided(40.0, effect.clone(), mode));
        assert_eq!(
            found,
            [ready, able, active, "False WithinBounds"],
            "{effect:?} {mode:?}"
        );
    }
}

#[test]
fn bounds_show_as_limited() {
    let limited = |load| conditions(&decided(load, Effect::None, Mode::Auto))[3].clone();
    assert_eq!(limited(20.0), "False WithinBounds");
    assert_eq!(limited(1000.0), "True AtMaximum");
}

#[test]
fn what_holds_a_wanted_change_back_shows_as_able() {
    let mut falling = outcome(policy("web"), vec![total(1.0)]);
    assert_eq!(conditions(&falling)[1], "True ScaleDownStabilized");
    falling.mode = Some(Mode::DryRun);
    assert_eq!(conditions(&falling)[1], "False DryRun");
}

#[test]
fn a_missing_metric_makes_the_policy_unready_and_inactive() {
    let outcome = outcome(policy("web"), vec![Reading::Missing(Missing::TimedOut)]);
    assert_eq!(
        conditions(&outcome),
        [
            "False PrometheusTimeout",
            "True Ready",
            "False MetricsMissing",
            "False WithinBounds"
        ]
    );
    let findings = findings(&outcome, &troubles(&outcome));
    assert_eq!(
        findings[0].message,
        "metric load: Prometheus did not answer in time"
    );
}

#[test]
fn why_there_is_no_decision_is_in_all_conditions_but_the_last() {
    let mut none = outcome(
        with(policy("web"), "/spec/maxReplicas", 5.into()),
        vec![total(1.0)],
    );
    for (reason, ready) in [
        (Reason::TargetNotFound, "False TargetNotFound"),
        (Reason::Evaluating, "False Evaluating"),
    ] {
        none.result = Err(Trouble {
            reason,
            message: "words".into(),
        });
        assert_eq!(conditions(&none), [ready, ready, ready, "False WithinBounds"]);
    }
}
