//! How soon and how fast: the period, the growth of what is saturated, the default limit.

use concertina_decision::*;

use crate::cases::*;
use crate::hpa_loop::{Hpa, SYNC_SECONDS};
use crate::outcome::{Comparison, hpa_over_time, ours_over_time, path};

/// CPU of pods that share a load and cannot use more than their limit of one core.
fn saturated(percent: i32, load_cores: f64) -> impl Fn(u32, Replicas) -> Situation {
    move |_, replicas| {
        let replicas = usize::try_from(replicas).unwrap();
        let cores = (load_cores / replicas as f64).min(1.0);
        Situation {
            limit: Some(1.0),
            ..Situation::of(
                replicas,
                vec![Measure::Cpu {
                    percent,
                    cores: vec![Some(cores); replicas],
                }],
            )
        }
    }
}

fn overload(
    percent: i32,
    load_cores: f64,
    rounds: u32,
    situation: &'static str,
    why: &'static str,
) -> Comparison {
    let at = saturated(percent, load_cores);
    let (mut hpa, policy) = at(0, 4).undamped();
    let seconds = || (0..rounds).map(|round| round * 15);
    Comparison {
        situation,
        why,
        hpa: path(hpa_over_time(&mut hpa, seconds(), 4, &at)),
        concertina: path(ours_over_time(policy, seconds(), 4, &at)),
    }
}

pub(crate) fn hpa_grows_by_one_over_the_target_when_cpu_is_at_its_limit_and_we_double() -> Comparison {
    overload(
        60,
        24.0,
        8,
        "4 replicas with the CPU request as limit, target 60 %, ten times the load",
        "Throttled pods show 100 % and no more, so a round grows by 1 ÷ 0.6 at most, however much is asked. At the limit we take the sample for \"at least\" and double.",
    )
    .gives("4 → 7 → 12 → 20 → 34 → 40", "4 → 8 → 16 → 32 → 40")
}

pub(crate) fn hpa_crawls_with_a_high_target_when_cpu_is_at_its_limit_and_we_double() -> Comparison {
    overload(
        85,
        34.0,
        8,
        "The same with a target of 85 %, after eight rounds",
        "1 ÷ 0.85: the higher the target, the slower the growth. Doubling may go too far: while the pods are at their limit nobody knows by how much.",
    )
    .gives("4 → 5 → 6 → 8 → 10 → 12 → 15 → 18 → 22", "4 → 8 → 16 → 32 → 64 → 40")
}

pub(crate) fn hpa_stays_at_the_cpu_limit_when_it_is_within_the_tolerance_of_the_target_and_we_double()
-> Comparison {
    overload(
        95,
        38.0,
        8,
        "The same with a target of 95 %",
        "The most that a pod can show, 100 %, is within the tolerance of 95 %, so HPA never grows. \"At least\" has no tolerance with us.",
    )
    .gives("stays at 4", "4 → 8 → 16 → 32 → 64 → 40")
}

pub(crate) fn hpa_waits_for_its_round_of_15_seconds_and_we_for_ours_of_5() -> Comparison {
    let at = |second: u32, replicas: Replicas| {
        let queue = if second < 1 { 20.0 } else { 200.0 };
        Situation::at(replicas, vec![queue_of(queue)])
    };
    let (mut hpa, policy) = at(0, 2).undamped();
    let sync = usize::try_from(SYNC_SECONDS).unwrap();
    let first = |period: usize, grown: &mut dyn FnMut(u32) -> bool| {
        let second = (0..=60).step_by(period).find(|second| grown(*second));
        format!("2 → 20 after {} s", second.unwrap() - 1)
    };
    let mut target = crate::fixtures::Timeline::new(policy, 2);
    Comparison {
        situation: "2 replicas; ten times the load one second after a round. Our policy has `periodSeconds: 5`",
        why: "One period for all objects, a flag of the controller manager. Ours is 1 to 60 s for each policy, 15 s by default.",
        hpa: first(sync, &mut |second| {
            hpa_over_time(&mut hpa, [second], 2, at).last() == Some(&20)
        }),
        concertina: first(5, &mut |second| {
            let readings = at(second, target.replicas).observation(target.now).metrics;
            target.at(i64::from(second)).read(readings);
            target.replicas == 20
        }),
    }
    .gives("2 → 20 after 14 s", "2 → 20 after 4 s")
}

pub(crate) fn hpa_doubles_at_most_by_default_and_we_go_where_the_load_is() -> Comparison {
    let at = |_: u32, replicas: Replicas| Situation::at(replicas, vec![queue_of(500.0)]);
    let (mut hpa, policy): (Hpa, Policy) = at(0, 1).by_default();
    let seconds = || (0..6).map(|round| round * 15);
    Comparison {
        situation: "1 replica, a queue of 500, 10 for each replica; nothing but defaults",
        why: "A round ends at twice the replicas or at 4. Ours has no limit on growth unless one is written.",
        hpa: path(hpa_over_time(&mut hpa, seconds(), 1, at)),
        concertina: path(ours_over_time(policy, seconds(), 1, at)),
    }
    .gives("1 → 4 → 8 → 16 → 32 → 50", "1 → 50")
}
