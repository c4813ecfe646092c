use serde_json::{Value, json};

use super::*;
use crate::fixtures::{NOW, compiled, config, policy, record, with};
use crate::observe::planner::{Planner, Request};
use crate::observe::query::TextContext;

/// The requests of policies with these metrics and this server.
fn plan(policies: &[(&str, &str, Value)]) -> Vec<Request> {
    let compiled: Vec<_> = policies
        .iter()
        .map(|(namespace, server, metrics)| {
            let policy = with(policy("web"), "/spec/metrics", metrics.clone());
            let policy = with(policy, "/spec/prometheusRef", json!({"name": server}));
            (Arc::from(*namespace), compiled(&record(policy)))
        })
        .collect();
    let due = compiled.iter().map(|(namespace, policy)| (namespace, &**policy));
    Planner::new(&config()).plan(due, NOW).requests
}

fn cpu() -> Value {
    json!([{"name": "cpu", "cpu": {"averageUtilization": 70}}])
}

#[test]
fn policies_of_many_namespaces_share_one_query_for_all_of_them() {
    let plan = plan(&[
        ("a", "default", cpu()),
        ("b", "default", cpu()),
        ("a", "default", cpu()),
    ]);
    assert_eq!(plan.len(), 1);
    assert!(
        plan[0]
            .query
            .template
            .text(&TextContext {
                namespaces: &plan[0].narrowing(),
                matchers: "",
                labels: &crate::config::PodLabels::default(),
                source: None,
                auto_window_seconds: 60
            })
            .contains("namespace=~\"a|b\"")
    );
}

#[test]
fn servers_windows_and_texts_of_their_own_make_queries_of_their_own() {
    let slow = json!([{"name": "cpu", "cpu": {"averageUtilization": 70}, "windowSeconds": 300}]);
    let own = |query: &str, per_replica: i32| json!([{"name": "q", "prometheus": {"query": query, "averageValue": per_replica}}]);
    for (second, count) in [
        (("a", "default", cpu()), 1),
        (("a", "other", cpu()), 2),
        (("a", "default", slow), 2),
        (("a", "default", own("x", 5)), 2),
    ] {
        assert_eq!(
            plan(&[("a", "default", cpu()), second.clone()]).len(),
            count,
            "{second:?}"
        );
    }
    let same_text = [("a", "default", own("x", 5)), ("b", "default", own("x", 9))];
    assert_eq!(plan(&same_text).len(), 1, "the target is no part of the query");
}

#[test]
fn utilisation_and_value_of_one_resource_share_their_query() {
    let value = json!([{"name": "cpu", "cpu": {"averageValue": "250m", "container": "app"}}]);
    assert_eq!(plan(&[("a", "default", cpu()), ("a", "default", value)]).len(), 1);
}

#[test]
fn a_guard_asks_with_the_others_and_shares_what_metrics_ask() {
    let guards =
        json!([{"name": "a", "query": "load", "above": 1}, {"name": "b", "query": "errors", "above": 1}]);
    let policy = compiled(&record(with(policy("web"), "/spec/guards", guards)));
    let due = [(Arc::from("shop"), policy)];
    let due = due.iter().map(|(namespace, policy)| (namespace, &**policy));
    assert_eq!(Planner::new(&config()).plan(due, NOW).requests.len(), 2);
}
