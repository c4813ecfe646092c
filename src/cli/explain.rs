//! `concertina explain`: asks a running controller for what the newest decision of a policy was made from, and shows how
//! it came about. This reads from the network.

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::decide;
use super::run::{RunError, client, kube_config};

/// The controller's port.
const PORT: u16 = 8080;
/// Pods of the controller, as the manifests label them.
const CONTROLLER_LABELS: &str = "app=concertina";
/// The controller is given up after this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Arguments of `concertina explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The policy, as NAMESPACE/NAME.
    #[arg(value_name = "NAMESPACE/NAME", value_parser = policy_name)]
    policy: (String, String),
    /// How the decision is printed: as a text to read, as JSON, as YAML, or as a case to replay with `concertina decide`.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Namespace that the controller runs in; its pods are asked through the API server.
    #[arg(long, default_value = "concertina")]
    controller_namespace: String,
    /// URL of the controller, for one that does not run in the cluster. Example: http://localhost:8080.
    #[arg(long, conflicts_with = "controller_namespace")]
    url: Option<String>,
    /// Context of the kubeconfig; absent: the current one.
    #[arg(long)]
    context: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
    Case,
}

/// Why a decision cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// There is no cluster to talk to.
    #[error(transparent)]
    Cluster(#[from] RunError),
    /// The API server does not answer as it should.
    #[error("cannot ask the controller through the API server (the right to get pods/proxy is needed)")]
    ApiServer(#[source] Box<kube::Error>),
    /// No pod of the controller.
    #[error(
        "no Ready pod with the label {CONTROLLER_LABELS} in namespace {0}: name the controller's with --controller-namespace"
    )]
    NoController(String),
    /// The controller at a URL does not answer.
    #[error("cannot reach the controller at {url}")]
    Url {
        /// The URL.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The controller has no such decision.
    #[error("{0}")]
    NotDecided(String),
    /// The answer is no case.
    #[error("the controller answers with something that is no case: is it of this version")]
    Answer(#[source] serde_json::Error),
    /// The decision cannot be printed.
    #[error("cannot print the decision")]
    Print(#[source] io::Error),
}

fn policy_name(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => Err("write the namespace and the name of the policy, such as shop/web".to_owned()),
    }
}

/// Shows the newest decision.
///
/// # Errors
/// When there is none, or nobody to ask for it.
pub async fn run(arguments: ExplainArguments) -> Result<ExitCode, ExplainError> {
    let (namespace, name) = &arguments.policy;
    let path = format!("/api/v1/policies/{namespace}/{name}/case");
    let text = match &arguments.url {
        Some(url) => from_url(&format!("{}{path}", url.trim_end_matches('/'))).await?,
        None => from_cluster(&arguments, &path).await?,
    };
    let case: Value = serde_json::from_str(&text).map_err(ExplainError::Answer)?;
    let output = match arguments.output {
        Format::Table => decide::Format::Table,
        Format::Json => decide::Format::Json,
        Format::Yaml => decide::Format::Yaml,
        Format::Case => {
            println!("{case:#}");
            return Ok(ExitCode::SUCCESS);
        }
    };
    decide::show(case, output).map_err(ExplainError::Print)
}

async fn from_url(url: &str) -> Result<String, ExplainError> {
    let failed = |source| ExplainError::Url {
        url: url.to_owned(),
        source,
    };
    let mut builder = reqwest::Client::builder().timeout(TIMEOUT);
    if !url.starts_with("https:") {
        // An image FROM scratch has no CA certificates; they are only asked for where they are needed.
        builder = builder.tls_certs_only(std::iter::empty());
    }
    let client = builder.build().map_err(failed)?;
    let response = client.get(url).send().await.map_err(failed)?;
    let is_there = response.status().is_success();
    let text = response.text().await.map_err(failed)?;
    if is_there {
        Ok(text)
    } else {
        Err(ExplainError::NotDecided(text.trim_end().to_owned()))
    }
}

async fn from_cluster(arguments: &ExplainArguments, path: &str) -> Result<String, ExplainError> {
    let config = kube_config(arguments.context.clone()).await?;
    let client = client(config, Some(TIMEOUT))?;
    let namespace = &arguments.controller_namespace;
    let pod = controller_pod(client.clone(), namespace).await?;
    let uri = format!("/api/v1/namespaces/{namespace}/pods/{pod}:{PORT}/proxy{path}");
    let request = http::Request::get(uri)
        .body(Vec::new())
        .map_err(|error| ExplainError::ApiServer(Box::new(kube::Error::HttpError(error))))?;
    match client.request_text(request).await {
        Ok(text) => Ok(text),
        Err(kube::Error::Api(status)) if status.code == 404 => {
            Err(ExplainError::NotDecided(status.message.trim_end().to_owned()))
        }
        Err(error) => Err(ExplainError::ApiServer(Box::new(error))),
    }
}

async fn controller_pod(client: Client, namespace: &str) -> Result<String, ExplainError> {
    let pods: Api<Pod> = Api::namespaced(client, namespace);
    let labelled = ListParams::default().labels(CONTROLLER_LABELS);
    let pods = pods
        .list(&labelled)
        .await
        .map_err(|error| ExplainError::ApiServer(Box::new(error)))?;
    let is_ready = |pod: &&Pod| {
        let conditions = pod
            .status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        conditions
            .into_iter()
            .any(|condition| condition.type_ == "Ready" && condition.status == "True")
    };
    let ready = pods.items.iter().find(is_ready);
    ready
        .map(ResourceExt::name_any)
        .ok_or_else(|| ExplainError::NoController(namespace.to_owned()))
}
