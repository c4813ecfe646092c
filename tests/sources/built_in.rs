//! The sources that are there without being listed.
use concertina_decision::{Missing, Reading, Reason};
use serde_json::{Value, json};

use crate::series::Series;
use crate::world::{World, assert_near, assert_totals, pods, told, total};

/// The three measures of one source.
pub(crate) fn measures(source: &str, quantile: &str) -> Value {
    json!([
        {"name": "rate", "requestRate": {"source": source, "averageValue": 1}},
        {"name": "time", "responseTime": {"source": source, "quantile": quantile, "value": 1}},
        {"name": "failures", "failureRate": {"source": source, "value": "0.5"}},
    ])
}

/// What one pod of ingress-nginx exposes of a service: requests per second by status, and their durations.
fn nginx(labels: &str, ok: f64, failed: f64) -> Vec<Series> {
    let of = |more: &str| {
        format!(
            "{{job=\"ingress-nginx\",controller_namespace=\"ingress-nginx\",controller_class=\"k8s.io/ingress-nginx\",\
             canary=\"\",host=\"shop.example\",method=\"GET\",path=\"/\",{labels},{more}}}"
        )
    };
    let requests = |status: &str, rate: f64| {
        let text = format!(
            "nginx_ingress_controller_requests{}",
            of(&format!("status=\"{status}\""))
        );
        Series::counter(&text, rate)
    };
    let durations = Series::histogram(
        &format!(
            "nginx_ingress_controller_request_duration_seconds{}",
            of("status=\"200\"")
        ),
        &[0.1, 0.2, 0.4],
        &[ok / 2.0, ok / 4.0, ok / 4.0, 0.0],
    );
    vec![
        requests("200", ok / 2.0),
        requests("301", ok / 2.0),
        requests("502", failed),
        durations,
    ]
}

#[tokio::test]
async fn the_replicas_of_ingress_nginx_are_summed_by_service() {
    let world = World::new("");
    let web = "namespace=\"shop\",ingress=\"shop\",service=\"web\"";
    let mut series = nginx(&format!("{web},controller_pod=\"a\""), 20.0, 2.0);
    series.extend(nginx(&format!("{web},controller_pod=\"b\""), 16.0, 2.0));
    let other = "namespace=\"shop\",ingress=\"api\",service=\"api\",controller_pod=\"a\"";
    series.extend(nginx(other, 100.0, 0.0));
    let elsewhere = "namespace=\"elsewhere\",ingress=\"shop\",service=\"web\",controller_pod=\"a\"";
    series.extend(nginx(elsewhere, 1000.0, 0.0));
    world.prometheus.push(&series).await;

    let found = world.metrics(measures("ingress-nginx", "0.5")).await;
    assert_totals(&found, &[40.0, 0.1, 0.1]);

    let by_ingress = json!([
        {"name": "rate", "requestRate": {"source": "ingress-nginx", "averageValue": 1, "match": {"ingress": "api"}}},
        {"name": "one", "requestRate": {"source": "ingress-nginx", "averageValue": 1,
                                        "match": {"ingress": "shop", "controller_pod": "a"}}},
    ]);
    let found = world.metrics(by_ingress).await;
    assert_totals(&found, &[100.0, 22.0]);
}

#[tokio::test]
async fn two_jobs_that_scrape_ingress_nginx_count_once_and_are_told_of() {
    let world = World::new("");
    let web = "namespace=\"shop\",ingress=\"shop\",service=\"web\",controller_pod=\"a\"";
    let mut series = nginx(web, 20.0, 2.0);
    series.extend(nginx(&format!("{web},endpoint=\"metrics\""), 0.0, 0.0));
    let twice = Series::counter(
        "nginx_ingress_controller_requests{job=\"pods\",controller_namespace=\"ingress-nginx\",controller_pod=\"a\",\
         namespace=\"shop\",service=\"web\",status=\"200\"}",
        21.0,
    );
    series.push(twice);
    world.prometheus.push(&series).await;
    let found = world.metrics(measures("ingress-nginx", "0.5")).await;
    match &found[0] {
        (Reading::Total { value, .. }, Some(note)) => {
            assert_near(*value, 22.0);
            assert_eq!(note.reason, Reason::DuplicateSeries);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn labels_that_prometheus_renamed_are_a_matter_of_configuration() {
    let world = World::new(
        "sources: {ingress-nginx: {namespaceLabel: exported_namespace, workloadLabel: exported_service}}",
    );
    let renamed = "namespace=\"ingress-nginx\",service=\"ingress-nginx-controller-metrics\",pod=\"a\",\
                   controller_pod=\"a\",exported_namespace=\"shop\",exported_service=\"web\",ingress=\"shop\"";
    world.prometheus.push(&nginx(renamed, 20.0, 5.0)).await;
    let found = world.metrics(measures("ingress-nginx", "0.75")).await;
    assert_totals(&found, &[25.0, 0.2, 0.2]);
}

/// What one sidecar of Istio exposes of the requests to a workload.
fn istio(pod: &str, reporter: &str, workload: &str, ok: f64, failed: f64) -> Vec<Series> {
    let of = |code: &str| {
        format!(
            "{{job=\"envoy-stats\",namespace=\"shop\",pod=\"{pod}\",reporter=\"{reporter}\",\
             source_workload=\"gateway\",source_workload_namespace=\"istio-system\",\
             destination_workload=\"{workload}\",destination_workload_namespace=\"shop\",\
             destination_service_name=\"{workload}\",request_protocol=\"http\",response_code=\"{code}\",\
             response_flags=\"-\",connection_security_policy=\"mutual_tls\"}}"
        )
    };
    vec![
        Series::counter(&format!("istio_requests_total{}", of("200")), ok),
        Series::counter(&format!("istio_requests_total{}", of("503")), failed),
        Series::histogram(
            &format!("istio_request_duration_milliseconds{}", of("200")),
            &[5.0, 10.0, 25.0],
            &[ok / 2.0, ok / 4.0, ok / 4.0, 0.0],
        ),
    ]
}

#[tokio::test]
async fn istio_counts_at_the_destination_and_in_milliseconds() {
    let world = World::new("");
    let mut series = istio("web-a", "destination", "web", 30.0, 3.0);
    series.extend(istio("web-b", "destination", "web", 15.0, 2.0));
    series.extend(istio("gateway", "source", "web", 45.0, 5.0));
    series.extend(istio("api-a", "destination", "api", 500.0, 500.0));
    world.prometheus.push(&series).await;
    let found = world.metrics(measures("istio", "0.75")).await;
    assert_totals(&found, &[50.0, 0.010, 0.1]);
}

#[tokio::test]
async fn native_histograms_give_the_same_quantile_as_classic_ones() {
    let world = World::new("sources: {mesh: {duration: mesh_seconds, workloadLabel: app}}");
    let labels = "{job=\"mesh\",namespace=\"shop\",pod=\"a\",app=\"web\"}";
    // Buckets of a fourth of a doubling: the ninth begins at 2^(8/4) = 4 and ends at 2^(9/4).
    let native = Series::native(&format!("mesh_seconds{labels}"), 8, &[10.0]);
    world.prometheus.push(&[native]).await;
    let metrics =
        json!([{"name": "time", "responseTime": {"source": "mesh", "quantile": "0.5", "value": 1}}]);
    let found = total(&world.metrics(metrics).await[0]);
    assert!((4.0..=4.76).contains(&found), "{found}");
}

#[tokio::test]
async fn a_quantile_above_the_last_bound_is_at_least_that_bound() {
    let world = World::new("");
    let labels =
        "{job=\"n\",namespace=\"shop\",service=\"web\",controller_pod=\"a\",controller_namespace=\"i\"}";
    let name = format!("nginx_ingress_controller_request_duration_seconds{labels}");
    let slow = Series::histogram(&name, &[0.1, 10.0], &[1.0, 0.0, 9.0]);
    world.prometheus.push(&[slow]).await;
    let metrics = json!([{"name": "time", "responseTime": {"source": "ingress-nginx", "value": 1}}]);
    assert_near(total(&world.metrics(metrics).await[0]), 10.0);
}

#[tokio::test]
async fn without_requests_a_metric_has_nothing_and_a_guard_is_clear() {
    let world = World::new("");
    let web = "namespace=\"shop\",ingress=\"shop\",service=\"web\",controller_pod=\"a\"";
    world.prometheus.push(&nginx(web, 0.0, 0.0)).await;
    let found = world.metrics(measures("ingress-nginx", "0.95")).await;
    assert_near(total(&found[0]), 0.0);
    for read in &found[1..] {
        assert_eq!(read.0, Reading::Missing(Missing::NoSamples), "{}", told(read));
        assert!(told(read).contains("no requests"), "{}", told(read));
    }
    let guards = json!([
        {"name": "time", "responseTime": {"source": "ingress-nginx"}, "above": 1},
        {"name": "failures", "failureRate": {"source": "ingress-nginx"}, "above": "0.01"},
        {"name": "other", "failureRate": {"source": "ingress-nginx", "match": {"ingress": "typo"}}, "above": 1},
    ]);
    let found = world.guards(guards).await;
    assert_totals(&found[..2], &[0.0, 0.0]);
    assert_eq!(
        found[2].0,
        Reading::Missing(Missing::NoSamples),
        "what is not counted is not healthy"
    );
}

#[tokio::test]
async fn what_never_failed_has_a_failure_rate_of_zero() {
    let world = World::new("");
    let web = "namespace=\"shop\",ingress=\"shop\",service=\"web\",controller_pod=\"a\"";
    let mut series = nginx(web, 10.0, 0.0);
    series.remove(2);
    world.prometheus.push(&series).await;
    let found = world.metrics(measures("ingress-nginx", "0.95")).await;
    assert_near(total(&found[2]), 0.0);
}

#[tokio::test]
async fn pods_count_their_own_requests_once_however_many_jobs_scrape_them() {
    let world = World::new("").with_pods(&["web-a", "web-b", "web-c"]);
    let requests = |pod: &str, job: &str, code: &str, rate: f64| {
        let labels = format!("namespace=\"shop\",pod=\"{pod}\",job=\"{job}\",code=\"{code}\"");
        Series::counter(&format!("http_requests_total{{{labels}}}"), rate)
    };
    world
        .prometheus
        .push(&[
            requests("web-a", "pods", "200", 8.0),
            requests("web-a", "pods", "500", 2.0),
            requests("web-b", "pods", "200", 5.0),
            requests("web-b", "services", "200", 5.0),
        ])
        .await;
    let metrics = json!([{"name": "rate", "requestRate": {"averageValue": 1}}]);
    let found = world.metrics(metrics).await;
    let numbers = pods(&found[0]);
    assert_near(numbers[0].unwrap(), 10.0);
    assert_near(numbers[1].unwrap(), 5.0);
    assert_eq!(numbers[2], None);
    assert!(
        told(&found[0]).contains("pod web-b has several series"),
        "{}",
        told(&found[0])
    );
}
