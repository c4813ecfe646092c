//! Which rights the controller needs, and whether it has them. Pure.
use std::collections::BTreeSet;

use kube::core::discovery::v2::APIGroupDiscoveryList;
use serde_json::{Value, json};

use super::super::finding::{Findings, plural, some_of};
use super::{Account, ClusterFacts, Heard, Trouble, scalable_kinds, serves};

/// At most so many kinds beside those of `apps` are asked about.
const MOST_KINDS: usize = 20;

/// How much depends on a right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// The controller cannot work without.
    Needed,
    /// It goes on without.
    Useful,
    /// Only policies on this kind need it.
    ForKind,
}

/// Verbs on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::doctor) struct Right {
    pub(super) group: String,
    /// With a subresource after a slash.
    pub(super) resource: String,
    pub(super) verbs: &'static [&'static str],
    /// One namespace and one name; absent: all.
    pub(super) within: Option<(String, Option<&'static str>)>,
    pub(super) purpose: String,
    pub(super) weight: Weight,
}

/// Whether a verb is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::doctor) struct Verdict {
    pub(super) verb: &'static str,
    pub(super) is_granted: Heard<bool>,
}

impl Verdict {
    pub(super) fn read(verb: &'static str, answer: &Heard<Value>) -> Self {
        let allowed = |answer: &Value| answer.pointer("/status/allowed").and_then(Value::as_bool);
        let is_granted = match answer {
            Ok(answer) => allowed(answer).ok_or_else(|| Trouble::Other("the answer has no verdict".into())),
            Err(error) => Err(error.clone()),
        };
        Self { verb, is_granted }
    }
}

fn right(
    group: &str,
    resource: impl Into<String>,
    verbs: &'static [&'static str],
    purpose: impl Into<String>,
    weight: Weight,
) -> Right {
    Right {
        group: group.to_owned(),
        resource: resource.into(),
        verbs,
        within: None,
        purpose: purpose.into(),
        weight,
    }
}

/// What the controller needs: the rules of deploy/manifests/rbac.yaml, and those for other kinds with `/scale`; each in every one of the
/// namespaces that it watches, where it does not watch all.
pub(super) fn needed(
    account: &Account,
    groups: &Heard<APIGroupDiscoveryList>,
    namespaces: &[String],
) -> Vec<Right> {
    let rights = needed_everywhere(account, groups).into_iter();
    rights
        .flat_map(|right| {
            if right.within.is_some() || namespaces.is_empty() {
                return vec![right];
            }
            let in_each = namespaces.iter().map(|namespace| Right {
                within: Some((namespace.clone(), None)),
                ..right.clone()
            });
            in_each.collect()
        })
        .collect()
}

fn needed_everywhere(account: &Account, groups: &Heard<APIGroupDiscoveryList>) -> Vec<Right> {
    use Weight::{ForKind, Needed, Useful};
    let own = |verbs, name| Right {
        within: Some((account.namespace.clone(), name)),
        ..right(
            "coordination.k8s.io",
            "leases",
            verbs,
            "one of several controllers is elected",
            Needed,
        )
    };
    let mut rights = vec![
        right(
            "concertina.dev",
            "scalingpolicies",
            &["get", "list", "watch"],
            "policies are read",
            Needed,
        ),
        right(
            "concertina.dev",
            "scalingpolicies/status",
            &["patch"],
            "policies say why",
            Needed,
        ),
        right("", "pods", &["list", "watch"], "pods are counted", Needed),
        right(
            "apps",
            "replicasets",
            &["list", "watch"],
            "pods are found by their owners",
            Needed,
        ),
        right(
            "apps",
            "deployments",
            &["list", "watch"],
            "Deployments are targets",
            Needed,
        ),
        right(
            "apps",
            "statefulsets",
            &["list", "watch"],
            "StatefulSets are targets",
            Needed,
        ),
        right(
            "apps",
            "deployments/scale",
            &["get", "patch"],
            "Deployments are scaled",
            Needed,
        ),
        right(
            "apps",
            "statefulsets/scale",
            &["get", "patch"],
            "StatefulSets are scaled",
            Needed,
        ),
        right(
            "apps",
            "replicasets/scale",
            &["get", "patch"],
            "ReplicaSets are scaled",
            ForKind,
        ),
        right(
            "autoscaling",
            "horizontalpodautoscalers",
            &["list", "watch"],
            "what another autoscaler scales is left to it",
            Useful,
        ),
        right(
            "",
            "resourcequotas",
            &["get"],
            "a quota that was full is looked at again",
            Useful,
        ),
        right(
            "events.k8s.io",
            "events",
            &["create"],
            "changes are told as events",
            Useful,
        ),
        own(&["get", "list", "watch", "update"], Some("concertina")),
        own(&["create"], None),
    ];
    if serves(groups, "keda.sh", "scaledobjects") {
        let purpose = "what KEDA scales is left to it";
        rights.push(right(
            "keda.sh",
            "scaledobjects",
            &["list", "watch"],
            purpose,
            Useful,
        ));
    }
    let kinds = groups
        .iter()
        .flat_map(scalable_kinds)
        .filter(|kind| kind.group != "apps");
    for kind in kinds.take(MOST_KINDS) {
        let purpose = format!("{} objects are targets", kind.kind);
        rights.push(right(
            &kind.group,
            kind.plural.as_str(),
            &["list", "watch"],
            purpose.as_str(),
            ForKind,
        ));
        let scale = format!("{}/scale", kind.plural);
        rights.push(right(&kind.group, scale, &["get", "patch"], purpose, ForKind));
    }
    rights
}

impl Right {
    /// The question for this verb: about the account, or about whoever asks.
    pub(super) fn question(&self, verb: &str, account: Option<&Account>) -> Value {
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((&self.resource, ""));
        let mut attributes = json!({
            "verb": verb, "group": self.group, "resource": resource, "subresource": subresource,
        });
        if let (Some((namespace, name)), Some(fields)) = (&self.within, attributes.as_object_mut()) {
            fields.insert("namespace".into(), namespace.as_str().into());
            fields.insert("name".into(), name.unwrap_or_default().into());
        }
        match account {
            Some(account) => json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": {
                    "user": account.user(),
                    "groups": [
                        "system:serviceaccounts",
                        format!("system:serviceaccounts:{}", account.namespace),
                        "system:authenticated",
                    ],
                    "resourceAttributes": attributes,
                },
            }),
            None => json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            }),
        }
    }

    /// The rule of a role that grants these verbs.
    fn rule(&self, verbs: &[&str]) -> String {
        let group = if self.group.is_empty() {
            "\"\""
        } else {
            &self.group
        };
        let role = match &self.within {
            Some((namespace, _)) => format!("Role in {namespace}"),
            None => "ClusterRole".to_owned(),
        };
        format!(
            "in its {role}: {{apiGroups: [{group}], resources: [{}], verbs: [{}]}}",
            self.resource,
            verbs.join(", ")
        )
    }
}

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
                "the right to create subjectaccessreviews, for whoever runs this; or run it in the controller's pod \
                 (docs/how-to/doctor.md)",
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
    let (mut granted, mut unknown) = (0, Vec::new());
    let mut kinds = BTreeSet::new();
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
        match right.weight {
            Weight::Needed => found.problem("rights", what, right.rule(&denied)),
            Weight::Useful => found.note(
                "rights",
                format!("{what}; it goes on without"),
                right.rule(&denied),
            ),
            Weight::ForKind => {
                kinds.insert((right.group.as_str(), plural, place));
            }
        }
    }
    for (group, plural, place) in kinds {
        found.note(
            "rights",
            format!("{plural} of {group} have a /scale, but {account} may not list, watch and scale them{place}"),
            format!(
                "nothing unless policies are to target them: rbac.scalableKinds of the chart with {group}: [{plural}], or in its \
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

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
