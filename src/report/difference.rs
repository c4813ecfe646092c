//! Whether a reader would notice that a status became another one, and how soon that is to be told. Pure.
use concertina_decision::Reason;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::api::{EffectiveSettings, GuardStatus, RulesStatus, ScalingPolicyStatus};

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
    /// A condition's status, a trouble, a count, a mode, a change.
    Eventful,
}

/// How `new` differs from `stored` in the eyes of a reader. Ages, values and times of decisions move all the time
/// and are no difference, nor is what one of the two had no room for.
#[must_use]
pub fn difference(stored: &ScalingPolicyStatus, new: &ScalingPolicyStatus) -> Difference {
    if facts(stored) != facts(new)
        || standing(stored) != standing(new)
        || !same_settings(stored.effective.as_ref(), new.effective.as_ref())
    {
        Difference::Eventful
    } else if stored.startup != new.startup
        || reasons(stored) != reasons(new)
        || missing(stored) != missing(new)
    {
        Difference::Uneventful
    } else if asked(stored) != asked(new) || stored.stages != new.stages || messages(stored) != messages(new)
    {
        Difference::Slight
    } else {
        Difference::None
    }
}

/// What is told at once, beside conditions and settings.
fn facts(status: &ScalingPolicyStatus) -> ScalingPolicyStatus {
    let without_value = |guard: &GuardStatus| GuardStatus {
        value: None,
        ..guard.clone()
    };
    ScalingPolicyStatus {
        effective: None,
        conditions: Vec::new(),
        metrics: Vec::new(),
        metrics_omitted: None,
        stages: Vec::new(),
        startup: None,
        guards: status.guards.iter().map(without_value).collect(),
        last_decision: None,
        ..status.clone()
    }
}

/// How each condition stands, since when, and its reason where that is a trouble. Between other reasons a load at an
/// edge moves to and fro.
fn standing(status: &ScalingPolicyStatus) -> Vec<(&str, &str, &Time, Option<&str>)> {
    let conditions = status.conditions.iter();
    conditions
        .map(|condition| {
            let reason = condition.reason.as_str();
            (
                condition.type_.as_str(),
                condition.status.as_str(),
                &condition.last_transition_time,
                is_trouble(reason).then_some(reason),
            )
        })
        .collect()
}

/// Whether somebody should look at it; a word that this version does not know may be anything.
fn is_trouble(word: &str) -> bool {
    let known = Reason::ALL.iter().find(|reason| reason.as_str() == word);
    known.is_none_or(|reason| reason.is_trouble())
}

/// Whether the settings are the same as far as both statuses show them.
fn same_settings(stored: Option<&EffectiveSettings>, new: Option<&EffectiveSettings>) -> bool {
    let (Some(stored), Some(new)) = (stored, new) else {
        return true;
    };
    let same_rules = |stored: &Option<RulesStatus>, new: &Option<RulesStatus>| {
        stored.is_none() || new.is_none() || stored == new
    };
    let without_rules = |settings: &EffectiveSettings| EffectiveSettings {
        scale_up: None,
        scale_down: None,
        ..settings.clone()
    };
    without_rules(stored) == without_rules(new)
        && same_rules(&stored.scale_up, &new.scale_up)
        && same_rules(&stored.scale_down, &new.scale_down)
}

/// The reasons of the decision and of all conditions.
fn reasons(status: &ScalingPolicyStatus) -> Vec<&str> {
    let decision = status.last_decision.iter().map(|decision| &decision.reason);
    let conditions = status.conditions.iter().map(|condition| &condition.reason);
    decision.chain(conditions).map(String::as_str).collect()
}

/// The metrics that propose nothing, and why.
fn missing(status: &ScalingPolicyStatus) -> Vec<(&str, &str)> {
    let silent = status.metrics.iter().filter(|metric| metric.proposal.is_none());
    silent
        .map(|metric| (metric.name.as_str(), metric.reason.as_str()))
        .collect()
}

/// What each metric proposes, and why.
fn asked(status: &ScalingPolicyStatus) -> Vec<(&str, Option<i32>, &str)> {
    let metrics = status.metrics.iter();
    metrics
        .map(|metric| (metric.name.as_str(), metric.proposal, metric.reason.as_str()))
        .collect()
}

fn messages(status: &ScalingPolicyStatus) -> Vec<&str> {
    let conditions = status.conditions.iter();
    conditions.map(|condition| condition.message.as_str()).collect()
}
