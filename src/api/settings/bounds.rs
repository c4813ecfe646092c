//! Numbers of a stored spec, held against their bounds. Pure.

use super::SettingsError;
use crate::api::quantity::Quantity;

pub(super) fn one_of(
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

pub(super) fn within(
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
pub(in crate::api) fn unsigned_within(
    field: String,
    value: i32,
    bounds: std::ops::RangeInclusive<i32>,
    expected: &'static str,
) -> Result<u32, SettingsError> {
    within(field, value, bounds, expected).map(i32::unsigned_abs)
}

/// A share from 0 to 1.
pub(in crate::api) fn share(field: String, value: Quantity) -> Result<f64, SettingsError> {
    let number = value.as_f64();
    if (0.0..=1.0).contains(&number) {
        return Ok(number);
    }
    Err(SettingsError::OutOfBounds {
        field,
        value: value.to_string(),
        expected: "a share from 0 to 1, such as \"0.1\"",
    })
}
