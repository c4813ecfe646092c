//! `concertina-bench fill`: makes a fleet: namespaces, Deployments, ScalingPolicies and, for a fleet with pods, ReplicaSets
//! and pods. What is there already stays. It calls the API server.
//!
//! ReplicaSets and pods are made directly, with the owners that controllers would give them, because controllers take
//! ten times as long; so the test bed's controllers of Deployments and ReplicaSets must be off. kwok makes the pods Ready.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use clap::Args;
use http::Method;
use kube::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::client;
use crate::error::BenchError;
use crate::fixture::{self, HASH, Kind};

const JSON: &str = "application/json";
/// The node that kwok pretends.
const NODE: &str = "kwok";

/// Arguments of `concertina-bench fill`.
#[derive(Debug, Args)]
pub(crate) struct FillArguments {
    /// What the fleet consists of.
    #[arg(long, value_enum)]
    kind: Kind,
    /// How many workloads there are in the end.
    #[arg(long)]
    policies: usize,
    /// Connections to the API server.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=64))]
    connections: u16,
}

/// Fills and says what was made.
pub(crate) async fn run(arguments: &FillArguments) -> Result<(), BenchError> {
    let configuration = client::configuration(None).await?;
    let clients: Vec<Client> = (0..arguments.connections)
        .map(|_| client::calls(&configuration))
        .collect::<Result<_, _>>()?;
    println!("{}", fill(&clients, arguments.kind, 0..arguments.policies).await?);
    Ok(())
}

/// The objects of a fleet as texts with @NAME@ and @NAMESPACE@ in them, read once.
struct Texts {
    deployment: String,
    policy: String,
}

impl Texts {
    fn of(kind: Kind) -> Result<Self, BenchError> {
        let json = |yaml| -> Result<String, BenchError> {
            let value: Value = serde_yaml::from_str(yaml)?;
            Ok(value.to_string())
        };
        let policy = match kind {
            Kind::Workload => include_str!("../fixtures/policy-workload.yaml"),
            Kind::Pods => include_str!("../fixtures/policy-pods.yaml"),
        };
        Ok(Self {
            deployment: json(include_str!("../fixtures/deployment.yaml"))?,
            policy: json(policy)?,
        })
    }
}

fn named(text: &str, index: usize) -> Vec<u8> {
    text.replace("@NAMESPACE@", &fixture::namespace(index))
        .replace("@NAME@", &fixture::workload(index))
        .into_bytes()
}

/// A copy of an object with further fields.
fn with<const N: usize>(object: &Value, fields: [(&str, Value); N]) -> Value {
    let mut object = object.as_object().cloned().unwrap_or_default();
    object.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    object.into()
}

fn owner(api: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{"apiVersion": api, "kind": kind, "name": name, "uid": uid, "controller": true, "blockOwnerDeletion": true}])
}

#[derive(Deserialize)]
struct Made {
    metadata: MadeMetadata,
}

#[derive(Deserialize)]
struct MadeMetadata {
    uid: String,
}

/// What filling came to.
#[derive(Debug)]
pub(crate) struct Filled {
    made: usize,
    there: usize,
    seconds: f64,
}

impl std::fmt::Display for Filled {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { made, there, seconds } = self;
        #[allow(clippy::cast_precision_loss)]
        let rate = *made as f64 / seconds.max(0.001);
        write!(
            formatter,
            "fleet: {made} objects made, {there} were there, {seconds:.1} s ({rate:.0} objects/s)"
        )
    }
}

/// Makes the workloads of `range`, each by one of the clients.
pub(crate) async fn fill(
    clients: &[Client],
    kind: Kind,
    range: std::ops::Range<usize>,
) -> Result<Filled, BenchError> {
    let began = Instant::now();
    let filler = Arc::new(Filler {
        kind,
        texts: Texts::of(kind)?,
        made: AtomicUsize::new(0),
        there: AtomicUsize::new(0),
    });
    let step = fixture::WORKLOADS_PER_NAMESPACE;
    let namespaces: Vec<usize> = (range.start / step * step..range.end).step_by(step).collect();
    in_parallel(clients, namespaces, |client, first| {
        let filler = Arc::clone(&filler);
        async move { filler.namespace(&client, first).await }
    })
    .await?;
    in_parallel(clients, range.collect(), |client, index| {
        let filler = Arc::clone(&filler);
        async move { filler.workload(&client, index).await }
    })
    .await?;
    Ok(Filled {
        made: filler.made.load(Ordering::Relaxed),
        there: filler.there.load(Ordering::Relaxed),
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Does the work for every item, as many at a time as there are clients. The first failure ends it.
pub(crate) async fn in_parallel<Item: Send + 'static, Work>(
    clients: &[Client],
    items: Vec<Item>,
    work: impl Fn(Client, Item) -> Work,
) -> Result<(), BenchError>
where
    Work: Future<Output = Result<(), BenchError>>,
{
    let items = Mutex::new(items.into_iter());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = async |client: &Client| {
        while let Some(item) = next() {
            work(client.clone(), item).await?;
        }
        Ok(())
    };
    futures::future::try_join_all(clients.iter().map(worker))
        .await
        .map(|_| ())
}

struct Filler {
    kind: Kind,
    texts: Texts,
    made: AtomicUsize,
    there: AtomicUsize,
}

impl Filler {
    async fn namespace(&self, client: &Client, index: usize) -> Result<(), BenchError> {
        let name = fixture::namespace(index);
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.make(client, "/api/v1/namespaces", &name, namespace.to_string().into())
            .await?;
        // Pods are refused where it is missing, and its controller may be late.
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
        let path = format!("/api/v1/namespaces/{name}/serviceaccounts");
        self.make(client, &path, "default", account.to_string().into())
            .await?;
        Ok(())
    }

    async fn workload(&self, client: &Client, index: usize) -> Result<(), BenchError> {
        let (namespace, name) = (fixture::namespace(index), fixture::workload(index));
        let apps = format!("/apis/apps/v1/namespaces/{namespace}");
        let text = named(&self.texts.deployment, index);
        let deployment = self
            .make(client, &format!("{apps}/deployments"), &name, text)
            .await?;
        if self.kind == Kind::Pods {
            self.pods(client, index, &deployment).await?;
        }
        let policies = format!("/apis/concertina.dev/v1alpha1/namespaces/{namespace}/scalingpolicies");
        self.make(client, &policies, &name, named(&self.texts.policy, index))
            .await?;
        Ok(())
    }

    async fn pods(&self, client: &Client, index: usize, deployment: &str) -> Result<(), BenchError> {
        let (namespace, workload) = (fixture::namespace(index), fixture::workload(index));
        let whole: Value = serde_json::from_slice(&named(&self.texts.deployment, index))?;
        let part = |pointer: &str| {
            whole
                .pointer(pointer)
                .ok_or_else(|| BenchError::Unusable(format!("the Deployment of the fleet has no {pointer}")))
        };
        let labels = with(
            part("/spec/template/metadata/labels")?,
            [("pod-template-hash", json!(HASH))],
        );
        let spec = part("/spec/template/spec")?;
        let set_name = format!("{workload}-{HASH}");
        let set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": set_name, "labels": labels, "annotations": {"deployment.kubernetes.io/revision": "1"},
                "ownerReferences": owner("apps/v1", "Deployment", &workload, deployment),
            },
            "spec": {
                "replicas": fixture::REPLICAS, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        });
        let path = format!("/apis/apps/v1/namespaces/{namespace}/replicasets");
        let set = self
            .make(client, &path, &set_name, set.to_string().into())
            .await?;
        let bound = [
            ("nodeName", json!(NODE)),
            ("automountServiceAccountToken", json!(false)),
        ];
        let spec = with(spec, bound);
        let path = format!("/api/v1/namespaces/{namespace}/pods");
        for number in 0..self.kind.pods() {
            let name = fixture::pod(index, number);
            let owner = owner("apps/v1", "ReplicaSet", &set_name, &set);
            let pod = json!({
                "apiVersion": "v1", "kind": "Pod", "spec": spec,
                "metadata": {"name": name, "labels": labels, "ownerReferences": owner},
            });
            self.make(client, &path, &name, pod.to_string().into()).await?;
        }
        Ok(())
    }

    /// Makes one object, or finds it, and tells its uid.
    async fn make(
        &self,
        client: &Client,
        path: &str,
        name: &str,
        body: Vec<u8>,
    ) -> Result<String, BenchError> {
        let ask = format!("{path}?fieldManager=kubectl-client-side-apply");
        let made: Result<Made, _> = client::send(client, Method::POST, &ask, JSON, body).await;
        match made {
            Ok(made) => {
                self.made.fetch_add(1, Ordering::Relaxed);
                Ok(made.metadata.uid)
            }
            Err(BenchError::Kube(error)) if matches!(&*error, kube::Error::Api(status) if status.code == 409) =>
            {
                self.there.fetch_add(1, Ordering::Relaxed);
                let found: Made = client::get(client, &format!("{path}/{name}")).await?;
                Ok(found.metadata.uid)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixture_is_an_object_with_the_workloads_own_names() {
        for kind in [Kind::Workload, Kind::Pods] {
            let texts = Texts::of(kind).unwrap();
            for text in [&texts.deployment, &texts.policy] {
                let object: Value = serde_json::from_slice(&named(text, 250)).unwrap();
                assert_eq!(object["metadata"]["name"], "w000250");
                assert_eq!(object["metadata"]["namespace"], "bench-0002");
                assert!(!object.to_string().contains('@'), "{object}");
            }
        }
    }

    #[test]
    fn the_workloads_load_is_on_target_for_its_replicas() {
        let texts = Texts::of(Kind::Workload).unwrap();
        let policy: Value = serde_json::from_str(&texts.policy).unwrap();
        let deployment: Value = serde_json::from_str(&texts.deployment).unwrap();
        assert_eq!(deployment["spec"]["replicas"], fixture::REPLICAS);
        let target = policy.pointer("/spec/metrics/0/prometheus/averageValue").unwrap();
        assert_eq!(target.as_f64(), Some(fixture::LOAD_PER_REPLICA));
    }
}
