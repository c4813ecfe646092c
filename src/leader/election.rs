//! Takes, renews and gives up the Lease. This talks to the API server.
//!
//! Nobody's clock but one's own is believed, and of that only how fast it runs: a holder counts from when it *sent* its last successful
//! write, a standby from when it first *saw* the newest version, which is never earlier. Every write names the version that it
//! replaces, so of two that act on the same one a single one succeeds. At rest only the holder sends anything; standbys watch.
use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Client, ResourceExt};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Leadership;
use super::candidate::{Candidate, Step, View};
use super::record::{self, Holder};
use super::settings::Settings;
use crate::control::apply::FIELD_MANAGER;
use crate::log::causes;

/// Attempts at giving the Lease up at the end.
const RELEASE_ATTEMPTS: u32 = 3;

/// What comes from outside and is not to be repeated.
pub struct Surroundings {
    /// The time of day, for people who read the Lease; nothing is decided by it.
    pub wall_clock: Box<dyn Fn() -> jiff::Timestamp + Send + Sync>,
    /// A number between 0 and 1, for the jitter of renewals.
    pub random: Box<dyn FnMut() -> f64 + Send + Sync>,
}

/// One candidate's part in the election.
pub struct Election {
    calls: Api<Lease>,
    watches: Api<Lease>,
    candidate: Candidate,
    surroundings: Surroundings,
    /// Whether the list that is being read has shown the Lease.
    is_listed: bool,
    /// Whether a write may have been made whose answer was lost.
    is_in_doubt: bool,
    told: Option<String>,
}

/// Why a call failed.
enum Failure {
    /// Another version is there than the one that was to be replaced.
    Conflict,
    /// There is no such Lease, or no such namespace.
    Absent(String),
    /// Anything else, in words.
    Other(String),
}

type Event = Result<watcher::Event<Lease>, watcher::Error>;

impl Election {
    /// A candidate called `identity`, as nobody else may be. `calls` should not repeat what fails; `watches` must bear silence.
    #[must_use]
    pub fn new(
        calls: Client,
        watches: Client,
        settings: Settings,
        identity: String,
        leadership: Arc<Leadership>,
        surroundings: Surroundings,
    ) -> Self {
        Self {
            calls: Api::namespaced(calls, settings.namespace()),
            watches: Api::namespaced(watches, settings.namespace()),
            candidate: Candidate::new(settings, identity, leadership, Instant::now()),
            surroundings,
            is_listed: false,
            is_in_doubt: false,
            told: None,
        }
    }

    /// Takes part until `stop`, then gives the Lease up if this candidate holds it.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        self.look().await;
        let mut watch = self.watch();
        loop {
            let (at, step) = self.candidate.next_step();
            tokio::select! {
                () = stop.as_mut() => break,
                Some(event) = watch.next() => self.hear(event).await,
                () = sleep_until(at) => match step {
                    Step::Write => self.write().await,
                    Step::Look => {
                        // Somebody has renewed, and the watch has not told: its connection is dead.
                        if self.look().await && self.candidate.is_watched {
                            watch = self.watch();
                        }
                    }
                }
            }
        }
        self.release().await;
    }

    fn watch(&self) -> BoxStream<'static, Event> {
        let only = format!("metadata.name={}", self.candidate.settings.name());
        let config = watcher::Config::default().fields(&only);
        watcher::watcher(self.watches.clone(), config)
            .default_backoff()
            .boxed()
    }

    /// Takes over what the watch tells.
    async fn hear(&mut self, event: Event) {
        let is_meant = |lease: &Lease| lease.name_any() == self.candidate.settings.name();
        match event {
            Ok(watcher::Event::Init) => self.is_listed = false,
            Ok(watcher::Event::InitApply(lease)) if is_meant(&lease) => {
                self.is_listed = true;
                self.candidate.hear(lease, Instant::now());
            }
            Ok(watcher::Event::Apply(lease)) if is_meant(&lease) => {
                self.candidate.hear(lease, Instant::now());
            }
            Ok(watcher::Event::InitDone) => {
                self.candidate.is_watched = true;
                // The list may be from before this candidate created the Lease.
                if !self.is_listed && !matches!(self.candidate.view, View::Absent { .. }) {
                    self.look().await;
                }
            }
            Ok(watcher::Event::Delete(lease)) if is_meant(&lease) && !self.candidate.is_old_news(&lease) => {
                self.candidate.see_none(Instant::now());
            }
            Ok(_) => {}
            Err(error) => {
                self.candidate.is_watched = false;
                let (namespace, lease) = self.candidate.settings.names();
                let error = causes(&error);
                tracing::debug!(
                    namespace,
                    lease,
                    error,
                    "the watch of the Lease failed: it is asked for instead"
                );
            }
        }
    }

    /// Asks for the Lease. Returns whether it is another than was known.
    async fn look(&mut self) -> bool {
        self.candidate.looks(Instant::now());
        let asked = self.calls.get_opt(self.candidate.settings.name());
        let found = self.call(asked).await;
        let now = Instant::now();
        match found {
            Ok(lease) => {
                self.told = None;
                match lease {
                    Some(lease) => self.candidate.see(lease, now),
                    None => self.candidate.see_none(now),
                }
            }
            Err(failure) => {
                self.fail("read", failure);
                false
            }
        }
    }

    /// Creates, takes or renews the Lease.
    async fn write(&mut self) {
        let Candidate {
            settings,
            identity,
            view,
            ..
        } = &self.candidate;
        let now = (self.surroundings.wall_clock)();
        let parameters = parameters();
        let sent_at = Instant::now();
        let written = match view {
            View::Unknown => return,
            View::Absent { .. } => {
                let lease = record::created(settings, identity, now);
                self.call(self.calls.create(&parameters, &lease)).await
            }
            View::Present { lease, .. } => {
                let lease = record::held(lease, settings, identity, now);
                self.call(self.calls.replace(settings.name(), &parameters, &lease))
                    .await
            }
        };
        let answered_at = Instant::now();
        self.is_in_doubt = matches!(written, Err(Failure::Other(_)));
        match written {
            Ok(lease) if record::holder(&lease, identity) == Holder::Me => {
                let jitter = (self.surroundings.random)();
                self.candidate.hold(lease, sent_at, jitter, answered_at);
                self.told = None;
            }
            // Something on the way has put another holder in the place of this one.
            Ok(lease) => {
                self.candidate.see(lease, answered_at);
                self.candidate.pause(answered_at);
            }
            Err(Failure::Conflict) => {
                if !self.look().await {
                    self.candidate.pause(Instant::now());
                }
            }
            // One that is gone can be made again. Where that fails too, its namespace is not there.
            Err(Failure::Absent(_)) if self.candidate.see_none(answered_at) => {}
            Err(failure) => self.fail("write", failure),
        }
    }

    async fn call<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, Failure> {
        match timeout(self.candidate.settings.call_timeout(), request).await {
            Ok(answer) => answer.map_err(|error| Failure::of(&error)),
            Err(_) => Err(Failure::Other("no answer in time".into())),
        }
    }

    /// Waits a little, and tells of each failure once.
    fn fail(&mut self, what: &str, failure: Failure) {
        self.candidate.pause(Instant::now());
        let message = match failure {
            Failure::Conflict => return,
            Failure::Absent(message) | Failure::Other(message) => message,
        };
        if self.told.as_ref() != Some(&message) {
            let (namespace, lease) = self.candidate.settings.names();
            tracing::warn!(
                namespace,
                lease,
                error = message,
                "cannot {what} the Lease; without it this controller changes and reports nothing. It needs the rights to get, list, watch, \
                 create and update leases of coordination.k8s.io there; a controller that is alone can do without: --leader-elect=false"
            );
            self.told = Some(message);
        }
    }

    /// Gives the Lease up, if this candidate holds it.
    async fn release(&mut self) {
        self.candidate.leadership.revoke();
        for _ in 0..RELEASE_ATTEMPTS {
            if std::mem::take(&mut self.is_in_doubt) {
                self.look().await;
            }
            let Candidate {
                settings,
                identity,
                view: View::Present { lease, .. },
                ..
            } = &self.candidate
            else {
                return;
            };
            if record::holder(lease, identity) != Holder::Me {
                return;
            }
            let released = record::released(lease, (self.surroundings.wall_clock)());
            let parameters = parameters();
            let request = self.calls.replace(settings.name(), &parameters, &released);
            match self.call(request).await {
                Ok(_) | Err(Failure::Absent(_)) => {
                    let (namespace, lease) = settings.names();
                    tracing::info!(namespace, lease, "the Lease is given up");
                    return;
                }
                Err(Failure::Conflict) => {}
                Err(Failure::Other(message)) => {
                    let (namespace, lease) = settings.names();
                    tracing::debug!(
                        namespace,
                        lease,
                        error = message,
                        "the Lease could not be given up"
                    );
                    sleep(settings.retry_gap()).await;
                }
            }
            self.is_in_doubt = true;
        }
    }
}

impl Failure {
    fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 409 => Self::Conflict,
            kube::Error::Api(status) if status.code == 404 => Self::Absent(status.message.clone()),
            kube::Error::Api(status) => Self::Other(status.message.clone()),
            other => Self::Other(causes(other)),
        }
    }
}

fn parameters() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.into()),
        ..PostParams::default()
    }
}
