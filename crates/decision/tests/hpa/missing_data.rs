//! What is not known: pods without samples, metrics that are broken, empty or old.

use concertina_decision::*;

use crate::cases::*;
use crate::fixtures::after;
use crate::outcome::{Comparison, hpa_over_time, ours_over_time, path, shown, told};

fn half_sampled(cores: f64) -> Situation {
    let cpu = Measure::Cpu {
        percent: 50,
        cores: each(&[(5, Some(cores)), (5, None)]),
    };
    Situation::of(10, vec![cpu])
}

pub(crate) fn hpa_and_we_count_missing_pods_as_idle_when_growing() -> Comparison {
    half_sampled(0.75)
        .compare(
            "10 replicas, 5 of them without a CPU sample; the others at 150 % of the target",
            "Alike: half the samples do not prove a need for more.",
        )
        .gives("stays at 10", "stays at 10 (PodsWithoutSamples)")
}

pub(crate) fn hpa_counts_missing_pods_at_their_whole_request_and_we_at_the_target() -> Comparison {
    half_sampled(0.3)
        .compare(
            "10 replicas, 5 of them without a CPU sample; the others at 60 % of the target of 50 %",
            "Missing pods count 100 % of their request, twice the target: five of them hold the count however small the load is. With us they count as being at the target.",
        )
        .gives("stays at 10", "10 → 8 (MetricBelowTarget)")
}

fn queue(total: Total) -> Measure {
    Measure::Total {
        per_replica: 10.0,
        total,
    }
}

pub(crate) fn hpa_and_we_grow_on_what_is_left_when_one_metric_is_broken() -> Comparison {
    Situation::of(10, vec![cpu_of(10, 0.75), queue(Total::Down)])
        .compare(
            "10 replicas, CPU at 150 % of its target, the second metric broken",
            "Alike.",
        )
        .gives("10 → 15", "10 → 15 (MetricAboveTarget)")
}

pub(crate) fn hpa_and_we_do_not_shrink_when_one_metric_is_broken() -> Comparison {
    Situation::of(10, vec![cpu_of(10, 0.25), queue(Total::Down)])
        .compare(
            "10 replicas, CPU at half its target, the second metric broken",
            "Alike since Kubernetes 1.21; releases 1.16 to 1.20 did shrink. We can be told to ignore a metric that is missing.",
        )
        .gives("stays at 10 (error)", "stays at 10 (ShrinkHeldMetricMissing)")
}

pub(crate) fn hpa_holds_for_ever_when_all_metrics_are_broken_and_we_can_fall_back() -> Comparison {
    let broken = |_: u32, replicas: i32| Situation::at(replicas, vec![queue(Total::Down)]);
    let (mut hpa, policy) = broken(0, 3).by_default();
    let policy = Policy {
        fallback: Some(Fallback {
            after_seconds: 180,
            replicas: 6,
        }),
        ..policy
    };
    let seconds = || (0..=3600).step_by(15);
    Comparison {
        situation: "3 replicas, no metric for an hour; our policy has `fallback: {afterSeconds: 180, replicas: 6}`",
        why: "An error changes nothing, for as long as it lasts. A fallback exists for external metrics in a proposal (KEP-5679).",
        hpa: path(hpa_over_time(&mut hpa, seconds(), 3, broken)),
        concertina: path(ours_over_time(policy, seconds(), 3, broken)),
    }
    .gives("stays at 3", "3 → 6")
}

pub(crate) fn hpa_and_we_hold_on_an_empty_answer() -> Comparison {
    Situation::of(10, vec![queue(Total::Empty)])
        .compare(
            "10 replicas, Prometheus answers without a series",
            "Alike, if the adapter says so. We can be told that empty means 0 (`whenEmpty: Zero`).",
        )
        .gives("stays at 10 (error)", "stays at 10 (MetricsMissing)")
}

pub(crate) fn hpa_cannot_tell_an_adapters_zero_from_a_measured_one_and_we_can() -> Comparison {
    let situation = Situation::of(10, vec![queue(Total::Empty)]);
    let (mut hpa, policy) = situation.undamped();
    let as_keda_says = Situation::of(10, vec![queue_of(0.0)]).world(after(0));
    let decision = decide(
        &policy,
        &Memory::default(),
        &situation.observation(after(0)),
        after(0),
    );
    Comparison {
        situation: "10 replicas, Prometheus answers without a series, KEDA in between with its default",
        why: "KEDA's `ignoreNullValues` is true by default and hands on 0; the autoscaler sees a number like any other.",
        hpa: shown(10, hpa.round(&as_keda_says)),
        concertina: told(&decision),
    }
    .gives("10 → 1", "stays at 10 (MetricsMissing)")
}

pub(crate) fn hpa_acts_on_old_samples_and_we_do_not() -> Comparison {
    let rate = Measure::PerPod {
        per_replica: 10.0,
        values: vec![Some(3.0); 10],
    };
    let situation = Situation {
        sample_age_seconds: 600,
        ..Situation::of(10, vec![rate])
    };
    situation
        .compare(
            "10 replicas, requests per second at 30 % of the target, as measured ten minutes ago",
            "Samples have a time, but only CPU of pods that start is held against it.",
        )
        .gives("10 → 3", "stays at 10 (MetricsMissing)")
}
