//! Clients of the API server with one warm connection each, and requests as plain JSON. It calls the API server.

use std::path::Path;
use std::time::Duration;

use http::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde::de::DeserializeOwned;

use crate::error::BenchError;

/// One call is given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration of a kubeconfig file, or of the environment.
pub(crate) async fn configuration(kubeconfig: Option<&Path>) -> Result<Config, BenchError> {
    let Some(path) = kubeconfig else {
        return Config::infer()
            .await
            .map_err(|error| BenchError::Kubeconfig(error.into()));
    };
    let file = Kubeconfig::read_from(path).map_err(|error| BenchError::Kubeconfig(error.into()))?;
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .map_err(|error| BenchError::Kubeconfig(error.into()))
}

/// A client for calls. One call at a time uses one connection.
pub(crate) fn calls(configuration: &Config) -> Result<Client, BenchError> {
    client(configuration, Some(CALL_TIMEOUT))
}

/// A client for watches, which may be silent for ever.
pub(crate) fn watches(configuration: &Config) -> Result<Client, BenchError> {
    client(configuration, None)
}

fn client(configuration: &Config, read_timeout: Option<Duration>) -> Result<Client, BenchError> {
    let mut configuration = configuration.clone();
    configuration.read_timeout = read_timeout;
    configuration.connect_timeout = Some(Duration::from_secs(5));
    configuration.default_retry = false;
    Ok(Client::try_from(configuration)?)
}

/// Sends JSON and reads as much of the answer as is asked for.
pub(crate) async fn send<T: DeserializeOwned>(
    client: &Client,
    method: Method,
    path: &str,
    content_type: &str,
    body: Vec<u8>,
) -> Result<T, BenchError> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(http::header::CONTENT_TYPE, content_type)
        .body(body)?;
    Ok(client.request(request).await?)
}

/// Reads an object, or a list.
pub(crate) async fn get<T: DeserializeOwned>(client: &Client, path: &str) -> Result<T, BenchError> {
    Ok(client.request(Request::get(path).body(Vec::new())?).await?)
}

/// Reads text, such as metrics.
pub(crate) async fn text(client: &Client, path: &str) -> Result<String, BenchError> {
    Ok(client.request_text(Request::get(path).body(Vec::new())?).await?)
}
