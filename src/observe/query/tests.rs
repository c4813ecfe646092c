//! The texts of the queries.
use super::*;
use crate::config::Config;

fn text(template: &Template, names: &[&str], source: Option<&Source>) -> String {
    template.text(&TextContext {
        namespaces: &namespaces(names),
        matchers: "",
        labels: &PodLabels::default(),
        source,
        auto_window_seconds: 20,
    })
}

/// A source of this configuration.
fn source(name: &str, yaml: &str) -> Source {
    let text = format!("servers: [{{name: default, url: 'http://x'}}]\nsources: {{{name}: {yaml}}}");
    let config: Config = Config::parse(&text, "test.yaml".as_ref()).unwrap();
    config.source(name).unwrap().clone()
}

fn of_source(measure: SourceMeasure, by: &[&str]) -> Template {
    Template::Source {
        source: "s".into(),
        measure,
        by: by.iter().map(|label| (*label).into()).collect(),
        window: Window::Seconds(60),
    }
}

fn namespaces(names: &[&str]) -> Namespaces {
    let mut set = Namespaces::default();
    names.iter().for_each(|name| set.insert(name));
    set
}

#[test]
fn a_cpu_query_names_few_namespaces_and_carries_four_families() {
    let text = text(&Template::Cpu { window: Window::Auto }, &["b", "a"], None);
    assert!(
        text.contains(r#"container_cpu_usage_seconds_total{namespace=~"a|b",container!="""#),
        "{text}"
    );
    assert!(text.contains("[20s]"));
    for family in [FAMILY_VALUE, FAMILY_TIME, FAMILY_DUPLICATES, FAMILY_PARTIAL] {
        assert!(text.contains(&format!("\"{family}\"")), "{text}");
    }
}

#[test]
fn many_namespaces_are_not_named() {
    let names: Vec<String> = (0..51).map(|i| format!("n{i}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let text = text(&Template::Memory, &names, None);
    assert!(!text.contains("namespace=~"), "{text}");
    assert!(!text.contains(FAMILY_PARTIAL), "memory is no rate: {text}");
}

#[test]
fn what_was_not_sampled_when_the_window_began_is_partial() {
    assert_eq!(
        text::partial("c{}", "pod", 20),
        "count by (pod) (c{}) unless count by (pod) (count_over_time(c{}[15s] offset 15s))"
    );
}

#[test]
fn the_throughput_of_a_pod_is_the_sum_of_its_counters_interfaces_and_devices() {
    let network = |direction| {
        let window = Window::Seconds(60);
        text(&Template::Network { direction, window }, &["a"], None)
    };
    let both = network(NetworkDirection::Both);
    assert_eq!(
        both.matches("sum by (namespace,pod) (max by (namespace,pod,interface) (")
            .count(),
        2
    );
    assert!(both.contains(")) + sum by"), "{both}");
    assert!(both.contains("interface!=\"lo\""), "{both}");
    let sent = network(NetworkDirection::Transmit);
    assert!(sent.contains("transmit") && !sent.contains("receive"), "{sent}");
    let disk = Template::Disk {
        direction: DiskDirection::Read,
        window: Window::Seconds(60),
    };
    let read = text(&disk, &["a"], None);
    assert!(read.contains("max by (namespace,pod,container,device)"), "{read}");
    assert!(read.contains("reads") && !read.contains("writes"), "{read}");
}

#[test]
fn the_rate_of_what_is_not_scraped_any_more_is_not_answered() {
    let source = source("mine", "{requests: hits_total}");
    let rate = of_source(SourceMeasure::RequestRate, &[]);
    let series = r#"hits_total{namespace=~"a",pod!=""}"#;
    for (template, series) in [
        (rate, series),
        (
            Template::Cpu {
                window: Window::Seconds(60),
            },
            r#"container_cpu_usage_seconds_total{namespace=~"a",container!="",container!="POD",pod!=""}"#,
        ),
    ] {
        let text = text(&template, &["a"], Some(&source));
        let guarded = format!("rate({series}[60s]) and {series}");
        assert!(text.contains(&guarded), "{text}");
    }
}

#[test]
fn a_custom_query_is_sent_as_written() {
    let template = Template::Custom {
        query: "sum(up)".into(),
        age_query: None,
    };
    assert_eq!(text(&template, &["a"], None), "sum(up)");
}

#[test]
fn the_age_of_a_custom_query_comes_in_the_same_answer() {
    let template = Template::Custom {
        query: "up # all".into(),
        age_query: Some("timestamp(up)".into()),
    };
    let expected = "label_replace(\nup # all\n,\"concertina\",\"value\",\"\",\"\") or \
                    label_replace(\ntimestamp(up)\n,\"concertina\",\"time\",\"\",\"\")";
    assert_eq!(text(&template, &["a"], None), expected);
}

#[test]
fn servers_matchers_and_labels_are_in_every_built_in_query() {
    let labels = PodLabels {
        namespace: "exported_namespace".into(),
        pod: "exported_pod".into(),
        container: "exported_container".into(),
    };
    let window = Window::Auto;
    let source = source(
        "mine",
        "{requests: hits_total, namespaceLabel: exported_namespace, podLabel: exported_pod}",
    );
    for template in [
        Template::Cpu { window },
        Template::Memory,
        Template::Network {
            direction: NetworkDirection::Both,
            window,
        },
        Template::Disk {
            direction: DiskDirection::Both,
            window,
        },
        of_source(SourceMeasure::RequestRate, &[]),
    ] {
        let text = template.text(&TextContext {
            namespaces: &namespaces(&["a"]),
            matchers: "cluster=\"c\"",
            labels: &labels,
            source: Some(&source),
            auto_window_seconds: 20,
        });
        let selectors = text.matches(['{']).count();
        assert!(selectors > 2, "{text}");
        assert_eq!(text.matches(",cluster=\"c\"}").count(), selectors, "{text}");
        assert_eq!(
            text.matches("{exported_namespace=~\"a\",").count(),
            selectors,
            "{text}"
        );
        for label in ["{namespace", ",pod", "(namespace", ",container"] {
            assert!(!text.contains(label), "{label} in {text}");
        }
    }
}

#[test]
fn the_requests_of_a_workload_are_summed_over_replicas_and_counted_once_per_job() {
    let source = source("istio", "{}");
    let text = text(
        &of_source(SourceMeasure::RequestRate, &[]),
        &["shop"],
        Some(&source),
    );
    let series = "istio_requests_total{destination_workload_namespace=~\"shop\",reporter=\"destination\"}";
    let workload = "destination_workload_namespace,destination_workload";
    let value = format!(
        "(sum by ({workload}) (max by ({workload},namespace,pod) \
         (sum by ({workload},namespace,pod,job) (rate({series}[60s]))))) and count by ({workload}) ({series})"
    );
    assert!(text.contains(&value), "{text}");
    let partial = format!(
        "count by ({workload}) ({series}) unless on() count(count_over_time({series}[45s] offset 45s))"
    );
    assert!(text.contains(&partial), "{text}");
}

#[test]
fn failures_are_a_share_of_the_requests_and_none_where_there_is_no_series_of_them() {
    let source = source("ingress-nginx", "{}");
    let text = text(&of_source(SourceMeasure::FailureRate, &[]), &[], Some(&source));
    let all = "sum by (namespace,service) (rate(nginx_ingress_controller_requests{}[60s]))";
    let failed = "sum by (namespace,service) (rate(nginx_ingress_controller_requests{status=~\"5..\"}[60s]))";
    assert!(
        text.contains(&format!("({failed} or {all} * 0) / {all}")),
        "{text}"
    );
}

#[test]
fn a_quantile_is_of_native_or_classic_histograms_and_in_seconds() {
    let quantile = SourceMeasure::ResponseTime(Quantile::of(0.95).unwrap());
    let istio = text(&of_source(quantile, &[]), &[], Some(&source("istio", "{}")));
    assert!(istio.contains("(histogram_quantile(0.95,sum by"), "{istio}");
    assert!(
        istio.contains(",le) (rate(istio_request_duration_milliseconds_bucket{"),
        "{istio}"
    );
    assert!(
        istio.contains("(rate(istio_request_duration_milliseconds{"),
        "{istio}"
    );
    assert!(istio.contains(") / 1000) and "), "{istio}");
    let nginx = text(
        &of_source(quantile, &[]),
        &[],
        Some(&source("ingress-nginx", "{}")),
    );
    assert!(!nginx.contains("/ 1000"), "{nginx}");
}

#[test]
fn a_policy_may_pick_its_requests_by_other_labels_of_the_source() {
    let source = source("ingress-nginx", "{}");
    let text = text(
        &of_source(SourceMeasure::RequestRate, &["ingress"]),
        &["shop"],
        Some(&source),
    );
    assert!(text.contains("sum by (namespace,ingress) ("), "{text}");
    assert!(!text.contains("service"), "{text}");
}

#[test]
fn a_part_of_a_label_tells_workloads_apart_where_the_source_says_so() {
    let source = source(
        "traefik",
        "{requests: traefik_service_requests_total, workloadLabel: service, \
          workloadPattern: '(.+)-[^-]+@kubernetes\\d?', workloadValue: '{namespace}-{name}'}",
    );
    let text = text(
        &of_source(SourceMeasure::RequestRate, &[]),
        &["shop"],
        Some(&source),
    );
    assert!(!text.contains("shop"), "no label has the namespace: {text}");
    let replaced = "label_replace(sum by (service) (max by (service,namespace,pod)";
    assert!(
        text.contains(&format!("sum by (concertina_workload) ({replaced}")),
        "{text}"
    );
    assert!(
        text.contains(r#","concertina_workload","$1","service","(.+)-[^-]+@kubernetes\\d?")"#),
        "{text}"
    );
}

#[test]
fn a_source_is_asked_for_nothing_that_it_does_not_have() {
    let quantile = SourceMeasure::ResponseTime(Quantile::of(0.5).unwrap());
    let http = source("http", "{}");
    for measure in [quantile, SourceMeasure::FailureRate] {
        assert!(measure.lacking(&http).is_some());
        assert_eq!(text(&of_source(measure, &[]), &[], Some(&http)), "");
    }
    assert_eq!(SourceMeasure::RequestRate.lacking(&http), None);
    let istio = source("istio", "{}");
    for measure in [quantile, SourceMeasure::FailureRate, SourceMeasure::RequestRate] {
        assert_eq!(measure.lacking(&istio), None);
    }
}

#[test]
fn a_quantile_is_a_share_between_0_and_1() {
    let text = |share| Quantile::of(share).map(|quantile| quantile.to_string());
    assert_eq!(text(0.95).as_deref(), Some("0.95"));
    assert_eq!(text(0.9999).as_deref(), Some("0.9999"));
    for share in [0.0, 1.0, -1.0, 0.00001, 0.99999, f64::NAN] {
        assert_eq!(text(share), None, "{share}");
    }
}

#[test]
fn the_scrape_interval_is_asked_of_the_series_behind_a_query() {
    let (namespaces, labels) = (Namespaces::default(), PodLabels::default());
    let context = |source| TextContext {
        namespaces: &namespaces,
        matchers: "",
        labels: &labels,
        source,
        auto_window_seconds: 20,
    };
    let http = source("http", "{}");
    let texts = of_source(SourceMeasure::RequestRate, &[]).interval_texts(&context(Some(&http)));
    assert_eq!(
        texts.map(|[minute, ..]| minute).as_deref(),
        Some(
            "quantile(0.95,60 / ((count_over_time(http_requests_total{}[60s] offset 60s)) and \
             (count_over_time(http_requests_total{}[60s])) and \
             (count_over_time(http_requests_total{}[60s] offset 120s)))) <= 20"
        )
    );
    assert_eq!(Template::Memory.interval_texts(&context(None)), None, "no rate");
}

#[test]
fn where_some_namespaces_are_watched_no_query_asks_for_more() {
    let names = |count: usize| (0..count).map(|number| format!("n{number}")).collect::<Vec<_>>();
    let mut all = Namespaces::default();
    names(51).iter().for_each(|name| all.insert(name));
    let some = Namespaces::named(["shop".into()].into_iter());
    let mut config = crate::fixtures::config();
    for namespaces in [&all, &Namespaces::default()] {
        assert_eq!(
            namespaces.within(&config).matcher("namespace"),
            "",
            "the whole cluster"
        );
    }
    config.watch_namespaces = names(60);
    for namespaces in [&all, &Namespaces::default()] {
        let matcher = namespaces.within(&config).matcher("namespace");
        assert_eq!(matcher.split('|').count(), 60, "{matcher}");
    }
    assert_eq!(some.within(&config).matcher("namespace"), "namespace=~\"shop\"");
}
