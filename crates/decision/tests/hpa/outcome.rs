//! What came of a situation on both sides, as the page shows it, at once or round after round. Pure.

use concertina_decision::*;

use crate::cases::Situation;
use crate::fixtures::{Timeline, after};
use crate::hpa_loop::{Hpa, Round};

/// What came of one situation. The texts name the replicas.
pub(crate) struct Comparison {
    pub(crate) situation: &'static str,
    pub(crate) why: &'static str,
    pub(crate) hpa: String,
    pub(crate) concertina: String,
}

impl Comparison {
    /// Holds both outcomes.
    #[track_caller]
    pub(crate) fn gives(self, hpa: &str, concertina: &str) -> Self {
        let found = (self.hpa.as_str(), self.concertina.as_str());
        assert_eq!(found, (hpa, concertina), "{}", self.situation);
        self
    }
}

pub(crate) fn shown(current: Replicas, round: Round) -> String {
    match round {
        Round::Replicas(replicas) if replicas == current => format!("stays at {current}"),
        Round::Replicas(replicas) => format!("{current} → {replicas}"),
        Round::Disabled => format!("stays at {current} (ScalingDisabled)"),
        Round::Failed(_) => format!("stays at {current} (error)"),
    }
}

pub(crate) fn told(decision: &Decision) -> String {
    let Decision {
        current,
        desired,
        reason,
        ..
    } = decision;
    match decision.verdict {
        Verdict::Hold => format!("stays at {current} ({reason})"),
        Verdict::Scale => format!("{current} → {desired} ({reason})"),
    }
}

/// The replicas one after the other, without repetitions.
pub(crate) fn path(replicas: impl IntoIterator<Item = Replicas>) -> String {
    let mut steps: Vec<_> = replicas.into_iter().collect();
    steps.dedup();
    match steps.as_slice() {
        [one] => format!("stays at {one}"),
        steps => {
            let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
            steps.join(" → ")
        }
    }
}

/// Gives the replicas every `step` seconds of a target whose situation follows from its replicas and the second; what
/// is decided is done at once. The first of them is the one at the beginning.
pub(crate) fn hpa_over_time(
    hpa: &mut Hpa,
    seconds: impl IntoIterator<Item = u32>,
    mut replicas: Replicas,
    situation: impl Fn(u32, Replicas) -> Situation,
) -> Vec<Replicas> {
    let mut steps = vec![replicas];
    for second in seconds {
        let now = situation(second, replicas);
        if let Round::Replicas(next) = hpa.round(&now.world(after(second))) {
            steps.push(now.replicas);
            steps.push(next);
            replicas = next;
        }
    }
    steps
}

/// As [`hpa_over_time`], for us.
pub(crate) fn ours_over_time(
    policy: Policy,
    seconds: impl IntoIterator<Item = u32>,
    replicas: Replicas,
    situation: impl Fn(u32, Replicas) -> Situation,
) -> Vec<Replicas> {
    let mut target = Timeline::new(policy, replicas);
    let mut steps = vec![replicas];
    for second in seconds {
        let observation = situation(second, target.replicas).observation(after(second));
        target.replicas = observation.current_replicas;
        target.surroundings.rollout = observation.rollout;
        steps.push(target.replicas);
        target.with_pods(&observation.pods);
        target.at(i64::from(second)).read(observation.metrics);
        steps.push(target.replicas);
    }
    steps
}
