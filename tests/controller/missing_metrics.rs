//! Every way in which Prometheus gives no usable answer: the target stays, the reason is told, others are unaffected.
use serde_json::json;

use crate::fixtures::{deployment, policy, query, rate};
use crate::prometheus::{Reply, no_series, number, result, series};
use crate::world::World;

/// A policy `bad` on two replicas whose one metric is the query `broken` to this server, beside a good one.
async fn one_bad_metric(server: &str, reply: Reply) -> World {
    let world = World::start().await;
    deployment(&world.api, "bad", 2);
    deployment(&world.api, "good", 2);
    world.api.has(policy("good"));
    world
        .api
        .has(policy("bad").by(&[query("broken", 10)]).asking(server));
    world.rate(&[("good", 2, 20.0)]);
    world.prometheus.answers("broken", reply);
    world
}

/// One tick: the good policy scales, the bad one does not and says why.
async fn holds(mut world: World, reason: &str, telling: &str) {
    let mut writes = world.tick().await;
    writes.sort();
    let warning = format!("Warning {reason} on ScalingPolicy bad");
    let expected = [
        "Normal MetricAboveTarget on Deployment good",
        "Normal MetricAboveTarget on ScalingPolicy good",
        &warning,
        "scale good 2 → 4",
        "status bad",
        "status good",
    ];
    assert_eq!(writes, expected);
    world.expect("bad", "Ready", &format!("False {reason}"), telling);
    world.expect("bad", "AbleToScale", "True Ready", "");
    world.expect("bad", "ScalingActive", "False MetricsMissing", "");
    let status = world.status("bad");
    assert_eq!(
        (&status["currentReplicas"], &status["desiredReplicas"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(status["metrics"][0]["reason"], reason);
    assert_eq!(status["metrics"][0]["proposal"], json!(null));
    assert_eq!(
        world.tick_after(15).await,
        ["status good"],
        "a trouble that lasts is told once"
    );
}

#[tokio::test]
async fn an_unreachable_server_holds_its_policies() {
    holds(
        one_bad_metric("refusing", number("100")).await,
        "PrometheusUnreachable",
        "refused",
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_configured_is_named() {
    holds(
        one_bad_metric("elsewhere", number("100")).await,
        "UnknownServer",
        "no server named elsewhere",
    )
    .await;
}

#[tokio::test]
async fn a_missing_metric_lets_the_others_raise() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").by(&[rate(10), query("broken", 10)]));
    world.rate(&[("web", 2, 20.0)]);
    world
        .prometheus
        .answers("broken", Reply::Body(503, "text/plain", "down".into()));
    let writes = world.tick().await;
    assert_eq!(writes[0], "scale web 2 → 4");
    world.expect("web", "Ready", "False PrometheusError", "503");
}

#[tokio::test]
async fn a_server_that_is_too_slow_holds_its_policies() {
    let world = one_bad_metric("impatient", Reply::Silence).await;
    holds(world, "PrometheusTimeout", "no answer within 1 s").await;
}

#[tokio::test]
async fn an_overloaded_server_is_quoted() {
    let reply = Reply::Body(503, "text/plain", "no healthy upstream".into());
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusError",
        "503: no healthy upstream",
    )
    .await;
}

#[tokio::test]
async fn a_query_that_does_not_parse_is_quoted_with_the_servers_words() {
    let body =
        json!({"status": "error", "errorType": "bad_data", "error": "1:5: parse error: unexpected <by>"});
    let reply = Reply::Body(400, "application/json", body.to_string());
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusRefused",
        "1:5: parse error: unexpected <by>",
    )
    .await;
}

#[tokio::test]
async fn a_proxys_error_page_is_no_answer() {
    let page = format!(
        "<html><body><h1>502 Bad Gateway</h1>{}</body></html>",
        "<hr>".repeat(2000)
    );
    let reply = Reply::Body(502, "text/html", page);
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusError",
        "502 Bad Gateway",
    )
    .await;
}

#[tokio::test]
async fn a_login_page_is_no_answer() {
    let reply = Reply::Body(200, "text/html", "<html>Please sign in</html>".into());
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusBadAnswer",
        "cannot be read",
    )
    .await;
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let reply = Reply::Body(302, "text/html", String::new());
    holds(one_bad_metric("default", reply).await, "PrometheusRefused", "302").await;
}

#[tokio::test]
async fn garbage_is_no_answer() {
    let reply = Reply::Body(200, "application/json", "{\"status\":\"succ".into());
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusBadAnswer",
        "cannot be read",
    )
    .await;
}

#[tokio::test]
async fn an_error_inside_a_successful_response_is_quoted() {
    let body = json!({"status": "error", "errorType": "execution", "error": "too many samples"});
    let reply = Reply::Body(200, "application/json", body.to_string());
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusBadAnswer",
        "too many samples",
    )
    .await;
}

#[tokio::test]
async fn nan_is_missing_not_zero() {
    holds(
        one_bad_metric("default", number("NaN")).await,
        "NotANumber",
        "not a finite number",
    )
    .await;
}

#[tokio::test]
async fn infinity_is_missing_not_the_maximum() {
    holds(
        one_bad_metric("default", number("+Inf")).await,
        "NotANumber",
        "not a finite number",
    )
    .await;
}

#[tokio::test]
async fn a_negative_value_is_missing_not_zero() {
    holds(
        one_bad_metric("default", number("-5")).await,
        "NegativeValue",
        "below zero",
    )
    .await;
}

#[tokio::test]
async fn an_empty_answer_is_missing_not_zero_and_told_when_it_lasts() {
    let mut world = one_bad_metric("default", no_series()).await;
    let writes = world.tick().await;
    assert!(writes.contains(&"scale good 2 → 4".to_owned()), "{writes:?}");
    assert!(
        !writes.iter().any(|write| write.starts_with("Warning")),
        "what a start brings is no trouble: {writes:?}"
    );
    assert_eq!(world.status("bad")["desiredReplicas"], 2);
    world.expect("bad", "Ready", "False MetricsMissing", "");
    world.expect("bad", "ScalingActive", "False MetricsMissing", "");
    world.tick_after(15).await;
    assert_eq!(
        world.tick_after(15).await,
        ["Warning NoSamples on ScalingPolicy bad", "status bad"]
    );
    world.expect("bad", "Ready", "False NoSamples", "no series");
    assert_eq!(world.tick_after(15).await, [""; 0]);
}

#[tokio::test]
async fn an_answer_beyond_the_bound_is_not_read() {
    let labels = json!({"text": "x".repeat(3000)});
    let reply = series(&[(labels, "5")]);
    holds(
        one_bad_metric("narrow", reply).await,
        "PrometheusBadAnswer",
        "greater than 2000 bytes",
    )
    .await;
}

#[tokio::test]
async fn a_native_histogram_must_be_reduced_first() {
    let sample = json!({"metric": {}, "histogram": [1, {"count": "5", "sum": "3"}]});
    let reply = result("vector", &json!([sample]));
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusBadAnswer",
        "native histogram",
    )
    .await;
}

#[tokio::test]
async fn a_string_is_no_number() {
    let reply = result("string", &json!([1, "many"]));
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusBadAnswer",
        "the result is a string",
    )
    .await;
}

#[tokio::test]
async fn a_range_is_no_number() {
    let reply = result("matrix", &json!([]));
    holds(
        one_bad_metric("default", reply).await,
        "PrometheusBadAnswer",
        "the result is a matrix",
    )
    .await;
}

/// A queue of 40 whose server then answers 20 in part: four replicas stay until the answer is whole again.
async fn a_part_shrinks_nothing(part: serde_json::Value, telling: &str) {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    world.api.has(policy("web").by(&[query("sum(queue)", 10)]));
    world.prometheus.answers("sum(queue)", number("40"));
    world.tick().await;
    let mut body = json!({"status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1_732_184_400, "20"]}]}});
    for (field, value) in part.as_object().unwrap() {
        body[field] = value.clone();
    }
    world.prometheus.answers(
        "sum(queue)",
        Reply::Body(200, "application/json", body.to_string()),
    );
    assert_eq!(
        world.tick_after(15).await,
        ["Warning PrometheusError on ScalingPolicy web", "status web"]
    );
    world.expect("web", "Ready", "False PrometheusError", telling);
    world.prometheus.answers("sum(queue)", number("20"));
    assert_eq!(world.tick_after(15).await[0], "scale web 4 → 2");
}

#[tokio::test]
async fn a_total_of_thanos_without_one_of_its_stores_shrinks_nothing() {
    let warning = "receive series from Addr: 10.96.192.138:10901 LabelSets: {replica=\"a\"} MinTime: 1730222825216 \
                   MaxTime: 1731412800000: rpc error: code = Unavailable desc = connection refused";
    a_part_shrinks_nothing(
        json!({"warnings": [warning]}),
        "in part only, and says: receive series from Addr: 10.96.192.138:10901",
    )
    .await;
}

#[tokio::test]
async fn a_total_of_victoriametrics_without_one_of_its_storages_shrinks_nothing() {
    let stats = json!({"seriesFetched": "1", "executionTimeMsec": 3});
    a_part_shrinks_nothing(
        json!({"isPartial": true, "stats": stats}),
        "in part only, and says: isPartial is true",
    )
    .await;
}

#[tokio::test]
async fn an_annotation_of_the_query_engine_is_no_missing_data() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").by(&[query("queue", 10)]));
    let body = json!({"status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1_732_184_400, "40"]}]},
        "warnings": ["PromQL warning: encountered a mix of histograms and floats for aggregation (1:5)"],
        "infos": ["PromQL info: ignored histogram in sum aggregation (1:5)"]});
    let reply = Reply::Body(200, "application/json", body.to_string());
    world.prometheus.answers("queue", reply);
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
    world.expect("web", "Ready", "True Ready", "");
}

#[tokio::test]
async fn several_series_without_match_are_ambiguous() {
    let reply = series(&[(json!({"queue": "a"}), "100"), (json!({"queue": "b"}), "200")]);
    holds(
        one_bad_metric("default", reply).await,
        "AmbiguousSeries",
        "2 series",
    )
    .await;
}

#[tokio::test]
async fn match_picks_one_of_several_series() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    let mut orders = query("queue_length", 10);
    orders["prometheus"]["match"] = json!({"queue": "orders"});
    world.api.has(policy("web").by(&[orders]));
    let orders = json!({"queue": "orders", "host": "h"});
    world.prometheus.answers(
        "queue_length",
        series(&[(json!({"queue": "other"}), "900"), (orders, "40")]),
    );
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
}

#[tokio::test]
async fn a_scalar_is_a_number() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    world.api.has(policy("web").by(&[query("scalar(x)", 10)]));
    world
        .prometheus
        .answers("scalar(x)", result("scalar", &json!([1, "40"])));
    assert_eq!(world.tick().await[0], "scale web 2 → 4");
}

#[tokio::test]
async fn a_metric_that_comes_back_makes_the_policy_ready_again() {
    let mut world = one_bad_metric("default", number("NaN")).await;
    world.tick().await;
    world.prometheus.answers("broken", number("20"));
    world.tick_after(15).await;
    world.expect("bad", "Ready", "True Ready", "");
    // The same trouble within five minutes is in the status, but no second event.
    world.prometheus.answers("broken", number("NaN"));
    assert_eq!(world.tick_after(15).await, ["status bad"]);
    world.expect("bad", "Ready", "False NotANumber", "");
    world.prometheus.answers("broken", number("20"));
    world.tick_after(300).await;
    world.prometheus.answers("broken", number("NaN"));
    let writes = world.tick_after(15).await;
    assert!(
        writes.contains(&"Warning NotANumber on ScalingPolicy bad".to_owned()),
        "{writes:?}"
    );
}
