//! What there is to tell of the rights that the controller has and has not. Pure.
use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::{Findings, plural, some_of};
use super::rights::{Right, Weight};
use super::{ClusterFacts, Heard, LIST_LIMIT, Listed, Trouble};

const NOT_KNOWN: &str = "whether a policy targets one is not known";

pub(super) fn check(facts: &ClusterFacts, found: &mut Findings) {
    let account = format!("{}/{}", facts.account.namespace, facts.account.name);
    let rights = match &facts.rights {
        Ok(rights) => rights,
        // That it is not installed is told already, unless its definition is.
        Err(Trouble::Absent) if facts.definition.is_err() => return,
        Err(Trouble::Absent) => {
            return found.note(
                "rights",
                format!("there is no service account {account}"),
                "--service-account NAMESPACE/NAME with the controller's; or kubectl apply -k deploy/manifests",
            );
        }
        Err(Trouble::Forbidden) => {
            return found.note(
                "rights",
                format!("those of {account} are not known, as you may not ask for others'"),
                "the right to create subjectaccessreviews, for whoever runs this; or run it in the controller's pod, without \
                 --service-account (docs/how-to/doctor.md)",
            );
        }
        Err(error) => {
            return found.note(
                "rights",
                format!("those of {account} are not known: {error}"),
                "what the message says",
            );
        }
    };
    let policies = facts.policies.as_ref().map_or(&[][..], |list| &list.items);
    let (mut granted, mut unknown) = (0, Vec::new());
    let mut kinds: BTreeMap<(&str, &str, Option<String>), BTreeSet<&str>> = BTreeMap::new();
    for (right, verdicts) in rights {
        let denied: Vec<&str> = verdicts
            .iter()
            .filter(|verdict| verdict.is_granted == Ok(false))
            .map(|verdict| verdict.verb)
            .collect();
        granted += verdicts
            .iter()
            .filter(|verdict| verdict.is_granted == Ok(true))
            .count();
        unknown.extend(
            verdicts
                .iter()
                .filter_map(|verdict| verdict.is_granted.as_ref().err())
                .map(Trouble::to_string),
        );
        if denied.is_empty() {
            continue;
        }
        let within = right.within.as_ref();
        let place = within.map_or_else(String::new, |(namespace, _)| format!(" in {namespace}"));
        let what = format!(
            "{account} may not {} {}{place}: {}",
            denied.join(", "),
            right.resource,
            right.purpose
        );
        let plural = right.resource.split('/').next().unwrap_or_default();
        match &right.weight {
            Weight::Needed => found.problem("rights", what, right.rule(&denied)),
            Weight::Useful => found.note(
                "rights",
                format!("{what}; it goes on without"),
                right.rule(&denied),
            ),
            Weight::ForElection => found.note(
                "rights",
                what,
                format!(
                    "{}; --lease-name where its Lease is another, and nothing where it is told --leader-elect=false",
                    right.rule(&denied)
                ),
            ),
            Weight::ForKind(kind) => {
                let policies = right.policies(kind, policies);
                let unseen = unseen(right, &facts.policies);
                match &unseen {
                    _ if !policies.is_empty() => {
                        let what = format!("{what}, and {} targets one", some_of(&policies, 3));
                        found.problem("rights", what, right.rule(&denied));
                    }
                    Some(why) if is_usual(&right.group, kind) => found.problem(
                        "rights",
                        format!("{what}; {NOT_KNOWN}: {why}"),
                        format!("{}; nothing if none is to", right.rule(&denied)),
                    ),
                    _ => {
                        let places = kinds.entry((&right.group, plural, unseen)).or_default();
                        places.extend(within.map(|(namespace, _)| namespace.as_str()));
                    }
                }
            }
        }
    }
    for ((group, plural, unseen), places) in kinds {
        let unseen = unseen.map_or_else(String::new, |why| format!("; {NOT_KNOWN}: {why}"));
        let places: Vec<String> = places.into_iter().map(str::to_owned).collect();
        let place = match places.is_empty() {
            true => String::new(),
            false => format!(" in {}", some_of(&places, 4)),
        };
        found.note(
            "rights",
            format!("{plural} of {group} have a /scale, but {account} may not list, watch and scale them{place}{unseen}"),
            format!(
                "nothing unless policies are to target them: {plural} in rbac.scalableKinds.{group} of the chart, or in its \
                 role list and watch of {plural}, get and patch of {plural}/scale"
            ),
        );
    }
    if granted > 0 {
        found.ok(
            "rights",
            format!("{account} has {} that were asked for", plural(granted, "right")),
        );
    }
    if !unknown.is_empty() {
        let what = format!(
            "{} could not be asked for: {}",
            plural(unknown.len(), "right"),
            some_of(&unknown, 1)
        );
        found.note("rights", what, "what the message says");
    }
}

/// Kinds that most policies target, so that a right which is missing is more likely an oversight than meant.
fn is_usual(group: &str, kind: &str) -> bool {
    group == "apps" && matches!(kind, "Deployment" | "StatefulSet")
}

/// Why policies may have been missed where a right holds, if any may.
fn unseen(right: &Right, policies: &Heard<Listed>) -> Option<String> {
    let list = match policies {
        Ok(list) => list,
        Err(trouble) => return Some(format!("policies could not be listed: {trouble}")),
    };
    let concerns = |namespace: &str| {
        right
            .within
            .as_ref()
            .is_none_or(|(within, _)| within == namespace)
    };
    let unheard = list.unheard.iter().find(|(namespace, _)| concerns(namespace));
    unheard
        .map(|(namespace, trouble)| format!("policies of {namespace} could not be listed: {trouble}"))
        .or_else(|| {
            list.has_more
                .then(|| format!("only the first {LIST_LIMIT} policies were looked at"))
        })
}
