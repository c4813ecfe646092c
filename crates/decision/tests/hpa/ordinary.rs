//! Where every replica is a Ready pod with a fresh sample, both autoscalers are one formula. Pure.

use concertina_decision::*;

use crate::cases::*;
use crate::fixtures::noon;
use crate::hpa_loop::Round;

#[test]
fn where_nothing_is_out_of_the_ordinary_both_ask_for_the_same() {
    let mut whole_counts = 0;
    for replicas in 1..=30_u32 {
        // Even: of a target of 50 % this is whole per cents, so nothing is cut.
        for percent in (0..=300_u32).step_by(2) {
            let pods = usize::try_from(replicas).unwrap();
            let (value, each) = (f64::from(percent) / 10.0, f64::from(percent) / 200.0);
            for measure in [
                cpu_of(pods, each),
                Measure::PerPod {
                    per_replica: 10.0,
                    values: vec![Some(value); pods],
                },
                queue_of(f64::from(percent * replicas) / 10.0),
                Measure::Whole {
                    value: 10.0,
                    total: Total::Value(value),
                },
            ] {
                let situation = Situation::of(pods, vec![measure]);
                let (mut hpa, policy) = situation.undamped();
                let observation = situation.observation(noon());
                let ours = decide(&policy, &Memory::default(), &observation, noon()).desired;
                let theirs = hpa.round(&situation.world(noon()));
                // A count that comes out whole may be one more for them, by the noise of floating point.
                let is_whole = percent * replicas % 100 == 0;
                let noise = is_whole && theirs == Round::Replicas((ours + 1).min(100));
                assert!(
                    theirs == Round::Replicas(ours) || noise,
                    "{replicas} replicas at {percent} %: {theirs:?} and {ours}, {situation:?}"
                );
                whole_counts += u32::from(is_whole);
            }
        }
    }
    assert!(
        whole_counts < 4 * 30 * 151 / 5,
        "most counts are compared exactly"
    );
}
