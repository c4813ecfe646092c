//! The decision pipeline of Concertina: from what is known about a target to the replicas it should have, with every
//! number and reason on the way. Pure: no network, no clock, no randomness; the same input gives the same output.
//!
//! ```
//! # use concertina_decision::*;
//! # let rules = Rules {
//! #     cooldown_seconds: 0, stabilization_window_seconds: 0, tolerance: 0.1,
//! #     select_policy: SelectPolicy::Max, policies: Default::default(),
//! # };
//! # let policy = Policy {
//! #     min_replicas: 1, max_replicas: 20, scale_up: rules.clone(), scale_down: rules,
//! #     metrics: [Metric {
//! #         target: Target::AverageValue { per_replica: 30.0 }, max_age_seconds: 60, cpu_bound: false, starts_hot: false,
//! #         tolerance: Default::default(), activation: None, when_empty: WhenEmpty::Missing, on_missing: OnMissing::Hold,
//! #     }].into_iter().collect(),
//! #     guards: Default::default(), fallback: None, rollout_freeze_seconds: 0,
//! # };
//! let mut memory = Memory::default();
//! let now = Timestamp::from_seconds(1_700_000_000);
//! let observation = Observation {
//!     current_replicas: 2,
//!     pods: vec![Pod::Ready, Pod::Ready],
//!     metrics: vec![Reading::Total { value: 240.0, time: Some(now) }],
//!     ..Observation::default()
//! };
//! let decision = decide(&policy, &memory, &observation, now);
//! memory.record(&decision, now);
//! assert_eq!((decision.desired, decision.reason), (8, Reason::MetricAboveTarget));
//! // … and once the API server has accepted the new number:
//! memory.record_change(decision.current, decision.desired, now);
//! ```

mod bounds;
mod combine;
mod cooldown;
mod decision;
mod guard;
mod limit;
mod memory;
mod observation;
mod observe;
mod pipeline;
mod policy;
mod propose;
mod reason;
mod recommendations;
mod rounding;
mod stabilise;
mod step;
mod summary;
mod time;
mod wall;

pub use decision::{
    BoundFrom, Decision, GuardMemory, GuardRecord, GuardState, Measured, Outcome, Proposal, Remember,
    RolloutMemory, Stage, StageRecord, Verdict, Want,
};
pub use memory::{Change, MAX_CHANGES, MAX_GAP_SECONDS, Memory, Writer};
pub use observation::{MAX_LEAD_SECONDS, Missing, Observation, Pod, PodReading, Reading, Rollout, Window};
pub use pipeline::decide;
pub use policy::{
    DEFAULT_SCALE_DOWN_POLICY, Fallback, Guard, MAX_GUARDS, MAX_METRICS, MAX_PERIOD_SECONDS,
    MAX_RATE_POLICIES, Metric, MetricTolerance, OnMissing, Policy, RateKind, RatePolicy, Replicas, Rules,
    SelectPolicy, Target, WhenEmpty,
};
pub use reason::Reason;
pub use summary::{Names, Summary};
pub use time::Timestamp;

#[cfg(test)]
extern crate self as concertina_decision;
#[cfg(test)]
#[path = "../tests/fixtures/mod.rs"]
mod fixtures;
