//! A server on which policies may read their own namespace alone: what is sent, now and about the past, and what is not.
use serde_json::{Value, json};

use crate::fixtures::{Policy, deployment, policy, query};
use crate::prometheus::{number, series};
use crate::world::World;

/// What every selector gets.
const OWN: &str = "namespace=\"shop\"";

fn by(name: &str, metric: Value) -> Policy {
    policy(name).by(&[metric]).asking("own")
}

fn guarded(policy: Policy, query: &str) -> Policy {
    policy.with(
        "/spec/guards",
        json!([{"name": "errors", "query": query, "above": 5}]),
    )
}

#[tokio::test]
async fn metrics_their_ages_and_guards_are_asked_within_the_policys_namespace() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    let mut metric = query("sum(jobs{state=\"done\"}) / scalar(workers) # per worker", 10);
    metric["prometheus"]["ageQuery"] = json!("max(timestamp(jobs))");
    world
        .api
        .has(guarded(by("web", metric), "sum(rate(failed[1m])) or vector(0)"));
    let now = (world.now.0 / 1000).to_string();
    let families = [
        (json!({"concertina": "value"}), "40"),
        (json!({"concertina": "time"}), now.as_str()),
    ];
    world.prometheus.answers("jobs", series(&families));
    world.prometheus.answers("failed", number("0"));
    world.tick().await;
    assert_eq!(world.api.replicas("web"), 4);
    let mut queries = world.prometheus.take_queries();
    queries.sort();
    assert_eq!(
        queries,
        [
            format!(
                "label_replace(\nsum(jobs{{state=\"done\",{OWN}}}) / scalar(workers{{{OWN}}})\n,\"concertina\",\"value\",\"\",\"\") \
                 or label_replace(\nmax(timestamp(jobs{{{OWN}}}))\n,\"concertina\",\"time\",\"\",\"\")"
            ),
            format!("sum(rate(failed{{{OWN}}}[1m])) or vector(0)"),
        ]
    );
}

#[tokio::test]
async fn the_past_is_asked_within_the_policys_namespace_too() {
    let mut world = World::start().await;
    deployment(&world.api, "web", 4);
    let at_once =
        json!({"cooldownSeconds": 0, "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}]});
    world
        .api
        .has(by("web", query("sum(jobs)", 10)).with("/spec/behavior", json!({"scaleDown": at_once})));
    for (restarts, load) in [(false, "40"), (true, "10")] {
        if restarts {
            world.restart().await;
        }
        world.prometheus.answers("jobs", number(load));
        for _ in 0..3 {
            world.tick().await;
            world.pass(15);
        }
    }
    let past = world.prometheus.take_past_queries();
    let texts: Vec<&str> = past.iter().map(|query| query.text.as_str()).collect();
    assert_eq!(texts, [format!("sum(jobs{{{OWN}}})")]);
}

#[tokio::test]
async fn a_query_that_is_refused_is_told_never_sent_and_harms_no_other_policy() {
    let mut world = World::start().await;
    for name in ["bad", "worse", "good"] {
        deployment(&world.api, name, 2);
    }
    world
        .api
        .has(by("bad", query("sum(jobs{namespace=\"bank\"})", 10)));
    world
        .api
        .has(guarded(by("worse", query("sum(jobs)", 10)), "WITH (x = jobs) x"));
    world.api.has(by("good", query("sum(jobs)", 10)));
    world.prometheus.answers("jobs", number("40"));
    let writes = world.tick().await;
    let is_of_refused = |write: &String| write.starts_with("scale bad") || write.starts_with("scale worse");
    assert!(!writes.iter().any(is_of_refused), "{writes:?}");
    assert_eq!(world.api.replicas("good"), 4);
    assert_eq!(world.prometheus.take_queries(), [format!("sum(jobs{{{OWN}}})")]);
    world.expect(
        "bad",
        "Ready",
        "False InvalidPolicy",
        "metric custom query: namespace=\"bank\" asks for another namespace than the policy's own, shop,",
    );
    world.expect(
        "worse",
        "Ready",
        "False InvalidPolicy",
        "guard errors query: \"WITH\" is a word",
    );
    world.expect("good", "Ready", "True Ready", "");
    world.api.has(by("bad", query("sum(jobs)", 10)));
    world.tick_after(15).await;
    assert_eq!(world.api.replicas("bad"), 4, "a corrected policy works");
}

#[tokio::test]
async fn on_other_servers_the_same_policy_is_asked_as_it_is_written() {
    let world = World::start().await;
    deployment(&world.api, "web", 2);
    let text = "sum(jobs{namespace=\"bank\"}) # of the bank";
    world.api.has(policy("web").by(&[query(text, 10)]));
    world.prometheus.answers("jobs", number("40"));
    world.tick().await;
    assert_eq!(world.api.replicas("web"), 4);
    assert_eq!(world.prometheus.take_queries(), [text]);
}
