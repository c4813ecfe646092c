//! Scale targets of any kind with a `/scale` subresource: which kinds exist, and the replica count of each object. No network.
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;

use concertina_decision::Replicas;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;
use serde::{Deserialize, Serialize};

use super::watch::Failure;
use crate::api::ScaleTargetRef;

/// A target: kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey {
    /// Group, version and kind.
    pub gvk: GroupVersionKind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl TargetKey {
    /// The target that `reference` names from a policy in `namespace`.
    #[must_use]
    pub fn of(namespace: &str, reference: &ScaleTargetRef) -> Self {
        let (group, version) = reference
            .api_version
            .rsplit_once('/')
            .unwrap_or(("", &reference.api_version));
        Self {
            gvk: GroupVersionKind::gvk(group, version, &reference.kind),
            namespace: namespace.into(),
            name: reference.name.clone(),
        }
    }
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.gvk.kind, self.namespace, self.name)
    }
}

/// What is known of a kind that some policy targets.
#[derive(Clone, Debug)]
pub enum KindState {
    /// Not looked up yet.
    Unknown,
    /// The API server does not serve it.
    Missing,
    /// It is served, but has no `/scale`, or not for patching.
    NotScalable,
    /// The API server could not be asked.
    Unavailable(String),
    /// Its objects are being watched; `synced` once the first list is complete.
    Watched {
        /// Plural name and API path.
        resource: ApiResource,
        /// Namespaced or not.
        scope: Scope,
        /// Whether the first list is complete.
        synced: bool,
        /// Why there is no first list yet, if it was tried.
        failure: Option<Failure>,
    },
}

/// One object that can be scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetRecord {
    /// The object's uid: pods point to it.
    pub uid: String,
    /// `spec.replicas` as `/scale` shows it; `None` when it must be read from `/scale`.
    pub replicas: Option<Replicas>,
    /// The object's resource version, to tell old news from new.
    resource_version: u64,
}

/// The part of a target object that is read from its watch; everything else is skipped while parsing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlimTarget {
    metadata: ObjectMeta,
    #[serde(default)]
    spec: Option<SlimSpec>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SlimSpec {
    #[serde(default)]
    replicas: Option<serde_json::Value>,
}

impl kube::Resource for SlimTarget {
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

#[derive(Debug)]
struct Kind {
    state: KindState,
    looked_up: Option<Instant>,
}

/// Kinds and objects that policies target.
#[derive(Debug, Default)]
pub struct TargetTable {
    kinds: HashMap<GroupVersionKind, Kind>,
    objects: HashMap<TargetKey, TargetRecord>,
}

impl TargetTable {
    /// The state of a kind.
    #[must_use]
    pub fn kind(&self, gvk: &GroupVersionKind) -> KindState {
        self.kinds
            .get(gvk)
            .map_or(KindState::Unknown, |kind| kind.state.clone())
    }

    /// Sets the state of a kind after a look-up at `now`.
    pub fn set_kind(&mut self, gvk: &GroupVersionKind, state: KindState, now: Instant) {
        self.kinds.insert(
            gvk.clone(),
            Kind {
                state,
                looked_up: Some(now),
            },
        );
    }

    /// Whether the kind has to be looked up: never done, or done without success `retry_seconds` ago.
    #[must_use]
    pub fn needs_lookup(&self, gvk: &GroupVersionKind, now: Instant, retry_seconds: u64) -> bool {
        match self.kinds.get(gvk) {
            None => true,
            Some(Kind {
                state: KindState::Watched { .. },
                ..
            }) => false,
            Some(Kind { looked_up, .. }) => {
                looked_up.is_none_or(|at| now.saturating_duration_since(at).as_secs() >= retry_seconds)
            }
        }
    }

    /// The object with this key.
    #[must_use]
    pub fn get(&self, key: &TargetKey) -> Option<TargetRecord> {
        self.objects.get(key).cloned()
    }

    /// Takes over a complete list of one kind.
    pub fn replace(&mut self, gvk: &GroupVersionKind, objects: Vec<SlimTarget>) {
        let mut known: HashMap<TargetKey, TargetRecord> = HashMap::new();
        self.objects.retain(|key, record| {
            let other = key.gvk != *gvk;
            if !other {
                known.insert(key.clone(), record.clone());
            }
            other
        });
        for object in objects {
            let key = key_of(gvk, &object.metadata);
            if let Some(record) = known.remove(&key) {
                self.objects.insert(key, record);
            }
            self.apply(gvk, &object);
        }
        if let Some(Kind {
            state: KindState::Watched { synced, .. },
            ..
        }) = self.kinds.get_mut(gvk)
        {
            *synced = true;
        }
    }

    /// Takes over one object, unless it is older than what is known.
    pub fn apply(&mut self, gvk: &GroupVersionKind, object: &SlimTarget) {
        let (Some(uid), Some(version)) = (&object.metadata.uid, &object.metadata.resource_version) else {
            return;
        };
        let resource_version = version.parse().unwrap_or(0);
        let key = key_of(gvk, &object.metadata);
        if self.is_old_news(&key, resource_version) {
            return;
        }
        let replicas = has_plain_replicas(gvk)
            .then(|| object.spec.as_ref().and_then(replicas_of))
            .flatten();
        self.objects.insert(
            key,
            TargetRecord {
                uid: uid.clone(),
                replicas,
                resource_version,
            },
        );
    }

    /// Notes what `/scale` answered, so that the next decision sees it before the watch tells.
    pub fn note_scale(&mut self, key: &TargetKey, scale: &Scale) {
        let Some(record) = self.objects.get_mut(key) else {
            return;
        };
        let Some(uid) = &scale.metadata.uid else { return };
        let version = scale
            .metadata
            .resource_version
            .as_deref()
            .and_then(|version| version.parse().ok())
            .unwrap_or(0);
        if version >= record.resource_version {
            *record = TargetRecord {
                uid: uid.clone(),
                replicas: Some(scale_replicas(scale)),
                resource_version: version,
            };
        }
    }

    /// Notes that the watch of a kind failed. Objects that were listed before are still good to work with.
    pub fn note_failure(&mut self, gvk: &GroupVersionKind, why: Failure) {
        if let Some(Kind {
            state: KindState::Watched { failure, .. },
            ..
        }) = self.kinds.get_mut(gvk)
        {
            *failure = Some(why);
        }
    }

    /// Forgets one object, unless one of the same name is known that is newer.
    pub fn delete(&mut self, gvk: &GroupVersionKind, object: &SlimTarget) {
        let key = key_of(gvk, &object.metadata);
        let version = object.metadata.resource_version.as_ref();
        let version = version.and_then(|version| version.parse().ok()).unwrap_or(0);
        if !self.is_old_news(&key, version) {
            self.objects.remove(&key);
        }
    }

    /// Versions grow over all objects, so a lesser one is older whatever the uid. An unreadable one counts as new.
    fn is_old_news(&self, key: &TargetKey, resource_version: u64) -> bool {
        let known = self.objects.get(key);
        resource_version != 0 && known.is_some_and(|known| known.resource_version > resource_version)
    }
}

fn key_of(gvk: &GroupVersionKind, metadata: &ObjectMeta) -> TargetKey {
    TargetKey {
        gvk: gvk.clone(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        name: metadata.name.clone().unwrap_or_default(),
    }
}

/// A Scale leaves out `spec.replicas` at zero.
#[must_use]
pub fn scale_replicas(scale: &Scale) -> Replicas {
    scale.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(0)
}

/// Built-in kinds keep the count in `spec.replicas`; a custom kind may map `/scale` to any field.
fn has_plain_replicas(gvk: &GroupVersionKind) -> bool {
    gvk.group == "apps" || gvk.group.is_empty()
}

fn replicas_of(spec: &SlimSpec) -> Option<Replicas> {
    spec.replicas
        .as_ref()?
        .as_i64()
        .and_then(|count| Replicas::try_from(count).ok())
}

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
