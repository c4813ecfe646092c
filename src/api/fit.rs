//! Keeps a status small enough to be stored for very many policies. Pure.

use super::defaults::{DOWN, UP, default_rules};
use super::status::ScalingPolicyStatus;

/// The greatest size of a status as JSON: with many policies it is what fills the API server's memory.
pub const MAX_STATUS_BYTES: usize = 2048;

impl ScalingPolicyStatus {
    /// Brings the status under [`MAX_STATUS_BYTES`] and every text under the schema's bound, so that the API server
    /// never refuses it.
    ///
    /// What can be read elsewhere goes first, then what every decision computes anew. The last changes and the learned
    /// start-up time go last: the controller reads them back after a restart, so what is cut of them is lost for good.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        self.bound_texts(256);
        self.last_changes.truncate(5);
        let reductions: [fn(&mut Self); 14] = [
            Self::number_the_generation_once,
            Self::say_it_once,
            Self::leave_out_default_rules,
            |status| status.bound_texts(100),
            |status| status.stages.clear(),
            Self::leave_out_rules,
            |status| status.metrics.iter_mut().for_each(|metric| metric.message = None),
            |status| status.guards.truncate(2),
            Self::omit_metrics,
            |status| status.guards.truncate(1),
            |status| status.effective = None,
            |status| status.bound_texts(40),
            Self::forget_oldest_changes,
            |status| status.startup = None,
        ];
        for reduce in reductions {
            if !self.is_too_big() {
                break;
            }
            reduce(&mut self);
        }
        self
    }

    /// The status as a whole says of which generation it speaks.
    fn number_the_generation_once(&mut self) {
        for condition in &mut self.conditions {
            if condition.observed_generation == self.observed_generation {
                condition.observed_generation = None;
            }
        }
    }

    /// One trouble is often told by several conditions, metrics and the decision in the same words; the first of them
    /// keeps them.
    fn say_it_once(&mut self) {
        let Some((first, others)) = self.conditions.split_first_mut() else {
            return;
        };
        let decision = self
            .last_decision
            .iter_mut()
            .map(|decision| &mut decision.message);
        for message in others
            .iter_mut()
            .map(|condition| &mut condition.message)
            .chain(decision)
        {
            if *message == first.message {
                *message = format!("see {}", first.type_);
            }
        }
        let mut said = Vec::new();
        for metric in &mut self.metrics {
            let Some(message) = metric.message.take() else {
                continue;
            };
            let told = first.message.strip_prefix(&format!("metric {}: ", metric.name));
            // The condition's may be cut where the metric's is not.
            let is_told = told.is_some_and(|told| !told.is_empty() && message.starts_with(told));
            if !is_told && !said.contains(&message) {
                metric.message = Some(message.clone());
            }
            said.push(message);
        }
    }

    /// Rules that are all defaults are in the documentation.
    fn leave_out_default_rules(&mut self) {
        let Some(effective) = &mut self.effective else {
            return;
        };
        for (rules, direction) in [(&mut effective.scale_up, &UP), (&mut effective.scale_down, &DOWN)] {
            if *rules == default_rules(direction) {
                *rules = None;
            }
        }
    }

    /// What is left of the settings fills the columns of `kubectl get`.
    fn leave_out_rules(&mut self) {
        if let Some(effective) = &mut self.effective {
            effective.scale_up = None;
            effective.scale_down = None;
        }
    }

    fn forget_oldest_changes(&mut self) {
        while self.is_too_big() && self.last_changes.pop().is_some() {}
    }

    fn omit_metrics(&mut self) {
        while self.metrics.len() > 1 && self.is_too_big() {
            self.metrics.pop();
            self.metrics_omitted = Some(self.metrics_omitted.unwrap_or(0).saturating_add(1));
        }
    }

    fn is_too_big(&self) -> bool {
        // What cannot be written is no concern of the size; the write itself reports it.
        serde_json::to_vec(self).is_ok_and(|bytes| bytes.len() > MAX_STATUS_BYTES)
    }

    fn bound_texts(&mut self, message_bytes: usize) {
        for condition in &mut self.conditions {
            cut(&mut condition.reason, 64);
            cut(&mut condition.message, message_bytes);
        }
        if let Some(decision) = &mut self.last_decision {
            cut(&mut decision.reason, 64);
            cut(&mut decision.message, message_bytes);
        }
        for metric in &mut self.metrics {
            cut(&mut metric.target, 32);
            cut(&mut metric.reason, 64);
            metric.value.iter_mut().for_each(|value| cut(value, 32));
            metric
                .message
                .iter_mut()
                .for_each(|message| cut(message, message_bytes));
        }
        for stage in &mut self.stages {
            cut(&mut stage.reason, 64);
        }
        for guard in &mut self.guards {
            cut(&mut guard.name, 63);
            cut(&mut guard.state, 64);
            guard.value.iter_mut().for_each(|value| cut(value, 32));
        }
        for change in &mut self.last_changes {
            cut(&mut change.reason, 64);
            cut(&mut change.by, 63);
        }
    }
}

/// Shortens `text` to so many bytes, the last of them an ellipsis where something was cut. Line ends become blanks:
/// these texts are read in tables.
fn cut(text: &mut String, bytes: usize) {
    const ELLIPSIS: &str = "…";
    if text.contains(char::is_control) {
        *text = text.replace(char::is_control, " ");
    }
    if text.len() > bytes {
        text.truncate(text.floor_char_boundary(bytes.saturating_sub(ELLIPSIS.len())));
        text.push_str(ELLIPSIS);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::api::{
        ChangeStatus, DecisionStatus, EffectiveSettings, FallbackSpec, GuardStatus, MetricStatus, Mode,
        RateLimit, RateUnit, RulesStatus, SelectPolicy, StageStatus, StartupStatus,
    };

    /// A status with so many entries, each text so long.
    fn status(
        conditions: usize,
        metrics: usize,
        changes: usize,
        limits: usize,
        text: &str,
    ) -> ScalingPolicyStatus {
        let time = || Time(Timestamp::UNIX_EPOCH);
        let rules = RulesStatus {
            cooldown_seconds: 3600,
            stabilization_window_seconds: 3600,
            tolerance: "0.05".to_owned(),
            select_policy: SelectPolicy::Disabled,
            policies: vec![
                RateLimit {
                    kind: RateUnit::Percent,
                    value: 100_000,
                    period_seconds: 1800
                };
                limits
            ],
        };
        ScalingPolicyStatus {
            observed_generation: Some(1000),
            mode: Some(Mode::DryRun),
            effective: Some(EffectiveSettings {
                min_replicas: 100_000,
                max_replicas: 100_000,
                period_seconds: 60,
                prometheus: "default".to_owned(),
                scale_up: Some(rules.clone()),
                scale_down: Some(rules),
                rollout_freeze_seconds: 86_400,
                fallback: Some(FallbackSpec {
                    after_seconds: 86_400,
                    replicas: 100_000,
                }),
            }),
            conditions: vec![
                Condition {
                    type_: "ScalingLimited".to_owned(),
                    status: "Unknown".to_owned(),
                    reason: "ReplicasChangedByOther".to_owned(),
                    message: text.to_owned(),
                    last_transition_time: time(),
                    observed_generation: Some(1000),
                };
                conditions
            ],
            current_replicas: Some(100_000),
            desired_replicas: Some(100_000),
            last_scale_time: Some(time()),
            last_decision: Some(DecisionStatus {
                time: time(),
                reason: "R".to_owned(),
                message: text.to_owned(),
            }),
            metrics: vec![
                MetricStatus {
                    name: "orders-backlog".to_owned(),
                    value: Some(text.to_owned()),
                    target: text.to_owned(),
                    proposal: Some(100_000),
                    age_seconds: Some(3600),
                    reason: "ShrinkHeldMetricMissing".to_owned(),
                    message: (text.len() > 30).then(|| text.to_owned()),
                };
                metrics
            ],
            stages: vec![
                StageStatus {
                    stage: "Stabilise".to_owned(),
                    replicas: 100_000,
                    reason: "Stabilised".to_owned()
                };
                metrics.min(9)
            ],
            guards: vec![
                GuardStatus {
                    name: "a-share-of-failed-requests".to_owned(),
                    value: Some(text.to_owned()),
                    state: "Missing".to_owned(),
                };
                metrics.min(8)
            ],
            startup: Some(StartupStatus {
                p50_seconds: 100_000,
                p95_seconds: 100_000,
                samples: 100_000,
            }),
            last_changes: vec![
                ChangeStatus {
                    time: time(),
                    from: 1,
                    to: 100_000,
                    reason: "ReplicasChangedByOther".to_owned(),
                    by: "Concertina".to_owned()
                };
                changes
            ],
            metrics_omitted: None,
        }
    }

    #[test]
    fn a_status_of_two_metrics_and_five_changes_loses_nothing_but_what_it_says_twice() {
        let time = "2026-12-24T18:00:00Z";
        let condition = |name: &str, reason: &str, message: &str| {
            json!({"type": name, "status": "True", "reason": reason, "message": message,
                   "lastTransitionTime": time, "observedGeneration": 3})
        };
        let metric = |name: &str, value: &str, target: &str| {
            json!({"name": name, "value": value, "target": target, "proposal": 8, "ageSeconds": 4,
                   "reason": "MetricAboveTarget"})
        };
        let up = json!({"cooldownSeconds": 0, "stabilizationWindowSeconds": 0, "tolerance": "0.1", "selectPolicy": "Max"});
        let down = json!({"cooldownSeconds": 60, "stabilizationWindowSeconds": 300, "tolerance": "0.1",
                           "selectPolicy": "Max", "policies": [{"type": "Percent", "value": 25, "periodSeconds": 60}]});
        let change =
            json!({"time": time, "from": 4, "to": 8, "reason": "MetricAboveTarget", "by": "Concertina"});
        let ordinary: ScalingPolicyStatus = serde_json::from_value(json!({
            "observedGeneration": 3, "mode": "Auto", "currentReplicas": 4, "desiredReplicas": 8, "lastScaleTime": time,
            "effective": {"minReplicas": 2, "maxReplicas": 40, "periodSeconds": 15, "prometheus": "default",
                          "scaleUp": up, "scaleDown": down, "rolloutFreezeSeconds": 600},
            "conditions": [
                condition("Ready", "Evaluating", "the policy works as written"),
                condition("AbleToScale", "Ready", "the target can be scaled"),
                condition("ScalingActive", "MetricsFound", "all 2 metrics answer"),
                condition("ScalingLimited", "WithinLimits", "no bound holds"),
            ],
            "lastDecision": {"time": time, "reason": "MetricAboveTarget", "message": "4 to 8: cpu is at 140%, target 70%"},
            "metrics": [metric("cpu", "140%", "70%"), metric("rate", "81500m", "50")],
            "startup": {"p50Seconds": 12, "p95Seconds": 31, "samples": 64},
            "lastChanges": [change, change, change, change, change],
        }))
        .unwrap();
        assert_eq!(ordinary.last_changes.len(), 5);
        let mut expected = ordinary.clone();
        for condition in &mut expected.conditions {
            assert_eq!(condition.observed_generation.take(), expected.observed_generation);
        }
        assert_eq!(
            ordinary.clone().fitted(),
            expected,
            "{} bytes",
            serde_json::to_vec(&ordinary).unwrap().len()
        );
    }

    #[test]
    fn a_small_status_is_left_as_it_is() {
        let small = status(2, 1, 1, 1, "all is well");
        assert_eq!(small.clone().fitted(), small);
    }

    #[test]
    fn guards_are_named_for_longer_than_stages() {
        let mut crowded = status(4, 3, 0, 0, "all is well");
        crowded.metrics.clear();
        crowded.stages = vec![crowded.stages[0].clone(); 16];
        let fitted = crowded.fitted();
        assert_eq!((fitted.stages.len(), fitted.guards.len()), (0, 3));
        let fitted = status(4, 16, 5, 1, "a message of some length that says what to do").fitted();
        assert!(!fitted.guards.is_empty());
        assert!(fitted.startup.is_some());
    }

    #[test]
    fn words_that_conditions_share_are_said_once_before_they_are_cut() {
        let words = "w".repeat(256);
        let fitted = status(4, 0, 0, 1, &words).fitted();
        assert_eq!(fitted.conditions[0].message, words);
        assert_eq!(fitted.conditions[1].message, "see ScalingLimited");
    }

    #[test]
    fn metrics_that_are_left_out_are_counted() {
        let fitted = status(4, 16, 5, 1, "a message of some length that says what to do").fitted();
        let omitted = usize::try_from(fitted.metrics_omitted.unwrap()).unwrap();
        assert_eq!(fitted.metrics.len() + omitted, 16);
        assert!(!fitted.metrics.is_empty());
    }

    proptest! {
        #[test]
        fn every_status_fits(
            metrics in 0_usize..=16, changes in 0_usize..10, limits in 0_usize..=8, text in r"[\PC\n\t]{0,400}",
        ) {
            let fitted = status(4, metrics, changes, limits, &text).fitted();
            let size = serde_json::to_vec(&fitted).unwrap().len();
            prop_assert!(size <= MAX_STATUS_BYTES, "{} bytes", size);
            prop_assert_eq!(fitted.last_changes.len(), changes.min(5), "they outlive everything else");
            prop_assert!(fitted.startup.is_some());
            let again: ScalingPolicyStatus = serde_json::from_value(serde_json::to_value(&fitted).unwrap()).unwrap();
            prop_assert_eq!(again, fitted, "reading gives back what was written");
        }
    }
}
