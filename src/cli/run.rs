//! `concertina run`: puts the parts of the controller together and runs them until a signal comes.
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use futures::FutureExt;
use kube::Client;
use kube::config::KubeConfigOptions;
use tokio::net::TcpListener;

use super::leader::{self, LeaderArguments};
use super::servers::{ServerArguments, Servers};
use crate::cluster::{Cluster, feed};
use crate::config::{Config, ConfigError};
use crate::control::{Context, tick};
use crate::leader::Leadership;
use crate::leader::settings::SettingsError;
use crate::log;
use crate::observe::server::ServerError;
use crate::web;

/// Where it listens unless an address is asked for.
const PORT: u16 = 8080;
/// Reads and writes of the API server are given up after this; watches are not.
const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Writes and reports under way get so long to end after a signal.
const GRACE: Duration = Duration::from_secs(5);
/// Evaluations under way get so long to end after a signal; one that still waits for Prometheus then is left to whoever takes over.
const EVALUATION_GRACE: Duration = Duration::from_millis(500);

/// Arguments of `concertina run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten)]
    servers: ServerArguments,
    /// Least seconds between two scrapes on the server of --prometheus-url, for the windows of rates. Without it: as measured.
    #[arg(long, conflicts_with = "config", value_parser = clap::value_parser!(u32).range(1..=3600))]
    scrape_interval_seconds: Option<u32>,
    /// Address for /metrics, /healthz, /readyz and /api/v1/policies/NAMESPACE/NAME/case; absent: [::]:8080, to IPv6 and IPv4, or 0.0.0.0:8080
    /// where the kernel has no IPv6.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// Context of the kubeconfig; absent: the current one, or the cluster this runs in.
    #[arg(long)]
    context: Option<String>,
    /// Log as JSON instead of text.
    #[arg(long)]
    log_json: bool,
    /// What is logged: error, warn, info, debug or trace, or directives such as warn,concertina=debug.
    #[arg(long, env = "RUST_LOG", default_value = log::DEFAULT_LEVEL, value_parser = log::directives)]
    log_level: String,
    #[command(flatten)]
    pub(super) leader: LeaderArguments,
}

/// Why the controller cannot run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nobody says where Prometheus is.
    #[error(
        "no Prometheus server is named: write --config FILE or --prometheus-url URL, or set CONCERTINA_CONFIG or PROMETHEUS_URL"
    )]
    NoServer,
    /// The argument is for a server that has no file.
    #[error("--scrape-interval-seconds is for --prometheus-url; write scrapeIntervalSeconds of the server into {}", .0.display())]
    IntervalBesideFile(PathBuf),
    /// The configuration is unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A server's client cannot be made.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The election cannot work as it was asked for.
    #[error(transparent)]
    Election(#[from] SettingsError),
    /// The task that holds the Lease is gone.
    #[error("the election has ended by itself; start the controller anew, and report this")]
    ElectionEnded,
    /// The task of a watch is gone, so that what it tells stands still.
    #[error("a watch of the API server has ended by itself; start the controller anew, and report this")]
    WatchEnded,
    /// There is no cluster to talk to.
    #[error("no cluster to talk to: run inside a cluster, or set KUBECONFIG or --context")]
    Kubeconfig(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The client of the API server cannot be made.
    #[error("cannot make a client of the API server")]
    Client(#[source] Box<kube::Error>),
    /// The address for metrics cannot be listened on.
    #[error("cannot listen on {address}: choose another --listen address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason from the operating system.
        #[source]
        source: std::io::Error,
    },
    /// What is to be logged is not understood.
    #[error("RUST_LOG or --log-level cannot be used")]
    Log(#[from] log::DirectiveError),
    /// Signals cannot be received.
    #[error("cannot receive signals")]
    Signal(#[source] std::io::Error),
}

/// Runs the controller until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or a part of it that should go on has ended; other troubles are reported and tried again.
pub async fn run(arguments: RunArguments) -> Result<(), RunError> {
    let format = if arguments.log_json {
        log::Format::Json
    } else {
        log::Format::Text
    };
    let log_limit = log::start(format, &arguments.log_level)?;
    let ended = run_logged(arguments, &log_limit).await;
    // However it ended: the last minute may hold the reason.
    log_limit.tell_all_withheld();
    ended
}

async fn run_logged(arguments: RunArguments, log_limit: &log::Limit) -> Result<(), RunError> {
    let config = match (arguments.servers.chosen(), arguments.scrape_interval_seconds) {
        (None, _) => return Err(RunError::NoServer),
        (Some(Servers::File(path)), Some(_)) => return Err(RunError::IntervalBesideFile(path)),
        (Some(Servers::File(path)), None) => Config::read(&path)?,
        (Some(Servers::Url(url)), interval) => Config::with_server(&url, interval)?,
    };
    let kube_config = kube_config(arguments.context).await?;
    let election = arguments.leader.settings(&kube_config.default_namespace)?;
    let watch_client = client(kube_config.clone(), None)?;
    let call_client = client(kube_config, Some(READ_TIMEOUT))?;

    let config = Arc::new(config);
    let cluster = Arc::new(Cluster::new(Arc::clone(&config)));
    let leadership = Arc::new(if election.is_some() {
        Leadership::standby()
    } else {
        Leadership::alone()
    });
    let context = Arc::new(Context::led_by(
        config,
        call_client.clone(),
        Arc::clone(&cluster),
        Arc::clone(&leadership),
    )?);
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(RunError::Signal)?;
    let (listener, address) = listener(arguments.listen).await?;
    let (version, listen) = (env!("CARGO_PKG_VERSION"), address.to_string());
    tracing::info!(version, listen, "concertina starts");

    let election = election.map(|settings| {
        let (calls, watches) = (call_client.clone(), watch_client.clone());
        leader::start(settings, leadership, calls, watches)
    });
    let working = Working {
        context,
        served: (listener, address),
        election,
    };
    let watches = feed::run(cluster, watch_client, call_client);
    let signal = async {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = tokio::signal::ctrl_c() => "SIGINT",
        }
    };
    working.until(watches, signal, log_limit).await
}

/// A controller that is put together.
struct Working {
    context: Arc<Context>,
    /// The socket of the HTTP endpoint, and its address.
    served: (TcpListener, SocketAddr),
    election: Option<leader::Running>,
}

impl Working {
    /// Works until a signal comes, which is told by its name, or the watches end, and then ends in order.
    async fn until(
        self,
        watches: impl Future<Output = ()>,
        signal: impl Future<Output = &'static str>,
        log_limit: &log::Limit,
    ) -> Result<(), RunError> {
        let Self {
            context,
            served: (listener, address),
            mut election,
        } = self;
        let election_ended = async {
            match &mut election {
                Some(election) => election.has_ended().await,
                None => std::future::pending().await,
            }
        };
        let mut served = std::pin::pin!(web::run(Arc::clone(&context), listener));
        let ended = tokio::select! {
            () = watches => Err(RunError::WatchEnded),
            () = tick::run(Arc::clone(&context)) => Ok(()),
            () = log_limit.run() => Ok(()),
            () = context.reporter.run(tick::wall_clock) => Ok(()),
            served = served.as_mut() => return served.map_err(|source| RunError::Listen { address, source }),
            () = election_ended => return Err(RunError::ElectionEnded),
            signal = signal => {
                tracing::info!("{signal}: ending");
                Ok(())
            }
        };
        let has_changed_all = tokio::select! {
            has_changed_all = end(&context) => has_changed_all,
            // Probes are still answered, and the last numbers can be had.
            () = served.map(|_| ()).then(|()| std::future::pending()) => false,
        };
        if let Some(election) = election {
            election.end(has_changed_all).await;
        }
        ended
    }
}

/// No tick and no write begins any more. Writes under way end and are told, and then somebody else may write. Returns whether all writes
/// have ended.
async fn end(context: &Context) -> bool {
    context.leadership.resign();
    let mut has_changed_all = false;
    let end = async {
        context.writes_have_ended().await;
        has_changed_all = true;
        let evaluated = async {
            while context.states().any_in_flight() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(EVALUATION_GRACE, evaluated).await;
        context.reporter.flush_all(tick::wall_clock()).await;
    };
    let _ = tokio::time::timeout(GRACE, end).await;
    has_changed_all
}

/// Listens at the address that is asked for, or at all there are. Returns where that is, too.
async fn listener(asked: Option<SocketAddr>) -> Result<(TcpListener, SocketAddr), RunError> {
    let listener = match asked {
        Some(address) => TcpListener::bind(address).await,
        None => web::listen::everywhere(PORT),
    };
    let address = asked.unwrap_or_else(|| (Ipv6Addr::UNSPECIFIED, PORT).into());
    listener
        .and_then(|listener| listener.local_addr().map(|address| (listener, address)))
        .map_err(|source| RunError::Listen { address, source })
}

/// The configuration of the named context, of the current one, or of the cluster this runs in.
pub(super) async fn kube_config(context: Option<String>) -> Result<kube::Config, RunError> {
    let no_cluster = |error: Box<dyn std::error::Error + Send + Sync>| RunError::Kubeconfig(error);
    if context.is_some() {
        let options = KubeConfigOptions {
            context,
            ..KubeConfigOptions::default()
        };
        return kube::Config::from_kubeconfig(&options)
            .await
            .map_err(|error| no_cluster(error.into()));
    }
    kube::Config::infer()
        .await
        .map_err(|error| no_cluster(error.into()))
}

/// A client of the API server. kube's own defaults would retry writes many times and wait for ever on a silent connection; a control loop decides
/// anew instead.
pub(super) fn client(mut config: kube::Config, read_timeout: Option<Duration>) -> Result<Client, RunError> {
    config.read_timeout = read_timeout;
    config.connect_timeout = Some(Duration::from_secs(5));
    config.default_retry = false;
    Client::try_from(config).map_err(|error| RunError::Client(Box::new(error)))
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
