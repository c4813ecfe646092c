//! Turns one metric of a stored spec into what the decision works with. Pure.

use concertina_decision::{Metric, MetricTolerance, Target};

use super::bounds::{one_of, share, unsigned_within, within};
use super::{SettingsError, when_empty};
use crate::api::defaults::{DEFAULT_MAX_AGE_SECONDS, DEFAULT_QUANTILE};
use crate::api::quantity::Quantity;
use crate::api::spec::{MetricSpec, OnMissing, PrometheusMetric, ResourceMetric};

/// Few windows, so that policies share their queries.
const WINDOW_SECONDS: [i32; 6] = [15, 30, 60, 120, 300, 600];

/// One metric with every default filled in.
pub(super) fn decision_metric(metric: &MetricSpec) -> Result<Metric, SettingsError> {
    if metric.when_empty.is_some() && (metric.cpu.is_some() || metric.memory.is_some()) {
        return Err(SettingsError::WhenEmptyOfResources(metric.name.clone()));
    }
    let (target, cpu_bound) = target(metric)?;
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
        starts_hot: metric.cpu.is_some() || metric.network.is_some() || metric.disk.is_some(),
        tolerance: tolerance(metric)?,
        activation: activation(metric)?,
        when_empty: when_empty(metric.when_empty),
        on_missing: match metric.on_missing {
            None | Some(OnMissing::Hold) => concertina_decision::OnMissing::Hold,
            Some(OnMissing::Ignore) => concertina_decision::OnMissing::Ignore,
        },
    })
}

/// What to aim for, and whether a pod that has run out of CPU shows less of it than was asked of it.
fn target(metric: &MetricSpec) -> Result<(Target, bool), SettingsError> {
    let kinds = [
        metric.cpu.is_some(),
        metric.memory.is_some(),
        metric.request_rate.is_some(),
        metric.response_time.is_some(),
        metric.failure_rate.is_some(),
        metric.network.is_some(),
        metric.disk.is_some(),
        metric.prometheus.is_some(),
    ];
    let count = kinds.iter().filter(|is_there| **is_there).count();
    let wrong_kinds = || SettingsError::MetricKinds(metric.name.clone(), count);
    if count != 1 {
        return Err(wrong_kinds());
    }
    let rate = |average_value: Quantity, expected: &'static str| {
        let per_replica = amount(metric, "averageValue", average_value, expected)?;
        // Requests and bytes alike are moved by the CPU.
        Ok((Target::AverageValue { per_replica }, true))
    };
    if let Some(cpu) = &metric.cpu {
        Ok((resource_target(metric, cpu, "cores above 0, such as 250m")?, true))
    } else if let Some(memory) = &metric.memory {
        let target = resource_target(metric, memory, "bytes above 0, such as 512Mi")?;
        Ok((target, false))
    } else if let Some(requests) = &metric.request_rate {
        rate(requests.average_value, "an amount above 0, such as 50")
    } else if let Some(time) = &metric.response_time {
        check_quantile(&format!("metric {}", metric.name), time.quantile)?;
        let value = amount(metric, "value", time.value, "seconds above 0, such as 250m")?;
        Ok((Target::Value { value }, false))
    } else if let Some(failures) = &metric.failure_rate {
        let value = share(format!("metric {} value", metric.name), failures.value)?;
        amount(
            metric,
            "value",
            failures.value,
            "a share above 0, such as \"0.02\"",
        )?;
        Ok((Target::Value { value }, false))
    } else if let Some(network) = &metric.network {
        rate(network.average_value, "bytes per second above 0, such as 10M")
    } else if let Some(disk) = &metric.disk {
        rate(disk.average_value, "bytes per second above 0, such as 20M")
    } else if let Some(prometheus) = &metric.prometheus {
        Ok((prometheus_target(metric, prometheus)?, false))
    } else {
        Err(wrong_kinds())
    }
}

/// Whether the share of requests that a response time speaks of makes sense.
pub(super) fn check_quantile(path: &str, asked: Option<Quantity>) -> Result<(), SettingsError> {
    quantile(asked).map(drop).map_err(|error| match error {
        SettingsError::OutOfBounds {
            field,
            value,
            expected,
        } => SettingsError::OutOfBounds {
            field: format!("{path} {field}"),
            value,
            expected,
        },
        other => other,
    })
}

/// The share of requests that a response time speaks of: what is asked for, or the default.
///
/// # Errors
/// When it is not between 0.0001 and 0.9999.
pub fn quantile(asked: Option<Quantity>) -> Result<f64, SettingsError> {
    let Some(asked) = asked else {
        return Ok(DEFAULT_QUANTILE);
    };
    let number = asked.as_f64();
    if (0.0001..=0.9999).contains(&number) {
        return Ok(number);
    }
    Err(SettingsError::OutOfBounds {
        field: "quantile".into(),
        value: asked.to_string(),
        expected: "a share from 0.0001 to 0.9999 in quotes, such as \"0.95\"",
    })
}

fn tolerance(metric: &MetricSpec) -> Result<MetricTolerance, SettingsError> {
    let asked = metric.tolerance.unwrap_or_default();
    let of = |field: &str, asked: Option<Quantity>| {
        asked
            .map(|asked| share(format!("metric {} tolerance.{field}", metric.name), asked))
            .transpose()
    };
    Ok(MetricTolerance {
        scale_up: of("scaleUp", asked.scale_up)?,
        scale_down: of("scaleDown", asked.scale_down)?,
    })
}

/// A pod uses CPU and memory even when there is nothing to do, so these have no activation unless one is written.
fn activation(metric: &MetricSpec) -> Result<Option<f64>, SettingsError> {
    let Some(asked) = metric.activation else {
        let is_of_resources = metric.cpu.is_some() || metric.memory.is_some();
        return Ok((!is_of_resources).then_some(0.0));
    };
    let number = asked.as_f64();
    if number.is_finite() && number >= 0.0 {
        return Ok(Some(number));
    }
    Err(SettingsError::OutOfBounds {
        field: format!("metric {} activation", metric.name),
        value: asked.to_string(),
        expected: "an amount of 0 or more, such as 5",
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

#[cfg(test)]
#[path = "metric_tests.rs"]
mod tests;
