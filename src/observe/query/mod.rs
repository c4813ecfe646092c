//! The PromQL behind each kind of metric. Text only, no network.
//!
//! A grouped query returns families in one answer, told apart by the label `concertina`: the value, the time of the newest
//! sample behind it, how many series there are where there should be one, and of rates those that were not sampled for the
//! whole window.
use std::fmt::Write;
use std::sync::Arc;

use crate::api::{DiskDirection, NetworkDirection};
use crate::config::SourceConfig;

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

/// The labels that tell the containers of all pods apart.
const CONTAINER: &str = "namespace,pod,container";
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

/// A rate is taken over this many scrapes: one may be late and one lost, and a rate is still there.
const SCRAPES_PER_WINDOW: u32 = 4;

/// The window in seconds of a rate whose series are scraped every so many seconds.
#[must_use]
pub const fn auto_window_seconds(scrape_interval_seconds: u32) -> u32 {
    scrape_interval_seconds.saturating_mul(SCRAPES_PER_WINDOW)
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
    /// Requests per second per pod, averaged over the window.
    RequestRate {
        /// The source's name.
        source: Arc<str>,
        /// Window of the rate.
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
    },
}

/// What the text of a query takes from the configuration, and from what is known when it is sent.
#[derive(Clone, Copy, Debug)]
pub struct TextContext<'a> {
    /// The namespaces that it is narrowed to.
    pub namespaces: &'a Namespaces,
    /// The configuration of a request rate's source.
    pub source: Option<&'a SourceConfig>,
    /// Seconds of a window that is [`Window::Auto`].
    pub auto_window_seconds: u32,
}

/// The set of namespaces a grouped query is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces(std::collections::BTreeSet<String>);

impl Namespaces {
    /// Adds a namespace.
    pub fn insert(&mut self, namespace: &str) {
        if !self.0.contains(namespace) {
            self.0.insert(namespace.to_owned());
        }
    }

    /// A matcher such as `namespace=~"a|b",`, or nothing when there are many.
    fn matcher(&self, label: &str) -> String {
        if self.0.is_empty() || self.0.len() > NAMESPACES_NAMED {
            return String::new();
        }
        // Namespace names are DNS labels: letters, digits and dashes, none of them special in a regular expression.
        let names: Vec<&str> = self.0.iter().map(String::as_str).collect();
        format!("{label}=~\"{}\",", names.join("|"))
    }
}

impl Template {
    /// The window over which a rate is measured; `None` where it is none, or a user's own.
    #[must_use]
    pub const fn window(&self) -> Option<Window> {
        match self {
            Self::Cpu { window }
            | Self::RequestRate { window, .. }
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

    /// The text of the query.
    #[must_use]
    pub fn text(&self, context: &TextContext<'_>) -> String {
        let TextContext {
            namespaces, source, ..
        } = *context;
        let window_seconds = self
            .window_seconds(context.auto_window_seconds)
            .unwrap_or_default();
        match self {
            Self::Cpu { .. } => {
                let series = container_series("container_cpu_usage_seconds_total", namespaces);
                // `and` drops the series of a container that is gone: its rate would linger for a window.
                let value = format!("max by ({CONTAINER}) (rate({series}[{window_seconds}s]) and {series})");
                let counts = format!("count by ({CONTAINER}) ({series})");
                families(&value, &series, CONTAINER, &counts) + &partial(&series, CONTAINER, window_seconds)
            }
            Self::Memory => {
                let series = container_series("container_memory_working_set_bytes", namespaces);
                let value = format!("max by ({CONTAINER}) ({series})");
                families(
                    &value,
                    &series,
                    CONTAINER,
                    &format!("count by ({CONTAINER}) ({series})"),
                )
            }
            Self::RequestRate { .. } => {
                let Some(source) = source else {
                    return String::new();
                };
                let SourceConfig {
                    counter,
                    namespace_label,
                    pod_label,
                } = source;
                let matcher = namespaces.matcher(namespace_label);
                let series = format!("{counter}{{{matcher}{pod_label}!=\"\"}}");
                let by = format!("{namespace_label},{pod_label}");
                // One job counts once: a pod that two jobs scrape has every request twice. `and` drops what is not scraped
                // any more: its rate would fall for a window as if its load did.
                let value = format!(
                    "max by ({by}) (sum by ({by},job) (rate({series}[{window_seconds}s]) and {series}))"
                );
                let jobs = format!("count by ({by}) (count by ({by},job) ({series}))");
                families(&value, &series, &by, &jobs) + &partial(&series, &by, window_seconds)
            }
            Self::Network { direction, .. } => {
                let receive = "container_network_receive_bytes_total";
                let transmit = "container_network_transmit_bytes_total";
                let counters: &[&str] = match direction {
                    NetworkDirection::Receive => &[receive],
                    NetworkDirection::Transmit => &[transmit],
                    NetworkDirection::Both => &[receive, transmit],
                };
                // The pod's containers share its network, so the series is that of the pod or of its pause container.
                let matchers = format!(
                    "{}pod!=\"\",container=~\"|POD\",interface!=\"lo\"",
                    namespaces.matcher("namespace")
                );
                throughput(counters, &matchers, "interface", window_seconds)
            }
            Self::Disk { direction, .. } => {
                let (reads, writes) = (
                    "container_fs_reads_bytes_total",
                    "container_fs_writes_bytes_total",
                );
                let counters: &[&str] = match direction {
                    DiskDirection::Read => &[reads],
                    DiskDirection::Write => &[writes],
                    DiskDirection::Both => &[reads, writes],
                };
                let matchers = container_matchers(namespaces);
                throughput(counters, &matchers, "container,device", window_seconds)
            }
            Self::Custom { query } => query.to_string(),
        }
    }
}

/// Bytes per second of each pod: the sum over `parts` and counters. A pod that lacks one of the counters has no value.
fn throughput(counters: &[&str], matchers: &str, parts: &str, window_seconds: u32) -> String {
    let by = "namespace,pod";
    let series: Vec<String> = counters
        .iter()
        .map(|counter| format!("{counter}{{{matchers}}}"))
        .collect();
    // The greatest of the series of one part counts: two jobs may scrape it, and a container may just have restarted.
    let sums: Vec<String> = series
        .iter()
        .map(|series| {
            format!("sum by ({by}) (max by ({by},{parts}) (rate({series}[{window_seconds}s]) and {series}))")
        })
        .collect();
    // The counters of one part come in one scrape, so one of them tells the time and the duplicates of all.
    let first = series.first().map_or("", String::as_str);
    let per_part = format!("max by ({by}) (count by ({by},{parts}) ({first}))");
    families(&sums.join(" + "), first, by, &per_part) + &partial(first, by, window_seconds)
}

/// What has samples, but none from when the window began: new, or not scraped for a while. Prometheus spreads what it has
/// seen over the whole window, so such a rate is a part of what it will be. Between two samples may be three quarters of
/// the window before they count as a gap.
fn partial(series: &str, by: &str, window_seconds: u32) -> String {
    let most = (window_seconds.saturating_mul(3) / 4).max(1);
    let before = format!("count by ({by}) (count_over_time({series}[{most}s] offset {most}s))");
    let partial = format!("count by ({by}) ({series}) unless {before}");
    format!(" or {}", tagged(&partial, FAMILY_PARTIAL))
}

fn tagged(expression: &str, family: &str) -> String {
    format!("label_replace({expression},\"{FAMILY_LABEL}\",\"{family}\",\"\",\"\")")
}

fn container_series(name: &str, namespaces: &Namespaces) -> String {
    format!("{name}{{{}}}", container_matchers(namespaces))
}

fn container_matchers(namespaces: &Namespaces) -> String {
    // The unnamed container is the pod's own cgroup, POD the pause container.
    format!(
        "{}container!=\"\",container!=\"POD\",pod!=\"\"",
        namespaces.matcher("namespace")
    )
}

/// `counts` says how many series there are of each group where one should be.
fn families(value: &str, series: &str, by: &str, counts: &str) -> String {
    let mut text = String::new();
    let time = format!("max by ({by}) (timestamp({series}))");
    let duplicates = format!("{counts} > 1");
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{} or {} or {}",
        tagged(value, FAMILY_VALUE),
        tagged(&time, FAMILY_TIME),
        tagged(&duplicates, FAMILY_DUPLICATES)
    );
    text
}

#[cfg(test)]
mod tests;
