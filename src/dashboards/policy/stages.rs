//! The panels of one policy below its metrics: stages, guards, pods and changes. Pure.
use concertina_decision::{GuardState, Missing, Stage};
use serde_json::json;

use super::{SCOPE, of};
use crate::dashboards::panel::{Colour, Form, Panel, Unit, coded, fixed};
use crate::report::metrics::names::{
    POLICY_CHANGES, POLICY_GUARD_STATE, POLICY_PODS, POLICY_STAGE_REPLICAS, POLICY_STARTUP,
};

pub(super) fn stages() -> Vec<Panel> {
    let mut now = Panel::new(
        Form::Table,
        "The number after each stage, now",
        "From what is there (Observe) to what is wanted (Wall). Read downwards: where the number changes, the reason beside it says why. A stage that was passed over has no row.",
    )
    .sized(10, 11)
    .by_series(&[("stage", "stage"), ("Last *", "replicas"), ("reason", "reason")])
    .different("reason", vec![("custom.minWidth", json!(200))]);
    let mut over_time = Panel::new(
        Form::Numbers,
        "The number after each stage, over time",
        "One band for each stage, with the number after it. At the moment in question read downwards: the stage where the number changes made or held the change, and its reason is among all reasons above.",
    )
    .sized(14, 11);
    for stage in Stage::ORDER {
        let series = || SCOPE.series(POLICY_STAGE_REPLICAS).with("stage", stage.as_str());
        now = now.shows(series().per_policy(&["stage", "reason"]), "{{stage}}: {{reason}}");
        over_time = over_time.shows(series().per_policy(&["stage"]), "{{stage}}");
    }
    vec![
        now,
        over_time,
        Panel::new(
            Form::Steps,
            "Stages as lines",
            "Where two lines part, the later stage changed the number: Bounds from Combine is a minimum or maximum, Stabilise from Guard is a window, Wall from Limit is a lack of room.",
        )
        .sized(24, 8)
        .with_names_beside()
        .shows(of(POLICY_STAGE_REPLICAS, &["stage"]), "{{stage}}")
        .coloured("Observe", Colour::Grey)
        .coloured("Wall", Colour::Blue),
    ]
}

/// The states of a guard, in the order of their codes, and their colours.
const GUARD_STATES: [(&str, Colour); 5] = [
    (GuardState::Clear.as_str(), Colour::Green),
    (GuardState::Pending.as_str(), Colour::Yellow),
    (GuardState::Tripped.as_str(), Colour::Red),
    (GuardState::Missing(Missing::NotReadYet).as_str(), Colour::Orange),
    (GuardState::Expired.as_str(), Colour::Grey),
];

pub(super) fn pods() -> Vec<Panel> {
    let states: Vec<&str> = GUARD_STATES.iter().map(|(state, _)| *state).collect();
    let mut guards = Panel::new(
        Form::States,
        "Guards",
        "A tripped or missing guard forbids shrinking until it clears or has done so for its longest time; then it is Expired, and somebody should look.",
    )
    .sized(12, 6)
    .when_empty("the policy has no guard");
    if let Some(coded) = coded(SCOPE, POLICY_GUARD_STATE, "state", &states, &["guard"]) {
        guards = guards.shows(coded, "{{guard}}");
    }
    for (code, (state, colour)) in GUARD_STATES.iter().enumerate() {
        guards = guards.meaning(&code.to_string(), state, *colour);
    }
    vec![
        guards,
        Panel::new(
            Form::Stack,
            "Pods by state",
            "Living pods of the target. Starting ones count nowhere until they are Ready; unready ones were Ready once; crashing ones need their logs read, not more replicas.",
        )
        .sized(12, 6)
        .shows(of(POLICY_PODS, &["state"]), "{{state}}")
        .coloured("ready", Colour::Green)
        .coloured("starting", Colour::LightBlue)
        .coloured("unready", Colour::Orange)
        .coloured("crashing", Colour::Red),
        Panel::new(
            Form::Lines,
            "Start-up time",
            "From the creation of a pod to Ready, as learned from this target. A schedule's minimum begins earlier by the 95th percentile; shorten it, and load is met sooner.",
        )
        .in_unit(Unit::Seconds)
        .shows(SCOPE.series(POLICY_STARTUP).with("quantile", "0.5").per_policy(&[]), "median")
        .shows(SCOPE.series(POLICY_STARTUP).with("quantile", "0.95").per_policy(&[]), "95 %")
        .coloured("median", Colour::Blue)
        .coloured("95 %", Colour::Orange)
        .when_empty("no pod has become Ready yet"),
        Panel::new(
            Form::Bars,
            "Changes",
            "Replica counts that were written, growth above the line and shrinking below. A comb of both is flapping: widen the stabilization window or the tolerance.",
        )
        .sized(8, 8)
        .shows(SCOPE.series(POLICY_CHANGES).increase().sum_by(&["direction"]), "{{direction}}")
        .coloured("up", Colour::Blue)
        .different(
            "down",
            vec![("color", fixed(Colour::LightBlue)), ("custom.transform", json!("negative-Y"))],
        ),
        Panel::new(
            Form::Number,
            "Changes an hour",
            "The mean over the time that is shown. More than a few an hour in both directions: the policy follows noise, so widen its windows or its tolerance.",
        )
        .sized(4, 8)
        .shows(
            SCOPE.series(POLICY_CHANGES).increase_over_all().sum_by(&["direction"]).an_hour(),
            "{{direction}}",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use concertina_decision::Reason;

    use super::*;
    use crate::dashboards::fleet::troubles;

    #[test]
    fn every_state_of_a_guard_has_a_code_of_its_own() {
        let all = [
            GuardState::Clear,
            GuardState::Pending,
            GuardState::Tripped,
            GuardState::Missing(Missing::TimedOut),
            GuardState::Expired,
        ];
        let named: Vec<&str> = GUARD_STATES.iter().map(|(state, _)| *state).collect();
        assert_eq!(named, all.map(|state| state.as_str()));
    }

    #[test]
    fn reasons_that_call_for_somebody_are_there() {
        assert!(troubles().contains(&Reason::GuardTripped.as_str()));
        assert!(!troubles().contains(&Reason::WithinBounds.as_str()));
    }
}
