//! What a policy wanted before this process began, rebuilt from what Prometheus remembers. Pure.
//!
//! Each step of the past is decided as it would have been then, and recorded. What is not known is taken for what holds
//! shrinking back, so that a restart never makes a policy bolder:
//!
//! | not known                                         | taken for                                                   |
//! |---------------------------------------------------|-------------------------------------------------------------|
//! | a value, also where an empty answer would be 0    | what wants the replicas that there were                     |
//! | what wanted a growth of ours                      | what wants all of it                                        |
//! | replicas before the oldest change in the status   | the beginning of the past                                   |
//! | a change that nobody recorded                     | nothing is rebuilt                                          |
//! | pods that were there and are gone                 | pods at the target, or at the mean where that is more       |
//! | whether a pod was Ready before it is known to be  | both are decided, and the greater want counts               |
//! | whether a pod that crashes now crashed then       | the same                                                    |
//! | what was between two steps                        | as at the earlier one                                       |
use std::sync::Arc;

use concertina_decision::{
    Change, Decision, Measured, Memory, Observation, OnMissing, Pod, Policy, Proposal, Reading, Reason,
    Replicas, Timestamp, Want, WhenEmpty, Writer, decide,
};

use super::compile::{CompiledPolicy, Measure};
use crate::cluster::pods::PodRecord;
use crate::observe::history::{History, Part, Steps};
use crate::observe::join::reading;

/// So many seconds after its first sample a pod may still have been starting, where nothing was learned about its target.
const STARTUP_SECONDS: u32 = 300;

/// What is known of the past of one policy.
pub struct Past<'a> {
    /// The policy.
    pub compiled: &'a CompiledPolicy,
    /// Its namespace.
    pub namespace: &'a str,
    /// The living pods of its target.
    pub pods: &'a [PodRecord],
    /// The replicas of its target.
    pub replicas: Replicas,
    /// The newest changes of these, oldest first; there may have been older ones.
    pub changes: &'a [Change],
    /// Seconds from the creation of a pod to Ready, as learned.
    pub startup_seconds: Option<u32>,
    /// What each metric was, in the policy's order; all with the same steps.
    pub histories: &'a [Arc<History>],
}

/// The memory as it would be had the policy been evaluated all along. `None` when somebody changed the replicas since
/// the last change that is known: nobody knows when.
#[must_use]
pub fn rebuild(past: &Past<'_>, now: Timestamp) -> Option<Memory> {
    let steps = past.histories.first()?.steps;
    let known_from = known_from(past.changes, past.replicas)?;
    let replay = Replay::of(past);
    let mut memory = Memory::default();
    let mut changes = past.changes.iter().peekable();
    let is_known = |time| known_from.is_none_or(|change| is_seen(change, time));
    for (index, time) in instants(steps, past.compiled.period_seconds, now) {
        while let Some(change) = changes.next_if(|change| is_seen(change, time)) {
            if change.by == Writer::Own && change.to > change.from && is_known(change.at) {
                let mut decision = replay.decide(&memory, index.saturating_sub(1), change.at, change.from);
                decision.remember.want = greater(decision.remember.want, Want::Known(change.to));
                memory.record(&decision, change.at);
            }
            memory.restore_change(*change);
        }
        if is_known(time) {
            let current = changes.peek().map_or(past.replicas, |change| change.from);
            let decision = replay.decide(&memory, index, time, current);
            memory.record(&decision, time);
        }
    }
    changes.for_each(|change| memory.restore_change(*change));
    Some(memory)
}

/// Whether an evaluation at `time` starts from what the change made of the replicas: our own changes are made after an
/// evaluation, those of others are seen by one.
fn is_seen(change: &Change, time: Timestamp) -> bool {
    match change.by {
        Writer::Own => change.at < time,
        Writer::Other => change.at <= time,
    }
}

/// The change since which the replicas are known without a gap, if there is any.
fn known_from(changes: &[Change], replicas: Replicas) -> Option<Option<&Change>> {
    let Some(last) = changes.last() else {
        return Some(None);
    };
    if last.to != replicas {
        return None;
    }
    let gap = changes
        .iter()
        .zip(changes.iter().skip(1))
        .rfind(|(before, after)| before.to != after.from);
    Some(gap.map_or(changes.first(), |(_, after)| Some(after)))
}

/// The instants of the replay, each with the step whose values it has. Where steps are further apart than evaluations
/// were, what was known at a step counts up to the last evaluation before the next one.
fn instants(steps: Steps, period_seconds: u32, now: Timestamp) -> Vec<(usize, Timestamp)> {
    let period = i64::from(period_seconds.max(1)) * 1000;
    let last_before = |time: Timestamp| {
        let before = time.0.saturating_sub(1);
        Timestamp(before - before.rem_euclid(period))
    };
    let ends = steps.times().skip(1).chain([now]);
    let mut instants = Vec::with_capacity(steps.count());
    for (index, (time, end)) in steps.times().zip(ends).enumerate() {
        instants.push((index, time));
        let held = last_before(end);
        if held > time {
            instants.push((index, held));
        }
    }
    instants
}

struct Replay<'a> {
    past: &'a Past<'a>,
    policy: Policy,
    parts: Vec<Part<'a>>,
    /// For each pod, until when it may have been starting: those that are Ready tell since when, the others do not.
    starting_until: Vec<Option<Timestamp>>,
}

impl<'a> Replay<'a> {
    fn of(past: &'a Past<'a>) -> Self {
        let part = |(metric, history): (&'a super::compile::CompiledMetric, &'a Arc<History>)| {
            let matching = match &metric.measure {
                Measure::Total { matching } => Some(&**matching),
                _ => None,
            };
            history.part(past.namespace, past.pods.iter().map(|pod| &*pod.name), matching)
        };
        let mut replay = Self {
            past,
            policy: cautious(&past.compiled.decision),
            parts: past
                .compiled
                .metrics
                .iter()
                .zip(past.histories)
                .map(part)
                .collect(),
            starting_until: past.pods.iter().map(|pod| pod.ready_since).collect(),
        };
        let times: Vec<Timestamp> = past
            .histories
            .first()
            .map_or_else(Vec::new, |first| first.steps.times().collect());
        let startup = past.startup_seconds.unwrap_or(STARTUP_SECONDS);
        let mut is_known = vec![false; past.pods.len()];
        for (index, time) in times.into_iter().enumerate() {
            let lived = replay.lived(&replay.readings(index));
            for ((known, until), lived) in is_known.iter_mut().zip(&mut replay.starting_until).zip(lived) {
                if lived && !*known {
                    *known = true;
                    // A pod that is there from the first step on is older than that.
                    *until = until.or((index > 0).then(|| time.plus_seconds(startup)));
                }
            }
        }
        replay
    }

    /// What each metric was at a step, for all pods that live now.
    fn readings(&self, index: usize) -> Vec<Reading> {
        self.past
            .compiled
            .metrics
            .iter()
            .zip(&self.parts)
            .map(|(metric, part)| reading(metric, &Ok(part.at(index)), self.past.namespace, self.past.pods).0)
            .collect()
    }

    /// Which of the pods had a sample of anything.
    fn lived(&self, readings: &[Reading]) -> Vec<bool> {
        let has_sample = |pod: usize| {
            readings.iter().any(|reading| match reading {
                Reading::PerPod(pods) => pods
                    .get(pod)
                    .is_some_and(|reading| reading.value.is_some() || reading.time.is_some()),
                _ => false,
            })
        };
        (0..self.past.pods.len()).map(has_sample).collect()
    }

    fn decide(&self, memory: &Memory, index: usize, time: Timestamp, current: Replicas) -> Decision {
        let mut readings = self.readings(index);
        let lived = self.lived(&readings);
        for (reading, history) in readings.iter_mut().zip(self.past.histories) {
            let Reading::PerPod(pods) = reading else { continue };
            if let Some(window) = history.window_seconds {
                for (pod, until) in pods.iter_mut().zip(&self.starting_until) {
                    // The window of its rate may have begun before it was Ready.
                    pod.at_least |= until.is_some_and(|until| time < until.plus_seconds(window));
                }
            }
            let mut lived = lived.iter();
            pods.retain(|_| lived.next().is_some_and(|lived| *lived));
        }
        let (bold, doubtful): (Vec<Pod>, Vec<Pod>) = self
            .past
            .pods
            .iter()
            .zip(&self.starting_until)
            .zip(&lived)
            .filter(|(_, lived)| **lived)
            .map(|((pod, until), _)| match pod.state {
                // It was never Ready yet.
                Pod::Starting => (Pod::Starting, Pod::Starting),
                Pod::Crashing => (Pod::Ready, Pod::Crashing),
                _ if until.is_some_and(|until| time < until) => (Pod::Ready, Pod::Starting),
                _ => (Pod::Ready, Pod::Ready),
            })
            .unzip();
        let absent = current
            .unsigned_abs()
            .saturating_sub(u32::try_from(bold.len()).unwrap_or(u32::MAX));
        let has_doubt = bold != doubtful;
        let mut observation = Observation {
            current_replicas: current,
            pods: with_absent(bold, absent),
            metrics: readings,
            windows: self.past.compiled.windows(time),
            startup_seconds: self.past.startup_seconds,
            ..Observation::default()
        };
        let mut decision = decide(&self.policy, memory, &observation, time);
        let mut want = want(&decision, absent);
        if has_doubt {
            observation.pods = with_absent(doubtful, absent);
            let other = decide(&self.policy, memory, &observation, time);
            want = greater(want, self::want(&other, absent));
            decision.remember.needed |= other.remember.needed;
        }
        decision.remember.want = want;
        // Known from elsewhere.
        decision.remember.missing_since = None;
        decision
    }
}

/// Pods that are gone stand among the others as pods without a sample.
fn with_absent(mut pods: Vec<Pod>, absent: u32) -> Vec<Pod> {
    pods.extend((0..absent).map(|_| Pod::Ready));
    pods
}

/// The policy, with all that is missing holding the replicas. An empty answer may be that of a server which has
/// forgotten. Guards and the fallback are no part of what was wanted.
fn cautious(policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    for metric in &mut policy.metrics {
        metric.when_empty = WhenEmpty::Missing;
        metric.on_missing = OnMissing::Hold;
    }
    policy.guards = Box::default();
    policy.fallback = None;
    policy
}

/// The want of a decision, with the load of pods that are gone where the others were above their target: the decision
/// itself counts them for nothing then. An unknown want was no more than the replicas, or they would have grown.
fn want(decision: &Decision, absent: u32) -> Want {
    let known = match decision.remember.want {
        Want::Known(known) => known,
        Want::Unknown => decision.current,
        Want::None => return Want::None,
    };
    let more = decision
        .proposals
        .iter()
        .map(|proposal| load_with_absent(proposal, absent))
        .max();
    Want::Known(known.max(more.unwrap_or(0).min(decision.ceiling)))
}

fn load_with_absent(proposal: &Proposal, absent: u32) -> Replicas {
    let is_of_pods = matches!(
        proposal.measured,
        Some(Measured::Percent(_) | Measured::PerReplica(_))
    );
    let ratio = proposal.ratio.unwrap_or(0.0);
    if absent == 0 || !is_of_pods || ratio <= 1.0 || proposal.reason == Reason::WithinTolerance {
        return 0;
    }
    let at_least = if proposal.censored { 2.0 } else { 0.0 };
    let pods = f64::from(proposal.counted_pods) + f64::from(absent);
    #[allow(clippy::cast_possible_truncation)] // saturates
    let load = (pods * ratio.max(at_least)).ceil() as Replicas;
    load
}

/// The want that holds shrinking back more.
fn greater(one: Want, other: Want) -> Want {
    match (one, other) {
        (Want::Known(one), Want::Known(other)) => Want::Known(one.max(other)),
        (Want::Known(want), _) | (_, Want::Known(want)) => Want::Known(want),
        (other, _) => other,
    }
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
