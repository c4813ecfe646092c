//! Turns guards, fallback and schedules of a stored spec into what the decision works with, or says what is wrong with
//! them. Pure.

use concertina_decision::{Fallback, Guard, MAX_GUARDS};

use super::bounds::{unsigned_within, within};
use super::metric::check_quantile;
use super::{MAX_SCHEDULES, SettingsError, check_names, when_empty};
use crate::api::defaults::{DEFAULT_GUARD_FOR_SECONDS, DEFAULT_GUARD_MAX_BLOCK_SECONDS};
use crate::api::spec::{FallbackSpec, GuardSpec, ScheduleSpec};

/// Every guard with its defaults filled in.
pub(super) fn guards(guards: &[GuardSpec]) -> Result<Box<[Guard]>, SettingsError> {
    check_names("guards", MAX_GUARDS, guards, |guard| &guard.name)?;
    guards.iter().map(guard).collect()
}

fn guard(guard: &GuardSpec) -> Result<Guard, SettingsError> {
    let path = |field: &str| format!("guard {} {field}", guard.name);
    let kinds = [
        guard.query.is_some(),
        guard.response_time.is_some(),
        guard.failure_rate.is_some(),
    ];
    let count = kinds.iter().filter(|is_there| **is_there).count();
    if count != 1 {
        return Err(SettingsError::GuardKinds(guard.name.clone(), count));
    }
    if guard.query.is_none() && guard.match_labels.is_some() {
        return Err(SettingsError::GuardMatch(guard.name.clone()));
    }
    if let Some(time) = &guard.response_time {
        check_quantile(&format!("guard {}", guard.name), time.quantile)?;
    }
    let above = guard.above.as_f64();
    if !above.is_finite() {
        return Err(SettingsError::OutOfBounds {
            field: path("above"),
            value: guard.above.to_string(),
            expected: "an amount, such as \"0.01\"",
        });
    }
    Ok(Guard {
        above,
        for_seconds: match guard.for_seconds {
            None => DEFAULT_GUARD_FOR_SECONDS,
            Some(seconds) => unsigned_within(path("forSeconds"), seconds, 0..=3600, "0 to 3600")?,
        },
        max_block_seconds: match guard.max_block_seconds {
            None => DEFAULT_GUARD_MAX_BLOCK_SECONDS,
            Some(seconds) => unsigned_within(path("maxBlockSeconds"), seconds, 60..=86_400, "60 to 86400")?,
        },
        when_empty: when_empty(guard.when_empty),
    })
}

pub(super) fn fallback(fallback: FallbackSpec, max_replicas: i32) -> Result<Fallback, SettingsError> {
    let replicas = within("fallback.replicas", fallback.replicas, 1..=100_000, "1 to 100000")?;
    if replicas > max_replicas {
        return Err(SettingsError::FallbackAboveMax {
            replicas,
            max: max_replicas,
        });
    }
    Ok(Fallback {
        after_seconds: unsigned_within(
            "fallback.afterSeconds".to_owned(),
            fallback.after_seconds,
            30..=86_400,
            "30 to 86400",
        )?,
        replicas,
    })
}

/// Holds the numbers of every schedule against their bounds. What its times mean is read elsewhere.
pub(super) fn check_schedules(schedules: &[ScheduleSpec], max_replicas: i32) -> Result<(), SettingsError> {
    check_names("schedules", MAX_SCHEDULES, schedules, |schedule| &schedule.name)?;
    schedules
        .iter()
        .try_for_each(|schedule| check_schedule(schedule, max_replicas))
}

fn check_schedule(schedule: &ScheduleSpec, max_replicas: i32) -> Result<(), SettingsError> {
    let path = |field: &str| format!("schedule {} {field}", schedule.name);
    within(
        path("durationMinutes"),
        schedule.duration_minutes,
        1..=10_080,
        "1 to 10080 minutes",
    )?;
    for (field, replicas) in [
        ("minReplicas", schedule.min_replicas),
        ("maxReplicas", schedule.max_replicas),
    ] {
        if let Some(replicas) = replicas {
            within(path(field), replicas, 0..=100_000, "0 to 100000")?;
        }
    }
    let name = || schedule.name.clone();
    match (schedule.min_replicas, schedule.max_replicas) {
        (None, None) => Err(SettingsError::ScheduleWithoutBounds(name())),
        (Some(min), Some(max)) if min > max => Err(SettingsError::ScheduleMinAboveMax {
            name: name(),
            min,
            max,
        }),
        (Some(min), _) if min > max_replicas => Err(SettingsError::ScheduleAboveMax {
            name: name(),
            min,
            max: max_replicas,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "safety_tests.rs"]
mod tests;
