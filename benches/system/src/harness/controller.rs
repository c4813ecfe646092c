//! The controller under measurement as a process of its own. It is started here, and asked for its metrics.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use super::bed::Bed;
use super::process::{self, Memory, Process};
use crate::error::BenchError;
use crate::exposition::Exposition;

/// How it is configured.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) prometheus: String,
    pub(crate) period_seconds: u32,
    pub(crate) scrape_milliseconds: u32,
    pub(crate) port: u16,
}

/// A running controller.
pub(crate) struct Controller {
    pub(crate) process: Process,
    pub(crate) started: Instant,
    url: String,
    http: reqwest::Client,
}

impl Controller {
    /// Starts it and does not wait for anything.
    pub(crate) fn start(bed: &Bed, setup: &Setup) -> Result<Self, BenchError> {
        let name = format!("controller-{}", setup.port);
        let configuration = include_str!("../../fixtures/controller.yaml")
            .replace("@PROMETHEUS@", &setup.prometheus)
            .replace(
                "@SCRAPE@",
                &setup.scrape_milliseconds.div_euclid(1000).max(1).to_string(),
            )
            .replace("@PERIOD@", &setup.period_seconds.to_string());
        let file = bed.arguments.out.join(format!("{name}.yaml"));
        std::fs::write(&file, configuration)?;
        let mut arguments: Vec<OsString> = vec!["run".into(), "--config".into(), file.into()];
        arguments.extend(["--listen".into(), format!("127.0.0.1:{}", setup.port).into()]);
        arguments.extend(bed.arguments.controller_arguments.iter().map(OsString::from));
        let environment = [
            ("KUBECONFIG", bed.arguments.kubeconfig.clone().into_os_string()),
            ("RUST_LOG", "warn".into()),
            ("POD_NAME", name.clone().into()),
            ("POD_NAMESPACE", super::access::NAMESPACE.into()),
        ];
        let log = bed.arguments.out.join(format!("{name}.log"));
        let started = Instant::now();
        Ok(Self {
            process: Process::start(&bed.arguments.controller, &arguments, &environment, &log)?,
            started,
            url: format!("http://127.0.0.1:{}", setup.port),
            http: bed.http.clone(),
        })
    }

    /// One that is ready, at the fast period and over a Prometheus that scrapes as fast; and the words for this setting.
    pub(crate) async fn fast(bed: &Bed, policies: usize) -> Result<(Self, String), BenchError> {
        let setup = Setup {
            prometheus: bed.prometheus.clone(),
            period_seconds: bed.arguments.fast_period,
            scrape_milliseconds: bed.arguments.fast_scrape,
            port: 8080,
        };
        let setting = format!(
            "{policies} policies, period {} s, scraped every {} ms",
            setup.period_seconds, setup.scrape_milliseconds
        );
        bed.scrape(setup.scrape_milliseconds, policies).await?;
        let mut controller = Self::start(bed, &setup)?;
        controller.ready(Duration::from_secs(120)).await?;
        Ok((controller, setting))
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self, patience: Duration) -> Result<Instant, BenchError> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if self.process.has_ended() {
                return Err(BenchError::Unusable(
                    "the controller ended; its log is beside the report".into(),
                ));
            }
            let answer = self
                .http
                .get(format!("{}/readyz", self.url))
                .timeout(Duration::from_secs(5))
                .send()
                .await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(Instant::now());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(BenchError::TimedOut {
            what: "the controller's readiness".into(),
            seconds: patience.as_secs(),
        })
    }

    /// Its own metrics.
    pub(crate) async fn metrics(&self) -> Result<Exposition, BenchError> {
        let answer = self
            .http
            .get(format!("{}/metrics", self.url))
            .timeout(Duration::from_secs(20))
            .send()
            .await?;
        Ok(Exposition::new(answer.error_for_status()?.text().await?))
    }

    /// Evaluations so far.
    pub(crate) async fn evaluations(&self) -> Result<f64, BenchError> {
        Ok(evaluations(&self.metrics().await?))
    }

    /// What it holds now.
    pub(crate) fn memory(&self) -> Option<Memory> {
        process::memory(self.process.id())
    }
}

/// Evaluations by the controller's own metrics; versions that do not count them count decisions.
pub(crate) fn evaluations(metrics: &Exposition) -> f64 {
    metrics
        .sum("concertina_evaluations_total", &[])
        .or_else(|| metrics.sum("concertina_decisions_total", &[]))
        .unwrap_or(0.0)
}
