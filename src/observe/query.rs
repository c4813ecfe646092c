//! The PromQL behind each kind of metric. Text only, no network.
//!
//! A grouped query returns three families in one answer, told apart by the label `concertina`: the value, the time of the
//! newest sample behind it, and how many series there are where there should be one.
use std::fmt::Write;

use crate::config::SourceConfig;

/// The label that tells the families of a grouped answer apart.
pub const FAMILY_LABEL: &str = "concertina";
/// The family of values.
pub const FAMILY_VALUE: &str = "value";
/// The family of the newest samples' times, in seconds since the Unix epoch.
pub const FAMILY_TIME: &str = "time";
/// The family of counts of duplicate series.
pub const FAMILY_DUPLICATES: &str = "duplicates";

/// Up to this many namespaces a query names them; beyond it asks for all.
const NAMESPACES_NAMED: usize = 50;

/// What a query asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Template {
    /// CPU usage per container in cores, averaged over the window.
    Cpu {
        /// Window of the rate in seconds.
        window_seconds: u32,
    },
    /// Memory working set per container in bytes, now.
    Memory,
    /// Requests per second per pod, averaged over the window.
    RequestRate {
        /// The source's name.
        source: String,
        /// Window of the rate in seconds.
        window_seconds: u32,
    },
    /// A user's own query, as written.
    Custom {
        /// PromQL.
        query: String,
    },
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
    /// The text of the query. `source` is the configuration of a request rate's source.
    #[must_use]
    pub fn text(&self, namespaces: &Namespaces, source: Option<&SourceConfig>) -> String {
        match self {
            Self::Cpu { window_seconds } => {
                let series = container_series("container_cpu_usage_seconds_total", namespaces);
                // `and` drops the series of a container that is gone: its rate would linger for a window.
                let value = format!(
                    "max by (namespace,pod,container) (rate({series}[{window_seconds}s]) and {series})"
                );
                families(&value, &series, "namespace,pod,container", None)
            }
            Self::Memory => {
                let series = container_series("container_memory_working_set_bytes", namespaces);
                let value = format!("max by (namespace,pod,container) ({series})");
                families(&value, &series, "namespace,pod,container", None)
            }
            Self::RequestRate { window_seconds, .. } => {
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
                // One job counts once: a pod that two jobs scrape has every request twice.
                let value = format!("max by ({by}) (sum by ({by},job) (rate({series}[{window_seconds}s])))");
                let per_job = format!("count by ({by},job) ({series})");
                families(&value, &series, &by, Some(&per_job))
            }
            Self::Custom { query } => query.clone(),
        }
    }
}

fn container_series(name: &str, namespaces: &Namespaces) -> String {
    // The unnamed container is the pod's own cgroup, POD the pause container.
    format!(
        "{name}{{{}container!=\"\",container!=\"POD\",pod!=\"\"}}",
        namespaces.matcher("namespace")
    )
}

/// `counted` is what should be single per group when that is not the plain series.
fn families(value: &str, series: &str, by: &str, counted: Option<&str>) -> String {
    let counted = counted.unwrap_or(series);
    let mut text = String::new();
    let tagged = |expression: &str, family: &str| {
        format!("label_replace({expression},\"{FAMILY_LABEL}\",\"{family}\",\"\",\"\")")
    };
    let time = format!("max by ({by}) (timestamp({series}))");
    let duplicates = format!("count by ({by}) ({counted}) > 1");
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
mod tests {
    use super::*;

    fn namespaces(names: &[&str]) -> Namespaces {
        let mut set = Namespaces::default();
        names.iter().for_each(|name| set.insert(name));
        set
    }

    #[test]
    fn a_cpu_query_names_few_namespaces_and_carries_three_families() {
        let text = Template::Cpu { window_seconds: 20 }.text(&namespaces(&["b", "a"]), None);
        assert!(
            text.contains(r#"container_cpu_usage_seconds_total{namespace=~"a|b",container!="""#),
            "{text}"
        );
        assert!(text.contains("[20s]"));
        for family in [FAMILY_VALUE, FAMILY_TIME, FAMILY_DUPLICATES] {
            assert!(text.contains(&format!("\"{family}\"")), "{text}");
        }
    }

    #[test]
    fn many_namespaces_are_not_named() {
        let names: Vec<String> = (0..51).map(|i| format!("n{i}")).collect();
        let text = Template::Memory.text(
            &namespaces(&names.iter().map(String::as_str).collect::<Vec<_>>()),
            None,
        );
        assert!(!text.contains("namespace=~"), "{text}");
    }

    #[test]
    fn a_custom_query_is_sent_as_written() {
        let template = Template::Custom {
            query: "sum(up)".into(),
        };
        assert_eq!(template.text(&namespaces(&["a"]), None), "sum(up)");
    }
}
