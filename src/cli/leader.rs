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

    /// Gives the Lease up and ends the election.
    pub(super) async fn end(self) {
        let _ = self.stop.send(());
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
    use clap::Parser;

    use super::*;

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
        assert_eq!(settings.to_string(), "shop/concertina");
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
