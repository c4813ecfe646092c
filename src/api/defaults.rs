//! Every default in one place, and the rules of a spec once they are filled in. Pure.

use concertina_decision::{
    DEFAULT_SCALE_DOWN_POLICY, MAX_RATE_POLICIES, Policy, RateKind, RatePolicy, Rules,
};

use super::settings::SettingsError;
use super::settings::bounds::{share, unsigned_within};
use super::spec::{FallbackSpec, RateLimit, RateUnit, ScalingPolicySpec, ScalingRules, SelectPolicy};
use super::status::{EffectiveSettings, RulesStatus};

/// Fewest replicas of a policy that names none.
pub const DEFAULT_MIN_REPLICAS: i32 = 1;
/// Seconds after which a sample is too old: two scrapes at Prometheus' own default interval of a minute.
pub const DEFAULT_MAX_AGE_SECONDS: u32 = 120;
/// The share of requests that a response time speaks of.
pub(super) const DEFAULT_QUANTILE: f64 = 0.95;
/// Longest time in seconds for which one rollout forbids shrinking: Deployment's own `progressDeadlineSeconds`.
pub(super) const DEFAULT_ROLLOUT_FREEZE_SECONDS: u32 = 600;
/// Seconds for which a guard must have been above its threshold: two scrapes at the usual interval of 15 s.
pub(super) const DEFAULT_GUARD_FOR_SECONDS: u32 = 30;
/// Longest time in seconds for which a guard forbids shrinking: a guard that nobody mends must not cost for ever.
pub(super) const DEFAULT_GUARD_MAX_BLOCK_SECONDS: u32 = 900;
/// Name of the Prometheus server of a policy that names none.
pub const DEFAULT_PROMETHEUS: &str = "default";
/// Name of the source of a request rate that names none.
pub const DEFAULT_SOURCE: &str = "http";
/// Share by which a metric may be off its target; HorizontalPodAutoscaler's.
const DEFAULT_TOLERANCE: f64 = 0.1;

/// One direction's defaults. The windows are HorizontalPodAutoscaler's.
pub(super) struct Direction {
    name: &'static str,
    cooldown_seconds: u32,
    stabilization_window_seconds: u32,
    policy: Option<RatePolicy>,
}

pub(super) const UP: Direction = Direction {
    name: "scaleUp",
    cooldown_seconds: 0,
    stabilization_window_seconds: 0,
    policy: None,
};
pub(super) const DOWN: Direction = Direction {
    name: "scaleDown",
    cooldown_seconds: 60,
    stabilization_window_seconds: 300,
    policy: Some(DEFAULT_SCALE_DOWN_POLICY),
};

impl ScalingPolicySpec {
    /// What `status.effective` shows for settings that [`Self::decision_policy`] accepted. `default_period_seconds` is
    /// the controller's.
    #[must_use]
    pub fn effective_settings(&self, policy: &Policy, default_period_seconds: u32) -> EffectiveSettings {
        let server = self
            .prometheus_ref
            .as_ref()
            .map_or(DEFAULT_PROMETHEUS, |server| &server.name);
        let period = self.period_seconds.and_then(|period| u32::try_from(period).ok());
        EffectiveSettings::of(policy, server, period.unwrap_or(default_period_seconds))
    }
}

impl EffectiveSettings {
    /// What is shown of a policy that the decision works with, of its server and its period.
    #[must_use]
    pub fn of(policy: &Policy, server: &str, period_seconds: u32) -> Self {
        Self {
            min_replicas: policy.min_replicas,
            max_replicas: policy.max_replicas,
            period_seconds: whole(period_seconds),
            prometheus: server.to_owned(),
            scale_up: Some(rules_status(&policy.scale_up)),
            scale_down: Some(rules_status(&policy.scale_down)),
            rollout_freeze_seconds: whole(policy.rollout_freeze_seconds),
            fallback: policy.fallback.map(|fallback| FallbackSpec {
                after_seconds: whole(fallback.after_seconds),
                replicas: fallback.replicas,
            }),
        }
    }
}

fn whole(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

pub(super) fn rules(direction: &Direction, asked: &ScalingRules) -> Result<Rules, SettingsError> {
    let path = |field: &str| format!("behavior.{}.{field}", direction.name);
    let seconds = |field: &str, asked: Option<i32>, default: u32| match asked {
        None => Ok(default),
        Some(seconds) => unsigned_within(path(field), seconds, 0..=3600, "0 to 3600 seconds"),
    };
    let tolerance = match asked.tolerance {
        None => DEFAULT_TOLERANCE,
        Some(tolerance) => share(path("tolerance"), tolerance)?,
    };
    if asked.policies.len() > MAX_RATE_POLICIES {
        return Err(SettingsError::TooManyPolicies(
            direction.name,
            asked.policies.len(),
        ));
    }
    let policies = if asked.policies.is_empty() {
        direction.policy.into_iter().collect()
    } else {
        asked
            .policies
            .iter()
            .map(|limit| rate_policy(&path("policies"), limit))
            .collect::<Result<_, _>>()?
    };
    Ok(Rules {
        cooldown_seconds: seconds(
            "cooldownSeconds",
            asked.cooldown_seconds,
            direction.cooldown_seconds,
        )?,
        stabilization_window_seconds: seconds(
            "stabilizationWindowSeconds",
            asked.stabilization_window_seconds,
            direction.stabilization_window_seconds,
        )?,
        tolerance,
        select_policy: match asked.select_policy {
            None | Some(SelectPolicy::Max) => concertina_decision::SelectPolicy::Max,
            Some(SelectPolicy::Min) => concertina_decision::SelectPolicy::Min,
            Some(SelectPolicy::Disabled) => concertina_decision::SelectPolicy::Disabled,
        },
        policies,
    })
}

fn rate_policy(path: &str, limit: &RateLimit) -> Result<RatePolicy, SettingsError> {
    Ok(RatePolicy {
        kind: match limit.kind {
            RateUnit::Pods => RateKind::Pods,
            RateUnit::Percent => RateKind::Percent,
        },
        value: unsigned_within(format!("{path}.value"), limit.value, 1..=100_000, "1 to 100000")?,
        period_seconds: unsigned_within(
            format!("{path}.periodSeconds"),
            limit.period_seconds,
            1..=1800,
            "1 to 1800 seconds",
        )?,
    })
}

/// The rules of a direction of which a policy says nothing.
pub(super) fn default_rules(direction: &Direction) -> Option<RulesStatus> {
    let rules = rules(direction, &ScalingRules::default()).ok()?;
    Some(rules_status(&rules))
}

fn rules_status(rules: &Rules) -> RulesStatus {
    RulesStatus {
        cooldown_seconds: whole(rules.cooldown_seconds),
        stabilization_window_seconds: whole(rules.stabilization_window_seconds),
        tolerance: rules.tolerance.to_string(),
        select_policy: match rules.select_policy {
            concertina_decision::SelectPolicy::Max => SelectPolicy::Max,
            concertina_decision::SelectPolicy::Min => SelectPolicy::Min,
            concertina_decision::SelectPolicy::Disabled => SelectPolicy::Disabled,
        },
        policies: rules
            .policies
            .iter()
            .map(|policy| RateLimit {
                kind: match policy.kind {
                    RateKind::Pods => RateUnit::Pods,
                    RateKind::Percent => RateUnit::Percent,
                },
                value: whole(policy.value),
                period_seconds: whole(policy.period_seconds),
            })
            .collect(),
    }
}
