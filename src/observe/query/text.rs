//! Pieces that the texts of queries are made of. Text only, no network.
use super::{FAMILY_DUPLICATES, FAMILY_LABEL, FAMILY_PARTIAL, FAMILY_TIME, FAMILY_VALUE};

/// The series of a metric that all these matchers fit; empty ones do not count.
pub(super) fn selector(metric: &str, matchers: &[&str]) -> String {
    let matchers: Vec<&str> = matchers
        .iter()
        .copied()
        .filter(|matcher| !matcher.is_empty())
        .collect();
    format!("{metric}{{{}}}", matchers.join(","))
}

/// With the label that says what its numbers are.
pub(super) fn tagged(expression: &str, family: &str) -> String {
    format!("label_replace({expression},\"{FAMILY_LABEL}\",\"{family}\",\"\",\"\")")
}

/// The families of one answer.
pub(super) struct Families {
    /// The value of each group.
    pub(super) value: String,
    /// The newest time of each group.
    pub(super) time: String,
    /// How many series there are of each group where one should be.
    pub(super) counts: Option<String>,
    /// The groups whose rates speak of a part of their window only.
    pub(super) partial: Option<String>,
}

impl Families {
    pub(super) fn text(&self) -> String {
        let duplicates = self.counts.as_ref().map(|counts| format!("{counts} > 1"));
        let families = [
            (FAMILY_VALUE, Some(&self.value)),
            (FAMILY_TIME, Some(&self.time)),
            (FAMILY_DUPLICATES, duplicates.as_ref()),
            (FAMILY_PARTIAL, self.partial.as_ref()),
        ];
        let families = families
            .into_iter()
            .filter_map(|(family, expression)| Some(tagged(expression?, family)));
        families.collect::<Vec<_>>().join(" or ")
    }
}

/// Between two samples may be so many seconds of a window before they count as a gap: three quarters of it.
pub(super) const fn longest_gap(window_seconds: u32) -> u32 {
    let most = window_seconds.saturating_mul(3) / 4;
    if most == 0 { 1 } else { most }
}

/// Groups that have samples, but none from when the window began: new, or not scraped for a while. Prometheus spreads
/// what it has seen over the whole window, so such a rate is a part of what it will be.
pub(super) fn partial(series: &str, by: &str, window_seconds: u32) -> String {
    let most = longest_gap(window_seconds);
    let before = format!("count by ({by}) (count_over_time({series}[{most}s] offset {most}s))");
    format!("count by ({by}) ({series}) unless {before}")
}
