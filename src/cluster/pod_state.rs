//! What state a pod is in, as its status tells. No network.
//!
//! | Ready | its containers end again and again | was Ready once | state           |
//! |-------|------------------------------------|----------------|-----------------|
//! | yes   | no                                 |                | Ready           |
//! | yes   | yes, and this run has just begun   |                | Crashing        |
//! | no    | yes                                | yes            | Crashing        |
//! | no    | yes                                | no             | CrashingAtStart |
//! | no    | no                                 | yes            | Unready         |
//! | no    | no                                 | no             | Starting        |
//!
//! A container ends again and again when the kubelet makes it wait (`CrashLoopBackOff`), or when it was started anew at
//! least twice, its last run to have ended was short (less than the 10 minutes after which the kubelet forgets the
//! back-off), and the pod was not Ready in the present run. So the answer stays the same from the back-off through the
//! few seconds of the next run to the next back-off; only Ready ends it. How a run ended does not matter: a server that
//! ends with code 0 serves nobody either, and the kubelet makes it wait alike. An init container that ended with 0 is done.
//!
//! A container without readiness probe is Ready as soon as it runs, so a pod that crashes at once would be Ready for a moment
//! in each round. Hence a Ready pod whose runs before were short is Crashing until it has run for 10 seconds.
use concertina_decision::Pod as PodState;
use jiff::Timestamp;

use super::pod_fields::{
    ConditionKind, ContainerState, ContainerStatus, PodCondition, PodStatus, Reason, Terminated,
};

/// An unready pod seen for the first time counts as "was Ready once" when its Ready condition last changed
/// this long after the pod's start (HPA's initial readiness delay).
const INITIAL_READINESS_SECONDS: i64 = 30;
/// A run that lasted longer makes the kubelet forget the back-off: twice its longest back-off.
const SHORT_RUN_SECONDS: i64 = 600;
/// Fewer restarts may happen to anybody: the first one comes without a back-off.
const LEAST_RESTARTS: i32 = 2;
/// A Ready pod that crashed before is trusted after so many seconds of its run: the kubelet's shortest back-off.
const TRUSTED_AFTER_SECONDS: i64 = 10;

/// A pod's state, which may change by itself as time goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) state: PodState,
    /// A Ready pod is Crashing until then.
    pub(super) trusted_from: Option<Timestamp>,
}

impl Seen {
    /// The state of a pod with this status; `was_ready` when it was seen Ready before.
    pub(super) fn of(status: &PodStatus, was_ready: bool) -> Self {
        let seen = |state| Self {
            state,
            trusted_from: None,
        };
        let ready = status.condition(ConditionKind::Ready);
        if ready.is_some_and(PodCondition::is_true) {
            return Self {
                state: PodState::Ready,
                trusted_from: trusted_from(status),
            };
        }
        let was_ready = was_ready || turned_unready_late(status, ready);
        seen(match (is_crashing(status, ready), was_ready) {
            (true, true) => PodState::Crashing,
            (true, false) => PodState::CrashingAtStart,
            (false, true) => PodState::Unready,
            (false, false) => PodState::Starting,
        })
    }
}

/// Whether the scheduler found no node for the pod.
pub(super) fn is_unschedulable(status: &PodStatus) -> bool {
    let scheduled = status.condition(ConditionKind::PodScheduled);
    scheduled.is_some_and(|condition| !condition.is_true() && condition.reason == Some(Reason::Unschedulable))
}

/// When the pod became Ready, if it is so now.
pub(super) fn ready_since(status: &PodStatus) -> Option<Timestamp> {
    let ready = status
        .condition(ConditionKind::Ready)
        .filter(|ready| ready.is_true())?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Whether one of the pod's containers was started anew.
pub(super) fn has_restarted(status: &PodStatus) -> bool {
    let mut all = status.containers().chain(status.init_containers());
    all.any(|container| container.restart_count > 0)
}

fn turned_unready_late(status: &PodStatus, ready: Option<&PodCondition>) -> bool {
    let started = status.start_time.as_ref();
    let changed = ready.and_then(|ready| ready.last_transition_time.as_ref());
    started.zip(changed).is_some_and(|(started, changed)| {
        changed.0.as_second() - started.0.as_second() > INITIAL_READINESS_SECONDS
    })
}

fn is_crashing(status: &PodStatus, ready: Option<&PodCondition>) -> bool {
    let unready_since = ready
        .and_then(|ready| ready.last_transition_time.as_ref())
        .map(|time| time.0);
    let crashes = |container: &ContainerStatus| {
        let was_ready_in_this_run = run_began(container)
            .zip(unready_since)
            .is_some_and(|(began, unready)| unready > began);
        waits_after_crash(container) || (ended_repeatedly(container) && !was_ready_in_this_run)
    };
    status.containers().any(crashes)
        || status
            .init_containers()
            .any(|container| !is_done(container) && crashes(container))
}

fn trusted_from(status: &PodStatus) -> Option<Timestamp> {
    let began = status
        .containers()
        .filter(|container| ended_repeatedly(container))
        .filter_map(run_began)
        .max()?;
    Timestamp::from_second(began.as_second().saturating_add(TRUSTED_AFTER_SECONDS)).ok()
}

fn waits_after_crash(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state
        .and_then(|state| state.waiting.as_ref())
        .is_some_and(|waiting| waiting.reason == Some(Reason::CrashLoopBackOff))
}

fn ended_repeatedly(container: &ContainerStatus) -> bool {
    let ended = |state: Option<&ContainerState>| state.and_then(|state| state.terminated.clone());
    container.restart_count >= LEAST_RESTARTS
        && ended(container.state.as_ref())
            .or_else(|| ended(container.last_state.as_ref()))
            .is_some_and(|run| is_short(&run))
}

fn is_short(run: &Terminated) -> bool {
    run.started_at
        .as_ref()
        .zip(run.finished_at.as_ref())
        .is_some_and(|(started, finished)| finished.0.as_second() - started.0.as_second() < SHORT_RUN_SECONDS)
}

fn run_began(container: &ContainerStatus) -> Option<Timestamp> {
    let running = container.state.as_ref()?.running.as_ref()?;
    running.started_at.as_ref().map(|time| time.0)
}

/// An init container that did its work.
fn is_done(container: &ContainerStatus) -> bool {
    let state = container.state.as_ref();
    state
        .and_then(|state| state.terminated.as_ref())
        .is_some_and(|ended| ended.exit_code == 0)
}

#[cfg(test)]
#[path = "pod_state_tests.rs"]
mod tests;
