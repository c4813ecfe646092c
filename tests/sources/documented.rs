//! The sources that docs/how-to/sources.md shows, as they stand there.
use concertina_decision::Reading;

use crate::built_in::measures;
use crate::series::Series;
use crate::world::{World, assert_totals, told};

/// The YAML block of the page that has this text.
fn documented(part: &str) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/how-to/sources.md");
    let page = std::fs::read_to_string(path).unwrap();
    let mut blocks = page
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let block = blocks.find(|block| block.starts_with("sources:") && block.contains(part));
    block
        .unwrap_or_else(|| panic!("no source with {part} in {path}"))
        .to_owned()
}

#[tokio::test]
async fn linkerd_counts_what_its_proxies_receive() {
    let world = World::new(&documented("linkerd:"));
    let of = |pod: &str, direction: &str, class: &str| {
        format!(
            "{{job=\"linkerd-proxy\",namespace=\"shop\",deployment=\"web\",pod=\"{pod}\",direction=\"{direction}\",\
             classification=\"{class}\",status_code=\"200\",tls=\"true\"}}"
        )
    };
    let responses = |pod: &str, direction: &str, class: &str, rate: f64| {
        Series::counter(&format!("response_total{}", of(pod, direction, class)), rate)
    };
    let latency = Series::histogram(
        &format!("response_latency_ms{}", of("web-a", "inbound", "success")),
        &[10.0, 20.0, 40.0],
        &[5.0, 2.5, 2.5, 0.0],
    );
    world
        .prometheus
        .push(&[
            responses("web-a", "inbound", "success", 8.0),
            responses("web-b", "inbound", "success", 10.0),
            responses("web-b", "inbound", "failure", 2.0),
            responses("web-b", "outbound", "success", 77.0),
            latency,
        ])
        .await;
    let found = world.metrics(measures("linkerd", "0.5")).await;
    assert_totals(&found, &[20.0, 0.010, 0.1]);
}

#[tokio::test]
async fn traefik_names_services_after_namespace_name_and_port() {
    let world = World::new(&documented("traefik:"));
    let of = |pod: &str, service: &str, code: &str| {
        format!(
            "{{job=\"traefik\",namespace=\"traefik\",pod=\"{pod}\",service=\"{service}\",code=\"{code}\",method=\"GET\",\
             protocol=\"http\"}}"
        )
    };
    let requests = |pod: &str, service: &str, code: &str, rate: f64| {
        Series::counter(
            &format!("traefik_service_requests_total{}", of(pod, service, code)),
            rate,
        )
    };
    let durations = Series::histogram(
        &format!(
            "traefik_service_request_duration_seconds{}",
            of("a", "shop-web-80@kubernetes", "200")
        ),
        &[0.1, 0.3, 1.2],
        &[5.0, 2.5, 2.5, 0.0],
    );
    world
        .prometheus
        .push(&[
            requests("a", "shop-web-80@kubernetes", "200", 6.0),
            requests("b", "shop-web-80@kubernetes", "200", 3.0),
            requests("b", "shop-web-http@kubernetescrd", "500", 1.0),
            requests("b", "shop-web-api-80@kubernetes", "200", 55.0),
            requests("b", "other-web-80@kubernetes", "200", 66.0),
            durations,
        ])
        .await;
    let found = world.metrics(measures("traefik", "0.5")).await;
    assert_totals(&found, &[10.0, 0.1, 0.1]);
}

#[tokio::test]
async fn envoy_gateway_names_clusters_after_their_route() {
    let world = World::new(&documented("envoy-gateway:"));
    let of = |pod: &str, cluster: &str, class: &str| {
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(",envoy_response_code_class=\"{class}\"")
        };
        format!(
            "{{job=\"envoy\",namespace=\"envoy-gateway-system\",pod=\"{pod}\",envoy_cluster_name=\"{cluster}\"{class}}}"
        )
    };
    let requests = |pod: &str, cluster: &str, class: &str, rate: f64| {
        Series::counter(
            &format!("envoy_cluster_upstream_rq_xx{}", of(pod, cluster, class)),
            rate,
        )
    };
    let durations = Series::histogram(
        &format!(
            "envoy_cluster_upstream_rq_time{}",
            of("a", "httproute/shop/web/rule/0", "")
        ),
        &[10.0, 25.0, 50.0],
        &[5.0, 2.5, 2.5, 0.0],
    );
    world
        .prometheus
        .push(&[
            requests("a", "httproute/shop/web/rule/0", "2", 12.0),
            requests("b", "httproute/shop/web/rule/1", "2", 6.0),
            requests("b", "httproute/shop/web/rule/1", "5", 2.0),
            requests("b", "httproute/shop/web-api/rule/0", "2", 55.0),
            requests("b", "httproute/other/web/rule/0", "2", 66.0),
            requests("b", "xds_cluster", "2", 1.0),
            durations,
        ])
        .await;
    let found = world.metrics(measures("envoy-gateway", "0.5")).await;
    assert_totals(&found, &[20.0, 0.010, 0.1]);
}

#[tokio::test]
async fn an_applications_own_histogram_is_told_apart_by_its_service() {
    let world = World::new(&documented("own-http:"));
    let of = |pod: &str, service: &str, code: &str| {
        format!(
            "{{job=\"{service}\",namespace=\"shop\",pod=\"{pod}\",service=\"{service}\",code=\"{code}\"}}"
        )
    };
    let requests = |pod: &str, service: &str, code: &str, rate: f64| {
        Series::counter(&format!("http_requests_total{}", of(pod, service, code)), rate)
    };
    let durations = Series::histogram(
        &format!("http_request_duration_seconds{}", of("web-a", "web", "200")),
        &[0.1, 0.5],
        &[9.0, 1.0, 0.0],
    );
    world
        .prometheus
        .push(&[
            requests("web-a", "web", "200", 6.0),
            requests("web-b", "web", "500", 2.0),
            requests("api-a", "api", "200", 55.0),
            durations,
        ])
        .await;
    let found = world.metrics(measures("own-http", "0.9")).await;
    assert!(matches!(found[0].0, Reading::Total { .. }), "{}", told(&found[0]));
    assert_totals(&found, &[8.0, 0.1, 0.25]);
}
