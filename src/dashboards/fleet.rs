//! The dashboard of all policies and of the controller: who needs a look, is Prometheus quick enough, is the loop in time,
//! what does it cost. Pure.
use concertina_decision::Reason;
use serde_json::{Value, json};

use super::board::{Annotation, Board, FLEET, POLICY, Row, to_policy};
use super::panel::{Colour, Form, Panel, Unit};
use super::query::{CONTROLLER, Expression, Scope, Series};
use crate::report::metrics::names::{
    self, BUILD, CPU_SECONDS, DECISIONS, EVALUATION_GAP, EVALUATIONS, EVALUATIONS_LATE, EVENTS_DROPPED,
    FAILOVERS, LEADER, LEASE_TRANSITIONS, MetricName, NEWEST_SAMPLE_AGE, POLICIES, POLICY_CHANGES,
    POLICY_CURRENT_REPLICAS, POLICY_DECISION, POLICY_DESIRED_REPLICAS, POLICY_MAX_REPLICAS,
    POLICY_METRICS_MISSING, POLICY_MIN_REPLICAS, POLICY_PODS, POLICY_REASON, QUERIES, QUERY_DURATION,
    RATE_WINDOW, RESIDENT_MEMORY, RESPONSE_BYTES, SCALE_WRITE_DURATION, SCALE_WRITES, SCRAPE_INTERVAL,
    SERIES_DECODED, START_TIME, STATUS_WRITES, TICK_DURATION,
};

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
                panels: prometheus(),
            },
            Row {
                title: "The loop and its writes",
                panels: the_loop(),
            },
            Row {
                title: "The controller",
                panels: controller(),
            },
        ],
        annotations: vec![
            leader_changes(SCOPE),
            Annotation {
                name: "Changes of replicas",
                expression: changes(SCOPE.series(POLICY_CHANGES)).that_are(">", 0),
                title: "{{namespace}}/{{policy}} {{direction}}",
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
        title: "A controller began to lead, or ceased to",
        colour: Colour::Orange,
        is_shown: true,
    }
}

/// Changes of each policy and direction from one point to the next, whoever wrote them.
pub(super) fn changes(series: Series) -> Expression {
    series
        .increase()
        .sum_by(&["cluster", "namespace", "policy", "direction"])
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
        .shows(SCOPE.series(POLICIES).now().max_by(&["cluster"]).sum_by(&[]), "policies"),
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
            "One in each cluster. None: nobody scales, look at the Lease and the logs. More than one for longer than a scrape: they do not share a Lease.",
        )
        .shows(SCOPE.series(LEADER).now().sum_by(&["cluster"]), "leaders {{cluster}}")
        .otherwise(Colour::Red)
        .from(1.0, Colour::Green)
        .from(2.0, Colour::Red),
    ]
}

fn policies() -> Vec<Panel> {
    let mut table = Panel::new(
        Form::Table,
        "Policies now",
        "What each policy has, wants and may have, and why. Orange reasons call for somebody to look. Click a policy for its own page.",
    )
    .sized(24, 11)
    .shows(SCOPE.of_policies(POLICY_DECISION, &["mode", "reason", "winner"]), "")
    .shows(of_policies(POLICY_CURRENT_REPLICAS), "")
    .shows(of_policies(POLICY_DESIRED_REPLICAS), "")
    .shows(of_policies(POLICY_MIN_REPLICAS), "")
    .shows(of_policies(POLICY_MAX_REPLICAS), "")
    .shows(of_policies(POLICY_METRICS_MISSING), "")
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
    ])
    .sorted_by("namespace")
    .when_empty("-")
    .different("policy", vec![("links", json!([to_policy("__data.fields")]))])
    .different("reason", text_in_colour())
    .different(
        "missing",
        vec![
            ("custom.cellOptions", json!({"type": "color-text"})),
            ("thresholds", steps(Colour::Green, 1, Colour::Orange)),
        ],
    );
    for reason in troubles() {
        table = table.meaning(reason, reason, Colour::Orange);
    }
    let replicas = Panel::new(
        Form::Steps,
        "Replicas of the fleet",
        "The sums over all policies that are shown. The distance to the maximum is what could still come: does the cluster have room for it?",
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
            ("color", super::panel::fixed(Colour::LightBlue)),
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

fn steps(below: Colour, from: u32, above: Colour) -> Value {
    json!({
        "mode": "absolute",
        "steps": [{"value": null, "color": below.as_str()}, {"value": from, "color": above.as_str()}],
    })
}

fn decisions() -> Vec<Panel> {
    let lines = |title, about| Panel::new(Form::Steps, title, about);
    vec![
        lines(
            "Trouble by reason",
            "Policies with each reason that somebody should look at. The page of reasons says what to do about each.",
        )
        .shows(reasons(|all| all.with_any("reason", &troubles())).count_by(&["reason"]), "{{reason}}")
        .when_empty("no trouble"),
        lines(
            "What holds or limits policies",
            "Policies by what kept them from following their metrics at once: windows, cooldowns, limits, bounds. That is their work; a reason that grows and stays deserves a look at its setting.",
        )
        .shows(reasons(|all| all.with_none("reason", &troubles())).count_by(&["reason"]), "{{reason}}")
        .when_empty("nothing is held"),
        lines(
            "Capacity walls",
            "Policies whose pods a ResourceQuota refuses, or that find no node. Raise the quota or add nodes; a wall beside a policy at its maximum is real need.",
        )
        .shows(
            reasons(|all| all.with_any("reason", &WALLS)).count_by(&["namespace", "reason"]),
            "{{namespace}}: {{reason}}",
        )
        .when_empty("no wall"),
        lines(
            "Crashing pods",
            "Living pods whose containers end again and again. More replicas do not help: look at their logs. Click a series for its policy.",
        )
        .shows(
            SCOPE.series(POLICY_PODS).with("state", "crashing").per_policy(&[]).that_are(">", 0),
            "{{namespace}}/{{policy}}",
        )
        .when_empty("no pod crashes")
        .leading_to(to_policy("__field.labels")),
        Panel::new(
            Form::Stack,
            "Decisions by reason",
            "Decisions a second by the reason that explains them best. Most should say that all is well; a new reason that takes over is worth a look.",
        )
        .sized(24, 9)
        .in_unit(Unit::PerSecond)
        .shows(
            SCOPE.series(DECISIONS).rate().sum_by(&["reason"]).that_are(">", 0),
            "{{reason}}",
        ),
    ]
}

fn prometheus() -> Vec<Panel> {
    let third = |title, about| Panel::new(Form::Lines, title, about).sized(8, 8);
    vec![
        third(
            "Queries by result",
            "Anything but ok means metrics that are missing soon. timeout: the server is slow. rejected: a query or credentials are wrong, the log names them.",
        )
        .in_unit(Unit::PerSecond)
        .shows(SCOPE.series(QUERIES).rate().sum_by(&["server", "result"]), "{{server}}: {{result}}")
        .shows(
            SCOPE.series(FAILOVERS).rate().sum_by(&["server"]).that_are(">", 0),
            "{{server}}: another URL answered",
        )
        .coloured_where("/: (unreachable|timeout|rejected|undecodable)$/".into(), Colour::Red)
        .coloured_where("/: (still_asking|another URL answered)$/".into(), Colour::Orange),
        third(
            "Time of a query",
            "From sending to having decoded the answer. It must stay well below the period of the policies; else look at Prometheus, or at wide queries of your own.",
        )
        .in_unit(Unit::Seconds)
        .shows(SCOPE.series(QUERY_DURATION).quantile(0.5, &["server"]), "{{server}} median")
        .shows(SCOPE.series(QUERY_DURATION).quantile(0.99, &["server"]), "{{server}} 99 %"),
        third(
            "Age of the newest sample",
            "How old the newest sample was in the last answer to each kind of query. More than two scrape intervals: the scrape of these series fails or is slow.",
        )
        .in_unit(Unit::Seconds)
        .shows(
            SCOPE.series(NEWEST_SAMPLE_AGE).now().max_by(&["server", "kind"]),
            "{{server}}: {{kind}}",
        ),
        third(
            "Series read",
            "Series a second in answers. It grows with pods, not with policies; a jump is a new query of somebody's own.",
        )
        .in_unit(Unit::Own)
        .shows(SCOPE.series(SERIES_DECODED).rate().sum_by(&["server"]), "{{server}}"),
        third(
            "Bytes read",
            "Bytes a second in answers, as decoded: what the questions cost the network and Prometheus.",
        )
        .in_unit(Unit::BytesPerSecond)
        .shows(SCOPE.series(RESPONSE_BYTES).rate().sum_by(&["server"]), "{{server}}"),
        third(
            "Scrape intervals and windows",
            "How often the series behind rates are scraped, as measured, and the window of those rates. A metric cannot be acted on sooner than it is scraped.",
        )
        .in_unit(Unit::Seconds)
        .shows(
            SCOPE.series(SCRAPE_INTERVAL).now().max_by(&["server", "of"]),
            "{{server}}: {{of}} scraped every",
        )
        .shows(SCOPE.series(RATE_WINDOW).now().max_by(&["server", "of"]), "{{server}}: {{of}} window")
        .when_empty("no policy has a rate"),
    ]
}

fn the_loop() -> Vec<Panel> {
    let third = |title, about| Panel::new(Form::Lines, title, about).sized(8, 8);
    let late = SCOPE.series(EVALUATIONS_LATE).rate().sum_by(&[]);
    vec![
        third(
            "Time between evaluations of a policy",
            "The median is about the period of most policies; 99 of 100 gaps should be no longer than the longest period. Above it, policies wait: see late evaluations.",
        )
        .in_unit(Unit::Seconds)
        .shows(SCOPE.series(EVALUATION_GAP).quantile(0.5, &[]), "median")
        .shows(SCOPE.series(EVALUATION_GAP).quantile(0.99, &[]), "99 %"),
        third(
            "Late evaluations",
            "The part of all evaluations that came later than their period asks for. Above one in a hundred: the time of queries and of ticks says what is slow.",
        )
        .in_unit(Unit::Ratio)
        .shows(late.over(SCOPE.series(EVALUATIONS).rate().sum_by(&[])), "late")
        .with_line_at(0.01, Colour::Orange)
        .coloured("late", Colour::Blue),
        third(
            "Time of a tick",
            "From the beginning of a tick until all its policies are evaluated, waiting for Prometheus included. A tick longer than a second delays the next.",
        )
        .in_unit(Unit::Seconds)
        .shows(SCOPE.series(TICK_DURATION).quantile(0.5, &[]), "median")
        .shows(SCOPE.series(TICK_DURATION).quantile(0.99, &[]), "99 %"),
        third(
            "Writes of replica counts",
            "By result. conflict: somebody else changed the target at the same time, the decision is made again. refused: the role lacks a right, or admission says no.",
        )
        .in_unit(Unit::PerSecond)
        .shows(SCOPE.series(SCALE_WRITES).rate().sum_by(&["result"]), "{{result}}")
        .coloured("written", Colour::Blue)
        .coloured_where("/^(refused|timeout)$/".into(), Colour::Red),
        third(
            "Time of a write",
            "From sending a new replica count to the API server's answer. Seconds mean that the API server is busy, or that priority and fairness hold us back.",
        )
        .in_unit(Unit::Seconds)
        .shows(SCOPE.series(SCALE_WRITE_DURATION).quantile(0.5, &[]), "median")
        .shows(SCOPE.series(SCALE_WRITE_DURATION).quantile(0.99, &[]), "99 %"),
        third(
            "Reports",
            "Writes of statuses by result, and events that could not be sent. They come after scaling; failures here change no decision.",
        )
        .in_unit(Unit::PerSecond)
        .shows(SCOPE.series(STATUS_WRITES).rate().sum_by(&["result"]), "status {{result}}")
        .shows(SCOPE.series(EVENTS_DROPPED).rate().sum_by(&[]), "events dropped")
        .coloured("status written", Colour::Blue)
        .coloured("status failed", Colour::Red)
        .coloured("events dropped", Colour::Orange),
    ]
}

fn controller() -> Vec<Panel> {
    let third = |title, about| Panel::new(Form::Lines, title, about).sized(8, 8);
    let name = "{{pod}} {{instance}}";
    let ours = |expression: Expression| {
        // Every process has series of these names: those of a controller are meant.
        let here = SCOPE.series(BUILD).now();
        expression
            .where_also(&["cluster", "job", "instance"], here)
            .max_by(&CONTROLLER)
    };
    let memory = || ours(SCOPE.series(RESIDENT_MEMORY).now());
    vec![
        Panel::new(
            Form::States,
            "Who leads",
            "Exactly one controller writes; the others are ready to. A gap with no leader is longer than 15 s only when something is wrong.",
        )
        .sized(16, 6)
        .shows(SCOPE.series(LEADER).now().max_by(&CONTROLLER), name)
        .meaning("1", "leads", Colour::Green)
        .meaning("0", "stands by", Colour::Grey),
        Panel::new(
            Form::Steps,
            "Lease transitions",
            "How often the Lease has passed to another controller. Steps without a rollout or a lost node: the leader dies or cannot renew, see its log.",
        )
        .sized(8, 6)
        .shows(SCOPE.series(LEASE_TRANSITIONS).now().max_by(&["cluster"]), "transitions {{cluster}}"),
        third(
            "Processor time",
            "Cores that each controller uses. It follows the number of policies and their periods; at its limit, evaluations come late.",
        )
        .in_unit(Unit::Own)
        .shows(ours(SCOPE.series(CPU_SECONDS).rate()), name),
        third(
            "Memory",
            "Memory of each controller. It follows the number of policies and pods; keep the limit well above it.",
        )
        .in_unit(Unit::Bytes)
        .shows(memory(), name),
        third(
            "Memory for each policy",
            "Memory over the number of policies that the controller watches; with few policies it is the program itself.",
        )
        .in_unit(Unit::Bytes)
        .shows(
            memory().over_on(&["cluster", "job", "instance"], SCOPE.series(POLICIES).now().that_are(">", 0)),
            name,
        ),
        Panel::new(
            Form::Table,
            "Controllers",
            "Which version runs where, and since when. Different versions for longer than a rollout: one of them is stuck.",
        )
        .sized(24, 5)
        .shows(SCOPE.series(BUILD).now().max_by(&[CONTROLLER[0], CONTROLLER[1], CONTROLLER[2], CONTROLLER[3], "version"]), "")
        .shows(ours(SCOPE.series(START_TIME).now()).times(1000), "")
        .shows(SCOPE.series(names::LEADER).now().max_by(&CONTROLLER), "")
        .merged(&[
            ("cluster", "cluster"),
            ("job", "job"),
            ("pod", "pod"),
            ("instance", "instance"),
            ("version", "version"),
            ("Value #C", "leads"),
            ("Value #B", "started"),
        ])
        .in_unit(Unit::Word)
        .different("started", vec![("unit", json!(Unit::Since.as_str()))])
        .different("leads", vec![("unit", json!("bool_yes_no"))]),
    ]
}
