//! The series of policies, family by family, and their text. No network.
use std::fmt::{Display, Write};

use super::names::{self, MetricName};
use super::policies::{Metric, Numbers, PolicySeries, Shown, Winner};
use concertina_decision::Reason;

use crate::api::Mode;
use crate::cluster::places::Place;

/// A piece of text is not much longer, in bytes.
const PIECE_BYTES: usize = 48 * 1024;
/// For a piece of a family that few policies have, so many of them are looked at.
const PIECE_POLICIES: usize = 4096;

/// One family of series.
pub(super) struct Family {
    metric: MetricName,
    write: fn(Shown<'_>, &mut Lines<'_>),
}

const fn family(metric: MetricName, write: fn(Shown<'_>, &mut Lines<'_>)) -> Family {
    Family { metric, write }
}

/// Those that are there for any policy, in the order in which they are written.
const REPLICAS: &[Family] = &[
    family(names::POLICY_CURRENT_REPLICAS, |shown, lines| {
        lines.number(shown, |numbers| numbers.current);
    }),
    family(names::POLICY_DESIRED_REPLICAS, |shown, lines| {
        lines.number(shown, |numbers| numbers.desired);
    }),
    family(names::POLICY_MIN_REPLICAS, |shown, lines| {
        lines.number(shown, |numbers| numbers.floor);
    }),
    family(names::POLICY_MAX_REPLICAS, |shown, lines| {
        lines.number(shown, |numbers| numbers.ceiling);
    }),
    family(names::POLICY_METRICS_MISSING, |shown, lines| {
        lines.number(shown, |numbers| numbers.missing);
    }),
    family(names::POLICY_PODS, |shown, lines| {
        if let Some(Numbers { pods, .. }) = shown.row.numbers {
            lines.add(shown, &["ready"], pods.ready);
            lines.add(shown, &["unready"], pods.unready);
            lines.add(shown, &["starting"], pods.starting);
            lines.add(shown, &["crashing"], pods.crashing);
        }
    }),
    family(names::POLICY_CHANGES, |shown, lines| {
        let [up, down] = shown.row.changes;
        lines.add(shown, &["up"], up);
        lines.add(shown, &["down"], down);
    }),
    family(names::POLICY_LAST_CHANGE, |shown, lines| {
        if let Some(change) = shown.row.last_change {
            let direction = if change.is_growth { "up" } else { "down" };
            let winner = name_of(change.winner, shown);
            lines.add(
                shown,
                &[direction, change.reason.map_or("", Reason::as_str), winner],
                change.seconds,
            );
        }
    }),
    family(names::POLICY_DECISION, |shown, lines| {
        let mode = match shown.row.mode {
            Some(Mode::Auto) => "Auto",
            Some(Mode::DryRun) => "DryRun",
            Some(Mode::Paused) => "Paused",
            None => "Unknown",
        };
        let winner = shown.row.numbers.and_then(|numbers| numbers.winner);
        let winner = name_of(winner, shown);
        lines.add(shown, &[mode, shown.row.reason.as_str(), winner], 1);
    }),
    family(names::POLICY_REASON, |shown, lines| {
        for reason in shown.row.reasons.iter() {
            lines.add(shown, &[reason.as_str()], 1);
        }
    }),
];

/// Those that tell how a decision came about.
const DETAIL: &[Family] = &[
    family(names::POLICY_STAGE_REPLICAS, |shown, lines| {
        for record in shown.detail.into_iter().flat_map(|detail| &detail.stages) {
            lines.add(
                shown,
                &[record.stage.as_str(), record.reason.as_str()],
                record.replicas,
            );
        }
    }),
    family(names::POLICY_METRIC_VALUE, |shown, lines| {
        lines.metrics(shown, |metric| metric.value);
    }),
    family(names::POLICY_METRIC_TARGET, |shown, lines| {
        lines.metrics(shown, |metric| Some(metric.target));
    }),
    family(names::POLICY_METRIC_RATIO, |shown, lines| {
        lines.metrics(shown, |metric| metric.ratio);
    }),
    family(names::POLICY_METRIC_PROPOSAL, |shown, lines| {
        lines.metrics(shown, |metric| metric.proposal);
    }),
    family(names::POLICY_METRIC_AGE, |shown, lines| {
        lines.metrics(shown, |metric| metric.age_seconds);
    }),
    family(names::POLICY_METRIC_MISSING, |shown, lines| {
        for (name, metric) in metrics(shown) {
            if let Some(why) = metric.missing {
                lines.add(shown, &[name, why.reason().as_str()], 1);
            }
        }
    }),
    family(names::POLICY_GUARD_STATE, |shown, lines| {
        let Some(detail) = shown.detail else { return };
        let guards = shown
            .row
            .record
            .compiled
            .iter()
            .flat_map(|compiled| compiled.guards());
        for (guard, state) in guards.zip(&detail.guards) {
            lines.add(shown, &[&guard.name, state.as_str()], 1);
        }
    }),
    family(names::POLICY_STARTUP, |shown, lines| {
        if let Some(times) = shown.detail.and_then(|detail| detail.startup) {
            lines.add(shown, &["0.5"], times.p50_seconds);
            lines.add(shown, &["0.95"], times.p95_seconds);
        }
    }),
];

/// How many families these series have.
pub(super) fn count(series: &PolicySeries) -> usize {
    REPLICAS.len() + if series.has_detail() { DETAIL.len() } else { 0 }
}

/// The rows of some policies in one family, and where the following ones begin. The lock is held for one piece, so that
/// no evaluation waits for a scrape.
pub(super) fn piece(series: &PolicySeries, place: usize, from: Place) -> (String, Option<Place>) {
    let mut text = String::new();
    let Some(Family { metric, write }) = REPLICAS.iter().chain(DETAIL).nth(place) else {
        return (text, None);
    };
    if from == 0 {
        let (family, kind) = (metric.family(), metric.kind.as_str());
        // Writing to a String cannot fail.
        let _ = write!(text, "# HELP {family} {}.\n# TYPE {family} {kind}\n", metric.help);
    }
    text.reserve(PIECE_BYTES);
    let mut lines = Lines { metric, text };
    let mut looked_at = 0;
    let following = series.look(from, |shown| {
        write(shown, &mut lines);
        looked_at += 1;
        lines.text.len() >= PIECE_BYTES || looked_at == PIECE_POLICIES
    });
    (lines.text, following)
}

/// The lines of one family.
struct Lines<'a> {
    metric: &'a MetricName,
    text: String,
}

impl Lines<'_> {
    /// One line. `values` are those of the labels after namespace and policy.
    fn add(&mut self, shown: Shown<'_>, values: &[&str], number: impl Display) {
        let (namespace, policy) = (&shown.row.record.key.namespace, &shown.row.record.key.name);
        let (name, text) = (self.metric.name, &mut self.text);
        // Names of objects have no character that would have to be escaped. Writing to a String cannot fail.
        let _ = write!(text, "{name}{{namespace=\"{namespace}\",policy=\"{policy}\"");
        let labels = self.metric.labels.iter().skip(2);
        for (label, value) in labels.zip(values) {
            let _ = write!(text, ",{label}=\"");
            escape(value, text);
            text.push('"');
        }
        let _ = writeln!(text, "}} {number}");
    }

    /// A line with a number of the decision, if there is one.
    fn number<N: Display>(&mut self, shown: Shown<'_>, of: fn(&Numbers) -> N) {
        if let Some(numbers) = &shown.row.numbers {
            self.add(shown, &[], of(numbers));
        }
    }

    /// A line per metric that has such a number.
    fn metrics<N: Display>(&mut self, shown: Shown<'_>, of: fn(&Metric) -> Option<N>) {
        for (name, metric) in metrics(shown) {
            if let Some(number) = of(metric) {
                self.add(shown, &[name], number);
            }
        }
    }
}

fn metric_names<'a>(shown: Shown<'a>) -> impl Iterator<Item = &'a str> {
    let compiled = shown.row.record.compiled.iter();
    compiled.flat_map(|compiled| compiled.metrics.iter().map(|metric| &*metric.name))
}

/// The name of the metric whose proposal was taken; empty where none was.
fn name_of<'a>(winner: Option<Winner>, shown: Shown<'a>) -> &'a str {
    let winner = winner.and_then(|winner| metric_names(shown).nth(usize::from(winner.get()) - 1));
    winner.unwrap_or_default()
}

fn metrics<'a>(shown: Shown<'a>) -> impl Iterator<Item = (&'a str, &'a Metric)> {
    metric_names(shown).zip(shown.detail.into_iter().flat_map(|detail| &detail.metrics))
}

fn escape(value: &str, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}
