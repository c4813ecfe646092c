//! Watches what a controller changes, apart from it: when each object's number became another. It calls the API server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use http::Request;
use kube::Client;
use kube::core::WatchEvent;
use serde::Deserialize;
use tokio::task::JoinHandle;

use crate::client;
use crate::error::BenchError;
use crate::fixture;
use crate::report::Part;

/// What is watched, and which number of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// `spec.replicas` of Deployments.
    Deployments,
    /// `status.desiredReplicas` of policies.
    Policies,
    /// How many events there were; each is news of its own.
    Events,
}

impl What {
    fn path(self) -> &'static str {
        match self {
            Self::Deployments => "/apis/apps/v1/deployments",
            Self::Policies => "/apis/concertina.dev/v1alpha1/scalingpolicies",
            Self::Events => "/apis/events.k8s.io/v1/events",
        }
    }
}

/// An object became another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) at: Instant,
    pub(crate) workload: usize,
    pub(crate) before: Option<i64>,
    pub(crate) value: i64,
}

#[derive(Default)]
struct Seen {
    values: HashMap<usize, i64>,
    changes: Vec<Change>,
    events: i64,
    interruptions: usize,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Slim {
    metadata: SlimMetadata,
    spec: Numbers,
    status: Numbers,
    /// What an event speaks of.
    regarding: SlimMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SlimMetadata {
    name: String,
    resource_version: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Numbers {
    replicas: Option<i64>,
    desired_replicas: Option<i64>,
}

#[derive(Deserialize)]
struct ListHead {
    metadata: SlimMetadata,
}

/// Watches until it is dropped.
pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Observer {
    /// Begins to watch; what was there before is not reported.
    pub(crate) async fn start(client: Client, what: What) -> Result<Self, BenchError> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let version = version(&client, what).await?;
        let task = tokio::spawn(follow(client, what, version, Arc::clone(&seen)));
        Ok(Self { seen, task })
    }

    fn with<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What changed from `since` on, in order.
    pub(crate) fn since(&self, since: Instant) -> Vec<Change> {
        self.with(|seen| {
            let first = seen.changes.partition_point(|change| change.at < since);
            seen.changes.get(first..).unwrap_or_default().to_vec()
        })
    }

    /// How often the watch could not go on where it was cut off; what happened meanwhile was missed.
    pub(crate) fn interruptions(&self) -> usize {
        self.with(|seen| seen.interruptions)
    }

    /// Says so where something was missed: times and counts are not to be trusted then.
    pub(crate) fn tell_missed(&self, bar: &str, part: &mut Part) {
        let missed = self.interruptions();
        if missed > 0 {
            part.miss(format!("{bar}: {missed} times the observer missed what happened"));
        }
    }

    /// When the workload's number first fulfilled `is` after `since`.
    pub(crate) async fn change_of(
        &self,
        workload: usize,
        since: Instant,
        patience: Duration,
        is: impl Fn(i64) -> bool,
    ) -> Option<Instant> {
        let end = Instant::now() + patience;
        loop {
            let found = self.with(|seen| {
                let first = seen.changes.partition_point(|change| change.at < since);
                seen.changes
                    .get(first..)
                    .unwrap_or_default()
                    .iter()
                    .find(|change| change.workload == workload && is(change.value))
                    .map(|change| change.at)
            });
            if found.is_some() || Instant::now() >= end {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until `count` workloads have fulfilled `is` after `since`, and tells when each first did, in order.
    pub(crate) async fn changes_of_all(
        &self,
        count: usize,
        since: Instant,
        patience: Duration,
        is: impl Fn(i64) -> bool,
    ) -> Vec<Instant> {
        let end = Instant::now() + patience;
        loop {
            let mut first: HashMap<usize, Instant> = HashMap::new();
            for change in self.since(since) {
                if is(change.value) {
                    first.entry(change.workload).or_insert(change.at);
                }
            }
            if first.len() >= count || Instant::now() >= end {
                let mut times: Vec<Instant> = first.into_values().collect();
                times.sort();
                return times;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn version(client: &Client, what: What) -> Result<String, BenchError> {
    let list: ListHead = client::get(client, &format!("{}?limit=1", what.path())).await?;
    Ok(list.metadata.resource_version)
}

async fn follow(client: Client, what: What, mut from: String, seen: Arc<Mutex<Seen>>) {
    let mut pause = Duration::from_millis(20);
    loop {
        // A busy API server cuts watches off that fall behind; they go on from what was seen last.
        let mut is_too_old = false;
        let uri = format!(
            "{}?watch=1&timeoutSeconds=3600&resourceVersion={from}",
            what.path()
        );
        let Ok(request) = Request::get(uri).body(Vec::new()) else {
            return;
        };
        let stream = client.request_events::<Slim>(request).await;
        if let Err(kube::Error::Api(status)) = &stream {
            is_too_old = status.code == 410;
        }
        if let Ok(stream) = stream {
            let mut stream = std::pin::pin!(stream);
            while let Some(Ok(event)) = stream.next().await {
                pause = Duration::from_millis(20);
                match event {
                    WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                        from.clone_from(&object.metadata.resource_version);
                        seen.lock().unwrap_or_else(PoisonError::into_inner).take(
                            what,
                            &object,
                            Instant::now(),
                        );
                    }
                    WatchEvent::Error(status) => {
                        is_too_old = status.code == 410;
                        break;
                    }
                    WatchEvent::Deleted(_) | WatchEvent::Bookmark(_) => {}
                }
            }
        }
        if is_too_old {
            seen.lock().unwrap_or_else(PoisonError::into_inner).interruptions += 1;
            if let Ok(version) = version(&client, what).await {
                from = version;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

impl Seen {
    fn take(&mut self, what: What, object: &Slim, at: Instant) {
        let (name, value) = match what {
            What::Deployments => (&object.metadata.name, object.spec.replicas),
            What::Policies => (&object.metadata.name, object.status.desired_replicas),
            What::Events => {
                self.events += 1;
                (&object.regarding.name, Some(self.events))
            }
        };
        let (Some(workload), Some(value)) = (fixture::index_of(name), value) else {
            return;
        };
        let before = self.values.insert(workload, value);
        if before != Some(value) {
            self.changes.push(Change {
                at,
                workload,
                before,
                value,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_another_number_is_a_change_and_events_all_are() {
        let mut seen = Seen::default();
        let object = |text: &str| serde_json::from_str::<Slim>(text).unwrap();
        let now = Instant::now();
        for replicas in ["3", "3", "6", "6", "null"] {
            let text = format!(
                r#"{{"metadata":{{"name":"w000002"}},"spec":{{"replicas":{replicas},"paused":true}}}}"#
            );
            seen.take(What::Deployments, &object(&text), now);
        }
        let values: Vec<_> = seen
            .changes
            .iter()
            .map(|change| (change.workload, change.before, change.value))
            .collect();
        assert_eq!(values, [(2, None, 3), (2, Some(3), 6)]);
        let event = r#"{"metadata":{"name":"x.17"},"regarding":{"name":"w000001"}}"#;
        seen.take(What::Events, &object(event), now);
        seen.take(What::Events, &object(event), now);
        assert_eq!(seen.changes.len(), 4);
        let other = r#"{"metadata":{"name":"concertina"},"spec":{"replicas":1}}"#;
        seen.take(What::Deployments, &object(other), now);
        assert_eq!(
            seen.changes.len(),
            4,
            "what is not of the fleet is nobody's change"
        );
    }
}
