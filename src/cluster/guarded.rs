//! An object that may be malformed: it is skipped or reported, and keeps no other from being read. No network.
use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An object, or what can be said of one that is malformed.
#[derive(Clone, Debug)]
pub struct Guarded<K>(pub Result<K, Unreadable>);

/// An object that does not have the shape of its kind.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unreadable {
    /// Name, namespace, uid, resource version, generation and the times of creation and deletion; the rest is empty.
    pub metadata: ObjectMeta,
    /// What is wrong with it. The same for the same fault, wherever it stands in the object's text.
    pub error: String,
}

/// The part of the metadata that is kept of an unreadable object.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Names {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(default)]
    metadata: Names,
}

impl<K: DeserializeOwned> Guarded<K> {
    /// Reads one object.
    ///
    /// # Errors
    /// When not even the metadata can be read.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let error = match serde_json::from_str(text) {
            Ok(object) => return Ok(Self(Ok(object))),
            Err(error) => error,
        };
        let Named { metadata } = serde_json::from_str(text)?;
        Ok(Self(Err(Unreadable {
            metadata: ObjectMeta {
                name: metadata.name,
                namespace: metadata.namespace,
                uid: metadata.uid,
                resource_version: metadata.resource_version,
                generation: metadata.generation,
                creation_timestamp: metadata.creation_timestamp,
                deletion_timestamp: metadata.deletion_timestamp,
                ..ObjectMeta::default()
            },
            error: without_place(&error),
        })))
    }
}

/// Line and column change with every write to the object, and tell nobody anything: it is one long line.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place)
        .map_or_else(|| text.clone(), str::to_owned)
}

/// From JSON only: the text of the object is kept aside to be read twice.
impl<'de, K: DeserializeOwned> Deserialize<'de> for Guarded<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(text.get()).map_err(D::Error::custom)
    }
}

impl<K: Resource> Resource for Guarded<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(kind: &K::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }
    fn group(kind: &K::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }
    fn version(kind: &K::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }
    fn plural(kind: &K::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }
    fn meta(&self) -> &ObjectMeta {
        self.0
            .as_ref()
            .map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0
            .as_mut()
            .map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
#[path = "guarded_tests.rs"]
mod tests;
