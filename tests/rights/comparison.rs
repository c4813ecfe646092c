//! The differences between rights and requests, and whether each is explained and each explanation needed. Pure.
use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;

use crate::grants::Right;
use crate::requests::{Request, Verdict};

const FILE: &str = "tests/rights/explained.yaml";

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
    /// Allowed by another role in some runs and not in others, as two things happen at once.
    by_others_at_times: BTreeMap<String, String>,
    forbidden: BTreeMap<String, String>,
    /// Forbidden in some runs and not in others, as two things happen at once.
    forbidden_at_times: BTreeMap<String, String>,
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

/// Whether a role that is bound to the account by the chart allowed it: for all namespaces, for its Lease in the controller's own, or
/// for one of those that it watches where it does not watch all.
fn is_by_own_role(request: &Request) -> bool {
    let (home, name) = &request.account;
    let watched = request.namespace.as_deref().unwrap_or_default();
    let own = [
        name.clone(),
        format!("{name}-lease/{home}"),
        format!("{name}-controller/{watched}"),
    ];
    matches!(&request.verdict, Verdict::AllowedBy(binding) if own.contains(binding))
}

/// Compares `rights` with what was asked. A right in all namespaces that was used in the controller's own alone is told as unused.
pub(crate) fn compare(rights: &[Right], requests: &[Request]) -> Differences {
    let mut differences = Differences::default();
    for right in rights {
        let is_use = |request: &&Request| is_by_own_role(request) && right.covers(request);
        let uses: Vec<&Request> = requests.iter().filter(is_use).collect();
        if uses.is_empty() {
            differences.unused.insert(right.to_string(), 0);
        } else if right.is_everywhere && uses.iter().all(|request| is_at_home(request)) {
            let told = format!("{right} beyond its namespace");
            differences.unused.insert(told, 0);
        }
    }
    for request in requests {
        let is_granted = is_by_own_role(request) && rights.iter().any(|right| right.covers(request));
        let action = &request.action;
        let (kind, what) = match &request.verdict {
            Verdict::Forbidden => (&mut differences.forbidden, action.to_string()),
            Verdict::AllowedBy(_) if is_granted => continue,
            Verdict::AllowedBy(binding) => (&mut differences.by_others, format!("{action} by {binding}")),
        };
        *kind.entry(what).or_default() += 1;
    }
    differences
}

/// One kind of difference, with its explanations.
struct Kind<'a> {
    name: &'static str,
    found: &'a BTreeMap<String, usize>,
    explained: &'a BTreeMap<String, String>,
    at_times: Option<&'a BTreeMap<String, String>>,
}

impl Kind<'_> {
    fn reason(&self, what: &str) -> Option<&str> {
        let mut explained = self.explained.iter().chain(self.at_times.into_iter().flatten());
        let reason = explained.find(|(pattern, _)| matches(pattern, what));
        reason.map(|(_, reason)| reason.as_str())
    }
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

    fn kinds<'a>(&'a self, differences: &'a Differences) -> [Kind<'a>; 3] {
        let kind = |name, found, explained| Kind {
            name,
            found,
            explained,
            at_times: None,
        };
        [
            kind("granted, never used", &differences.unused, &self.unused),
            Kind {
                at_times: Some(&self.by_others_at_times),
                ..kind("allowed by another role", &differences.by_others, &self.by_others)
            },
            Kind {
                at_times: Some(&self.forbidden_at_times),
                ..kind("forbidden", &differences.forbidden, &self.forbidden)
            },
        ]
    }

    /// What is wrong: differences that nothing explains, and explanations of what does not differ.
    pub(crate) fn complaints(&self, differences: &Differences) -> Vec<String> {
        let mut complaints = Vec::new();
        for kind in self.kinds(differences) {
            for what in kind.found.keys().filter(|what| kind.reason(what).is_none()) {
                complaints.push(format!(
                    "{}, and not explained: {what}; change the role, or explain it in {FILE}",
                    kind.name
                ));
            }
            let is_found = |pattern: &str| kind.found.keys().any(|what| matches(pattern, what));
            for pattern in kind.explained.keys().filter(|pattern| !is_found(pattern)) {
                complaints.push(format!(
                    "explained as {}, and it is not so: {pattern}; remove it from {FILE}",
                    kind.name
                ));
            }
        }
        complaints
    }

    /// Every difference with its reason, for people.
    pub(crate) fn told(&self, differences: &Differences) -> String {
        let mut text = String::new();
        for kind in self.kinds(differences) {
            for (what, count) in kind.found {
                let reason = kind.reason(what).unwrap_or("NOT EXPLAINED");
                let times = if *count > 0 {
                    format!(" ({count} times)")
                } else {
                    String::new()
                };
                let _ = writeln!(text, "  {}: {what}{times}\n      {reason}", kind.name);
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
