//! From one outcome to status, event and log line, in one place. Writing happens in [`Reporter::flush`], off the path of scaling.
pub mod conditions;
pub mod difference;
pub mod events;
pub mod metrics;
pub mod reference;
pub mod status;
pub mod stored;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use concertina_decision::{Reason, Timestamp};
use futures::StreamExt;
use k8s_openapi::api::events::v1::Event;
use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use serde_json::json;

use crate::api::{ScalingPolicy, ScalingPolicyStatus};
use crate::cluster::lock;
use crate::cluster::names::{ObjectKey, Uid};
use crate::cluster::policies::PolicyRecord;
use crate::cluster::targets::TargetKey;
use crate::control::apply::FIELD_MANAGER;
use crate::control::evaluate::Outcome;
use crate::observe::join::Note as Trouble;
use stored::StoredStatus;
use difference::{Difference, difference};
use metrics::Metrics;

/// A status is written at most this often when something happened.
const EVENTFUL_GAP_MS: u64 = 2_000;
/// A status is written at most this often when only the reason why nothing changes moved.
const UNEVENTFUL_GAP_MS: u64 = 15_000;
/// A status is written at most this often when only the words of a condition changed, or what metrics ask for.
const SLIGHT_GAP_MS: u64 = 60_000;
/// A status that the API server refuses as invalid is tried again after this: a malformed object may keep any status
/// from being valid, until it is mended.
const REFUSED_GAP_MS: u64 = 300_000;
/// Events waiting to be sent; beyond it the oldest is dropped and counted.
const MAX_PENDING_EVENTS: usize = 4096;
/// The same trouble of the same policy is not announced again within this time.
const TROUBLE_REPEAT_MS: u64 = 300_000;
/// A status or event write is given up after this.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Statuses on their way at a time.
const CONCURRENT_STATUSES: usize = 8;
/// So often is an event tried.
const EVENT_ATTEMPTS: u32 = 3;

/// Status and events on their way to the API server.
pub struct Reporter {
    client: Client,
    metrics: Arc<Metrics>,
    queue: Mutex<Queue>,
    wake: tokio::sync::Notify,
    instance: String,
}

#[derive(Debug, Default)]
struct Queue {
    policies: HashMap<ObjectKey, PolicyReport>,
    events: VecDeque<(Event, u32)>,
    event_number: u64,
}

/// What was last told about one policy.
#[derive(Debug, Default)]
struct PolicyReport {
    uid: Option<Uid>,
    target: Option<TargetKey>,
    written: Option<ScalingPolicyStatus>,
    written_at: Option<Timestamp>,
    pending: Option<ScalingPolicyStatus>,
    /// The generation of the policy beside which the last status was refused.
    refused_generation: Option<i64>,
    /// Since when each trouble is there.
    since: BTreeMap<Reason, Timestamp>,
    /// When each trouble was last announced, and whether it is still there.
    troubles: BTreeMap<Reason, (Timestamp, bool)>,
}

/// Whether statuses keep their distance.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Gaps,
    AtOnce,
}

/// What became of a status.
enum Sent {
    Accepted,
    /// To be tried again.
    Failed,
    /// Invalid, or beside a malformed object: not to be tried again soon.
    Refused,
    /// The policy does not exist.
    Gone,
}

impl PolicyReport {
    /// Changes of another target are not to be told of this one.
    fn speak_of(&mut self, target: Option<TargetKey>) {
        if self.target.is_some()
            && self.target != target
            && let Some(status) = &mut self.pending
        {
            status.last_changes.clear();
            status.last_scale_time = None;
        }
        self.target = target;
    }

    /// Those of `troubles` that last: what a pod's start brings with it is none until it stays.
    fn lasting(&mut self, troubles: Vec<Trouble>, now: Timestamp) -> Vec<Trouble> {
        self.since
            .retain(|reason, _| troubles.iter().any(|trouble| trouble.reason == *reason));
        troubles
            .into_iter()
            .filter(|trouble| {
                let since = self.since.entry(trouble.reason).or_insert(now);
                // After the clock was set back the wait begins anew.
                *since = (*since).min(now);
                now.milliseconds_since(*since) >= events::patience_ms(trouble.reason)
            })
            .collect()
    }
}

impl Reporter {
    /// A reporter that writes through `client`.
    #[must_use]
    pub fn new(client: Client, metrics: Arc<Metrics>) -> Self {
        let instance = std::env::var("HOSTNAME").unwrap_or_else(|_| "concertina".into());
        Self {
            client,
            metrics,
            queue: Mutex::default(),
            wake: tokio::sync::Notify::new(),
            instance,
        }
    }

    /// Takes over an outcome: logs it, queues its events and its status. Sends nothing yet.
    pub fn report(&self, outcome: &Outcome) {
        {
            let mut guard = lock(&self.queue);
            let queue = &mut *guard;
            let report = queue.policies.entry(outcome.record.key.clone()).or_default();
            if report.uid.as_ref() != Some(&outcome.record.uid) {
                *report = PolicyReport {
                    uid: Some(outcome.record.uid.clone()),
                    ..PolicyReport::default()
                };
            }
            // That a target is being looked up is told to a new policy only: every start of the controller begins with it.
            if outcome.is_looking_up() && report.written.is_some() {
                return;
            }
            let now = outcome.time;
            report.speak_of(outcome.record.target().cloned());
            let troubles = report.lasting(events::troubles(outcome), now);
            let known = report.pending.as_ref().or(report.written.as_ref());
            let status = status::status_of(outcome, known, &troubles);
            let mut events = events::changes(outcome);
            for trouble in &troubles {
                let told = report.troubles.get(&trouble.reason).is_some_and(|(at, present)| {
                    // A time in the future is from before the clock was set back, and says nothing.
                    *present || (*at <= now && now.milliseconds_since(*at) < TROUBLE_REPEAT_MS)
                });
                if !told {
                    events.push(events::Note::warning(trouble.reason, trouble.message.clone()));
                    report.troubles.insert(trouble.reason, (now, true));
                }
            }
            for (reason, (_, present)) in &mut report.troubles {
                *present = troubles.iter().any(|trouble| trouble.reason == *reason);
            }
            report.pending = Some(status);
            for note in events {
                note.log(&outcome.record.key);
                for regarding in events::subjects(outcome, &note) {
                    queue.event_number += 1;
                    let event = events::event(outcome, &note, regarding, &self.instance, queue.event_number);
                    if queue.events.len() >= MAX_PENDING_EVENTS {
                        queue.events.pop_front();
                        self.metrics.event_dropped();
                    }
                    queue.events.push_back((event, 0));
                }
            }
        }
        self.wake.notify_one();
    }

    /// Takes over the status that a policy was found with: a restart goes on from what is stored, so that it neither
    /// repeats nor forgets.
    pub fn stored(&self, record: &PolicyRecord, stored: &StoredStatus) {
        let mut queue = lock(&self.queue);
        let report = queue.policies.entry(record.key.clone()).or_default();
        if report.uid.as_ref() != Some(&record.uid) {
            *report = PolicyReport {
                uid: Some(record.uid.clone()),
                written: Some(stored.status().clone()),
                ..PolicyReport::default()
            };
        }
    }

    /// Forgets a policy that is gone.
    pub fn forget(&self, record: &PolicyRecord) {
        lock(&self.queue).policies.remove(&record.key);
    }

    /// Sends what is due, until the future is dropped.
    pub async fn run(&self, clock: impl Fn() -> Timestamp) {
        loop {
            // Statuses may be waiting for their gap to pass, so look again without being woken.
            let _ = tokio::time::timeout(Duration::from_millis(500), self.wake.notified()).await;
            self.flush(clock()).await;
        }
    }

    /// Sends all events, and every status in which a reader would notice a difference and whose gap has passed.
    pub async fn flush(&self, now: Timestamp) {
        self.send_events().await;
        self.send_statuses(self.due_statuses(now, Pace::Gaps), now).await;
    }

    /// As [`Self::flush`], without waiting for gaps: for the end of the process.
    pub async fn flush_all(&self, now: Timestamp) {
        self.send_statuses(self.due_statuses(now, Pace::AtOnce), now)
            .await;
        self.send_events().await;
    }

    async fn send_events(&self) {
        loop {
            let Some((event, attempts)) = lock(&self.queue).events.pop_front() else {
                break;
            };
            if !self.send_event(&event).await {
                if attempts + 1 < EVENT_ATTEMPTS {
                    lock(&self.queue).events.push_back((event, attempts + 1));
                } else {
                    self.metrics.event_dropped();
                }
                // The API server is in trouble: the rest waits for the next flush.
                break;
            }
        }
    }

    async fn send_statuses(&self, due: Vec<(ObjectKey, Uid, ScalingPolicyStatus)>, now: Timestamp) {
        // Many at a time: one that hangs must not hold up the others.
        futures::stream::iter(due)
            .for_each_concurrent(CONCURRENT_STATUSES, |(key, uid, status)| async move {
                let sent = self.send_status(&key, &uid, &status).await;
                let mut queue = lock(&self.queue);
                let Some(report) = queue.policies.get_mut(&key).filter(|report| report.uid.as_ref() == Some(&uid)) else {
                    return;
                };
                report.written_at = Some(now);
                report.refused_generation = None;
                match sent {
                    Sent::Accepted => report.written = Some(status),
                    Sent::Failed => {}
                    Sent::Refused => report.refused_generation = status.observed_generation,
                    Sent::Gone => {
                        queue.policies.remove(&key);
                    }
                }
            })
            .await;
    }

    fn due_statuses(&self, now: Timestamp, pace: Pace) -> Vec<(ObjectKey, Uid, ScalingPolicyStatus)> {
        let queue = lock(&self.queue);
        let mut due: Vec<_> = queue
            .policies
            .iter()
            .filter_map(|(key, report)| {
                let pending = report.pending.as_ref()?;
                let is_refused = report.refused_generation.is_some()
                    && report.refused_generation == pending.observed_generation;
                let gap = match &report.written {
                    _ if is_refused => REFUSED_GAP_MS,
                    None => EVENTFUL_GAP_MS,
                    Some(written) => match difference(written, pending) {
                        Difference::None => return None,
                        Difference::Slight => SLIGHT_GAP_MS,
                        Difference::Eventful => EVENTFUL_GAP_MS,
                        Difference::Uneventful => UNEVENTFUL_GAP_MS,
                    },
                };
                let gap_passed = pace == Pace::AtOnce
                    || report.written_at.is_none_or(|at| {
                        // After the clock was set back the gap starts anew.
                        at > now || now.milliseconds_since(at) >= gap
                    });
                let uid = report.uid.clone()?;
                gap_passed.then(|| (key.clone(), uid, pending.clone()))
            })
            .collect();
        due.sort_by(|a, b| a.0.cmp(&b.0));
        due
    }

    async fn send_status(&self, key: &ObjectKey, uid: &Uid, status: &ScalingPolicyStatus) -> Sent {
        // The answer is read as an untyped object: a malformed policy has a status too.
        let resource = ApiResource::erase::<ScalingPolicy>(&());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &key.namespace, &resource);
        let operations = json!([
            // A policy of the same name that came later is not the one this speaks of. (Server-side apply would
            // write to it all the same: it does not look at the uid when it applies a status.)
            {"op": "test", "path": "/metadata/uid", "value": uid.to_string()},
            {"op": "add", "path": "/status", "value": status},
        ]);
        let patch: json_patch::Patch = match serde_json::from_value(operations) {
            Ok(patch) => patch,
            Err(error) => {
                tracing::error!(policy = %key, %error, "the status cannot be written down");
                return Sent::Failed;
            }
        };
        let parameters = PatchParams {
            field_manager: Some(FIELD_MANAGER.into()),
            ..PatchParams::default()
        };
        let patch = Patch::Json::<()>(patch);
        let request = api.patch_status(&key.name, &parameters, &patch);
        let result = tokio::time::timeout(CALL_TIMEOUT, request).await;
        self.metrics.status_write(matches!(result, Ok(Ok(_))));
        match result {
            Ok(Ok(_)) => Sent::Accepted,
            // Nothing is left to be told.
            Ok(Err(kube::Error::Api(error))) if error.code == 404 => Sent::Gone,
            Ok(Err(kube::Error::Api(error))) if error.code == 422 => {
                tracing::warn!(
                    policy = %key, error = %error.message,
                    "the API server refuses a status beside this object: apply the policy again in the present schema"
                );
                Sent::Refused
            }
            Ok(Err(error)) => {
                tracing::warn!(policy = %key, %error, "the status could not be written and will be tried again");
                Sent::Failed
            }
            Err(_) => {
                tracing::warn!(policy = %key, "the status could not be written in 10 s and will be tried again");
                Sent::Failed
            }
        }
    }

    async fn send_event(&self, event: &Event) -> bool {
        let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        let parameters = PostParams::default();
        let request = api.create(&parameters, event);
        match tokio::time::timeout(CALL_TIMEOUT, request).await {
            Ok(Ok(_)) => true,
            // Already there, or refused for good (a namespace that is being deleted): trying again changes nothing.
            Ok(Err(kube::Error::Api(error))) if error.code < 500 && error.code != 429 => {
                if error.code != 409 {
                    tracing::warn!(error = %error.message, "an event was refused");
                    self.metrics.event_dropped();
                }
                true
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "an event could not be sent");
                false
            }
            Err(_) => false,
        }
    }
}
