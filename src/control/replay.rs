//! What newest decisions were made from, kept for those policies that somebody asks about. No network.
//!
//! A replay takes several kilobytes, so a controller of 100,000 policies cannot keep all of them. With few policies all are
//! kept; with many those that were asked for lately, from their next evaluation on.
use std::collections::HashMap;

use concertina_decision::{Memory, Observation, Timestamp};

use crate::cluster::names::{ObjectKey, Uid};
use crate::cluster::policies::PolicyRecord;

/// With up to so many policies each newest decision can be replayed at once: about 4 MB.
const FEW_POLICIES: usize = 1000;
/// What was asked for is kept so long after.
const KEPT_SECONDS: u32 = 600;
/// So many policies can be asked for at a time.
const MOST_WANTED: usize = 1000;

/// What a decision was made from, beside the policy.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What was observed.
    pub observation: Observation,
    /// What was remembered before it.
    pub memory: Memory,
    /// When it was made.
    pub now: Timestamp,
    /// The policy's generation that it was made on.
    pub generation: Option<i64>,
}

/// The replays that are kept.
#[derive(Debug, Default)]
pub struct Replays {
    newest: HashMap<ObjectKey, (Uid, Box<Replay>)>,
    wanted: HashMap<ObjectKey, Timestamp>,
}

impl Replays {
    /// Somebody asks for this policy: its decisions are kept for ten minutes. Beyond a thousand that which was asked
    /// for longest ago gives way.
    pub fn want(&mut self, key: &ObjectKey, now: Timestamp) {
        self.wanted.insert(key.clone(), now);
        if self.wanted.len() <= MOST_WANTED {
            return;
        }
        let others = self.wanted.iter().filter(|(other, _)| *other != key);
        if let Some(oldest) = others
            .min_by_key(|(_, at)| **at)
            .map(|(oldest, _)| oldest.clone())
        {
            self.wanted.remove(&oldest);
        }
    }

    /// Whether the decisions of this policy are to be kept, `policies` being how many there are.
    #[must_use]
    pub fn keeps(&self, record: &PolicyRecord, policies: usize) -> bool {
        policies <= FEW_POLICIES || (!self.wanted.is_empty() && self.wanted.contains_key(&record.key))
    }

    /// Keeps what a decision was made from.
    pub fn keep(&mut self, record: &PolicyRecord, replay: Replay) {
        self.newest
            .insert(record.key.clone(), (record.uid.clone(), Box::new(replay)));
    }

    /// What the newest decision on this policy as it is stored now was made from.
    #[must_use]
    pub fn newest(&self, record: &PolicyRecord) -> Option<&Replay> {
        let (uid, replay) = self.newest.get(&record.key)?;
        (*uid == record.uid && replay.generation == record.generation).then_some(replay)
    }

    /// Forgets a policy that is gone.
    pub fn forget(&mut self, key: &ObjectKey) {
        self.newest.remove(key);
        self.wanted.remove(key);
    }

    /// Forgets what nobody has asked for lately, where there are many policies.
    pub fn sweep(&mut self, now: Timestamp, policies: usize) {
        // After the clock was set back everything is kept for its time again.
        self.wanted.retain(|_, at| now < at.plus_seconds(KEPT_SECONDS));
        if policies > FEW_POLICIES && self.newest.len() > self.wanted.len() {
            let Self { newest, wanted } = self;
            newest.retain(|key, _| wanted.contains_key(key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{NOW, policy, record};

    fn replay(record: &PolicyRecord) -> Replay {
        Replay {
            observation: Observation::default(),
            memory: Memory::default(),
            now: NOW,
            generation: record.generation,
        }
    }

    #[test]
    fn with_few_policies_all_are_kept_and_with_many_those_that_were_asked_for() {
        let mut replays = Replays::default();
        let (web, api) = (record(policy("web")), record(policy("api")));
        assert!(replays.keeps(&web, FEW_POLICIES));
        assert!(!replays.keeps(&web, FEW_POLICIES + 1));
        replays.want(&web.key, NOW);
        assert!(replays.keeps(&web, 100_000) && !replays.keeps(&api, 100_000));
        replays.keep(&web, replay(&web));
        replays.keep(&api, replay(&api));
        replays.sweep(NOW.plus_seconds(KEPT_SECONDS - 1), 100_000);
        assert!(replays.newest(&web).is_some() && replays.newest(&api).is_none());
        replays.sweep(NOW.plus_seconds(KEPT_SECONDS), 100_000);
        assert!(replays.newest(&web).is_none());
    }

    #[test]
    fn what_was_asked_for_longest_ago_gives_way_to_what_is_asked_for_now() {
        let mut replays = Replays::default();
        let key = |number: u32| ObjectKey::new("shop", &format!("web-{number}"));
        for number in 0..=u32::try_from(MOST_WANTED).unwrap() {
            replays.want(&key(number), NOW.plus_seconds(number));
        }
        assert_eq!(replays.wanted.len(), MOST_WANTED);
        assert!(!replays.wanted.contains_key(&key(0)) && replays.wanted.contains_key(&key(1)));
        replays.want(&key(1), NOW.plus_seconds(5000));
        replays.want(&key(0), NOW);
        assert!(
            replays.wanted.contains_key(&key(0)),
            "although the clock was set back"
        );
        assert!(replays.wanted.contains_key(&key(1)) && !replays.wanted.contains_key(&key(2)));
    }

    #[test]
    fn a_decision_on_another_spec_or_another_policy_is_not_the_newest() {
        let mut replays = Replays::default();
        let web = record(policy("web"));
        replays.keep(&web, replay(&web));
        let changed = PolicyRecord {
            generation: Some(2),
            ..PolicyRecord::clone(&web)
        };
        let replaced = PolicyRecord {
            uid: Uid::of("another"),
            ..PolicyRecord::clone(&web)
        };
        assert!(replays.newest(&web).is_some());
        assert!(replays.newest(&changed).is_none() && replays.newest(&replaced).is_none());
    }
}
