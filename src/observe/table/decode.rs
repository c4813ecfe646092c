//! Reads the body of an answer in one pass, series by series, without a tree of it. Pure.
use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::series::{Labels, Metric};
use super::{FetchError, Remarks};

/// What takes the series as they are read.
pub(in crate::observe) trait Sink {
    /// The field of a series that carries its numbers.
    const FIELD: Field;
    /// The type of result that this takes.
    const KIND: &'static str;
    /// Whether one number without labels is as good as a series.
    const TAKES_SCALAR: bool;

    /// A number of the series that is being read. Its labels may come after it.
    ///
    /// # Errors
    /// When the text is no number.
    fn point(&mut self, seconds: f64, text: &str) -> Result<(), String>;

    /// The series has been read: these are its labels.
    fn series(&mut self, labels: &Labels);
}

/// The fields of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
pub(in crate::observe) enum Field {
    Metric,
    Value,
    Values,
    #[serde(other)]
    Other,
}

/// Reads a body into `sink`; `labels` are those that it wants.
///
/// # Errors
/// When the text is not a whole answer of the Prometheus API with a result of the sink's type.
pub(in crate::observe) fn read<S: Sink>(
    body: &[u8],
    labels: Labels,
    sink: &mut S,
) -> Result<Remarks, FetchError> {
    // Rows and texts are counted in 32 bits.
    if u32::try_from(body.len()).is_err() {
        return Err(FetchError::TooLarge(u32::MAX as usize));
    }
    let unreadable = |error: &dyn fmt::Display| FetchError::Undecodable(error.to_string());
    // Checked once as a whole, not string by string.
    let text = std::str::from_utf8(body).map_err(|error| unreadable(&error))?;
    let mut reader = Reader { labels, sink };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let envelope = EnvelopeSeed(&mut reader)
        .deserialize(&mut deserializer)
        .and_then(|envelope| deserializer.end().map(|()| envelope))
        .map_err(|error| unreadable(&error))?;
    match envelope.data {
        Some(kind) if envelope.status.as_deref() == Some("success") => match kind {
            None => Ok(envelope.remarks),
            Some(other) => Err(not_of_kind::<S>(&other)),
        },
        _ => Err(FetchError::Undecodable(
            envelope.error.unwrap_or_else(|| "it has no data".to_owned()),
        )),
    }
}

fn not_of_kind<S: Sink>(kind: &str) -> FetchError {
    FetchError::Undecodable(match S::FIELD {
        Field::Values => format!("the result is a {kind} where a matrix was asked for"),
        _ => format!("the result is a {kind}: write a query whose result is an instant vector or a scalar"),
    })
}

struct Reader<'s, S> {
    labels: Labels,
    sink: &'s mut S,
}

impl<S: Sink> Reader<'_, S> {
    fn takes(kind: &str) -> bool {
        kind == S::KIND || (S::TAKES_SCALAR && kind == "scalar")
    }
}

#[derive(Default)]
struct Envelope {
    status: Option<String>,
    /// There when there were data: the type of result, if it is not the one wanted.
    data: Option<Option<String>>,
    error: Option<String>,
    remarks: Remarks,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum EnvelopeField {
    Status,
    Data,
    Error,
    Warnings,
    IsPartial,
    #[serde(other)]
    Other,
}

struct EnvelopeSeed<'r, 's, S>(&'r mut Reader<'s, S>);

impl<'de, S: Sink> DeserializeSeed<'de> for EnvelopeSeed<'_, '_, S> {
    type Value = Envelope;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for EnvelopeSeed<'_, '_, S> {
    type Value = Envelope;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of the Prometheus API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope, A::Error> {
        let mut envelope = Envelope::default();
        while let Some(field) = map.next_key()? {
            match field {
                EnvelopeField::Status => envelope.status = Some(map.next_value()?),
                // Series that come twice would count twice.
                EnvelopeField::Data if envelope.data.is_some() => {
                    return Err(A::Error::duplicate_field("data"));
                }
                EnvelopeField::Data => envelope.data = map.next_value_seed(DataSeed(self.0))?,
                EnvelopeField::Error => envelope.error = map.next_value()?,
                EnvelopeField::Warnings => {
                    envelope.remarks.warnings = map.next_value::<Option<_>>()?.unwrap_or_default();
                }
                EnvelopeField::IsPartial => {
                    envelope.remarks.is_partial = map.next_value::<Option<bool>>()? == Some(true);
                }
                EnvelopeField::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if envelope.status.is_none() {
            return Err(A::Error::missing_field("status"));
        }
        Ok(envelope)
    }
}

struct DataSeed<'r, 's, S>(&'r mut Reader<'s, S>);

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum DataField {
    ResultType,
    Result,
    #[serde(other)]
    Other,
}

impl<'de, S: Sink> DeserializeSeed<'de> for DataSeed<'_, '_, S> {
    type Value = Option<Option<String>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for DataSeed<'_, '_, S> {
    type Value = Option<Option<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the type of a result and the result")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self(reader) = self;
        let mut kind: Option<String> = None;
        // A result that came before its type waits as text; servers send the type first.
        let mut waiting: Option<&'de RawValue> = None;
        let mut is_read = false;
        while let Some(field) = map.next_key()? {
            match (field, &kind) {
                (DataField::ResultType, None) => kind = Some(map.next_value()?),
                (DataField::ResultType, Some(_)) => return Err(A::Error::duplicate_field("resultType")),
                (DataField::Result, _) if is_read || waiting.is_some() => {
                    return Err(A::Error::duplicate_field("result"));
                }
                (DataField::Result, None) => waiting = Some(map.next_value()?),
                (DataField::Result, Some(kind)) => {
                    is_read = true;
                    map.next_value_seed(ResultSeed { reader, kind })?;
                }
                (DataField::Other, _) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let kind = kind.ok_or_else(|| A::Error::missing_field("resultType"))?;
        if let Some(text) = waiting {
            ResultSeed { reader, kind: &kind }
                .deserialize(&mut serde_json::Deserializer::from_str(text.get()))
                .map_err(A::Error::custom)?;
        } else if !is_read {
            return Err(A::Error::missing_field("result"));
        }
        Ok(Some((!Reader::<S>::takes(&kind)).then_some(kind)))
    }
}

struct ResultSeed<'r, 's, 'k, S> {
    reader: &'r mut Reader<'s, S>,
    kind: &'k str,
}

impl<'de, S: Sink> DeserializeSeed<'de> for ResultSeed<'_, '_, '_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Reader { labels, sink } = self.reader;
        if !Reader::<S>::takes(self.kind) {
            return IgnoredAny::deserialize(deserializer).map(drop);
        }
        if self.kind == S::KIND {
            return deserializer.deserialize_seq(VectorSeed { labels, sink: *sink });
        }
        Point(*sink).deserialize(deserializer)?;
        labels.clear();
        sink.series(labels);
        Ok(())
    }
}

struct VectorSeed<'r, S> {
    labels: &'r mut Labels,
    sink: &'r mut S,
}

impl<'de, S: Sink> Visitor<'de> for VectorSeed<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of series")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { labels, sink } = self;
        while let Some(()) = list.next_element_seed(SeriesSeed { labels, sink })? {}
        Ok(())
    }
}

struct SeriesSeed<'r, S> {
    labels: &'r mut Labels,
    sink: &'r mut S,
}

impl<'de, S: Sink> DeserializeSeed<'de> for SeriesSeed<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for SeriesSeed<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { labels, sink } = self;
        let (mut has_labels, mut has_numbers) = (false, false);
        while let Some(field) = map.next_key::<Field>()? {
            match field {
                Field::Metric if !has_labels => {
                    map.next_value_seed(Metric(labels))?;
                    has_labels = true;
                }
                Field::Metric => return Err(A::Error::duplicate_field("metric")),
                field if field == S::FIELD => {
                    if has_numbers {
                        return Err(A::Error::duplicate_field("value"));
                    }
                    has_numbers = true;
                    if field == Field::Values {
                        map.next_value_seed(Points(sink))?;
                    } else {
                        map.next_value_seed(Point(sink))?;
                    }
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if !has_labels {
            return Err(A::Error::missing_field("metric"));
        }
        if !has_numbers {
            return Err(A::Error::custom(
                "a series has no number; a native histogram must be reduced to a number first",
            ));
        }
        sink.series(labels);
        Ok(())
    }
}

/// A list of numbers, each with its time.
struct Points<'s, S>(&'s mut S);

impl<'de, S: Sink> DeserializeSeed<'de> for Points<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Points<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers with their times")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(()) = list.next_element_seed(Point(&mut *self.0))? {}
        Ok(())
    }
}

/// A time in seconds, and a number as text.
struct Point<'s, S>(&'s mut S);

impl<'de, S: Sink> DeserializeSeed<'de> for Point<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Point<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time and a number as text")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let seconds: f64 = list
            .next_element()?
            .ok_or_else(|| A::Error::invalid_length(0, &self))?;
        let Text(number) = list
            .next_element()?
            .ok_or_else(|| A::Error::invalid_length(1, &self))?;
        self.0.point(seconds, &number).map_err(A::Error::custom)
    }
}

/// Text that is not copied unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);
