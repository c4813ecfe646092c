//! One watch that follows a kind for ever and hands its changes to a table. With `requests`, the only file
//! here that reads from the network.
//!
//! | what happens                                             | what is done                                                  |
//! |----------------------------------------------------------|---------------------------------------------------------------|
//! | nothing is known yet                                     | the list comes as events of a watch, or in pages where that is refused |
//! | the server ends the watch, or the connection breaks      | the watch goes on at once where it ended                      |
//! | nothing is heard for 90 s, not even a bookmark           | the same: the connection may be dead                          |
//! | the same happens three times in a row                    | a new list: a server that was restored from a backup may not know the version yet |
//! | the version is gone (410)                                | a new list at once; if that leads to 410 again, after a while |
//! | the right to list or watch is lacking (403)              | a new list after 0.8 s to 30 s: what happens until then may never be told |
//! | any other failure                                        | the same request again after 0.8 s to 30 s, with jitter       |
//! | one object is malformed                                  | it is named in the log once and skipped: see [`follow_sound`] |
//!
//! Lists are as new as their request (never from a cache that may be behind), and no list is ever held as a whole.
use std::collections::HashSet;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::DefaultBackoff;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::guarded::Guarded;
use super::names::Uid;
use super::requests::{Ended, Requests};

/// A watch that ended sooner and told nothing counts as one that failed.
const LEAST_SECONDS: u64 = 1;
/// The longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// A watch of which so many seconds nothing was heard is silent: an API server sends a bookmark about once a minute.
const SILENT_SECONDS: u64 = 60;
/// After so many silent watches in a row a new list is asked for.
const SILENCES: u32 = 3;
/// So many malformed objects are remembered as told.
const REMEMBERED_MALFORMED: usize = 1000;

/// A change of the followed kind.
#[derive(Debug)]
pub enum Change<K> {
    /// A list begins: all that is there will be told. What is known stays good until its end. The list before may not have
    /// come to its end.
    ListBegins,
    /// One object of the list, or one that is new or changed.
    Apply(K),
    /// The list has ended: what it did not tell is gone.
    ListEnds,
    /// One object is gone. Names, uid and resource version are set.
    Delete(Box<ObjectMeta>),
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

/// Follows a kind until the future is dropped, and leaves out what is malformed. See [`follow`].
///
/// What was known of an object that has become malformed stays until it is readable again, gone, or left out of a list: a target's
/// count is tested by the write that is decided on it, and a pod that fell out at once would look like one that is gone.
pub async fn follow_sound<K>(
    client: Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    mut on_change: impl FnMut(Change<K>),
) where
    K: Resource + DeserializeOwned,
{
    let mut told = HashSet::new();
    follow::<K>(client, resource, namespace, |change| {
        on_change(match change {
            Change::Apply(Guarded(Ok(object))) => Change::Apply(object),
            Change::Apply(Guarded(Err(unreadable))) => {
                if told.len() < REMEMBERED_MALFORMED && told.insert(Uid::in_metadata(&unreadable.metadata)) {
                    tracing::warn!(
                        resource = resource.plural,
                        namespace = unreadable.metadata.namespace,
                        name = unreadable.metadata.name,
                        error = unreadable.error,
                        "a malformed object is left out"
                    );
                }
                return;
            }
            Change::ListBegins => Change::ListBegins,
            Change::ListEnds => Change::ListEnds,
            Change::Delete(metadata) => Change::Delete(metadata),
            Change::Fail(failure) => Change::Fail(failure),
        });
    })
    .await;
}

/// Follows a kind in one namespace, or in all, until the future is dropped. Failures are tried again with back-off; the table keeps what it
/// last knew meanwhile. The same failure in a row is logged once.
pub async fn follow<K>(
    client: Client,
    resource: &ApiResource,
    namespace: Option<&str>,
    mut on_change: impl FnMut(Change<Guarded<K>>),
) where
    K: Resource + DeserializeOwned,
{
    let what = resource.plural.as_str();
    let requests = Requests::new(client, resource, namespace);
    let mut backoff = DefaultBackoff::default();
    // How far the changes are known; nothing before the first list.
    let mut version: Option<String> = None;
    let (mut in_pages, mut was_gone) = (false, false);
    let mut silences = 0;
    let mut told: Option<Failure> = None;
    loop {
        let (began, mut is_heard) = (Instant::now(), false);
        let before = version.clone();
        let hear = |change| {
            if told.take().is_some() {
                tracing::info!(resource = what, namespace, "the watch works again");
            }
            is_heard = true;
            on_change(change);
        };
        let ended = if version.is_none() && in_pages {
            requests.list(&mut version, hear).await
        } else {
            requests.watch(&mut version, hear).await
        };
        let worked = is_heard || began.elapsed().as_secs() >= LEAST_SECONDS;
        let failure = match ended {
            Ended::Listed => continue,
            Ended::StreamRefused => {
                tracing::debug!(
                    resource = what,
                    namespace,
                    "no list as a stream of events: pages are asked for"
                );
                in_pages = true;
                continue;
            }
            Ended::Over => {
                was_gone = false;
                let is_silent = !is_heard && version == before && began.elapsed().as_secs() >= SILENT_SECONDS;
                silences = if is_silent { silences + 1 } else { 0 };
                if silences >= SILENCES {
                    tracing::info!(
                        resource = what,
                        namespace,
                        "nothing is heard of the watch: a new list is asked for"
                    );
                    (version, silences) = (None, 0);
                }
                None
            }
            Ended::Gone => {
                version = None;
                if worked || !std::mem::replace(&mut was_gone, true) {
                    continue;
                }
                None
            }
            Ended::Failed(failure) => Some(failure),
        };
        if let Some(failure) = failure {
            // A right may be lacking for one way and not for the other.
            in_pages &= !(failure.is_forbidden && version.is_none());
            if failure.is_forbidden {
                version = None;
            }
            if told.as_ref() != Some(&failure) {
                tracing::warn!(
                    resource = what,
                    namespace,
                    error = failure.message,
                    "the watch failed and will be tried again"
                );
                told = Some(failure.clone());
            }
            on_change(Change::Fail(failure));
        } else if worked {
            backoff.reset();
            continue;
        }
        tokio::time::sleep(backoff.next().unwrap_or(LONGEST_WAIT)).await;
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
