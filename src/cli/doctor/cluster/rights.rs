//! Which rights the controller needs, and how they are asked for. Pure.
use kube::core::discovery::v2::APIGroupDiscoveryList;
use serde_json::{Value, json};

use super::workloads::{name, target};
use super::{Account, Election, Heard, Trouble, scalable_kinds, serves};

/// At most so many kinds beside those of `apps` are asked about.
const MOST_KINDS: usize = 20;

/// How much depends on a right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// The controller cannot work without.
    Needed,
    /// It goes on without.
    Useful,
    /// Only policies on this kind need it; who grants less kinds may mean it.
    ForKind(String),
    /// The controller cannot work without, unless it was told of another Lease or of none.
    ForElection,
}

/// Verbs on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::doctor) struct Right {
    pub(super) group: String,
    /// With a subresource after a slash.
    pub(super) resource: String,
    pub(super) verbs: &'static [&'static str],
    /// One namespace and one name; absent: all.
    pub(super) within: Option<(String, Option<String>)>,
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
    election: &Election,
    groups: &Heard<APIGroupDiscoveryList>,
    namespaces: &[String],
) -> Vec<Right> {
    let rights = needed_everywhere(groups).into_iter().chain(of_election(election));
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

/// The rights on the Lease.
fn of_election(election: &Election) -> Vec<Right> {
    let (namespace, name, weight) = match election {
        Election::By { namespace, name } => (namespace, name, Weight::Needed),
        Election::Perhaps { namespace, name } => (namespace, name, Weight::ForElection),
        Election::None => return Vec::new(),
    };
    let lease = |verbs, name: Option<&String>| Right {
        within: Some((namespace.clone(), name.cloned())),
        ..right(
            "coordination.k8s.io",
            "leases",
            verbs,
            "one of several controllers is elected",
            weight.clone(),
        )
    };
    vec![
        lease(&["get", "list", "watch", "update"], Some(name)),
        lease(&["create"], None),
    ]
}

fn needed_everywhere(groups: &Heard<APIGroupDiscoveryList>) -> Vec<Right> {
    use Weight::{ForKind, Needed, Useful};
    let for_kind = |kind: &str| ForKind(kind.to_owned());
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
            for_kind("Deployment"),
        ),
        right(
            "apps",
            "statefulsets",
            &["list", "watch"],
            "StatefulSets are targets",
            for_kind("StatefulSet"),
        ),
        right(
            "apps",
            "deployments/scale",
            &["get", "patch"],
            "Deployments are scaled",
            for_kind("Deployment"),
        ),
        right(
            "apps",
            "statefulsets/scale",
            &["get", "patch"],
            "StatefulSets are scaled",
            for_kind("StatefulSet"),
        ),
        right(
            "apps",
            "replicasets/scale",
            &["get", "patch"],
            "ReplicaSets are scaled",
            for_kind("ReplicaSet"),
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
            for_kind(&kind.kind),
        ));
        let scale = format!("{}/scale", kind.plural);
        let weight = for_kind(&kind.kind);
        rights.push(right(&kind.group, scale, &["get", "patch"], purpose, weight));
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
            fields.insert("name".into(), name.as_deref().unwrap_or_default().into());
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

    /// Policies on its kind, where it holds.
    pub(super) fn policies(&self, kind: &str, policies: &[Value]) -> Vec<String> {
        let is_on = |policy: &&Value| {
            target(policy).is_some_and(|(of, target, namespace, _)| {
                let is_within = self
                    .within
                    .as_ref()
                    .is_none_or(|(within, _)| *within == namespace);
                of == self.group && target == kind && is_within
            })
        };
        policies.iter().filter(is_on).map(name).collect()
    }

    /// The rule of a role that grants these verbs.
    pub(super) fn rule(&self, verbs: &[&str]) -> String {
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

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
