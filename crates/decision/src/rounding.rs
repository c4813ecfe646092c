//! From real numbers to replicas, in one place. No I/O.

use crate::Replicas;

/// Relative error that is taken for noise of floating point: 7.000000001 replicas are 7. Sums over thousands of pods
/// are off by less, and no measurement is this exact.
pub(crate) const NOISE: f64 = 1e-9;

/// The least number of replicas that is not below `demand`. Below zero and not a number give 0; what is too great for
/// a replica count gives the greatest one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from float saturates, and NaN becomes 0"
)]
pub(crate) fn round_up(demand: f64) -> Replicas {
    let whole = demand.floor();
    let rounded = if demand - whole <= whole * NOISE {
        whole
    } else {
        demand.ceil()
    };
    (rounded as Replicas).max(0)
}

/// Brings an overflow back to the greatest finite number, so that no later step meets infinity.
pub(crate) const fn finite(number: f64) -> f64 {
    number.min(f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_replica_is_a_replica_but_noise_is_not() {
        for (demand, replicas) in [
            (0.0, 0),
            (1e-300, 1),
            (0.5, 1),
            (7.0, 7),
            (7.000_000_001, 7),
            (7.000_001, 8),
            (10.0 * 0.7, 7),
            (10.0 * 1.1, 11),
            (2_147_483_647.0, i32::MAX),
        ] {
            assert_eq!(round_up(demand), replicas, "{demand}");
        }
    }

    #[test]
    fn no_number_is_beyond_the_replica_counts() {
        for (demand, replicas) in [
            (f64::NAN, 0),
            (-3.5, 0),
            (f64::NEG_INFINITY, 0),
            (f64::MIN_POSITIVE, 1),
            (1e18, i32::MAX),
            (f64::MAX, i32::MAX),
            (f64::INFINITY, i32::MAX),
        ] {
            assert_eq!(round_up(demand), replicas, "{demand}");
        }
    }
}
