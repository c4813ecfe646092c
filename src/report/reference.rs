//! The reference pages of the reasons and of the controller's metrics, written from what the code has. Pure.
use std::fmt::Write;

use concertina_decision::Reason;

use super::metrics::names::{MetricName, SECTIONS};

/// The page as Markdown.
#[must_use]
pub fn reasons_markdown() -> String {
    let mut page = String::from(
        "# Reasons\n\n\
         <!-- Written by `make generate` from crates/decision/src/reason.rs; edit the texts there. -->\n\n\
         One word says why a number is what it is, or what keeps the controller from acting: the same in conditions, events, the \
         status, metric labels and logs. Those marked *warns* \
         call for somebody to look: the policy is not Ready while they last, and an event of type Warning tells of them. \
         They come in the order of the [pipeline](../explanation/decision.md); the controller's own come last.\n\n\
         | reason | | meaning |\n|---|---|---|\n",
    );
    for reason in Reason::ALL {
        let warns = if reason.is_trouble() { "warns" } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{reason}` | {warns} | {} |", reason.message());
    }
    page
}

const METRICS: &str = "# The controller's own metrics

<!-- Written by `make generate` from src/report/metrics/names.rs; edit the texts there, and those around them in src/report/reference.rs. -->

`/metrics` answers in OpenMetrics text. Counters end in `_total`; histograms have `_bucket`, `_count` and `_sum`; what ends in
`_info` is always 1 and says it in its labels. Times are in seconds, sizes in bytes, shares from 0 to 1.

What is made of them: [dashboards](../how-to/dashboards.md) and [alerts](../how-to/alerts.md).

";

const POLICY_SERIES: &str = "
## How many series
They are there for each policy, so `policySeries` in the controller's configuration (`config.policySeries` of the chart) says how many:

| `policySeries` | series of each policy | of one with two metrics | what is lost |
|---|---|---|---|
| `All` (default) | both sections | about 40 | nothing |
| `Replicas` | the first section | 13, and one for each reason | in the dashboards what one policy's stages, metrics and guards said |
| `None` | none | 0 | the dashboard of one policy, most of that of the fleet, and the alerts on policies |

From about 2,000 policies on choose `Replicas`: with `All` they are 80,000 series, more than all else that is asked of Prometheus for them. The text is sent
in pieces, so that it does not take memory of its own.

Of several controllers only the one that leads has them. When another takes over they come from another `instance`, so
take the maximum over it: `max by (namespace, policy) (concertina_policy_desired_replicas)`, and for counters the sum of the increases. Scrape with `honorLabels`
(`honor_labels` in Prometheus' own configuration), or else `namespace` becomes `exported_namespace`.

A policy that cannot be decided, because its target is missing for example, has `concertina_policy_decision_info`, `concertina_policy_reason` and its changes,
and no other series until it can be again: the last number of something that is gone would be taken for the present one.
";

/// The page of the metrics as Markdown.
#[must_use]
pub fn metrics_markdown() -> String {
    let mut page = String::from(METRICS);
    for (place, section) in SECTIONS.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(
            page,
            "## {}\n{}\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n",
            section.title, section.about
        );
        for MetricName {
            name,
            kind,
            labels,
            help,
        } in section.metrics
        {
            let _ = writeln!(
                page,
                "| `{name}` | {} | {} | {help} |",
                kind.as_str(),
                labels.join(", ")
            );
        }
        if place == 1 {
            page.push_str(POLICY_SERIES);
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}
