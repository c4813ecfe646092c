//! Autoscalers, policies and workloads, from answers as they were recorded. No network.
use serde_json::json;

use super::super::findings;
use super::super::recorded::{assert_says, healthy, listed, remark, remarks};
use super::*;
use crate::cli::doctor::finding::Level;

fn scaler(kind: &str, name: &str, target: &str) -> Value {
    json!({"kind": kind, "metadata": {"namespace": "shop", "name": name},
           "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target}},
           "status": {"conditions": [{"type": "Ready", "status": "True"}]}})
}

#[test]
fn targets_of_other_autoscalers_are_told_and_kedas_own_count_once() {
    let mut kedas = scaler("HorizontalPodAutoscaler", "keda-hpa-queue", "queue");
    kedas["metadata"]["ownerReferences"] = json!([{"kind": "ScaledObject", "name": "queue"}]);
    let mut queue = scaler("ScaledObject", "queue", "queue");
    queue["spec"]["scaleTargetRef"] = json!({"name": "queue"});
    let mut facts = healthy();
    facts.autoscalers = listed(vec![scaler("HorizontalPodAutoscaler", "web", "web"), kedas]);
    facts.scaled_objects = listed(vec![queue]);
    let what = "2 targets scaled by others: ScaledObject shop/queue, HorizontalPodAutoscaler shop/web";
    assert_says(&remark(&facts), Level::Note, what, "mode: DryRun");
    facts.policies = listed(vec![scaler("ScalingPolicy", "queue", "queue")]);
    let problem = remarks(&facts)
        .into_iter()
        .find(|finding| finding.level == Level::Problem);
    assert_says(
        &problem.unwrap(),
        Level::Problem,
        "policy shop/queue changes nothing: ScaledObject shop/queue",
        "mode: DryRun",
    );
    let mut dry = scaler("ScalingPolicy", "queue", "queue");
    dry["spec"]["mode"] = json!("DryRun");
    facts.policies = listed(vec![dry]);
    assert_eq!(remark(&facts).level, Level::Note);
}

#[test]
fn a_controller_that_is_not_ready_is_told() {
    let running = |wanted: i64, ready: Value| {
        let mut facts = healthy();
        facts.deployments = listed(vec![json!({
            "metadata": {"namespace": "concertina", "name": "main"},
            "spec": {"replicas": wanted, "template": {"spec": {"serviceAccountName": "concertina"}}},
            "status": {"readyReplicas": ready},
        })]);
        facts
    };
    let crashing = running(2, Value::Null);
    let what = "0 of 2 pods of concertina/main are Ready";
    assert_says(
        &remark(&crashing),
        Level::Problem,
        what,
        "kubectl -n concertina logs",
    );
    assert_says(&remark(&running(2, json!(1))), Level::Note, "1 of 2 pods", "logs");
    assert_says(
        &remark(&running(0, json!(0))),
        Level::Problem,
        "has no replicas",
        "1 or more",
    );
    assert!(remarks(&running(2, json!(2))).is_empty());
}

#[test]
fn two_policies_on_one_target_are_told() {
    let mut facts = healthy();
    facts.policies = listed(vec![
        scaler("ScalingPolicy", "a", "web"),
        scaler("ScalingPolicy", "b", "web"),
    ]);
    let what = "shop/a and shop/b are on one target, Deployment shop/web";
    assert_says(&remark(&facts), Level::Problem, what, "one policy");
}

#[test]
fn policies_that_are_not_ready_are_told_with_their_reasons() {
    let policy = |name: &str, status: &str, reason: &str| {
        let mut policy = scaler("ScalingPolicy", name, name);
        policy["status"] = json!({"conditions": [{"type": "Ready", "status": status, "reason": reason}]});
        policy
    };
    let mut facts = healthy();
    let mut new = policy("new", "", "");
    new["status"] = json!({});
    facts.policies = listed(vec![
        policy("a", "True", "Ready"),
        policy("b", "False", "TargetNotFound"),
        new,
    ]);
    assert_says(
        &remark(&facts),
        Level::Note,
        "2 of 3 policy objects not Ready: shop/b (TargetNotFound), shop/new (not decided yet)",
        "kubectl describe",
    );
}

#[test]
fn workloads_without_requests_are_told_by_resource() {
    let workload = |namespace: &str, name: &str, pod: Value| json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"template": {"spec": pod}}});
    let full = json!({"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}});
    let mut facts = healthy();
    facts.deployments = listed(vec![
        workload("shop", "full", json!({"containers": [{"resources": full}]})),
        workload("shop", "pod", json!({"resources": full, "containers": [{}]})),
        workload(
            "shop",
            "half",
            json!({"containers": [{"resources": full}, {"resources": {"requests": {"memory": 1}}}]}),
        ),
        workload("kube-system", "dns", json!({"containers": [{}]})),
    ]);
    let what = "1 of 3 workloads have a container without a cpu request: shop/half";
    assert_says(&remark(&facts), Level::Note, what, "resources.requests.cpu");
}

#[test]
fn what_may_not_be_listed_and_what_is_too_much_is_told() {
    let mut facts = healthy();
    facts.policies = Err(Trouble::Forbidden);
    facts.deployments = Err(Trouble::Forbidden);
    assert!(
        findings(&facts)
            .list
            .iter()
            .any(|finding| finding.check == "owners")
    );
    facts.autoscalers = Err(Trouble::Forbidden);
    assert!(
        findings(&facts)
            .list
            .iter()
            .all(|finding| finding.check != "owners"),
        "it is not known"
    );
    let what = "as you may not list them: HorizontalPodAutoscalers, policies, Deployments";
    assert_says(&remark(&facts), Level::Note, what, "the right to list them");
    let mut facts = healthy();
    facts.deployments.as_mut().unwrap().has_more = true;
    assert_says(&remark(&facts), Level::Note, "more than 500 Deployments", "");
    let mut facts = healthy();
    facts.pods = Err(Trouble::Other("etcd is slow".into()));
    assert_says(
        &remark(&facts),
        Level::Note,
        "pods could not be listed: etcd is slow",
        "",
    );
}

#[test]
fn windows_that_are_too_short_for_what_is_scraped_are_told() {
    let mut policy = scaler("ScalingPolicy", "web", "web");
    policy["spec"]["metrics"] = json!([
        {"name": "cpu", "cpu": {"averageUtilization": 70}, "windowSeconds": 60},
        {"name": "rate", "requestRate": {"averageValue": 5}, "windowSeconds": 15},
        {"name": "memory", "memory": {"averageUtilization": 70}},
    ]);
    let interval = |family: &str, seconds| (("default".to_owned(), family.to_owned()), seconds);
    let told = |intervals: BTreeMap<(String, String), f64>| {
        let mut found = Findings::about("cluster");
        windows(std::slice::from_ref(&policy), &intervals, &mut found);
        found.list
    };
    assert!(told([interval("cpu", 30.0), interval("source/http", 5.0)].into()).is_empty());
    assert!(told(BTreeMap::new()).is_empty());
    let list = told([interval("cpu", 60.0), interval("source/http", 10.0)].into());
    assert_eq!(list.len(), 2);
    let what = "metric cpu of policy shop/web: windowSeconds is 60, but a rate needs two samples and there is one every 60 s";
    assert_says(&list[0], Level::Problem, what, "no windowSeconds, or 300");
}
