//! PromQL made from the constants of the exporter. A label that a metric does not have, or that was aggregated away, is an
//! error of the whole dashboard. Pure.
use std::fmt::Display;

use super::DashboardError;
use crate::report::metrics::names::{Kind, MetricName};

/// Labels that come from scraping, not from the exporter: which controller it was. `instance` and `job` are always there.
const SCRAPED: [&str; 5] = ["cluster", "namespace", "job", "instance", "pod"];
/// What tells one policy from all others.
const POLICY: [&str; 3] = ["cluster", "namespace", "policy"];
/// What tells one controller from all others.
pub(super) const CONTROLLER: [&str; 4] = ["cluster", "job", "instance", "pod"];
/// What tells the controllers that share a Lease from all others.
pub(super) const INSTALLATION: [&str; 3] = ["cluster", "namespace", "job"];

/// What a dashboard's variables choose.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// The policies of some namespaces.
    Fleet,
    /// One policy.
    Policy,
}

impl Scope {
    /// The series of a metric that the variables choose.
    pub(super) fn series(self, metric: MetricName) -> Series {
        // A regular expression, which matches where there is no such label too.
        let mut matchers = vec![r#"cluster=~"$cluster""#.to_owned()];
        if metric.labels.contains(&"policy") {
            match self {
                Self::Fleet => matchers.push(r#"namespace=~"$namespace""#.to_owned()),
                Self::Policy => {
                    matchers.push(r#"namespace="$namespace""#.to_owned());
                    matchers.push(r#"policy="$policy""#.to_owned());
                }
            }
        }
        Series {
            metric,
            matchers,
            trouble: None,
        }
    }

    /// The newest values of a gauge of each policy, whichever controller leads, told apart by these labels too.
    pub(super) fn of_policies(self, metric: MetricName, labels: &[&'static str]) -> Expression {
        self.series(metric).per_policy(labels)
    }
}

/// Some series of one metric.
#[derive(Clone, Debug)]
pub(super) struct Series {
    metric: MetricName,
    matchers: Vec<String>,
    trouble: Option<DashboardError>,
}

impl Series {
    /// Those whose label has this value.
    pub(super) fn with(self, label: &str, value: &str) -> Self {
        self.matching(label, "=", value)
    }

    /// Those whose label has one of these values.
    pub(super) fn with_any(self, label: &str, values: &[&str]) -> Self {
        self.matching(label, "=~", &values.join("|"))
    }

    /// Those whose label has none of these values.
    pub(super) fn with_none(self, label: &str, values: &[&str]) -> Self {
        self.matching(label, "!~", &values.join("|"))
    }

    /// Those whose label says anything.
    pub(super) fn with_some(self, label: &str) -> Self {
        self.matching(label, "!=", "")
    }

    /// Those whose label says nothing.
    pub(super) fn without(self, label: &str) -> Self {
        self.matching(label, "=", "")
    }

    fn matching(mut self, label: &str, operator: &str, value: &str) -> Self {
        if !self.metric.labels.contains(&label) {
            self.trouble
                .get_or_insert_with(|| unknown(label, self.metric.name, self.metric.labels));
        }
        self.matchers.push(format!("{label}{operator}\"{value}\""));
        self
    }

    /// A gauge as it is.
    pub(super) fn now(mut self) -> Expression {
        if !matches!(self.metric.kind, Kind::Gauge | Kind::Info) {
            self.is_wrong("take its rate or its increase");
        }
        let selector = self.selector("");
        self.expression(selector)
    }

    /// A gauge of each policy, whichever controller leads, told apart by these labels too.
    pub(super) fn per_policy(self, labels: &[&'static str]) -> Expression {
        self.now().max_by(&with_policy(labels))
    }

    /// A counter's increase per second.
    pub(super) fn rate(self) -> Expression {
        self.counted("rate", "$__rate_interval")
    }

    /// A counter's increase from one point to the next.
    pub(super) fn increase(self) -> Expression {
        self.counted("increase", "$__rate_interval")
    }

    /// A counter's increase over the time that is shown: one number.
    pub(super) fn increase_over_all(self) -> Expression {
        self.counted("increase", "$__range")
    }

    fn counted(mut self, function: &str, window: &str) -> Expression {
        if self.metric.kind != Kind::Counter {
            self.is_wrong("rates and increases are of counters");
        }
        let selector = self.selector("");
        self.expression(format!("{function}({selector}[{window}])"))
    }

    /// How often a gauge changed from one point to the next.
    pub(super) fn changes(mut self) -> Expression {
        if self.metric.kind != Kind::Gauge {
            self.is_wrong("changes are of gauges");
        }
        let selector = self.selector("");
        self.expression(format!("changes({selector}[$__rate_interval])"))
    }

    /// A quantile of a histogram, told apart by these labels.
    pub(super) fn quantile(mut self, quantile: f64, labels: &[&'static str]) -> Expression {
        if self.metric.kind != Kind::Histogram {
            self.is_wrong("quantiles are of histograms");
        }
        let selector = self.selector("_bucket");
        let rates = self.expression(format!("rate({selector}[$__rate_interval])"));
        let mut by = vec!["le"];
        by.extend(labels);
        let Expression { text, trouble, .. } = rates.with_label("le").sum_by(&by);
        Expression {
            text: format!("histogram_quantile({quantile}, {text})"),
            labels: labels.to_vec(),
            trouble,
        }
    }

    fn is_wrong(&mut self, advice: &'static str) {
        let MetricName { name, kind, .. } = self.metric;
        self.trouble.get_or_insert(DashboardError::WrongKind {
            metric: name,
            kind: kind.as_str(),
            advice,
        });
    }

    fn selector(&self, suffix: &str) -> String {
        format!("{}{suffix}{{{}}}", self.metric.name, self.matchers.join(", "))
    }

    fn expression(self, text: String) -> Expression {
        let labels = self.metric.labels.iter().chain(&SCRAPED).copied().collect();
        Expression {
            text,
            labels,
            trouble: self.trouble,
        }
    }
}

fn with_policy(labels: &[&'static str]) -> Vec<&'static str> {
    POLICY.iter().chain(labels).copied().collect()
}

fn unknown(label: &str, of: &str, known: &[&str]) -> DashboardError {
    DashboardError::UnknownLabel {
        label: label.to_owned(),
        of: of.to_owned(),
        known: known.join(", "),
    }
}

/// An expression, and the labels that its result can have.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    text: String,
    labels: Vec<&'static str>,
    trouble: Option<DashboardError>,
}

impl Expression {
    /// The greatest of what has these labels in common.
    pub(super) fn max_by(self, labels: &[&'static str]) -> Self {
        self.by("max", labels)
    }

    /// The sum of what has these labels in common; of everything without any.
    pub(super) fn sum_by(self, labels: &[&'static str]) -> Self {
        self.by("sum", labels)
    }

    /// How many there are of what has these labels in common; of everything without any.
    pub(super) fn count_by(self, labels: &[&'static str]) -> Self {
        self.by("count", labels)
    }

    fn by(mut self, aggregation: &str, labels: &[&'static str]) -> Self {
        for label in labels {
            self.must_have(label);
        }
        let by = if labels.is_empty() {
            String::new()
        } else {
            format!(" by ({})", labels.join(", "))
        };
        Self {
            text: format!("{aggregation}{by} ({})", self.text),
            labels: labels.to_vec(),
            trouble: self.trouble,
        }
    }

    /// Those for which the comparison holds.
    pub(super) fn that_are(mut self, operator: &str, number: impl Display) -> Self {
        self.text = format!("{} {operator} {number}", self.text);
        self
    }

    /// Each times a number.
    pub(super) fn times(mut self, factor: impl Display) -> Self {
        self.text = format!("{} * {factor}", self.text);
        self
    }

    /// Zero where there is nothing: of a count of what is seldom there.
    pub(super) fn or_zero(mut self) -> Self {
        self.text = format!("{} or vector(0)", self.text);
        self
    }

    /// What either has.
    pub(super) fn or(mut self, other: Self) -> Self {
        self.text = format!("{} or {}", self.text, other.text);
        self.labels.retain(|label| other.labels.contains(label));
        self.trouble = self.trouble.or(other.trouble);
        self
    }

    /// Over another with the same labels.
    pub(super) fn over(mut self, other: Self) -> Self {
        self.labels.retain(|label| other.labels.contains(label));
        self.text = format!("{} / {}", self.text, other.text);
        self.trouble = self.trouble.or(other.trouble);
        self
    }

    /// Over another that agrees in these labels.
    pub(super) fn over_on(self, labels: &[&'static str], other: Self) -> Self {
        let mut ratio = self.joined("/ on", labels, other);
        // Arithmetic leaves only what both were matched by.
        ratio.labels = labels.to_vec();
        ratio
    }

    /// Only where the other has these labels with the same values.
    pub(super) fn where_also(self, labels: &[&'static str], other: Self) -> Self {
        self.joined("and on", labels, other)
    }

    fn joined(mut self, operator: &str, labels: &[&'static str], mut other: Self) -> Self {
        for label in labels {
            self.must_have(label);
            other.must_have(label);
        }
        self.text = format!("{} {operator} ({}) {}", self.text, labels.join(", "), other.text);
        self.trouble = self.trouble.or(other.trouble);
        self
    }

    /// An increase over the time that is shown, as so many an hour.
    pub(super) fn an_hour(mut self) -> Self {
        self.text = format!("{} * 3600 / $__range_s", self.text);
        self
    }

    /// With a label that says this.
    pub(super) fn saying(mut self, label: &'static str, value: &str) -> Self {
        self.text = format!(r#"label_replace({}, "{label}", "{value}", "", "")"#, self.text);
        if self.labels.contains(&label) {
            return self;
        }
        self.with_label(label)
    }

    /// With the value of a label under another name too.
    pub(super) fn copying(mut self, from: &'static str, to: &'static str) -> Self {
        self.must_have(from);
        self.text = format!(r#"label_replace({}, "{to}", "$1", "{from}", "(.*)")"#, self.text);
        self.with_label(to)
    }

    fn with_label(mut self, label: &'static str) -> Self {
        self.labels.push(label);
        self
    }

    fn must_have(&mut self, label: &str) {
        if !self.labels.contains(&label) {
            let trouble = unknown(label, &self.text, &self.labels);
            self.trouble.get_or_insert(trouble);
        }
    }

    /// The text, if it and the labels of a legend are sound.
    pub(super) fn text(mut self, legend: &str) -> Result<String, DashboardError> {
        for label in legend
            .split("{{")
            .skip(1)
            .filter_map(|rest| rest.split("}}").next())
        {
            self.must_have(label);
        }
        self.trouble.map_or(Ok(self.text), Err)
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
