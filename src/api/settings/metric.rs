//! Turns one metric of a stored spec into what the decision works with. Pure.

use concertina_decision::{Metric, MetricTolerance, Target};

use super::bounds::{one_of, share, unsigned_within, within};
use super::{SettingsError, when_empty};
use crate::api::defaults::DEFAULT_MAX_AGE_SECONDS;
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
    let kinds = (
        &metric.cpu,
        &metric.memory,
        &metric.request_rate,
        &metric.network,
        &metric.disk,
        &metric.prometheus,
    );
    let rate = |average_value: Quantity, expected: &'static str| {
        let per_replica = amount(metric, "averageValue", average_value, expected)?;
        // Requests and bytes alike are moved by the CPU.
        Ok((Target::AverageValue { per_replica }, true))
    };
    match kinds {
        (Some(cpu), None, None, None, None, None) => {
            Ok((resource_target(metric, cpu, "cores above 0, such as 250m")?, true))
        }
        (None, Some(memory), None, None, None, None) => Ok((
            resource_target(metric, memory, "bytes above 0, such as 512Mi")?,
            false,
        )),
        (None, None, Some(requests), None, None, None) => {
            rate(requests.average_value, "an amount above 0, such as 50")
        }
        (None, None, None, Some(network), None, None) => {
            rate(network.average_value, "bytes per second above 0, such as 10M")
        }
        (None, None, None, None, Some(disk), None) => {
            rate(disk.average_value, "bytes per second above 0, such as 20M")
        }
        (None, None, None, None, None, Some(prometheus)) => {
            Ok((prometheus_target(metric, prometheus)?, false))
        }
        (cpu, memory, requests, network, disk, prometheus) => {
            let kinds = [
                cpu.is_some(),
                memory.is_some(),
                requests.is_some(),
                network.is_some(),
                disk.is_some(),
                prometheus.is_some(),
            ];
            let count = kinds.iter().filter(|is_there| **is_there).count();
            Err(SettingsError::MetricKinds(metric.name.clone(), count))
        }
    }
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
