//! What the stages after the want share: each may bring the number nearer to the current one, never past it. No I/O.

use crate::guard::Forbidding;
use crate::{Memory, Observation, Policy, Reason, Replicas, Timestamp};

/// A number on its way through the last stages.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) memory: &'a Memory,
    pub(crate) observation: &'a Observation,
    pub(crate) forbidding: &'a Forbidding,
    pub(crate) now: Timestamp,
    pub(crate) current: Replicas,
    /// Rising to the floor passes over these stages.
    pub(crate) floor: Replicas,
    pub(crate) ceiling: Replicas,
    /// The number before the stage.
    pub(crate) wanted: Replicas,
}

/// What a stage made of the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) replicas: Replicas,
    pub(crate) reason: Reason,
    /// Seconds until the stage lets more pass, where that is known.
    pub(crate) retry_after_seconds: Option<u32>,
}

impl Step<'_> {
    /// Lets the number pass as it is.
    pub(crate) const fn pass(&self, reason: Reason) -> Held {
        Held {
            replicas: self.wanted,
            reason,
            retry_after_seconds: None,
        }
    }

    /// Allows growth up to `most`.
    pub(crate) fn at_most(&self, most: Replicas, reason: Reason, retry_after_seconds: Option<u32>) -> Held {
        let replicas = self.wanted.min(most.max(self.current).max(self.floor));
        Held {
            replicas,
            reason,
            retry_after_seconds,
        }
    }

    /// Allows shrinking down to `least`.
    pub(crate) fn at_least(&self, least: Replicas, reason: Reason, retry_after_seconds: Option<u32>) -> Held {
        let replicas = self.wanted.max(least.min(self.current));
        Held {
            replicas,
            reason,
            retry_after_seconds,
        }
    }

    /// The replicas before a change by another writer that the memory has not been told of yet.
    pub(crate) fn unseen_change_from(&self) -> Option<Replicas> {
        self.memory
            .replicas
            .filter(|remembered| *remembered != self.current)
    }
}

#[cfg(test)]
pub(crate) mod scene {
    //! One stage on its own, for the tables of the stages.

    use super::{Held, Step};
    use crate::fixtures::after;
    use crate::guard::Forbidding;
    use crate::{Memory, Observation, Policy, Reason, Replicas, Timestamp};

    pub(crate) struct Scene {
        pub(crate) policy: Policy,
        pub(crate) memory: Memory,
        pub(crate) observation: Observation,
        pub(crate) now: Timestamp,
        pub(crate) floor: Replicas,
    }

    impl Scene {
        /// 100 seconds after noon, nothing remembered, nothing observed.
        pub(crate) fn of(policy: Policy) -> Self {
            Self {
                policy,
                memory: Memory::default(),
                observation: Observation::default(),
                now: after(100),
                floor: 1,
            }
        }

        pub(crate) fn run(
            &self,
            stage: fn(&Step<'_>) -> Held,
            current: Replicas,
            wanted: Replicas,
        ) -> (Replicas, Reason, Option<u32>) {
            let held = stage(&Step {
                policy: &self.policy,
                memory: &self.memory,
                observation: &self.observation,
                forbidding: &Forbidding::of(&self.policy, &self.memory, &self.observation, self.now),
                now: self.now,
                current,
                floor: self.floor,
                ceiling: self.policy.max_replicas,
                wanted,
            });
            (held.replicas, held.reason, held.retry_after_seconds)
        }
    }
}
