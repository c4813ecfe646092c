//! Which sources are sound, and what is said of those that are not.
use super::*;

fn complete(name: &str, yaml: &str) -> Result<Source, String> {
    serde_yaml::from_str::<SourceConfig>(yaml).unwrap().complete(name)
}

#[test]
fn all_built_in_sources_are_sound() {
    for name in SourceConfig::BUILT_IN {
        assert!(complete(name, "{}").is_ok(), "{name}");
    }
    assert_eq!(
        SourceConfig::built_in("mine"),
        None,
        "a name of one's own has no defaults"
    );
}

#[test]
fn what_is_written_of_a_built_in_source_replaces_that_and_leaves_the_rest() {
    let source = complete(
        "ingress-nginx",
        "{namespaceLabel: exported_namespace, workloadLabel: exported_service}",
    )
    .unwrap();
    assert_eq!(source.namespace_label.as_deref(), Some("exported_namespace"));
    assert_eq!(source.workload_label(), Some("exported_service"));
    assert_eq!(
        source.requests.as_deref(),
        Some("nginx_ingress_controller_requests")
    );
    assert_eq!(source.failures.as_deref(), Some("status=~\"5..\""));
}

#[test]
fn a_source_counts_per_pod_unless_it_has_a_label_of_workloads() {
    let pods = complete("mine", "{requests: hits_total}").unwrap();
    assert_eq!(
        (pods.workload_label(), pods.workload_value("shop", "web")),
        (None, None)
    );
    let workloads = complete("mine", "{requests: hits_total, workloadLabel: app}").unwrap();
    assert_eq!(workloads.workload_label(), Some("app"));
    assert_eq!(workloads.workload_value("shop", "web").as_deref(), Some("web"));
    assert_eq!(workloads.namespace_label.as_deref(), Some("namespace"));
}

#[test]
fn a_value_may_be_made_of_namespace_and_name() {
    let source = complete(
        "traefik",
        "{requests: hits_total, workloadLabel: service, workloadPattern: '(.+)-80@kubernetes', \
          workloadValue: '{namespace}-{name}'}",
    )
    .unwrap();
    assert_eq!(source.workload_label(), Some(WORKLOAD_LABEL));
    assert_eq!(source.workload_value("shop", "web").as_deref(), Some("shop-web"));
    assert_eq!(
        source.namespace_label, None,
        "the value has the namespace already"
    );
}

#[test]
fn a_value_tells_namespaces_apart_only_by_what_no_name_has() {
    for (fields, expected) in [
        ("workloadValue: '{namespace}/{name}'", true),
        ("workloadValue: 'httproute/{namespace}/{name}'", true),
        ("workloadValue: '{name}_{namespace}_80'", true),
        ("workloadValue: '{name}@{namespace}'", true),
        ("workloadValue: '{namespace}:{namespace}-{name}'", true),
        ("workloadValue: '{namespace}-{name}'", false),
        ("workloadValue: '{namespace}-{name}@kubernetes'", false),
        ("workloadValue: '{name}.{namespace}'", false),
        ("workloadValue: '{namespace}{name}'", false),
        ("workloadValue: '{name}{namespace}/x'", false),
        ("workloadValue: 'a-{namespace}/{name}'", false),
        ("workloadValue: '{namespace}-{name}', namespaceLabel: ns", true),
        ("workloadPattern: '(.+)-80'", true),
    ] {
        let yaml = format!("{{requests: hits_total, workloadLabel: service, {fields}}}");
        let source = complete("mine", &yaml).unwrap();
        assert_eq!(source.tells_namespaces_apart(), expected, "{fields}");
    }
    for name in SourceConfig::BUILT_IN {
        assert!(complete(name, "{}").unwrap().tells_namespaces_apart(), "{name}");
    }
}

#[test]
fn what_cannot_be_spliced_into_a_query_or_makes_no_sense_is_refused_with_a_sentence() {
    for (yaml, expected) in [
        ("{}", "measures nothing: write requests"),
        ("{requests: 'a{b=\"c\"}'}", "is not the name of a metric"),
        ("{requests: 9a}", "is not the name of a metric"),
        ("{duration: a_bucket, workloadLabel: x}", "without _bucket"),
        (
            "{requests: a, namespaceLabel: 'x:y'}",
            "is not the name of a label",
        ),
        ("{requests: a, podLabel: 'x,y'}", "is not the name of a label"),
        ("{requests: a, podLabel: x, workloadLabel: y}", "but not both"),
        (
            "{requests: a, workloadPattern: '(.*)'}",
            "are for sources with workloadLabel",
        ),
        (
            "{requests: a, workloadLabel: x, workloadPattern: abc}",
            "no group",
        ),
        (
            "{requests: a, workloadLabel: x, workloadValue: web}",
            "the same for all targets",
        ),
        (
            "{requests: a, workloadLabel: x, replicaLabels: ['a b']}",
            "is not the name of a label",
        ),
        ("{requests: a, matchers: 'x=y'}", "matchers: the value of x"),
        (
            "{requests: a, workloadLabel: x, failures: 'code=~\"5..\"} or vector(1'}",
            "failures: ",
        ),
        ("{requests: a, matchers: '__name__=\"b\"'}", "__name__"),
        (
            "{duration: a, workloadLabel: x, failures: 'code=\"500\"'}",
            "write requests too",
        ),
        ("{requests: a, duration: b}", "for sources with workloadLabel"),
        (
            "{requests: a, failures: 'c=\"5\"'}",
            "for sources with workloadLabel",
        ),
    ] {
        let reason = complete("mine", yaml).unwrap_err();
        assert!(reason.starts_with("source mine: "), "{reason}");
        assert!(reason.contains(expected), "{yaml}: {reason}");
    }
}
