//! Many decisions in a row: other writers, clocks that are set back, samples that are missing, targets without rest.

use concertina_decision::*;

use crate::fixtures::*;

#[test]
fn another_writers_change_is_seen_recorded_and_counted() {
    let mut target = Timeline::new(policy(&[queue()]), 4);
    target.policy.scale_down.cooldown_seconds = 60;
    target.policy.scale_up.policies = [pods(4, 60)].into_iter().collect();
    target.at(0).total(40.0).gives(4, Reason::WithinTolerance);

    target
        .at(100)
        .somebody_scales_to(7)
        .total(40.0)
        .gives(7, Reason::ScaleDownCooldown);
    assert_eq!(
        target.memory.changes(),
        [Change {
            at: after(100),
            from: 4,
            to: 7,
            by: Writer::Other
        }]
    );
    target.at(110).total(200.0).gives(8, Reason::MetricAboveTarget);
    target.at(159).total(200.0).gives(8, Reason::ScaleUpLimit);
    target.at(160).total(200.0).gives(11, Reason::MetricAboveTarget);
    let writers: Vec<_> = target.memory.changes().iter().map(|change| change.by).collect();
    assert_eq!(writers, [Writer::Other, Writer::Own, Writer::Own]);

    target
        .at(200)
        .somebody_scales_to(0)
        .total(200.0)
        .gives(0, Reason::ScaledToZeroManually);
    target.at(300).total(200.0).gives(0, Reason::ScaledToZeroManually);
    target
        .at(400)
        .somebody_scales_to(2)
        .total(200.0)
        .gives(4, Reason::MetricAboveTarget);
}

#[test]
fn growth_by_another_writer_starts_the_cooldown_of_growth() {
    let mut target = Timeline::new(growing(|up| up.cooldown_seconds = 60), 2);
    target.at(0).total(20.0).gives(2, Reason::WithinTolerance);
    target
        .at(10)
        .somebody_scales_to(4)
        .total(90.0)
        .gives(4, Reason::ScaleUpCooldown);
    target.at(69).total(90.0).gives(4, Reason::ScaleUpCooldown);
    target.at(70).total(90.0).gives(9, Reason::MetricAboveTarget);
}

#[test]
fn a_dry_run_beside_another_autoscaler_sees_its_changes_as_anothers() {
    let mut target = Timeline::dry_run(policy(&[queue()]), 2);
    target.at(0).total(80.0).gives(8, Reason::MetricAboveTarget);
    target
        .at(5)
        .somebody_scales_to(8)
        .total(80.0)
        .gives(8, Reason::WithinTolerance);
    assert_eq!(
        target.memory.changes(),
        [Change {
            at: after(5),
            from: 2,
            to: 8,
            by: Writer::Other
        }]
    );
}

#[test]
fn a_change_that_is_seen_while_nothing_is_evaluated_counts_as_anothers() {
    let mut target = Timeline::new(shrinking(|down| down.cooldown_seconds = 60), 5);
    target.at(0).total(50.0).gives(5, Reason::WithinTolerance);
    target.memory.see(9, after(100));
    target
        .at(130)
        .somebody_scales_to(9)
        .total(50.0)
        .gives(9, Reason::ScaleDownCooldown);
    target.at(160).total(50.0).gives(5, Reason::MetricBelowTarget);
}

#[test]
fn a_clock_set_back_by_an_hour_freezes_nothing_for_an_hour() {
    let mut target = Timeline::new(policy(&[queue()]), 2);
    target.policy.scale_up = Rules {
        cooldown_seconds: 60,
        stabilization_window_seconds: 60,
        policies: [pods(6, 60)].into_iter().collect(),
        ..free()
    };
    target.policy.scale_down.cooldown_seconds = 60;
    target.policy.scale_down.stabilization_window_seconds = 60;
    target.at(0).total(80.0).gives(8, Reason::MetricAboveTarget);
    target.at(-3600).total(200.0).gives(8, Reason::ScaleUpStabilized);
    target.at(-3541).total(200.0).gives(8, Reason::ScaleUpStabilized);
    target.at(-3540).total(200.0).gives(14, Reason::MetricAboveTarget);
    target
        .at(-7200)
        .total(40.0)
        .gives(14, Reason::ScaleDownStabilized);
    target
        .at(-7141)
        .total(40.0)
        .gives(14, Reason::ScaleDownStabilized);
    target.at(-7140).total(40.0).gives(4, Reason::MetricBelowTarget);
}

#[test]
fn half_of_the_samples_missing_never_looks_like_half_the_load() {
    let mut target = Timeline::new(policy(&[rate()]), 10);
    let half = |value: f64| {
        let samples = (0..10).map(|pod| PodReading {
            value: (pod % 2 == 0).then_some(value),
            ..Default::default()
        });
        vec![Reading::PerPod(samples.collect())]
    };
    target.at(0).read(half(10.0)).gives(10, Reason::WithinTolerance);
    // All ten at 8 would need 8; five at 8 and five at the target need 9.
    let decision = target.at(5).read(half(8.0)).gives(10, Reason::PodsWithoutSamples);
    assert_eq!(
        (
            decision.proposals[0].counted_pods,
            decision.proposals[0].missing_pods
        ),
        (5, 5)
    );
    target.at(10).read(half(6.0)).gives(8, Reason::MetricBelowTarget);
    target.somebody_scales_to(10);
    target
        .at(15)
        .read(half(15.0))
        .gives(10, Reason::PodsWithoutSamples);
    target
        .at(20)
        .read(half(25.0))
        .gives(13, Reason::MetricAboveTarget);
}

#[test]
fn all_samples_missing_holds_at_the_current_count() {
    let mut target = Timeline::new(policy(&[rate(), cpu()]), 10);
    let nothing = || {
        vec![
            Reading::PerPod(vec![]),
            Reading::PerPod(vec![PodReading::default(); 10]),
        ]
    };
    target.at(0).read(nothing()).gives(10, Reason::MetricsMissing);
    let decision = target.at(3600).read(nothing()).gives(10, Reason::MetricsMissing);
    assert_eq!(
        decision.missing().collect::<Vec<_>>(),
        [(0, Missing::NoSamples), (1, Missing::NoSamples)]
    );
}

#[test]
fn the_memory_of_a_restless_target_stays_small() {
    let mut target = Timeline::new(
        Policy {
            max_replicas: 10_000,
            scale_up: Rules {
                stabilization_window_seconds: 3600,
                tolerance: 0.0,
                ..unlimited()
            },
            scale_down: Rules {
                stabilization_window_seconds: 3600,
                tolerance: 0.0,
                ..free()
            },
            ..policy(&[queue()])
        },
        5000,
    );
    for second in 0..7200 {
        target.somebody_scales_to(5000 + i32::try_from(second % 2).unwrap());
        let _ = target
            .at(second)
            .total(90_000.0 - f64::from(i32::try_from(second).unwrap()) * 10.0);
    }
    let memory = serde_json::to_value(&target.memory).unwrap();
    for (list, most) in [
        ("changes", MAX_CHANGES),
        ("scaleUpWants", 64),
        ("scaleDownWants", 64),
    ] {
        let length = memory[list].as_array().unwrap().len();
        assert!(length <= most, "{list} has {length} entries");
    }
    assert!(
        memory["scaleDownWants"].as_array().unwrap().len() > 50,
        "the window is full"
    );
    assert_eq!(memory["changes"].as_array().unwrap().len(), MAX_CHANGES);
}

#[test]
fn changes_are_forgotten_once_no_period_can_reach_them() {
    let mut target = Timeline::new(policy(&[queue()]), 2);
    target.at(0).total(40.0).gives(4, Reason::MetricAboveTarget);
    target.at(1000).total(60.0).gives(6, Reason::MetricAboveTarget);
    target.at(1799).total(60.0).gives(6, Reason::WithinTolerance);
    assert_eq!(target.memory.changes().len(), 2);
    target.at(1800).total(60.0).gives(6, Reason::WithinTolerance);
    assert_eq!(target.memory.changes().len(), 1);
    assert_eq!(target.memory.last_change(), Some(after(1000)));
    target.at(9000).total(60.0).gives(6, Reason::WithinTolerance);
    assert!(target.memory.changes().is_empty());
    assert_eq!(
        target.memory.last_change(),
        Some(after(1000)),
        "cooldowns may be longer"
    );
}
