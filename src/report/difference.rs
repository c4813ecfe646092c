//! Whether a reader would notice that a status became another one, and how soon that is to be told. Pure.
//!
//! What was written is not kept for that, only marks of it: hashes of the parts that matter alike.
use std::hash::{BuildHasher, Hash, Hasher};
use std::io;
use std::num::{NonZeroU32, NonZeroU64};

use foldhash::quality::FixedState;
use serde::Serialize;

use super::known::reason_of;
use crate::api::{EffectiveSettings, RulesStatus, ScalingPolicyStatus};

/// How a new status differs from the one that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A reader would notice nothing.
    None,
    /// Only the words of a condition (a server's error may carry a number that is never the same), or what the metrics
    /// ask for while the desired count stays: at an edge it moves to and fro.
    Slight,
    /// Only why nothing changes, which metrics are missing, or how fast pods start.
    Uneventful,
    /// How a condition stands, with a trouble's reason, or a guard. It may be for a moment only.
    Standing,
    /// A count, a mode, a setting, a change.
    Eventful,
}

/// Marks of a status. Equal marks mean that a reader would notice no difference; hashes of 64 bits, so that two
/// statuses are taken for one another once in 10^19 times, and then until the next difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Marks {
    /// Never 0, so that none takes no room.
    eventful: NonZeroU64,
    standing: u64,
    uneventful: u64,
    slight: u64,
    /// The settings without their rules. 0 where the status has no room for them, which is no difference.
    settings: u32,
    scale_up: u32,
    scale_down: u32,
}

impl Marks {
    /// The marks of this status. Ages, values and times of decisions move all the time and leave none.
    #[must_use]
    pub fn of(status: &ScalingPolicyStatus) -> Self {
        // Every field is named, so that a new one finds its place.
        let ScalingPolicyStatus {
            observed_generation,
            mode,
            effective,
            conditions,
            current_replicas,
            desired_replicas,
            last_scale_time,
            last_decision,
            metrics,
            stages,
            guards,
            startup,
            last_changes,
            metrics_omitted: _,
        } = status;
        let conditions = || conditions.iter();
        let guards = guards.iter();
        let reasons = last_decision.iter().map(|decision| &decision.reason);
        let silent = metrics.iter().filter(|metric| metric.proposal.is_none());
        Self {
            eventful: NonZeroU64::new(mark(&(
                (observed_generation, mode, current_replicas, desired_replicas),
                (last_scale_time, last_changes),
            )))
            .unwrap_or(NonZeroU64::MIN),
            standing: mark(&(
                each(conditions().map(|condition| {
                    let reason = &condition.reason;
                    (
                        (&condition.type_, &condition.status),
                        &condition.last_transition_time,
                        // Between other reasons a load at an edge moves to and fro.
                        is_trouble(reason).then_some(reason),
                    )
                })),
                each(guards.map(|guard| (&guard.name, &guard.state))),
            )),
            uneventful: mark(&(
                startup,
                each(reasons.chain(conditions().map(|condition| &condition.reason))),
                each(silent.map(|metric| (&metric.name, &metric.reason))),
            )),
            slight: mark(&(
                each(
                    metrics
                        .iter()
                        .map(|metric| (&metric.name, metric.proposal, &metric.reason)),
                ),
                stages,
                each(conditions().map(|condition| &condition.message)),
            )),
            settings: part(effective.as_ref().map(without_rules)),
            scale_up: rules(effective.as_ref(), |settings| settings.scale_up.as_ref()),
            scale_down: rules(effective.as_ref(), |settings| settings.scale_down.as_ref()),
        }
    }

    /// A hash of them all, for where a mistake costs no more than one write that comes late.
    pub(super) fn short(&self) -> NonZeroU32 {
        let mut hasher = FixedState::default().build_hasher();
        self.hash(&mut hasher);
        let [high, low] = [hasher.finish() >> 32, hasher.finish() & u64::from(u32::MAX)];
        NonZeroU32::new(u32::try_from(high ^ low).unwrap_or(1)).unwrap_or(NonZeroU32::MIN)
    }

    /// How `new` differs from the status with these marks in the eyes of a reader.
    #[must_use]
    pub fn difference(&self, new: &Self) -> Difference {
        let is_other = |this: u32, other: u32| this != 0 && other != 0 && this != other;
        if self.eventful != new.eventful
            || is_other(self.settings, new.settings)
            || is_other(self.scale_up, new.scale_up)
            || is_other(self.scale_down, new.scale_down)
        {
            Difference::Eventful
        } else if self.standing != new.standing {
            Difference::Standing
        } else if self.uneventful != new.uneventful {
            Difference::Uneventful
        } else if self.slight != new.slight {
            Difference::Slight
        } else {
            Difference::None
        }
    }
}

/// Whether somebody should look at it; a word that this version does not know may be anything.
fn is_trouble(word: &str) -> bool {
    reason_of(word).is_none_or(|reason| reason.is_trouble())
}

fn without_rules(settings: &EffectiveSettings) -> impl Serialize + '_ {
    let EffectiveSettings {
        min_replicas,
        max_replicas,
        period_seconds,
        prometheus,
        scale_up: _,
        scale_down: _,
        rollout_freeze_seconds,
        fallback,
    } = settings;
    (
        (min_replicas, max_replicas, period_seconds),
        (prometheus, rollout_freeze_seconds, fallback),
    )
}

fn rules(
    settings: Option<&EffectiveSettings>,
    of: impl Fn(&EffectiveSettings) -> Option<&RulesStatus>,
) -> u32 {
    part(settings.and_then(of))
}

/// The mark of something that a status may have no room for, which is 0.
fn part(part: Option<impl Serialize>) -> u32 {
    let Some(part) = part else {
        return 0;
    };
    let [high, low] = [mark(&part) >> 32, mark(&part) & u64::from(u32::MAX)];
    u32::try_from(high ^ low).unwrap_or(1).max(1)
}

fn each<T>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.collect()
}

/// A hash of what is written of it: what is written alike is alike.
fn mark(value: &impl Serialize) -> u64 {
    let mut hashed = Hashed(FixedState::default().build_hasher());
    // What cannot be written down cannot be sent either, and says so there.
    let _ = serde_json::to_writer(&mut hashed, value);
    hashed.0.finish()
}

struct Hashed<H>(H);

impl<H: Hasher> io::Write for Hashed<H> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
