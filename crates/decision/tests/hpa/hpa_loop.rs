//! What HorizontalPodAutoscaler makes of the proposals of its metrics, and what it remembers between two rounds: the
//! other half of the calculator for comparison (`pkg/controller/podautoscaler/horizontal.go`). Pure.
//!
//! | round                              | outcome                                                       |
//! |------------------------------------|---------------------------------------------------------------|
//! | no replicas, and not by its own doing under a minimum of 0 | none: ScalingDisabled                |
//! | above the maximum, below the minimum | that bound at once                                          |
//! | every metric invalid               | none: error                                                   |
//! | some invalid, the others ask for fewer | none: error                                               |
//! | else                               | the greatest proposal, stabilised, then limited               |

use std::cmp::Ordering;

use concertina_decision::{RateKind, RatePolicy, Replicas, SelectPolicy, Timestamp};

use crate::hpa::{Answer, Invalid, Metric, Pod, Scene, Tolerance, propose};

/// `--horizontal-pod-autoscaler-sync-period`.
pub(crate) const SYNC_SECONDS: i64 = 15;
/// `--horizontal-pod-autoscaler-downscale-stabilization`.
pub(crate) const DOWNSCALE_STABILIZATION_SECONDS: u32 = 300;

/// `spec.behavior`.
#[derive(Clone, Debug)]
pub(crate) struct Behavior {
    pub(crate) up: Direction,
    pub(crate) down: Direction,
}

#[derive(Clone, Debug)]
pub(crate) struct Direction {
    pub(crate) window_seconds: u32,
    pub(crate) select: SelectPolicy,
    pub(crate) policies: Vec<RatePolicy>,
}

impl Default for Behavior {
    /// What the API server fills in (`pkg/apis/autoscaling/v2/defaults.go`).
    fn default() -> Self {
        let policy = |kind, value| RatePolicy {
            kind,
            value,
            period_seconds: 15,
        };
        let direction = |window_seconds, policies| Direction {
            window_seconds,
            select: SelectPolicy::Max,
            policies,
        };
        Self {
            up: direction(0, vec![policy(RateKind::Pods, 4), policy(RateKind::Percent, 100)]),
            down: direction(
                DOWNSCALE_STABILIZATION_SECONDS,
                vec![policy(RateKind::Percent, 100)],
            ),
        }
    }
}

/// What the controller finds in one round.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) replicas: Replicas,
    pub(crate) status_replicas: Replicas,
    pub(crate) pods: Vec<Pod>,
    /// One per metric.
    pub(crate) answers: Vec<Answer>,
    pub(crate) now: Timestamp,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Round {
    Replicas(Replicas),
    Disabled,
    Failed(Invalid),
}

/// One HorizontalPodAutoscaler and what the controller keeps of it in memory.
#[derive(Clone, Debug)]
pub(crate) struct Hpa {
    pub(crate) min: Replicas,
    pub(crate) max: Replicas,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) behavior: Option<Behavior>,
    pub(crate) tolerance: Tolerance,
    recommendations: Vec<(Timestamp, Replicas)>,
    growth: Vec<Event>,
    shrinking: Vec<Event>,
    took_to_zero: bool,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: Timestamp,
    change: Replicas,
}

impl Hpa {
    pub(crate) fn new(min: Replicas, max: Replicas, metrics: Vec<Metric>) -> Self {
        Self {
            min,
            max,
            metrics,
            behavior: None,
            tolerance: Tolerance { up: 0.1, down: 0.1 },
            recommendations: Vec::new(),
            growth: Vec::new(),
            shrinking: Vec::new(),
            took_to_zero: false,
        }
    }

    /// The same object after the controller was started again or another one took over: nothing is remembered.
    pub(crate) fn restarted(&self) -> Self {
        Self {
            behavior: self.behavior.clone(),
            tolerance: self.tolerance,
            took_to_zero: self.took_to_zero,
            ..Self::new(self.min, self.max, self.metrics.clone())
        }
    }

    /// One round. What it returns is written at once.
    pub(crate) fn round(&mut self, world: &World) -> Round {
        let current = world.replicas;
        if self.recommendations.is_empty() {
            self.recommendations.push((world.now, current));
        }
        let desired = if current == 0 && !(self.took_to_zero && self.has_totals()) {
            return Round::Disabled;
        } else if current > self.max {
            self.max
        } else if current < self.min {
            self.min
        } else {
            match self.greatest(world) {
                Err(invalid) => return Round::Failed(invalid),
                Ok(proposed) => match self.behavior.clone() {
                    None => self.without_behavior(current, proposed, world.now),
                    Some(behavior) => {
                        let stabilised = self.stabilise(&behavior, current, proposed, world.now);
                        self.limit(&behavior, current, stabilised, world.now)
                    }
                },
            }
        };
        self.remember_change(current, desired, world.now);
        self.took_to_zero = desired == 0;
        Round::Replicas(desired)
    }

    fn has_totals(&self) -> bool {
        let of_pods = |metric: &Metric| {
            matches!(
                metric,
                Metric::CpuUtilization(_) | Metric::MemoryUtilization(_) | Metric::PodsAverage(_)
            )
        };
        !self.metrics.iter().all(of_pods)
    }

    fn greatest(&self, world: &World) -> Result<Replicas, Invalid> {
        let scene = Scene {
            replicas: world.replicas,
            status_replicas: world.status_replicas,
            pods: &world.pods,
            tolerance: self.tolerance,
            now: world.now,
        };
        let (mut greatest, mut invalid) = (None, None);
        for (metric, answer) in self.metrics.iter().zip(&world.answers) {
            match propose(*metric, answer, &scene) {
                Ok(replicas) => greatest = greatest.max(Some(replicas)),
                Err(why) => invalid = invalid.or(Some(why)),
            }
        }
        match (greatest, invalid) {
            (Some(replicas), None) => Ok(replicas),
            (Some(replicas), Some(_)) if replicas >= world.replicas => Ok(replicas),
            (_, invalid) => Err(invalid.unwrap_or(Invalid::NoAnswer)),
        }
    }

    /// The greatest recommendation of five minutes, then at most twice the replicas or four.
    fn without_behavior(&mut self, current: Replicas, proposed: Replicas, now: Timestamp) -> Replicas {
        let window = DOWNSCALE_STABILIZATION_SECONDS;
        let is_young = |at: Timestamp| now.milliseconds_since(at) <= u64::from(window) * 1000;
        let young = self.recommendations.iter().filter(|(at, _)| is_young(*at));
        let stabilised = young.map(|(_, replicas)| *replicas).fold(proposed, Replicas::max);
        self.recommend(proposed, window, now);
        let most = self.max.min(current.saturating_mul(2).max(4));
        if stabilised < self.min {
            self.min
        } else {
            stabilised.min(most)
        }
    }

    /// Growth takes the least recommendation of its window, shrinking the greatest of its own; neither passes the
    /// current count.
    fn stabilise(
        &mut self,
        behavior: &Behavior,
        current: Replicas,
        proposed: Replicas,
        now: Timestamp,
    ) -> Replicas {
        let (up, down) = (behavior.up.window_seconds, behavior.down.window_seconds);
        let within = |window: u32| {
            let young = move |at: &Timestamp| now.is_within(window, *at);
            self.recommendations
                .iter()
                .filter(move |(at, _)| young(at))
                .map(|(_, replicas)| *replicas)
        };
        let most = within(up).fold(proposed, Replicas::min);
        let least = within(down).fold(proposed, Replicas::max);
        self.recommend(proposed, up.max(down), now);
        current.max(most).min(least)
    }

    /// Notes a recommendation, in the place of one that no window reaches any more.
    fn recommend(&mut self, replicas: Replicas, window: u32, now: Timestamp) {
        let is_old = |at: Timestamp| now.milliseconds_since(at) > u64::from(window) * 1000;
        match self.recommendations.iter_mut().rfind(|(at, _)| is_old(*at)) {
            Some(old) => *old = (now, replicas),
            None => self.recommendations.push((now, replicas)),
        }
    }

    fn limit(&self, behavior: &Behavior, current: Replicas, wanted: Replicas, now: Timestamp) -> Replicas {
        let start = |policy: &RatePolicy| {
            let sum = |events: &[Event]| -> Replicas {
                let young = events
                    .iter()
                    .filter(|event| now.is_within(policy.period_seconds, event.at));
                young.map(|event| event.change).sum()
            };
            current - sum(&self.growth) + sum(&self.shrinking)
        };
        match wanted.cmp(&current) {
            Ordering::Equal => current,
            Ordering::Greater => {
                let limits = behavior.up.policies.iter().map(|policy| match policy.kind {
                    RateKind::Pods => start(policy) + policy.value as i32,
                    RateKind::Percent => {
                        (f64::from(start(policy)) * (1.0 + f64::from(policy.value) / 100.0)).ceil() as i32
                    }
                });
                let limit = match behavior.up.select {
                    SelectPolicy::Max => limits.max(),
                    SelectPolicy::Min => limits.min(),
                    SelectPolicy::Disabled => None,
                };
                wanted.min(self.max.min(limit.unwrap_or(current).max(current)))
            }
            Ordering::Less => {
                let limits = behavior.down.policies.iter().map(|policy| match policy.kind {
                    RateKind::Pods => start(policy) - policy.value as i32,
                    RateKind::Percent => {
                        (f64::from(start(policy)) * (1.0 - f64::from(policy.value) / 100.0)) as i32
                    }
                });
                let limit = match behavior.down.select {
                    SelectPolicy::Max => limits.min(),
                    SelectPolicy::Min => limits.max(),
                    SelectPolicy::Disabled => None,
                };
                wanted.max(self.min.max(limit.unwrap_or(current).min(current)))
            }
        }
    }

    /// Notes a write of its own, if there are policies to count it for. It takes the place of one that no policy of the
    /// same direction reaches any more, even if one of the other direction does.
    fn remember_change(&mut self, from: Replicas, to: Replicas, now: Timestamp) {
        let Some(behavior) = &self.behavior else {
            return;
        };
        let (events, direction) = match to.cmp(&from) {
            Ordering::Equal => return,
            Ordering::Greater => (&mut self.growth, &behavior.up),
            Ordering::Less => (&mut self.shrinking, &behavior.down),
        };
        let periods = direction.policies.iter().map(|policy| policy.period_seconds);
        let longest = u64::from(periods.max().unwrap_or(0)) * 1000;
        let event = Event {
            at: now,
            change: (to - from).abs(),
        };
        match events
            .iter_mut()
            .rfind(|event| now.milliseconds_since(event.at) > longest)
        {
            Some(old) => *old = event,
            None => events.push(event),
        }
    }
}
