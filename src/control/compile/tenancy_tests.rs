use serde_json::{Value, json};

use super::*;
use crate::fixtures::{guarded, policy, with};
use crate::observe::query::Template;

const CONFIGURATION: &str = "
servers:
- {name: default, url: 'http://a', matchers: 'cluster=\"x\"'}
- {name: open, url: 'http://b', tenancy: Cluster}
tenancy: Namespace
sources:
  traefik:
    {requests: traefik_requests_total, workloadLabel: service, workloadValue: '{namespace}-{name}@k',
     failures: 'code=\"500\"'}
  envoy: {requests: envoy_requests_total, workloadLabel: cluster, workloadValue: 'route/{namespace}/{name}'}
";

fn compile(server: &str, metrics: Value, guards: Value) -> Result<CompiledPolicy, String> {
    let config = Config::parse(CONFIGURATION, "test.yaml".as_ref()).unwrap();
    let policy = with(policy("web"), "/spec/metrics", metrics);
    let policy = with(policy, "/spec/guards", guards);
    let policy = with(policy, "/spec/prometheusRef", json!({"name": server}));
    CompiledPolicy::of(&guarded(policy).0.unwrap(), &config)
}

fn own(query: &str) -> Value {
    json!({"name": "own", "prometheus": {"query": query, "ageQuery": "max(timestamp(up))", "value": 5}})
}

fn errors(query: &str) -> Value {
    json!([{"name": "errors", "query": query, "above": 1}])
}

fn sent(compiled: &CompiledPolicy) -> Vec<(&str, Option<&str>)> {
    let queries = compiled.queries.iter().map(|query| match &query.template {
        Template::Custom { query, age_query } => (&**query, age_query.as_deref()),
        other => panic!("{other:?}"),
    });
    queries.collect()
}

#[test]
fn every_query_of_a_policy_is_narrowed_to_its_namespace_and_the_servers_matchers() {
    let compiled = compile("default", json!([own("up")]), errors("sum(failed # all\n)")).unwrap();
    assert_eq!(
        sent(&compiled),
        [
            (
                "up{namespace=\"shop\",cluster=\"x\"}",
                Some("max(timestamp(up{namespace=\"shop\",cluster=\"x\"}))")
            ),
            ("sum(failed{namespace=\"shop\",cluster=\"x\"} )", None),
        ]
    );
}

#[test]
fn where_policies_may_read_all_queries_stay_as_they_are_written() {
    let odd = "up{namespace=\"other\"} # as it is";
    let compiled = compile("open", json!([own(odd)]), errors("no PromQL at all")).unwrap();
    assert_eq!(
        sent(&compiled),
        [(odd, Some("max(timestamp(up))")), ("no PromQL at all", None)]
    );
}

#[test]
fn what_cannot_be_narrowed_is_refused_with_the_name_of_the_field() {
    let fine = json!([own("up")]);
    let mut stale = own("up");
    stale["prometheus"]["ageQuery"] = json!("timestamp(up");
    for (metrics, guards, expected) in [
        (
            json!([own("up{namespace=\"other\"}")]),
            json!([]),
            "metric own query: namespace=\"other\" asks for another namespace than the policy's own, shop,",
        ),
        (
            json!([stale]),
            json!([]),
            "metric own ageQuery: it cannot be read from \"\", where an operator or a closing bracket belongs",
        ),
        (
            fine,
            errors("info(up)"),
            "guard errors query: info() reads series that no matcher narrows",
        ),
    ] {
        let reason = compile("default", metrics, guards).unwrap_err();
        assert!(reason.starts_with(expected), "{reason}");
    }
}

#[test]
fn series_without_a_namespace_are_not_picked_by_labels_of_the_policys_choice() {
    let rate = |labels: Option<&str>| {
        let mut rate = json!({"source": "envoy", "averageValue": 5});
        if let Some(cluster) = labels {
            rate["match"] = json!({"cluster": cluster});
        }
        json!([{"name": "rate", "requestRate": rate}])
    };
    let reason = compile("default", rate(Some("route/other/web")), json!([])).unwrap_err();
    assert!(
        reason.contains("have no label for the namespace") && reason.ends_with("leave match out"),
        "{reason}"
    );
    assert!(compile("open", rate(Some("route/other/web")), json!([])).is_ok());
    let compiled = compile("default", rate(None), json!([])).unwrap();
    let Measure::Total { matching } = &compiled.metrics[0].measure else {
        panic!("{:?}", compiled.metrics);
    };
    assert_eq!(**matching, [("cluster".into(), "route/shop/web".into())]);
}

#[test]
fn a_source_whose_names_two_namespaces_may_share_is_refused_to_metrics_and_guards() {
    let rate = json!([{"name": "rate", "requestRate": {"source": "traefik", "averageValue": 5}}]);
    let guards = json!([{"name": "errors", "failureRate": {"source": "traefik"}, "above": "0.1"}]);
    for (metrics, guards, path) in [
        (rate.clone(), json!([]), "metric rate"),
        (json!([own("up")]), guards.clone(), "guard errors"),
    ] {
        let reason = compile("default", metrics, guards).unwrap_err();
        let expected = format!(
            "{path} asks source traefik for {{namespace}}-{{name}}@k, which two namespaces may share"
        );
        assert!(reason.starts_with(&expected), "{reason}");
        assert!(reason.contains("give the source a namespaceLabel"), "{reason}");
    }
    assert!(compile("open", rate, guards).is_ok());
}
