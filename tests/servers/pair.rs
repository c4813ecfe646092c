//! Two servers with the same data, of which one dies and comes back.
use std::time::Duration;

use crate::world::{Nginx, Prometheus, ask, client, later};

#[tokio::test]
async fn a_pair_answers_while_one_is_dead_and_the_first_is_used_again_when_it_is_back() {
    let (one, two) = (Prometheus::start(0).await, Prometheus::start(0).await);
    let first = Nginx::start(one.address, "", "").await;
    let second = Nginx::start(two.address, "", "").await;
    let urls = format!(
        "urls: ['http://127.0.0.1:{}', 'http://127.0.0.1:{}']",
        first.port, second.port
    );
    let server = client(&urls);
    let asked = || (one.headers().len(), two.headers().len());
    ask(&server).await.unwrap();
    assert_eq!(asked(), (1, 0));

    let port = first.kill();
    for _ in 0..3 {
        ask(&server).await.unwrap();
    }
    assert_eq!((asked(), server.failovers()), ((1, 3), 1));

    let _first = Nginx::start_at(port, one.address, "", "").await;
    ask(&server).await.unwrap();
    assert_eq!(asked(), (1, 4), "not yet tried again");
    later(30).await;
    // The query that finds out is answered by the second; one after it by the first.
    let mut answered_by_second = 4;
    while asked().0 < 3 {
        ask(&server).await.unwrap();
        answered_by_second += 1;
        assert!(answered_by_second < 1000, "the first is never used again");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let (_, before) = asked();
    ask(&server).await.unwrap();
    assert_eq!((asked().1, server.failovers()), (before, 1));
}
