//! What `concertina doctor` says of a real Prometheus that holds series as the kubelet and exporters expose them.
use concertina::cli::doctor::{Finding, Level, RunningPod, look_at_servers};

use crate::series::Series;
use crate::world::World;

const PODS: [&str; 3] = ["web-1", "web-2", "web-3"];

fn pods() -> Vec<RunningPod> {
    let pod = |name: &str| RunningPod {
        namespace: "shop".into(),
        name: name.into(),
    };
    PODS.map(pod).into()
}

/// What a kubelet exposes of these pods, with labels of these names and further ones.
fn kubelet(names: [&str; 3], more: &str) -> Vec<Series> {
    let [namespace, pod, container] = names;
    let of_pod = |name: &&str| {
        let own = format!("{namespace}=\"shop\",{pod}=\"{name}\"");
        let app = format!("{own},{container}=\"app\"");
        let labels = |own: &str, last: &str| format!("{{{own},{more}{last}}}");
        [
            Series::counter(
                &format!("container_cpu_usage_seconds_total{}", labels(&app, "")),
                0.5,
            ),
            Series::gauge(
                &format!("container_memory_working_set_bytes{}", labels(&app, "")),
                1e8,
            ),
            Series::counter(
                &format!(
                    "container_network_receive_bytes_total{}",
                    labels(&own, ",interface=\"eth0\"")
                ),
                1e3,
            ),
            Series::counter(
                &format!(
                    "container_fs_reads_bytes_total{}",
                    labels(&app, ",device=\"/dev/vda\"")
                ),
                1e3,
            ),
        ]
    };
    PODS.iter().flat_map(of_pod).collect()
}

const USUAL: [&str; 3] = ["namespace", "pod", "container"];

async fn look(world: &World) -> Vec<Finding> {
    look_at_servers(&world.config, &pods()).await
}

/// Asserts that a finding of this check says so, and advises this.
fn assert_says(findings: &[Finding], level: Level, check: &str, what: &str, set: &str) {
    let says = |finding: &&Finding| {
        let advice = finding.set.as_deref().unwrap_or_default();
        finding.level == level
            && finding.check == check
            && finding.what.contains(what)
            && advice.contains(set)
    };
    assert!(
        findings.iter().any(|finding| says(&finding)),
        "{check}: {what}: {findings:#?}"
    );
}

fn problems(findings: &[Finding]) -> Vec<&Finding> {
    findings
        .iter()
        .filter(|finding| finding.level == Level::Problem)
        .collect()
}

#[tokio::test]
async fn a_usual_prometheus_has_no_problem() {
    let world = World::new("");
    let mut series = kubelet(USUAL, "job=\"kubelet\"");
    series.push(Series::counter(
        "http_requests_total{job=\"pods\",namespace=\"shop\",pod=\"web-1\"}",
        5.0,
    ));
    world.prometheus.push(&series).await;
    let findings = look(&world).await;
    assert_eq!(problems(&findings), Vec::<&Finding>::new());
    assert_says(&findings, Level::Ok, "pods", "3 of 3 running pods", "");
    assert_says(
        &findings,
        Level::Ok,
        "cpu",
        "of 3 containers from job kubelet, every 15 s: rates cover 60 s",
        "",
    );
    assert_says(
        &findings,
        Level::Ok,
        "memory",
        "container_memory_working_set_bytes of 3 containers",
        "",
    );
    assert_says(&findings, Level::Ok, "network", "of 3 interfaces", "");
    assert_says(&findings, Level::Ok, "disk", "of 3 devices", "");
    assert_says(
        &findings,
        Level::Ok,
        "requests",
        "source http: http_requests_total from job pods, every 15 s",
        "",
    );
    assert!(
        findings
            .iter()
            .all(|finding| finding.check != "duplicates" && finding.check != "clusters")
    );
}

#[tokio::test]
async fn an_empty_prometheus_lacks_cpu() {
    let world = World::new("");
    let findings = look(&world).await;
    assert_says(
        &findings,
        Level::Problem,
        "cpu",
        "no container_cpu_usage_seconds_total",
        "/metrics/cadvisor",
    );
    assert_eq!(problems(&findings).len(), 1);
}

#[tokio::test]
async fn other_labels_and_another_cluster_are_found_and_what_is_said_mends_it() {
    let exported = ["exported_namespace", "exported_pod", "exported_container"];
    let scraped = "namespace=\"monitoring\",pod=\"agent-0\",container=\"agent\",job=\"cadvisor\"";
    let mut series = kubelet(exported, &format!("{scraped},cluster=\"west\""));
    let mut others = kubelet(exported, &format!("{scraped},cluster=\"east\""));
    // The other cluster has a pod of the same name, and others.
    others.truncate(4);
    series.extend(others);
    let world = World::new("");
    world.prometheus.push(&series).await;
    let findings = look(&world).await;
    let labels = "labels: {namespace: exported_namespace, pod: exported_pod, container: exported_container}";
    assert_says(&findings, Level::Problem, "labels", "exported_pod", labels);
    assert_says(
        &findings,
        Level::Problem,
        "clusters",
        "2 values (east, west)",
        "matchers: 'cluster=\"west\"'",
    );
    assert_eq!(problems(&findings).len(), 2, "{findings:#?}");

    let mended = format!(
        "servers: [{{name: default, url: '{}', matchers: 'cluster=\"west\"'}}]\n{labels}",
        world.prometheus.url()
    );
    let config = concertina::config::Config::parse(&mended, "mended.yaml".as_ref()).unwrap();
    let findings = look_at_servers(&config, &pods()).await;
    assert_eq!(problems(&findings), Vec::<&Finding>::new());
    assert_says(&findings, Level::Ok, "cpu", "of 3 containers", "");

    let wrong = mended.replace("west", "north");
    let config = concertina::config::Config::parse(&wrong, "wrong.yaml".as_ref()).unwrap();
    let findings = look_at_servers(&config, &pods()).await;
    assert_says(
        &findings,
        Level::Problem,
        "cpu",
        "none of the 4 series",
        "matchers that this cluster's",
    );
}

#[tokio::test]
async fn two_scrapes_of_the_same_are_told_by_the_label_that_differs() {
    let world = World::new("");
    let mut series = kubelet(USUAL, "job=\"kubelet\",metrics_path=\"/metrics/cadvisor\"");
    series.extend(kubelet(
        USUAL,
        "job=\"cadvisor\",metrics_path=\"/metrics/cadvisor\"",
    ));
    for job in ["a", "b"] {
        let labels = format!("job=\"{job}\",namespace=\"shop\",pod=\"web-1\"");
        series.push(Series::counter(&format!("http_requests_total{{{labels}}}"), 5.0));
    }
    world.prometheus.push(&series).await;
    let findings = look(&world).await;
    assert_says(
        &findings,
        Level::Note,
        "duplicates",
        "3 of 3 containers have several series",
        "drop one of the two scrapes",
    );
    assert_says(
        &findings,
        Level::Note,
        "duplicates",
        "job is cadvisor, kubelet",
        "",
    );
    assert_says(
        &findings,
        Level::Note,
        "duplicates",
        "source http: 1 of what counts requests",
        "drop one",
    );
    assert_eq!(problems(&findings), Vec::<&Finding>::new());
}

#[tokio::test]
async fn rare_scrapes_and_known_counters_are_told() {
    let world = World::new("");
    let slow = |series: Series| Series {
        interval: 60,
        ..series
    };
    let mut series: Vec<Series> = kubelet(USUAL, "job=\"kubelet\"").into_iter().map(slow).collect();
    series.push(Series::counter(
        "http_server_requests_seconds_count{job=\"pods\",namespace=\"shop\",pod=\"web-1\"}",
        5.0,
    ));
    series.push(Series::counter(
        "response_total{job=\"linkerd\",namespace=\"shop\",direction=\"inbound\",deployment=\"web\"}",
        5.0,
    ));
    let nginx = "job=\"nginx\",controller_namespace=\"i\",controller_pod=\"a\",namespace=\"i\",service=\"i\"";
    series.push(Series::counter(
        &format!("nginx_ingress_controller_requests{{{nginx},exported_namespace=\"shop\",exported_service=\"web\"}}"),
        5.0,
    ));
    world.prometheus.push(&series).await;
    let findings = look(&world).await;
    assert_says(
        &findings,
        Level::Note,
        "cpu",
        "a step of the load is seen",
        "policies that set windowSeconds need",
    );
    assert_says(
        &findings,
        Level::Note,
        "requests",
        "http_server_requests_seconds_count is there",
        "sources: {spring:",
    );
    assert_says(
        &findings,
        Level::Note,
        "requests",
        "response_total is there",
        "sources: {linkerd:",
    );
    let renamed = "\"namespaceLabel\":\"exported_namespace\",\"workloadLabel\":\"exported_service\"";
    assert_says(
        &findings,
        Level::Problem,
        "requests",
        "source ingress-nginx",
        renamed,
    );
    assert_eq!(problems(&findings).len(), 1, "{findings:#?}");
}

#[tokio::test]
async fn scrapes_that_are_too_new_to_be_measured_are_told() {
    let world = World::new("");
    let new = |series: Series| Series {
        interval: 60,
        first: 130,
        ..series
    };
    let series: Vec<Series> = kubelet(USUAL, "job=\"kubelet\"").into_iter().map(new).collect();
    world.prometheus.push(&series).await;
    let findings = look(&world).await;
    assert_says(
        &findings,
        Level::Note,
        "cpu",
        "cannot be measured yet: rates cover 60 s",
        "scrapeIntervalSeconds",
    );
    assert_eq!(problems(&findings), Vec::<&Finding>::new());
}

#[tokio::test]
async fn the_prometheus_of_another_cluster_is_told() {
    let world = World::new("");
    world.prometheus.push(&kubelet(USUAL, "job=\"kubelet\"")).await;
    let elsewhere = [RunningPod {
        namespace: "shop".into(),
        name: "api-1".into(),
    }];
    let findings = look_at_servers(&world.config, &elsewhere).await;
    assert_says(
        &findings,
        Level::Problem,
        "pods",
        "of 1 running pods none is there",
        "the Prometheus that scrapes this cluster",
    );
}
