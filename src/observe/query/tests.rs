//! The texts of the queries.
use super::*;

fn text(template: &Template, names: &[&str], source: Option<&SourceConfig>) -> String {
    template.text(&TextContext {
        namespaces: &namespaces(names),
        source,
        auto_window_seconds: 20,
    })
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
        partial("c{}", "pod", 20),
        " or label_replace(count by (pod) (c{}) unless count by (pod) (count_over_time(c{}[15s] offset 15s)),\
         \"concertina\",\"partial\",\"\",\"\")"
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
    let source = SourceConfig {
        counter: "hits_total".into(),
        namespace_label: "namespace".into(),
        pod_label: "pod".into(),
    };
    let rate = Template::RequestRate {
        source: "http".into(),
        window: Window::Seconds(60),
    };
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
    };
    assert_eq!(text(&template, &["a"], None), "sum(up)");
}
