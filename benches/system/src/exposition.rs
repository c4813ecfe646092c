//! Reads the text that servers expose their metrics in. Pure.

/// Samples of one scrape of one server.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exposition(String);

impl Exposition {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// The sum over the series of this name whose labels include all of `labels`; `None` when there is none.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.samples(name, labels)
            .map(|(_, value)| value)
            .fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// Label text and value of each series of this name whose labels include all of `labels`.
    pub(crate) fn samples<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = (&'a str, f64)> {
        self.0.lines().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let (label_text, value) = match rest.strip_prefix('{') {
                // The first brace after a value: exemplars have braces too.
                Some(rest) => rest.split_at_checked(rest.find("\"} ")? + 1)?,
                None => ("", rest.strip_prefix(' ')?),
            };
            let matches = |(name, value): &(&str, &str)| label(label_text, name) == Some(value);
            // What follows the value is a timestamp or an exemplar.
            let value = value.trim_start_matches("} ").split(' ').next()?;
            let value = value.parse().ok()?;
            labels.iter().all(matches).then_some((label_text, value))
        })
    }

    /// The buckets of a histogram, summed over its series: (upper bound, count), ascending.
    pub(crate) fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let name = format!("{name}_bucket");
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (labels, count) in self.samples(&name, &[]) {
            let Some(bound) = label(labels, "le").and_then(|bound| bound.parse::<f64>().ok()) else {
                continue;
            };
            match buckets
                .iter_mut()
                .find(|(known, _)| known.total_cmp(&bound).is_eq())
            {
                Some((_, sum)) => *sum += count,
                None => buckets.push((bound, count)),
            }
        }
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }
}

/// The value of a label in the text between the braces. Values with quotes in them are not met here.
pub(crate) fn label<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (found, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if found == name {
            return Some(value);
        }
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// What was added to each bucket between two scrapes.
pub(crate) fn bucket_difference(before: &[(f64, f64)], after: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let earlier = |bound: f64| {
        before
            .iter()
            .find(|(known, _)| known.total_cmp(&bound).is_eq())
            .map_or(0.0, |(_, count)| *count)
    };
    after
        .iter()
        .map(|(bound, count)| (*bound, count - earlier(*bound)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# HELP x y\n\
        requests_total{handler=\"/api/v1/query\",code=\"200\"} 12\n\
        requests_total{handler=\"/api/v1/query\",code=\"400\"} 3\n\
        requests_total{handler=\"/metrics\",code=\"200\"} 5\n\
        requests_total_other{handler=\"/metrics\"} 100\n\
        process_cpu_seconds_total 1.5\n\
        gap_seconds_bucket{le=\"1.0\"} 3\n\
        gap_seconds_bucket{le=\"+Inf\"} 4 # {trace=\"a\"} 1.0\n";

    #[test]
    fn series_are_summed_by_name_and_labels() {
        let text = Exposition::new(TEXT.into());
        assert_eq!(
            text.sum("requests_total", &[("handler", "/api/v1/query")]),
            Some(15.0)
        );
        assert_eq!(text.sum("requests_total", &[]), Some(20.0));
        assert_eq!(text.sum("process_cpu_seconds_total", &[]), Some(1.5));
        assert_eq!(text.sum("requests_total", &[("handler", "/none")]), None);
        assert_eq!(text.sum("absent_total", &[]), None);
    }

    #[test]
    fn buckets_come_in_order_and_their_difference_is_what_was_added() {
        let buckets = Exposition::new(TEXT.into()).buckets("gap_seconds");
        assert_eq!(buckets, [(1.0, 3.0), (f64::INFINITY, 4.0)]);
        let before = [(1.0, 1.0), (f64::INFINITY, 1.0)];
        assert_eq!(
            bucket_difference(&before, &buckets),
            [(1.0, 2.0), (f64::INFINITY, 3.0)]
        );
    }
}
