//! The arguments about the election, and the candidate that they make. [`start`] sets off what talks to the API server.
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use clap::{ArgAction, Args};
use kube::Client;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::leader::Leadership;
use crate::leader::election::{Election, Surroundings};
use crate::leader::settings::{Settings, SettingsError};

/// Arguments about which of several controllers writes.
#[derive(Debug, Args)]
pub(super) struct LeaderArguments {
    /// Write only while holding the Lease, so that several controllers may run; with false this one must be alone.
    #[arg(long, default_value_t = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    leader_elect: bool,
    /// Namespace of the Lease; absent: the pod's own, or that of the kubeconfig's context.
    #[arg(long)]
    lease_namespace: Option<String>,
    /// Name of the Lease. Controllers with the same name in the same namespace elect one among them.
    #[arg(long, default_value = "concertina")]
    lease_name: String,
    /// Seconds after which a holder that renews no more may be replaced.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(3..=3600))]
    lease_duration_seconds: u32,
    /// Seconds between two renewals; a third of the duration at most.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1200))]
    renew_seconds: u32,
}

/// An election under way.
pub(super) struct Running {
    task: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl LeaderArguments {
    /// The settings of the election; `None` where there is to be none.
    pub(super) fn settings(&self, default_namespace: &str) -> Result<Option<Settings>, SettingsError> {
        let namespace = self.lease_namespace.as_deref().unwrap_or(default_namespace);
        let (duration, renew) = (self.lease_duration_seconds, self.renew_seconds);
        let settings = Settings::new(namespace, &self.lease_name, duration, renew)?;
        Ok(self.leader_elect.then_some(settings))
    }
}

/// Sets off the election, in a task of its own: a list of 100,000 policies that is being read must not hold up a renewal.
pub(super) fn start(
    settings: Settings,
    leadership: Arc<Leadership>,
    calls: Client,
    watches: Client,
) -> Running {
    let surroundings = Surroundings {
        wall_clock: Box::new(jiff::Timestamp::now),
        random: Box::new(|| f64::from(u32::try_from(random() >> 32).unwrap_or(0)) / f64::from(u32::MAX)),
    };
    let election = Election::new(calls, watches, settings, identity(), leadership, surroundings);
    let (stop, stopped) = oneshot::channel();
    let task = tokio::spawn(election.run(async {
        // A sender that is gone means the same.
        let _ = stopped.await;
    }));
    Running { task, stop }
}

impl Running {
    /// Waits until the election has ended by itself, which it should not.
    pub(super) async fn has_ended(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Ends the election. Gives the Lease up only where no change is under way any more: else it runs out by itself, so that
    /// nobody leads before such a change must have come to its end.
    pub(super) async fn end(self, has_changed_all: bool) {
        if has_changed_all {
            let _ = self.stop.send(());
        } else {
            tracing::warn!("a change is still under way: the Lease is not given up and runs out by itself");
            self.task.abort();
        }
        let _ = self.task.await;
    }
}

/// The pod's name, and what tells this process from one that had the same name before.
fn identity() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "concertina".into());
    format!("{host}_{:016x}", random())
}

/// Random bits: the standard library seeds its hash tables from the operating system.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use clap::Parser;
    use http::{Method, Request, Response};
    use kube::client::Body;
    use serde_json::Value;

    use super::*;

    /// The holders that a candidate writes into the Lease, which nobody else wants, until it has ended so.
    async fn holders_until_the_end(has_changed_all: bool) -> Vec<String> {
        let stored = Arc::new(Mutex::new(Vec::<Value>::new()));
        let written = Arc::clone(&stored);
        let service = tower::service_fn(move |request: Request<Body>| {
            let written = Arc::clone(&written);
            async move {
                let (head, body) = request.into_parts();
                if head
                    .uri
                    .query()
                    .is_some_and(|query| query.contains("fieldSelector"))
                {
                    return std::future::pending().await;
                }
                let body = body.collect_bytes().await.unwrap();
                let mut stored = written.lock().unwrap();
                if head.method != Method::GET {
                    let mut lease: Value = serde_json::from_slice(&body).unwrap();
                    lease["metadata"]["resourceVersion"] = (stored.len() + 1).to_string().into();
                    stored.push(lease);
                }
                let (code, answer) = match stored.last() {
                    Some(lease) => (200, lease.to_string()),
                    None => (
                        404,
                        r#"{"kind": "Status", "status": "Failure", "message": "none", "reason": "NotFound", "code": 404}"#.to_owned(),
                    ),
                };
                let answer = Response::builder()
                    .status(code)
                    .body(Body::from(answer.into_bytes()));
                Ok::<_, tower::BoxError>(answer.unwrap())
            }
        });
        let client = Client::new(service, "shop");
        let leadership = Arc::new(Leadership::standby());
        let settings = Settings::new("shop", "concertina", 15, 5).unwrap();
        let running = start(settings, Arc::clone(&leadership), client.clone(), client);
        for _ in 0..200 {
            if leadership.may_write() {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(leadership.may_write());
        leadership.resign();
        running.end(has_changed_all).await;
        let holder = |lease: &Value| lease["spec"]["holderIdentity"].as_str().unwrap().to_owned();
        let stored = stored.lock().unwrap();
        stored.iter().map(holder).collect()
    }

    #[tokio::test]
    async fn the_lease_is_given_up_at_the_end_and_only_when_no_change_is_under_way() {
        let holders = holders_until_the_end(true).await;
        assert_eq!(holders.len(), 2);
        assert_eq!(holders.last().unwrap(), "", "nobody holds it now");
        let holders = holders_until_the_end(false).await;
        assert_eq!(holders.len(), 1, "it runs out by itself: {holders:?}");
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        leader: LeaderArguments,
    }

    fn settings(line: &[&str]) -> Result<Option<Settings>, String> {
        let line = Line::try_parse_from([&["run"], line].concat()).map_err(|error| error.to_string())?;
        line.leader.settings("shop").map_err(|error| error.to_string())
    }

    #[test]
    fn without_arguments_there_is_an_election_in_the_own_namespace() {
        let settings = settings(&[]).unwrap().unwrap();
        assert_eq!(settings.names(), ("shop", "concertina"));
        assert_eq!(settings.duration().as_secs(), 15);
        assert_eq!(settings.renew().as_secs(), 5);
    }

    #[test]
    fn there_is_none_for_a_controller_that_is_to_be_alone() {
        assert_eq!(settings(&["--leader-elect=false"]), Ok(None));
        assert!(settings(&["--leader-elect"]).unwrap().is_some());
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_a_sentence() {
        let words = settings(&["--lease-duration-seconds=9"]).unwrap_err();
        assert!(words.contains("--renew-seconds 5 is too long"), "{words}");
        assert!(settings(&["--renew-seconds=0"]).is_err());
    }

    #[test]
    fn two_processes_never_have_the_same_identity() {
        assert_ne!(identity(), identity());
    }
}
