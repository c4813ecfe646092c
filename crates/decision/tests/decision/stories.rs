//! Pasts that hang together, for the properties: loads that come and go, what is decided is done, somebody else meddles,
//! metrics vanish, pods crash, schedules open. Left to chance alone, none of this would be met.

use concertina_decision::*;
use proptest::prelude::*;

use crate::arbitrary::*;
use crate::fixtures::*;

/// A policy, what it has seen, and what it sees now.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) policy: Policy,
    pub(crate) past: Vec<(Observation, Timestamp)>,
    pub(crate) observation: Observation,
    pub(crate) now: Timestamp,
}

/// Any case: senseless ones, and those that could have happened.
pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let senseless = (any_policy(), any_past(), any_observation(), any_time()).prop_map(
        |(policy, past, observation, now)| Case {
            policy,
            past,
            observation,
            now,
        },
    );
    prop_oneof![1 => senseless, 2 => story()]
}

/// What one look shows.
#[derive(Clone, Debug)]
struct Look {
    pause_seconds: i64,
    health: Health,
    load: Load,
    readings: Vec<(Reading, Reading)>,
    guards: Vec<Reading>,
    rollout: Option<u64>,
    quota_room: Option<Replicas>,
    somebody: Somebody,
}

/// How the pods are.
#[derive(Clone, Copy, Debug)]
enum Health {
    AllReady,
    HalfStarting,
    Crashing,
    AsTheyAre,
}

/// What the metrics show.
#[derive(Clone, Copy, Debug)]
enum Load {
    Some,
    /// All of them zero.
    None,
    /// So many of them are missing.
    Missing(usize),
    /// Answers without a series.
    Empty,
}

/// What another writer does before the look.
#[derive(Clone, Copy, Debug)]
enum Somebody {
    Nothing,
    /// Sets what was there before our last change.
    Undoes,
    Scales(Replicas),
}

prop_compose! {
    fn look()(
        pause_seconds in prop_oneof![8 => Just(5i64), 4 => 0..200i64, 1 => 200..2000i64, 1 => -4000..0i64],
        health in prop_oneof![
            5 => Just(Health::AllReady), 1 => Just(Health::HalfStarting), 1 => Just(Health::Crashing),
            2 => Just(Health::AsTheyAre),
        ],
        load in prop_oneof![
            6 => Just(Load::Some), 3 => Just(Load::None), 1 => (1..4usize).prop_map(Load::Missing), 1 => Just(Load::Empty),
        ],
        (observation, readings) in sound_observation(),
        calm in any::<bool>(),
        rollout in prop::option::weighted(0.3, 0u64..3),
        quota_room in prop::option::weighted(0.2, 0..20i32),
        somebody in prop_oneof![
            6 => Just(Somebody::Nothing), 3 => Just(Somebody::Undoes), 1 => (0..20i32).prop_map(Somebody::Scales),
        ],
    ) -> Look {
        let guards = if calm { vec![total(0.0); 2] } else { observation.guards };
        Look { pause_seconds, health, load, readings, guards, rollout, quota_room, somebody }
    }
}

prop_compose! {
    /// A window near noon, with a floor or a ceiling or both.
    fn near_window()(
        schedule in 0u8..3,
        start in 0u32..3000,
        length in 0u32..2000,
        min_replicas in prop::option::of(0..20i32),
        max_replicas in prop::option::of(0..40i32),
    ) -> Window {
        Window { schedule, start: after(start), end: after(start + length), min_replicas, max_replicas }
    }
}

prop_compose! {
    pub(crate) fn story()(
        policy in sound_policy(),
        replicas in 0..12i32,
        looks in prop::collection::vec(look(), 1..14),
        windows in prop::collection::vec(near_window(), 0..3),
        startup_seconds in prop::option::of(0u32..900),
        blind_from in prop::option::weighted(0.12, 0..14usize),
        pods in prop::collection::vec(pod(), 10),
    ) -> Case {
        let always = Observation { pods, windows, startup_seconds, ..Observation::default() };
        told(policy, replicas, &looks, &always, blind_from)
    }
}

/// Evaluates look after look and does what is decided.
fn told(
    policy: Policy,
    replicas: Replicas,
    looks: &[Look],
    always: &Observation,
    blind_from: Option<usize>,
) -> Case {
    let mut memory = Memory::default();
    let (mut before, mut replicas, mut now) = (replicas, replicas, noon());
    let mut seen = Vec::new();
    for (index, look) in looks.iter().enumerate() {
        now = Timestamp(now.0 + look.pause_seconds * 1000);
        let set = match look.somebody {
            Somebody::Nothing => replicas,
            Somebody::Undoes => before,
            Somebody::Scales(to) => to,
        };
        let is_blind = blind_from.is_some_and(|from| index >= from);
        let observation = shown(&policy, look, set, always, is_blind);
        let decision = decide(&policy, &memory, &observation, now);
        memory.record(&decision, now);
        (before, replicas) = (set, decision.desired);
        if decision.verdict == Verdict::Scale {
            memory.record_change(decision.current, decision.desired, now);
        }
        seen.push((observation, now));
    }
    let (observation, now) = seen.pop().unwrap_or_default();
    Case {
        policy,
        past: seen,
        observation,
        now,
    }
}

/// The observation of one look at so many replicas.
fn shown(
    policy: &Policy,
    look: &Look,
    replicas: Replicas,
    always: &Observation,
    is_blind: bool,
) -> Observation {
    let count = usize::try_from(replicas.clamp(0, 10)).unwrap_or(0);
    let pods = match look.health {
        Health::AllReady => ready(count),
        Health::HalfStarting => (0..count)
            .map(|pod| if pod % 2 == 0 { Pod::Ready } else { Pod::Starting })
            .collect(),
        Health::Crashing => vec![Pod::CrashingAtStart; count],
        Health::AsTheyAre => always.pods.iter().copied().take(count).collect(),
    };
    let mut observation = Observation {
        current_replicas: replicas,
        pods,
        guards: look.guards.clone(),
        rollout: look
            .rollout
            .map_or(Rollout::None, |revision| Rollout::UnderWay { revision }),
        quota_room: look.quota_room,
        ..always.clone()
    };
    observation = suited(policy, &observation, &look.readings);
    match look.load {
        _ if is_blind => observation.metrics.fill(Reading::Missing(Missing::Unreachable)),
        Load::Some => {}
        Load::None => observation = times(&observation, 0.0),
        Load::Missing(count) => {
            for reading in observation.metrics.iter_mut().take(count) {
                *reading = Reading::Missing(Missing::TimedOut);
            }
        }
        Load::Empty => {
            for reading in &mut observation.metrics {
                *reading = match reading {
                    Reading::PerPod(_) => Reading::PerPod(Vec::new()),
                    _ => Reading::Missing(Missing::NoSamples),
                };
            }
        }
    }
    observation
}
