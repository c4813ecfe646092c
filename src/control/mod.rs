//! The control loop: which policies are due, what each decides, and the one write per change.
pub mod apply;
pub mod ask;
pub mod compile;
pub mod complete;
pub mod enforce;
pub mod evaluate;
pub mod history;
pub mod measure;
pub mod past;
pub mod pulse;
mod quota;
pub mod replay;
pub mod state;
pub mod target;
pub mod tick;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kube::Client;
use tokio::time::Instant;

use crate::cluster::{Cluster, lock};
use crate::config::Config;
use crate::leader::Leadership;
use crate::observe::interval::Intervals;
use crate::observe::planner::Planner;
use crate::observe::server::{Server, ServerError};
use crate::report::Reporter;
use crate::report::metrics::Metrics;
use pulse::Pulse;
use replay::Replays;
use state::PolicyStates;

/// Scale writes in flight at a time.
const CONCURRENT_WRITES: u32 = 32;

/// Everything that one tick works with.
pub struct Context {
    /// The controller's configuration.
    pub config: Arc<Config>,
    /// The configured servers by name.
    pub servers: BTreeMap<String, Arc<Server>>,
    /// What the watches tell.
    pub cluster: Arc<Cluster>,
    /// For writing to the API server.
    pub client: Client,
    /// Status and events on their way out.
    pub reporter: Reporter,
    /// The controller's own metrics.
    pub metrics: Arc<Metrics>,
    /// Whether this process is the one that writes.
    pub leadership: Arc<Leadership>,
    /// How often what the queries ask for is scraped.
    pub intervals: Intervals,
    /// Whether the loop goes on.
    pub pulse: Pulse,
    began: std::time::Instant,
    /// What is remembered of each policy.
    states: Mutex<PolicyStates>,
    /// What newest decisions were made from.
    replays: Mutex<Replays>,
    /// How queries are shared and divided.
    planner: Mutex<Planner>,
    /// Bounds the scale writes in flight.
    writers: tokio::sync::Semaphore,
}

impl Context {
    /// Makes the clients of all configured servers; nothing is sent yet.
    ///
    /// # Errors
    /// When a server's client cannot be made.
    pub fn new(config: Arc<Config>, client: Client, cluster: Arc<Cluster>) -> Result<Self, ServerError> {
        Self::led_by(config, client, cluster, Arc::new(Leadership::alone()))
    }

    /// The same for one of several controllers, which writes while `leadership` says so.
    ///
    /// # Errors
    /// When a server's client cannot be made.
    pub fn led_by(
        config: Arc<Config>,
        client: Client,
        cluster: Arc<Cluster>,
        leadership: Arc<Leadership>,
    ) -> Result<Self, ServerError> {
        let servers = config
            .servers
            .iter()
            .map(|server| Ok((server.name.clone(), Arc::new(Server::new(server.clone())?))))
            .collect::<Result<_, _>>()?;
        let planner = Planner::new(&config);
        let metrics = Arc::new(Metrics::new(config.policy_series).telling_of(&leadership));
        let timeouts = config.servers.iter().map(|server| server.timeout_seconds);
        let longest_timeout = Duration::from_secs(timeouts.max().unwrap_or(0).into());
        Ok(Self {
            pulse: Pulse::new(Instant::now(), longest_timeout),
            config,
            servers,
            cluster,
            reporter: Reporter::new(client.clone(), Arc::clone(&metrics)).led_by(Arc::clone(&leadership)),
            client,
            metrics,
            leadership,
            intervals: Intervals::default(),
            began: std::time::Instant::now(),
            states: Mutex::default(),
            replays: Mutex::default(),
            planner: Mutex::new(planner),
            writers: tokio::sync::Semaphore::new(CONCURRENT_WRITES as usize),
        })
    }

    /// Milliseconds since this process began, from zero again after 49 days.
    #[must_use]
    pub fn milliseconds(&self) -> u32 {
        #[allow(clippy::cast_possible_truncation)] // so it is meant
        let milliseconds = self.began.elapsed().as_millis() as u32;
        milliseconds
    }

    /// What is remembered of each policy; hold the guard briefly.
    pub fn states(&self) -> MutexGuard<'_, PolicyStates> {
        lock(&self.states)
    }

    /// How queries are shared and divided; hold the guard briefly.
    pub fn planner(&self) -> MutexGuard<'_, Planner> {
        lock(&self.planner)
    }

    /// What newest decisions were made from; hold the guard briefly.
    pub fn replays(&self) -> MutexGuard<'_, Replays> {
        lock(&self.replays)
    }

    /// Waits until no scale write is under way. None begins meanwhile where [`Leadership::resign`] was called before.
    pub async fn writes_have_ended(&self) {
        let _ = self.writers.acquire_many(CONCURRENT_WRITES).await;
    }
}

#[cfg(test)]
#[path = "fleet_memory_tests.rs"]
mod fleet_memory_tests;
