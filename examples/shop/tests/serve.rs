//! The shop's server over loopback: what it counts, what it answers when it is saturated, and how it ends.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use shop::http::{Limits, serve_until};
use shop::serve::{Settings, router};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

fn settings(page_cost_ms: f64) -> Settings {
    Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        page_cost_ms,
        workers: 1,
        queue_timeout_ms: 300,
        queue_length: 512,
        linger_ms: 0,
        warm_up_ms: 0,
    }
}

struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

async fn server(settings: Settings) -> Server {
    let listener = TcpListener::bind(settings.listen).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve_until(
        listener,
        router(&settings),
        Limits::default(),
        async {
            let _ = stopped.await;
        },
    ));
    Server { address, stop, ended }
}

async fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let stream = TcpStream::connect(address).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let request = hyper::Request::get(path)
        .header("host", "shop")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let response = sender.send_request(request).await.ok()?;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.ok()?.to_bytes();
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

async fn metric(address: SocketAddr, series: &str) -> u64 {
    let (_, text) = get(address, "/metrics").await.expect("metrics");
    let line = text
        .lines()
        .find(|line| line.starts_with(series))
        .unwrap_or_else(|| panic!("{series} in {text}"));
    line.rsplit(' ')
        .next()
        .and_then(|value| value.parse().ok())
        .expect("a count")
}

#[tokio::test]
async fn pages_are_served_and_counted() {
    let shop = server(settings(0.1)).await;
    for path in ["/", "/about", "/product/3", "/cart", "/search?q=lamp", "/search"] {
        let (status, body) = get(shop.address, path).await.expect("an answer");
        assert_eq!((status, body.contains("<html")), (200, true), "{path}");
    }
    assert_eq!(get(shop.address, "/nowhere").await.expect("an answer").0, 404);
    assert_eq!(
        metric(shop.address, "http_requests_total{page=\"search\"}").await,
        2
    );
    assert_eq!(
        metric(shop.address, "http_responses_total{code=\"200\"}").await,
        6
    );
    assert_eq!(
        metric(shop.address, "http_responses_total{code=\"404\"}").await,
        1
    );
}

#[tokio::test]
async fn a_shop_that_warms_up_is_not_ready_but_answers() {
    let shop = server(Settings {
        warm_up_ms: 600_000,
        ..settings(0.1)
    })
    .await;
    assert_eq!(
        get(shop.address, "/healthz").await,
        Some((503, "warming up\n".to_owned()))
    );
    assert_eq!(get(shop.address, "/").await.expect("an answer").0, 200);
}

#[tokio::test]
async fn probes_and_scrapes_are_not_the_shops_traffic() {
    let shop = server(settings(0.1)).await;
    assert_eq!(
        get(shop.address, "/healthz").await,
        Some((200, "ok\n".to_owned()))
    );
    assert_eq!(
        metric(shop.address, "http_requests_total{page=\"other\"}").await,
        0
    );
}

#[tokio::test]
async fn a_request_is_counted_while_it_still_waits() {
    let shop = server(settings(200.0)).await;
    let pages: Vec<_> = (0..3).map(|_| tokio::spawn(get(shop.address, "/cart"))).collect();
    while metric(shop.address, "http_requests_total{page=\"cart\"}").await < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        metric(shop.address, "http_responses_total{code=\"200\"}").await,
        0,
        "the first is not built yet"
    );
    for page in pages {
        assert!(page.await.expect("no panic").is_some());
    }
}

#[tokio::test]
async fn a_saturated_shop_answers_what_it_can_and_gives_up_the_rest() {
    // 50 requests of 40 ms at once, 300 ms of patience, one worker: about 8 pages fit.
    let shop = server(settings(40.0)).await;
    let pages: Vec<_> = (0..50)
        .map(|_| tokio::spawn(get(shop.address, "/product/1")))
        .collect();
    let mut answered = 0;
    let mut given_up = 0;
    for page in pages {
        match page.await.expect("no panic").expect("an answer").0 {
            200 => answered += 1,
            503 => given_up += 1,
            other => panic!("{other}"),
        }
    }
    assert!(
        answered >= 1 && given_up >= 25,
        "{answered} answered, {given_up} given up"
    );
    assert_eq!(answered + given_up, 50);
    assert_eq!(
        metric(shop.address, "http_request_timeouts_total{by=\"queue_timeout\"}").await,
        given_up
    );
    assert_eq!(
        metric(shop.address, "http_responses_total{code=\"503\"}").await,
        given_up
    );
}

#[tokio::test]
async fn metrics_and_health_do_not_wait_behind_pages() {
    let shop = server(settings(1500.0)).await;
    let page = tokio::spawn(get(shop.address, "/cart"));
    while metric(shop.address, "http_requests_total{page=\"cart\"}").await < 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        get(shop.address, "/healthz").await,
        Some((200, "ok\n".to_owned()))
    );
    assert!(
        !page.is_finished(),
        "health was answered while the page was being built"
    );
    assert_eq!(page.await.expect("no panic").expect("an answer").0, 200);
}

#[tokio::test]
async fn a_client_that_hangs_up_is_counted() {
    let shop = server(Settings {
        queue_timeout_ms: 20_000,
        ..settings(100.0)
    })
    .await;
    let busy = tokio::spawn(get(shop.address, "/cart"));
    let impatient = tokio::time::timeout(Duration::from_millis(50), get(shop.address, "/product/1"));
    assert!(impatient.await.is_err());
    while metric(shop.address, "http_request_timeouts_total{by=\"client\"}").await < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(busy.await.expect("no panic").expect("an answer").0, 200);
}

#[tokio::test]
async fn stopping_finishes_what_was_begun_and_takes_nothing_new() {
    let shop = server(settings(150.0)).await;
    let page = tokio::spawn(get(shop.address, "/cart"));
    while metric(shop.address, "http_requests_total{page=\"cart\"}").await < 1 {
        tokio::task::yield_now().await;
    }
    shop.stop.send(()).expect("the server runs");
    assert_eq!(page.await.expect("no panic").expect("an answer").0, 200);
    shop.ended.await.expect("no panic");
    assert!(
        TcpStream::connect(shop.address).await.is_err(),
        "nobody listens any more"
    );
}
