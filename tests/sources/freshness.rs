//! How old what is seen is, how often it is scraped, and rates of what has just begun or ended.
use concertina_decision::{Missing, Reading, Timestamp};
use serde_json::{Value, json};

use crate::series::Series;
use crate::world::{World, assert_near, told, total};

fn requests(more: &str, rate: f64) -> Series {
    let labels =
        format!("job=\"i\",controller_namespace=\"i\",controller_pod=\"a\",namespace=\"shop\",{more}");
    Series::counter(&format!("nginx_ingress_controller_requests{{{labels}}}"), rate)
}

fn rate() -> Value {
    json!([{"name": "rate", "requestRate": {"source": "ingress-nginx", "averageValue": 1}}])
}

/// One scrape more or less falls into the time over which they are counted.
fn assert_about(found: f64, interval: i64) {
    #[allow(clippy::cast_precision_loss)] // seconds
    let expected = interval as f64;
    assert!(
        (found - expected).abs() <= 0.25 * expected,
        "{found} is not {expected}"
    );
}

#[tokio::test]
async fn the_scrape_interval_is_measured_from_the_samples() {
    for interval in [1, 5, 10, 15, 20, 30, 45, 60, 90, 120, 150, 300] {
        for last in [1, interval / 2] {
            let world = World::new("");
            assert_eq!(
                world.measured_interval(rate()).await,
                None,
                "nothing is there yet"
            );
            let of = |service: &str, first| Series {
                interval,
                first,
                last,
                ..requests(&format!("service=\"{service}\""), 1.0)
            };
            let long_ago = last + 1200;
            let just_begun = last + 1;
            world
                .prometheus
                .push(&[of("web", long_ago), of("api", long_ago), of("new", just_begun)])
                .await;
            let found = world.measured_interval(rate()).await.unwrap();
            assert_about(found, interval);
            let key = world.compiled(&rate(), &json!([])).queries[0].clone();
            world.intervals.learn(&key, found, Timestamp::from_seconds(0));
            if interval >= 5 && last == 1 {
                // Of a window of few seconds those that the test itself takes are a part.
                assert_near(total(&world.metrics(rate()).await[0]), 1.0);
            }
        }
    }
}

#[tokio::test]
async fn the_interval_of_what_has_just_begun_is_not_known() {
    let world = World::new("");
    let begun = Series {
        first: 40,
        ..requests("service=\"web\"", 1.0)
    };
    world.prometheus.push(&[begun]).await;
    assert_eq!(world.measured_interval(rate()).await, None);
}

#[tokio::test]
async fn the_interval_is_that_of_the_few_that_stay_among_many_that_come_and_go() {
    for interval in [5, 15, 30] {
        let world = World::new("");
        let of = |kind: &str, first, last, gone| {
            let series = |number: usize| Series {
                interval,
                first,
                last,
                gone,
                ..requests(&format!("service=\"{kind}{number}\""), 1.0)
            };
            (0..10).map(series).collect::<Vec<_>>()
        };
        let mut series = of("ended", 600, 31, true);
        series.extend(of("ended_untold", 600, 31, false));
        series.extend(of("ended_earlier", 600, 151, true));
        series.extend(of("brief", 75, 41, true));
        series.extend(of("brief_earlier", 140, 100, true));
        series.extend(of("begun", 70, 1, false));
        series.extend(of("stays", 600, 1, false).into_iter().take(2));
        world.prometheus.push(&series).await;
        let found = world.measured_interval(rate()).await.unwrap();
        assert_about(found, interval);
    }
}

#[tokio::test]
async fn the_interval_of_few_that_are_scraped_less_often_than_many_others_serves_them_too() {
    let world = World::new("");
    let of = |service: usize, interval| Series {
        interval,
        ..requests(&format!("service=\"s{service}\""), 1.0)
    };
    let series: Vec<_> = (0..9).map(|service| of(service, 5)).chain([of(9, 60)]).collect();
    world.prometheus.push(&series).await;
    let found = world.measured_interval(rate()).await.unwrap();
    // Four of these hold two scrapes of the slowest.
    assert!((30.0..=75.0).contains(&found), "{found}");
}

#[tokio::test]
async fn a_window_too_short_for_the_scrape_interval_is_told_of() {
    let world = World::new("");
    let series = Series {
        interval: 30,
        ..requests("service=\"web\"", 1.0)
    };
    world.prometheus.push(&[series]).await;
    let mut metrics = rate();
    metrics[0]["windowSeconds"] = json!(15);
    let key = world.compiled(&metrics, &json!([])).queries[0].clone();
    world.intervals.learn(&key, 30.0, Timestamp::from_seconds(0));
    let found = world.metrics(metrics).await;
    assert_eq!(found[0].0, Reading::Missing(Missing::NotReadYet));
    let message = "windowSeconds is 15, but a rate needs two samples and there is one every 30 s";
    assert!(told(&found[0]).contains(message), "{}", told(&found[0]));
}

#[tokio::test]
async fn a_rate_after_a_gap_of_all_scrapes_is_missing_and_that_of_new_requests_is_not() {
    let world = World::new("");
    let begun = |service: &str| Series {
        first: 31,
        ..requests(service, 10.0)
    };
    world.prometheus.push(&[begun("service=\"web\"")]).await;
    let found = world.metrics(rate()).await;
    assert_eq!(
        found[0].0,
        Reading::Missing(Missing::NotReadYet),
        "{}",
        told(&found[0])
    );
    assert!(
        told(&found[0]).contains("nothing was scraped"),
        "{}",
        told(&found[0])
    );
    // Once others are known to have been scraped all along, what began had no requests before.
    world.prometheus.push(&[requests("service=\"api\"", 1.0)]).await;
    let found = total(&world.metrics(rate()).await[0]);
    assert!((1.0..10.0).contains(&found), "{found}");
}

#[tokio::test]
async fn requests_that_are_not_scraped_any_more_are_missing_at_once() {
    let world = World::new("");
    let gone = Series {
        gone: true,
        last: 5,
        ..requests("service=\"web\"", 10.0)
    };
    world
        .prometheus
        .push(&[gone, requests("service=\"api\"", 1.0)])
        .await;
    let found = world.metrics(rate()).await;
    assert_eq!(
        found[0].0,
        Reading::Missing(Missing::NoSamples),
        "{}",
        told(&found[0])
    );
}

#[tokio::test]
async fn a_query_of_ones_own_may_tell_how_old_its_answer_is() {
    let world = World::new("");
    let ready = "{job=\"mq\",queue=\"orders\"}";
    world
        .prometheus
        .push(&[
            Series {
                last: 20,
                ..Series::gauge(&format!("messages_ready{ready}"), 7.0)
            },
            Series {
                last: 20,
                ..Series::time(&format!("checked_at{ready}"))
            },
        ])
        .await;
    let metric = |age: Value| {
        let mut metric = json!({"name": "queue", "prometheus": {
            "query": "sum by (queue) (messages_ready) # all", "match": {"queue": "orders"}, "averageValue": 1,
        }});
        metric["prometheus"]
            .as_object_mut()
            .unwrap()
            .extend(age.as_object().unwrap().clone());
        json!([metric])
    };
    let without = world.metrics(metric(json!({}))).await;
    assert_eq!(
        without[0].0,
        Reading::Total {
            value: 7.0,
            time: None
        }
    );
    for age in [
        "max by (queue) (timestamp(messages_ready))",
        "max by (queue) (checked_at)",
    ] {
        let with = world.metrics(metric(json!({"ageQuery": age}))).await;
        assert_near(total(&with[0]), 7.0);
    }
}
