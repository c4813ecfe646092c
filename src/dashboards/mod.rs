//! The Grafana dashboards, built from the constants of the exporter: what they name is there, or they cannot be built.
//! `make generate` writes them into the chart; the running controller uses none of this. Pure.
mod board;
mod fleet;
mod panel;
mod policy;
mod query;
mod show;

/// A dashboard as it is stored.
#[derive(Clone, Debug)]
pub struct File {
    /// The name of the file, which ends in `.json`.
    pub name: &'static str,
    /// The text of the file.
    pub text: String,
}

/// What keeps a dashboard from being built.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DashboardError {
    /// The exporter, or what became of its series on the way, has no such label.
    #[error("{of} has no label {label}: take one of {known}")]
    UnknownLabel {
        /// The label.
        label: String,
        /// The metric or expression.
        of: String,
        /// The labels that are there.
        known: String,
    },
    /// A counter without a rate, a rate of a gauge, or a quantile of what is no histogram.
    #[error("{metric} is a {kind}: {advice}")]
    WrongKind {
        /// The metric.
        metric: &'static str,
        /// Its kind.
        kind: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// A panel is wider than the page.
    #[error("the panel {title} is {width} columns wide: 1 to {most} fit on the page")]
    TooWide {
        /// The panel.
        title: String,
        /// Its width in columns.
        width: u32,
        /// The columns of the page.
        most: u32,
    },
    /// A panel has more queries than there are letters to name them.
    #[error("the panel {title} has too many queries: 26 can be named")]
    TooManyQueries {
        /// The panel.
        title: String,
    },
}

/// All dashboards.
///
/// # Errors
/// When one of them names what the exporter does not have.
pub fn all() -> Result<Vec<File>, DashboardError> {
    Ok(vec![
        File {
            name: "concertina-fleet.json",
            text: fleet::board().text()?,
        },
        File {
            name: "concertina-policy.json",
            text: policy::board().text()?,
        },
    ])
}
