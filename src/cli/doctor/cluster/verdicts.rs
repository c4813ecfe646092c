//! What there is to tell of the rights that the controller has and has not. Pure.
use std::collections::{BTreeMap, BTreeSet};

use super::super::finding::{Findings, plural, some_of};
use super::rights::Weight;
use super::{ClusterFacts, Trouble};

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
    let mut kinds: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
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
                if policies.is_empty() {
                    let places = kinds.entry((right.group.as_str(), plural)).or_default();
                    places.extend(within.map(|(namespace, _)| namespace.as_str()));
                } else {
                    let what = format!("{what}, and {} targets one", some_of(&policies, 3));
                    found.problem("rights", what, right.rule(&denied));
                }
            }
        }
    }
    for ((group, plural), places) in kinds {
        let places: Vec<String> = places.into_iter().map(str::to_owned).collect();
        let place = match places.is_empty() {
            true => String::new(),
            false => format!(" in {}", some_of(&places, 4)),
        };
        found.note(
            "rights",
            format!("{plural} of {group} have a /scale, but {account} may not list, watch and scale them{place}"),
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
