//! Queries narrowed to one namespace, on a Prometheus with the series of two and on one with those of the first alone:
//! both must answer the same, whatever the query tries. And what Prometheus reads in what is sent.
use concertina::promql::Scope;
use concertina_decision::Reading;
use serde_json::{Value, json};

use crate::prometheus::Prometheus;
use crate::series::Series;
use crate::world::World;

/// Two namespaces with series of the same names, and one that only the other has.
fn series(namespace: &str) -> Vec<Series> {
    let (factor, secret) = if namespace == "shop" {
        (1.0, 0.0)
    } else {
        (7.0, 4242.0)
    };
    let of = |text: &str| format!("{}namespace=\"{namespace}\"}}", text.trim_end_matches('}'));
    let mut series = vec![
        Series::gauge(&of("queue{queue=\"orders\",job=\"broker\",}"), 30.0 * factor),
        Series::gauge(&of("queue{queue=\"mail\",job=\"broker\",}"), 12.0 * factor),
        Series::gauge(&of("workers{instance=\"a\",job=\"work\",}"), 2.0 * factor),
        Series::counter(&of("done_total{queue=\"orders\",pod=\"a\",}"), 3.0 * factor),
        Series::counter(&of("done_total{queue=\"orders\",pod=\"b\",}"), 4.0 * factor),
        Series::gauge(
            &of("target_info{instance=\"a\",job=\"work\",version=\"1\",}"),
            1.0,
        ),
        Series::histogram(
            &of("took_seconds{queue=\"mail\",}"),
            &[0.1, 1.0],
            &[5.0 * factor, 2.0, 1.0],
        ),
    ];
    if secret > 0.0 {
        series.push(Series::gauge(&of("secret{job=\"vault\",}"), secret));
        series.push(Series::gauge(&of("by{job=\"vault\",}"), secret));
    }
    series
}

/// A Prometheus with both namespaces and one with shop alone, with the very same samples of that.
async fn both_and_one() -> (Prometheus, Prometheus) {
    let (both, one) = (Prometheus::start(), Prometheus::start());
    let shop = Prometheus::body(&series("shop"));
    both.take(&shop).await;
    both.take(&Prometheus::body(&series("bank"))).await;
    one.take(&shop).await;
    (both, one)
}

fn scope() -> Scope {
    Scope::of("namespace", "shop", None)
}

/// What a query answers at this second, in an order of its own; or why it does not.
async fn answer(prometheus: &Prometheus, query: &str, at: i64) -> Result<Vec<String>, String> {
    let form = [("query", query.to_owned()), ("time", at.to_string())];
    let answer = prometheus.ask("/api/v1/query", &form).await;
    if answer["status"] != "success" {
        return Err(answer["error"].to_string());
    }
    let result = &answer["data"]["result"];
    let mut found: Vec<String> = match result.as_array() {
        Some(series) => series.iter().map(Value::to_string).collect(),
        None => vec![result.to_string()],
    };
    found.sort();
    Ok(found)
}

/// Each of them reads the bank when it is sent as it is.
const HOSTILE: [&str; 48] = [
    "secret",
    "{__name__=\"secret\"}",
    "{\"secret\"}",
    "{\"__name__\"=\"secret\"}",
    "{__name__=~\".+\"}",
    "{__name__=~\".+\",namespace=~\".+\"}",
    "{namespace=\"bank\"}",
    "{namespace!=\"shop\",__name__!=\"\"}",
    "{'namespace'=`bank`}",
    "{\"\\x6eamespace\"=\"bank\"}",
    "queue{namespace=\"bank\"}",
    "queue{namespace=~\"shop|bank\"}",
    "queue{namespace=~\"shop|.*\"}",
    "queue{namespace!~\"shop\"}",
    "sum(queue)",
    "sum by (namespace) (queue)",
    "sum(queue) without (namespace)",
    "count by (__name__) ({__name__=~\".+\"})",
    "topk(1, queue)",
    "count_values(\"seen\", secret)",
    "absent(secret)",
    "vector(1) # \r or secret",
    "vector(1) # \n or secret",
    "secret # } and nothing else",
    "queue{queue=`\\`} or secret{job!=`\\`}",
    "queue{queue=\"{\"} or secret",
    "queue{queue='\"'} or secret{job!='\"'}",
    "label_replace(secret, \"namespace\", \"shop\", \"\", \"\")",
    "label_replace(vector(1), \"namespace\", \"bank\", \"\", \"\") * on (namespace) group_left () sum by (namespace) (queue)",
    "label_join(secret, \"namespace\", \"\", \"queue\")",
    "secret offset 30s",
    "secret offset -1s",
    "secret @ end()",
    "last_over_time(secret[5m])",
    "last_over_time(secret[5m] @ end() offset 10s)",
    "max_over_time(secret[2m:30s])",
    "max_over_time(sum(queue)[2m:30s])",
    "sum(rate(done_total[2m]))",
    "scalar(secret)",
    "vector(scalar(secret))",
    "-secret",
    "(((secret)))",
    "workers + on () group_left () secret",
    "workers * on (job) group_left (version) target_info",
    "workers unless on () secret",
    "workers > bool on () group_left () secret",
    "histogram_quantile(0.5, sum by (le) (rate(took_seconds_bucket[2m])))",
    "quantile(scalar(secret) / 1e4, queue)",
];

/// What no server could be asked, and what is refused because it might read more than it says.
const REFUSED: [&str; 14] = [
    "info(workers)",
    "info(workers, {__name__=\"target_info\"})",
    "by",
    "up) or (secret",
    "up\"} or secret{job=\"vault\"",
    "{namespace=\"shop\" or namespace=\"bank\"}",
    "WITH (x = secret) x",
    "queue default secret",
    "queue{}, secret",
    "secret[5m+0*1s]",
    "queue + fill(0) secret",
    "{namespace=\"shop\",namespace=\"bank\"}",
    "\u{a0}secret",
    "(queue, secret)",
];

#[tokio::test]
async fn no_query_of_one_namespace_learns_anything_of_another() {
    let (both, one) = both_and_one().await;
    let at = jiff::Timestamp::now().as_second();
    let mut sent = 0;
    for query in HOSTILE {
        let plain = (answer(&both, query, at).await, answer(&one, query, at).await);
        assert_ne!(plain.0, plain.1, "{query} tells nothing of the bank in any case");
        let Ok(narrowed) = scope().narrowed(query) else {
            continue;
        };
        sent += 1;
        let found = answer(&both, &narrowed, at).await;
        assert!(found.is_ok(), "{narrowed}: {found:?}");
        assert_eq!(found, answer(&one, &narrowed, at).await, "{narrowed}");
    }
    assert_eq!(sent, 42, "the others name the bank");
    for query in REFUSED {
        assert!(scope().narrowed(query).is_err(), "{query}");
    }
}

/// What policies ask for.
const HARMLESS: [&str; 24] = [
    "queue",
    "queue{queue=\"orders\"}",
    "{__name__=\"queue\",queue=~\"o.*\"}",
    "sum by (queue) (queue)",
    "sum(queue) by (queue)",
    "sum(rate(done_total[2m]))",
    "sum by (queue, pod) (increase(done_total{pod!=\"a\"}[90s]))",
    "sum(rate(done_total[2m])) / on () group_left () scalar(workers) * 2 ^ -1",
    "queue / on () group_left () workers",
    "queue > bool 20",
    "queue - queue offset 1m",
    "max_over_time(sum(rate(done_total[1m]))[3m:30s])",
    "avg_over_time(queue[5m])",
    "deriv(queue[5m:15s] offset 10s)",
    "histogram_quantile(0.9, sum by (le) (rate(took_seconds_bucket[2m])))",
    "histogram_quantile(0.9, sum by (le, queue) (rate(took_seconds_bucket{queue=~\"mail|orders\"}[2m]))) * 1e3",
    "sum by (queue) (absent(nothing{queue=\"orders\"})) or queue",
    "sum(queue) or vector(0)",
    "count(queue unless queue > 20) + 0x10 + .5",
    "label_replace(queue, \"name\", \"$1-x\", \"queue\", \"(.*)\")",
    "time() - max(timestamp(queue))",
    "clamp_max(vector(scalar(sum(queue))), 10)",
    "topk(1, queue) without (namespace)",
    "-queue{queue=`mail`} # with a word on it\n",
];

#[tokio::test]
async fn a_query_within_its_namespace_is_answered_as_if_no_other_were_there() {
    let (both, one) = both_and_one().await;
    let at = jiff::Timestamp::now().as_second();
    for query in HARMLESS {
        let narrowed = scope().narrowed(query).unwrap();
        let (plain, found) = (answer(&one, query, at).await, answer(&both, &narrowed, at).await);
        assert!(
            plain.as_ref().is_ok_and(|series| !series.is_empty()),
            "{query}: {plain:?}"
        );
        assert_eq!(found, plain, "{narrowed}");
    }
}

/// The syntax tree with one more matcher in each selector. Matchers are put into an order of their own.
fn with_own(tree: &Value) -> Value {
    match tree {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            if let Some(Value::Array(matchers)) = fields.get_mut("matchers") {
                matchers.push(json!({"name": "namespace", "type": "=", "value": "shop"}));
            }
            fields.iter_mut().for_each(|(_, value)| *value = with_own(value));
            Value::Object(fields)
        }
        Value::Array(values) => Value::Array(values.iter().map(with_own).collect()),
        other => other.clone(),
    }
}

fn in_order(tree: &Value) -> Value {
    match tree {
        Value::Object(fields) => {
            let mut fields = fields.clone();
            if let Some(Value::Array(matchers)) = fields.get_mut("matchers") {
                matchers.sort_by_key(Value::to_string);
            }
            fields.iter_mut().for_each(|(_, value)| *value = in_order(value));
            Value::Object(fields)
        }
        Value::Array(values) => Value::Array(values.iter().map(in_order).collect()),
        other => other.clone(),
    }
}

#[tokio::test]
async fn prometheus_reads_the_same_tree_in_what_is_sent_but_for_the_matchers() {
    let prometheus = Prometheus::start();
    let tree = async |query: &str| {
        let answer = prometheus
            .ask("/api/v1/parse_query", &[("query", query.to_owned())])
            .await;
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"].clone()
    };
    let further = [
        "a - b - c ^ d ^ -e * f",
        "-1 ^ 2 + - - a % b",
        "a and b or c unless d and e",
        "a == bool b + on (x, \"y.z\") group_right (by) c{or=\"1\"} atan2 d",
        "sum without () (a) > COUNT(b) by (c,)",
        "min_over_time(rate(a{b=\"}\",}[1h30m])[1d:] @ 1.5e9 offset -5m)",
        "a @ start() offset 1w",
        "{\"a.b\",\"c d\"!~\"e|f\"}[5m]",
        "quantile_over_time(0.9, a:b:c{d=`\\d+`}[5m])",
        "1_000 + 0x_1F + 1e-3 + .5 + 5m30s + Inf + NaN",
        "sort_desc(label_join(a, \"b\", ',', 'c', \"d\"))",
        "a{b='\\'',c=\"\\\"\\u00e4\\x41\\101\\n\"}",
        "information",
        "year()",
    ];
    for query in HARMLESS.into_iter().chain(HOSTILE).chain(further) {
        let Ok(narrowed) = scope().narrowed(query) else {
            assert!(HOSTILE.contains(&query), "{query}");
            continue;
        };
        let expected = in_order(&with_own(&tree(query).await));
        assert_eq!(
            in_order(&tree(&narrowed).await),
            expected,
            "{query} became {narrowed}"
        );
    }
}

#[tokio::test]
async fn a_policy_reads_its_own_of_two_namespaces_through_the_whole_path() {
    let world = World::new("tenancy: Namespace");
    world.prometheus.push(&series("shop")).await;
    world.prometheus.push(&series("bank")).await;
    let found = world
        .metrics(json!([
            {"name": "all", "prometheus": {"query": "sum(queue)", "ageQuery": "max(timestamp(queue))", "value": 5}},
            {"name": "one", "prometheus": {"query": "queue", "match": {"queue": "orders"}, "value": 5}},
        ]))
        .await;
    let value = |reading: &Reading| match reading {
        Reading::Total { value, .. } => *value,
        other => panic!("{other:?}"),
    };
    let values: Vec<f64> = found.iter().map(|(reading, _)| value(reading)).collect();
    assert_eq!(values, [42.0, 30.0]);
}
