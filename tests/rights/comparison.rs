//! The differences between rights and requests, and whether each is explained and each explanation needed. Pure.
use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::grants::Right;
use crate::requests::{Request, Verdict};

/// What the rights and the requests do not have in common, in words, with the number of requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// Granted, and never used.
    pub(crate) unused: BTreeMap<String, usize>,
    /// Allowed by what is no role of the controller's.
    pub(crate) by_others: BTreeMap<String, usize>,
    /// Asked for, and not allowed.
    pub(crate) forbidden: BTreeMap<String, usize>,
}

/// Reasons for differences. A `*` in what is explained stands for anything.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Explanations {
    unused: BTreeMap<String, String>,
    by_others: BTreeMap<String, String>,
    forbidden: BTreeMap<String, String>,
}

impl Right {
    /// Whether a request is among those that it allows.
    fn covers(&self, request: &Request) -> bool {
        self.action == request.action
            && (self.name.is_none() || self.name == request.name)
            && (self.is_everywhere || is_at_home(request))
    }
}

/// Whether a request keeps to the namespace of whoever asks.
fn is_at_home(request: &Request) -> bool {
    request.namespace.as_deref() == Some(&request.account.0)
}

/// Compares `rights` with what was asked. A right in all namespaces that was used in the controller's own alone is told as unused.
pub(crate) fn compare(rights: &[Right], requests: &[Request]) -> Differences {
    let mut differences = Differences::default();
    for right in rights {
        let mut used = requests.iter().filter(|request| right.covers(request)).peekable();
        let is_used = used.peek().is_some();
        if used.all(|request| right.is_everywhere && is_at_home(request)) {
            let beyond = if is_used { " beyond its namespace" } else { "" };
            differences.unused.insert(format!("{right}{beyond}"), 0);
        }
    }
    for request in requests {
        let (kind, what) = match &request.verdict {
            Verdict::Forbidden => (&mut differences.forbidden, request.action.to_string()),
            Verdict::AllowedBy(binding) => {
                let (namespace, name) = &request.account;
                let is_own = binding == name || *binding == format!("{namespace}/{name}");
                if is_own && rights.iter().any(|right| right.covers(request)) {
                    continue;
                }
                (
                    &mut differences.by_others,
                    format!("{} by {binding}", request.action),
                )
            }
        };
        *kind.entry(what).or_default() += 1;
    }
    differences
}

/// Whether `text` is `pattern`, in which a `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, rest)) => text.strip_prefix(before).is_some_and(|text| {
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| text.get(at..).is_some_and(|end| matches(rest, end)))
        }),
    }
}

impl Explanations {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    fn pairs<'a>(
        &'a self,
        differences: &'a Differences,
    ) -> [(
        &'static str,
        &'a BTreeMap<String, usize>,
        &'a BTreeMap<String, String>,
    ); 3] {
        [
            ("granted, never used", &differences.unused, &self.unused),
            ("allowed by another role", &differences.by_others, &self.by_others),
            ("forbidden", &differences.forbidden, &self.forbidden),
        ]
    }

    /// What is wrong: differences that nothing explains, and explanations of what does not differ.
    pub(crate) fn complaints(&self, differences: &Differences) -> Vec<String> {
        let mut complaints = Vec::new();
        for (kind, found, explained) in self.pairs(differences) {
            for what in found.keys() {
                if !explained.keys().any(|pattern| matches(pattern, what)) {
                    complaints.push(format!(
                        "{kind}, and not explained: {what}; take the right away, or explain it in tests/rights/explained.yaml"
                    ));
                }
            }
            for pattern in explained.keys() {
                if !found.keys().any(|what| matches(pattern, what)) {
                    complaints.push(format!(
                        "explained as {kind}, and it is not so: {pattern}; remove it from tests/rights/explained.yaml"
                    ));
                }
            }
        }
        complaints
    }

    /// Every difference with its reason, for people.
    pub(crate) fn told(&self, differences: &Differences) -> String {
        let mut text = String::new();
        for (kind, found, explained) in self.pairs(differences) {
            for (what, count) in found {
                let reason = explained.iter().find(|(pattern, _)| matches(pattern, what));
                let reason = reason.map_or("NOT EXPLAINED", |(_, reason)| reason.as_str());
                let times = if *count > 0 {
                    format!(" ({count} times)")
                } else {
                    String::new()
                };
                let _ = writeln!(text, "  {kind}: {what}{times}\n      {reason}");
            }
        }
        text
    }
}

/// How often each thing was asked for, the most frequent first.
pub(crate) fn table(requests: &[Request]) -> String {
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for request in requests {
        let verdict = match &request.verdict {
            Verdict::AllowedBy(binding) => binding.clone(),
            Verdict::Forbidden => "forbidden".into(),
        };
        *counts.entry((request.action.to_string(), verdict)).or_default() += 1;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let times = || requests.iter().map(|request| request.at);
    let minutes = match (times().min(), times().max()) {
        (Some(first), Some(last)) => last.duration_since(first).as_secs_f64() / 60.0,
        _ => 0.0,
    };
    let mut text = format!("  {} requests in {minutes:.1} minutes\n", requests.len());
    for ((what, verdict), count) in rows {
        let _ = writeln!(text, "  {count:>7}  {what:<50} {verdict}");
    }
    text
}
