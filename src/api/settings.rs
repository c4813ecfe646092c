//! Turns a stored spec into what the decision works with, or says what is wrong with it. Pure.

use concertina_decision::{MAX_METRICS, MAX_RATE_POLICIES, Policy};
use jiff::Timestamp;
use kube::ResourceExt;

use self::bounds::{one_of, unsigned_within, within};
use super::PAUSED_UNTIL_ANNOTATION;
use super::defaults::{self, DEFAULT_MIN_REPLICAS, DEFAULT_ROLLOUT_FREEZE_SECONDS};
use super::spec::{Mode, ScalingPolicy, ScalingPolicySpec, WhenEmpty};

pub(super) mod bounds;
mod metric;
mod safety;

pub use metric::quantile as default_quantile;

/// Periods that divide a minute, so that policies of one period share their queries.
const PERIOD_SECONDS: [i32; 7] = [1, 2, 5, 10, 15, 30, 60];
/// The most schedules one policy may have.
const MAX_SCHEDULES: usize = 16;

/// Why a stored policy cannot be acted on. The API server refuses all of these today; an object that was stored under
/// an older schema may still hold them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A number outside its bounds.
    #[error("{field} is {value}: write {expected}")]
    OutOfBounds {
        /// Path of the field.
        field: String,
        /// What is stored.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// The bounds contradict each other.
    #[error("minReplicas {min} is greater than maxReplicas {max}: lower minReplicas or raise maxReplicas")]
    MinAboveMax {
        /// minReplicas.
        min: i32,
        /// maxReplicas.
        max: i32,
    },
    /// A minimum of zero without anything that wakes the target.
    #[error(
        "minReplicas 0 needs a metric that is there without pods, or nothing would wake the target: add a \
         prometheus metric, or write 1 or more"
    )]
    ZeroWithoutWaker,
    /// No metric.
    #[error("metrics has no entry: write 1 to {MAX_METRICS}")]
    NoMetric,
    /// More entries than a list may have.
    #[error("{list} has {count} entries: write at most {most}")]
    TooMany {
        /// Name of the list.
        list: &'static str,
        /// Entries that it has.
        count: usize,
        /// Entries that it may have.
        most: usize,
    },
    /// Two entries of one name.
    #[error("two {list} are named {name}: give each a name of its own")]
    DuplicateName {
        /// Name of the list.
        list: &'static str,
        /// The name that is there twice.
        name: String,
    },
    /// A metric without a kind, or with several.
    #[error(
        "metric {0} has {1} of cpu, memory, requestRate, responseTime, failureRate, network, disk and prometheus: write \
         exactly one"
    )]
    MetricKinds(String, usize),
    /// A guard without a condition, or with several.
    #[error("guard {0} has {1} of query, responseTime and failureRate: write exactly one")]
    GuardKinds(String, usize),
    /// Labels of a query beside a guard that has none.
    #[error("guard {0} has match beside responseTime or failureRate: write it into these")]
    GuardMatch(String),
    /// A metric without a target, or with two.
    #[error("metric {0} needs exactly one of {1}")]
    MetricTarget(String, &'static str),
    /// A meaning of an empty answer where there is always something to measure.
    #[error(
        "metric {0} has whenEmpty, which is not for cpu and memory, as a running pod always uses some: leave it out"
    )]
    WhenEmptyOfResources(String),
    /// A schedule that changes nothing.
    #[error("schedule {0} has no bounds: write minReplicas, maxReplicas or both")]
    ScheduleWithoutBounds(String),
    /// The bounds of a schedule contradict each other.
    #[error(
        "schedule {name}: minReplicas {min} is greater than maxReplicas {max}: lower minReplicas or raise maxReplicas"
    )]
    ScheduleMinAboveMax {
        /// Name of the schedule.
        name: String,
        /// Its minReplicas.
        min: i32,
        /// Its maxReplicas.
        max: i32,
    },
    /// A schedule asks for more than the policy allows.
    #[error(
        "schedule {name}: minReplicas {min} is greater than the policy's maxReplicas {max}: lower it or raise maxReplicas"
    )]
    ScheduleAboveMax {
        /// Name of the schedule.
        name: String,
        /// Its minReplicas.
        min: i32,
        /// maxReplicas of the policy.
        max: i32,
    },
    /// The fallback asks for more than the policy allows.
    #[error("fallback.replicas {replicas} is greater than maxReplicas {max}: lower it or raise maxReplicas")]
    FallbackAboveMax {
        /// fallback.replicas.
        replicas: i32,
        /// maxReplicas.
        max: i32,
    },
    /// Too many rate limits.
    #[error("behavior.{0}.policies has {1} entries: write at most {MAX_RATE_POLICIES}")]
    TooManyPolicies(&'static str, usize),
    /// An end of a pause without a pause.
    #[error("pausedUntil needs mode: Paused; write both or neither")]
    PausedUntilWithoutPaused,
    /// The annotation is not a time.
    #[error(
        "annotation {PAUSED_UNTIL_ANNOTATION} is {0:?}: write an RFC 3339 time such as 2026-12-24T18:00:00Z, or remove it"
    )]
    PausedUntilAnnotation(String),
}

/// What pauses a policy, beside the mode that its spec asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pause {
    /// `spec.pausedUntil`.
    spec_until: Option<Timestamp>,
    /// The annotation [`PAUSED_UNTIL_ANNOTATION`], or what it says where that is no time.
    annotation: Option<Result<Timestamp, Box<str>>>,
}

impl Pause {
    /// The mode in force at `now`: Paused while the annotation lies in the future, whatever the spec says; Auto once
    /// `pausedUntil` has passed.
    ///
    /// # Errors
    /// When the annotation is not an RFC 3339 time: somebody meant to pause, so this is not to be ignored.
    pub fn mode(&self, asked: Mode, now: Timestamp) -> Result<Mode, SettingsError> {
        match &self.annotation {
            Some(Err(text)) => return Err(SettingsError::PausedUntilAnnotation(text.to_string())),
            Some(Ok(until)) if now < *until => return Ok(Mode::Paused),
            _ => {}
        }
        let is_over = self.spec_until.is_some_and(|until| until <= now);
        Ok(if asked == Mode::Paused && is_over {
            Mode::Auto
        } else {
            asked
        })
    }
}

impl ScalingPolicy {
    /// What pauses the policy, beside the mode that its spec asks for.
    #[must_use]
    pub fn pause(&self) -> Pause {
        let annotation = self.annotations().get(PAUSED_UNTIL_ANNOTATION);
        Pause {
            spec_until: self.spec.paused_until.as_ref().map(|until| until.0),
            annotation: annotation.map(|text| text.parse().map_err(|_| text.as_str().into())),
        }
    }

    /// The mode in force at `now`, as [`Pause::mode`].
    ///
    /// # Errors
    /// When the annotation is not an RFC 3339 time.
    pub fn mode_in_force(&self, now: Timestamp) -> Result<Mode, SettingsError> {
        self.pause().mode(self.spec.mode.unwrap_or(Mode::Auto), now)
    }
}

impl ScalingPolicySpec {
    /// What the decision works with: every default filled in, every contradiction refused.
    ///
    /// # Errors
    /// The first thing that makes no sense, with what to write instead.
    pub fn decision_policy(&self) -> Result<Policy, SettingsError> {
        let min = self.min_replicas.unwrap_or(DEFAULT_MIN_REPLICAS);
        let min = within("minReplicas", min, 0..=100_000, "0 to 100000")?;
        let max = within("maxReplicas", self.max_replicas, 1..=100_000, "1 to 100000")?;
        if min > max {
            return Err(SettingsError::MinAboveMax { min, max });
        }
        if min == 0 && self.metrics.iter().all(|metric| metric.prometheus.is_none()) {
            return Err(SettingsError::ZeroWithoutWaker);
        }
        one_of(
            "periodSeconds",
            self.period_seconds,
            &PERIOD_SECONDS,
            "one of 1, 2, 5, 10, 15, 30 and 60",
        )?;
        if self.paused_until.is_some() && self.mode != Some(Mode::Paused) {
            return Err(SettingsError::PausedUntilWithoutPaused);
        }
        if self.metrics.is_empty() {
            return Err(SettingsError::NoMetric);
        }
        check_names("metrics", MAX_METRICS, &self.metrics, |metric| &metric.name)?;
        safety::check_schedules(&self.schedules, max)?;
        let behavior = self.behavior.clone().unwrap_or_default();
        Ok(Policy {
            min_replicas: min,
            max_replicas: max,
            metrics: self
                .metrics
                .iter()
                .map(metric::decision_metric)
                .collect::<Result<_, _>>()?,
            scale_up: defaults::rules(&defaults::UP, &behavior.scale_up.unwrap_or_default())?,
            scale_down: defaults::rules(&defaults::DOWN, &behavior.scale_down.unwrap_or_default())?,
            guards: safety::guards(&self.guards)?,
            fallback: self
                .fallback
                .map(|fallback| safety::fallback(fallback, max))
                .transpose()?,
            rollout_freeze_seconds: match behavior.rollout_freeze_seconds {
                None => DEFAULT_ROLLOUT_FREEZE_SECONDS,
                Some(seconds) => unsigned_within(
                    "behavior.rolloutFreezeSeconds".to_owned(),
                    seconds,
                    0..=86_400,
                    "0 to 86400 seconds",
                )?,
            },
        })
    }
}

/// Refuses a list that is too long, or in which a name comes twice.
fn check_names<Entry>(
    list: &'static str,
    most: usize,
    entries: &[Entry],
    name: fn(&Entry) -> &str,
) -> Result<(), SettingsError> {
    let count = entries.len();
    if count > most {
        return Err(SettingsError::TooMany { list, count, most });
    }
    for (index, entry) in entries.iter().enumerate() {
        let name_of_entry = name(entry);
        if entries
            .iter()
            .take(index)
            .any(|earlier| name(earlier) == name_of_entry)
        {
            let name = name_of_entry.to_owned();
            return Err(SettingsError::DuplicateName { list, name });
        }
    }
    Ok(())
}

const fn when_empty(asked: Option<WhenEmpty>) -> concertina_decision::WhenEmpty {
    match asked {
        None | Some(WhenEmpty::Missing) => concertina_decision::WhenEmpty::Missing,
        Some(WhenEmpty::Zero) => concertina_decision::WhenEmpty::Zero,
    }
}

#[cfg(test)]
mod tests;
