//! Everything the demo does to the cluster. Talks to the API server and to nothing else; the load generator is
//! reached through the API server's pod proxy, so it works with every cluster.

use crate::rows::{LoadRow, Segment};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::GroupVersionKind;
use kube::{Api, Client, Config};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// The name of the Deployment, its Service and its policy.
pub(crate) const SHOP: &str = "shop";
/// The load generator's pod and the port of its report.
const LOAD: &str = "load";
const LOAD_PORT: u16 = 8081;
/// Marks a namespace as made from these manifests, and so as one that may be deleted.
const SAMPLE_LABEL: &str = "concertina.dev/sample";
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What the cluster did not do, and what the user can do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClusterError {
    #[error("no cluster to talk to: {0}; set KUBECONFIG, or run this inside testbed/enter")]
    Configuration(#[source] kube::config::InferConfigError),
    #[error("could not {what}: {source}")]
    Call { what: String, source: Box<kube::Error> },
    #[error("the API server did not answer within 10 s when asked to {0}")]
    Silent(String),
    #[error("the kind ScalingPolicy is not installed; run kubectl apply -f crds")]
    NoPolicyKind,
    #[error("the namespace {0} exists and was not made by this demo; name another one with --namespace")]
    ForeignNamespace(String),
    #[error("{what} within {seconds} s: {state}")]
    Late {
        what: &'static str,
        seconds: u64,
        state: String,
    },
    #[error("the manifest has a kind that this demo does not know")]
    UnknownKind,
}

/// The load generator's report.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) phase: String,
    pub(crate) profile: Vec<Segment>,
    pub(crate) rows: Vec<LoadRow>,
}

/// One cluster and the namespace of the demo in it.
#[derive(Clone)]
pub(crate) struct Cluster {
    calls: Client,
    watches: Client,
    namespace: String,
}

/// The policy's kind, read without the controller's own types.
pub(crate) fn policy_kind() -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk("concertina.dev", "v1alpha1", "ScalingPolicy"),
        "scalingpolicies",
    )
}

impl Cluster {
    pub(crate) async fn connect(namespace: &str) -> Result<Self, ClusterError> {
        let config = Config::infer().await.map_err(ClusterError::Configuration)?;
        let client = |config: Config| {
            Client::try_from(config).map_err(|source| ClusterError::Call {
                what: "connect".to_owned(),
                source: Box::new(source),
            })
        };
        let watches = client(config.clone())?;
        // A watch may be silent for minutes; a call may not, and is repeated by this program or not at all.
        let mut config = config;
        config.read_timeout = Some(CALL_TIMEOUT);
        config.default_retry = false;
        Ok(Cluster {
            calls: client(config)?,
            watches,
            namespace: namespace.to_owned(),
        })
    }

    pub(crate) fn deployments_to_watch(&self) -> Api<Deployment> {
        Api::namespaced(self.watches.clone(), &self.namespace)
    }

    pub(crate) fn policies_to_watch(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.watches.clone(), &self.namespace, &policy_kind())
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.calls.clone(), &self.namespace)
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.calls.clone())
    }

    pub(crate) async fn require_policy_kind(&self) -> Result<(), ClusterError> {
        let kind = policy_kind();
        let policies: Api<DynamicObject> = Api::all_with(self.calls.clone(), &kind);
        match call(
            "list ScalingPolicies",
            policies.list(&ListParams::default().limit(1)),
        )
        .await
        {
            Ok(_) => Ok(()),
            Err(ClusterError::Call { source, .. }) if is_status(&source, 404) => {
                Err(ClusterError::NoPolicyKind)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes what an earlier run left behind; what others made is not touched.
    pub(crate) async fn clear(&self, limit: Duration) -> Result<(), ClusterError> {
        let Some(found) = call("read the namespace", self.namespaces().get_opt(&self.namespace)).await?
        else {
            return Ok(());
        };
        let labels = found.metadata.labels.unwrap_or_default();
        if labels.get(SAMPLE_LABEL).map(String::as_str) != Some(SHOP) {
            return Err(ClusterError::ForeignNamespace(self.namespace.clone()));
        }
        self.delete(limit).await
    }

    /// Deletes the namespace with all in it and waits until it is gone.
    pub(crate) async fn delete(&self, limit: Duration) -> Result<(), ClusterError> {
        let namespaces = self.namespaces();
        let how = DeleteParams::default();
        match call("delete the namespace", namespaces.delete(&self.namespace, &how)).await {
            Err(ClusterError::Call { source, .. }) if is_status(&source, 404) => return Ok(()),
            // It is being deleted already.
            Err(ClusterError::Call { source, .. }) if is_status(&source, 409) => {}
            other => drop(other?),
        }
        wait("the namespace was not gone", limit, async || {
            let found = call("read the namespace", namespaces.get_opt(&self.namespace)).await?;
            Ok(if found.is_none() {
                Step::Done(())
            } else {
                Step::Not("pods are still ending".to_owned())
            })
        })
        .await
    }

    pub(crate) async fn apply(&self, objects: &[DynamicObject]) -> Result<(), ClusterError> {
        for object in objects {
            let kind = object
                .types
                .as_ref()
                .map(|types| types.kind.as_str())
                .unwrap_or_default();
            let name = object.metadata.name.as_deref().unwrap_or_default();
            let resource = match kind {
                "Namespace" => ApiResource::erase::<Namespace>(&()),
                "Deployment" => ApiResource::erase::<Deployment>(&()),
                "Service" => ApiResource::erase::<Service>(&()),
                "Pod" => ApiResource::erase::<Pod>(&()),
                "ScalingPolicy" => policy_kind(),
                _ => return Err(ClusterError::UnknownKind),
            };
            let api: Api<DynamicObject> = if kind == "Namespace" {
                Api::all_with(self.calls.clone(), &resource)
            } else {
                Api::namespaced_with(self.calls.clone(), &self.namespace, &resource)
            };
            let parameters = PatchParams::apply("concertina-demo").force();
            call(
                &format!("apply the {kind} {name}"),
                api.patch(name, &parameters, &Patch::Apply(object)),
            )
            .await?;
        }
        Ok(())
    }

    pub(crate) async fn wait_for_shop(&self, limit: Duration) -> Result<(), ClusterError> {
        let deployments: Api<Deployment> = Api::namespaced(self.calls.clone(), &self.namespace);
        wait("the shop was not ready", limit, async || {
            let shop = call("read the Deployment", deployments.get(SHOP)).await?;
            let ready = shop.status.and_then(|status| status.ready_replicas).unwrap_or(0);
            Ok(if ready > 0 {
                Step::Done(())
            } else {
                Step::Not(self.pod_trouble("app=shop").await?)
            })
        })
        .await
    }

    pub(crate) async fn wait_for_load_generator(&self, limit: Duration) -> Result<(), ClusterError> {
        wait("the load generator was not ready", limit, async || {
            let pod = call("read the load generator", self.pods().get(LOAD)).await?;
            let conditions = pod
                .status
                .and_then(|status| status.conditions)
                .unwrap_or_default();
            let ready = conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True");
            Ok(if ready {
                Step::Done(())
            } else {
                Step::Not(self.pod_trouble("app=load").await?)
            })
        })
        .await
    }

    /// Waits until the controller has taken the policy up.
    pub(crate) async fn wait_for_policy(&self, limit: Duration) -> Result<(), ClusterError> {
        let kind = policy_kind();
        let policies: Api<DynamicObject> = Api::namespaced_with(self.calls.clone(), &self.namespace, &kind);
        wait("the policy was not ready", limit, async || {
            let policy = call("read the policy", policies.get(SHOP)).await?;
            let conditions = policy
                .data
                .pointer("/status/conditions")
                .and_then(serde_json::Value::as_array);
            let ready = conditions
                .into_iter()
                .flatten()
                .find(|condition| condition["type"] == "Ready");
            Ok(match ready {
                Some(ready) if ready["status"] == "True" => Step::Done(()),
                Some(ready) => Step::Not(ready["message"].as_str().unwrap_or("no message").to_owned()),
                None => Step::Not("it has no status yet; is the controller running?".to_owned()),
            })
        })
        .await
    }

    /// Why pods do not become ready, as far as the kubelet says.
    async fn pod_trouble(&self, selector: &str) -> Result<String, ClusterError> {
        let pods = call(
            "list the pods",
            self.pods().list(&ListParams::default().labels(selector)),
        )
        .await?;
        let statuses = pods
            .items
            .into_iter()
            .filter_map(|pod| pod.status?.container_statuses)
            .flatten();
        let waiting = statuses.filter_map(|status| status.state?.waiting);
        let trouble =
            waiting.filter_map(|waiting| Some((waiting.reason?, waiting.message.unwrap_or_default())));
        let text: Vec<_> = trouble
            .map(|(reason, message)| format!("{reason} {message}"))
            .collect();
        Ok(if text.is_empty() {
            "its pods are starting".to_owned()
        } else {
            text.join("; ").trim().to_owned()
        })
    }

    fn load_path(&self, rest: &str) -> String {
        format!(
            "/api/v1/namespaces/{}/pods/{LOAD}:{LOAD_PORT}/proxy/{rest}",
            self.namespace
        )
    }

    /// Presses the load generator's start button.
    pub(crate) async fn start_load(&self) -> Result<(), ClusterError> {
        let request = http::Request::post(self.load_path("start")).body(Vec::new());
        self.send("start the load", request).await.map(drop)
    }

    /// The load generator's rows from this second on.
    pub(crate) async fn report(&self, since: usize) -> Result<Report, ClusterError> {
        let what = "read the load generator's report";
        let request =
            http::Request::get(self.load_path(&format!("report.json?since={since}"))).body(Vec::new());
        let text = self.send(what, request).await?;
        serde_json::from_str(&text).map_err(|error| ClusterError::Call {
            what: what.to_owned(),
            source: Box::new(kube::Error::SerdeError(error)),
        })
    }

    async fn send(
        &self,
        what: &str,
        request: http::Result<http::Request<Vec<u8>>>,
    ) -> Result<String, ClusterError> {
        let request = request.map_err(|error| ClusterError::Call {
            what: what.to_owned(),
            source: Box::new(kube::Error::HttpError(error)),
        })?;
        call(what, self.calls.request_text(request)).await
    }
}

fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

async fn call<T>(what: &str, future: impl Future<Output = kube::Result<T>>) -> Result<T, ClusterError> {
    match timeout(CALL_TIMEOUT, future).await {
        Err(_) => Err(ClusterError::Silent(what.to_owned())),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(ClusterError::Call {
            what: what.to_owned(),
            source: Box::new(source),
        }),
    }
}

enum Step<T> {
    Done(T),
    /// Not yet, and what it looks like now.
    Not(String),
}

async fn wait<T>(
    what: &'static str,
    limit: Duration,
    mut look: impl AsyncFnMut() -> Result<Step<T>, ClusterError>,
) -> Result<T, ClusterError> {
    let deadline = Instant::now() + limit;
    loop {
        match look().await? {
            Step::Done(value) => return Ok(value),
            Step::Not(state) if Instant::now() >= deadline => {
                return Err(ClusterError::Late {
                    what,
                    seconds: limit.as_secs(),
                    state,
                });
            }
            Step::Not(_) => sleep(Duration::from_millis(250)).await,
        }
    }
}
