//! Percentiles, slopes and quantiles of histograms. Pure.

/// The value below which `share` of the values lie, the nearest rank: always one of the values. `None` of none.
pub(crate) fn percentile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss
    )]
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1).min(sorted.len()).checked_sub(1)?).copied()
}

/// The value in the middle, or the mean of the two there.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let above = values.iter().map(|value| -value).collect::<Vec<_>>();
    Some((percentile(values, 0.5)? - percentile(&above, 0.5)?) / 2.0)
}

/// The greatest value.
pub(crate) fn greatest(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

/// The least value.
pub(crate) fn least(values: &[f64]) -> Option<f64> {
    values.iter().copied().min_by(f64::total_cmp)
}

/// Slope and intercept of the straight line with the least squares through the points. `None` of fewer than two places.
pub(crate) fn line(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    #[allow(clippy::cast_precision_loss)]
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if points.len() < 2 || spread <= 0.0 {
        return None;
    }
    let slope = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum::<f64>()
        / spread;
    Some((slope, mean_y - slope * mean_x))
}

/// The upper bound of the bucket in which the quantile lies. `buckets` are (upper bound, how many at or below it),
/// ascending, as Prometheus has them. `None` of an empty histogram.
///
/// An upper bound and no interpolation: a bar that it meets is met.
pub(crate) fn histogram_quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let (_, all) = buckets.last()?;
    if *all <= 0.0 {
        return None;
    }
    buckets
        .iter()
        .find(|(_, count)| *count >= share * all)
        .map(|(bound, _)| *bound)
}

/// A number in [0, 1) that depends on nothing but the seed and the two others: noise that is the same in every run.
pub(crate) fn uniform(seed: u64, a: u64, b: u64) -> f64 {
    // The finaliser of SplitMix64 (Steele, Lea, Flood 2014), once per word.
    let mix = |mut word: u64| {
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    let golden = 0x9e37_79b9_7f4a_7c15_u64;
    let word = mix(mix(mix(seed.wrapping_add(golden)) ^ a.wrapping_mul(golden)) ^ b.wrapping_add(golden));
    #[allow(clippy::cast_precision_loss)]
    let share = (word >> 11) as f64 / (1_u64 << 53) as f64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values_and_needs_one() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&values, 0.5), Some(50.0));
        assert_eq!(percentile(&values, 0.99), Some(99.0));
        assert_eq!(percentile(&values, 1.0), Some(100.0));
        assert_eq!(percentile(&values, 0.0), Some(1.0));
        assert_eq!(percentile(&[7.0], 0.99), Some(7.0));
        assert_eq!(percentile(&[], 0.5), None);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_line_through_exact_points_is_found() {
        let points = [(1.0, 5.0), (2.0, 7.0), (10.0, 23.0)];
        let (slope, intercept) = line(&points).unwrap();
        assert!((slope - 2.0).abs() < 1e-9 && (intercept - 3.0).abs() < 1e-9);
        assert_eq!(line(&[(1.0, 2.0)]), None);
        assert_eq!(line(&[(1.0, 2.0), (1.0, 4.0)]), None);
    }

    #[test]
    fn a_quantile_of_a_histogram_is_never_told_too_low() {
        let buckets = [(1.0, 50.0), (2.0, 98.0), (f64::INFINITY, 100.0)];
        assert_eq!(histogram_quantile(&buckets, 0.5), Some(1.0));
        assert_eq!(histogram_quantile(&buckets, 0.51), Some(2.0));
        assert_eq!(histogram_quantile(&buckets, 0.99), Some(f64::INFINITY));
        assert_eq!(histogram_quantile(&[(1.0, 0.0)], 0.5), None);
    }

    #[test]
    fn noise_is_the_same_in_every_run_spread_evenly_and_differs_by_series() {
        let of_series = |series| -> Vec<f64> { (0..1000).map(|time| uniform(1, series, time)).collect() };
        assert_eq!(of_series(3), of_series(3));
        assert_ne!(of_series(3), of_series(4));
        let mean = of_series(3).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(of_series(3).iter().all(|share| (0.0..1.0).contains(share)));
    }
}
