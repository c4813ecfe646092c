//! A stored policy turned into what the loop works with: the decision's policy, and for each metric the query behind it. Pure.
use std::collections::BTreeMap;

use concertina_decision::Policy;

use crate::api::{DEFAULT_PROMETHEUS, DEFAULT_SOURCE, MetricSpec, ScalingPolicy};
use crate::config::Config;
use crate::observe::query::Template;

/// A rate is taken over this many scrapes: one may be late and one lost, and a rate is still there.
const SCRAPES_PER_WINDOW: u32 = 4;

/// What a metric measures, and what is needed to join it with the pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// CPU of the pods, or of one container of each.
    Cpu {
        /// The one container that counts.
        container: Option<String>,
    },
    /// Memory of the pods, or of one container of each.
    Memory {
        /// The one container that counts.
        container: Option<String>,
    },
    /// Requests per second of each pod.
    RequestRate,
    /// A number for the whole target.
    Total {
        /// Labels that the one series must carry.
        matching: BTreeMap<String, String>,
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

/// A policy, ready to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledPolicy {
    /// What the decision works with.
    pub decision: Policy,
    /// Name of the server.
    pub server: String,
    /// Seconds between two evaluations.
    pub period_seconds: u32,
    /// The metrics, in the order of the policy.
    pub metrics: Vec<CompiledMetric>,
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
        })
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
            },
        )
    } else if let Some(memory) = &metric.memory {
        (
            Template::Memory,
            Measure::Memory {
                container: memory.container.clone(),
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
            "metric {} measures nothing: give it one of cpu, memory, requestRate or prometheus",
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
