use std::pin::Pin;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::scripted::*;
use super::*;

const STEPS: Steps = Steps {
    start: 0,
    end: 60,
    step: 15,
};

/// What the server said, for the tests that look at no more.
fn message(result: Result<(), FetchError>) -> String {
    result.unwrap_err().to_string()
}

/// A server that answers nobody until so many are waiting.
async fn answers_together(count: usize) -> Scripted {
    let together = Arc::new(tokio::sync::Barrier::new(count));
    scripted(move || {
        let together = Arc::clone(&together);
        async move {
            together.wait().await;
            answer(StatusCode::OK, EMPTY)
        }
    })
    .await
}

/// Goes on with a question until so many have come to a server that does not answer.
async fn has_asked<T>(server: &Scripted, count: usize, mut question: Pin<&mut impl Future<Output = T>>) {
    while server.requests().len() < count {
        assert!(futures::poll!(question.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn whole_answers_are_asked_for_where_a_part_would_be_taken_for_the_whole() {
    let prometheus = scripted(|| async { answer(StatusCode::BAD_REQUEST, "") }).await;
    let server = server(&[&prometheus.address], "");
    for (template, expected) in [(custom("sum(queue)"), true), (Template::Memory, false)] {
        let before = prometheus.requests().len();
        let question = question(&template, "sum(queue)");
        server.fetch(&question, &whole()).await.unwrap_err();
        server.fetch_range(&question, STEPS, &whole()).await.unwrap_err();
        let requests = prometheus.requests();
        assert_eq!(requests.len(), before + 2);
        for (_, form) in requests.iter().skip(before) {
            assert!(form.contains("query=sum"), "{form}");
            for parameter in ["&partial_response=false", "&deny_partial_response=1"] {
                assert_eq!(form.contains(parameter), expected, "{form}");
            }
        }
    }
}

#[tokio::test]
async fn headers_and_parameters_of_the_configuration_go_with_every_query() {
    let prometheus = scripted(empty).await;
    let fields =
        "headers: {X-Scope-OrgID: tenant}, queryParameters: {dedup: 'true', partial_response: 'true'}";
    let server = server(&[&prometheus.address], fields);
    asked(&server, "up").await.unwrap();
    let (headers, form) = prometheus.requests().remove(0);
    assert_eq!(headers["x-scope-orgid"], "tenant");
    assert!(!headers.contains_key("accept-encoding") && !headers.contains_key("authorization"));
    assert!(
        form.contains("dedup=true") && form.contains("timeout=4"),
        "{form}"
    );
    // The configuration's word counts.
    assert!(
        form.contains("&partial_response=true") && !form.contains("partial_response=false"),
        "{form}"
    );
}

#[tokio::test]
async fn connections_are_used_again() {
    let prometheus = answers_together(4).await;
    let server = server(&[&prometheus.address], "");
    let texts = ["a", "b", "c", "d"];
    let tick = || async {
        for result in futures::future::join_all(texts.iter().map(|text| asked(&server, text))).await {
            result.unwrap();
        }
        // The client puts connections back in tasks of its own.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tick().await;
    assert_eq!(prometheus.connections(), 4);
    tick().await;
    assert_eq!((prometheus.connections(), prometheus.requests().len()), (4, 8));
}

#[tokio::test]
async fn a_query_that_is_given_up_has_ended_when_the_tick_after_as_many_seconds_begins() {
    let prometheus = silent().await;
    let server = server(&[&prometheus.address], "");
    let asked = asked(&server, "up");
    tokio::pin!(asked);
    has_asked(&prometheus, 1, asked.as_mut()).await;
    tokio::time::pause();
    tokio::time::advance(Duration::from_millis(4950)).await;
    let given_up = std::task::Poll::Ready(Err(FetchError::TimedOut(5)));
    assert_eq!(futures::poll!(asked.as_mut()), given_up);
}

#[tokio::test]
async fn the_same_query_is_under_way_once_at_a_time() {
    let prometheus = silent().await;
    let server = server(&[&prometheus.address], "");
    let first = asked(&server, "up");
    tokio::pin!(first);
    has_asked(&prometheus, 1, first.as_mut()).await;
    for _ in 0..60 {
        assert_eq!(asked(&server, "up").await, Err(FetchError::StillAsking));
    }
    assert_eq!((prometheus.requests().len(), prometheus.connections()), (1, 1));
    later(Duration::from_secs(5)).await;
    assert_eq!(first.await, Err(FetchError::TimedOut(5)));
    // Then it may be asked again.
    let again = asked(&server, "up");
    tokio::pin!(again);
    has_asked(&prometheus, 2, again.as_mut()).await;
}

#[tokio::test]
async fn questions_of_one_text_are_asked_side_by_side_where_they_are_not_the_same_question() {
    let prometheus = answers_together(3).await;
    let server = server(&[&prometheus.address], "");
    let template = custom("up");
    let other = Question {
        identity: 7,
        ..question(&template, "up")
    };
    let (own, parts) = (question(&template, "up"), other.clone().of_part(1));
    let all = whole();
    let (one, two, three, four) = tokio::join!(
        server.fetch(&own, &all),
        server.fetch(&other, &all),
        server.fetch(&parts, &all),
        server.fetch(&parts, &all),
    );
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(four.unwrap_err(), FetchError::StillAsking);
    assert_eq!(prometheus.requests().len(), 3);
}

#[tokio::test]
async fn users_queries_without_an_answer_leave_the_built_in_ones_their_places() {
    let prometheus = scripted(empty).await;
    let hole = silent().await;
    let server = server(&[&hole.address], "maxConcurrentQueries: 1, timeoutSeconds: 1");
    let held = asked(&server, "slow");
    tokio::pin!(held);
    has_asked(&hole, 1, held.as_mut()).await;
    let other = asked(&server, "other");
    tokio::pin!(other);
    assert!(futures::poll!(&mut other).is_pending());
    let (memory, all) = (question(&Template::Memory, "memory"), whole());
    let built_in = server.fetch(&memory, &all);
    tokio::pin!(built_in);
    has_asked(&hole, 2, built_in.as_mut()).await;
    assert!(hole.requests()[1].1.contains("query=memory"));
    assert_eq!(other.await, Err(FetchError::NoTurn(1)));
    drop(prometheus);
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_while_it_comes() {
    let prometheus = scripted(|| async {
        let chunks = futures::stream::repeat_with(|| Ok::<_, std::convert::Infallible>(vec![b' '; 1 << 16]));
        answer(StatusCode::OK, Body::from_stream(chunks))
    })
    .await;
    let server = server(&[&prometheus.address], "maxResponseBytes: 100000");
    assert_eq!(asked(&server, "up").await, Err(FetchError::TooLarge(100_000)));
}

/// [`EMPTY`] in gzip.
const EMPTY_GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 42, 46, 73, 44, 41, 45, 86, 178, 82, 42, 46, 77, 78, 78, 45,
    46, 86, 210, 81, 74, 73, 44, 73, 84, 178, 170, 86, 42, 74, 45, 46, 205, 41, 9, 169, 44, 72, 5, 74, 151,
    165, 38, 151, 228, 23, 1, 101, 33, 162, 74, 86, 209, 177, 181, 181, 0, 164, 0, 82, 57, 63, 0, 0, 0,
];

#[tokio::test]
async fn a_compressed_answer_is_read_where_it_was_asked_for() {
    let prometheus = scripted(|| async {
        let gzip = Response::builder().header("content-encoding", "gzip");
        gzip.body(Body::from(EMPTY_GZIP)).unwrap()
    })
    .await;
    let compressed = server(&[&prometheus.address], "compression: true");
    asked(&compressed, "up").await.unwrap();
    assert_eq!(prometheus.requests()[0].0["accept-encoding"], "gzip");
    let plain = server(&[&prometheus.address], "");
    assert!(message(asked(&plain, "up").await).contains("set compression: true"));
}

/// A server that sends these bytes to whoever connects, and ends.
async fn sends(bytes: &'static [u8]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
    });
    address
}

#[tokio::test]
async fn an_answer_that_ends_early_is_an_error() {
    let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 63\r\n\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}";
    asked(&server(&[&sends(whole).await], ""), "up").await.unwrap();
    let early: [&'static [u8]; 3] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3f\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}\r\n",
        b"HTTP/1.1 200 OK\r\nconte",
    ];
    for bytes in early {
        let error = asked(&server(&[&sends(bytes).await], ""), "up")
            .await
            .unwrap_err();
        assert!(matches!(error, FetchError::Unreachable(_)), "{error}");
    }
    let cut = b"HTTP/1.1 200 OK\r\n\r\n{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"res";
    let error = asked(&server(&[&sends(cut).await], ""), "up").await.unwrap_err();
    assert!(matches!(error, FetchError::Undecodable(_)), "{error}");
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let prometheus = scripted(|| async {
        let redirect = Response::builder()
            .status(302)
            .header("location", "https://login.example.com/?s=1");
        redirect.body(Body::empty()).unwrap()
    })
    .await;
    let message = message(asked(&server(&[&prometheus.address], ""), "up").await);
    assert!(
        message.contains("302: it redirects to login.example.com: write the final URL"),
        "{message}"
    );
}

#[tokio::test]
async fn a_log_in_page_is_no_answer() {
    let prometheus = scripted(|| async {
        let page = Response::builder().header("content-type", "text/html; charset=utf-8");
        page.body(Body::from("<html><title>Sign in</title></html>"))
            .unwrap()
    })
    .await;
    let message = message(asked(&server(&[&prometheus.address], ""), "up").await);
    assert!(
        message.contains("it is a web page (Sign in): check the URL"),
        "{message}"
    );
}

#[tokio::test]
async fn a_token_is_read_again_and_one_that_is_gone_is_an_error_of_the_query() {
    let prometheus = scripted(empty).await;
    let token = tempfile("one\n");
    let server = server(
        &[&prometheus.address],
        &format!("bearerTokenFile: {}", token.display()),
    );
    let sent = |number: usize| prometheus.requests()[number].0["authorization"].clone();
    asked(&server, "up").await.unwrap();
    assert_eq!(sent(0), "Bearer one");
    std::fs::write(&token, "two\n").unwrap();
    later(files::READ_EVERY).await;
    asked(&server, "up").await.unwrap();
    assert_eq!(sent(1), "Bearer two");
    std::fs::write(&token, "\u{7}secret").unwrap();
    later(files::READ_EVERY).await;
    let unusable = message(asked(&server, "up").await);
    assert!(
        unusable.contains("no header may have") && !unusable.contains("secret"),
        "{unusable}"
    );
    std::fs::remove_file(&token).unwrap();
    later(files::READ_EVERY).await;
    let gone = message(asked(&server, "up").await);
    assert!(
        gone.starts_with("the server cannot be asked: bearerTokenFile /"),
        "{gone}"
    );
    assert_eq!(
        prometheus.requests().len(),
        2,
        "nothing is sent without the token"
    );
}

#[test]
fn certificates_that_are_not_there_are_an_error_of_the_query() {
    let mut config = ServerConfig::at("default", "https://127.0.0.1:1");
    config.tls = Some(crate::config::TlsConfig {
        ca_file: Some("/nowhere/ca.crt".into()),
        ..Default::default()
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::new(config).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let message = message(runtime.block_on(asked(&server, "up")));
    assert!(
        message.contains("tls.caFile /nowhere/ca.crt cannot be read (No such file"),
        "{message}"
    );
}
