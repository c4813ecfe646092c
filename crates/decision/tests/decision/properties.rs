//! What holds for every input. The number of cases is proptest's (256), or `PROPTEST_CASES`.

use concertina_decision::*;
use proptest::prelude::*;

use crate::arbitrary::*;
use crate::fixtures::*;
use crate::stories::*;

/// A memory with a past, made by evaluating.
fn remembered(policy: &Policy, past: &[(Observation, Timestamp)]) -> Memory {
    let mut memory = Memory::default();
    for (observation, now) in past {
        evaluate(policy, &mut memory, observation, *now);
    }
    memory
}

fn evaluate(policy: &Policy, memory: &mut Memory, observation: &Observation, now: Timestamp) -> Decision {
    let decision = decide(policy, memory, observation, now);
    memory.record(&decision, now);
    if decision.verdict == Verdict::Scale {
        memory.record_change(decision.current, decision.desired, now);
    }
    decision
}

/// What the records of one proposal say it must be.
fn recomputed(proposal: &Proposal, current: Replicas) -> Option<Replicas> {
    let ratio = proposal.ratio?;
    let counted = f64::from(proposal.counted_pods);
    let demand = match proposal.measured? {
        Measured::Total(total) => match proposal.target {
            Target::Value { .. } => counted * ratio,
            target => total / target.number(),
        },
        _ if ratio < 1.0 => {
            counted * proposal.ratio_when_shrinking.unwrap_or(ratio) + f64::from(proposal.missing_pods)
        }
        _ => counted * ratio,
    };
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as the crate does")]
    let rounded = (demand - demand * 1e-9).ceil() as Replicas;
    Some(match proposal.reason {
        Reason::MetricAboveTarget => rounded.max(current),
        Reason::MetricBelowTarget => rounded.min(current),
        Reason::CpuAtLimit if ratio > 1.0 => return i32::try_from(2 * proposal.counted_pods).ok(),
        _ => current,
    })
}

proptest! {
    #[test]
    fn every_input_has_an_answer_within_the_bounds(
        Case { policy, past, observation, now } in any_case()
    ) {
        let memory = remembered(&policy, &past);
        let decision = decide(&policy, &memory, &observation, now);
        let maximum = policy.max_replicas.max(0);
        let Decision { current, desired, floor, ceiling, .. } = decision;
        prop_assert!(floor <= ceiling && ceiling <= maximum, "{:?}", decision);
        prop_assert!(floor >= policy.min_replicas.min(ceiling), "{:?}", decision);
        if decision.floor_from == BoundFrom::Policy {
            prop_assert_eq!(floor, policy.min_replicas.clamp(0, ceiling));
        }
        if decision.ceiling_from == BoundFrom::Policy {
            prop_assert_eq!(ceiling, maximum);
        }
        prop_assert_eq!(current, observation.current_replicas.max(0));
        if decision.reason == Reason::ScaledToZeroManually {
            prop_assert_eq!((current, desired), (0, 0));
        } else {
            // Sinking to the ceiling of a schedule takes its time; the policy's own maximum cuts at once.
            let most = if current > ceiling { current.min(maximum) } else { ceiling };
            prop_assert!((floor..=most).contains(&desired), "{:?}", decision);
        }
        prop_assert_eq!(decision.verdict == Verdict::Hold, decision.desired == decision.current);
        prop_assert_eq!(decision.proposals.len(), policy.metrics.len());
    }

    #[test]
    fn every_decision_can_be_followed_from_its_records(
        Case { policy, past, observation, now } in any_case()
    ) {
        let decision = decide(&policy, &remembered(&policy, &past), &observation, now);
        let stages: Vec<_> = decision.stages.iter().map(|record| record.stage).collect();
        prop_assert!(Stage::ORDER.starts_with(&stages));
        prop_assert!(stages.len() >= 4, "{:?}", stages);
        prop_assert_eq!(decision.stages.last().map(|record| record.replicas), Some(decision.desired));
        for proposal in &decision.proposals {
            prop_assert!(proposal.ratio.is_none_or(f64::is_finite));
            if let Some(replicas) = proposal.replicas() {
                prop_assert!(proposal.measured.is_some());
                prop_assert!(decision.current == 0 || proposal.ratio.is_some());
                if decision.current > 0 && replicas < 1_000_000 {
                    prop_assert_eq!(recomputed(proposal, decision.current), Some(replicas), "{:?}", proposal);
                }
            }
        }
        if let Some(winner) = decision.winning_proposal() {
            let greatest = decision.proposals.iter().filter_map(Proposal::replicas).max();
            prop_assert_eq!(winner.replicas(), greatest);
        }
        prop_assert!(!decision.summary(Names::of_metrics(&["one"])).to_string().is_empty());
    }

    #[test]
    fn a_missing_metric_never_shrinks_anything_but_to_the_maximum(
        Case { policy, past, observation, now } in any_case()
    ) {
        let decision = decide(&policy, &remembered(&policy, &past), &observation, now);
        let holds = |(index, _): (usize, Missing)| policy.metrics[index].on_missing == OnMissing::Hold;
        let none_usable = decision.missing().count() == policy.metrics.len();
        if decision.missing().any(holds) || (none_usable && !policy.metrics.is_empty()) {
            let least = decision.current.min(policy.max_replicas.max(0));
            prop_assert!(decision.desired >= least, "{:?}", decision);
        }
    }

    #[test]
    fn losing_a_sample_never_lowers_the_number_below_now(
        policy in sound_policy(), (observation, readings) in sound_observation(), lost in 0..3usize
    ) {
        let mut observation = suited(&policy, &observation, &readings);
        let current = observation.current_replicas;
        let whole = once(&policy, &observation);
        let lost = lost % observation.metrics.len();
        observation.metrics[lost] = Reading::Missing(Missing::TimedOut);
        let partial = once(&policy, &observation);
        let is_ignored = policy.metrics[lost].on_missing == OnMissing::Ignore;
        prop_assert!(is_ignored || partial.desired >= current.min(policy.max_replicas));
        // Nothing is usable any more, and the fallback needs no time.
        let fallback = policy.fallback.filter(|_| partial.reason == Reason::FallbackActive).map_or(0, |it| it.replicas);
        // Whole, no metric needed a replica, whatever they asked for; now one of them may have.
        let idle = whole.stage(Stage::Combine).is_some_and(|record| record.reason == Reason::Idle);
        let asked_for = whole.stage(Stage::Propose).filter(|_| idle).map_or(0, |record| record.replicas);
        let most = whole.desired.max(current).max(partial.floor).max(fallback).max(asked_for);
        prop_assert!(partial.desired <= most, "{:?}\n{:?}", whole, partial);
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        Case { policy, past, observation, now } in story(),
        factors in prop::collection::vec(prop_oneof![1 => Just(1.0), 2 => 1.0..1.5f64, 1 => 1.0..20.0f64], 30),
        added in prop_oneof![2 => Just(0.0), 1 => 0.0..50.0f64],
    ) {
        let memory = remembered(&policy, &past);
        let less = decide(&policy, &memory, &observation, now);
        let more = decide(&policy, &memory, &raised(&observation, &factors, added), now);
        prop_assert!(less.desired <= more.desired, "{:#?}\n{:#?}", less, more);
        for (less, more) in less.proposals.iter().zip(&more.proposals) {
            prop_assert!(less.replicas() <= more.replicas(), "{:#?}\n{:#?}", less, more);
        }
    }

    #[test]
    fn what_forbids_shrinking_forbids_it_and_walls_cap_growth(
        Case { policy, past, observation, now } in any_case()
    ) {
        let decision = decide(&policy, &remembered(&policy, &past), &observation, now);
        let Decision { current, desired, .. } = decision;
        let forbids = |guard: &GuardRecord| matches!(guard.state, GuardState::Tripped | GuardState::Missing(_));
        if decision.guards.iter().any(forbids) {
            prop_assert!(desired >= current.min(policy.max_replicas.max(0)), "{:?}", decision);
        }
        if let Some(room) = observation.quota_room {
            prop_assert!(desired <= room.max(current).max(decision.floor), "{:?}", decision);
        }
        if !observation.pods.is_empty() && observation.pods.iter().all(|pod| pod.is_crashing()) {
            prop_assert!(desired <= current.max(decision.floor), "{:?}", decision);
        }
    }

    #[test]
    fn the_number_never_moves_against_the_want(
        Case { policy, past, observation, now } in any_case()
    ) {
        let decision = decide(&policy, &remembered(&policy, &past), &observation, now);
        let want = decision.stage(Stage::Bounds).unwrap().replicas;
        let (low, high) = (decision.current.min(want), decision.current.max(want));
        for record in decision.stages.iter().filter(|record| record.stage >= Stage::Bounds) {
            prop_assert!((low..=high).contains(&record.replicas), "{:?} in {:?}", record, decision);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_output(
        Case { policy, past, observation, now } in any_case()
    ) {
        let (one, two) = (remembered(&policy, &past), remembered(&policy, &past));
        prop_assert_eq!(&one, &two);
        let (one, two) = (decide(&policy, &one, &observation, now), decide(&policy, &two, &observation, now));
        prop_assert_eq!(format!("{one:?}"), format!("{two:?}"), "compared as text, since NaN is not NaN");
    }

    #[test]
    fn writing_and_reading_the_memory_between_any_two_steps_changes_nothing(
        Case { policy, past, observation, now } in any_case()
    ) {
        let (mut kept, mut written) = (Memory::default(), Memory::default());
        for (observation, now) in past.into_iter().chain([(observation, now)]) {
            let text = serde_json::to_string(&written).unwrap();
            written = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(&kept, &written);
            let with_kept = evaluate(&policy, &mut kept, &observation, now);
            let with_written = evaluate(&policy, &mut written, &observation, now);
            prop_assert_eq!(format!("{with_kept:?}"), format!("{with_written:?}"));
        }
    }

    #[test]
    fn recording_a_decision_twice_at_the_same_time_is_recording_it_once(
        Case { policy, past, observation, now } in any_case()
    ) {
        let mut memory = remembered(&policy, &past);
        let decision = decide(&policy, &memory, &observation, now);
        memory.record(&decision, now);
        let once = memory.clone();
        memory.record(&decision, now);
        prop_assert_eq!(once, memory);
    }

    #[test]
    fn the_memory_stays_bounded(
        policy in any_policy(), seed in prop::collection::vec((any_observation(), any_time()), 4..8)
    ) {
        let mut memory = Memory::default();
        for round in 0..40 {
            for (step, (observation, now)) in (0..).zip(&seed) {
                let now = now.plus_seconds(round * 7 + step);
                evaluate(&policy, &mut memory, observation, now);
            }
        }
        let memory = serde_json::to_value(&memory).unwrap();
        prop_assert!(memory["changes"].as_array().unwrap().len() <= MAX_CHANGES);
        prop_assert!(memory["scaleUpWants"].as_array().unwrap().len() <= 64);
        prop_assert!(memory["scaleDownWants"].as_array().unwrap().len() <= 64);
    }

    #[test]
    fn a_clock_that_was_set_back_holds_growth_no_longer_than_the_longest_rule(
        back in 0u32..100_000, cooldown in 0u32..600, window in 0u32..600, period in 1u32..600
    ) {
        let rules = Rules {
            cooldown_seconds: cooldown,
            stabilization_window_seconds: window,
            policies: [percent(100, period)].into_iter().collect(),
            ..free()
        };
        let policy = Policy { scale_up: rules.clone(), scale_down: rules, ..policy(&[queue()]) };
        let mut target = Timeline::new(policy, 2);
        target.at(0).total(20.0);
        target.at(5).somebody_scales_to(4).total(40.0);
        // A window may run longer by a sixtieth, and the ticks are five seconds apart.
        let longest = i64::from(cooldown.max(window + window.div_ceil(60)).max(period));
        let start = -i64::from(back);
        for seconds in (0..=longest + 5).step_by(5) {
            target.at(start + seconds).total(300.0);
            if target.replicas > 4 {
                return Ok(());
            }
        }
        prop_assert!(false, "still {} after {longest} s", target.replicas);
    }
}
