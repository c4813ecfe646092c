//! Makes the API server count the controller's requests apart from everybody else's, and by their purpose: each purpose
//! is a class of priority and fairness of its own, with the priority that every service account has. It calls the API
//! server.

use std::collections::BTreeMap;

use http::Method;
use kube::Client;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use crate::client;
use crate::error::BenchError;
use crate::exposition::{Exposition, label};

/// Where the controller lives, by its manifests, and what its service account is called.
pub(crate) const NAMESPACE: &str = "concertina";

/// One purpose.
struct Class {
    name: &'static str,
    verbs: &'static [&'static str],
    groups: &'static [&'static str],
    resources: &'static [&'static str],
}

/// The first that fits counts.
const CLASSES: [Class; 6] = [
    Class {
        name: "lease",
        verbs: &["*"],
        groups: &["coordination.k8s.io"],
        resources: &["leases"],
    },
    Class {
        name: "scale",
        verbs: &["*"],
        groups: &["apps"],
        resources: &["deployments/scale", "statefulsets/scale", "replicasets/scale"],
    },
    Class {
        name: "status",
        verbs: &["*"],
        groups: &["concertina.dev"],
        resources: &["scalingpolicies/status"],
    },
    Class {
        name: "events",
        verbs: &["*"],
        groups: &["events.k8s.io", ""],
        resources: &["events"],
    },
    Class {
        name: "watch",
        verbs: &["list", "watch"],
        groups: &["*"],
        resources: &["*"],
    },
    Class {
        name: "other",
        verbs: &["*"],
        groups: &["*"],
        resources: &["*"],
    },
];

/// Makes the classes, or leaves them.
pub(crate) async fn count_requests(client: &Client) -> Result<(), BenchError> {
    for (number, class) in (500..).zip(CLASSES) {
        let Class {
            name,
            verbs,
            groups,
            resources,
        } = class;
        let mut rule = json!({
            "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"name": "concertina", "namespace": NAMESPACE}}],
            "resourceRules": [{"verbs": verbs, "apiGroups": groups, "resources": resources, "clusterScope": true, "namespaces": ["*"]}],
        });
        if name == "other"
            && let Some(rule) = rule.as_object_mut()
        {
            rule.insert(
                "nonResourceRules".into(),
                json!([{"verbs": ["*"], "nonResourceURLs": ["*"]}]),
            );
        }
        let schema: Value = json!({
            "apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema",
            "metadata": {"name": format!("concertina-{name}")},
            "spec": {
                "matchingPrecedence": number, "distinguisherMethod": {"type": "ByUser"},
                "priorityLevelConfiguration": {"name": "workload-low"}, "rules": [rule],
            },
        });
        let path = format!(
            "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/concertina-{name}?fieldManager=bench&force=true"
        );
        let _: IgnoredAny = client::send(
            client,
            Method::PATCH,
            &path,
            "application/apply-patch+yaml",
            schema.to_string().into(),
        )
        .await?;
    }
    Ok(())
}

/// How many of the controller's requests the API server has taken, by class.
pub(crate) fn requests(apiserver: &Exposition) -> BTreeMap<&'static str, f64> {
    let mut counts: BTreeMap<&'static str, f64> = CLASSES.iter().map(|class| (class.name, 0.0)).collect();
    for (labels, value) in apiserver.samples("apiserver_flowcontrol_dispatched_requests_total", &[]) {
        let class = label(labels, "flow_schema").and_then(|schema| schema.strip_prefix("concertina-"));
        let count = class.and_then(|class| counts.get_mut(class));
        if let Some(count) = count {
            *count += value;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_told_apart_by_class() {
        let name = "apiserver_flowcontrol_dispatched_requests_total";
        let text = format!(
            "{name}{{flow_schema=\"concertina-scale\",priority_level=\"workload-low\"}} 7\n\
             {name}{{flow_schema=\"exempt\",priority_level=\"exempt\"}} 900\n"
        );
        let counts = requests(&Exposition::new(text));
        assert_eq!((counts["scale"], counts["lease"]), (7.0, 0.0));
        assert_eq!((counts["watch"], counts["other"]), (0.0, 0.0));
    }
}
