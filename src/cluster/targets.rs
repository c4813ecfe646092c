//! Scale targets of any kind with a `/scale` subresource: which kinds exist, and the replica count of each object. No network.
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use concertina_decision::Replicas;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;

use super::rollout::RolloutProgress;
pub use super::target_fields::SlimTarget;
use super::target_fields::TargetFields;
use super::watch::Failure;
use crate::api::ScaleTargetRef;
use crate::intern::{self, Interner};

/// A target: kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetKey {
    /// Group, version and kind.
    pub gvk: Arc<GroupVersionKind>,
    /// Namespace.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

static KINDS: LazyLock<Interner<GroupVersionKind>> = LazyLock::new(Interner::default);

impl TargetKey {
    /// The target that `reference` names from a policy in `namespace`.
    #[must_use]
    pub fn of(namespace: &str, reference: &ScaleTargetRef) -> Self {
        let (group, version) = reference
            .api_version
            .rsplit_once('/')
            .unwrap_or(("", &reference.api_version));
        Self {
            gvk: KINDS.get(GroupVersionKind::gvk(group, version, &reference.kind)),
            namespace: intern::name(namespace),
            name: reference.name.as_str().into(),
        }
    }

    /// Whether both name one object, be it by different versions of its kind.
    #[must_use]
    pub fn is_same_object(&self, other: &Self) -> bool {
        self.name == other.name
            && self.namespace == other.namespace
            && self.gvk.kind == other.gvk.kind
            && self.gvk.group == other.gvk.group
    }
}

impl std::fmt::Display for TargetKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/{}", self.gvk.kind, self.namespace, self.name)
    }
}

/// An object, whichever of its kind's versions it is named by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetIdentity {
    /// API group; empty for the core group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl From<&TargetKey> for TargetIdentity {
    fn from(target: &TargetKey) -> Self {
        Self {
            group: target.gvk.group.clone(),
            kind: target.gvk.kind.clone(),
            namespace: target.namespace.to_string(),
            name: target.name.to_string(),
        }
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
    /// How far its rollouts are.
    pub rollout: RolloutProgress,
    /// What a ResourceQuota that refuses its pods says.
    pub quota_refusal: Option<Arc<str>>,
    /// Who wrote the replica count last.
    pub replicas_manager: Option<Arc<str>>,
    /// The object's resource version, to tell old news from new.
    resource_version: u64,
}

impl TargetRecord {
    fn of(fields: &TargetFields, uid: &str, replicas: Option<Replicas>, resource_version: u64) -> Self {
        Self {
            uid: uid.to_owned(),
            replicas,
            rollout: fields.rollout,
            quota_refusal: fields.quota_refusal.clone(),
            replicas_manager: fields.replicas_manager.clone(),
            resource_version,
        }
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

    /// Whether the kind is watched and its first list is complete.
    #[must_use]
    pub fn is_synced(&self, gvk: &GroupVersionKind) -> bool {
        let state = self.kinds.get(gvk).map(|kind| &kind.state);
        matches!(state, Some(KindState::Watched { synced: true, .. }))
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

    /// Who wrote the replica count of this object last, directly or through `/scale`, by the name of its field manager, such
    /// as `kubectl`. `None` where nobody ever did, or the kind keeps its count elsewhere than in `spec.replicas`.
    #[must_use]
    pub fn replicas_manager(&self, key: &TargetKey) -> Option<String> {
        self.objects
            .get(key)?
            .replicas_manager
            .as_deref()
            .map(str::to_owned)
    }

    /// The uids of all objects.
    pub fn uids(&self) -> impl Iterator<Item = &str> {
        self.objects.values().map(|record| record.uid.as_str())
    }

    /// Takes over a complete list of one kind.
    pub fn replace(&mut self, gvk: &GroupVersionKind, objects: Vec<SlimTarget>) {
        let mut known: HashMap<TargetKey, TargetRecord> = HashMap::new();
        self.objects.retain(|key, record| {
            let other = *key.gvk != *gvk;
            if !other {
                known.insert(key.clone(), record.clone());
            }
            other
        });
        for object in objects {
            let key = key_of(gvk, object.metadata());
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
        let metadata = object.metadata();
        let (Some(uid), Some(version)) = (&metadata.uid, &metadata.resource_version) else {
            return;
        };
        let resource_version = version.parse().unwrap_or(0);
        let key = key_of(gvk, metadata);
        if self.is_old_news(&key, resource_version) {
            return;
        }
        let replicas = object.fields.replicas.filter(|_| has_plain_replicas(gvk));
        self.objects.insert(
            key,
            TargetRecord::of(&object.fields, uid, replicas, resource_version),
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
        if version < record.resource_version {
            return;
        }
        if record.uid != *uid {
            *record = TargetRecord::of(&TargetFields::default(), uid, None, version);
        }
        let replicas = Some(scale_replicas(scale));
        if record.replicas != replicas {
            // A Scale does not tell who wrote it, and who wrote the last count did not write this one.
            record.replicas_manager = None;
        }
        record.replicas = replicas;
        record.resource_version = version;
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
        let key = key_of(gvk, object.metadata());
        let version = object.metadata().resource_version.as_ref();
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
        gvk: KINDS.get(gvk.clone()),
        namespace: intern::name(metadata.namespace.as_deref().unwrap_or_default()),
        name: metadata.name.as_deref().unwrap_or_default().into(),
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

#[cfg(test)]
#[path = "targets_tests.rs"]
mod tests;
