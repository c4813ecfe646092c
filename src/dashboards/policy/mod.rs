//! The dashboard of one policy: why did it scale then, and why not later. Pure.
use serde_json::json;

use super::board::{Annotation, Board, FLEET, POLICY, Row};
use super::fleet::{changed_at, leader_changes, troubles};
use super::panel::{Colour, Form, Panel, Unit, fixed};
use super::query::{Expression, Scope};
use crate::report::metrics::names::{
    MetricName, POLICY_CURRENT_REPLICAS, POLICY_DECISION, POLICY_DESIRED_REPLICAS, POLICY_LAST_CHANGE,
    POLICY_MAX_REPLICAS, POLICY_METRIC_AGE, POLICY_METRIC_MISSING, POLICY_METRIC_PROPOSAL,
    POLICY_METRIC_RATIO, POLICY_METRIC_TARGET, POLICY_METRIC_VALUE, POLICY_METRICS_MISSING,
    POLICY_MIN_REPLICAS, POLICY_REASON,
};

mod stages;

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
                panels: stages::stages(),
            },
            Row {
                title: "Guards, pods and changes",
                panels: stages::pods(),
            },
        ],
        annotations: vec![
            change("Growth", "up", "More replicas: {{reason}}", Colour::Blue),
            change(
                "Shrinking",
                "down",
                "Fewer replicas: {{reason}}",
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
        expression: changed_at(SCOPE.series(POLICY_LAST_CHANGE).with("direction", direction)),
        has_times: true,
        title,
        colour,
        is_shown: true,
    }
}

fn of(metric: MetricName, labels: &[&'static str]) -> Expression {
    SCOPE.of_policies(metric, labels)
}

/// The metric whose proposal was taken, or `none`.
fn winner_or_none() -> Expression {
    let decisions = || SCOPE.series(POLICY_DECISION);
    let none = decisions()
        .without("winner")
        .per_policy(&["winner"])
        .saying("winner", "none");
    decisions().with_some("winner").per_policy(&["winner"]).or(none)
}

/// Bands of reasons: orange where somebody should look.
fn in_colours_of_reasons(panel: Panel) -> Panel {
    panel.coloured_where(format!("/(^|: )({})$/", troubles().join("|")), Colour::Orange)
}

fn now() -> Vec<Panel> {
    let number = |title, about| Panel::new(Form::Number, title, about);
    let name = |title, about| Panel::new(Form::Name, title, about);
    vec![
        in_colours_of_reasons(name(
            "Why it is as it is",
            "The reason that explains the last decision best. Its meaning, and what to do, is in the page of reasons.",
        )
        .sized(8, 4)
        .in_unit(Unit::Word)
        .shows(of(POLICY_DECISION, &["reason"]), "{{reason}}")),
        number(
            "Replicas now",
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
        .shows(winner_or_none(), "{{winner}}")
        .coloured("none", Colour::Grey),
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
        "What the target has, within the bounds in force, and what was wanted. A mark is where the replicas were changed, and says why. Point at the moment in question: all panels below show the same instant.",
    )
    .sized(24, 9)
    .with_names_beside()
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
            .shows(of(POLICY_REASON, &["reason"]), "{{reason}}")
            .when_empty("nothing altered or held it"),
        ),
        bands(
            "The metric that decided",
            "One band for each metric while its proposal was the one that was taken. A winner that you did not expect has a target that is too low, or a real bottleneck.",
        )
        .sized(16, 5)
        .shows(winner_or_none(), "{{winner}}")
        .coloured("none", Colour::Grey),
        bands(
            "Mode",
            "Auto writes, DryRun only recommends, Paused leaves the target alone, Unknown is a policy that cannot be read. Nothing was written? Look here first.",
        )
        .sized(8, 5)
        .shows(of(POLICY_DECISION, &["mode"]), "{{mode}}")
        .coloured("DryRun", Colour::Grey)
        .coloured("Paused", Colour::Yellow)
        .coloured("Unknown", Colour::Red),
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
