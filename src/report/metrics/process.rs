//! What the process itself is and costs, read when it is asked for. No network; reads `/proc`.
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use rustix::time::{ClockId, clock_gettime};

use super::names::{BUILD, CPU_SECONDS, MetricName, RESIDENT_MEMORY, START_TIME};

/// This process.
#[derive(Debug)]
pub(super) struct Process {
    started_seconds: f64,
}

impl Process {
    /// That began now.
    pub(super) fn begun() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            started_seconds: since.unwrap_or_default().as_secs_f64(),
        }
    }
}

/// Processor time so far, in seconds.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a process does not run for a hundred million years"
    )]
    let (seconds, nanoseconds) = (time.tv_sec as f64, time.tv_nsec as f64);
    seconds + nanoseconds / 1e9
}

/// Bytes in RAM; `None` where the system has no `/proc`.
fn resident_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    resident.checked_mul(u64::try_from(rustix::param::page_size()).ok()?)
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut add = |name: &MetricName, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name.family(), name.help, None, metric.metric_type())?)
        };
        add(&BUILD, &Info::new([("version", env!("CARGO_PKG_VERSION"))]))?;
        add(&CPU_SECONDS, &ConstCounter::new(cpu_seconds()))?;
        if let Some(bytes) = resident_bytes() {
            add(&RESIDENT_MEMORY, &ConstGauge::new(bytes))?;
        }
        add(&START_TIME, &ConstGauge::new(self.started_seconds))
    }
}
