//! The PromQL behind each kind of metric. Text only, no network.
//!
//! A grouped query returns families in one answer, told apart by the label `concertina`: the value, the time of the newest
//! sample behind it, how many series there are where there should be one, and of rates those that were not sampled for the
//! whole window.
use std::borrow::Cow;
use std::sync::Arc;

use crate::api::{DiskDirection, NetworkDirection};
use crate::config::{Config, PodLabels, Source};

pub(crate) mod containers;
mod question;
pub(crate) mod source;
mod text;

pub use question::{IntervalQuestion, Question};
pub use source::{Quantile, SourceMeasure};

/// The label that tells the families of a grouped answer apart.
pub const FAMILY_LABEL: &str = "concertina";
/// The family of values.
pub const FAMILY_VALUE: &str = "value";
/// The family of the newest samples' times, in seconds since the Unix epoch.
pub const FAMILY_TIME: &str = "time";
/// The family of counts of duplicate series.
pub const FAMILY_DUPLICATES: &str = "duplicates";
/// The family of rates that speak of a part of their window only.
pub const FAMILY_PARTIAL: &str = "partial";

/// Up to this many namespaces a query names them; beyond it asks for all.
const NAMESPACES_NAMED: usize = 50;

/// The stretch of time over which a rate is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Window {
    /// As long as the measured scrape interval asks for when the query is sent.
    Auto,
    /// So many seconds.
    Seconds(u32),
}

impl Window {
    /// The window in seconds, where `auto` is what the scrape interval asks for.
    #[must_use]
    pub const fn seconds(self, auto: u32) -> u32 {
        match self {
            Self::Auto => auto,
            Self::Seconds(seconds) => seconds,
        }
    }
}

/// What a query asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Template {
    /// CPU usage per container in cores, averaged over the window.
    Cpu {
        /// Window of the rate.
        window: Window,
    },
    /// Memory working set per container in bytes, now.
    Memory,
    /// What a source of the configuration counts or times, per pod or per workload as the source does.
    Source {
        /// The source's name.
        source: Arc<str>,
        /// What of it.
        measure: SourceMeasure,
        /// Labels that a policy picks its series by, in order, instead of the source's own label of workloads.
        by: Box<[Arc<str>]>,
        /// Window of the rates.
        window: Window,
    },
    /// Bytes per second that each pod sends or receives over its interfaces but the loopback, averaged over the window.
    Network {
        /// Which bytes count.
        direction: NetworkDirection,
        /// Window of the rate.
        window: Window,
    },
    /// Bytes per second that the containers of each pod read or write on all their devices, averaged over the window. A
    /// container that has never used a disk has no series, so a pod of such containers has no sample.
    Disk {
        /// Which bytes count.
        direction: DiskDirection,
        /// Window of the rate.
        window: Window,
    },
    /// A user's own query, as written.
    Custom {
        /// PromQL.
        query: Arc<str>,
        /// PromQL for the time of the newest sample behind the answer, in seconds since the Unix epoch.
        age_query: Option<Arc<str>>,
    },
}

/// What the text of a query takes from the configuration, and from what is known when it is sent.
#[derive(Clone, Copy, Debug)]
pub struct TextContext<'a> {
    /// The namespaces that it is narrowed to.
    pub namespaces: &'a Namespaces,
    /// Label matchers of the server for every built-in query; empty for none.
    pub matchers: &'a str,
    /// Labels of the metrics of containers and pods.
    pub labels: &'a PodLabels,
    /// The template's source.
    pub source: Option<&'a Source>,
    /// Seconds of a window that is [`Window::Auto`].
    pub auto_window_seconds: u32,
}

/// The set of namespaces a grouped query is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    names: std::collections::BTreeSet<String>,
    /// Whether they are all named, however many there are.
    are_all_named: bool,
}

impl Namespaces {
    /// These namespaces and no others.
    pub fn named(names: impl Iterator<Item = Arc<str>>) -> Self {
        Self {
            names: names.map(|name| name.to_string()).collect(),
            are_all_named: true,
        }
    }

    /// Adds a namespace.
    pub fn insert(&mut self, namespace: &str) {
        if !self.names.contains(namespace) {
            self.names.insert(namespace.to_owned());
        }
    }

    /// The same where only some namespaces are watched: what would ask for all asks for these.
    #[must_use]
    pub fn within(&self, config: &Config) -> Cow<'_, Self> {
        if config.watch_namespaces.is_empty() || self.are_named() {
            return Cow::Borrowed(self);
        }
        let watched = config.watch_namespaces.iter();
        Cow::Owned(Self::named(watched.map(|name| name.as_str().into())))
    }

    fn are_named(&self) -> bool {
        !self.names.is_empty() && (self.are_all_named || self.names.len() <= NAMESPACES_NAMED)
    }

    /// A matcher such as `namespace=~"a|b"`, or nothing when there are many.
    fn matcher(&self, label: &str) -> String {
        if !self.are_named() {
            return String::new();
        }
        // Namespace names are DNS labels: letters, digits and dashes, none of them special in a regular expression.
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        format!("{label}=~\"{}\"", names.join("|"))
    }
}

impl Template {
    /// The kind of query in one word, for labels of metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Cpu { .. } => "cpu",
            Self::Memory => "memory",
            Self::Source { measure, .. } => measure.kind(),
            Self::Network { .. } => "network",
            Self::Disk { .. } => "disk",
            Self::Custom { .. } => "prometheus",
        }
    }

    /// The window over which a rate is measured; `None` where it is none, or a user's own.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        match self {
            Self::Cpu { window }
            | Self::Source { window, .. }
            | Self::Network { window, .. }
            | Self::Disk { window, .. } => Some(*window),
            Self::Memory | Self::Custom { .. } => None,
        }
    }

    /// The window in seconds, where `auto` is that of [`Window::Auto`]; `None` as for [`Template::window`].
    #[must_use]
    pub fn window_seconds(&self, auto: u32) -> Option<u32> {
        self.window().map(|window| window.seconds(auto))
    }

    /// Whether a value that is no number says that there were no requests: nothing is a share of none.
    #[must_use]
    pub const fn nan_is_no_requests(&self) -> bool {
        matches!(
            self,
            Self::Source {
                measure: SourceMeasure::ResponseTime(_) | SourceMeasure::FailureRate,
                ..
            }
        )
    }

    /// The text of the query. That of a source which is not given, or does not measure what is asked for, is empty.
    #[must_use]
    pub fn text(&self, context: &TextContext<'_>) -> String {
        let window = self.window_seconds(context.auto_window_seconds).unwrap_or(0);
        match self {
            Self::Cpu { .. } => containers::cpu(context, window),
            Self::Memory => containers::memory(context),
            Self::Network { direction, .. } => containers::network(context, *direction, window),
            Self::Disk { direction, .. } => containers::disk(context, *direction, window),
            Self::Source { measure, by, .. } => context
                .source
                .and_then(|source| source::text(context, source, *measure, by, window))
                .unwrap_or_default(),
            Self::Custom {
                query,
                age_query: None,
            } => query.to_string(),
            Self::Custom {
                query,
                age_query: Some(age),
            } => {
                // On lines of their own: a user's text may end in a comment.
                let tagged = |text: &str, family| text::tagged(&format!("\n{text}\n"), family);
                format!("{} or {}", tagged(query, FAMILY_VALUE), tagged(age, FAMILY_TIME))
            }
        }
    }

    /// Queries for the seconds between two scrapes of the series behind this, of which the first that finds a number is right
    /// and the next ones need not be asked; `None` where there is no window that would follow it. Of series that are scraped
    /// at different intervals it is one that is long enough for 19 in 20.
    ///
    /// Samples are counted over a stretch of a minute, and where these are too few over three, and over five; of series that
    /// have samples beside it too, before and after. In a cluster of short-lived pods most series begin or end within
    /// any minute, and have fewer than their interval makes.
    #[must_use]
    pub fn interval_texts(&self, context: &TextContext<'_>) -> Option<[String; 3]> {
        let witnesses = match self {
            Self::Cpu { .. } => vec![containers::containers(context, containers::CPU_SECONDS)],
            Self::Network { .. } => vec![containers::pods(context, containers::RECEIVED)],
            Self::Disk { .. } => vec![containers::containers(context, containers::READ)],
            Self::Source { .. } => source::witnesses(context, context.source?),
            Self::Memory | Self::Custom { .. } => return None,
        };
        let samples = |range: String| {
            let counts = witnesses
                .iter()
                .map(|series| format!("count_over_time({series}{range})"));
            counts.collect::<Vec<_>>().join(" or ")
        };
        let interval = |stretch: u32, beside: u32| {
            let after = samples(format!("[{beside}s]"));
            let counted = samples(format!("[{stretch}s] offset {beside}s"));
            let before = samples(format!("[{beside}s] offset {}s", beside + stretch));
            format!("quantile(0.95,{stretch} / (({counted}) and ({after}) and ({before})))")
        };
        // Fewer than three samples in a stretch say little: one more or less may fall into it.
        Some([
            format!("{} <= 20", interval(60, 60)),
            format!("{} <= 60", interval(180, 90)),
            interval(300, 300),
        ])
    }
}

#[cfg(test)]
mod tests;
