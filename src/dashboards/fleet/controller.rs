//! The panels of the controller: is Prometheus quick enough, is the loop in time, who leads, what does it cost. Pure.
use serde_json::json;

use super::SCOPE;
use crate::dashboards::panel::{Colour, Form, Panel, Unit};
use crate::dashboards::query::{CONTROLLER, Expression, INSTALLATION};
use crate::report::metrics::names::{
    BUILD, CPU_SECONDS, EVALUATION_GAP, EVALUATIONS, EVALUATIONS_LATE, EVENTS_DROPPED, FAILOVERS, LEADER,
    LEASE_TRANSITIONS, NEWEST_SAMPLE_AGE, POLICIES, QUERIES, QUERY_DURATION, RATE_WINDOW, RESIDENT_MEMORY,
    RESPONSE_BYTES, SCALE_WRITE_DURATION, SCALE_WRITES, SCRAPE_INTERVAL, SERIES_DECODED, START_TIME,
    STATUS_WRITES, TICK_DURATION,
};

pub(super) fn prometheus() -> Vec<Panel> {
    let third = |title, about| Panel::new(Form::Lines, title, about).sized(8, 8);
    vec![
        third(
            "Queries by result",
            "Anything but ok means metrics that are missing soon. timeout: the server is slow. rejected: a query or credentials are wrong, the log names them. server_error: the server, or what is before it, is in trouble.",
        )
        .in_unit(Unit::PerSecond)
        .shows(SCOPE.series(QUERIES).rate().sum_by(&["server", "result"]), "{{server}}: {{result}}")
        .shows(
            SCOPE.series(FAILOVERS).rate().sum_by(&["server"]).that_are(">", 0),
            "{{server}}: another URL answered",
        )
        .coloured_where("/: (unreachable|timeout|server_error|rejected|undecodable)$/".into(), Colour::Red)
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
            "How old the newest sample is that each kind of query was last answered with. More than two scrape intervals: the scrape of these series fails or is slow, or the server does not answer.",
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

pub(super) fn the_loop() -> Vec<Panel> {
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

pub(super) fn controller() -> Vec<Panel> {
    let third = |title, about| Panel::new(Form::Lines, title, about).sized(8, 8);
    let name = "{{pod}}";
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
        .shows(SCOPE.series(LEASE_TRANSITIONS).now().max_by(&INSTALLATION), "transitions {{cluster}} {{namespace}}"),
        third(
            "Processor time",
            "What each controller uses; 100 % is one core. It follows the number of policies and their periods; at its limit, evaluations come late.",
        )
        .in_unit(Unit::Ratio)
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
            memory().over_on(&CONTROLLER, SCOPE.series(POLICIES).now().that_are(">", 0)),
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
        .shows(SCOPE.series(LEADER).now().max_by(&CONTROLLER), "")
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
