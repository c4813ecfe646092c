//! Queries about the requests that a configured source counts and times. Text only, no network.
//!
//! | what                                   | counts                                                                  |
//! |----------------------------------------|-------------------------------------------------------------------------|
//! | two jobs that scrape the same pod      | once: the greater                                                       |
//! | replicas of what counts, such as two pods of an ingress controller | all: each saw requests of its own           |
//! | both at once                           | of each replica the greater of its jobs, and then the sum               |
//! | histograms of two jobs or replicas     | together: a quantile or a share does not change when all is there twice |
//! | a replica that is gone                 | until it leaves the window: the others take over step by step           |
//! | nothing scraped at all any more        | nothing: a rate would fall for a window as if its load did              |
use std::fmt;

use super::TextContext;
use super::text::{Families, longest_gap, partial, selector};
use crate::config::{DurationUnit, Scope, Source, WORKLOAD_LABEL};

/// What of a source is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceMeasure {
    /// Requests per second.
    RequestRate,
    /// Seconds within which this share of the requests was answered.
    ResponseTime(Quantile),
    /// The share of the requests that failed. Nothing where there were none.
    FailureRate,
}

impl SourceMeasure {
    /// The kind of query in one word, for labels of metrics.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::RequestRate => "requestRate",
            Self::ResponseTime(_) => "responseTime",
            Self::FailureRate => "failureRate",
        }
    }

    /// What a source lacks that cannot answer this, as a sentence; `None` when it can.
    #[must_use]
    pub fn lacking(self, source: &Source) -> Option<&'static str> {
        let (is_there, sentence) = match self {
            Self::RequestRate => (source.requests.is_some(), "has no requests: write their counter"),
            Self::ResponseTime(_) => (
                source.duration.is_some(),
                "has no duration: write the histogram of a source with workloadLabel",
            ),
            Self::FailureRate => (
                source.failures.is_some() && source.requests.is_some(),
                "has no failures: write the matchers of failed requests of a source with workloadLabel",
            ),
        };
        (!is_there).then_some(sentence)
    }
}

/// A share between 0 and 1, to a ten-thousandth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quantile(u16);

impl Quantile {
    /// The nearest quantile that can be asked for; `None` unless it is between 0 and 1.
    #[must_use]
    pub fn of(share: f64) -> Option<Self> {
        let parts = (share * 10_000.0).round();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // in range, as just checked
        (parts > 0.0 && parts < 10_000.0).then_some(Self(parts as u16))
    }
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.0) / 10_000.0)
    }
}

/// The query; `None` when the source lacks what is asked for.
pub(super) fn text(
    context: &TextContext<'_>,
    source: &Source,
    measure: SourceMeasure,
    by: &[std::sync::Arc<str>],
    window: u32,
) -> Option<String> {
    match &source.scope {
        Scope::Pod { label } => {
            let metric = source.requests.as_deref();
            (measure == SourceMeasure::RequestRate)
                .then(|| Some(of_pods(context, source, label, metric?, window)))
                .flatten()
        }
        Scope::Workload { .. } => {
            let groups = Groups::of(context, source, by);
            match measure {
                SourceMeasure::RequestRate => groups.request_rate(window),
                SourceMeasure::ResponseTime(quantile) => groups.response_time(quantile, window),
                SourceMeasure::FailureRate => groups.failure_rate(window),
            }
        }
    }
}

/// The series whose samples tell how often a source is scraped.
pub(crate) fn witnesses(context: &TextContext<'_>, source: &Source) -> Vec<String> {
    let groups = Groups::of(context, source, &[]);
    match groups.requests("") {
        Some(requests) => vec![requests],
        None => groups.durations().map(Vec::from).unwrap_or_default(),
    }
}

fn of_pods(context: &TextContext<'_>, source: &Source, pod: &str, metric: &str, window: u32) -> String {
    let namespace = source.namespace_label.as_deref().unwrap_or_default();
    let namespaces = context.namespaces.matcher(namespace);
    let own = format!("{pod}!=\"\"");
    let series = selector(metric, &[&namespaces, &own, &source.matchers, context.matchers]);
    let by = format!("{namespace},{pod}");
    Families {
        // One job counts once: a pod that two jobs scrape has every request twice. `and` drops what is not scraped any
        // more: its rate would fall for a window as if its load did.
        value: format!("max by ({by}) (sum by ({by},job) (rate({series}[{window}s]) and {series}))"),
        time: format!("max by ({by}) (timestamp({series}))"),
        counts: Some(format!("count by ({by}) (count by ({by},job) ({series}))")),
        partial: Some(partial(&series, &by, window)),
    }
    .text()
}

/// The workloads of a source, and how their series are named.
struct Groups<'a> {
    source: &'a Source,
    /// Namespaces, the source's own matchers and those of the server.
    matchers: [String; 3],
    /// Labels as the series have them.
    raw: Vec<&'a str>,
    /// The label to be taken apart, and by what.
    pattern: Option<(&'a str, String)>,
    replica: Vec<&'a str>,
}

impl<'a> Groups<'a> {
    fn of(context: &TextContext<'a>, source: &'a Source, by: &'a [std::sync::Arc<str>]) -> Self {
        let namespace = source.namespace_label.as_deref();
        let mut raw: Vec<&str> = namespace.into_iter().collect();
        let mut groups = Self {
            source,
            matchers: [
                namespace.map_or_else(String::new, |label| context.namespaces.matcher(label)),
                source.matchers.clone(),
                context.matchers.to_owned(),
            ],
            raw: Vec::new(),
            pattern: None,
            replica: Vec::new(),
        };
        if let Scope::Workload {
            label,
            pattern,
            replica_labels,
            ..
        } = &source.scope
        {
            groups.replica = replica_labels.iter().map(String::as_str).collect();
            if by.is_empty() {
                raw.push(label);
                groups.pattern = pattern.as_ref().map(|pattern| (label.as_str(), literal(pattern)));
            }
        }
        raw.extend(by.iter().map(|label| &**label));
        groups.raw = raw;
        groups
    }

    fn selector(&self, metric: &str, own: &str) -> String {
        let [namespaces, source, server] = &self.matchers;
        selector(metric, &[namespaces, source, own, server])
    }

    /// The counter of requests, or of those that `own` fits.
    fn requests(&self, own: &str) -> Option<String> {
        Some(self.selector(self.source.requests.as_deref()?, own))
    }

    /// One series of each classic histogram, and the native histograms.
    fn durations(&self) -> Option<[String; 2]> {
        let metric = self.source.duration.as_deref()?;
        let classic = self.selector(&format!("{metric}_bucket"), "le=\"+Inf\"");
        Some([classic, self.selector(metric, "")])
    }

    /// The labels of the series and these, each once.
    fn by(&self, more: &[&str]) -> String {
        let mut labels = self.raw.clone();
        for label in more {
            if !labels.contains(label) {
                labels.push(label);
            }
        }
        labels.join(",")
    }

    /// Aggregates by workload, and by `more`, which is a comma and a label or nothing.
    fn aggregated(&self, aggregation: &str, expression: &str, more: &str) -> String {
        let by = self.by(&[]);
        let inner = format!("{aggregation} by ({by}{more}) ({expression})");
        let Some((label, pattern)) = &self.pattern else {
            return inner;
        };
        let outer: Vec<&str> = self
            .raw
            .iter()
            .map(|raw| if raw == label { WORKLOAD_LABEL } else { raw })
            .collect();
        // What is counted twice is summed up.
        let aggregation = if aggregation == "count" {
            "sum"
        } else {
            aggregation
        };
        format!(
            "{aggregation} by ({}{more}) (label_replace({inner},\"{WORKLOAD_LABEL}\",\"$1\",\"{label}\",{pattern}))",
            outer.join(",")
        )
    }

    fn rate(&self, series: &str, window: u32) -> String {
        self.aggregated("sum", &format!("rate({series}[{window}s])"), "")
    }

    fn request_rate(&self, window: u32) -> Option<String> {
        let series = self.requests("")?;
        let replicas = self.by(&self.replica);
        let jobs = {
            let mut labels = self.replica.clone();
            labels.push("job");
            self.by(&labels)
        };
        let once = format!("max by ({replicas}) (sum by ({jobs}) (rate({series}[{window}s])))");
        let counts = format!("count by ({replicas}) (count by ({jobs}) ({series}))");
        let value = self.aggregated("sum", &once, "");
        let counts = self.aggregated("max", &counts, "");
        let most = longest_gap(window);
        // A workload whose first requests came just now had none before, so its rate is right. Not so where nothing at
        // all was scraped when the window began.
        let before = format!("count(count_over_time({series}[{most}s] offset {most}s))");
        let living = self.living(std::slice::from_ref(&series));
        let families = Families {
            counts: Some(counts),
            partial: Some(format!("{living} unless on() {before}")),
            ..self.families(&value, &[series])
        };
        Some(families.text())
    }

    fn failure_rate(&self, window: u32) -> Option<String> {
        let failures = self.source.failures.as_deref()?;
        let series = self.requests("")?;
        let all = self.rate(&series, window);
        let failed = self.rate(&self.requests(failures)?, window);
        // Of what never failed there may be no series of failures. Without requests the share is NaN.
        let value = format!("({failed} or {all} * 0) / {all}");
        Some(self.families(&value, &[series]).text())
    }

    fn response_time(&self, quantile: Quantile, window: u32) -> Option<String> {
        let durations = self.durations()?;
        let metric = self.source.duration.as_deref()?;
        let buckets = self.selector(&format!("{metric}_bucket"), "");
        let [_, native] = &durations;
        let classic = self.aggregated("sum", &format!("rate({buckets}[{window}s])"), ",le");
        let native = self.rate(native, window);
        let unit = match self.source.duration_unit {
            DurationUnit::Seconds => "",
            DurationUnit::Milliseconds => " / 1000",
        };
        // Without requests the quantile is NaN. It is of no matter how much of the window was sampled.
        let value = format!(
            "(histogram_quantile({quantile},{native}) or histogram_quantile({quantile},{classic})){unit}"
        );
        Some(self.families(&value, &durations).text())
    }

    /// Groups with a series that is scraped now.
    fn living(&self, witnesses: &[String]) -> String {
        self.aggregated("count", &witnesses.join(" or "), "")
    }

    /// `witnesses` are the series that tell of the samples' times.
    fn families(&self, value: &str, witnesses: &[String]) -> Families {
        let times: Vec<String> = witnesses
            .iter()
            .map(|series| format!("timestamp({series})"))
            .collect();
        Families {
            value: format!("({value}) and {}", self.living(witnesses)),
            time: self.aggregated("max", &times.join(" or "), ""),
            counts: None,
            partial: None,
        }
    }
}

/// A string literal of PromQL.
fn literal(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}
