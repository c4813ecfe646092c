//! What clusters were heard to say, for the tests of what follows from it. No network.
use super::*;
use crate::api::crd_yaml;
use crate::cli::doctor::finding::{Finding, Level};

pub(super) fn account() -> Account {
    Account::default()
}

/// As the manifests have it.
pub(super) fn election() -> Election {
    Election::By {
        namespace: "concertina".into(),
        name: "concertina".into(),
    }
}

pub(super) fn listed(items: Vec<Value>) -> Heard<Listed> {
    Ok(Listed {
        items,
        has_more: false,
        unheard: Vec::new(),
    })
}

pub(super) fn served(kinds: &[(&str, &str, &str)]) -> APIGroupDiscoveryList {
    let groups = kinds.iter().map(|(group, kind, plural)| {
        let scale = json!([{"subresource": "scale", "verbs": ["get", "patch", "update"]}]);
        json!({"metadata": {"name": group}, "versions": [{"version": "v1", "resources": [
            {"resource": plural, "responseKind": {"group": group, "version": "v1", "kind": kind},
             "subresources": scale, "verbs": ["list"]},
        ]}]})
    });
    serde_json::from_value(json!({"items": groups.collect::<Vec<_>>()})).unwrap()
}

/// A cluster in which this version runs and nothing is wrong.
pub(super) fn healthy() -> ClusterFacts {
    let groups = Ok(served(&[("apps", "Deployment", "deployments")]));
    let rights = rights::needed(&election(), &groups, &[]);
    ClusterFacts {
        version: Ok("v1.37.1".into()),
        clock: None,
        account: account(),
        has_account: Ok(true),
        rights: Ok(rights.into_iter().map(|right| granted(right, true)).collect()),
        groups,
        missing_namespaces: Vec::new(),
        definition: Ok(serde_yaml::from_str(&crd_yaml().unwrap()).unwrap()),
        autoscalers: listed(Vec::new()),
        scaled_objects: listed(Vec::new()),
        policies: listed(Vec::new()),
        deployments: listed(Vec::new()),
        stateful_sets: listed(Vec::new()),
        pods: listed(Vec::new()),
        services: listed(Vec::new()),
    }
}

pub(super) fn granted(right: Right, is_granted: bool) -> (Right, Vec<Verdict>) {
    let verdict = |verb: &&'static str| Verdict {
        verb,
        is_granted: Ok(is_granted),
    };
    let verdicts = right.verbs.iter().map(verdict).collect();
    (right, verdicts)
}

pub(super) fn remarks(facts: &ClusterFacts) -> Vec<Finding> {
    let found = findings(facts).list.into_iter();
    found.filter(|finding| finding.level != Level::Ok).collect()
}

/// The one finding that is not ok.
pub(super) fn remark(facts: &ClusterFacts) -> Finding {
    let mut remarks = remarks(facts);
    assert_eq!(remarks.len(), 1, "{remarks:#?}");
    remarks.remove(0)
}

pub(super) fn assert_says(finding: &Finding, level: Level, what: &str, set: &str) {
    assert_eq!(finding.level, level, "{finding:?}");
    assert!(finding.what.contains(what), "{what:?} is not in {finding:?}");
    let advice = finding.set.as_deref().unwrap_or_default();
    assert!(advice.contains(set), "{set:?} is not in {finding:?}");
}
