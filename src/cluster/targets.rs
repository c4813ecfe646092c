//! Scale targets of any kind with a `/scale` subresource: which kinds exist, and the replica count of each object. No network.
use std::sync::Arc;
use std::time::Instant;

use concertina_decision::Replicas;
use k8s_openapi::api::autoscaling::v1::Scale;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::GroupVersionKind;

use super::names::Uid;
use super::parts::{Epoch, Part, Parts};
use super::rollout::RolloutProgress;
use super::slab::{Id, Index, Slab};
pub use super::target_fields::SlimTarget;
use super::target_fields::TargetFields;
use super::target_kinds::Kinds;
pub use super::target_names::{KindState, TargetIdentity, TargetKey};
use super::watch::Failure;
use crate::intern;

/// One object that can be scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetRecord {
    /// The object's uid: pods point to it.
    pub uid: Uid,
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
    fn of(fields: &TargetFields, uid: Uid, replicas: Option<Replicas>, resource_version: u64) -> Self {
        Self {
            uid,
            replicas,
            rollout: fields.rollout,
            quota_refusal: fields.quota_refusal.clone(),
            replicas_manager: fields.replicas_manager.clone(),
            resource_version,
        }
    }
}

#[derive(Debug)]
struct Target {
    kind: Id,
    namespace: Arc<str>,
    name: Arc<str>,
    record: TargetRecord,
    /// The list in which it was seen last.
    epoch: Epoch,
    /// The list that was the newest when `/scale` told of it last.
    noted: Option<Epoch>,
}

/// Kinds and objects that policies target.
#[derive(Debug, Default)]
pub struct TargetTable {
    parts: Parts,
    kinds: Kinds,
    targets: Slab<Target>,
    by_name: Index,
}

impl TargetTable {
    /// An empty table of targets in these parts of the cluster.
    #[must_use]
    pub fn of(parts: Parts) -> Self {
        Self {
            parts,
            ..Self::default()
        }
    }

    /// The state of a kind.
    #[must_use]
    pub fn kind(&self, gvk: &GroupVersionKind) -> KindState {
        let kind = self.kinds.find(gvk);
        kind.map_or(KindState::Unknown, |kind| kind.state.clone())
    }

    /// Whether the kind is watched and there is a list to work with: of the cluster, or of some namespace.
    #[must_use]
    pub fn is_synced(&self, gvk: &GroupVersionKind) -> bool {
        let kind = self.kinds.find(gvk);
        kind.is_some_and(|kind| kind.is_watched() && kind.lists.is_any_listed())
    }

    /// Whether the kind is watched and there is a list to work with of what is in this namespace.
    #[must_use]
    pub fn is_listed(&self, gvk: &GroupVersionKind, namespace: &str) -> bool {
        let kind = self.kinds.find(gvk).filter(|kind| kind.is_watched());
        let part = self.parts.of_namespace(namespace);
        kind.zip(part)
            .is_some_and(|(kind, part)| kind.lists.is_listed(part))
    }

    /// Why there is no list to work with of what is in this namespace, if it was tried.
    #[must_use]
    pub fn failure(&self, gvk: &GroupVersionKind, namespace: &str) -> Option<&Failure> {
        let part = self.parts.of_namespace(namespace)?;
        self.kinds.find(gvk)?.lists.failure(part)
    }

    /// Sets the state of a kind after a look-up at `now`.
    pub fn set_kind(&mut self, gvk: &GroupVersionKind, state: KindState, now: Instant) {
        let id = self.kinds.id_or_new(gvk);
        if let Some(kind) = self.kinds.get_mut(id) {
            (kind.state, kind.looked_up) = (state, Some(now));
        }
    }

    /// Whether the kind has to be looked up: never done, or done without success `retry_seconds` ago.
    #[must_use]
    pub fn needs_lookup(&self, gvk: &GroupVersionKind, now: Instant, retry_seconds: u64) -> bool {
        self.kinds.find(gvk).is_none_or(|kind| {
            let is_over = |at| now.saturating_duration_since(at).as_secs() >= retry_seconds;
            !matches!(kind.state, KindState::Watched { .. }) && kind.looked_up.is_none_or(is_over)
        })
    }

    /// The kinds of which something is known.
    pub fn kinds(&self) -> impl Iterator<Item = &Arc<GroupVersionKind>> {
        self.kinds.all()
    }

    /// Forgets a kind and its objects: no policy targets it any more, and it is watched no more.
    pub fn forget_kind(&mut self, gvk: &GroupVersionKind) {
        let Some(id) = self.kinds.id(gvk) else { return };
        self.forget_objects(|target| target.kind == id);
        if let Some(kind) = self.kinds.get_mut(id) {
            (kind.state, kind.looked_up) = (KindState::Unknown, None);
        }
        self.kinds.forget_if_unused(id);
    }

    /// The object with this key.
    #[must_use]
    pub fn get(&self, key: &TargetKey) -> Option<&TargetRecord> {
        let kind = self.kinds.id(&key.gvk)?;
        let id = self.find(kind, &key.namespace, &key.name)?;
        Some(&self.targets.get(id)?.record)
    }

    /// Who wrote the replica count of this object last, directly or through `/scale`, by the name of its field manager, such
    /// as `kubectl`. `None` where nobody ever did, or the kind keeps its count elsewhere than in `spec.replicas`.
    #[must_use]
    pub fn replicas_manager(&self, key: &TargetKey) -> Option<Arc<str>> {
        self.get(key)?.replicas_manager.clone()
    }

    /// The uids of all objects.
    pub fn uids(&self) -> impl Iterator<Item = &Uid> {
        self.targets.iter().map(|(_, target)| &target.record.uid)
    }

    /// A list of one kind begins; what is known stays until it ends.
    pub fn begin_list(&mut self, gvk: &GroupVersionKind, part: Part) {
        let id = self.kinds.id_or_new(gvk);
        if let Some(kind) = self.kinds.get_mut(id) {
            kind.lists.begin(part);
        }
    }

    /// A list of one kind has ended: what was not in it is gone.
    pub fn end_list(&mut self, gvk: &GroupVersionKind, part: Part) {
        let Some(id) = self.kinds.id(gvk) else { return };
        let Some(kind) = self.kinds.get_mut(id) else {
            return;
        };
        let ended = kind.lists.end(part);
        self.forget_objects(|target| target.kind == id && target.epoch.is_swept_by(ended));
    }

    /// Takes over one object. What a list tells is always taken: after a restore of the API server's store its versions are less
    /// than those before. Only what `/scale` told since that list began may be newer, and there, as with news from the watch, the
    /// greater version counts.
    pub fn apply(&mut self, gvk: &GroupVersionKind, object: &SlimTarget) {
        let metadata = object.metadata();
        let (Some(uid), Some(version)) = (&metadata.uid, &metadata.resource_version) else {
            return;
        };
        let resource_version = version.parse().unwrap_or(0);
        let (namespace, name) = names_of(metadata);
        let Some(part) = self.parts.of_namespace(namespace) else {
            return;
        };
        let kind = self.kinds.id_or_new(gvk);
        let lists = self.kinds.get(kind).map(|kind| &kind.lists);
        let epoch = lists.map(|lists| lists.epoch(part)).unwrap_or_default();
        let is_listing = lists.is_some_and(|lists| lists.is_under_way(part));
        let record = || {
            let replicas = object.fields.replicas.filter(|_| has_plain_replicas(gvk));
            TargetRecord::of(&object.fields, Uid::of(uid), replicas, resource_version)
        };
        let id = self.find(kind, namespace, name);
        let Some(target) = id.and_then(|id| self.targets.get_mut(id)) else {
            return self.insert(Target {
                kind,
                namespace: intern::name(namespace),
                name: name.into(),
                record: record(),
                epoch,
                noted: None,
            });
        };
        target.epoch = epoch;
        let is_of_list = is_listing && target.noted != Some(epoch);
        if is_of_list || !is_old_news(target, resource_version) {
            target.record = record();
        }
    }

    /// Notes what `/scale` answered, so that the next decision sees it before the watch tells.
    pub fn note_scale(&mut self, key: &TargetKey, scale: &Scale) {
        let kind = self.kinds.id(&key.gvk);
        let id = kind.and_then(|kind| self.find(kind, &key.namespace, &key.name));
        let part = self.parts.of_namespace(&key.namespace);
        let lists = self.kinds.find(&key.gvk).map(|kind| &kind.lists);
        let epoch = lists.zip(part).map(|(lists, part)| lists.epoch(part));
        let target = id.and_then(|id| self.targets.get_mut(id));
        let (Some(target), Some(uid)) = (target, scale.metadata.uid.as_deref().map(Uid::of)) else {
            return;
        };
        let version = version_of(&scale.metadata);
        let record = &mut target.record;
        if version < record.resource_version {
            return;
        }
        target.noted = epoch;
        if record.uid != uid {
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

    /// Notes that the watch of a kind failed, as of `now`. Objects that were listed before are still good to work with; where it is
    /// forbidden, for 5 min.
    pub fn note_failure(&mut self, gvk: &GroupVersionKind, part: Part, failure: Failure, now: Instant) {
        if let Some(kind) = self.kinds.find_mut(gvk) {
            kind.lists.note_refusal(part, failure, now);
        }
    }

    /// Forgets one object, unless one of the same name is known that is newer.
    pub fn delete(&mut self, gvk: &GroupVersionKind, metadata: &ObjectMeta) {
        let (namespace, name) = names_of(metadata);
        let kind = self.kinds.id(gvk);
        let Some(id) = kind.and_then(|kind| self.find(kind, namespace, name)) else {
            return;
        };
        let version = version_of(metadata);
        if !self
            .targets
            .get(id)
            .is_some_and(|target| is_old_news(target, version))
        {
            self.forget_object(id);
        }
    }

    fn find(&self, kind: Id, namespace: &str, name: &str) -> Option<Id> {
        self.by_name.find(&(kind, namespace, name), |id| {
            let target = self.targets.get(id);
            target.is_some_and(|target| {
                target.kind == kind && *target.name == *name && *target.namespace == *namespace
            })
        })
    }

    fn insert(&mut self, target: Target) {
        if let Some(kind) = self.kinds.get_mut(target.kind) {
            kind.targets += 1;
        }
        let id = self.targets.insert(target);
        let targets = &self.targets;
        self.by_name.insert(id, |id| targets.get(id).map(Target::place));
    }

    fn forget_objects(&mut self, is_gone: impl Fn(&Target) -> bool) {
        let gone = self.targets.iter().filter(|(_, target)| is_gone(target));
        let gone: Vec<Id> = gone.map(|(id, _)| id).collect();
        for id in gone {
            self.forget_object(id);
        }
    }

    fn forget_object(&mut self, id: Id) {
        let Some(target) = self.targets.remove(id) else {
            return;
        };
        self.by_name.remove(id, &target.place());
        if let Some(kind) = self.kinds.get_mut(target.kind) {
            kind.targets = kind.targets.saturating_sub(1);
        }
        self.kinds.forget_if_unused(target.kind);
    }
}

impl Target {
    fn place(&self) -> (Id, &str, &str) {
        (self.kind, &self.namespace, &self.name)
    }
}

/// Versions grow over all objects, so between lists a lesser one is older whatever the uid. An unreadable one counts as new.
fn is_old_news(target: &Target, resource_version: u64) -> bool {
    resource_version != 0 && target.record.resource_version > resource_version
}

fn names_of(metadata: &ObjectMeta) -> (&str, &str) {
    (
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Zero for one that cannot be read.
fn version_of(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_ref();
    version.and_then(|version| version.parse().ok()).unwrap_or(0)
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
