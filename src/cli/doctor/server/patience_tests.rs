//! A server of which some queries break. On loopback only.
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Response;

use super::super::finding::{Finding, Level};
use super::recorded::pods;
use super::*;

/// A server with one series of cpu and of network that hangs up on queries that have one of these words. The queries that
/// it got are kept.
async fn broken_on(words: &'static [&'static str]) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let queries = Arc::clone(&asked);
    let router = axum::Router::new().fallback(move |form: String| {
        queries.lock().unwrap().push(form.clone());
        async move {
            if words.iter().any(|word| form.contains(word)) {
                let hang_up = futures::stream::iter([Err::<String, _>(std::io::Error::other("hung up"))]);
                return Response::new(Body::from_stream(hang_up));
            }
            let answer = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"kubelet"},"value":[1,"1"]}]}}"#;
            Response::new(Body::from(answer))
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (url, asked)
}

async fn heard(url: &str) -> Findings {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = Config::with_server(url, None).unwrap();
    let facts = gather(&config, &config.servers[0], &pods(1)).await;
    findings(&facts, &config, None, &[])
}

#[tokio::test]
async fn two_queries_that_break_do_not_end_the_others_of_a_server_that_answers() {
    let (url, _) = broken_on(&["count_over_time"]).await;
    let found = heard(&url).await.list;
    assert!(
        found
            .iter()
            .all(|finding| !finding.what.contains("not asked any more")),
        "{found:#?}"
    );
    for source in ["http", "ingress-nginx", "istio"] {
        let what =
            format!("source {source}: not found out: how often it is scraped (the server cannot be reached");
        let is_told = |finding: &&Finding| finding.level == Level::Note && finding.what.starts_with(&what);
        assert!(
            found.iter().any(|finding| is_told(&finding)),
            "{source}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_answers_no_more_is_asked_twice_more() {
    // Everything but the time of the server and what it scrapes.
    let (url, asked) = broken_on(&["container"]).await;
    let found = heard(&url).await.list;
    assert!(
        found
            .iter()
            .any(|finding| finding.what.contains("not asked any more")),
        "{found:#?}"
    );
    let asked = asked.lock().unwrap();
    let broken = asked.iter().filter(|query| query.contains("container"));
    assert_eq!(broken.count(), PATIENCE, "{asked:#?}");
}
