//! Rights, from answers as they were recorded, and those of the manifests. No network.
use std::collections::BTreeSet;

use super::super::recorded::{
    account, assert_says, election, granted, healthy, listed, remark, remarks, served,
};
use super::super::{ClusterFacts, Listed};
use super::*;
use crate::cli::doctor::finding::Level;

/// Group, resource, verb, and whether it is about the one Lease.
fn rules_of_the_manifest() -> BTreeSet<(String, String, String, bool)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/manifests/rbac.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rules = BTreeSet::new();
    for document in text.split("\n---\n") {
        let object: Value = serde_yaml::from_str(document).unwrap();
        // Other roles there are for people.
        if object["metadata"]["name"]
            .as_str()
            .unwrap()
            .starts_with("concertina-policies-")
        {
            continue;
        }
        let words = |rule: &Value, field: &str| -> Vec<String> {
            let words = rule[field].as_array().into_iter().flatten();
            words.map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        for rule in object["rules"].as_array().into_iter().flatten() {
            for group in words(rule, "apiGroups") {
                for resource in words(rule, "resources") {
                    for verb in words(rule, "verbs") {
                        rules.insert((
                            group.clone(),
                            resource.clone(),
                            verb,
                            !rule["resourceNames"].is_null(),
                        ));
                    }
                }
            }
        }
    }
    rules
}

#[test]
fn the_rights_that_are_asked_for_are_those_of_the_manifests() {
    let groups = Ok(served(&[("keda.sh", "ScaledObject", "scaledobjects")]));
    // Here it has a /scale too, which it has not in fact.
    let rights = needed(&election(), &groups, &[]).into_iter();
    let rights = rights.filter(|right| right.group != "keda.sh" || right.weight == Weight::Useful);
    let asked: BTreeSet<_> = rights
        .flat_map(|right| {
            let is_named = right.within.as_ref().is_some_and(|(_, name)| name.is_some());
            let of = move |verb: &&str| {
                (
                    right.group.clone(),
                    right.resource.clone(),
                    (*verb).to_owned(),
                    is_named,
                )
            };
            right.verbs.iter().map(of).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(asked, rules_of_the_manifest());
}

fn policy(api_version: &str, kind: &str) -> Value {
    json!({"metadata": {"namespace": "shop", "name": "web"},
           "spec": {"scaleTargetRef": {"apiVersion": api_version, "kind": kind, "name": "web"}},
           "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

#[test]
fn a_right_that_is_not_there_is_told_with_the_rule_that_grants_it() {
    let mut facts = healthy();
    let deny = |facts: &mut ClusterFacts, resource: &str| {
        for (right, verdicts) in facts.rights.as_mut().unwrap() {
            if right.resource == resource {
                verdicts[0].is_granted = Ok(false);
            }
        }
    };
    facts.policies = listed(vec![policy("apps/v1", "Deployment")]);
    deny(&mut facts, "deployments/scale");
    let set = "in its ClusterRole: {apiGroups: [apps], resources: [deployments/scale], verbs: [get]}";
    assert_says(
        &remark(&facts),
        Level::Problem,
        "concertina/concertina may not get deployments/scale",
        set,
    );
    let mut facts = healthy();
    deny(&mut facts, "resourcequotas");
    assert_says(
        &remark(&facts),
        Level::Note,
        "it goes on without",
        r#"apiGroups: [""]"#,
    );
    let mut facts = healthy();
    deny(&mut facts, "leases");
    let set = "in its Role in concertina: {apiGroups: [coordination.k8s.io], resources: [leases]";
    assert!(
        remarks(&facts)
            .iter()
            .all(|finding| finding.set.as_ref().unwrap().starts_with(set))
    );
}

#[test]
fn of_some_namespaces_the_same_rights_are_asked_for_in_each_and_none_beyond() {
    let groups = Ok(served(&[("keda.sh", "ScaledObject", "scaledobjects")]));
    let everywhere = needed(&election(), &groups, &[]);
    let namespaces = ["shop".to_owned(), "team".to_owned()];
    let of_some = needed(&election(), &groups, &namespaces);
    assert!(of_some.iter().all(|right| right.within.is_some()));
    let leases = everywhere.iter().filter(|right| right.within.is_some()).count();
    assert_eq!(of_some.len(), 2 * (everywhere.len() - leases) + leases);
    for right in everywhere.iter().filter(|right| right.within.is_none()) {
        for namespace in &namespaces {
            let within = Some((namespace.clone(), None));
            assert!(
                of_some.contains(&Right {
                    within,
                    ..right.clone()
                }),
                "{right:?} in {namespace}"
            );
        }
    }
    let question = of_some[0].question("list", Some(&account()));
    assert_eq!(question["spec"]["resourceAttributes"]["namespace"], "shop");
    let mut facts = healthy();
    facts.rights = Ok(of_some
        .into_iter()
        .map(|right| {
            let is_granted = right.resource != "pods" || right.within != Some(("team".into(), None));
            granted(right, is_granted)
        })
        .collect());
    assert_says(
        &remark(&facts),
        Level::Problem,
        "concertina/concertina may not list, watch pods in team: pods are counted",
        "in its Role in team: {apiGroups: [\"\"], resources: [pods], verbs: [list, watch]}",
    );
}

#[test]
fn kinds_with_a_scale_that_the_role_does_not_list_are_told() {
    let mut facts = healthy();
    facts.groups = Ok(served(&[
        ("argoproj.io", "Rollout", "rollouts"),
        ("apps", "ReplicaSet", "replicasets"),
    ]));
    let rights = needed(&election(), &facts.groups, &[]).into_iter();
    let answered = rights.map(|right| {
        let is_granted = right.group != "argoproj.io";
        granted(right, is_granted)
    });
    facts.rights = Ok(answered.collect());
    let what =
        "rollouts of argoproj.io have a /scale, but concertina/concertina may not list, watch and scale them";
    assert_says(
        &remark(&facts),
        Level::Note,
        what,
        "rollouts in rbac.scalableKinds.argoproj.io of the chart",
    );
}

#[test]
fn rights_that_cannot_be_asked_for_are_not_taken_for_missing() {
    let mut facts = healthy();
    facts.rights = Err(Trouble::Forbidden);
    assert_says(
        &remark(&facts),
        Level::Note,
        "are not known",
        "subjectaccessreviews",
    );
    let mut facts = healthy();
    facts.rights.as_mut().unwrap()[0].1[0].is_granted = Err(Trouble::Other("webhook is down".into()));
    assert_says(
        &remark(&facts),
        Level::Note,
        "1 right could not be asked for: webhook is down",
        "",
    );
}

#[test]
fn kinds_that_were_withheld_are_a_problem_only_where_a_policy_targets_one() {
    let mut facts = healthy();
    for (right, verdicts) in facts.rights.as_mut().unwrap() {
        if right.resource.starts_with("statefulsets") {
            verdicts
                .iter_mut()
                .for_each(|verdict| verdict.is_granted = Ok(false));
        }
    }
    facts.policies = listed(vec![policy("apps/v1", "Deployment")]);
    assert_says(
        &remark(&facts),
        Level::Note,
        "statefulsets of apps have a /scale, but concertina/concertina may not list, watch and scale them",
        "nothing unless policies are to target them: statefulsets in rbac.scalableKinds.apps of the chart",
    );
    facts.policies = listed(vec![policy("apps/v1", "StatefulSet")]);
    let found = remarks(&facts);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_says(
        &found[0],
        Level::Problem,
        "may not list, watch statefulsets: StatefulSets are targets, and shop/web targets one",
        "in its ClusterRole: {apiGroups: [apps], resources: [statefulsets], verbs: [list, watch]}",
    );
    assert_says(
        &found[1],
        Level::Problem,
        "may not get, patch statefulsets/scale",
        "statefulsets/scale",
    );
}

/// A controller without these rights: on a resource of `apps` and its scale, in each of these namespaces.
fn without(plural: &str, namespaces: &[String]) -> ClusterFacts {
    let mut facts = healthy();
    let rights = needed(&election(), &facts.groups, namespaces).into_iter();
    let rights = rights.map(|right| {
        let is_granted = !right.resource.starts_with(plural);
        granted(right, is_granted)
    });
    facts.rights = Ok(rights.collect());
    facts
}

#[test]
fn where_it_is_not_known_whether_a_policy_targets_a_withheld_kind_deployments_and_stateful_sets_are_a_problem()
 {
    let cut = Listed {
        items: vec![policy("apps/v1", "Deployment")],
        has_more: true,
        unheard: Vec::new(),
    };
    let reasons = [
        (Ok(cut), "only the first 500 policies were looked at"),
        (
            Err(Trouble::Forbidden),
            "policies could not be listed: you may not look at it",
        ),
        (
            Err(Trouble::Other("no answer within 10 s".into())),
            "policies could not be listed: no answer within 10 s",
        ),
    ];
    let of = |facts: &ClusterFacts| {
        let found = remarks(facts).into_iter();
        let found: Vec<_> = found.filter(|finding| finding.check == "rights").collect();
        found
    };
    for (policies, why) in reasons {
        let mut facts = without("statefulsets", &[]);
        facts.policies = policies.clone();
        let found = of(&facts);
        assert_eq!(found.len(), 2, "{found:#?}");
        let what = format!("StatefulSets are scaled; whether a policy targets one is not known: {why}");
        let set = "in its ClusterRole: {apiGroups: [apps], resources: [statefulsets/scale], verbs: [get, patch]}; nothing if none is to";
        assert_says(&found[1], Level::Problem, &what, set);
        // Few scale these.
        let mut facts = without("replicasets/scale", &[]);
        facts.policies = policies;
        let found = of(&facts);
        assert_eq!(found.len(), 1, "{found:#?}");
        let what = format!("scale them; whether a policy targets one is not known: {why}");
        assert_says(&found[0], Level::Note, &what, "nothing unless policies are to");
    }
}

#[test]
fn a_namespace_whose_policies_were_not_heard_leaves_the_others_known() {
    let mut facts = without("statefulsets", &["a".to_owned(), "b".to_owned()]);
    facts.policies = Ok(Listed {
        unheard: vec![("b".to_owned(), Trouble::Forbidden)],
        ..Listed::default()
    });
    let found = remarks(&facts).into_iter();
    let found: Vec<_> = found.filter(|finding| finding.check == "rights").collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    for problem in &found[..2] {
        let what = "is not known: policies of b could not be listed: you may not look at it";
        assert_says(problem, Level::Problem, what, "in its Role in b: ");
    }
    assert_eq!(found[2].level, Level::Note);
    assert!(found[2].what.ends_with("may not list, watch and scale them in a"));
}

#[test]
fn a_kind_that_is_withheld_in_several_namespaces_is_told_once() {
    let facts = without("statefulsets", &["a".to_owned(), "b".to_owned()]);
    assert!(
        remark(&facts)
            .what
            .ends_with("may not list, watch and scale them in a, b")
    );
}

#[test]
fn a_lease_that_is_only_supposed_is_no_problem() {
    let lease = |election: &Election| {
        let mut facts = healthy();
        let rights = needed(election, &facts.groups, &[]).into_iter();
        let rights = rights.map(|right| {
            // What is bound to another name.
            let is_granted = right.within.as_ref().is_none_or(|(_, name)| name.is_none());
            granted(right, is_granted)
        });
        facts.rights = Ok(rights.collect());
        remarks(&facts)
    };
    let (namespace, name) = ("concertina".to_owned(), "concertina".to_owned());
    let found = lease(&Election::Perhaps { namespace, name });
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_says(
        &found[0],
        Level::Note,
        "may not get, list, watch, update leases in concertina",
        "--lease-name where its Lease is another",
    );
    assert_eq!(lease(&election())[0].level, Level::Problem);
    assert_eq!(lease(&Election::None), Vec::new());
}
