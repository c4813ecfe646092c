//! Every default in one place, and the settings that a spec asks for once they are filled in. Pure.

use concertina_decision::{
    DEFAULT_SCALE_DOWN_POLICY, MAX_METRICS, MAX_RATE_POLICIES, Metric, Policy, RateKind, RatePolicy, Rules,
    Target,
};
use jiff::Timestamp;
use kube::ResourceExt;

use super::PAUSED_UNTIL_ANNOTATION;
use super::quantity::Quantity;
use super::spec::{
    MetricSpec, Mode, PrometheusMetric, RateLimit, RateUnit, ResourceMetric, ScalingPolicy,
    ScalingPolicySpec, ScalingRules, SelectPolicy,
};
use super::status::{EffectiveSettings, RulesStatus};

/// Fewest replicas of a policy that names none.
pub const DEFAULT_MIN_REPLICAS: i32 = 1;
/// Seconds after which a sample is too old: two scrapes at Prometheus' own default interval of a minute.
pub const DEFAULT_MAX_AGE_SECONDS: u32 = 120;
/// Name of the Prometheus server of a policy that names none.
pub const DEFAULT_PROMETHEUS: &str = "default";
/// Name of the source of a request rate that names none.
pub const DEFAULT_SOURCE: &str = "http";
/// Share by which a metric may be off its target; HorizontalPodAutoscaler's.
const DEFAULT_TOLERANCE: f64 = 0.1;

/// One direction's defaults. The windows are HorizontalPodAutoscaler's.
struct Direction {
    name: &'static str,
    cooldown_seconds: u32,
    stabilization_window_seconds: u32,
    policy: Option<RatePolicy>,
}

const UP: Direction = Direction {
    name: "scaleUp",
    cooldown_seconds: 0,
    stabilization_window_seconds: 0,
    policy: None,
};
const DOWN: Direction = Direction {
    name: "scaleDown",
    cooldown_seconds: 60,
    stabilization_window_seconds: 300,
    policy: Some(DEFAULT_SCALE_DOWN_POLICY),
};

/// Why a stored policy cannot be acted on. The API server refuses all of these today; an object that was stored under
/// an older schema may still hold them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A number outside its bounds.
    #[error("{field} is {value}: write {expected}")]
    OutOfBounds {
        /// Path of the field.
        field: String,
        /// What is stored.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// The bounds contradict each other.
    #[error("minReplicas {min} is greater than maxReplicas {max}: lower minReplicas or raise maxReplicas")]
    MinAboveMax {
        /// minReplicas.
        min: i32,
        /// maxReplicas.
        max: i32,
    },
    /// No metric, or too many.
    #[error("metrics has {0} entries: write 1 to {MAX_METRICS}")]
    MetricCount(usize),
    /// Two metrics of one name.
    #[error("two metrics are named {0}: give each a name of its own")]
    DuplicateMetric(String),
    /// A metric without a kind, or with several.
    #[error("metric {0} has {1} of cpu, memory, requestRate and prometheus: write exactly one")]
    MetricKinds(String, usize),
    /// A metric without a target, or with two.
    #[error("metric {0} needs exactly one of {1}")]
    MetricTarget(String, &'static str),
    /// Too many rate limits.
    #[error("behavior.{0}.policies has {1} entries: write at most {MAX_RATE_POLICIES}")]
    TooManyPolicies(&'static str, usize),
    /// An end of a pause without a pause.
    #[error("pausedUntil needs mode: Paused; write both or neither")]
    PausedUntilWithoutPaused,
    /// The annotation is not a time.
    #[error(
        "annotation {PAUSED_UNTIL_ANNOTATION} is {0:?}: write an RFC 3339 time such as 2026-12-24T18:00:00Z, or remove it"
    )]
    PausedUntilAnnotation(String),
}

impl ScalingPolicy {
    /// The mode in force at `now`: Paused while the annotation [`PAUSED_UNTIL_ANNOTATION`] lies in the future, whatever
    /// the spec says; Auto once `pausedUntil` has passed.
    ///
    /// # Errors
    /// When the annotation is not an RFC 3339 time: somebody meant to pause, so this is not to be ignored.
    pub fn mode_in_force(&self, now: Timestamp) -> Result<Mode, SettingsError> {
        if let Some(text) = self.annotations().get(PAUSED_UNTIL_ANNOTATION) {
            let until: Timestamp = text
                .parse()
                .map_err(|_| SettingsError::PausedUntilAnnotation(text.clone()))?;
            if now < until {
                return Ok(Mode::Paused);
            }
        }
        let asked = self.spec.mode.unwrap_or(Mode::Auto);
        let is_over = self
            .spec
            .paused_until
            .as_ref()
            .is_some_and(|until| until.0 <= now);
        Ok(if asked == Mode::Paused && is_over {
            Mode::Auto
        } else {
            asked
        })
    }
}

impl ScalingPolicySpec {
    /// What the decision works with: every default filled in, every contradiction refused.
    ///
    /// # Errors
    /// The first thing that makes no sense, with what to write instead.
    pub fn decision_policy(&self) -> Result<Policy, SettingsError> {
        let min = self.min_replicas.unwrap_or(DEFAULT_MIN_REPLICAS);
        let min = within(
            "minReplicas",
            min,
            1..=100_000,
            "1 to 100000; scaling to zero is not offered yet",
        )?;
        let max = within("maxReplicas", self.max_replicas, 1..=100_000, "1 to 100000")?;
        if min > max {
            return Err(SettingsError::MinAboveMax { min, max });
        }
        if self.paused_until.is_some() && self.mode != Some(Mode::Paused) {
            return Err(SettingsError::PausedUntilWithoutPaused);
        }
        self.check_metric_names()?;
        let behavior = self.behavior.clone().unwrap_or_default();
        Ok(Policy {
            min_replicas: min,
            max_replicas: max,
            metrics: self
                .metrics
                .iter()
                .map(decision_metric)
                .collect::<Result<_, _>>()?,
            scale_up: rules(&UP, &behavior.scale_up.unwrap_or_default())?,
            scale_down: rules(&DOWN, &behavior.scale_down.unwrap_or_default())?,
        })
    }

    /// What `status.effective` shows for settings that [`Self::decision_policy`] accepted. `default_period_seconds` is
    /// the controller's.
    #[must_use]
    pub fn effective_settings(&self, policy: &Policy, default_period_seconds: u32) -> EffectiveSettings {
        let default_period = i32::try_from(default_period_seconds).unwrap_or(i32::MAX);
        let server = self
            .prometheus_ref
            .as_ref()
            .map_or(DEFAULT_PROMETHEUS, |server| &server.name);
        EffectiveSettings {
            min_replicas: policy.min_replicas,
            max_replicas: policy.max_replicas,
            period_seconds: self.period_seconds.unwrap_or(default_period),
            prometheus: server.to_owned(),
            scale_up: rules_status(&policy.scale_up),
            scale_down: rules_status(&policy.scale_down),
        }
    }

    fn check_metric_names(&self) -> Result<(), SettingsError> {
        if self.metrics.is_empty() || self.metrics.len() > MAX_METRICS {
            return Err(SettingsError::MetricCount(self.metrics.len()));
        }
        for (index, metric) in self.metrics.iter().enumerate() {
            if self
                .metrics
                .iter()
                .take(index)
                .any(|earlier| earlier.name == metric.name)
            {
                return Err(SettingsError::DuplicateMetric(metric.name.clone()));
            }
        }
        Ok(())
    }
}

fn decision_metric(metric: &MetricSpec) -> Result<Metric, SettingsError> {
    let kinds = (
        &metric.cpu,
        &metric.memory,
        &metric.request_rate,
        &metric.prometheus,
    );
    let (target, cpu_bound) = match kinds {
        (Some(cpu), None, None, None) => (resource_target(metric, cpu, "cores above 0, such as 250m")?, true),
        (None, Some(memory), None, None) => (
            resource_target(metric, memory, "bytes above 0, such as 512Mi")?,
            false,
        ),
        (None, None, Some(rate), None) => {
            let per_replica = amount(
                metric,
                "averageValue",
                rate.average_value,
                "an amount above 0, such as 50",
            )?;
            (Target::AverageValue { per_replica }, true)
        }
        (None, None, None, Some(prometheus)) => (prometheus_target(metric, prometheus)?, false),
        (cpu, memory, rate, prometheus) => {
            let kinds = [
                cpu.is_some(),
                memory.is_some(),
                rate.is_some(),
                prometheus.is_some(),
            ];
            let count = kinds.iter().filter(|is_there| **is_there).count();
            return Err(SettingsError::MetricKinds(metric.name.clone(), count));
        }
    };
    let max_age_seconds = match metric.max_age_seconds {
        None => DEFAULT_MAX_AGE_SECONDS,
        Some(seconds) => unsigned_within(
            format!("metric {} maxAgeSeconds", metric.name),
            seconds,
            5..=3600,
            "5 to 3600",
        )?,
    };
    if let Some(seconds) = metric.window_seconds {
        let field = format!("metric {} windowSeconds", metric.name);
        unsigned_within(field, seconds, 1..=600, "one of 15, 30, 60, 120, 300 and 600")?;
    }
    Ok(Metric {
        target,
        max_age_seconds,
        cpu_bound,
    })
}

fn resource_target(
    metric: &MetricSpec,
    resource: &ResourceMetric,
    expected: &'static str,
) -> Result<Target, SettingsError> {
    match (resource.average_utilization, resource.average_value) {
        (Some(percent), None) => {
            let field = format!("metric {} averageUtilization", metric.name);
            let percent = within(field, percent, 1..=10_000, "per cent from 1 to 10000")?;
            Ok(Target::Utilization {
                percent: f64::from(percent),
            })
        }
        (None, Some(value)) => Ok(Target::AverageValue {
            per_replica: amount(metric, "averageValue", value, expected)?,
        }),
        _ => Err(SettingsError::MetricTarget(
            metric.name.clone(),
            "averageUtilization and averageValue",
        )),
    }
}

fn prometheus_target(metric: &MetricSpec, prometheus: &PrometheusMetric) -> Result<Target, SettingsError> {
    let expected = "an amount above 0, such as 30 or 500m";
    match (prometheus.average_value, prometheus.value) {
        (Some(value), None) => Ok(Target::AverageValue {
            per_replica: amount(metric, "averageValue", value, expected)?,
        }),
        (None, Some(value)) => Ok(Target::Value {
            value: amount(metric, "value", value, expected)?,
        }),
        _ => Err(SettingsError::MetricTarget(
            metric.name.clone(),
            "averageValue and value",
        )),
    }
}

fn amount(
    metric: &MetricSpec,
    field: &str,
    value: Quantity,
    expected: &'static str,
) -> Result<f64, SettingsError> {
    let number = value.as_f64();
    if number.is_finite() && number > 0.0 {
        return Ok(number);
    }
    let field = format!("metric {} {field}", metric.name);
    Err(SettingsError::OutOfBounds {
        field,
        value: value.to_string(),
        expected,
    })
}

fn rules(direction: &Direction, asked: &ScalingRules) -> Result<Rules, SettingsError> {
    let path = |field: &str| format!("behavior.{}.{field}", direction.name);
    let seconds = |field: &str, asked: Option<i32>, default: u32| match asked {
        None => Ok(default),
        Some(seconds) => unsigned_within(path(field), seconds, 0..=3600, "0 to 3600 seconds"),
    };
    let tolerance = match asked.tolerance {
        None => DEFAULT_TOLERANCE,
        Some(tolerance) if (0.0..=1.0).contains(&tolerance.as_f64()) => tolerance.as_f64(),
        Some(tolerance) => {
            let expected = "a share from 0 to 1, such as \"0.1\"";
            let value = tolerance.to_string();
            return Err(SettingsError::OutOfBounds {
                field: path("tolerance"),
                value,
                expected,
            });
        }
    };
    if asked.policies.len() > MAX_RATE_POLICIES {
        return Err(SettingsError::TooManyPolicies(
            direction.name,
            asked.policies.len(),
        ));
    }
    let policies = if asked.policies.is_empty() {
        direction.policy.into_iter().collect()
    } else {
        asked
            .policies
            .iter()
            .map(|limit| rate_policy(&path("policies"), limit))
            .collect::<Result<_, _>>()?
    };
    Ok(Rules {
        cooldown_seconds: seconds(
            "cooldownSeconds",
            asked.cooldown_seconds,
            direction.cooldown_seconds,
        )?,
        stabilization_window_seconds: seconds(
            "stabilizationWindowSeconds",
            asked.stabilization_window_seconds,
            direction.stabilization_window_seconds,
        )?,
        tolerance,
        select_policy: match asked.select_policy {
            None | Some(SelectPolicy::Max) => concertina_decision::SelectPolicy::Max,
            Some(SelectPolicy::Min) => concertina_decision::SelectPolicy::Min,
            Some(SelectPolicy::Disabled) => concertina_decision::SelectPolicy::Disabled,
        },
        policies,
    })
}

fn rate_policy(path: &str, limit: &RateLimit) -> Result<RatePolicy, SettingsError> {
    Ok(RatePolicy {
        kind: match limit.kind {
            RateUnit::Pods => RateKind::Pods,
            RateUnit::Percent => RateKind::Percent,
        },
        value: unsigned_within(format!("{path}.value"), limit.value, 1..=100_000, "1 to 100000")?,
        period_seconds: unsigned_within(
            format!("{path}.periodSeconds"),
            limit.period_seconds,
            1..=1800,
            "1 to 1800 seconds",
        )?,
    })
}

fn within(
    field: impl Into<String>,
    value: i32,
    bounds: std::ops::RangeInclusive<i32>,
    expected: &'static str,
) -> Result<i32, SettingsError> {
    if bounds.contains(&value) {
        return Ok(value);
    }
    Err(SettingsError::OutOfBounds {
        field: field.into(),
        value: value.to_string(),
        expected,
    })
}

/// As [`within`], for bounds that are not negative.
fn unsigned_within(
    field: String,
    value: i32,
    bounds: std::ops::RangeInclusive<i32>,
    expected: &'static str,
) -> Result<u32, SettingsError> {
    within(field, value, bounds, expected).map(i32::unsigned_abs)
}

fn rules_status(rules: &Rules) -> RulesStatus {
    let number = |value: u32| i32::try_from(value).unwrap_or(i32::MAX);
    RulesStatus {
        cooldown_seconds: number(rules.cooldown_seconds),
        stabilization_window_seconds: number(rules.stabilization_window_seconds),
        tolerance: rules.tolerance.to_string(),
        select_policy: match rules.select_policy {
            concertina_decision::SelectPolicy::Max => SelectPolicy::Max,
            concertina_decision::SelectPolicy::Min => SelectPolicy::Min,
            concertina_decision::SelectPolicy::Disabled => SelectPolicy::Disabled,
        },
        policies: rules
            .policies
            .iter()
            .map(|policy| RateLimit {
                kind: match policy.kind {
                    RateKind::Pods => RateUnit::Pods,
                    RateKind::Percent => RateUnit::Percent,
                },
                value: number(policy.value),
                period_seconds: number(policy.period_seconds),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests;
