//! Kubernetes quantities (`250m`, `1.5Gi`, `3e2`) without loss: a decimal number and a suffix. Pure.

use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount as Kubernetes writes it. It keeps every digit; [`Quantity::as_f64`] gives the nearest `f64`.
///
/// Equality is that of the amount's parts, so `1000m` and `1` differ; compare [`Quantity::as_f64`] for amounts.
/// Shown in Kubernetes' canonical form: no fraction, the greatest suffix that needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// Value × 10^exponent × 1024^binary_power.
    mantissa: i128,
    exponent: i32,
    binary_power: u32,
    format: Format,
}

/// The family of suffixes that a quantity was written with, and is shown with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Format {
    Decimal,
    Binary,
    Exponent,
}

/// Why a text is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseQuantityError {
    /// No digits where the number should be.
    #[error(
        "{0:?} is not a quantity; write a number with an optional suffix, for example 250m, 0.5 or 128Mi"
    )]
    NotANumber(String),
    /// The text after the number is no suffix.
    #[error(
        "{0:?} has an unknown suffix; use one of n u m k M G T P E Ki Mi Gi Ti Pi Ei or an exponent such as e3"
    )]
    UnknownSuffix(String),
    /// More digits than any amount needs.
    #[error("{0:?} is too long for a quantity; write at most 36 digits and an exponent within ±300")]
    TooLong(String),
}

const DECIMAL_SUFFIXES: [(&str, i32); 10] = [
    ("n", -9),
    ("u", -6),
    ("m", -3),
    ("", 0),
    ("k", 3),
    ("M", 6),
    ("G", 9),
    ("T", 12),
    ("P", 15),
    ("E", 18),
];
const BINARY_SUFFIXES: [(&str, u32); 7] = [
    ("", 0),
    ("Ki", 1),
    ("Mi", 2),
    ("Gi", 3),
    ("Ti", 4),
    ("Pi", 5),
    ("Ei", 6),
];

/// So many digits, and two more for display, fit the mantissa.
const MAX_DIGITS: usize = 36;

/// What the API server accepts as text; [`Quantity::from_str`] accepts the same.
pub(super) const PATTERN: &str =
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,3})?$";
/// Longest text that the API server accepts.
pub(super) const MAX_LENGTH: u32 = 32;

impl Quantity {
    /// The nearest `f64`.
    pub fn as_f64(&self) -> f64 {
        // Parsing rounds correctly once; powers of 1024 are exact.
        let decimal: f64 = format!("{}e{}", self.mantissa, self.exponent)
            .parse()
            .unwrap_or(f64::NAN);
        (0..self.binary_power).fold(decimal, |value, _| value * 1024.0)
    }

    /// The quantity nearest to `value`, to a thousandth: what a measured number is shown as. None for NaN and
    /// infinities, and beyond 10^30.
    pub fn from_f64_milli(value: f64) -> Option<Self> {
        if !value.is_finite() || value.abs() > 1e30 {
            return None;
        }
        #[allow(clippy::cast_possible_truncation)] // bounded above
        let mantissa = (value * 1000.0).round() as i128;
        Some(Self {
            mantissa,
            exponent: -3,
            binary_power: 0,
            format: Format::Decimal,
        })
    }
}

impl From<i64> for Quantity {
    fn from(value: i64) -> Self {
        Self {
            mantissa: value.into(),
            exponent: 0,
            binary_power: 0,
            format: Format::Decimal,
        }
    }
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_a_number = || ParseQuantityError::NotANumber(text.to_owned());
        let (negative, unsigned) = match text.strip_prefix(['+', '-']) {
            Some(rest) => (text.starts_with('-'), rest),
            None => (false, text),
        };
        let end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{fraction}");
        if digits.is_empty() || fraction.contains('.') {
            return Err(not_a_number());
        }
        let too_long = || ParseQuantityError::TooLong(text.to_owned());
        if digits.len() > MAX_DIGITS {
            return Err(too_long());
        }
        let magnitude: i128 = digits.parse().map_err(|_| not_a_number())?;
        let fraction_digits = i32::try_from(fraction.len()).map_err(|_| too_long())?;
        let (format, exponent, binary_power) = parse_suffix(suffix, text)?;
        Ok(Self {
            mantissa: if negative { -magnitude } else { magnitude },
            exponent: exponent - fraction_digits,
            binary_power,
            format,
        })
    }
}

fn parse_suffix(suffix: &str, text: &str) -> Result<(Format, i32, u32), ParseQuantityError> {
    if let Some((_, exponent)) = DECIMAL_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::Decimal, *exponent, 0));
    }
    if let Some((_, power)) = BINARY_SUFFIXES.iter().find(|(name, _)| *name == suffix) {
        return Ok((Format::Binary, 0, *power));
    }
    let unknown = || ParseQuantityError::UnknownSuffix(text.to_owned());
    let digits = suffix.strip_prefix(['e', 'E']).ok_or_else(unknown)?;
    let exponent: i32 = digits.parse().map_err(|_| unknown())?;
    if exponent.abs() > 300 {
        return Err(ParseQuantityError::TooLong(text.to_owned()));
    }
    Ok((Format::Exponent, exponent, 0))
}

impl fmt::Display for Quantity {
    /// As Kubernetes shows it, except that nothing is rounded up to a nano or capped at 2^63.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((number, suffix)) = self.binary_parts() {
            return write!(f, "{number}{suffix}");
        }
        let scale = 1024_i128.checked_pow(self.binary_power);
        match scale.and_then(|scale| self.mantissa.checked_mul(scale)) {
            Some(mantissa) if self.binary_power == 0 || mantissa.abs() < 10_i128.pow(34) => {
                write_decimal(f, mantissa, self.exponent, self.format)
            }
            _ => self.write_as_given(f),
        }
    }
}

impl Quantity {
    /// The digits with their point and suffix; for numbers too long to be multiplied out.
    fn write_as_given(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = usize::try_from(-self.exponent).unwrap_or(0);
        let digits = format!("{:0>width$}", self.mantissa.unsigned_abs(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let suffix = BINARY_SUFFIXES
            .iter()
            .find(|(_, power)| *power == self.binary_power);
        write!(
            f,
            "{sign}{whole}.{fraction}{}",
            suffix.map_or("", |(name, _)| name)
        )
    }

    /// A whole number of at least 1024 (in size) with the greatest binary suffix; None where there is none.
    fn binary_parts(&self) -> Option<(i128, &'static str)> {
        if self.format != Format::Binary {
            return None;
        }
        let mut number = self
            .mantissa
            .checked_mul(1024_i128.checked_pow(self.binary_power)?)?;
        let places = u32::try_from(-self.exponent).ok()?;
        let divisor = 10_i128.checked_pow(places)?;
        if number % divisor != 0 {
            return None;
        }
        number /= divisor;
        if number.abs() < 1024 {
            return None;
        }
        let mut suffix = "";
        for (name, _) in BINARY_SUFFIXES.iter().skip(1) {
            if number % 1024 != 0 {
                break;
            }
            number /= 1024;
            suffix = name;
        }
        Some((number, suffix))
    }
}

fn write_decimal(f: &mut fmt::Formatter<'_>, mantissa: i128, exponent: i32, format: Format) -> fmt::Result {
    if mantissa == 0 {
        return write!(f, "0");
    }
    let (mut mantissa, mut exponent) = (mantissa, exponent);
    while mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    // Kubernetes knows exponents in steps of three only.
    for _ in 0..exponent.rem_euclid(3) {
        mantissa = mantissa.saturating_mul(10);
    }
    exponent -= exponent.rem_euclid(3);
    let suffix = DECIMAL_SUFFIXES
        .iter()
        .find(|(_, e)| *e == exponent && format != Format::Exponent);
    match suffix {
        Some((name, _)) => write!(f, "{mantissa}{name}"),
        None if exponent == 0 => write!(f, "{mantissa}"),
        None => write!(f, "{mantissa}e{exponent}"),
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(QuantityVisitor)
    }
}

struct QuantityVisitor;

impl de::Visitor<'_> for QuantityVisitor {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a whole number or a quantity in quotes, for example 50, \"250m\" or \"0.5\""
        )
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Quantity, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Quantity, E> {
        Ok(Quantity {
            mantissa: value.into(),
            exponent: 0,
            binary_power: 0,
            format: Format::Decimal,
        })
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Quantity, E> {
        value.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Quantity {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Quantity".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "x-kubernetes-int-or-string": true,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "pattern": PATTERN,
            "maxLength": MAX_LENGTH,
        })
    }
}

#[cfg(test)]
mod tests;
