//! A stored policy turned into what the loop works with: the decision's policy, and for each metric the query behind it. Pure.
use concertina_decision::{Policy, Timestamp, Window};

use crate::api::{
    DEFAULT_PROMETHEUS, DEFAULT_SOURCE, DiskDirection, GuardSpec, MatchLabels, MetricSpec, NetworkDirection,
    ScalingPolicy, UtilizationOf,
};
use crate::config::Config;
use crate::observe::plan::QueryKey;
use crate::observe::query::Template;
use crate::schedule::Schedule;

/// A rate is taken over this many scrapes: one may be late and one lost, and a rate is still there.
const SCRAPES_PER_WINDOW: u32 = 4;

/// What a metric measures, and what is needed to join it with the pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// CPU of the pods, or of one container of each.
    Cpu {
        /// The one container that counts.
        container: Option<String>,
        /// What 100 per cent are.
        of: UtilizationOf,
    },
    /// Memory of the pods, or of one container of each.
    Memory {
        /// The one container that counts.
        container: Option<String>,
        /// What 100 per cent are.
        of: UtilizationOf,
    },
    /// Requests per second of each pod.
    RequestRate,
    /// Bytes per second of each pod over its network.
    Network,
    /// Bytes per second of each pod from and to its disks, all its containers together.
    Disk,
    /// A number for the whole target.
    Total {
        /// Labels that the one series must carry.
        matching: MatchLabels,
    },
}

/// One metric of a policy, ready to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledMetric {
    /// Its name in the policy.
    pub name: String,
    /// The query.
    pub template: Template,
    /// What is done with the answer.
    pub measure: Measure,
}

/// One guard of a policy, ready to be asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledGuard {
    /// Its name in the policy.
    pub name: String,
    /// The query.
    pub template: Template,
    /// Labels that the one series must carry.
    pub matching: MatchLabels,
}

/// A policy, ready to be evaluated.
#[derive(Debug)]
pub struct CompiledPolicy {
    /// What the decision works with.
    pub decision: Policy,
    /// Name of the server.
    pub server: String,
    /// Seconds between two evaluations.
    pub period_seconds: u32,
    /// The metrics, in the order of the policy.
    pub metrics: Vec<CompiledMetric>,
    /// The guards, in the order of the policy.
    pub guards: Vec<CompiledGuard>,
    /// The schedules, in the order of the policy.
    pub schedules: Vec<Schedule>,
}

impl CompiledPolicy {
    /// Compiles a policy. Whether its server and sources exist is found out when they are asked.
    ///
    /// # Errors
    /// When the policy contradicts itself, with a sentence that says what to write.
    pub fn of(policy: &ScalingPolicy, config: &Config) -> Result<Self, String> {
        let spec = &policy.spec;
        let decision = spec.decision_policy().map_err(|error| error.to_string())?;
        let server = spec
            .prometheus_ref
            .as_ref()
            .map_or(DEFAULT_PROMETHEUS, |server| &server.name)
            .to_owned();
        let scrape_interval = config
            .server(&server)
            .map_or(15, |server| server.scrape_interval_seconds);
        let metrics = spec
            .metrics
            .iter()
            .map(|metric| compile_metric(metric, scrape_interval))
            .collect::<Result<_, _>>()?;
        let schedules = spec
            .schedules
            .iter()
            .map(|schedule| Schedule::of(schedule).map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let period_seconds = spec
            .period_seconds
            .and_then(|period| u32::try_from(period).ok())
            .unwrap_or(config.period_seconds)
            .max(1);
        Ok(Self {
            decision,
            server,
            period_seconds,
            metrics,
            guards: spec.guards.iter().map(compile_guard).collect(),
            schedules,
        })
    }

    /// The queries of the metrics, in their order.
    pub fn metric_queries(&self) -> impl Iterator<Item = QueryKey> + '_ {
        self.metrics.iter().map(|metric| self.query(&metric.template))
    }

    /// The queries of the metrics in their order, and after them those of the guards in theirs.
    pub fn queries(&self) -> impl Iterator<Item = QueryKey> + '_ {
        let guards = self.guards.iter().map(|guard| self.query(&guard.template));
        self.metric_queries().chain(guards)
    }

    fn query(&self, template: &Template) -> QueryKey {
        QueryKey {
            server: self.server.clone(),
            template: template.clone(),
        }
    }

    /// The windows of all schedules that are open at `now` or soon after it.
    #[must_use]
    pub fn windows(&self, now: Timestamp) -> Vec<Window> {
        (0..)
            .zip(&self.schedules)
            .flat_map(|(index, schedule)| schedule.windows(index, now))
            .collect()
    }
}

fn compile_guard(guard: &GuardSpec) -> CompiledGuard {
    CompiledGuard {
        name: guard.name.clone(),
        template: Template::Custom {
            query: guard.query.clone(),
        },
        matching: guard.match_labels.clone().unwrap_or_default(),
    }
}

fn compile_metric(metric: &MetricSpec, scrape_interval: u32) -> Result<CompiledMetric, String> {
    let window_seconds = metric
        .window_seconds
        .and_then(|window| u32::try_from(window).ok())
        .unwrap_or(scrape_interval.saturating_mul(SCRAPES_PER_WINDOW));
    if metric.window_seconds.is_some() && window_seconds < scrape_interval.saturating_mul(2) {
        return Err(format!(
            "metric {} windowSeconds is {window_seconds}: a rate needs two scrapes, and the server scrapes every \
             {scrape_interval} s; write at least {} or leave it out",
            metric.name,
            scrape_interval.saturating_mul(2)
        ));
    }
    let (template, measure) = if let Some(cpu) = &metric.cpu {
        (
            Template::Cpu { window_seconds },
            Measure::Cpu {
                container: cpu.container.clone(),
                of: cpu.of.unwrap_or_default(),
            },
        )
    } else if let Some(memory) = &metric.memory {
        (
            Template::Memory,
            Measure::Memory {
                container: memory.container.clone(),
                of: memory.of.unwrap_or_default(),
            },
        )
    } else if let Some(rate) = &metric.request_rate {
        let source = rate.source.clone().unwrap_or_else(|| DEFAULT_SOURCE.to_owned());
        (
            Template::RequestRate {
                source,
                window_seconds,
            },
            Measure::RequestRate,
        )
    } else if let Some(network) = &metric.network {
        (
            Template::Network {
                direction: network.direction.unwrap_or(NetworkDirection::Both),
                window_seconds,
            },
            Measure::Network,
        )
    } else if let Some(disk) = &metric.disk {
        (
            Template::Disk {
                direction: disk.direction.unwrap_or(DiskDirection::Both),
                window_seconds,
            },
            Measure::Disk,
        )
    } else if let Some(prometheus) = &metric.prometheus {
        let matching = prometheus.match_labels.clone().unwrap_or_default();
        (
            Template::Custom {
                query: prometheus.query.clone(),
            },
            Measure::Total { matching },
        )
    } else {
        return Err(format!(
            "metric {} measures nothing: give it one of cpu, memory, requestRate, network, disk or prometheus",
            metric.name
        ));
    };
    Ok(CompiledMetric {
        name: metric.name.clone(),
        template,
        measure,
    })
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
