//! What the cluster looks like now, kept current by two watches. Reads from the API server.

use crate::cluster::{Cluster, SHOP};
use crate::rows::{Change, Sample};
use futures::{StreamExt, pin_mut};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::watch_object;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinSet;
use tokio::time::Instant;

#[derive(Debug, Default)]
struct State {
    sample: Sample,
    changes: Vec<(Instant, i32, i32)>,
}

/// The newest state of the Deployment and of the policy. The watches end with it.
pub(crate) struct View {
    state: Arc<Mutex<State>>,
    _watches: JoinSet<()>,
}

impl View {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let mut watches = JoinSet::new();
        let (deployments, policies) = (cluster.deployments_to_watch(), cluster.policies_to_watch());
        let shared = Arc::clone(&state);
        watches.spawn(async move {
            let stream = watch_object(deployments, SHOP).default_backoff();
            pin_mut!(stream);
            while let Some(event) = stream.next().await {
                // A broken watch is begun again by the stream itself.
                if let Ok(Some(deployment)) = event {
                    locked(&shared).deployment(&deployment, Instant::now());
                }
            }
        });
        let shared = Arc::clone(&state);
        watches.spawn(async move {
            let stream = watch_object(policies, SHOP).default_backoff();
            pin_mut!(stream);
            while let Some(event) = stream.next().await {
                if let Ok(Some(policy)) = event {
                    locked(&shared).policy(&policy);
                }
            }
        });
        View {
            state,
            _watches: watches,
        }
    }

    pub(crate) fn sample(&self) -> Sample {
        locked(&self.state).sample.clone()
    }

    /// Every change of the Deployment's replicas that was seen, in seconds since `start`.
    pub(crate) fn changes(&self, start: Instant) -> Vec<Change> {
        let state = locked(&self.state);
        let seconds = |at: Instant| {
            if at >= start {
                (at - start).as_secs_f64()
            } else {
                -(start - at).as_secs_f64()
            }
        };
        state
            .changes
            .iter()
            .map(|(at, from, to)| Change {
                at: seconds(*at),
                from: *from,
                to: *to,
            })
            .collect()
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn deployment(&mut self, deployment: &Deployment, now: Instant) {
        let asked = deployment.spec.replicas;
        if let (Some(from), Some(to)) = (self.sample.spec, asked)
            && from != to
        {
            self.changes.push((now, from, to));
        }
        self.sample.spec = asked.or(self.sample.spec);
        let ready = deployment
            .status
            .as_ref()
            .and_then(|status| status.ready_replicas);
        self.sample.ready = Some(ready.unwrap_or(0));
    }

    fn policy(&mut self, policy: &DynamicObject) {
        let status = |pointer: &str| policy.data.pointer(&format!("/status{pointer}"));
        let text = |pointer: &str| {
            status(pointer)
                .and_then(|value| value.as_str())
                .map(str::to_owned)
        };
        self.sample.desired = status("/desiredReplicas")
            .and_then(serde_json::Value::as_i64)
            .and_then(|value| i32::try_from(value).ok());
        self.sample.reason = text("/lastDecision/reason");
        self.sample.message = text("/lastDecision/message");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(replicas: i32, ready: Option<i32>) -> Deployment {
        serde_json::from_value(json!({
            "spec": {"replicas": replicas, "selector": {}, "template": {}},
            "status": {"readyReplicas": ready}
        }))
        .expect("a Deployment")
    }

    #[test]
    fn a_change_is_recorded_once_and_the_first_sight_is_none() {
        let mut state = State::default();
        let now = Instant::now();
        state.deployment(&deployment(1, Some(1)), now);
        state.deployment(&deployment(4, Some(1)), now);
        state.deployment(&deployment(4, Some(4)), now);
        assert_eq!(state.changes, [(now, 1, 4)]);
        assert_eq!((state.sample.spec, state.sample.ready), (Some(4), Some(4)));
    }

    #[test]
    fn no_ready_replica_is_zero_and_not_unknown() {
        let mut state = State::default();
        state.deployment(&deployment(1, None), Instant::now());
        assert_eq!(state.sample.ready, Some(0));
    }

    #[test]
    fn the_last_decision_is_read_from_the_policys_status() {
        let mut state = State::default();
        let policy = |status: serde_json::Value| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "concertina.dev/v1alpha1", "kind": "ScalingPolicy",
                "metadata": {"name": "shop"}, "spec": {}, "status": status
            }))
            .expect("a policy")
        };
        state.policy(&policy(json!({
            "desiredReplicas": 16,
            "lastDecision": {"time": "2026-11-21T06:00:00Z", "reason": "MetricAboveTarget", "message": "up"}
        })));
        assert_eq!(state.sample.desired, Some(16));
        assert_eq!(state.sample.reason.as_deref(), Some("MetricAboveTarget"));
        state.policy(&policy(json!({})));
        assert_eq!(state.sample.reason, None, "a policy without a decision has none");
    }
}
