//! Turns a stored spec into what the decision works with, or says what is wrong with it. Pure.

use concertina_decision::{MAX_METRICS, MAX_RATE_POLICIES, Metric, Policy, Target};
use jiff::Timestamp;
use kube::ResourceExt;

use super::PAUSED_UNTIL_ANNOTATION;
use super::defaults::{self, DEFAULT_MAX_AGE_SECONDS, DEFAULT_MIN_REPLICAS};
use super::quantity::Quantity;
use super::spec::{MetricSpec, Mode, PrometheusMetric, ResourceMetric, ScalingPolicy, ScalingPolicySpec};

/// Periods that divide a minute, so that policies of one period share their queries.
const PERIOD_SECONDS: [i32; 7] = [1, 2, 5, 10, 15, 30, 60];
/// Few windows, so that policies share their queries.
const WINDOW_SECONDS: [i32; 6] = [15, 30, 60, 120, 300, 600];

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
        one_of(
            "periodSeconds",
            self.period_seconds,
            &PERIOD_SECONDS,
            "one of 1, 2, 5, 10, 15, 30 and 60",
        )?;
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
            scale_up: defaults::rules(&defaults::UP, &behavior.scale_up.unwrap_or_default())?,
            scale_down: defaults::rules(&defaults::DOWN, &behavior.scale_down.unwrap_or_default())?,
        })
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
    let field = format!("metric {} windowSeconds", metric.name);
    one_of(
        field,
        metric.window_seconds,
        &WINDOW_SECONDS,
        "one of 15, 30, 60, 120, 300 and 600",
    )?;
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

fn one_of(
    field: impl Into<String>,
    value: Option<i32>,
    allowed: &[i32],
    expected: &'static str,
) -> Result<(), SettingsError> {
    match value.filter(|value| !allowed.contains(value)) {
        None => Ok(()),
        Some(value) => Err(SettingsError::OutOfBounds {
            field: field.into(),
            value: value.to_string(),
            expected,
        }),
    }
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
pub(super) fn unsigned_within(
    field: String,
    value: i32,
    bounds: std::ops::RangeInclusive<i32>,
    expected: &'static str,
) -> Result<u32, SettingsError> {
    within(field, value, bounds, expected).map(i32::unsigned_abs)
}

#[cfg(test)]
mod tests;
