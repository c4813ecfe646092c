//! One watch that follows a kind for ever and hands its changes to a table. This is the only file here that reads from the network.
use std::fmt::Debug;
use std::pin::pin;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;

/// A change of the followed kind.
#[derive(Debug)]
pub enum Change<K> {
    /// The whole list, after the first list or a new one: what is not in it is gone.
    Replace(Vec<K>),
    /// One object is new or changed.
    Apply(K),
    /// One object is gone.
    Delete(K),
    /// The watch failed and is tried again; meanwhile nothing is heard.
    Fail(Failure),
}

/// Why a watch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether the controller lacks the right to list or watch.
    pub is_forbidden: bool,
    /// Whether the API server does not serve the kind.
    pub is_unserved: bool,
    /// The API server's words.
    pub message: String,
}

impl Failure {
    fn of(error: &watcher::Error) -> Self {
        let status = match error {
            watcher::Error::InitialListFailed(kube::Error::Api(status))
            | watcher::Error::WatchStartFailed(kube::Error::Api(status))
            | watcher::Error::WatchFailed(kube::Error::Api(status))
            | watcher::Error::WatchError(status) => Some(status),
            _ => None,
        };
        Self {
            is_forbidden: status.is_some_and(|status| status.code == 403),
            is_unserved: status.is_some_and(|status| status.code == 404),
            message: status.map_or_else(|| error.to_string(), |status| status.message.clone()),
        }
    }
}

/// Follows `api` until the future is dropped. Failures are tried again with back-off; the table keeps what it last knew
/// meanwhile. The same failure in a row is logged once.
pub async fn follow<K>(api: Api<K>, what: &str, mut on_change: impl FnMut(Change<K>))
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = watcher::Config::default().any_semantic();
    let mut stream = pin!(watcher::watcher(api, config).default_backoff());
    let mut listing = Vec::new();
    let mut told: Option<Failure> = None;
    while let Some(event) = stream.next().await {
        // Each attempt at a list begins with this one, also one that fails.
        if matches!(&event, Ok(event) if !matches!(event, watcher::Event::Init)) && told.take().is_some() {
            tracing::info!(what, "the watch works again");
        }
        match event {
            Ok(watcher::Event::Init) => listing.clear(),
            Ok(watcher::Event::InitApply(object)) => listing.push(object),
            Ok(watcher::Event::InitDone) => on_change(Change::Replace(std::mem::take(&mut listing))),
            Ok(watcher::Event::Apply(object)) => on_change(Change::Apply(object)),
            Ok(watcher::Event::Delete(object)) => on_change(Change::Delete(object)),
            Err(error) => {
                let failure = Failure::of(&error);
                if told.as_ref() != Some(&failure) {
                    tracing::warn!(what, %error, "the watch failed and will be tried again");
                    told = Some(failure.clone());
                }
                on_change(Change::Fail(failure));
            }
        }
    }
}
