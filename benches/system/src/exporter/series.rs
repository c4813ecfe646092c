//! The series of a fleet: names and labels written once, values from a seeded function, and steps of load. Pure; time is
//! an argument.

use std::io::Write;

use crate::fixture::{self, Kind, LOAD_PER_REPLICA, STEADY};
use crate::statistics::uniform;

/// Cores, bytes and requests per second of one pod in steady state: each on its target by the policy of the fleet.
const POD_CPU_CORES: f64 = 0.070;
const POD_MEMORY_BYTES: f64 = 0.8 * 128.0 * 1024.0 * 1024.0;
const POD_REQUESTS_PER_SECOND: f64 = 50.0;

/// Why a step is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StepError {
    /// No such workload.
    #[error("there is no workload {0}: use all, or names from w000000 on, with commas")]
    UnknownWorkload(String),
    /// Not a factor.
    #[error("the factor is not a number from 0 to 1000")]
    Factor,
}

/// How a family of series behaves.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Gauge,
    Counter,
}

/// One family, such as CPU, of all pods or workloads.
struct Family {
    name: &'static str,
    shape: Shape,
    /// Steady value of one series; of a counter its increase per second.
    base: f64,
    /// `name{labels} ` of each series, one after the other.
    prefixes: Vec<u8>,
    /// Where each prefix ends.
    ends: Vec<usize>,
    /// What each counter has counted so far.
    counted: Vec<f64>,
}

/// All series of a fleet.
pub(crate) struct Series {
    factors: Vec<f64>,
    series_per_workload: usize,
    families: Vec<Family>,
    noise: f64,
    seed: u64,
    /// Seconds since the Unix epoch of the last rendering.
    rendered: Option<f64>,
}

impl Series {
    /// The series of `workloads` workloads; values are off by at most the share `noise`.
    pub(crate) fn new(kind: Kind, workloads: usize, noise: f64, seed: u64) -> Self {
        let family = |name, shape, base, labels: &dyn Fn(usize, usize) -> String, per_workload: usize| {
            let (mut prefixes, mut ends) = (Vec::new(), Vec::new());
            for index in 0..workloads {
                for pod in 0..per_workload {
                    prefixes.extend_from_slice(format!("{name}{{{}}} ", labels(index, pod)).as_bytes());
                    ends.push(prefixes.len());
                }
            }
            let counted = vec![
                0.0;
                match shape {
                    Shape::Gauge => 0,
                    Shape::Counter => ends.len(),
                }
            ];
            Family {
                name,
                shape,
                base,
                prefixes,
                ends,
                counted,
            }
        };
        #[allow(clippy::cast_precision_loss)]
        let load = STEADY * LOAD_PER_REPLICA * fixture::REPLICAS as f64;
        let of_workload = |index, _| {
            let (namespace, workload) = (fixture::namespace(index), fixture::workload(index));
            format!("namespace=\"{namespace}\",workload=\"{workload}\"")
        };
        let of_pod = |index, pod| {
            let (namespace, pod) = (fixture::namespace(index), fixture::pod(index, pod));
            format!("namespace=\"{namespace}\",pod=\"{pod}\"")
        };
        let of_container = |index, pod| format!("{},container=\"app\"", of_pod(index, pod));
        let pods = kind.pods();
        let families = match kind {
            Kind::Workload => vec![family("bench_load", Shape::Gauge, load, &of_workload, 1)],
            Kind::Pods => vec![
                family(
                    "container_cpu_usage_seconds_total",
                    Shape::Counter,
                    POD_CPU_CORES,
                    &of_container,
                    pods,
                ),
                family(
                    "container_memory_working_set_bytes",
                    Shape::Gauge,
                    POD_MEMORY_BYTES,
                    &of_container,
                    pods,
                ),
                family(
                    "http_requests_total",
                    Shape::Counter,
                    POD_REQUESTS_PER_SECOND,
                    &of_pod,
                    pods,
                ),
            ],
        };
        Self {
            factors: vec![1.0; workloads],
            series_per_workload: pods.max(1),
            families,
            noise,
            seed,
            rendered: None,
        }
    }

    /// From now on the load of these workloads (names with commas, or `all`) is `factor` times the steady one.
    pub(crate) fn step(&mut self, workloads: &str, factor: f64) -> Result<(), StepError> {
        if !(0.0..=1000.0).contains(&factor) {
            return Err(StepError::Factor);
        }
        if workloads == "all" {
            self.factors.fill(factor);
            return Ok(());
        }
        let index_of =
            |name: &str| fixture::index_of(name).filter(|index| self.factors.get(*index).is_some());
        let mut indices = Vec::new();
        for name in workloads.split(',') {
            indices.push(index_of(name).ok_or_else(|| StepError::UnknownWorkload(name.to_owned()))?);
        }
        for index in indices {
            if let Some(known) = self.factors.get_mut(index) {
                *known = factor;
            }
        }
        Ok(())
    }

    /// Appends all series at `now`, in seconds since the Unix epoch.
    pub(crate) fn render(&mut self, now: f64, out: &mut Vec<u8>) {
        let passed = self.rendered.map_or(0.0, |before| (now - before).max(0.0));
        self.rendered = Some(now);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let instant = (now * 1000.0) as u64;
        for (number, family) in (0_u64..).zip(&mut self.families) {
            let kind = match family.shape {
                Shape::Gauge => "gauge",
                Shape::Counter => "counter",
            };
            // Writing to a vector cannot fail.
            let _ = writeln!(out, "# TYPE {} {kind}", family.name);
            let mut begin = 0;
            for (index, end) in family.ends.iter().enumerate() {
                let factor = self.factors.get(index / self.series_per_workload).unwrap_or(&1.0);
                let noise =
                    self.noise * (2.0 * uniform(self.seed.wrapping_add(number), index as u64, instant) - 1.0);
                let mut value = family.base * factor * (1.0 + noise);
                if let Some(counted) = family.counted.get_mut(index) {
                    *counted += value * passed;
                    value = *counted;
                }
                out.extend_from_slice(family.prefixes.get(begin..*end).unwrap_or_default());
                begin = *end;
                let _ = writeln!(out, "{value:.4}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{Exposition, label};

    fn rendered(series: &mut Series, now: f64) -> Exposition {
        let mut out = Vec::new();
        series.render(now, &mut out);
        Exposition::new(String::from_utf8(out).unwrap())
    }

    #[test]
    fn every_workload_has_a_series_near_its_target() {
        let mut series = Series::new(Kind::Workload, 250, 0.03, 1);
        let text = rendered(&mut series, 1000.0);
        let samples: Vec<_> = text.samples("bench_load", &[]).collect();
        assert_eq!(samples.len(), 250);
        for (index, (labels, value)) in samples.iter().enumerate() {
            assert_eq!(label(labels, "workload"), Some(&*fixture::workload(index)));
            assert_eq!(label(labels, "namespace"), Some(&*fixture::namespace(index)));
            assert!((27.6..=29.4).contains(value), "{value}");
        }
    }

    #[test]
    fn the_same_seed_and_time_give_the_same_values() {
        let at =
            |seed, now| rendered(&mut Series::new(Kind::Workload, 3, 0.03, seed), now).sum("bench_load", &[]);
        assert_eq!(at(1, 1000.0), at(1, 1000.0));
        assert_ne!(at(1, 1000.0), at(1, 1001.0));
        assert_ne!(at(1, 1000.0), at(2, 1000.0));
    }

    #[test]
    fn counters_grow_by_rate_times_time_and_gauges_do_not() {
        let mut series = Series::new(Kind::Pods, 2, 0.0, 1);
        let pod = [("pod", "w000001-7d4b9c6f5-00002"), ("namespace", "bench-0000")];
        assert_eq!(
            rendered(&mut series, 1000.0).sum("http_requests_total", &pod),
            Some(0.0)
        );
        let text = rendered(&mut series, 1010.0);
        assert_eq!(text.sum("http_requests_total", &pod), Some(500.0));
        let container = [pod[0], ("container", "app")];
        assert_eq!(
            text.sum("container_cpu_usage_seconds_total", &container),
            Some(0.7)
        );
        assert_eq!(text.samples("container_memory_working_set_bytes", &[]).count(), 6);
        assert_eq!(
            rendered(&mut series, 1005.0).sum("http_requests_total", &pod),
            Some(500.0),
            "a clock that goes back takes nothing away"
        );
    }

    #[test]
    fn a_step_changes_the_named_workloads_alone() {
        let mut series = Series::new(Kind::Workload, 4, 0.0, 1);
        series.step("w000001,w000003", 2.0).unwrap();
        let values = |series: &mut Series| -> Vec<f64> {
            rendered(series, 5.0)
                .samples("bench_load", &[])
                .map(|(_, value)| value)
                .collect()
        };
        assert_eq!(values(&mut series), [28.5, 57.0, 28.5, 57.0]);
        series.step("all", 0.5).unwrap();
        assert_eq!(values(&mut series), [14.25; 4]);
    }

    #[test]
    fn a_step_that_makes_no_sense_changes_nothing() {
        let mut series = Series::new(Kind::Workload, 2, 0.0, 1);
        let unknown = StepError::UnknownWorkload("w000002".into());
        assert_eq!(series.step("w000000,w000002", 2.0), Err(unknown));
        assert_eq!(series.step("all", -1.0), Err(StepError::Factor));
        assert_eq!(series.step("all", f64::NAN), Err(StepError::Factor));
        assert_eq!(rendered(&mut series, 5.0).sum("bench_load", &[]), Some(57.0));
    }
}
