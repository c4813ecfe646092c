//! What the cluster offers: asks the API server a few dozen bounded questions. This touches the network; what follows from
//! the answers is found in the files beside, without it.
use std::collections::BTreeSet;

use concertina_decision::Timestamp;
use futures::StreamExt;
use kube::Client;
use kube::core::discovery::v2::APIGroupDiscoveryList;
use serde_json::{Value, json};

use super::finding::Findings;
use super::server::{Clock, RunningPod};
use crate::api::GROUP;

mod caller;
mod candidates;
mod definition;
mod election;
mod lists;
mod pods;
mod refused;
mod rights;
mod verdicts;
mod workloads;

use caller::Caller;
pub(super) use caller::{Heard, Listed, Trouble};
pub(super) use candidates::prometheus_urls;
use election::Election;
use lists::{Lists, missing};
pub(super) use refused::refused;
use rights::{Right, Verdict};
pub(super) use workloads::windows;

/// At most so many objects of a kind are looked at.
const LIST_LIMIT: u32 = 500;
/// Pods are large.
const POD_LIMIT: u32 = 300;
/// Questions about rights that are under way at a time.
const REVIEWS_AT_A_TIME: usize = 8;

/// The controller's service account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) namespace: String,
    pub(super) name: String,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            namespace: "concertina".to_owned(),
            name: "concertina".to_owned(),
        }
    }
}

impl Account {
    fn user(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.namespace, self.name)
    }

    /// The account of this user, if it is that of one.
    fn of_user(user: &str) -> Option<Self> {
        let (namespace, name) = user.strip_prefix("system:serviceaccount:")?.split_once(':')?;
        Some(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// Whether the pods of this workload run under it.
    fn runs(&self, workload: &Value) -> bool {
        let text = |pointer: &str| workload.pointer(pointer).and_then(Value::as_str);
        text("/metadata/namespace") == Some(&self.namespace)
            && text("/spec/template/spec/serviceAccountName") == Some(&self.name)
    }
}

/// Which controller is looked at, as far as whoever asks says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    pub(super) account: Option<Account>,
    /// The name of the Lease.
    pub(super) lease: Option<String>,
    /// Whether this runs in a pod: without an account it is the controller's.
    pub(super) is_in_pod: bool,
}

/// A kind with `/scale`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ScalableKind {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) plural: String,
}

/// What was heard of the cluster.
#[derive(Debug)]
pub(super) struct ClusterFacts {
    pub(super) version: Heard<String>,
    /// The API server's.
    pub(super) clock: Option<Clock>,
    pub(super) account: Account,
    /// Whether the account is there; that of whoever asks is.
    pub(super) has_account: Heard<bool>,
    pub(super) groups: Heard<APIGroupDiscoveryList>,
    /// Those that are watched and not there, as far as it is known.
    pub(super) missing_namespaces: Vec<String>,
    pub(super) definition: Heard<Value>,
    pub(super) rights: Heard<Vec<(Right, Vec<Verdict>)>>,
    pub(super) autoscalers: Heard<Listed>,
    pub(super) scaled_objects: Heard<Listed>,
    pub(super) policies: Heard<Listed>,
    pub(super) deployments: Heard<Listed>,
    pub(super) stateful_sets: Heard<Listed>,
    pub(super) pods: Heard<Listed>,
    pub(super) services: Heard<Listed>,
}

/// Asks the API server about the whole cluster, or about these namespaces if the controller watches no others.
pub(super) async fn gather(client: Client, named: &Named, namespaces: &[String]) -> ClusterFacts {
    let mut caller = Caller::new(client.clone());
    let (version, clock) = match caller.version().await {
        Ok((version, clock)) => (Ok(version), clock),
        Err(error) => (Err(error), None),
    };
    let groups = caller.groups().await;
    let own = own_account(&mut caller).await;
    let account = named
        .account
        .clone()
        .or_else(|| own.clone().filter(|_| named.is_in_pod))
        .unwrap_or_default();
    let is_self = own.as_ref() == Some(&account);
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/{}",
        account.namespace, account.name
    );
    let has_account = match caller.get(&path).await {
        _ if is_self => Ok(true),
        Ok(_) => Ok(true),
        Err(Trouble::Absent) => Ok(false),
        Err(error) => Err(error),
    };
    let definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/scalingpolicies.concertina.dev";
    let definition = caller.get(definition).await;
    let missing_namespaces = missing(&mut caller, namespaces).await;
    let mut lists = Lists::new(&mut caller, namespaces);
    let scaled_objects = match serves(&groups, "keda.sh", "scaledobjects") {
        true => {
            lists
                .get("/apis/keda.sh/v1alpha1", "scaledobjects", LIST_LIMIT)
                .await
        }
        false => Ok(Listed::default()),
    };
    let policies = match serves(&groups, GROUP, "scalingpolicies") {
        true => {
            lists
                .get("/apis/concertina.dev/v1alpha1", "scalingpolicies", LIST_LIMIT)
                .await
        }
        false => Ok(Listed::default()),
    };
    let autoscalers = lists
        .get("/apis/autoscaling/v2", "horizontalpodautoscalers", LIST_LIMIT)
        .await;
    let (deployments, stateful_sets) = workloads::gather(&mut lists, &account).await;
    let running = "pods?fieldSelector=status.phase%3DRunning";
    let pods = lists.get("/api/v1", running, POD_LIMIT).await;
    let services = caller.list("/api/v1/services", LIST_LIMIT).await;
    let rights = match (&has_account, &version) {
        (Ok(false), _) => Err(Trouble::Absent),
        (_, Err(error)) => Err(error.clone()),
        _ => {
            let user = (!is_self).then_some(&account);
            let election = Election::of(named, &account, &deployments);
            let rights = rights::needed(&election, &groups, namespaces);
            review(client, rights, user).await
        }
    };
    ClusterFacts {
        version,
        clock,
        account,
        has_account,
        groups,
        missing_namespaces,
        definition,
        rights,
        autoscalers,
        scaled_objects,
        policies,
        deployments,
        stateful_sets,
        pods,
        services,
    }
}

/// The service account of whoever asks, if it is one, as in the controller's own pod.
async fn own_account(caller: &mut Caller) -> Option<Account> {
    let question = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"});
    let answer = caller
        .review("/apis/authentication.k8s.io/v1/selfsubjectreviews", &question)
        .await;
    let answer = answer.ok()?;
    Account::of_user(answer.pointer("/status/userInfo/username")?.as_str()?)
}

/// Asks whether the account, or whoever asks, has these rights.
async fn review(
    client: Client,
    rights: Vec<Right>,
    account: Option<&Account>,
) -> Heard<Vec<(Right, Vec<Verdict>)>> {
    let questions: Vec<(usize, &'static str, Value)> = rights
        .iter()
        .enumerate()
        .flat_map(|(place, right)| {
            right
                .verbs
                .iter()
                .map(move |verb| (place, *verb, right.question(verb, account)))
        })
        .collect();
    let path = if account.is_some() {
        "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    } else {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    };
    // One first: who may not ask is told so once, and a server that is silent is not asked forty times.
    if let Some((_, _, question)) = questions.first() {
        Caller::new(client.clone()).review(path, question).await?;
    }
    let asked = futures::stream::iter(questions).map(|(place, verb, question)| {
        let mut caller = Caller::new(client.clone());
        async move { (place, verb, caller.review(path, &question).await) }
    });
    let answers: Vec<(usize, &'static str, Heard<Value>)> = asked.buffered(REVIEWS_AT_A_TIME).collect().await;
    let verdicts = |place: usize| {
        let of_right = answers.iter().filter(move |(of, _, _)| *of == place);
        of_right
            .map(|(_, verb, answer)| Verdict::read(verb, answer))
            .collect()
    };
    Ok(rights
        .into_iter()
        .enumerate()
        .map(|(place, right)| (right, verdicts(place)))
        .collect())
}

/// Whether a resource is served, as far as is known.
fn serves(groups: &Heard<APIGroupDiscoveryList>, group: &str, plural: &str) -> bool {
    let resources = groups.iter().flat_map(resources);
    resources
        .into_iter()
        .any(|(of, resource)| of == group && resource.resource.as_deref() == Some(plural))
}

fn resources(
    groups: &APIGroupDiscoveryList,
) -> impl Iterator<Item = (&str, &kube::core::discovery::v2::APIResourceDiscovery)> {
    groups.items.iter().flat_map(|group| {
        let name = group
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.name.as_deref());
        let resources = group.versions.iter().flat_map(|version| &version.resources);
        resources.map(move |resource| (name.unwrap_or_default(), resource))
    })
}

/// The kinds with a `/scale` that can be patched. ReplicaSets are left out: they are their Deployments'.
fn scalable_kinds(groups: &APIGroupDiscoveryList) -> BTreeSet<ScalableKind> {
    let scalable = resources(groups).filter(|(_, resource)| {
        resource.subresources.iter().any(|subresource| {
            subresource.subresource.as_deref() == Some("scale")
                && subresource.verbs.iter().any(|verb| verb == "patch")
        })
    });
    let kinds = scalable.filter_map(|(group, resource)| {
        Some(ScalableKind {
            group: group.to_owned(),
            kind: resource.response_kind.as_ref()?.kind.clone()?,
            plural: resource.resource.clone()?,
        })
    });
    kinds.filter(|kind| kind.plural != "replicasets").collect()
}

impl ClusterFacts {
    /// Pods that have been Ready for a while, a few of all.
    pub(super) fn running_pods(&self, now: Timestamp) -> Vec<RunningPod> {
        self.pods
            .as_ref()
            .map_or_else(|_| Vec::new(), |pods| pods::sample(&pods.items, now))
    }
}

/// What there is to tell of the cluster.
pub(super) fn findings(facts: &ClusterFacts) -> Findings {
    let mut found = Findings::about("cluster");
    match &facts.version {
        Ok(version) => found.ok("reach", format!("Kubernetes {version} answers")),
        Err(error) => {
            found.problem("reach", format!("the API server: {error}"), ADVICE_REACH);
            return found;
        }
    }
    if let Err(error) = &facts.groups {
        let what = format!("what the API server serves cannot be read: {error}");
        found.problem("reach", what, ADVICE_CREDENTIALS);
        return found;
    }
    for namespace in &facts.missing_namespaces {
        found.note(
            "namespaces",
            format!("{namespace} of watchNamespaces is not there"),
            "nothing: its policies are acted on when it is there, and the controller has its Role in it; or another watchNamespaces",
        );
    }
    definition::check(facts, &mut found);
    verdicts::check(facts, &mut found);
    workloads::check(facts, &mut found);
    found
}

const ADVICE_CREDENTIALS: &str = "credentials that kubectl get all works with: a log-in may have run out";
/// What to do where there is no cluster to talk to.
pub(super) const ADVICE_REACH: &str = "KUBECONFIG or --context of a cluster that kubectl reaches";

#[cfg(test)]
mod gather_tests;
#[cfg(test)]
mod recorded;
