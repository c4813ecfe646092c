//! Which targets other autoscalers scale: HorizontalPodAutoscalers and KEDA's ScaledObjects. No network.
use std::time::Instant;

use hashbrown::{Equivalent, HashMap};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::parts::{Epoch, Lists, Part, Parts, Progress};
use super::pods::ObjectKey;
use super::slim::{Fields, Slim, SlimMetadata};
use super::targets::{TargetIdentity, TargetKey};
use super::watch::Failure;

/// The part of a HorizontalPodAutoscaler or a ScaledObject that is read.
pub type SlimAutoscaler = Slim<AutoscalerFields>;

/// What is used of it.
#[derive(Clone, Debug)]
pub struct AutoscalerFields {
    is_deleting: bool,
    /// The ScaledObject for which KEDA made a HorizontalPodAutoscaler.
    made_for: Option<String>,
    target: Option<SlimReference>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlimReference {
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    name: String,
}

/// The part of its `spec` that is read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalerSpec {
    #[serde(default)]
    scale_target_ref: Option<SlimReference>,
}

impl Fields for AutoscalerFields {
    type Managers = IgnoredAny;
    type Spec = AutoscalerSpec;
    type Status = IgnoredAny;

    fn pick(metadata: &SlimMetadata, spec: Option<AutoscalerSpec>, _: Option<IgnoredAny>) -> Self {
        let made_for = metadata
            .controller()
            .filter(|owner| owner.kind == Source::Keda.kind() && owner.api_version.starts_with("keda.sh/"));
        Self {
            is_deleting: metadata.is_deleting(),
            made_for: made_for.map(|owner| owner.name.clone()),
            target: spec.and_then(|spec| spec.scale_target_ref),
        }
    }
}

/// A kind of autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `autoscaling/v2` HorizontalPodAutoscaler.
    HorizontalPodAutoscaler,
    /// `keda.sh/v1alpha1` ScaledObject. A paused one keeps what it owns.
    Keda,
}

impl Source {
    /// The name of the kind.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::HorizontalPodAutoscaler => "HorizontalPodAutoscaler",
            Self::Keda => "ScaledObject",
        }
    }

    /// KEDA scales Deployments where nothing else is said.
    fn target_of(self, namespace: &str, reference: &SlimReference) -> TargetIdentity {
        let (default_version, default_kind) = match self {
            Self::HorizontalPodAutoscaler => ("", ""),
            Self::Keda => ("apps/v1", "Deployment"),
        };
        let stated = |text: &'_ Option<String>, default: &str| {
            text.as_deref()
                .filter(|text| !text.is_empty())
                .unwrap_or(default)
                .to_owned()
        };
        let api_version = stated(&reference.api_version, default_version);
        TargetIdentity {
            group: api_version
                .rsplit_once('/')
                .map_or("", |(group, _)| group)
                .to_owned(),
            kind: stated(&reference.kind, default_kind),
            namespace: namespace.to_owned(),
            name: reference.name.clone(),
        }
    }
}

#[derive(Debug)]
struct Entry {
    target: TargetIdentity,
    /// Such as `HorizontalPodAutoscaler web`.
    name: String,
    /// The list in which it was seen last.
    epoch: Epoch,
}

/// A [`TargetIdentity`] that is only looked up.
#[derive(Hash)]
struct Wanted<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl Equivalent<TargetIdentity> for Wanted<'_> {
    fn equivalent(&self, known: &TargetIdentity) -> bool {
        known.name == self.name
            && known.namespace == self.namespace
            && known.kind == self.kind
            && known.group == self.group
    }
}

/// All living autoscalers, by what they scale.
#[derive(Debug, Default)]
pub struct AutoscalerTable {
    objects: HashMap<(Source, ObjectKey), Entry>,
    by_target: HashMap<TargetIdentity, Vec<(Source, ObjectKey)>>,
    parts: Parts,
    horizontal_lists: Lists,
    keda_lists: Lists,
}

impl AutoscalerTable {
    /// An empty table of autoscalers in these parts of the cluster.
    #[must_use]
    pub fn in_parts(parts: Parts) -> Self {
        Self {
            parts,
            ..Self::default()
        }
    }

    /// Whether the first lists of this part are complete, of those that can be listed at all.
    #[must_use]
    pub fn is_synced(&self, part: Part) -> bool {
        let mut all = [Source::HorizontalPodAutoscaler, Source::Keda].into_iter();
        all.all(|source| !self.is_awaited(source, part))
    }

    /// A list begins; what is known stays until it ends.
    pub fn begin_list(&mut self, source: Source, part: Part) {
        self.lists(source).begin(part);
    }

    /// A list has ended: what was not in it is gone.
    pub fn end_list(&mut self, source: Source, part: Part) {
        let ended = self.lists(source).end(part);
        let gone: Vec<_> = self
            .objects
            .iter()
            .filter(|((of, _), entry)| *of == source && entry.epoch.is_swept_by(ended))
            .map(|(key, _)| key.clone())
            .collect();
        for key in gone {
            self.remove(&key);
        }
    }

    /// Takes over one of a list, or one that is new or changed.
    pub fn apply(&mut self, source: Source, autoscaler: &SlimAutoscaler) {
        self.delete(source, autoscaler.metadata());
        let fields = &autoscaler.fields;
        let Some(reference) = fields.target.as_ref().filter(|_| !fields.is_deleting) else {
            return;
        };
        let key = ObjectKey::of(autoscaler.metadata());
        let Some(part) = self.parts.of_namespace(&key.namespace) else {
            return;
        };
        let target = source.target_of(&key.namespace, reference);
        let name = match &fields.made_for {
            Some(name) => format!("{} {name}", Source::Keda.kind()),
            None => format!("{} {}", source.kind(), key.name),
        };
        self.by_target
            .entry(target.clone())
            .or_default()
            .push((source, key.clone()));
        let epoch = self.lists(source).epoch(part);
        self.objects.insert((source, key), Entry { target, name, epoch });
    }

    /// Forgets one.
    pub fn delete(&mut self, source: Source, metadata: &ObjectMeta) {
        self.remove(&(source, ObjectKey::of(metadata)));
    }

    /// Notes that a source cannot be read, as of `now`. The first list is not waited for any longer when it is refused or not
    /// served. Returns whether that is news.
    pub fn note_failure(&mut self, source: Source, part: Part, failure: Failure, now: Instant) -> bool {
        let is_unserved = failure.is_unserved;
        let lists = self.lists(source);
        lists.note_refusal(part, failure, now) || (is_unserved && lists.go_without(part))
    }

    /// Takes no refusal of this part for an answer any more: the next attempt tells.
    pub fn await_again(&mut self, part: Part) {
        self.horizontal_lists.await_again(part);
        self.keda_lists.await_again(part);
    }

    /// Whether the first list of a source is waited for.
    pub(super) fn is_awaited(&self, source: Source, part: Part) -> bool {
        let lists = match source {
            Source::HorizontalPodAutoscaler => &self.horizontal_lists,
            Source::Keda => &self.keda_lists,
        };
        lists.progress(part) == Progress::Awaited
    }

    /// A source is not waited for any longer in this part. Returns whether that is news.
    pub(super) fn go_without_in(&mut self, source: Source, part: Part) -> bool {
        self.lists(source).go_without(part)
    }

    /// Notes that there is nothing to be read in any part. Returns whether that is news.
    pub fn go_without(&mut self, source: Source) -> bool {
        let parts = self.parts.clone();
        let news = parts.iter().filter(|(part, _)| self.go_without_in(source, *part));
        news.count() > 0
    }

    /// The autoscaler that scales `target`, such as `HorizontalPodAutoscaler web` or `ScaledObject web`; one that KEDA
    /// made goes by the name of its ScaledObject. Of several the first by name.
    #[must_use]
    pub fn of(&self, target: &TargetKey) -> Option<String> {
        if self.by_target.is_empty() {
            return None;
        }
        let wanted = Wanted {
            group: &target.gvk.group,
            kind: &target.gvk.kind,
            namespace: &target.namespace,
            name: &target.name,
        };
        self.by_target
            .get(&wanted)?
            .iter()
            .filter_map(|key| self.objects.get(key))
            .map(|entry| &entry.name)
            .min()
            .cloned()
    }

    fn lists(&mut self, source: Source) -> &mut Lists {
        match source {
            Source::HorizontalPodAutoscaler => &mut self.horizontal_lists,
            Source::Keda => &mut self.keda_lists,
        }
    }

    fn remove(&mut self, key: &(Source, ObjectKey)) {
        let Some(entry) = self.objects.remove(key) else {
            return;
        };
        if let Some(keys) = self.by_target.get_mut(&entry.target) {
            keys.retain(|known| known != key);
            if keys.is_empty() {
                self.by_target.remove(&entry.target);
            }
        }
    }
}

#[cfg(test)]
#[path = "autoscalers_tests.rs"]
mod tests;
