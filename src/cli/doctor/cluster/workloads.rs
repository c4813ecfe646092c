//! What policies would meet in the cluster: other autoscalers, workloads without requests, and what policies say themselves.
//! [`gather`] touches the network.
use std::collections::BTreeMap;

use serde_json::Value;

use super::super::finding::{Findings, plural, some_of};
use super::{Account, ClusterFacts, Heard, LIST_LIMIT, Listed, Lists, Trouble};
use crate::api::{DEFAULT_PROMETHEUS, DEFAULT_SOURCE};

/// Deployments, the controller's own among them, and StatefulSets. Whoever asks may be allowed the one and not the other, as a
/// controller is that scales Deployments only.
pub(super) async fn gather(lists: &mut Lists<'_>, account: &Account) -> (Heard<Listed>, Heard<Listed>) {
    let mut deployments = lists.get("/apis/apps/v1", "deployments", LIST_LIMIT).await;
    let sets = lists.get("/apis/apps/v1", "statefulsets", LIST_LIMIT).await;
    if let Ok(all) = &mut deployments
        && !lists.namespaces.is_empty()
        && !lists.namespaces.contains(&account.namespace)
    {
        let own = std::slice::from_ref(&account.namespace);
        let controllers = lists.of("/apis/apps/v1", "deployments", LIST_LIMIT, own).await;
        all.extend(controllers.unwrap_or_else(|trouble| Listed {
            unheard: vec![(account.namespace.clone(), trouble)],
            ..Listed::default()
        }));
    }
    (deployments, sets)
}

/// Group, kind, namespace and name.
pub(super) type Target = (String, String, String, String);

fn text<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer).and_then(Value::as_str)
}

pub(super) fn name(object: &Value) -> String {
    let part = |pointer| text(object, pointer).unwrap_or_default();
    format!("{}/{}", part("/metadata/namespace"), part("/metadata/name"))
}

/// What an object's reference names. KEDA scales Deployments where nothing else is said.
pub(super) fn target(object: &Value) -> Option<Target> {
    let reference = object.pointer("/spec/scaleTargetRef")?;
    let stated = |field: &str| {
        reference
            .get(field)
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    let api_version = stated("apiVersion").unwrap_or("apps/v1");
    Some((
        api_version
            .rsplit_once('/')
            .map_or("", |(group, _)| group)
            .to_owned(),
        stated("kind").unwrap_or("Deployment").to_owned(),
        text(object, "/metadata/namespace")?.to_owned(),
        stated("name")?.to_owned(),
    ))
}

pub(super) fn check(facts: &ClusterFacts, found: &mut Findings) {
    let lists = [
        ("HorizontalPodAutoscalers", &facts.autoscalers),
        ("ScaledObjects", &facts.scaled_objects),
        ("policies", &facts.policies),
        ("Deployments", &facts.deployments),
        ("StatefulSets", &facts.stateful_sets),
        ("pods", &facts.pods),
    ];
    let mut unseen = Vec::new();
    for (what, list) in lists {
        if let Ok(list) = list {
            check_unheard(what, list, found);
        }
        match list {
            Ok(list) if list.has_more && what != "pods" => {
                let what = format!("there are more than {LIST_LIMIT} {what}: only the first were looked at");
                found.note("extent", what, "nothing; what is told of them holds for these");
            }
            Ok(_) => {}
            Err(Trouble::Absent | Trouble::Forbidden) => unseen.push(what.to_owned()),
            Err(error) => found.note(
                "extent",
                format!("{what} could not be listed: {error}"),
                "what the message says",
            ),
        }
    }
    if !unseen.is_empty() {
        found.note(
            "extent",
            format!("not looked at, as you may not list them: {}", unseen.join(", ")),
            "the right to list them, for whoever runs this; the controller does without",
        );
    }
    let workloads = [&facts.deployments, &facts.stateful_sets].into_iter().flatten();
    let workloads: Vec<&Value> = workloads.flat_map(|list| &list.items).collect();
    check_controller(&workloads, &facts.account, found);
    let owners = owners(facts);
    let is_whole = |list: &Heard<Listed>| list.as_ref().is_ok_and(Listed::is_whole);
    if owners.is_empty() && is_whole(&facts.autoscalers) && is_whole(&facts.scaled_objects) {
        found.ok("owners", "no other autoscaler was found");
    }
    let policies = facts
        .policies
        .as_ref()
        .map_or(&[][..], |list| list.items.as_slice());
    check_owners(&owners, policies, found);
    check_policies(policies, found);
    check_requests(&workloads, found);
}

/// Tells of the namespaces whose objects were not heard of, together where the reason is the same.
fn check_unheard(what: &str, list: &Listed, found: &mut Findings) {
    let mut by_trouble: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (namespace, trouble) in &list.unheard {
        let namespaces = by_trouble.entry(trouble.to_string()).or_default();
        namespaces.push(namespace.clone());
    }
    for (trouble, namespaces) in by_trouble {
        found.note(
            "extent",
            format!("{what} of {} were not looked at: {trouble}", some_of(&namespaces, 4)),
            "what the message says, or the right to list them there, for whoever runs this; nothing that is told here holds for them",
        );
    }
}

/// Whether what runs under the controller's account is Ready.
fn check_controller(workloads: &[&Value], account: &Account, found: &mut Findings) {
    for workload in workloads.iter().filter(|workload| account.runs(workload)) {
        let number = |pointer| workload.pointer(pointer).and_then(Value::as_i64);
        let (wanted, ready) = (
            number("/spec/replicas").unwrap_or(1),
            number("/status/readyReplicas").unwrap_or(0),
        );
        let what = format!("{ready} of {wanted} pods of {} are Ready", name(workload));
        let logs = format!(
            "what kubectl -n {} logs and describe say of its pods",
            account.namespace
        );
        match (ready, wanted) {
            (_, 0) => found.problem(
                "controller",
                format!("{} has no replicas", name(workload)),
                "1 or more, such as 2",
            ),
            (0, _) => found.problem("controller", what, logs),
            _ if ready < wanted => found.note("controller", what, logs),
            _ => found.ok("controller", what),
        }
    }
}

/// Targets of other autoscalers, and what these are called.
fn owners(facts: &ClusterFacts) -> BTreeMap<Target, String> {
    let mut owners = BTreeMap::new();
    let is_kedas = |autoscaler: &&Value| {
        let owners = autoscaler
            .pointer("/metadata/ownerReferences")
            .and_then(Value::as_array);
        owners
            .into_iter()
            .flatten()
            .any(|owner| text(owner, "/kind") == Some("ScaledObject"))
    };
    let autoscalers = facts
        .autoscalers
        .iter()
        .flat_map(|list| &list.items)
        .filter(|one| !is_kedas(one));
    let scaled = facts.scaled_objects.iter().flat_map(|list| &list.items);
    let all = autoscalers
        .map(|object| ("HorizontalPodAutoscaler", object))
        .chain(scaled.map(|object| ("ScaledObject", object)));
    for (kind, object) in all {
        if let Some(target) = target(object) {
            owners.insert(target, format!("{kind} {}", name(object)));
        }
    }
    owners
}

fn check_owners(owners: &BTreeMap<Target, String>, policies: &[Value], found: &mut Findings) {
    let is_dry = |policy: &Value| text(policy, "/spec/mode") == Some("DryRun");
    for policy in policies.iter().filter(|policy| !is_dry(policy)) {
        if let Some(owner) = target(policy).and_then(|target| owners.get(&target)) {
            found.problem(
                "owners",
                format!(
                    "policy {} changes nothing: {owner} scales its target",
                    name(policy)
                ),
                "mode: DryRun to compare the two; delete the other when the policy is to take over",
            );
        }
    }
    let mut by_target: BTreeMap<Target, Vec<String>> = BTreeMap::new();
    for policy in policies.iter().filter(|policy| !is_dry(policy)) {
        if let Some(target) = target(policy) {
            by_target.entry(target).or_default().push(name(policy));
        }
    }
    for ((_, kind, namespace, target), policies) in
        by_target.iter().filter(|(_, policies)| policies.len() > 1)
    {
        found.problem(
            "owners",
            format!(
                "{} are on one target, {kind} {namespace}/{target}: the oldest has it",
                policies.join(" and ")
            ),
            "one policy with the metrics of all, or mode: DryRun for the others",
        );
    }
    if !owners.is_empty() {
        let names: Vec<String> = owners.values().cloned().collect();
        found.note(
            "owners",
            format!(
                "{} scaled by others: {}",
                plural(owners.len(), "target"),
                some_of(&names, 3)
            ),
            "a policy on one of these recommends only; mode: DryRun says so, and compares",
        );
    }
}

fn check_policies(policies: &[Value], found: &mut Findings) {
    let mut troubled = Vec::new();
    for policy in policies {
        let conditions = policy.pointer("/status/conditions").and_then(Value::as_array);
        let ready = conditions
            .into_iter()
            .flatten()
            .find(|one| text(one, "/type") == Some("Ready"));
        let reason = match ready {
            None => "not decided yet",
            Some(ready) if text(ready, "/status") == Some("True") => continue,
            Some(ready) => text(ready, "/reason").unwrap_or("no reason"),
        };
        troubled.push(format!("{} ({reason})", name(policy)));
    }
    if !troubled.is_empty() {
        found.note(
            "policies",
            format!(
                "{} of {} not Ready: {}",
                troubled.len(),
                plural(policies.len(), "policy object"),
                some_of(&troubled, 4)
            ),
            "what kubectl describe spol says of each",
        );
    } else if !policies.is_empty() {
        found.ok(
            "policies",
            format!(
                "{}, none of them in trouble",
                plural(policies.len(), "policy object")
            ),
        );
    }
}

fn check_requests(workloads: &[&Value], found: &mut Findings) {
    let own: Vec<&Value> = workloads
        .iter()
        .copied()
        .filter(|workload| text(workload, "/metadata/namespace") != Some("kube-system"))
        .collect();
    for resource in ["cpu", "memory"] {
        let lacking: Vec<String> = own
            .iter()
            .filter(|one| lacks_request(one, resource))
            .map(|one| name(one))
            .collect();
        if !lacking.is_empty() {
            found.note(
                "requests",
                format!(
                    "{} of {} have a container without a {resource} request: {}",
                    lacking.len(),
                    plural(own.len(), "workload"),
                    some_of(&lacking, 3)
                ),
                format!("resources.requests.{resource} there; or averageValue in place of averageUtilization, or container"),
            );
        }
    }
}

/// Whether a container has no request, where the pod has none as a whole. A limit is a request where none is written.
fn lacks_request(workload: &Value, resource: &str) -> bool {
    let has = |resources: Option<&Value>| {
        let amount = |of: &str| resources?.get(of)?.get(resource);
        amount("requests").is_some() || amount("limits").is_some()
    };
    let Some(pod) = workload.pointer("/spec/template/spec") else {
        return false;
    };
    let containers = pod.get("containers").and_then(Value::as_array);
    let mut containers = containers.into_iter().flatten();
    !has(pod.get("resources")) && containers.any(|container| !has(container.get("resources")))
}

/// Policies whose windows are too short for what was measured: seconds between two scrapes by server and by what is scraped
/// together.
pub(in crate::cli::doctor) fn windows(
    policies: &[Value],
    intervals: &BTreeMap<(String, String), f64>,
    found: &mut Findings,
) {
    for policy in policies {
        let server = text(policy, "/spec/prometheusRef/name").unwrap_or(DEFAULT_PROMETHEUS);
        let metrics = policy.pointer("/spec/metrics").and_then(Value::as_array);
        for metric in metrics.into_iter().flatten() {
            let window = metric.get("windowSeconds").and_then(Value::as_f64);
            let family = family(metric).map(|family| (server.to_owned(), family));
            let interval = family.and_then(|family| intervals.get(&family));
            if let (Some(window), Some(interval)) = (window, interval)
                && window < 2.0 * interval
            {
                found.problem(
                    "windows",
                    format!(
                        "metric {} of policy {}: windowSeconds is {window:.0}, but a rate needs two samples and there is \
                         one every {interval:.0} s",
                        text(metric, "/name").unwrap_or_default(),
                        name(policy)
                    ),
                    format!("no windowSeconds, or {}", sufficient_window(*interval)),
                );
            }
        }
    }
}

/// The first window of those that a policy may have that covers four scrapes, or the longest.
fn sufficient_window(interval: f64) -> u32 {
    let covers = |window: &u32| f64::from(*window) >= 4.0 * interval;
    [15, 30, 60, 120, 300].into_iter().find(covers).unwrap_or(600)
}

/// What is scraped together with a metric of a policy.
fn family(metric: &Value) -> Option<String> {
    let resource = ["cpu", "network", "disk"]
        .into_iter()
        .find(|kind| metric.get(*kind).is_some());
    resource.map(str::to_owned).or_else(|| {
        let of_source = ["requestRate", "responseTime", "failureRate"]
            .into_iter()
            .find_map(|kind| metric.get(kind))?;
        Some(format!(
            "source/{}",
            text(of_source, "/source").unwrap_or(DEFAULT_SOURCE)
        ))
    })
}

#[cfg(test)]
#[path = "workloads_tests.rs"]
mod tests;
