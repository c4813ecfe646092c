//! The overload case: one replica is asked for ten times what it can do, until it has been scaled. Its CPU is at the
//! limit, its probes fail, and its new siblings take time.

use concertina_decision::*;

use crate::fixtures::*;

/// CPU at 50 % of a request that is also the limit, and 10 requests per second and pod. A window of 60 s.
fn shop() -> Policy {
    Policy {
        max_replicas: 20,
        scale_down: Rules {
            stabilization_window_seconds: 60,
            cooldown_seconds: 30,
            ..free()
        },
        ..policy(&[cpu(), rate()])
    }
}

fn pods(ready: usize, unready: usize, starting: usize) -> Vec<Pod> {
    let states = [
        (Pod::Ready, ready),
        (Pod::Unready, unready),
        (Pod::Starting, starting),
    ];
    states
        .into_iter()
        .flat_map(|(pod, count)| vec![pod; count])
        .collect()
}

#[test]
fn a_saturated_replica_is_scaled_until_the_load_is_carried_and_the_replicas_go_again() {
    let mut shop = Timeline::new(shop(), 1);
    let mut step = |at: i64, pod_states: &[Pod], cpu: &[f64], rate: &[f64]| {
        shop.at(at)
            .with_pods(pod_states)
            .read(vec![limited_cores(cpu), per_pod(rate)])
    };
    step(0, &pods(1, 0, 0), &[0.4], &[9.0]).gives(1, Reason::WithinTolerance);

    // The rate window fills with the new load: 100 requests per second, of which one pod could do 10.
    step(5, &pods(1, 0, 0), &[0.98], &[55.0]).gives(6, Reason::MetricAboveTarget);
    step(10, &pods(1, 0, 5), &[1.0], &[96.0]).gives(10, Reason::MetricAboveTarget);
    // The first pod fails its probe. It still counts, and the new pods start up at full CPU without counting.
    step(15, &pods(0, 1, 9), &[1.0; 10], &[100.0, 0.0]).gives(10, Reason::AwaitingReplicas);
    // It does not even answer the scrape.
    shop.at(20)
        .with_pods(&pods(0, 1, 9))
        .read(vec![Reading::PerPod(vec![]), Reading::PerPod(vec![])])
        .gives(10, Reason::MetricsMissing);

    let mut step = |at: i64, pod_states: &[Pod], cpu: &[f64], rate: &[f64]| {
        shop.at(at)
            .with_pods(pod_states)
            .read(vec![limited_cores(cpu), per_pod(rate)])
    };
    // Four pods carry everything and are saturated too: ten are on their way, twice four are fewer.
    step(25, &pods(4, 0, 6), &[1.0; 4], &[25.0; 4]).gives(10, Reason::AwaitingReplicas);
    // All ten are there, retries keep them saturated: the rate says 12, "at least" and CPU say 20.
    let decision = step(30, &pods(10, 0, 0), &[1.0; 10], &[12.0; 10]).gives(20, Reason::MetricAboveTarget);
    let reasons: Vec<_> = decision
        .proposals
        .iter()
        .map(|proposal| proposal.reason)
        .collect();
    assert_eq!(reasons, [Reason::MetricAboveTarget, Reason::CpuAtLimit]);
    assert!(decision.proposals.iter().all(|proposal| proposal.censored));
    step(35, &pods(10, 0, 10), &[0.97; 10], &[11.5; 10]).gives(20, Reason::AwaitingReplicas);
    // The load is carried: 100 requests per second over 20 pods need 10 of them, after the window.
    step(40, &pods(20, 0, 0), &[0.25; 20], &[5.0; 20]).gives(20, Reason::ScaleDownStabilized);
    step(94, &pods(20, 0, 0), &[0.25; 20], &[5.0; 20]).gives(20, Reason::ScaleDownStabilized);
    step(95, &pods(20, 0, 0), &[0.25; 20], &[5.0; 20]).gives(10, Reason::MetricBelowTarget);
    // It falls to a tenth.
    step(100, &pods(10, 0, 0), &[0.05; 10], &[1.0; 10]).gives(10, Reason::ScaleDownStabilized);
    step(154, &pods(10, 0, 0), &[0.05; 10], &[1.0; 10]).gives(10, Reason::ScaleDownStabilized);
    step(155, &pods(10, 0, 0), &[0.05; 10], &[1.0; 10]).gives(1, Reason::MetricBelowTarget);
}

#[test]
fn cpu_at_its_limit_alone_doubles_what_counts() {
    let mut shop = Timeline::new(
        Policy {
            metrics: [cpu()].into_iter().collect(),
            ..shop()
        },
        1,
    );
    // The ratio of 2 cannot show more: each step may double.
    for (at, ready, replicas) in [(0, 1, 2), (30, 2, 4), (60, 4, 8), (90, 8, 16), (120, 16, 20)] {
        let saturated = vec![limited_cores(&vec![1.0; ready])];
        shop.at(at)
            .with_pods(&pods(ready, 0, 0))
            .read(saturated)
            .gives(replicas, Reason::MetricAboveTarget);
    }

    // With a target of 80 % the ratio is only 1.25.
    let metric = Metric {
        target: Target::Utilization { percent: 80.0 },
        ..cpu()
    };
    let mut shop = Timeline::new(
        Policy {
            metrics: [metric].into_iter().collect(),
            ..shop.policy
        },
        4,
    );
    shop.at(0)
        .read(vec![limited_cores(&[1.0; 4])])
        .gives(8, Reason::CpuAtLimit);
}

#[test]
fn a_rate_below_its_target_in_saturated_pods_asks_for_no_fewer() {
    let metrics = [
        Metric {
            target: Target::Utilization { percent: 100.0 },
            ..cpu()
        },
        rate(),
    ];
    let policy = policy(&metrics);
    let readings = |cpu: f64| vec![limited_cores(&[cpu; 4]), per_pod(&[2.0; 4])];
    let saturated = once(&policy, &observation(4, readings(0.96)));
    assert_eq!(saturated.proposals[1].reason, Reason::CpuAtLimit);
    assert_eq!(saturated.desired, 4);
    let at_ease = once(&policy, &observation(4, readings(0.5)));
    assert_eq!(at_ease.proposals[1].replicas(), Some(1));
}

#[test]
fn memory_is_not_at_least_when_cpu_is_at_its_limit() {
    let policy = policy(&[
        Metric {
            target: Target::Utilization { percent: 100.0 },
            ..cpu()
        },
        memory(),
    ]);
    let readings = vec![limited_cores(&[1.0; 4]), cores(&[0.6; 4])];
    let decision = once(&policy, &observation(4, readings));
    assert!(decision.proposals[0].censored && !decision.proposals[1].censored);
    assert_eq!(
        (decision.desired, decision.reason),
        (5, Reason::MetricAboveTarget)
    );
}

#[test]
fn a_pod_that_flaps_between_ready_and_unready_changes_nothing() {
    let mut shop = Timeline::new(shop(), 2);
    for tick in 0..20 {
        let pods = if tick % 2 == 0 {
            pods(2, 0, 0)
        } else {
            pods(1, 1, 0)
        };
        let readings = vec![limited_cores(&[0.5, 0.5]), per_pod(&[10.0, 10.0])];
        shop.at(tick * 5)
            .with_pods(&pods)
            .read(readings)
            .gives(2, Reason::WithinTolerance);
    }
    assert!(shop.memory.changes().is_empty());
}
