//! The labels of the series that is being read, as far as they are wanted: one buffer for all series. Pure.
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

/// Values of wanted labels, in the order in which the labels were named.
#[derive(Debug)]
pub(in crate::observe) struct Labels {
    names: Vec<Arc<str>>,
    values: Vec<Option<Range<usize>>>,
    text: String,
}

impl Labels {
    pub(in crate::observe) fn wanted(names: Vec<Arc<str>>) -> Self {
        Self {
            values: vec![None; names.len()],
            names,
            text: String::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.values.fill(None);
    }

    /// The value of the label with this number; `None` where the series does not carry it.
    pub(in crate::observe) fn get(&self, label: usize) -> Option<&str> {
        let range = self.values.get(label)?.clone()?;
        self.text.get(range)
    }
}

/// Reads the object `metric` of a series into [`Labels`].
pub(super) struct Metric<'l>(pub(super) &'l mut Labels);

impl<'de> DeserializeSeed<'de> for Metric<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metric<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the labels of a series")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.clear();
        while let Some(label) = map.next_key_seed(Name(&self.0.names))? {
            match label {
                Some(label) => {
                    let range = map.next_value_seed(Append(&mut self.0.text))?;
                    if let Some(value) = self.0.values.get_mut(label) {
                        *value = Some(range);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds the number of a label by its name.
struct Name<'n>(&'n [Arc<str>]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a label")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().position(|wanted| **wanted == *name))
    }
}

/// Appends a text to a buffer.
struct Append<'t>(&'t mut String);

impl<'de> DeserializeSeed<'de> for Append<'_> {
    type Value = Range<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Append<'_> {
    type Value = Range<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value of a label")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let start = self.0.len();
        self.0.push_str(text);
        Ok(start..self.0.len())
    }
}
