//! Objects as they are read from watches: only the fields that are used, all else is skipped while parsing. No network.
use std::borrow::Cow;
use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::core::ApiResource;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An object of which only `fields` and the names in its metadata are kept.
#[derive(Clone, Debug)]
pub struct Slim<T> {
    metadata: ObjectMeta,
    /// What is used of it.
    pub fields: T,
}

/// What is used of a kind.
pub trait Fields: Sized {
    /// The part of `metadata.managedFields` that is read: [`IgnoredAny`], or [`Managers`].
    type Managers: DeserializeOwned + Default;
    /// The part of `spec` that is read.
    type Spec: DeserializeOwned;
    /// The part of `status` that is read.
    type Status: DeserializeOwned;

    /// Picks the fields.
    fn pick(
        metadata: &SlimMetadata<Self::Managers>,
        spec: Option<Self::Spec>,
        status: Option<Self::Status>,
    ) -> Self;
}

/// The part of an object's metadata that some kind needs.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    bound(deserialize = "M: DeserializeOwned + Default")
)]
pub struct SlimMetadata<M = IgnoredAny> {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    owner_references: Option<Vec<Owner>>,
    labels: Option<Labels>,
    annotations: Option<Annotations>,
    managed_fields: Option<M>,
}

/// An object that owns another.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Owner {
    /// Group and version.
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// The object's uid.
    pub uid: String,
    controller: Option<bool>,
}

/// Labels that tell from which version of its owner a pod was made, where no ReplicaSet does.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "controller-revision-hash")]
    controller_revision_hash: Option<String>,
    #[serde(rename = "pod-template-hash")]
    pod_template_hash: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "deployment.kubernetes.io/revision")]
    revision: Option<String>,
    #[serde(rename = "rollout.argoproj.io/revision")]
    argo_revision: Option<String>,
}

/// Who wrote which fields, as far as it is read.
#[derive(Debug, Default, Deserialize)]
pub struct Managers(Vec<Manager>);

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Manager {
    manager: Option<String>,
    time: Option<Time>,
    #[serde(rename = "fieldsV1")]
    fields: Option<OwnedFields>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnedFields {
    #[serde(rename = "f:spec")]
    spec: Option<OwnedSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnedSpec {
    #[serde(rename = "f:replicas")]
    replicas: Option<IgnoredAny>,
}

impl<M> SlimMetadata<M> {
    /// When the object was created.
    #[must_use]
    pub fn created(&self) -> Option<Timestamp> {
        self.creation_timestamp.as_ref().map(|time| time.0)
    }

    /// Whether the object is being deleted.
    #[must_use]
    pub const fn is_deleting(&self) -> bool {
        self.deletion_timestamp.is_some()
    }

    /// The owner that controls the object.
    #[must_use]
    pub fn controller(&self) -> Option<&Owner> {
        let mut owners = self.owner_references.iter().flatten();
        owners.find(|owner| owner.controller == Some(true))
    }

    /// Which version of its owner a pod was made from.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        let labels = self.labels.as_ref()?;
        labels
            .controller_revision_hash
            .as_deref()
            .or(labels.pod_template_hash.as_deref())
    }

    /// The number that a Deployment or an Argo Rollout gives to its ReplicaSets: the newest has the greatest, also after
    /// a roll-back to an old one.
    #[must_use]
    pub fn revision(&self) -> Option<u32> {
        let annotations = self.annotations.as_ref()?;
        let revision = annotations
            .revision
            .as_ref()
            .or(annotations.argo_revision.as_ref())?;
        revision.parse().ok()
    }
}

impl SlimMetadata<Managers> {
    /// Who wrote `spec.replicas` last, directly or through `/scale`: the field manager that owns it, the latest where
    /// several do.
    #[must_use]
    pub fn replicas_manager(&self) -> Option<&str> {
        self.managed_fields
            .iter()
            .flat_map(|managers| &managers.0)
            .filter(|entry| {
                let spec = entry.fields.as_ref().and_then(|fields| fields.spec.as_ref());
                spec.is_some_and(|spec| spec.replicas.is_some())
            })
            .max_by_key(|entry| entry.time.as_ref().map(|time| time.0))
            .and_then(|entry| entry.manager.as_deref())
    }
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "M: DeserializeOwned + Default, S: DeserializeOwned, U: DeserializeOwned"))]
struct Raw<M, S, U> {
    #[serde(default)]
    metadata: SlimMetadata<M>,
    spec: Option<S>,
    status: Option<U>,
}

impl<'de, T: Fields> Deserialize<'de> for Slim<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Raw::<T::Managers, T::Spec, T::Status>::deserialize(deserializer)?;
        let fields = T::pick(&raw.metadata, raw.spec, raw.status);
        let metadata = ObjectMeta {
            name: raw.metadata.name,
            namespace: raw.metadata.namespace,
            uid: raw.metadata.uid,
            resource_version: raw.metadata.resource_version,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, fields })
    }
}

impl<T> Slim<T> {
    /// Name, namespace, uid and resource version; the rest is empty.
    pub const fn metadata(&self) -> &ObjectMeta {
        &self.metadata
    }
}

impl<T> kube::Resource for Slim<T> {
    type DynamicType = ApiResource;
    type Scope = kube::core::DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }
    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }
    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }
    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }
    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// A field of a custom kind may be of any type: one that is not what its name suggests is as good as absent, and must
/// not make the whole object unreadable. From JSON only.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let text = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(text.get()).ok())
}

#[cfg(test)]
#[path = "slim_tests.rs"]
mod tests;
