//! Decisions told in one sentence.

use concertina_decision::*;

use crate::fixtures::*;

fn sentence(policy: &Policy, observation: &Observation, names: &[&str]) -> String {
    once(policy, observation)
        .summary(Names::of_metrics(names))
        .to_string()
}

#[test]
fn a_sentence_says_what_moves_the_number() {
    assert_eq!(
        sentence(
            &policy(&[rate()]),
            &observation(1, vec![per_pod(&[81.3])]),
            &["rate"]
        ),
        "1 → 9: rate 81.3 per replica is 8.1 times its target of 10"
    );
    assert_eq!(
        sentence(
            &policy(&[cpu(), rate()]),
            &observation(1, vec![limited_cores(&[0.99]), per_pod(&[81.3])]),
            &["cpu", "rate"]
        ),
        "1 → 9: rate 81.3 per replica is 8.1 times its target of 10 (CPU is at its limit: at least)"
    );
    assert_eq!(
        sentence(
            &policy(&[cpu()]),
            &observation(2, vec![cores(&[0.1, 0.1])]),
            &["cpu"]
        ),
        "2 → 1: cpu 10 % is 0.2 times its target of 50 %"
    );
    assert_eq!(
        sentence(
            &policy(&[queue()]),
            &observation(2, vec![total(240.0)]),
            &["backlog"]
        ),
        "2 → 24: backlog 240 in total is 12 times its target of 10 per replica"
    );
    let from_zero = Policy {
        min_replicas: 0,
        ..policy(&[queue()])
    };
    assert_eq!(
        sentence(&from_zero, &observation(0, vec![total(24.0)]), &["backlog"]),
        "0 → 3: backlog 24 in total has a target of 10 per replica"
    );
}

#[test]
fn a_sentence_says_what_holds_the_number() {
    assert_eq!(
        sentence(
            &policy(&[rate()]),
            &observation(2, vec![per_pod(&[9.5, 10.1])]),
            &["rate"]
        ),
        "stays at 2: rate 9.8 per replica is within the tolerance of its target of 10"
    );
    let mut waiting = policy(&[queue()]);
    waiting.scale_down.cooldown_seconds = 60;
    assert_eq!(
        sentence(&waiting, &observation(5, vec![total(20.0)]), &["backlog"]),
        "stays at 5: backlog 20 in total is 0.4 times its target of 10 per replica and asks for 2, but shrinking waits \
         for the cooldown since the last change, or since the target was first seen (60 s to go)"
    );
    let capped = Policy {
        max_replicas: 4,
        ..policy(&[queue()])
    };
    assert_eq!(
        sentence(&capped, &observation(2, vec![total(70.0)]), &["backlog"]),
        "2 → 4: backlog 70 in total is 3.5 times its target of 10 per replica and asks for 7, but more are not \
         allowed by the maximum (4)"
    );
}

#[test]
fn a_sentence_says_what_is_missing() {
    let two = policy(&[cpu(), queue()]);
    let missing = || Reading::Missing(Missing::TimedOut);
    assert_eq!(
        sentence(
            &two,
            &observation(5, vec![missing(), missing()]),
            &["cpu", "backlog"]
        ),
        "stays at 5: no metric has a usable value, so the replicas stay as they are (cpu: Prometheus did not answer \
         in time; backlog: Prometheus did not answer in time)"
    );
    assert_eq!(
        sentence(
            &two,
            &observation(5, vec![missing(), total(10.0)]),
            &["cpu", "backlog"]
        ),
        "stays at 5: missing metrics may not let it shrink (cpu: Prometheus did not answer in time)"
    );
    let half = Reading::PerPod(vec![core(Some(0.3), None), PodReading::default()]);
    assert_eq!(
        sentence(&policy(&[cpu()]), &observation(2, vec![half]), &["cpu"]),
        "stays at 2: cpu 30 % is 0.6 times its target of 50 %, and pods without a sample (1) count as being at it"
    );
}

#[test]
fn a_sentence_says_what_the_bounds_did() {
    let narrow = Policy {
        min_replicas: 3,
        max_replicas: 6,
        ..policy(&[queue()])
    };
    for (current, expected) in [
        (1, "1 → 3: it has fewer replicas than the minimum of 3"),
        (9, "9 → 6: it has more replicas than the maximum of 6"),
        (
            3,
            "stays at 3: backlog 10 in total is 0.333 times its target of 10 per replica and asks for 1, but fewer \
             are not allowed by the minimum (3)",
        ),
        (
            0,
            "stays at 0: backlog 10 in total has a target of 10 per replica and asks for 1, but somebody set the \
             replicas to zero although the minimum is higher: scale the target up to resume",
        ),
    ] {
        assert_eq!(
            sentence(&narrow, &observation(current, vec![total(10.0)]), &["backlog"]),
            expected
        );
    }
}

#[test]
fn a_sentence_stays_short_and_whole_for_any_number_and_too_few_names() {
    let names: [&str; 0] = [];
    for value in [f64::MAX, f64::MIN_POSITIVE, 1e15, 123_456.789, 0.0] {
        let decision = once(&policy(&[queue()]), &observation(2, vec![total(value)]));
        let sentence = decision.summary(Names::of_metrics(&names)).to_string();
        assert!(sentence.contains("a metric"), "{sentence}");
        assert!(sentence.len() < 250, "{sentence}");
    }
}
