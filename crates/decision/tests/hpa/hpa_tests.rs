//! The calculator gives what upstream's own tests expect (`replica_calculator_test.go`, named beside each row), so that the comparison is fair. Pure.

use concertina_decision::{Replicas, Timestamp};

use crate::fixtures::noon;
use crate::hpa::*;

const TOLERANCE: Tolerance = Tolerance { up: 0.1, down: 0.1 };

/// How a pod of a row is.
#[derive(Clone, Copy, PartialEq)]
enum Is {
    Ready,
    /// Not Ready since it started.
    NotReady,
    /// Started a moment ago and Ready at once: its sample is of the start.
    Hot,
    Pending,
    Failed,
    Deleted,
}

fn pod(is: Is) -> Pod {
    let started = if is == Is::Hot {
        noon()
    } else {
        Timestamp(noon().0 - 3_600_000)
    };
    Pod {
        phase: match is {
            Is::Pending => Phase::Pending,
            Is::Failed => Phase::Failed,
            _ => Phase::Running,
        },
        being_deleted: is == Is::Deleted,
        started: Some(started),
        ready: Some(ReadyCondition {
            is_ready: is != Is::NotReady,
            since: started,
        }),
        request: Some(1000),
    }
}

fn samples(values: &[i64]) -> Samples {
    let sample = |value: &i64| Sample {
        value: *value,
        at: noon(),
        window_seconds: 60,
    };
    values.iter().map(sample).enumerate().collect()
}

fn proposed(metric: Metric, replicas: Replicas, pods: &[Is], values: &[i64]) -> Result<Replicas, Invalid> {
    let pods: Vec<_> = pods.iter().copied().map(pod).collect();
    let answer = match metric {
        Metric::CpuUtilization(_) | Metric::MemoryUtilization(_) | Metric::PodsAverage(_) => {
            Answer::PerPod(samples(values))
        }
        _ => Answer::Values(values.to_vec()),
    };
    let scene = Scene {
        replicas,
        status_replicas: replicas,
        pods: &pods,
        tolerance: TOLERANCE,
        now: noon(),
    };
    propose(metric, &answer, &scene)
}

#[test]
#[rustfmt::skip] // one row for each test of upstream
fn utilisation_as_upstream_expects_it() {
    use Is::{Deleted, Failed, Hot, NotReady, Pending, Ready};
    for (test, target, replicas, pods, values, expected) in [
        ("ScaleUp", 30, 3, vec![Ready; 3], vec![300, 500, 700], 5),
        ("ScaleUpUnreadyLessScale", 30, 3, vec![NotReady, Ready, Ready], vec![300, 500, 700], 4),
        ("ScaleUpHotCpuLessScale", 30, 3, vec![Hot, Ready, Ready], vec![300, 500, 700], 4),
        ("ScaleUpUnreadyNoScale", 30, 3, vec![Ready, NotReady, NotReady], vec![400, 500, 700], 3),
        ("ScaleUpIgnoresFailedPods", 30, 2, vec![Ready, Ready, Failed, Failed], vec![500, 700], 4),
        ("ScaleUpIgnoresDeletionPods", 30, 2, vec![Ready, Ready, Deleted, Deleted], vec![500, 700], 4),
        ("ScaleDown", 50, 5, vec![Ready; 5], vec![100, 300, 500, 250, 250], 3),
        ("ScaleDownIncludeUnreadyPods", 50, 5, vec![Ready, Ready, Ready, NotReady, NotReady], vec![100, 300, 500, 250, 250], 2),
        ("ScaleDownExcludeUnscheduledPods", 50, 5, vec![Ready, Pending, Pending, Pending, Pending], vec![100], 1),
        ("ScaleDownIgnoreHotCpuPods", 50, 5, vec![Ready, Ready, Ready, Hot, Hot], vec![100, 300, 500, 250, 250], 2),
        ("SuperfluousMetrics", 100, 4, vec![Ready; 4], vec![4000, 9500, 3000, 7000, 3200, 2000], 24),
        ("MissingMetrics", 100, 4, vec![Ready; 4], vec![400, 95], 3),
        ("MissingMetricsNoChangeEq", 100, 2, vec![Ready; 2], vec![1000], 2),
        ("MissingMetricsNoChangeGt", 100, 2, vec![Ready; 2], vec![1900], 2),
        ("MissingMetricsNoChangeLt", 100, 2, vec![Ready; 2], vec![600], 2),
        ("MissingMetricsUnreadyChange", 50, 3, vec![NotReady, Ready, Ready], vec![100, 450], 3),
        ("MissingMetricsUnreadyScaleUp", 50, 3, vec![NotReady, Ready, Ready], vec![100, 2000], 4),
        ("MissingMetricsUnreadyScaleDown", 50, 4, vec![NotReady, Ready, Ready, Ready], vec![100, 100, 100], 3),
        ("DuringRollingUpdateWithMaxSurge", 50, 2, vec![Ready; 3], vec![100, 100], 2),
    ] {
        let found = proposed(Metric::CpuUtilization(target), replicas, &pods, &values);
        assert_eq!(found, Ok(expected), "TestReplicaCalc{test}");
    }
}

#[test]
fn tolerance_with_unequal_requests_as_upstream_expects_it() {
    let mut pods = [pod(Is::Ready); 3];
    for (pod, request) in pods.iter_mut().zip([900, 1000, 1100]) {
        pod.request = Some(request);
    }
    let scene = Scene {
        replicas: 3,
        status_replicas: 3,
        pods: &pods,
        tolerance: TOLERANCE,
        now: noon(),
    };
    let answer = Answer::PerPod(samples(&[1010, 1030, 1020]));
    assert_eq!(
        propose(Metric::CpuUtilization(100), &answer, &scene),
        Ok(3),
        "TestReplicaCalcTolerance"
    );
}

#[test]
#[rustfmt::skip] // one row for each test of upstream
fn metrics_of_pods_as_upstream_expects_them() {
    use Is::{Hot, NotReady, Ready};
    for (test, target, replicas, pods, values, expected) in [
        ("ScaleUpCM", 15_000, 3, vec![Ready; 3], vec![20_000, 10_000, 30_000], 4),
        ("ScaleUpCMUnreadyHotCpuNoLessScale", 15_000, 3, vec![Ready, Ready, Hot], vec![50_000, 10_000, 30_000], 6),
        ("ScaleUpCMUnreadyHotCpuScaleWouldScaleDown", 15_000, 3, vec![NotReady, Ready, Hot], vec![50_000, 15_000, 30_000], 7),
        ("ScaleDownCM", 20_000, 5, vec![Ready; 5], vec![12_000; 5], 3),
        ("ToleranceCM", 20_000, 3, vec![Ready; 3], vec![20_000, 21_000, 21_000], 3),
    ] {
        let found = proposed(Metric::PodsAverage(target), replicas, &pods, &values);
        assert_eq!(found, Ok(expected), "TestReplicaCalc{test}");
    }
}

#[test]
#[rustfmt::skip] // one row for each test of upstream
fn objects_and_external_metrics_as_upstream_expects_them() {
    use Is::{NotReady, Ready};
    use Metric::{ExternalAverage, ExternalValue, ObjectAverage, ObjectValue};
    let one_of_three = vec![NotReady, Ready, NotReady];
    for (test, metric, replicas, pods, value, expected) in [
        ("ScaleUpCMObject", ObjectValue(15_000), 3, vec![Ready; 3], 20_000, 4),
        ("ScaleUpCMPerPodObject", ObjectAverage(5_000), 3, vec![Ready; 3], 20_000, 4),
        ("ScaleUpCMObjectIgnoresUnreadyPods", ObjectValue(10_000), 3, one_of_three.clone(), 50_000, 5),
        ("ScaleUpCMExternal", ExternalValue(4_400), 1, vec![Ready], 8_600, 2),
        ("ScaleUpCMExternalIgnoresUnreadyPods", ExternalValue(4_400), 3, one_of_three, 8_600, 2),
        ("ScaleUpPerPodCMExternal", ExternalAverage(2_150), 3, vec![Ready; 3], 8_600, 4),
        ("ScaleDownPerPodCMObject", ObjectAverage(2_000), 5, vec![Ready; 5], 6_000, 3),
        ("ScaleDownCMObject", ObjectValue(20_000), 5, vec![Ready; 5], 12_000, 3),
        ("ScaleDownCMExternal", ExternalValue(14_334), 5, vec![Ready; 5], 8_600, 3),
        ("ScaleDownPerPodCMExternal", ExternalAverage(2_867), 5, vec![Ready; 5], 8_600, 3),
        ("ToleranceCMObject", ObjectValue(20_000), 3, vec![Ready; 3], 20_666, 3),
        ("TolerancePerPodCMObject", ObjectAverage(5_000), 4, vec![Ready; 4], 20_166, 4),
        ("ToleranceCMExternal", ExternalValue(8_888), 3, vec![Ready; 3], 8_600, 3),
        ("TolerancePerPodCMExternal", ExternalAverage(2_900), 3, vec![Ready; 3], 8_600, 3),
    ] {
        let found = proposed(metric, replicas, &pods, &[value]);
        assert_eq!(found, Ok(expected), "TestReplicaCalc{test}");
    }
}

#[test]
fn errors_as_upstream_expects_them() {
    let cpu = Metric::CpuUtilization(100);
    assert_eq!(
        proposed(cpu, 4, &[Is::Ready; 3], &[]),
        Err(Invalid::NoAnswer),
        "EmptyMetrics"
    );
    assert_eq!(
        proposed(cpu, 1, &[], &[100]),
        Err(Invalid::NoPods),
        "no pods under the selector"
    );
    assert_eq!(
        proposed(cpu, 1, &[Is::Pending], &[100]),
        Err(Invalid::NoSamples),
        "only pods that are not counted"
    );
    let without_request = Pod {
        request: None,
        ..pod(Is::Ready)
    };
    let scene = Scene {
        replicas: 1,
        status_replicas: 1,
        pods: &[without_request],
        tolerance: TOLERANCE,
        now: noon(),
    };
    assert_eq!(
        propose(cpu, &Answer::PerPod(samples(&[200])), &scene),
        Err(Invalid::MissingRequest),
        "EmptyCPURequest"
    );
}

#[test]
fn the_backlog_that_once_scaled_to_one_is_capped_where_it_was_mended() {
    let backlog = [214_748_365_000];
    assert_eq!(
        proposed(Metric::ExternalAverage(100), 100, &[Is::Ready; 100], &backlog),
        Ok(i32::MAX),
        "kubernetes#127050"
    );
    assert_eq!(
        proposed(Metric::ObjectAverage(100), 100, &[Is::Ready; 100], &backlog),
        Ok(i32::MIN),
        "kubernetes#126892"
    );
    let most = [i64::MAX, 1];
    assert_eq!(
        proposed(Metric::ExternalValue(1), 1, &[Is::Ready], &most),
        Ok(i32::MAX)
    );
    assert_eq!(
        proposed(Metric::ExternalAverage(1), 1, &[Is::Ready], &most),
        Ok(i32::MAX)
    );
}

#[test]
fn an_adapter_has_no_number_for_nan_and_infinity() {
    assert_eq!(quantity(0.0015), 2);
    assert_eq!(quantity(-1.0), -1000);
    assert_eq!(quantity(f64::NAN), 0);
    assert_eq!(quantity(f64::INFINITY), i64::MIN);
    assert_eq!(quantity(f64::NEG_INFINITY), i64::MIN);
}

#[test]
fn pods_are_grouped_as_upstream_expects_it() {
    let ago = |seconds: i64| Timestamp(noon().0 - seconds * 1000);
    let with = |started: i64, is_ready: bool, since: i64| Pod {
        started: Some(ago(started)),
        ready: Some(ReadyCondition {
            is_ready,
            since: ago(since),
        }),
        ..pod(Is::Ready)
    };
    let sampled = |seconds: i64| Sample {
        value: 1,
        at: ago(seconds),
        window_seconds: 30,
    };
    let without_condition = Pod {
        ready: None,
        ..pod(Is::Ready)
    };
    for (case, pod, sample, is_unready) in [
        ("no Ready condition", without_condition, sampled(0), true),
        (
            "fresh sample in the initialisation period",
            with(60, true, 60),
            sampled(0),
            false,
        ),
        (
            "sample of the start in that period",
            with(60, true, 60),
            sampled(40),
            true,
        ),
        ("not Ready in that period", with(60, false, 50), sampled(0), true),
        (
            "not Ready later, and never was",
            with(600, false, 600),
            sampled(0),
            true,
        ),
        (
            "not Ready later, but once was",
            with(600, false, 120),
            sampled(0),
            false,
        ),
        ("Ready for long", with(600, true, 590), sampled(3600), false),
    ] {
        let samples: Samples = [(0, sample)].into();
        let unready = |is_cpu| !group(&[pod], &samples, is_cpu, noon()).unready.is_empty();
        assert_eq!(unready(true), is_unready, "{case}");
        assert!(!unready(false), "{case}: of no matter to anything but CPU");
    }
}
