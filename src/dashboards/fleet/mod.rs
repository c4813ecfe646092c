//! The dashboard of all policies and of the controller: who needs a look, and why. Pure.
use concertina_decision::Reason;
use serde_json::{Value, json};

use super::board::{Annotation, Board, FLEET, POLICY, Row, to_policy};
use super::panel::{Colour, Form, Panel, Unit, fixed};
use super::query::{CONTROLLER, Expression, INSTALLATION, Scope, Series};
use crate::report::metrics::names::{
    DECISIONS, LEADER, MetricName, POLICIES, POLICY_CHANGES, POLICY_CURRENT_REPLICAS, POLICY_DECISION,
    POLICY_DESIRED_REPLICAS, POLICY_LAST_CHANGE, POLICY_MAX_REPLICAS, POLICY_METRICS_MISSING,
    POLICY_MIN_REPLICAS, POLICY_PODS, POLICY_REASON,
};

mod controller;

const SCOPE: Scope = Scope::Fleet;
/// A policy wants more than its maximum, or a schedule's, allows.
const HELD_AT_MAXIMUM: [&str; 2] = [Reason::AtMaximum.as_str(), Reason::ScheduledMaximum.as_str()];
/// What the cluster has no room for.
const WALLS: [&str; 2] = [Reason::QuotaExceeded.as_str(), Reason::UnschedulablePods.as_str()];

/// The dashboard.
pub(super) fn board() -> Board {
    Board {
        uid: FLEET,
        title: "Concertina / Fleet",
        about: "All ScalingPolicies at a glance, and the controller that decides them. Click a policy to see why it is as it is.",
        scope: SCOPE,
        rows: vec![
            Row {
                title: "What needs a look",
                panels: at_a_glance(),
            },
            Row {
                title: "Policies",
                panels: policies(),
            },
            Row {
                title: "Decisions",
                panels: decisions(),
            },
            Row {
                title: "Prometheus",
                panels: controller::prometheus(),
            },
            Row {
                title: "The loop and its writes",
                panels: controller::the_loop(),
            },
            Row {
                title: "The controller",
                panels: controller::controller(),
            },
        ],
        annotations: vec![
            leader_changes(SCOPE),
            Annotation {
                name: "Changes of replicas",
                expression: changed_at(SCOPE.series(POLICY_LAST_CHANGE)),
                has_times: true,
                title: "{{namespace}}/{{policy}} {{direction}}: {{reason}}",
                colour: Colour::Blue,
                is_shown: false, // too many in a fleet; a click shows them
            },
        ],
        other: ("One policy", POLICY),
    }
}

/// A mark where a controller began to lead, or ceased to.
pub(super) fn leader_changes(scope: Scope) -> Annotation {
    Annotation {
        name: "Changes of leader",
        expression: scope
            .series(LEADER)
            .changes()
            .max_by(&["cluster"])
            .that_are(">", 0),
        has_times: false,
        title: "A controller began to lead, or ceased to",
        colour: Colour::Orange,
        is_shown: true,
    }
}

/// When policies were changed, whoever did it, in milliseconds since 1970. The metric that won is not among the labels: a controller
/// that takes over does not know that of a change before, and one change is one mark.
pub(super) fn changed_at(series: Series) -> Expression {
    series.per_policy(&["direction", "reason"]).times(1000)
}

/// Reasons that somebody should look at.
pub(super) fn troubles() -> Vec<&'static str> {
    let troubles = Reason::ALL.iter().filter(|reason| reason.is_trouble());
    troubles.map(|reason| reason.as_str()).collect()
}

fn of_policies(metric: MetricName) -> Expression {
    SCOPE.of_policies(metric, &[])
}

fn reasons(choose: impl FnOnce(Series) -> Series) -> Expression {
    choose(SCOPE.series(POLICY_REASON)).per_policy(&["reason"])
}

/// How many policies have a reason of this choice.
fn policies_with(choose: impl FnOnce(Series) -> Series) -> Expression {
    choose(SCOPE.series(POLICY_REASON)).per_policy(&[]).count_by(&[])
}

fn at_a_glance() -> Vec<Panel> {
    let number = |title, about| Panel::new(Form::Number, title, about);
    vec![
        number(
            "Policies",
            "Policies that are watched, in all namespaces. Fewer than you applied: look at the log for objects that cannot be read.",
        )
        .shows(SCOPE.series(POLICIES).now().max_by(&INSTALLATION).sum_by(&[]), "policies"),
        number(
            "In trouble",
            "Policies with a reason that somebody should look at. Which ones, and why, is in the table and in \"Trouble by reason\".",
        )
        .shows(policies_with(|all| all.with_any("reason", &troubles())).or_zero(), "policies")
        .otherwise(Colour::Green)
        .from(1.0, Colour::Orange),
        number(
            "Held at the maximum",
            "Policies that want more replicas than they may have. If this lasts, raise maxReplicas or make a replica do more.",
        )
        .shows(policies_with(|all| all.with_any("reason", &HELD_AT_MAXIMUM)).or_zero(), "policies")
        .otherwise(Colour::Green)
        .from(1.0, Colour::Orange),
        number(
            "Metrics missing",
            "Policies with at least one metric without a usable value: such a policy does not shrink. Its own page says which metric and why.",
        )
        .shows(
            of_policies(POLICY_METRICS_MISSING).that_are(">", 0).count_by(&[]).or_zero(),
            "policies",
        )
        .otherwise(Colour::Green)
        .from(1.0, Colour::Orange),
        number(
            "Changes up and down",
            "Replica counts that were written in the time that is shown. Many of both for few policies is flapping: widen their stabilization windows.",
        )
        .shows(SCOPE.series(POLICY_CHANGES).increase_over_all().sum_by(&["direction"]), "{{direction}}"),
        number(
            "Controllers that lead",
            "One in each installation. None: nobody scales, look at the Lease and the logs. More than one for longer than a scrape: they do not share a Lease.",
        )
        .shows(SCOPE.series(LEADER).now().sum_by(&INSTALLATION), "leaders {{cluster}} {{namespace}}")
        .otherwise(Colour::Red)
        .from(1.0, Colour::Green)
        .from(2.0, Colour::Red),
    ]
}

fn policies() -> Vec<Panel> {
    let mut table = Panel::new(
        Form::Table,
        "Policies now",
        "What each policy has, wants and may have, and why; those with most trouble come first. Orange calls for somebody to look. Click a policy for its own page.",
    )
    .sized(24, 11)
    .shows(SCOPE.of_policies(POLICY_DECISION, &["mode", "reason", "winner"]), "")
    .shows(of_policies(POLICY_CURRENT_REPLICAS), "")
    .shows(of_policies(POLICY_DESIRED_REPLICAS), "")
    .shows(of_policies(POLICY_MIN_REPLICAS), "")
    .shows(of_policies(POLICY_MAX_REPLICAS), "")
    .shows(of_policies(POLICY_METRICS_MISSING), "")
    .shows(
        reasons(|all| all.with_any("reason", &troubles())).count_by(&["cluster", "namespace", "policy"]),
        "",
    )
    .merged(&[
        ("cluster", "cluster"),
        ("namespace", "namespace"),
        ("policy", "policy"),
        ("mode", "mode"),
        ("Value #B", "current"),
        ("Value #C", "desired"),
        ("Value #D", "min"),
        ("Value #E", "max"),
        ("reason", "reason"),
        ("winner", "winner"),
        ("Value #F", "missing"),
        ("Value #G", "troubles"),
    ])
    .greatest_first("troubles")
    .when_empty("-")
    .different("policy", vec![("links", json!([to_policy("__data.fields")]))])
    .different("reason", text_in_colour())
    .different("missing", orange_from_one())
    .different("troubles", orange_from_one());
    for reason in troubles() {
        table = table.meaning(reason, reason, Colour::Orange);
    }
    let replicas = Panel::new(
        Form::Steps,
        "Replicas of the fleet",
        "The sums over all policies that are shown. The distance to the maximum is what could still come: see that the cluster has room for it.",
    )
    .shows(of_policies(POLICY_CURRENT_REPLICAS).sum_by(&[]), "current")
    .shows(of_policies(POLICY_DESIRED_REPLICAS).sum_by(&[]), "desired")
    .shows(of_policies(POLICY_MAX_REPLICAS).sum_by(&[]), "maximum")
    .coloured("current", Colour::Blue)
    .coloured("desired", Colour::LightBlue)
    .coloured("maximum", Colour::Grey);
    let changes = Panel::new(
        Form::Bars,
        "Changes",
        "Replica counts that were written, growth above the line and shrinking below. A comb of both means flapping.",
    )
    .shows(SCOPE.series(POLICY_CHANGES).increase().sum_by(&["direction"]), "{{direction}}")
    .coloured("up", Colour::Blue)
    .different(
        "down",
        vec![
            ("color", fixed(Colour::LightBlue)),
            ("custom.transform", json!("negative-Y")),
        ],
    );
    vec![table, replicas, changes]
}

/// A cell whose text has the colour of what it says.
fn text_in_colour() -> Vec<(&'static str, Value)> {
    vec![
        ("custom.cellOptions", json!({"type": "color-text"})),
        ("custom.minWidth", json!(180)),
        (
            "thresholds",
            json!({"mode": "absolute", "steps": [{"value": null, "color": "text"}]}),
        ),
    ]
}

fn orange_from_one() -> Vec<(&'static str, Value)> {
    let steps = json!([{"value": null, "color": "text"}, {"value": 1, "color": Colour::Orange.as_str()}]);
    vec![
        ("custom.cellOptions", json!({"type": "color-text"})),
        ("thresholds", json!({"mode": "absolute", "steps": steps})),
    ]
}

fn decisions() -> Vec<Panel> {
    let stacked = |title, about| Panel::new(Form::Stack, title, about).with_names_beside();
    vec![
        stacked(
            "Trouble by reason",
            "Policies with each reason that somebody should look at. The page of reasons says what to do about each.",
        )
        .shows(reasons(|all| all.with_any("reason", &troubles())).count_by(&["reason"]), "{{reason}}")
        .when_empty("no trouble")
        .in_shades_of(Colour::Orange),
        stacked(
            "What holds or limits policies",
            "Policies by what kept them from following their metrics at once: windows, cooldowns, limits, bounds. That is their work; a reason that grows and stays deserves a look at its setting.",
        )
        .shows(reasons(|all| all.with_none("reason", &troubles())).count_by(&["reason"]), "{{reason}}")
        .when_empty("nothing is held")
        .in_shades_of(Colour::Blue),
        stacked(
            "Capacity walls",
            "Policies whose pods a ResourceQuota refuses, or that find no node. Raise the quota or add nodes; a wall beside a policy at its maximum is real need.",
        )
        .shows(
            reasons(|all| all.with_any("reason", &WALLS)).count_by(&["namespace", "reason"]),
            "{{namespace}}: {{reason}}",
        )
        .when_empty("no wall")
        .in_shades_of(Colour::Orange),
        stacked(
            "Crashing pods",
            "Living pods whose containers end again and again. More replicas do not help: look at their logs. Click a series for its policy.",
        )
        .shows(
            SCOPE.series(POLICY_PODS).with("state", "crashing").per_policy(&[]).that_are(">", 0),
            "{{namespace}}/{{policy}}",
        )
        .when_empty("no pod crashes")
        .in_shades_of(Colour::Red)
        .leading_to(to_policy("__field.labels")),
        Panel::new(
            Form::Stack,
            "Decisions by reason",
            "Decisions a second by the reason that explains them best. Most should say that all is well; a new reason that takes over is worth a look.",
        )
        .sized(24, 9)
        .with_names_beside()
        .in_unit(Unit::PerSecond)
        .shows(
            SCOPE
                .series(DECISIONS)
                .rate()
                // A standby decides the same, and counts it too.
                .where_also(&CONTROLLER, SCOPE.series(LEADER).now().that_are("==", 1))
                .sum_by(&["reason"])
                .that_are(">", 0),
            "{{reason}}",
        )
        .in_shades_of(Colour::Blue)
        .coloured_where(format!("/^({})$/", troubles().join("|")), Colour::Orange),
    ]
}
