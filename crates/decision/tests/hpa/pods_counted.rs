//! Which pods count: surge, quota, crashes, starts, terminations.

use crate::cases::*;
use crate::outcome::{Comparison, hpa_over_time, ours_over_time, path};

pub(crate) fn hpa_grows_below_target_with_a_rollouts_surge_and_we_do_not() -> Comparison {
    let situation = Situation {
        is_rolling_out: true,
        ..Situation::with_pods(10, ready(13), vec![cpu_of(13, 0.43)])
    };
    situation
        .compare(
            "10 replicas, a rollout has 3 pods more; CPU at 86 % of its target",
            "The ratio is multiplied by the Ready pods (13) and compared with `spec.replicas` (10); this way out has no direction guard.",
        )
        .gives("10 → 12", "stays at 10 (FewerWouldNotDo)")
}

pub(crate) fn hpa_grows_again_and_again_while_a_rollout_lasts_and_we_do_not() -> Comparison {
    let with_surge = |_: u32, replicas: i32| {
        let replicas = usize::try_from(replicas).unwrap();
        let pods = replicas + replicas.div_ceil(4);
        Situation {
            is_rolling_out: true,
            ..Situation::with_pods(replicas, ready(pods), vec![cpu_of(pods, 0.43)])
        }
    };
    let (mut hpa, policy) = with_surge(0, 100).undamped();
    hpa.max = 1000;
    let minutes = || (0..4).map(|round| round * 15);
    Comparison {
        situation: "100 replicas, surge of 25 %, a rollout of a minute; each pod stays at 86 % of the CPU target",
        why: "Each round takes a part of the surge for replicas, and the surge is a share of them.",
        hpa: path(hpa_over_time(&mut hpa, minutes(), 100, with_surge)),
        concertina: path(ours_over_time(policy, minutes(), 100, with_surge)),
    }
    .gives("100 → 108 → 117 → 127 → 137", "stays at 100")
}

pub(crate) fn hpa_takes_surge_pods_for_replicas_of_a_total_and_we_do_not() -> Comparison {
    let situation = Situation {
        is_rolling_out: true,
        ..Situation::with_pods(10, ready(11), vec![queue_of(100.0)])
    };
    situation
        .compare(
            "10 replicas, a rollout has 1 pod more; a queue of 100, 10 for each replica",
            "An average of a total is compared with `status.replicas`, and within the tolerance that number is what is asked for.",
        )
        .gives("10 → 11", "stays at 10 (WithinTolerance)")
}

pub(crate) fn hpa_shrinks_above_target_when_a_quota_blocks_pods_and_we_do_not() -> Comparison {
    Situation::with_pods(10, ready(5), vec![cpu_of(5, 0.75)])
        .compare(
            "10 replicas, a quota lets only 5 pods exist; CPU at 150 % of its target",
            "1.5 times the 5 Ready pods is 8, which is fewer than 10; no direction guard.",
        )
        .gives("10 → 8", "stays at 10 (AwaitingReplicas)")
}

pub(crate) fn hpa_shrinks_above_target_on_a_latency_while_pods_start_and_we_do_not() -> Comparison {
    let pods = each(&[(5, State::Ready), (5, State::Starting)]);
    let latency = Measure::Whole {
        value: 0.2,
        total: Total::Value(0.3),
    };
    Situation::with_pods(10, pods, vec![latency])
        .compare(
            "10 replicas, 5 of them still starting; a latency of 0.3 s, target 0.2 s",
            "Object and External values are multiplied by the Ready pods, and have no direction guard at all.",
        )
        .gives("10 → 8", "stays at 10 (AwaitingReplicas)")
}

pub(crate) fn hpa_shrinks_on_half_of_the_pods_and_we_count_the_absent_ones() -> Comparison {
    Situation::with_pods(10, ready(5), vec![cpu_of(5, 0.3)])
        .compare(
            "10 replicas, 5 pods there; CPU of these at 60 % of its target",
            "Replicas without a pod count nowhere. With us they count as being at the target when shrinking.",
        )
        .gives("10 → 3", "10 → 8 (MetricBelowTarget)")
}

pub(crate) fn hpa_counts_starting_pods_in_custom_metrics_and_we_do_not() -> Comparison {
    let rate = Measure::PerPod {
        per_replica: 10.0,
        values: each(&[(10, Some(10.0)), (10, Some(0.0))]),
    };
    let pods = each(&[(10, State::Ready), (10, State::Starting)]);
    Situation::with_pods(20, pods, vec![rate])
        .compare(
            "20 replicas, 10 Ready pods at their target of requests per second, 10 starting pods at 0",
            "Start-up is looked at for CPU only: with any other metric of pods, those that serve nothing yet halve the mean.",
        )
        .gives("20 → 10", "stays at 20 (WithinTolerance)")
}

pub(crate) fn hpa_grows_on_the_start_up_burst_of_a_custom_metric_and_we_do_not() -> Comparison {
    let reads = Measure::PerPod {
        per_replica: 10.0,
        values: each(&[(4, Some(10.0)), (4, Some(40.0))]),
    };
    let pods = each(&[(4, State::Ready), (4, State::Starting)]);
    Situation::with_pods(8, pods, vec![reads])
        .compare(
            "8 replicas, 4 Ready pods at their target of disk reads, 4 starting pods at four times of it",
            "As above: a cache that is being filled looks like load.",
        )
        .gives("8 → 20", "stays at 8 (WithinTolerance)")
}

pub(crate) fn hpa_and_we_count_starting_pods_as_on_their_way_when_cpu_grows() -> Comparison {
    let cpu = Measure::Cpu {
        percent: 50,
        cores: each(&[(4, Some(1.0)), (2, Some(0.9)), (2, None)]),
    };
    let pods = each(&[(4, State::Ready), (2, State::Starting), (2, State::Pending)]);
    Situation::with_pods(8, pods, vec![cpu])
        .compare(
            "8 replicas, 4 Ready pods at twice the CPU target, 2 starting pods and 2 that wait for a node",
            "Alike: starting pods count as idle when growing, so nobody asks twice for the same pods.",
        )
        .gives("stays at 8", "stays at 8 (AwaitingReplicas)")
}

pub(crate) fn hpa_takes_crashed_pods_for_idle_ones_and_we_do_not() -> Comparison {
    let cpu = Measure::Cpu {
        percent: 50,
        cores: each(&[(5, Some(0.75)), (5, Some(0.02))]),
    };
    let pods = each(&[(5, State::Ready), (5, State::Crashing)]);
    Situation::with_pods(10, pods, vec![cpu])
        .compare(
            "10 replicas, 5 pods at 150 % of the CPU target, 5 in a crash loop, sampled at 4 % of it",
            "A pod that was Ready once counts, whatever became of it, as long as it has a sample: the crash halves the mean.",
        )
        .gives("10 → 8", "stays at 10 (PodsWithoutSamples)")
}

pub(crate) fn hpa_grows_a_version_that_only_crashes_and_we_do_not() -> Comparison {
    let memory = Measure::Memory {
        percent: 50,
        values: vec![Some(1.0); 5],
    };
    Situation::with_pods(5, vec![State::CrashingAtStart; 5], vec![memory])
        .compare(
            "5 replicas, none was ever Ready, all end again and again; memory at twice its target",
            "Memory and custom metrics count every pod that runs, whether it was ever Ready or not.",
        )
        .gives("5 → 10", "stays at 5 (MetricsMissing)")
}

pub(crate) fn hpa_fails_on_a_terminating_pod_without_request_and_we_do_not() -> Comparison {
    let mut situation = Situation::with_pods(
        10,
        each(&[(10, State::Ready), (1, State::Terminating)]),
        vec![cpu_of(11, 1.0)],
    );
    situation.requests = each(&[(10, Some(1.0)), (1, None)]);
    situation
        .compare(
            "10 replicas at twice the CPU target; an old pod without a CPU request is terminating",
            "The requests of all pods under the selector are looked up before those being deleted are left out.",
        )
        .gives("stays at 10 (error)", "10 → 20 (MetricAboveTarget)")
}

pub(crate) fn hpa_and_we_refuse_a_utilisation_when_a_living_pod_has_no_request() -> Comparison {
    let mut situation = Situation::of(10, vec![cpu_of(10, 1.0)]);
    situation.requests = each(&[(9, Some(1.0)), (1, None)]);
    situation
        .compare(
            "10 replicas at twice the CPU target; one of them has no CPU request",
            "Alike: nobody knows what 100 % is.",
        )
        .gives("stays at 10 (error)", "stays at 10 (MetricsMissing)")
}

pub(crate) fn hpa_shrinks_in_the_middle_of_a_rollout_and_we_do_not() -> Comparison {
    let situation = Situation {
        is_rolling_out: true,
        ..Situation::with_pods(10, ready(10), vec![cpu_of(10, 0.25)])
    };
    situation
        .compare(
            "10 replicas in a rollout; CPU at half its target, as new pods get no traffic yet",
            "It does not know of rollouts. With us they forbid shrinking for 600 s at most.",
        )
        .gives("10 → 5", "stays at 10 (RolloutUnderWay)")
}

pub(crate) fn hpa_asks_for_pods_that_a_quota_refuses_and_we_do_not() -> Comparison {
    let situation = Situation {
        quota_room: Some(10),
        ..Situation::of(10, vec![cpu_of(10, 1.0)])
    };
    situation
        .compare(
            "10 replicas at twice the CPU target; a ResourceQuota has no room for an eleventh",
            "It does not know of quotas: `spec.replicas` runs away from what can exist, and the next shrink starts there.",
        )
        .gives("10 → 20", "stays at 10 (QuotaExceeded)")
}
