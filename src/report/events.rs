//! What is worth an event, and the event objects. Pure: sending is [`super::Reporter`]'s.
//!
//! One event per change, on the policy and on the target, each with a text of its own so that none is merged away;
//! one warning per new trouble, on the policy.
use concertina_decision::{GuardState, Reason, Replicas, Stage, Verdict};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use kube::Resource;

use super::conditions::{owned_by, scaled_by};
use super::status::summary;
use crate::api::ScalingPolicy;
use crate::control::apply::FIELD_MANAGER;
use crate::control::compile::CompiledPolicy;
use crate::control::enforce::Effect;
use crate::control::evaluate::{ChangeByOther, Decided, Outcome};
use crate::log::CHANGES;
use crate::observe::join::Note as Trouble;

/// The API server refuses longer notes.
const MAX_NOTE_BYTES: usize = 1024;

/// Something that happened, before it becomes an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// `Normal` or `Warning`.
    pub kind: &'static str,
    /// The reason.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
    /// What was done or tried.
    pub action: &'static str,
    /// Whether the target gets an event too.
    pub about_target: bool,
    /// The replicas before and after, where it tells of a change of them.
    pub change: Option<(Replicas, Replicas)>,
}

impl Note {
    /// A warning about a trouble.
    #[must_use]
    pub fn warning(reason: Reason, message: String) -> Self {
        Self {
            kind: "Warning",
            reason,
            message,
            action: "Evaluate",
            about_target: false,
            change: None,
        }
    }

    /// Writes the log line that goes with the event.
    pub fn log(&self, outcome: &Outcome) {
        let key = &outcome.record.key;
        let (namespace, policy) = (&*key.namespace, &*key.name);
        let target = outcome.record.target();
        let target_kind = target.map(|target| target.gvk.kind.as_str());
        let target_name = target.map(|target| &*target.name);
        let (reason, message) = (self.reason.as_str(), self.message.replace(char::is_control, " "));
        match self.change {
            Some((from, to)) if self.reason == Reason::ReplicasChangedByOther => {
                let decided = outcome.result.as_ref().ok();
                let manager =
                    decided.and_then(|decided| decided.changed_by_other.as_ref()?.manager.as_deref());
                tracing::info!(
                    namespace,
                    policy,
                    target_kind,
                    target_name,
                    from,
                    to,
                    manager,
                    reason,
                    "{message}"
                );
            }
            Some((from, to)) => {
                tracing::info!(target: CHANGES, namespace, policy, target_kind, target_name, from, to, reason, "{message}");
            }
            None => tracing::warn!(namespace, policy, target_kind, target_name, reason, "{message}"),
        }
    }
}

/// Events on changes of the replica count, by us and by others.
#[must_use]
pub fn changes(outcome: &Outcome) -> Vec<Note> {
    let Ok(decided) = &outcome.result else {
        return Vec::new();
    };
    let mut notes = Vec::new();
    if let Some(change) = &decided.changed_by_other {
        let ChangeByOther { from, to, manager } = change;
        let who = manager.as_deref().filter(|manager| *manager != FIELD_MANAGER);
        let what = match who {
            Some(manager) => format!("{manager} changed the replicas"),
            None => Reason::ReplicasChangedByOther.message().to_owned(),
        };
        notes.push(Note {
            kind: "Normal",
            reason: Reason::ReplicasChangedByOther,
            message: format!("replicas {from} → {to}: {what}"),
            action: "Observe",
            about_target: false,
            change: Some((*from, *to)),
        });
    }
    if decided.effect == Effect::Written && decided.decision.verdict == Verdict::Scale {
        notes.push(Note {
            kind: "Normal",
            reason: decided.decision.reason,
            message: summary(outcome),
            action: "Scale",
            about_target: true,
            change: Some((decided.decision.current, decided.decision.desired)),
        });
    }
    notes
}

/// What a user should look at, the gravest first.
#[must_use]
pub fn troubles(outcome: &Outcome) -> Vec<Trouble> {
    let decided = match &outcome.result {
        Ok(decided) => decided,
        // Looking things up is no trouble.
        Err(note) if note.reason == Reason::Evaluating => return Vec::new(),
        Err(note) => return vec![note.clone()],
    };
    let mut troubles = Vec::new();
    let mut add = |reason: Reason, message: String| troubles.push(Trouble { reason, message });
    match &decided.effect {
        Effect::NotOwner(owner) => add(Reason::TargetOwnedByOther, owned_by(owner)),
        Effect::OwnedByAutoscaler(other) => add(Reason::TargetOwnedByOther, scaled_by(other)),
        Effect::Failed(message) => add(Reason::PatchFailed, message.clone()),
        Effect::None | Effect::Written | Effect::Withheld | Effect::Conflict(_) => {}
    }
    let names = outcome
        .compiled
        .iter()
        .flat_map(|compiled| &compiled.metrics)
        .map(|metric| &metric.name);
    for ((proposal, note), name) in decided.decision.proposals.iter().zip(&decided.notes).zip(names) {
        match (note, proposal.outcome) {
            (Some(note), _) => add(note.reason, format!("metric {name}: {}", note.message)),
            (None, concertina_decision::Outcome::Missing(missing)) => {
                let reason = missing.reason();
                // A target that has just been created has no pods to measure yet.
                if reason.is_trouble() {
                    add(reason, format!("metric {name}: {}", reason.message()));
                }
            }
            (None, _) if proposal.missing_pods > 0 && proposal.counted_pods > 0 => add(
                Reason::PodsWithoutSamples,
                format!(
                    "metric {name}: {} of {} pods have no sample; they count as being at the target when shrinking",
                    proposal.missing_pods,
                    proposal.missing_pods + proposal.counted_pods
                ),
            ),
            (None, _) => {}
        }
    }
    if decided.decision.reason == Reason::ScaledToZeroManually {
        add(
            Reason::ScaledToZeroManually,
            Reason::ScaledToZeroManually.message().to_owned(),
        );
    }
    if let Some(compiled) = &outcome.compiled {
        troubles.extend(guard_troubles(compiled, decided));
    }
    troubles.extend(surrounding_troubles(decided));
    troubles
}

fn guard_troubles(compiled: &CompiledPolicy, decided: &Decided) -> Vec<Trouble> {
    let said = |reason: Reason, message: String| Some(Trouble { reason, message });
    let guards = compiled
        .guards()
        .iter()
        .zip(&decided.decision.guards)
        .zip(&decided.guard_notes);
    guards
        .filter_map(|((guard, record), note)| {
            let name = &guard.name;
            match record.state {
                GuardState::Clear | GuardState::Pending => None,
                GuardState::Tripped => {
                    let value = record.value.unwrap_or_default();
                    said(
                        Reason::GuardTripped,
                        format!("guard {name} is tripped ({value}): nothing shrinks until it clears"),
                    )
                }
                GuardState::Missing(why) => {
                    let words = note.as_ref().map_or(why.reason().message(), |note| &note.message);
                    said(
                        Reason::GuardMissing,
                        format!("guard {name} has no usable value, so nothing shrinks: {words}"),
                    )
                }
                GuardState::Expired => said(
                    Reason::GuardExpired,
                    format!("guard {name} {}", "has been tripped or missing for longer than maxBlockSeconds: it forbids nothing any more"),
                ),
            }
        })
        .collect()
}

/// What the cluster around the target makes of the decision.
fn surrounding_troubles(decided: &Decided) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    let mut add = |reason: Reason, message: String| troubles.push(Trouble { reason, message });
    let plain = |reason: Reason| reason.message().to_owned();
    if decided.decision.reason == Reason::FallbackActive {
        add(Reason::FallbackActive, plain(Reason::FallbackActive));
    }
    let has = |stage, reason| {
        decided
            .decision
            .stage(stage)
            .is_some_and(|record| record.reason == reason)
    };
    if has(Stage::Guard, Reason::ReplicasContested) {
        add(Reason::ReplicasContested, plain(Reason::ReplicasContested));
    }
    if let Some(quota) = &decided.quota {
        add(
            Reason::QuotaExceeded,
            format!("{}: {}", Reason::QuotaExceeded.message(), quota.message),
        );
    }
    if has(Stage::Wall, Reason::PodsCrashing) {
        add(Reason::PodsCrashing, plain(Reason::PodsCrashing));
    }
    if decided.unschedulable_pods > 0 {
        let count = decided.unschedulable_pods;
        add(
            Reason::UnschedulablePods,
            format!("{count} {}", Reason::UnschedulablePods.message()),
        );
    }
    troubles
}

/// Milliseconds that a trouble must last before it is told. A pod that has just become Ready has no rate yet, because a
/// rate needs two scrapes; most other things are told at once.
#[must_use]
pub const fn patience_ms(reason: Reason) -> u64 {
    match reason {
        // A node autoscaler needs a while; a pod that waits for a moment only is no trouble.
        Reason::NoSamples | Reason::NotReadYet | Reason::PodsWithoutSamples | Reason::UnschedulablePods => {
            30_000
        }
        // The series of a container that was restarted lives on beside the new one for Prometheus' look-back of 5 min.
        Reason::DuplicateSeries => 330_000,
        _ => 0,
    }
}

/// The objects that get an event: the policy, and for changes also the target, with the other as related.
#[must_use]
pub fn subjects(outcome: &Outcome, note: &Note) -> Vec<(ObjectReference, Option<ObjectReference>)> {
    let policy = policy_reference(outcome);
    let target = target_reference(outcome);
    match target {
        Some(target) if note.about_target => {
            vec![(policy.clone(), Some(target.clone())), (target, Some(policy))]
        }
        target => vec![(policy, target)],
    }
}

/// The event object; `number` makes its name unique within this process.
#[must_use]
pub fn event(
    outcome: &Outcome,
    note: &Note,
    (regarding, related): (ObjectReference, Option<ObjectReference>),
    instance: &str,
    number: u64,
) -> Event {
    let key = &outcome.record.key;
    let time = jiff::Timestamp::from_millisecond(outcome.time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let stem = regarding.name.as_deref().unwrap_or_default();
    let suffix = format!(".{:x}.{number:x}", outcome.time.0);
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}{suffix}", cut(stem, 253 - suffix.len()))),
            namespace: Some(key.namespace.to_string()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(time)),
        type_: Some(note.kind.into()),
        reason: Some(note.reason.as_str().into()),
        action: Some(note.action.into()),
        note: Some(cut(&note.message, MAX_NOTE_BYTES).to_owned()),
        regarding: Some(regarding),
        related,
        reporting_controller: Some("concertina.dev/controller".into()),
        reporting_instance: Some(cut(instance, 128).to_owned()),
        ..Event::default()
    }
}

fn policy_reference(outcome: &Outcome) -> ObjectReference {
    let record = &outcome.record;
    ObjectReference {
        api_version: Some(ScalingPolicy::api_version(&()).into_owned()),
        kind: Some(ScalingPolicy::kind(&()).into_owned()),
        namespace: Some(record.key.namespace.to_string()),
        name: Some(record.key.name.to_string()),
        uid: Some(record.uid.to_string()),
        ..ObjectReference::default()
    }
}

fn target_reference(outcome: &Outcome) -> Option<ObjectReference> {
    let target = outcome.record.target()?;
    Some(ObjectReference {
        api_version: Some(target.gvk.api_version()),
        kind: Some(target.gvk.kind.clone()),
        namespace: Some(target.namespace.to_string()),
        name: Some(target.name.to_string()),
        uid: Some(outcome.target_uid.as_ref()?.to_string()),
        ..ObjectReference::default()
    })
}

/// The longest beginning of `text` that fits into `bytes`.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or_default()
}

#[cfg(test)]
#[path = "events_tests.rs"]
mod tests;
