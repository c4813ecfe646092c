//! The stored definition, from answers as they were recorded. No network.
use serde_json::json;

use super::super::findings;
use super::super::recorded::{assert_says, healthy, remark, remarks, served};
use super::*;
use crate::cli::doctor::finding::Level;

#[test]
fn where_all_is_well_nothing_is_to_be_set() {
    let remarks = remarks(&healthy());
    assert!(remarks.is_empty(), "{remarks:#?}");
}

#[test]
fn an_api_server_that_does_not_answer_is_all_there_is_to_tell() {
    let facts = ClusterFacts {
        version: Err(Trouble::Other("Connection refused".into())),
        ..healthy()
    };
    assert_eq!(findings(&facts).list.len(), 1);
    assert_says(
        &remark(&facts),
        Level::Problem,
        "Connection refused",
        "KUBECONFIG or --context",
    );
}

#[test]
fn credentials_that_have_run_out_are_told_once() {
    let facts = ClusterFacts {
        groups: Err(Trouble::Other("Unauthorized".into())),
        definition: Err(Trouble::Other("Unauthorized".into())),
        ..healthy()
    };
    assert_says(
        &remark(&facts),
        Level::Problem,
        "Unauthorized",
        "a log-in may have run out",
    );
}

#[test]
fn a_cluster_without_concertina_is_told_how_to_install_it_and_half_of_it_is_a_problem() {
    let absent = || ClusterFacts {
        definition: Err(Trouble::Absent),
        ..healthy()
    };
    let none = ClusterFacts {
        has_account: Ok(false),
        rights: Err(Trouble::Absent),
        ..absent()
    };
    assert_says(
        &remark(&none),
        Level::Note,
        "not installed yet",
        "kubectl apply -k deploy/manifests",
    );
    assert_says(
        &remark(&absent()),
        Level::Problem,
        "ScalingPolicy is not served",
        "concertina crd | kubectl apply",
    );
    let no_account = ClusterFacts {
        rights: Err(Trouble::Absent),
        ..healthy()
    };
    assert_says(
        &remark(&no_account),
        Level::Note,
        "no service account concertina/concertina",
        "--service-account",
    );
}

fn stored(change: impl FnOnce(&mut Value)) -> ClusterFacts {
    let mut facts = healthy();
    change(facts.definition.as_mut().unwrap());
    facts
}

#[test]
fn a_definition_of_another_version_is_told_with_what_differs() {
    const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
    let older = stored(|definition| {
        let metric = definition
            .pointer_mut(&format!("{SPEC}/metrics/items/properties"))
            .unwrap();
        metric.as_object_mut().unwrap().remove("responseTime").unwrap();
    });
    let what = "older than this program and lacks 1 field (spec.metrics[].responseTime)";
    assert_says(
        &remark(&older),
        Level::Problem,
        what,
        "concertina crd | kubectl apply --server-side",
    );
    let newer = stored(|definition| {
        let spec = definition.pointer_mut(SPEC).unwrap();
        spec.as_object_mut()
            .unwrap()
            .insert("later".into(), json!({"type": "string"}));
    });
    assert_says(
        &remark(&newer),
        Level::Note,
        "spec.later",
        "controller of the version",
    );
    let ruled = stored(|definition| {
        let schema = definition.pointer_mut(&format!("{SPEC}/maxReplicas")).unwrap();
        schema["x-kubernetes-validations"] = json!([{"rule": "self > 3", "message": "more"}]);
    });
    assert_says(
        &remark(&ruled),
        Level::Note,
        "rules are those of another version",
        "concertina crd",
    );
    let refused = stored(|definition| {
        definition["status"] = json!({"conditions": [{"type": "NamesAccepted", "status": "False",
                                                      "message": "\"spol\" is already in use"}]});
    });
    assert_says(
        &remark(&refused),
        Level::Problem,
        "\"spol\" is already in use",
        "",
    );
    let empty = ClusterFacts {
        definition: Ok(json!({})),
        ..healthy()
    };
    assert_says(
        &remark(&empty),
        Level::Problem,
        "no version v1alpha1",
        "concertina crd",
    );
}

#[test]
fn a_definition_that_may_not_be_read_is_known_from_what_is_served() {
    let mut facts = healthy();
    facts.definition = Err(Trouble::Forbidden);
    assert_says(&remark(&facts), Level::Problem, "not served", "concertina crd");
    facts.groups = Ok(served(&[("concertina.dev", "ScalingPolicy", "scalingpolicies")]));
    assert_says(
        &remark(&facts),
        Level::Note,
        "served",
        "the right to get customresourcedefinitions",
    );
}
