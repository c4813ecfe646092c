//! What the kubelet measures of containers: by cAdvisor, by its resource metrics, and by both.
use concertina_decision::Reason;
use serde_json::{Value, json};

use crate::series::Series;
use crate::world::{Read, World, assert_near, pods, told};

fn metrics() -> Value {
    json!([
        {"name": "cpu", "cpu": {"averageUtilization": 70}},
        {"name": "memory", "memory": {"averageUtilization": 70}},
    ])
}

/// A container in cAdvisor, whose pod and pause container have series too.
fn cadvisor(pod: &str, cores: f64, bytes: f64) -> Vec<Series> {
    let of = |container: &str, image: &str| {
        format!(
            "{{job=\"kubelet\",metrics_path=\"/metrics/cadvisor\",node=\"n\",namespace=\"shop\",pod=\"{pod}\",\
             container=\"{container}\",image=\"{image}\",id=\"/kubepods/{pod}/{container}\",name=\"{container}\"}}"
        )
    };
    let cpu = |container: &str, image: &str, cores: f64| {
        Series::counter(
            &format!("container_cpu_usage_seconds_total{}", of(container, image)),
            cores,
        )
    };
    let memory = |container: &str, image: &str, bytes: f64| {
        Series::gauge(
            &format!("container_memory_working_set_bytes{}", of(container, image)),
            bytes,
        )
    };
    vec![
        cpu("app", "shop", cores),
        cpu("", "", cores + 0.1),
        cpu("POD", "pause", 0.1),
        memory("app", "shop", bytes),
        memory("", "", bytes + 1e6),
        memory("POD", "pause", 1e6),
    ]
}

/// A container in the kubelet's resource metrics.
fn resource_metrics(pod: &str, cores: f64, bytes: f64) -> Vec<Series> {
    let labels = format!(
        "{{job=\"kubelet\",metrics_path=\"/metrics/resource\",node=\"n\",namespace=\"shop\",pod=\"{pod}\",\
         container=\"app\"}}"
    );
    vec![
        Series::counter(&format!("container_cpu_usage_seconds_total{labels}"), cores),
        Series::gauge(&format!("container_memory_working_set_bytes{labels}"), bytes),
        Series::counter(
            &format!("pod_cpu_usage_seconds_total{{namespace=\"shop\",pod=\"{pod}\"}}"),
            cores,
        ),
    ]
}

fn assert_usage(found: &[Read], cores: f64, bytes: f64) {
    assert_near(pods(&found[0])[0].unwrap(), cores);
    assert_near(pods(&found[1])[0].unwrap(), bytes);
}

#[tokio::test]
async fn cpu_and_memory_come_from_cadvisor_or_the_resource_metrics_whichever_is_there() {
    let world = World::new("").with_pods(&["web-a"]);
    world.prometheus.push(&cadvisor("web-a", 0.5, 2e8)).await;
    let found = world.metrics(metrics()).await;
    assert_usage(&found, 0.5, 2e8);
    assert!(found.iter().all(|read| read.1.is_none()), "{found:?}");

    let world = World::new("").with_pods(&["web-a"]);
    world.prometheus.push(&resource_metrics("web-a", 0.5, 2e8)).await;
    let found = world.metrics(metrics()).await;
    assert_usage(&found, 0.5, 2e8);
    assert!(found.iter().all(|read| read.1.is_none()), "{found:?}");
}

#[tokio::test]
async fn both_count_once_and_are_told_of() {
    let world = World::new("").with_pods(&["web-a"]);
    let mut series = cadvisor("web-a", 0.5, 2e8);
    series.extend(resource_metrics("web-a", 0.49, 1.9e8));
    world.prometheus.push(&series).await;
    let found = world.metrics(metrics()).await;
    assert_usage(&found, 0.5, 2e8);
    for read in &found {
        assert_eq!(read.1.as_ref().unwrap().reason, Reason::DuplicateSeries);
    }
}

#[tokio::test]
async fn labels_of_pods_may_have_other_names_and_a_server_may_hold_several_clusters() {
    let configuration =
        "labels: {namespace: exported_namespace, pod: exported_pod, container: exported_container}";
    let world = World::of_server(", matchers: 'cluster=\"a\"'", configuration).with_pods(&["web-a"]);
    let renamed = "namespace=\"monitoring\",pod=\"agent\",container=\"agent\",exported_namespace=\"shop\",\
                   exported_pod=\"web-a\",exported_container=\"app\"";
    let cpu = |cluster: &str, cores: f64| {
        let labels = format!("{{cluster=\"{cluster}\",{renamed}}}");
        Series::counter(&format!("container_cpu_usage_seconds_total{labels}"), cores)
    };
    world.prometheus.push(&[cpu("a", 0.25), cpu("b", 0.75)]).await;
    let found = world
        .metrics(json!([{"name": "cpu", "cpu": {"averageUtilization": 70}}]))
        .await;
    assert_near(pods(&found[0])[0].unwrap(), 0.25);
}

#[tokio::test]
async fn the_traffic_of_a_pod_is_that_of_its_interfaces_and_devices() {
    let world = World::new("").with_pods(&["web-a"]);
    let counter = |name: &str, more: &str, rate: f64| {
        let labels = format!("job=\"kubelet\",namespace=\"shop\",pod=\"web-a\",{more}");
        Series::counter(&format!("{name}{{{labels}}}"), rate)
    };
    world
        .prometheus
        .push(&[
            counter(
                "container_network_receive_bytes_total",
                "interface=\"eth0\"",
                100.0,
            ),
            counter("container_network_receive_bytes_total", "interface=\"lo\"", 999.0),
            counter(
                "container_network_transmit_bytes_total",
                "interface=\"eth0\"",
                50.0,
            ),
            counter(
                "container_fs_reads_bytes_total",
                "container=\"app\",device=\"a\"",
                10.0,
            ),
            counter(
                "container_fs_reads_bytes_total",
                "container=\"app\",device=\"b\"",
                5.0,
            ),
            counter(
                "container_fs_writes_bytes_total",
                "container=\"app\",device=\"a\"",
                1.0,
            ),
        ])
        .await;
    let found = world
        .metrics(json!([
            {"name": "both", "network": {"averageValue": 1}},
            {"name": "sent", "network": {"averageValue": 1, "direction": "Transmit"}},
            {"name": "disk", "disk": {"averageValue": 1}},
            {"name": "read", "disk": {"averageValue": 1, "direction": "Read"}},
        ]))
        .await;
    for (read, expected) in found.iter().zip([150.0, 50.0, 16.0, 15.0]) {
        assert_near(pods(read)[0].unwrap(), expected);
        assert_eq!(told(read), "nothing");
    }
}
