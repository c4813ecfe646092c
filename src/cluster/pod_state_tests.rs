#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads best as an argument"
)]

use serde_json::{Value, json};

use super::*;

/// A time on one day, from `HH:MM:SS`.
fn time(at: &str) -> String {
    format!("2026-03-01T{at}Z")
}

fn instant(at: &str) -> Timestamp {
    time(at).parse().unwrap()
}

fn running(since: &str) -> Value {
    json!({"running": {"startedAt": time(since)}})
}

fn terminated(from: &str, to: &str, exit_code: i32) -> Value {
    json!({"terminated": {"exitCode": exit_code, "reason": "Error", "startedAt": time(from), "finishedAt": time(to)}})
}

fn waiting(reason: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": "back-off 40s restarting failed container=app pod=web-1_shop(u)"}})
}

/// A container's status as the kubelet writes it.
fn container(state: Value, last_state: Value, restarts: i32) -> Value {
    json!({
        "name": "app", "image": "localhost/shop:dev", "imageID": "", "ready": false, "restartCount": restarts,
        "state": state, "lastState": last_state,
    })
}

/// A pod that started at noon, whose Ready condition is so since then.
fn pod(ready: &str, since: &str, containers: &[Value], init: &[Value]) -> PodStatus {
    serde_json::from_value(json!({
        "phase": "Running", "startTime": time("12:00:00"),
        "conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": time("12:00:00")},
            {"type": "Ready", "status": ready, "lastTransitionTime": time(since)},
        ],
        "containerStatuses": containers, "initContainerStatuses": init,
    }))
    .unwrap()
}

/// The state of an unready pod with one container.
fn state(since: &str, container: Value, was_ready: bool) -> PodState {
    Seen::of(&pod("False", since, &[container], &[]), was_ready).state
}

#[test]
fn a_crash_loop_is_one_state_from_the_first_back_off_on_through_every_run() {
    // The Ready condition is False since the start: no probe ever succeeded.
    let story = [
        (running("12:00:01"), json!({}), 0, PodState::Starting),
        (
            terminated("12:00:01", "12:00:03", 1),
            json!({}),
            0,
            PodState::Starting,
        ),
        (
            running("12:00:04"),
            terminated("12:00:01", "12:00:03", 1),
            1,
            PodState::Starting,
        ),
        (
            waiting("CrashLoopBackOff"),
            terminated("12:00:04", "12:00:06", 1),
            1,
            PodState::CrashingAtStart,
        ),
        (
            running("12:00:17"),
            terminated("12:00:04", "12:00:06", 1),
            2,
            PodState::CrashingAtStart,
        ),
        (
            terminated("12:00:17", "12:00:19", 1),
            terminated("12:00:04", "12:00:06", 1),
            2,
            PodState::CrashingAtStart,
        ),
        (
            waiting("CrashLoopBackOff"),
            terminated("12:00:17", "12:00:19", 1),
            2,
            PodState::CrashingAtStart,
        ),
        (
            running("12:00:40"),
            terminated("12:00:17", "12:00:19", 1),
            3,
            PodState::CrashingAtStart,
        ),
    ];
    for (now, last, restarts, expected) in story {
        let seen = state("12:00:00", container(now.clone(), last.clone(), restarts), false);
        assert_eq!(seen, expected, "{now} after {last}, {restarts} restarts");
    }
}

#[test]
fn a_pod_that_was_ready_once_crashes_as_such() {
    // It turned unready when its third run ended.
    for now in [
        terminated("12:20:00", "12:25:00", 137),
        waiting("CrashLoopBackOff"),
        running("12:26:20"),
    ] {
        let container = container(now.clone(), terminated("12:20:00", "12:25:00", 137), 3);
        assert_eq!(
            state("12:25:00", container.clone(), true),
            PodState::Crashing,
            "{now}"
        );
        assert_eq!(
            state("12:25:00", container, false),
            PodState::Crashing,
            "unready late, {now}"
        );
    }
}

#[test]
fn a_server_that_ends_well_again_and_again_crashes_too() {
    for now in [running("12:00:40"), terminated("12:00:40", "12:00:41", 0)] {
        let container = container(now, terminated("12:00:17", "12:00:18", 0), 3);
        assert_eq!(state("12:00:00", container, false), PodState::CrashingAtStart);
    }
}

#[test]
fn a_saturated_pod_is_unready_and_not_crashing_whatever_happened_to_it_long_ago() {
    // Three short runs in the morning; Ready since, until its probe failed in the afternoon.
    let survivor = container(running("12:01:00"), terminated("12:00:17", "12:00:19", 1), 3);
    assert_eq!(state("16:00:00", survivor, true), PodState::Unready);
}

#[test]
fn runs_of_ten_minutes_are_no_loop() {
    for (to, expected) in [("12:29:59", PodState::Crashing), ("12:30:00", PodState::Unready)] {
        for now in [
            terminated("12:20:00", to, 137),
            waiting("ContainerCreating"),
            running("12:30:10"),
        ] {
            let container = container(now.clone(), terminated("12:20:00", to, 137), 5);
            assert_eq!(state(to, container, true), expected, "{to} {now}");
        }
    }
}

#[test]
fn one_restart_and_an_image_that_cannot_be_pulled_are_no_loop() {
    let once = container(running("12:00:10"), terminated("12:00:01", "12:00:03", 1), 1);
    assert_eq!(state("12:00:00", once, false), PodState::Starting);
    let no_image = container(waiting("ImagePullBackOff"), json!({}), 0);
    assert_eq!(state("12:00:00", no_image, false), PodState::Starting);
    let unknown = json!({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": null, "finishedAt": null}});
    let lost = container(waiting("ContainerCreating"), unknown, 4);
    assert_eq!(state("12:00:00", lost, false), PodState::Starting);
}

#[test]
fn an_init_container_crashes_until_it_is_done() {
    let waits = container(waiting("PodInitializing"), json!({}), 0);
    let seen = |init: Value| {
        Seen::of(
            &pod("False", "12:00:00", std::slice::from_ref(&waits), &[init]),
            false,
        )
        .state
    };
    let failed = || terminated("12:00:17", "12:00:19", 1);
    for (now, expected) in [
        (waiting("CrashLoopBackOff"), PodState::CrashingAtStart),
        (running("12:00:40"), PodState::CrashingAtStart),
        (terminated("12:00:40", "12:00:41", 1), PodState::CrashingAtStart),
        (terminated("12:00:40", "12:00:41", 0), PodState::Starting),
    ] {
        assert_eq!(seen(container(now.clone(), failed(), 3)), expected, "{now}");
    }
}

#[test]
fn a_ready_pod_is_trusted_ten_seconds_into_a_run_that_follows_short_ones() {
    let seen = |container: Value| Seen::of(&pod("True", "12:00:41", &[container], &[]), true);
    let again = seen(container(
        running("12:00:40"),
        terminated("12:00:17", "12:00:19", 1),
        3,
    ));
    assert_eq!(again.state, PodState::Ready);
    assert_eq!(again.trusted_from, Some(instant("12:00:50")));
    for sound in [
        container(running("12:00:40"), json!({}), 0),
        container(running("12:00:40"), terminated("12:00:17", "12:00:19", 1), 1),
        container(running("12:30:40"), terminated("12:00:17", "12:30:17", 1), 7),
    ] {
        assert_eq!(seen(sound.clone()).trusted_from, None, "{sound}");
    }
}

#[test]
fn a_pod_without_a_node_is_unschedulable_only_by_the_schedulers_word() {
    let pod = |status: &str, reason: &str| {
        serde_json::from_value(json!({"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": status, "reason": reason,
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
            "lastTransitionTime": time("12:00:00"),
        }]}))
        .unwrap()
    };
    assert!(is_unschedulable(&pod("False", "Unschedulable")));
    assert!(!is_unschedulable(&pod("False", "SchedulingGated")));
    assert!(!is_unschedulable(&pod("True", "Unschedulable")));
    assert!(!is_unschedulable(&PodStatus::default()));
    assert_eq!(
        Seen::of(&pod("False", "Unschedulable"), false).state,
        PodState::Starting
    );
}

#[test]
fn restarts_of_any_container_are_seen() {
    let calm = || container(running("12:00:01"), json!({}), 0);
    let restarted = || container(running("12:00:01"), terminated("12:00:00", "12:00:01", 1), 1);
    assert!(!has_restarted(&pod("True", "12:00:05", &[calm()], &[calm()])));
    assert!(has_restarted(&pod(
        "True",
        "12:00:05",
        &[calm(), restarted()],
        &[]
    )));
    assert!(has_restarted(&pod("True", "12:00:05", &[calm()], &[restarted()])));
    assert!(!has_restarted(&PodStatus::default()));
}
