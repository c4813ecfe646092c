//! Decisions told in one sentence.

use std::fmt::{self, Write};

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

#[test]
fn a_sentence_says_why_a_metric_asks_for_what_is_there() {
    let starting = |value| Observation {
        pods: vec![Pod::Starting; 4],
        ..observation(4, vec![total(value)])
    };
    let three_of_four = |value| {
        let samples = (0..4).map(|pod| PodReading {
            value: (pod == 0).then_some(value),
            ..Default::default()
        });
        observation(4, vec![Reading::PerPod(samples.collect())])
    };
    let half_ready = Observation {
        pods: vec![Pod::Ready, Pod::Ready, Pod::Starting, Pod::Starting],
        ..observation(4, vec![per_pod(&[20.0, 20.0])])
    };
    let young = PodReading {
        value: Some(3.0),
        at_least: true,
        ..Default::default()
    };
    for (metric, observation, expected) in [
        (
            rate(),
            observation(3, vec![Reading::PerPod(vec![young; 3])]),
            "stays at 3: it 3 per replica is 0.3 times its target of 10, but some pods were not Ready, or not \
             measured, for the whole window of the rate",
        ),
        (
            latency(),
            starting(10.0),
            "stays at 4: it 10 in total is 0.1 times its target of 100, but no pod has been Ready yet",
        ),
        (
            rate(),
            half_ready,
            "stays at 4: it 20 per replica is 2 times its target of 10, for which the replicas there or on their way \
             are enough",
        ),
        (
            rate(),
            observation(3, vec![per_pod(&[8.0; 3])]),
            "stays at 3: it 8 per replica is 0.8 times its target of 10, and one replica fewer would put it above",
        ),
        (
            rate(),
            three_of_four(8.0),
            "stays at 4: it 8 per replica is 0.8 times its target of 10, and pods without a sample (3) count as being \
             at it",
        ),
        (
            rate(),
            three_of_four(15.0),
            "stays at 4: it 15 per replica is 1.5 times its target of 10, and pods without a sample (3) count as idle",
        ),
    ] {
        assert_eq!(sentence(&policy(&[metric]), &observation, &["it"]), expected);
    }
}

#[test]
fn a_sentence_says_when_an_empty_answer_counts_as_zero() {
    let metric = Metric {
        when_empty: WhenEmpty::Zero,
        ..queue()
    };
    let nothing = observation(3, vec![Reading::Missing(Missing::NoSamples)]);
    assert_eq!(
        sentence(&policy(&[metric]), &nothing, &["backlog"]),
        "3 → 1: backlog 0 in total is 0 times its target of 10 per replica (an empty answer counts as 0) and asks for \
         0, but fewer are not allowed by the minimum (1)"
    );
}

#[test]
fn a_sentence_says_that_the_fallback_is_in_force() {
    let policy = Policy {
        fallback: Some(Fallback {
            after_seconds: 0,
            replicas: 6,
        }),
        ..policy(&[cpu(), queue()])
    };
    let blind = observation(
        2,
        vec![
            Reading::Missing(Missing::Unreachable),
            Reading::Missing(Missing::Refused),
        ],
    );
    assert_eq!(
        sentence(&policy, &blind, &["cpu", "backlog"]),
        "2 → 6: no metric has had a usable value for long, so the fallback is in force (cpu: Prometheus cannot be \
         reached; backlog: Prometheus refused the query: check its expression and the controller's credentials)"
    );
}

#[test]
fn a_sentence_without_a_winner_says_the_reason() {
    assert_eq!(
        sentence(&policy(&[]), &observation(3, vec![]), &[]),
        "stays at 3: the policy has no metrics"
    );
}

#[test]
fn schedules_and_guards_without_a_name_are_named_by_what_they_are() {
    let window = |min, max| Window {
        schedule: 7,
        start: noon(),
        end: after(100),
        min_replicas: min,
        max_replicas: max,
    };
    let scheduled = |load, current, window| Observation {
        windows: vec![window],
        ..observation(current, vec![total(load)])
    };
    let plain = policy(&[queue()]);
    assert_eq!(
        sentence(&plain, &scheduled(20.0, 2, window(Some(6), None)), &["backlog"]),
        "2 → 6: schedule without a name asks for at least 6"
    );
    assert_eq!(
        sentence(&plain, &scheduled(90.0, 4, window(None, Some(4))), &["backlog"]),
        "stays at 4: backlog 90 in total is 2.2 times its target of 10 per replica and asks for 9, but more are not \
         allowed by the maximum of a schedule (without a name: 4)"
    );
    let guard = Guard {
        above: 0.01,
        for_seconds: 0,
        max_block_seconds: 300,
        when_empty: WhenEmpty::Missing,
    };
    let guarded = Policy {
        guards: [guard].into_iter().collect(),
        ..policy(&[queue()])
    };
    let tripped = Observation {
        guards: vec![total(0.5)],
        ..observation(5, vec![total(20.0)])
    };
    assert_eq!(
        sentence(&guarded, &tripped, &["backlog"]),
        "stays at 5: backlog 20 in total is 0.4 times its target of 10 per replica and asks for 2, but a guard is \
         tripped, so nothing may shrink (a guard 0.5) (300 s to go)"
    );
}

#[test]
fn numbers_have_about_three_digits() {
    for (value, shown) in [
        (0.0, "0"),
        (1e-300, "1.0e-300"),
        (0.000_9, "9.0e-4"),
        (0.001, "0.001"),
        (0.25, "0.25"),
        (0.999, "0.999"),
        (1.0, "1"),
        (1.26, "1.3"),
        (99.9, "99.9"),
        (99.95, "100"),
        (100.0, "100"),
        (123_456.0, "123456"),
        (9.99e14, "999000000000000"),
        (1e15, "1.0e15"),
    ] {
        let sentence = sentence(&policy(&[queue()]), &observation(2, vec![total(value)]), &["it"]);
        assert!(
            sentence.contains(&format!(": it {shown} in total")),
            "{value}: {sentence}"
        );
    }
}

/// Takes so many characters and no more.
struct Narrow(usize);

impl Write for Narrow {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = self.0.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

#[test]
fn a_writer_that_fails_anywhere_is_told_and_not_written_to_again() {
    let guard = Guard {
        above: 0.01,
        for_seconds: 0,
        max_block_seconds: 300,
        when_empty: WhenEmpty::Missing,
    };
    let window = |min_replicas, max_replicas| Window {
        schedule: 0,
        start: noon(),
        end: after(100),
        min_replicas,
        max_replicas,
    };
    let guarded = Policy {
        guards: [guard].into_iter().collect(),
        ..policy(&[queue()])
    };
    let zero = Metric {
        when_empty: WhenEmpty::Zero,
        ..queue()
    };
    let asleep = Policy {
        min_replicas: 0,
        ..policy(&[queue()])
    };
    let capped = Policy {
        max_replicas: 4,
        ..policy(&[queue()])
    };
    let missing = || Reading::Missing(Missing::TimedOut);
    let with_guard = |reading| Observation {
        guards: vec![reading],
        ..observation(5, vec![total(20.0)])
    };
    let with_window = |load, replicas, window| Observation {
        windows: vec![window],
        ..observation(replicas, vec![total(load)])
    };
    for (policy, observation) in [
        (guarded.clone(), with_guard(total(0.5))),
        (guarded, with_guard(missing())),
        (policy(&[queue()]), observation(5, vec![missing()])),
        (policy(&[queue()]), observation(5, vec![total(50.0)])),
        (policy(&[queue()]), observation(1, vec![total(0.0)])),
        (policy(&[queue()]), with_window(10.0, 6, window(Some(6), None))),
        (policy(&[queue()]), with_window(90.0, 4, window(None, Some(4)))),
        (
            policy(&[zero]),
            observation(3, vec![Reading::Missing(Missing::NoSamples)]),
        ),
        (policy(&[cpu()]), observation(1, vec![limited_cores(&[1.0])])),
        (policy(&[rate()]), observation(1, vec![per_pod(&[81.3])])),
        (asleep, observation(0, vec![total(24.0)])),
        (capped, observation(2, vec![total(70.0)])),
    ] {
        let decision = once(&policy, &observation);
        let names = Names {
            metrics: &["one"],
            schedules: &["office"],
            guards: &["errors"],
        };
        let whole = decision.summary(names).to_string();
        for room in 0..whole.len() {
            assert!(
                write!(Narrow(room), "{}", decision.summary(names)).is_err(),
                "{room} of {whole}"
            );
        }
        assert!(write!(Narrow(whole.len()), "{}", decision.summary(names)).is_ok());
    }
}
