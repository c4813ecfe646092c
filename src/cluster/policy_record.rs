//! One policy as the tables hold it: compiled, without the stored object. No network.
use std::sync::Arc;

use jiff::Timestamp;

use super::names::{ObjectKey, Uid};
use super::targets::TargetKey;
use crate::api::{Mode, Pause, ScalingPolicy};
use crate::control::compile::CompiledPolicy;

/// The place of a policy in the tables of this process. A place is given to another policy only after everybody was told
/// that the former one is gone, so look at the uid where time may have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyId(pub u32);

impl PolicyId {
    /// As an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Why a stored policy cannot be acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The object does not have the present schema.
    #[error("the stored object cannot be read ({0}): apply the policy again in the present schema")]
    Unreadable(Box<str>),
    /// It contradicts itself.
    #[error("{}", .0.reason)]
    Invalid(Box<Invalid>),
}

/// A policy that contradicts itself, with what it says all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong, with what to write instead.
    pub reason: Box<str>,
    /// The target that it names.
    pub target: TargetKey,
    /// The mode that its spec asks for.
    pub spec_mode: Mode,
    /// What pauses it beside that.
    pub pause: Pause,
}

/// One policy as the API server holds it, as far as it is used.
#[derive(Clone, Debug)]
pub struct PolicyRecord {
    /// Its place.
    pub id: PolicyId,
    /// Namespace and name.
    pub key: ObjectKey,
    /// The object's uid: a policy of the same name may come again.
    pub uid: Uid,
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: Option<i64>,
    /// When the policy was created; the oldest policy owns a target.
    pub created: Option<Timestamp>,
    /// The policy as compiled, or why it cannot be acted on.
    pub compiled: Result<Arc<CompiledPolicy>, Unusable>,
}

impl PolicyRecord {
    /// The target that the policy names; none of one that cannot be read.
    #[must_use]
    pub fn target(&self) -> Option<&TargetKey> {
        match &self.compiled {
            Ok(compiled) => Some(&compiled.target),
            Err(Unusable::Invalid(invalid)) => Some(&invalid.target),
            Err(Unusable::Unreadable(_)) => None,
        }
    }

    /// The mode in force at `now`, also of a policy that contradicts itself; `None` where the policy, or the annotation that pauses it, cannot
    /// be read.
    #[must_use]
    pub fn mode(&self, now: concertina_decision::Timestamp) -> Option<Mode> {
        let at = Timestamp::from_millisecond(now.0).ok()?;
        let mode = match &self.compiled {
            Ok(compiled) => compiled.mode_in_force(at),
            Err(Unusable::Invalid(invalid)) => invalid.pause.mode(invalid.spec_mode, at),
            Err(Unusable::Unreadable(_)) => return None,
        };
        mode.ok()
    }

    /// Whether the policy only recommends. It owns nothing then, and stands beside any owner.
    #[must_use]
    pub fn only_recommends(&self) -> bool {
        self.compiled
            .as_ref()
            .is_ok_and(|compiled| compiled.spec_mode == Mode::DryRun)
    }

    /// What the policy lays claim to. One that can decide nothing must not keep a sound one from the target.
    pub(super) fn claim(&self) -> Option<&TargetKey> {
        let compiled = self.compiled.as_ref().ok()?;
        (compiled.spec_mode != Mode::DryRun).then_some(&compiled.target)
    }

    /// Whether it was made from this spec, and from annotations that mean the same.
    pub(super) fn is_of(&self, policy: &ScalingPolicy) -> bool {
        let metadata = &policy.metadata;
        let compiled = self.compiled.as_ref();
        metadata.generation.is_some()
            && self.generation == metadata.generation
            && self.created == metadata.creation_timestamp.as_ref().map(|time| time.0)
            && compiled.is_ok_and(|compiled| compiled.pause() == policy.pause())
    }
}
