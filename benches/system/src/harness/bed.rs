//! What every measurement needs of the test bed: clients, the fleet, its exporter, how often it is scraped. It calls the API
//! server, Prometheus and the exporter, and starts the exporter and the proxy.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use kube::{Client, Config};

use super::process::Process;
use super::{RunArguments, observer::Observer, observer::What, prober};
use crate::client;
use crate::error::BenchError;
use crate::exposition::Exposition;
use crate::fill;
use crate::fixture::Kind;
use crate::proxy::Count;

/// Connections that fill the fleet.
const FILLERS: usize = 24;
/// Ends what this benchmark starts, should it be killed itself.
const LONGEST_RUN_SECONDS: u64 = 3 * 3600;

pub(crate) const EXPORTER: &str = "http://127.0.0.1:9100";
pub(crate) const PROXY: &str = "http://127.0.0.1:9091";

/// The test bed and what was started on it.
pub(crate) struct Bed {
    pub(crate) arguments: RunArguments,
    pub(crate) http: reqwest::Client,
    pub(crate) prometheus: String,
    pub(crate) api: Client,
    administrator: Config,
    /// The controller's own credentials.
    controller: Config,
    fillers: Vec<Client>,
    filled: usize,
    exporter: Option<Process>,
    scrape_directory: PathBuf,
}

impl Bed {
    /// How many policies the fleet has.
    pub(crate) const fn filled(&self) -> usize {
        self.filled
    }

    pub(crate) async fn connect(arguments: RunArguments) -> Result<Self, BenchError> {
        let administrator = client::configuration(None).await?;
        let controller = client::configuration(Some(&arguments.kubeconfig)).await?;
        let fillers = (0..FILLERS)
            .map(|_| client::calls(&administrator))
            .collect::<Result<_, _>>()?;
        let own = std::env::var_os("KUBECONFIG").map(PathBuf::from);
        let scrape_directory = own
            .as_deref()
            .and_then(|file| Some(file.parent()?.join("scrape")))
            .filter(|directory| directory.is_dir())
            .ok_or_else(|| {
                BenchError::Unusable("this is no test bed without containers: TESTBED_TIER=kwok testbed/up, then testbed/enter".into())
            })?;
        std::fs::create_dir_all(&arguments.out)?;
        let api = client::calls(&administrator)?;
        super::access::count_requests(&api).await?;
        Ok(Self {
            http: reqwest::Client::builder().build()?,
            prometheus: std::env::var("PROMETHEUS_URL").unwrap_or_else(|_| "http://127.0.0.1:9090".into()),
            api,
            administrator,
            controller,
            fillers,
            filled: 0,
            exporter: None,
            scrape_directory,
            arguments,
        })
    }

    pub(crate) fn kind(&self) -> Kind {
        self.arguments.kind
    }

    /// Makes the fleet this great, and its series with it.
    pub(crate) async fn grow(&mut self, policies: usize) -> Result<(), BenchError> {
        if policies > self.filled {
            let filled = fill::fill(&self.fillers, self.kind(), self.filled..policies).await?;
            println!("  {filled}");
            self.filled = policies;
        }
        self.exporter = None;
        let arguments: Vec<OsString> = [
            "exporter",
            "--kind",
            self.kind().name(),
            "--workloads",
            &policies.to_string(),
            "--for-seconds",
            &LONGEST_RUN_SECONDS.to_string(),
        ]
        .map(OsString::from)
        .into();
        self.exporter = Some(self.own_program("exporter", &arguments)?);
        Ok(())
    }

    /// This program with other arguments.
    fn own_program(&self, name: &str, arguments: &[OsString]) -> Result<Process, BenchError> {
        let log = self.arguments.out.join(format!("{name}.log"));
        Process::start(&std::env::current_exe()?, arguments, &[], &log)
    }

    /// The proxy before Prometheus.
    pub(crate) fn proxy(&self) -> Result<Process, BenchError> {
        let upstream = self.prometheus.clone();
        let life = LONGEST_RUN_SECONDS.to_string();
        let arguments = ["proxy", "--upstream", &upstream, "--for-seconds", &life].map(OsString::from);
        self.own_program("proxy", &arguments)
    }

    /// What goes wrong behind the proxy from now on, as its query parameters; nothing where these are empty. It counts anew.
    pub(crate) async fn trouble(&self, parameters: &str) -> Result<(), BenchError> {
        let url = format!("{PROXY}/-/trouble{parameters}");
        self.http.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    /// What the proxy counted since the trouble was set last.
    pub(crate) async fn proxy_count(&self) -> Result<Count, BenchError> {
        let answer = self.http.get(format!("{PROXY}/-/count")).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    /// Has the exporter scraped at this interval and returns when all its series of the present are there.
    pub(crate) async fn scrape(&self, milliseconds: u32, policies: usize) -> Result<(), BenchError> {
        let limit = milliseconds.min(10_000);
        let configuration = format!(
            "scrape_configs:\n- job_name: fleet\n  scrape_interval: {milliseconds}ms\n  scrape_timeout: {limit}ms\n  static_configs:\n  - targets: [127.0.0.1:9100]\n"
        );
        std::fs::write(self.scrape_directory.join("fleet.yaml"), configuration)?;
        let reload = format!("{}/-/reload", self.prometheus);
        self.http.post(reload).send().await?.error_for_status()?;
        let (series, expected) = match self.kind() {
            Kind::Workload => ("bench_load", policies),
            Kind::Pods => ("http_requests_total{pod!=\"\"}", policies * self.kind().pods()),
        };
        let text = format!("count({series} and timestamp({series}) > {})", now());
        #[allow(clippy::cast_precision_loss)]
        let expected = expected as f64;
        let end = Instant::now() + Duration::from_secs(120);
        while Instant::now() < end {
            let answer = prober::query(&self.http, &self.prometheus, &text).await;
            if answer.is_ok_and(|values| values.first().is_some_and(|(_, count)| *count >= expected)) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        Err(BenchError::TimedOut {
            what: format!("{expected} series in Prometheus"),
            seconds: 120,
        })
    }

    /// From the next scrape on the load of these workloads is so many times the steady one.
    pub(crate) async fn step(&self, workloads: &str, factor: f64) -> Result<(), BenchError> {
        let url = format!("{EXPORTER}/step?workload={workloads}&factor={factor}");
        self.http.post(url).send().await?.error_for_status()?;
        Ok(())
    }

    pub(crate) async fn observe(&self, what: What) -> Result<Observer, BenchError> {
        Observer::start(client::watches(&self.administrator)?, what).await
    }

    /// Clients with the controller's credentials, a connection each.
    pub(crate) fn as_controller(&self, count: usize) -> Result<Vec<Client>, BenchError> {
        (0..count).map(|_| client::calls(&self.controller)).collect()
    }

    pub(crate) async fn api_metrics(&self) -> Result<Exposition, BenchError> {
        Ok(Exposition::new(client::text(&self.api, "/metrics").await?))
    }

    pub(crate) async fn prometheus_metrics(&self) -> Result<Exposition, BenchError> {
        self.metrics_of(&self.prometheus).await
    }

    /// Metrics of a server without credentials.
    pub(crate) async fn metrics_of(&self, url: &str) -> Result<Exposition, BenchError> {
        let answer = self
            .http
            .get(format!("{url}/metrics"))
            .timeout(Duration::from_secs(20))
            .send()
            .await?;
        Ok(Exposition::new(answer.error_for_status()?.text().await?))
    }
}

/// Waits for the middle between two ticks. Ticks are aligned to the clock, so windows that begin here and last for a multiple of
/// the period hold the same number of ticks each, also when evaluations are late by seconds.
pub(crate) async fn between_ticks(period_seconds: u32) {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let period = f64::from(period_seconds);
    let wait = (0.6 * period - since.as_secs_f64()).rem_euclid(period);
    tokio::time::sleep(Duration::from_secs_f64(wait)).await;
}

/// Seconds since the Unix epoch.
fn now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
