use axum::http::StatusCode;

use super::scripted::*;
use super::*;

#[tokio::test]
async fn the_next_url_answers_for_one_that_is_gone_and_is_asked_first_from_then_on() {
    let (dead, living) = (nobody().await, scripted(empty).await);
    let server = server(&[&dead, &living.address], "");
    asked(&server, "a").await.unwrap();
    asked(&server, "b").await.unwrap();
    assert_eq!((server.failovers(), living.requests().len()), (1, 2));
}

#[tokio::test]
async fn a_url_that_is_silent_leaves_time_for_the_next() {
    let (hole, living) = (silent().await, scripted(empty).await);
    let server = server(&[&hole.address, &living.address], "timeoutSeconds: 2");
    asked(&server, "a").await.unwrap();
    asked(&server, "b").await.unwrap();
    assert_eq!((hole.requests().len(), living.requests().len()), (1, 2));
    assert_eq!(server.failovers(), 1);
}

#[tokio::test]
async fn trouble_of_a_server_leads_to_the_next_and_trouble_of_the_query_does_not() {
    for (status, next) in [
        (503, true),
        (500, true),
        (429, true),
        (400, false),
        (422, false),
        (401, false),
        (302, false),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let first = scripted(move || async move { answer(status, "words") }).await;
        let second = scripted(empty).await;
        let server = server(&[&first.address, &second.address], "");
        assert_eq!(asked(&server, "up").await.is_ok(), next, "{status}");
        assert_eq!(second.requests().len(), usize::from(next), "{status}");
    }
}

#[tokio::test]
async fn where_all_fail_one_error_tells_of_all() {
    let (one, two) = (nobody().await, nobody().await);
    let message = asked(&server(&[&one, &two], ""), "up")
        .await
        .unwrap_err()
        .to_string();
    for host in [one, two] {
        assert!(
            message.contains(&format!("{host}: Connection refused")),
            "{message}"
        );
    }
    let busy = scripted(|| async { answer(StatusCode::TOO_MANY_REQUESTS, "limit reached") }).await;
    let server = server(&[&busy.address, &nobody().await], "");
    let message = asked(&server, "up").await.unwrap_err().to_string();
    assert!(
        message.contains("429: limit reached"),
        "a server's own words tell more: {message}"
    );
    assert_eq!(server.failovers(), 0);
}

#[tokio::test]
async fn the_preferred_url_is_tried_again_beside_an_ordinary_query_and_then_used() {
    let broken = Arc::new(AtomicBool::new(true));
    let state = Arc::clone(&broken);
    let preferred = scripted(move || {
        let status = if state.load(Ordering::SeqCst) { 503 } else { 200 };
        async move { answer(StatusCode::from_u16(status).unwrap(), EMPTY) }
    })
    .await;
    let other = scripted(empty).await;
    let server = server(&[&preferred.address, &other.address], "");
    asked(&server, "up").await.unwrap();
    for _ in 0..5 {
        asked(&server, "up").await.unwrap();
    }
    assert_eq!((preferred.requests().len(), other.requests().len()), (1, 6));

    later(endpoints::RETRY_EVERY).await;
    asked(&server, "up").await.unwrap();
    while preferred.requests().len() < 2 {
        tokio::task::yield_now().await;
    }
    asked(&server, "up").await.unwrap();
    assert_eq!(
        (preferred.requests().len(), other.requests().len()),
        (2, 8),
        "still broken"
    );

    broken.store(false, Ordering::SeqCst);
    later(endpoints::RETRY_EVERY).await;
    asked(&server, "up").await.unwrap();
    while server.endpoints.order() != [0, 1] {
        tokio::task::yield_now().await;
    }
    asked(&server, "up").await.unwrap();
    assert_eq!((preferred.requests().len(), other.requests().len()), (4, 9));
    assert_eq!(server.failovers(), 1);
}

#[tokio::test]
async fn only_an_answer_of_prometheus_brings_the_preferred_url_back() {
    for (status, body) in [
        (404, "default backend - 404"),
        (401, "log in"),
        (302, ""),
        (400, r#"{"status":"error","errorType":"bad_data","error":"x"}"#),
        (200, "ok"),
        (200, r#"{"status":"up"}"#),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let is_gone = Arc::new(AtomicBool::new(true));
        let state = Arc::clone(&is_gone);
        let preferred = scripted(move || {
            let status = if state.load(Ordering::SeqCst) {
                StatusCode::BAD_GATEWAY
            } else {
                status
            };
            async move { answer(status, body) }
        })
        .await;
        let other = scripted(empty).await;
        let server = server(&[&preferred.address, &other.address], "");
        asked(&server, "up").await.unwrap();
        is_gone.store(false, Ordering::SeqCst);
        later(endpoints::RETRY_EVERY).await;
        asked(&server, "up").await.unwrap();
        while preferred.requests().len() < 2 {
            tokio::task::yield_now().await;
        }
        // Its answer is read in a task of its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(server.endpoints.order(), [1, 0], "{status}: {body}");
        asked(&server, "up").await.unwrap();
        assert_eq!(preferred.requests().len(), 2, "{status}: {body}");
    }
}

#[tokio::test]
async fn a_url_that_stops_in_the_middle_of_an_answer_leaves_time_for_the_next() {
    let stops = scripted(|| async {
        let beginning = futures::stream::once(async { Ok::<_, std::convert::Infallible>(vec![b'{']) });
        let rest = futures::stream::pending();
        answer(
            StatusCode::OK,
            axum::body::Body::from_stream(futures::StreamExt::chain(beginning, rest)),
        )
    })
    .await;
    let living = scripted(empty).await;
    let both = server(&[&stops.address, &living.address], "timeoutSeconds: 2");
    asked(&both, "a").await.unwrap();
    assert_eq!((both.failovers(), living.requests().len()), (1, 1));
    let alone = server(&[&stops.address], "timeoutSeconds: 1");
    assert_eq!(asked(&alone, "a").await, Err(FetchError::TimedOut(1)));
}
