//! The policies as they are stored, sound or not. No network.
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DeserializeGuard;

use super::pods::ObjectKey;
use super::targets::{TargetIdentity, TargetKey};
use crate::api::{Mode, ScalingPolicy, ScalingPolicyStatus};

/// One policy as the API server holds it.
#[derive(Clone, Debug)]
pub struct PolicyRecord {
    /// Namespace and name.
    pub key: ObjectKey,
    /// The object's uid: a policy of the same name may come again.
    pub uid: String,
    /// `metadata.generation`, for `observedGeneration`.
    pub generation: Option<i64>,
    /// When the policy was created; the oldest policy owns a target.
    pub created: Option<Timestamp>,
    /// The policy, or why the stored object cannot be read.
    pub policy: Result<Arc<ScalingPolicy>, String>,
    /// What the policy lays claim to.
    claim: Option<TargetIdentity>,
}

impl PolicyRecord {
    fn of(guarded: DeserializeGuard<ScalingPolicy>) -> Self {
        let (metadata, policy) = match guarded.0 {
            Ok(policy) => (policy.metadata.clone(), Ok(Arc::new(policy))),
            Err(invalid) => (invalid.metadata, Err(invalid.error)),
        };
        let mut record = Self {
            key: ObjectKey::of(&metadata),
            uid: metadata.uid.unwrap_or_default(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.map(|time| time.0),
            policy,
            claim: None,
        };
        record.claim = record.find_claim();
        record
    }

    /// The target that the policy names.
    #[must_use]
    pub fn target(&self) -> Option<TargetKey> {
        self.policy
            .as_ref()
            .ok()
            .map(|policy| TargetKey::of(&self.key.namespace, &policy.spec.scale_target_ref))
    }

    /// The stored status, unless it speaks of an older spec, and so perhaps of another target.
    #[must_use]
    pub fn status(&self) -> Option<&ScalingPolicyStatus> {
        let status = self.policy.as_ref().ok()?.status.as_ref()?;
        (status.observed_generation == self.generation).then_some(status)
    }

    /// The mode in force at `now`; `None` for a policy that cannot be read.
    #[must_use]
    pub fn mode(&self, now: concertina_decision::Timestamp) -> Option<Mode> {
        let at = Timestamp::from_millisecond(now.0).ok()?;
        self.policy.as_ref().ok()?.mode_in_force(at).ok()
    }

    /// Whether the policy only recommends. It owns nothing then, and stands beside any owner.
    #[must_use]
    pub fn only_recommends(&self) -> bool {
        self.policy
            .as_ref()
            .is_ok_and(|policy| policy.spec.mode == Some(Mode::DryRun))
    }

    fn find_claim(&self) -> Option<TargetIdentity> {
        self.target()
            .filter(|_| !self.only_recommends())
            .as_ref()
            .map(TargetIdentity::from)
    }
}

/// All policies, and who owns which target.
#[derive(Debug, Default)]
pub struct PolicyTable {
    policies: HashMap<ObjectKey, Arc<PolicyRecord>>,
    claims: HashMap<TargetIdentity, Vec<ObjectKey>>,
    synced: bool,
}

impl PolicyTable {
    /// Whether the first list is complete.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Takes over a complete list.
    pub fn replace(&mut self, policies: Vec<DeserializeGuard<ScalingPolicy>>) {
        self.policies.clear();
        self.claims.clear();
        for policy in policies {
            self.insert(PolicyRecord::of(policy));
        }
        self.synced = true;
    }

    /// Takes over one policy.
    pub fn apply(&mut self, policy: DeserializeGuard<ScalingPolicy>) {
        let record = PolicyRecord::of(policy);
        self.remove(&record.key);
        self.insert(record);
    }

    /// Forgets a policy.
    pub fn delete(&mut self, policy: &DeserializeGuard<ScalingPolicy>) {
        let metadata = policy
            .0
            .as_ref()
            .map_or_else(|invalid| &invalid.metadata, |policy| &policy.metadata);
        self.remove(&ObjectKey::of(metadata));
    }

    /// The policy with this key.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<PolicyRecord>> {
        self.policies.get(key).cloned()
    }

    /// All policies.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PolicyRecord>> {
        self.policies.values()
    }

    /// The policy that owns `target`: the oldest, then the one with the lesser uid. A paused one keeps what it owns; one
    /// that only recommends owns nothing. Nor does one of which `is_broken` holds: it can decide nothing, so it must not
    /// keep a sound one from the target.
    #[must_use]
    pub fn owner_of(
        &self,
        target: &TargetKey,
        is_broken: impl Fn(&PolicyRecord) -> bool,
    ) -> Option<&Arc<PolicyRecord>> {
        self.claims
            .get(&TargetIdentity::from(target))?
            .iter()
            .filter_map(|key| self.policies.get(key))
            .filter(|record| !is_broken(record))
            .min_by(|a, b| (a.created, &a.uid).cmp(&(b.created, &b.uid)))
    }

    fn insert(&mut self, record: PolicyRecord) {
        if let Some(claim) = record.claim.clone() {
            self.claims.entry(claim).or_default().push(record.key.clone());
        }
        self.policies.insert(record.key.clone(), Arc::new(record));
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(record) = self.policies.remove(key) else {
            return;
        };
        if let Some(claim) = &record.claim
            && let Some(claimants) = self.claims.get_mut(claim)
        {
            claimants.retain(|claimant| claimant != key);
            if claimants.is_empty() {
                self.claims.remove(claim);
            }
        }
    }
}

#[cfg(test)]
#[path = "policies_tests.rs"]
mod tests;
