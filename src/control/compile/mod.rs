//! A stored policy turned into what the loop works with: the decision's policy, and for each metric and guard the query
//! behind it. Pure.
//!
//! A controller holds very many of these, and nothing else of the stored object: lists are exactly as long as what is in
//! them, names and queries are shared, and what few policies have is in a box of its own.
use std::sync::Arc;

use concertina_decision::{Policy, Timestamp, Window};

use crate::api::{
    DEFAULT_PROMETHEUS, EffectiveSettings, Mode, Pause, ScalingPolicy, SettingsError, UtilizationOf,
};
use crate::cluster::targets::TargetKey;
use crate::config::Config;
use crate::intern;
use crate::observe::plan::QueryKey;
use crate::schedule::Schedule;

mod metric;

/// Labels that the one series must carry, with their values, in the order of the labels.
pub type Matching = Box<[(Arc<str>, Box<str>)]>;

/// What a metric measures, and what is needed to join it with the pods.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// CPU of the pods, or of one container of each.
    Cpu {
        /// The one container that counts.
        container: Option<Arc<str>>,
        /// What 100 per cent are.
        of: UtilizationOf,
    },
    /// Memory of the pods, or of one container of each.
    Memory {
        /// The one container that counts.
        container: Option<Arc<str>>,
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
        matching: Matching,
    },
}

/// One metric of a policy, ready to be read from the answer to its query.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledMetric {
    /// Its name in the policy.
    pub name: Arc<str>,
    /// What is done with the answer.
    pub measure: Measure,
}

/// One guard of a policy, ready to be read from the answer to its query.
#[derive(Clone, Debug, PartialEq)]
pub struct CompiledGuard {
    /// Its name in the policy.
    pub name: Arc<str>,
    /// Labels that the one series must carry.
    pub matching: Matching,
}

/// A policy, ready to be evaluated.
#[derive(Debug)]
pub struct CompiledPolicy {
    /// What the decision works with.
    pub decision: Policy,
    /// What is scaled.
    pub target: TargetKey,
    /// Name of the server.
    pub server: Arc<str>,
    /// The queries of the metrics in their order, and after them those of the guards in theirs.
    pub queries: Box<[Arc<QueryKey>]>,
    /// The metrics, in the order of the policy.
    pub metrics: Box<[CompiledMetric]>,
    /// Seconds between two evaluations.
    pub period_seconds: u32,
    /// The mode that the spec asks for.
    pub spec_mode: Mode,
    rare: Option<Box<Rare>>,
}

/// What few policies have.
#[derive(Debug, Default)]
struct Rare {
    guards: Box<[CompiledGuard]>,
    schedules: Box<[Schedule]>,
    pause: Pause,
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
            .map_or(DEFAULT_PROMETHEUS, |server| &server.name);
        let server = intern::name(server);
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        let compiler = metric::Compiler {
            config,
            namespace,
            scope: config.scope(&server, namespace),
            target: &spec.scale_target_ref.name,
        };
        let mut queries = Vec::with_capacity(spec.metrics.len() + spec.guards.len());
        let mut metrics = Vec::with_capacity(spec.metrics.len());
        for metric in &spec.metrics {
            let (template, metric) = compiler.metric(metric)?;
            queries.push(QueryKey::shared(&server, template));
            metrics.push(metric);
        }
        let mut guards = Vec::with_capacity(spec.guards.len());
        for guard in &spec.guards {
            let (template, guard) = compiler.guard(guard)?;
            queries.push(QueryKey::shared(&server, template));
            guards.push(guard);
        }
        let schedules: Box<[Schedule]> = spec
            .schedules
            .iter()
            .map(|schedule| Schedule::of(schedule).map_err(|error| error.to_string()))
            .collect::<Result<_, _>>()?;
        let period_seconds = spec
            .period_seconds
            .and_then(|period| u32::try_from(period).ok())
            .unwrap_or(config.period_seconds)
            .max(1);
        let pause = policy.pause();
        let is_plain = guards.is_empty() && schedules.is_empty() && pause == Pause::default();
        Ok(Self {
            decision,
            target: TargetKey::of(namespace, &spec.scale_target_ref),
            server,
            queries: queries.into(),
            metrics: metrics.into(),
            period_seconds,
            spec_mode: spec.mode.unwrap_or(Mode::Auto),
            rare: (!is_plain).then(|| {
                Box::new(Rare {
                    guards: guards.into(),
                    schedules,
                    pause,
                })
            }),
        })
    }

    /// The guards, in the order of the policy.
    #[must_use]
    pub fn guards(&self) -> &[CompiledGuard] {
        self.rare.as_ref().map_or(&[], |rare| &rare.guards)
    }

    /// The schedules, in the order of the policy.
    #[must_use]
    pub fn schedules(&self) -> &[Schedule] {
        self.rare.as_ref().map_or(&[], |rare| &rare.schedules)
    }

    /// The mode in force at `now`, as [`ScalingPolicy::mode_in_force`].
    ///
    /// # Errors
    /// When the annotation is not an RFC 3339 time: somebody meant to pause, so this is not to be ignored.
    pub fn mode_in_force(&self, now: jiff::Timestamp) -> Result<Mode, SettingsError> {
        self.rare
            .as_ref()
            .map_or(Ok(self.spec_mode), |rare| rare.pause.mode(self.spec_mode, now))
    }

    /// What pauses the policy, beside the mode that its spec asks for.
    #[must_use]
    pub fn pause(&self) -> Pause {
        self.rare
            .as_ref()
            .map(|rare| rare.pause.clone())
            .unwrap_or_default()
    }

    /// What `status.effective` shows.
    #[must_use]
    pub fn effective_settings(&self) -> EffectiveSettings {
        EffectiveSettings::of(&self.decision, &self.server, self.period_seconds)
    }

    /// The queries of the metrics, in their order.
    #[must_use]
    pub fn metric_queries(&self) -> &[Arc<QueryKey>] {
        self.queries.get(..self.metrics.len()).unwrap_or_default()
    }

    /// The queries of the guards, in their order.
    #[must_use]
    pub fn guard_queries(&self) -> &[Arc<QueryKey>] {
        self.queries.get(self.metrics.len()..).unwrap_or_default()
    }

    /// The windows of all schedules that are open at `now` or soon after it.
    #[must_use]
    pub fn windows(&self, now: Timestamp) -> Vec<Window> {
        (0..)
            .zip(self.schedules())
            .flat_map(|(index, schedule)| schedule.windows(index, now))
            .collect()
    }
}

#[cfg(test)]
mod tenancy_tests;
#[cfg(test)]
mod tests;
