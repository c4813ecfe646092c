use super::*;
use crate::report::metrics::names::{
    DECISIONS, LEADER, POLICY_DESIRED_REPLICAS, POLICY_METRIC_AGE, POLICY_REASON, TICK_DURATION,
};

#[test]
fn series_of_policies_are_chosen_by_namespace_and_those_of_controllers_are_not() {
    let fleet = Scope::Fleet.of_policies(POLICY_REASON, &["reason"]);
    assert_eq!(
        fleet.text("{{policy}}: {{reason}}").unwrap(),
        "max by (cluster, namespace, policy, reason) \
         (concertina_policy_reason{cluster=~\"$cluster\", namespace=~\"$namespace\"})"
    );
    let loops = Scope::Policy.series(DECISIONS).rate().sum_by(&["reason"]);
    assert_eq!(
        loops.text("{{reason}}").unwrap(),
        "sum by (reason) (rate(concertina_decisions_total{cluster=~\"$cluster\"}[$__rate_interval]))"
    );
}

#[test]
fn a_label_that_a_metric_does_not_have_is_an_error() {
    for bad in [
        Scope::Fleet.of_policies(POLICY_DESIRED_REPLICAS, &["metric"]),
        Scope::Fleet
            .series(POLICY_DESIRED_REPLICAS)
            .with("metric", "cpu")
            .now(),
        Scope::Fleet
            .of_policies(POLICY_METRIC_AGE, &["metric"])
            .sum_by(&["namespace"])
            .sum_by(&["metric"]),
    ] {
        let error = bad.text("").unwrap_err();
        assert!(error.to_string().contains("has no label metric"), "{error}");
    }
}

#[test]
fn a_legend_that_names_a_label_that_was_aggregated_away_is_an_error() {
    let text = Scope::Fleet
        .of_policies(POLICY_METRIC_AGE, &[])
        .text("{{policy}} {{metric}}");
    assert!(matches!(text, Err(DashboardError::UnknownLabel { label, .. }) if label == "metric"));
}

#[test]
fn a_ratio_has_only_the_labels_by_which_it_was_matched() {
    let gauge = || Scope::Fleet.series(LEADER).now();
    let ratio = || gauge().over_on(&["job", "instance"], gauge());
    assert!(ratio().text("{{instance}}").is_ok());
    assert!(ratio().text("{{pod}}").is_err());
    assert!(gauge().where_also(&["job"], gauge()).text("{{pod}}").is_ok());
}

#[test]
fn what_does_not_suit_the_kind_of_a_metric_is_an_error() {
    let scope = Scope::Fleet;
    for bad in [
        scope.series(DECISIONS).now(),
        scope.series(DECISIONS).changes(),
        scope.series(POLICY_REASON).rate(),
        scope.series(TICK_DURATION).rate(),
        scope.series(DECISIONS).quantile(0.99, &["reason"]),
    ] {
        assert!(matches!(bad.text(""), Err(DashboardError::WrongKind { .. })));
    }
}

#[test]
fn a_quantile_sums_the_buckets_first() {
    let text = Scope::Fleet.series(TICK_DURATION).quantile(0.99, &["instance"]);
    assert_eq!(
        text.text("{{instance}}").unwrap(),
        "histogram_quantile(0.99, sum by (le, instance) \
         (rate(concertina_tick_duration_seconds_bucket{cluster=~\"$cluster\"}[$__rate_interval])))"
    );
}
