//! Numbers that are cut, too great, negative or none at all.

use crate::cases::*;
use crate::outcome::Comparison;

pub(crate) fn hpa_cuts_utilisation_to_whole_per_cent_and_we_do_not() -> Comparison {
    let cpu = Measure::Cpu {
        percent: 70,
        cores: vec![Some(0.779); 10],
    };
    Situation::of(10, vec![cpu])
        .compare(
            "10 replicas, CPU at 77.9 % with a target of 70 %",
            "77.9 % is cut to 77 %, which is just within the tolerance of 10 %.",
        )
        .gives("stays at 10", "10 → 12 (MetricAboveTarget)")
}

pub(crate) fn hpa_shrinks_too_far_by_whole_per_cent_and_we_do_not() -> Comparison {
    Situation::of(100, vec![cpu_of(100, 0.399)])
        .compare(
            "100 replicas, CPU at 39.9 % with a target of 50 %",
            "Cutting is always towards fewer replicas: 39 ÷ 50 × 100.",
        )
        .gives("100 → 78", "100 → 80 (MetricBelowTarget)")
}

pub(crate) fn hpa_asks_for_one_more_by_the_noise_of_floating_point_and_we_do_not() -> Comparison {
    let latency = Measure::Whole {
        value: 0.25,
        total: Total::Value(0.28),
    };
    Situation::of(25, vec![latency])
        .compare(
            "25 replicas, a latency of 0.28 s, target 0.25 s",
            "1.12 × 25 is 28.000000000000004 in floating point, and every part of a replica is a replica. We take what is less than a billionth for noise.",
        )
        .gives("25 → 29", "25 → 28 (MetricAboveTarget)")
}

pub(crate) fn hpa_takes_a_huge_total_for_none_and_we_do_not() -> Comparison {
    let backlog = Measure::ObjectTotal {
        per_replica: 0.1,
        total: Total::Value(300_000_000.0),
    };
    Situation::of(40, vec![backlog])
        .compare(
            "40 replicas, a backlog of 300 million, target 0.1 for each replica, maximum 100",
            "3,000,000,000 does not fit a 32-bit count and becomes the least number on x86-64. External averages were mended, Object and Pods averages were not.",
        )
        .gives("40 → 1", "40 → 100 (MetricAboveTarget)")
}

pub(crate) fn hpa_takes_a_negative_average_for_an_overflow_and_we_hold() -> Comparison {
    Situation::of(10, vec![queue_of(-1.0)])
        .compare(
            "10 replicas, a queue whose exporter says −1 for \"unknown\", target 10 for each replica, maximum 100",
            "A sum below zero is taken for an overflow and replaced by the greatest number there is.",
        )
        .gives("10 → 100", "stays at 10 (MetricsMissing)")
}

pub(crate) fn hpa_takes_a_negative_value_for_no_load_and_we_hold() -> Comparison {
    let lag = Measure::Whole {
        value: 10.0,
        total: Total::Value(-1.0),
    };
    Situation::of(10, vec![lag])
        .compare(
            "The same as a `Value` instead of an `AverageValue`",
            "A negative ratio asks for fewer than none, and the minimum catches it.",
        )
        .gives("10 → 1", "stays at 10 (MetricsMissing)")
}

fn latency(value: f64) -> Situation {
    let latency = Measure::ObjectWhole {
        value: 0.2,
        total: Total::Value(value),
    };
    Situation::of(10, vec![latency])
}

pub(crate) fn hpa_gets_zero_for_not_a_number_and_we_hold() -> Comparison {
    latency(f64::NAN)
        .compare(
            "10 replicas, a latency from `histogram_quantile`, which is NaN",
            "The metrics API has no NaN: prometheus-adapter hands on 0.",
        )
        .gives("10 → 1", "stays at 10 (MetricsMissing)")
}

pub(crate) fn hpa_gets_the_least_number_for_infinity_and_we_hold() -> Comparison {
    latency(f64::INFINITY)
        .compare(
            "10 replicas, a latency whose divisor is 0 in PromQL, which gives +Inf",
            "The adapter's conversion makes −9223372036854775808m of it on x86-64.",
        )
        .gives("10 → 1", "stays at 10 (MetricsMissing)")
}
