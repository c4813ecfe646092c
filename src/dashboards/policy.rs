//! The dashboard of one policy: why did it scale then, and why not later. Pure.
use concertina_decision::{GuardState, Missing, Stage};
use serde_json::json;

use super::board::{Annotation, Board, FLEET, POLICY, Row};
use super::fleet::{changes, leader_changes, troubles};
use super::panel::{Colour, Form, Panel, Unit, coded, fixed};
use super::query::{Expression, Scope};
use crate::report::metrics::names::{
    MetricName, POLICY_CHANGES, POLICY_CURRENT_REPLICAS, POLICY_DECISION, POLICY_DESIRED_REPLICAS,
    POLICY_GUARD_STATE, POLICY_MAX_REPLICAS, POLICY_METRIC_AGE, POLICY_METRIC_MISSING,
    POLICY_METRIC_PROPOSAL, POLICY_METRIC_RATIO, POLICY_METRIC_TARGET, POLICY_METRIC_VALUE,
    POLICY_METRICS_MISSING, POLICY_MIN_REPLICAS, POLICY_PODS, POLICY_REASON, POLICY_STAGE_REPLICAS,
    POLICY_STARTUP,
};

const SCOPE: Scope = Scope::Policy;

/// The dashboard.
pub(super) fn board() -> Board {
    Board {
        uid: POLICY,
        title: "Concertina / Policy",
        about: "One ScalingPolicy: what each metric asked for, which stage changed the number, and what held it, at any time.",
        scope: SCOPE,
        rows: vec![
            Row {
                title: "Now",
                panels: now(),
            },
            Row {
                title: "What happened, and why",
                panels: history(),
            },
            Row {
                title: "What the metrics asked for",
                panels: metrics(),
            },
            Row {
                title: "What the stages made of it",
                panels: stages(),
            },
            Row {
                title: "Guards, pods and changes",
                panels: pods(),
            },
        ],
        annotations: vec![
            change("Growth", "up", "More replicas were written", Colour::Blue),
            change(
                "Shrinking",
                "down",
                "Fewer replicas were written",
                Colour::LightBlue,
            ),
            leader_changes(SCOPE),
        ],
        other: ("All policies", FLEET),
    }
}

fn change(name: &'static str, direction: &str, title: &'static str, colour: Colour) -> Annotation {
    Annotation {
        name,
        expression: changes(SCOPE.series(POLICY_CHANGES).with("direction", direction)).that_are(">", 0),
        title,
        colour,
        is_shown: true,
    }
}

fn of(metric: MetricName, labels: &[&'static str]) -> Expression {
    SCOPE.of_policies(metric, labels)
}

/// Bands of reasons: orange where somebody should look.
fn in_colours_of_reasons(panel: Panel) -> Panel {
    panel.coloured_where(format!("/(^|: )({})$/", troubles().join("|")), Colour::Orange)
}

fn now() -> Vec<Panel> {
    let number = |title, about| Panel::new(Form::Number, title, about);
    let name = |title, about| Panel::new(Form::Name, title, about);
    vec![
        name(
            "Why it is as it is",
            "The reason that explains the last decision best. Its meaning, and what to do, is in the page of reasons.",
        )
        .sized(8, 4)
        .in_unit(Unit::Word)
        .shows(of(POLICY_DECISION, &["reason"]), "{{reason}}"),
        number(
            "Replicas",
            "What the target has, and what the last decision wants. They differ while a change is written, in a dry run and while paused.",
        )
        .shows(of(POLICY_CURRENT_REPLICAS, &[]), "current")
        .shows(of(POLICY_DESIRED_REPLICAS, &[]), "desired"),
        number(
            "Bounds in force",
            "The fewest and the most replicas that are allowed now, schedules included. Is the minimum higher than you wrote? A schedule is open, or opens soon.",
        )
        .shows(of(POLICY_MIN_REPLICAS, &[]), "min")
        .shows(of(POLICY_MAX_REPLICAS, &[]), "max"),
        name(
            "Metric that decides",
            "The metric whose proposal was taken: the greatest. To change how many replicas there are, change its target.",
        )
        .in_unit(Unit::Word)
        .shows(SCOPE.series(POLICY_DECISION).with_some("winner").per_policy(&["winner"]), "{{winner}}")
        .when_empty("none"),
        number(
            "Metrics missing",
            "Metrics without a usable value. While there is one the policy may grow by the others and does not shrink.",
        )
        .shows(of(POLICY_METRICS_MISSING, &[]), "metrics")
        .otherwise(Colour::Green)
        .from(1.0, Colour::Orange),
    ]
}

fn history() -> Vec<Panel> {
    let replicas = Panel::new(
        Form::Steps,
        "Replicas",
        "What the target has, within the bounds in force, and what was wanted. Marks show changes that were written. Point at the moment in question: all panels below show the same instant.",
    )
    .sized(24, 9)
    .shows(of(POLICY_MIN_REPLICAS, &[]), "min")
    .shows(of(POLICY_MAX_REPLICAS, &[]), "max")
    .shows(of(POLICY_DESIRED_REPLICAS, &[]), "desired")
    .shows(of(POLICY_CURRENT_REPLICAS, &[]), "current")
    .different("min", bound(None))
    .different("max", bound(Some("min")))
    .different(
        "desired",
        vec![
            ("color", fixed(Colour::Orange)),
            ("custom.lineStyle", json!({"fill": "dash", "dash": [6, 6]})),
        ],
    )
    .coloured("current", Colour::Blue);
    let bands = |title, about| Panel::new(Form::Presence, title, about).sized(24, 6);
    vec![
        replicas,
        in_colours_of_reasons(
            bands(
                "The reason that explains it best",
                "One band for each reason, while it was the one. At a change it says why; between changes it says what held it. Orange calls for somebody to look.",
            )
            .shows(of(POLICY_DECISION, &["reason"]), "{{reason}}"),
        ),
        in_colours_of_reasons(
            bands(
                "All reasons that bear on it",
                "Everything that altered or held the number, from every stage, metric and guard. Two at once often explain what one alone does not.",
            )
            .sized(24, 8)
            .shows(of(POLICY_REASON, &["reason"]), "{{reason}}")
            .when_empty("nothing altered or held it"),
        ),
        bands(
            "The metric that decided",
            "One band for each metric while its proposal was the one that was taken. A winner that you did not expect has a target that is too low, or a real bottleneck.",
        )
        .sized(16, 5)
        .shows(SCOPE.series(POLICY_DECISION).with_some("winner").per_policy(&["winner"]), "{{winner}}")
        .when_empty("no metric could decide"),
        bands(
            "Mode",
            "Auto writes, DryRun only recommends, Paused leaves the target alone. Nothing was written? Look here first.",
        )
        .sized(8, 5)
        .shows(of(POLICY_DECISION, &["mode"]), "{{mode}}")
        .coloured("DryRun", Colour::Grey)
        .coloured("Paused", Colour::Yellow),
    ]
}

/// How a floor or a ceiling is drawn, with the area down to another series.
fn bound(down_to: Option<&str>) -> Vec<(&'static str, serde_json::Value)> {
    let mut properties = vec![
        ("color", fixed(Colour::Grey)),
        ("custom.lineWidth", json!(1)),
        ("custom.lineStyle", json!({"fill": "dot", "dash": [2, 4]})),
    ];
    if let Some(name) = down_to {
        properties.push(("custom.fillBelowTo", json!(name)));
        properties.push(("custom.fillOpacity", json!(8)));
    }
    properties
}

fn metrics() -> Vec<Panel> {
    let metric = "{{metric}}";
    let by_metric = |name| of(name, &["metric"]);
    // Only the metric that is named the winner at that time.
    let winner = SCOPE
        .series(POLICY_DECISION)
        .with_some("winner")
        .now()
        .copying("winner", "metric");
    let taken =
        by_metric(POLICY_METRIC_PROPOSAL).where_also(&["cluster", "namespace", "policy", "metric"], winner);
    vec![
        Panel::new(
            Form::Lines,
            "Value over target",
            "Above the line a metric asks for more replicas, below it for fewer; close to it, within the tolerance, for none. The highest decides.",
        )
        .in_unit(Unit::Ratio)
        .shows(by_metric(POLICY_METRIC_RATIO), metric)
        .with_line_at(1.0, Colour::Orange)
        .when_empty("no metric has a value"),
        Panel::new(
            Form::Steps,
            "Proposals",
            "Replicas that each metric asks for, and in bold the one that was taken. What became of it is in the stages below.",
        )
        .shows(by_metric(POLICY_METRIC_PROPOSAL), metric)
        .shows(taken.max_by(&["cluster", "namespace", "policy"]), "taken")
        .different("taken", vec![("color", fixed(Colour::Blue)), ("custom.lineWidth", json!(4))])
        .when_empty("no metric could propose"),
        Panel::new(
            Form::Table,
            "Metrics now",
            "Value and target in the metric's own unit, utilization as a ratio: 0.7 is 70 %. A missing metric has its reason here and no value.",
        )
        .sized(24, 6)
        .in_unit(Unit::Own)
        .shows(by_metric(POLICY_METRIC_TARGET), "")
        .shows(by_metric(POLICY_METRIC_VALUE), "")
        .shows(by_metric(POLICY_METRIC_RATIO), "")
        .shows(by_metric(POLICY_METRIC_PROPOSAL), "")
        .shows(by_metric(POLICY_METRIC_AGE), "")
        .shows(of(POLICY_METRIC_MISSING, &["metric", "reason"]), "")
        .merged(&[
            ("metric", "metric"),
            ("Value #B", "value"),
            ("Value #A", "target"),
            ("Value #C", "value over target"),
            ("Value #D", "proposal"),
            ("Value #E", "age"),
            ("reason", "missing because"),
        ])
        .different("value over target", vec![("unit", json!(Unit::Ratio.as_str()))])
        .different("proposal", vec![("unit", json!(Unit::Count.as_str()))])
        .different("age", vec![("unit", json!(Unit::Seconds.as_str()))])
        .when_empty("-"),
        Panel::new(
            Form::Lines,
            "Values",
            "What was measured, each in its own unit: use the legend to show one. A line that ends is a metric that went missing.",
        )
        .in_unit(Unit::Own)
        .sized(8, 8)
        .shows(by_metric(POLICY_METRIC_VALUE), metric)
        .when_empty("no metric has a value"),
        Panel::new(
            Form::Lines,
            "Age of the metrics",
            "Age of the oldest sample that counted. Beyond the metric's maximum age it is missing. A saw's teeth are the scrape interval; a slope is a scrape that stopped.",
        )
        .in_unit(Unit::Seconds)
        .sized(8, 8)
        .shows(by_metric(POLICY_METRIC_AGE), metric)
        .when_empty("no age is known"),
        Panel::new(
            Form::Presence,
            "Metrics missing, and why",
            "One band for each metric and reason while it had no usable value. While there is any, the policy does not shrink.",
        )
        .sized(8, 8)
        .otherwise(Colour::Orange)
        .shows(of(POLICY_METRIC_MISSING, &["metric", "reason"]), "{{metric}}: {{reason}}")
        .when_empty("none was missing"),
    ]
}

fn stages() -> Vec<Panel> {
    let mut table = Panel::new(
        Form::Table,
        "The number after each stage, now",
        "From what is there (Observe) to what is wanted (Wall). Read downwards: where the number changes, the reason beside it says why. A stage that was passed over has no row.",
    )
    .sized(10, 11)
    .by_series(&[("stage", "stage"), ("Last *", "replicas"), ("reason", "reason")])
    .different("reason", vec![("custom.minWidth", json!(200))]);
    for stage in Stage::ORDER {
        let series = SCOPE.series(POLICY_STAGE_REPLICAS).with("stage", stage.as_str());
        table = table.shows(series.per_policy(&["stage", "reason"]), "{{stage}}: {{reason}}");
    }
    vec![
        table,
        in_colours_of_reasons(
            Panel::new(
                Form::States,
                "The number after each stage, over time",
                "One band for each stage and reason, with the number in it. At the moment in question, read downwards in the order of the table.",
            )
            .sized(14, 11)
            .shows(of(POLICY_STAGE_REPLICAS, &["stage", "reason"]), "{{stage}}: {{reason}}"),
        ),
        Panel::new(
            Form::Steps,
            "Stages as lines",
            "Where two lines part, the later stage changed the number: Bounds from Combine is a minimum or maximum, Stabilise from Guard is a window, Wall from Limit is a lack of room.",
        )
        .sized(24, 8)
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

fn pods() -> Vec<Panel> {
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
            "Changes an hour",
            "How often replicas were written, in half hours, growth above the line and shrinking below. Many of both: widen the stabilization window or the tolerance.",
        )
        .in_unit(Unit::Own)
        .shows(
            SCOPE.series(POLICY_CHANGES).rate().sum_by(&["direction"]).times(3600),
            "{{direction}}",
        )
        .at_least_every("30m")
        .coloured("up", Colour::Blue)
        .different(
            "down",
            vec![("color", fixed(Colour::LightBlue)), ("custom.transform", json!("negative-Y"))],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use concertina_decision::Reason;

    use super::*;

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
