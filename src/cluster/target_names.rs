//! What scale targets are called, and what is known of their kinds. No network.
use std::sync::{Arc, LazyLock};

use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;

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

/// The one allocation of a kind.
pub(super) fn shared_kind(kind: GroupVersionKind) -> Arc<GroupVersionKind> {
    KINDS.get(kind)
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
            gvk: shared_kind(GroupVersionKind::gvk(group, version, &reference.kind)),
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
    /// Its objects are being watched.
    Watched {
        /// Plural name and API path.
        resource: ApiResource,
        /// Namespaced or not.
        scope: Scope,
    },
}
