//! Lists of a policy that are longer than a decision has room for.

use concertina_decision::*;

use crate::fixtures::*;

const GUARD: Guard = Guard {
    above: 0.5,
    for_seconds: 0,
    max_block_seconds: 300,
    when_empty: WhenEmpty::Missing,
};

/// A policy with so many metrics, guards and, in each direction, rate policies. Those within the bounds are mild.
fn of_lengths(metrics: usize, guards: usize, rate_policies: usize) -> Policy {
    let rules = Rules {
        select_policy: SelectPolicy::Min,
        policies: (0..rate_policies)
            .map(|index| pods(if index < MAX_RATE_POLICIES { 50 } else { 1 }, 60))
            .collect(),
        ..free()
    };
    Policy {
        scale_up: rules.clone(),
        scale_down: rules,
        guards: vec![GUARD; guards].into(),
        ..policy(&vec![queue(); metrics])
    }
}

#[test]
fn what_is_beyond_the_bounds_of_a_list_does_not_count() {
    let within = of_lengths(MAX_METRICS, MAX_GUARDS, MAX_RATE_POLICIES);
    let beyond = of_lengths(MAX_METRICS + 4, MAX_GUARDS + 4, MAX_RATE_POLICIES + 4);
    for (load, desired) in [(20.0, 2), (200.0, 20)] {
        // What is beyond asks for more, and forbids to shrink.
        let mut metrics = vec![total(load); MAX_METRICS];
        metrics.extend(vec![total(9000.0); 4]);
        let mut guards = vec![total(0.0); MAX_GUARDS];
        guards.extend(vec![total(1.0); 4]);
        let observation = Observation {
            guards,
            ..observation(5, metrics)
        };
        let decision = once(&beyond, &observation);
        assert_eq!(decision, once(&within, &observation));
        assert_eq!(decision.desired, desired);
        assert_eq!(
            (decision.proposals.len(), decision.guards.len()),
            (MAX_METRICS, MAX_GUARDS)
        );
        let mut memory = Memory::default();
        memory.record(&decision, noon());
        assert_eq!(decide(&beyond, &memory, &observation, after(5)).desired, desired);
    }
}

#[test]
fn a_stored_list_that_is_too_long_is_refused() {
    let read = |policy: &Policy| serde_json::from_value::<Policy>(serde_json::to_value(policy).unwrap());
    let full = of_lengths(MAX_METRICS, MAX_GUARDS, MAX_RATE_POLICIES);
    assert_eq!(read(&full).unwrap(), full);
    for lengths in [
        (MAX_METRICS + 1, 0, 0),
        (1, MAX_GUARDS + 1, 0),
        (1, 0, MAX_RATE_POLICIES + 1),
    ] {
        let (metrics, guards, rate_policies) = lengths;
        assert!(
            read(&of_lengths(metrics, guards, rate_policies)).is_err(),
            "{lengths:?}"
        );
    }
    let mut memory = Memory::default();
    let guards = vec![GuardMemory::default(); MAX_GUARDS + 1];
    for guard in &guards {
        memory.restore_guard(*guard);
    }
    let mut stored = serde_json::to_value(memory).unwrap();
    assert_eq!(stored["guards"].as_array().unwrap().len(), MAX_GUARDS);
    stored["guards"] = serde_json::to_value(guards).unwrap();
    assert!(serde_json::from_value::<Memory>(stored).is_err());
}
