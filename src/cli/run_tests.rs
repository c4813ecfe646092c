use std::future::{pending, ready};

use http::Request;
use kube::client::Body;

use super::*;
use crate::fixtures::config;

/// A controller without servers, whose API server never answers.
async fn working() -> Working {
    let service =
        tower::service_fn(|_: Request<Body>| pending::<Result<http::Response<Body>, tower::BoxError>>());
    let mut config = config();
    config.servers.clear();
    let config = Arc::new(config);
    let cluster = Arc::new(Cluster::new(Arc::clone(&config)));
    let context = Context::new(config, Client::new(service, "shop"), cluster);
    Working {
        context: Arc::new(context.unwrap()),
        served: listener(Some("127.0.0.1:0".parse().unwrap())).await.unwrap(),
        election: None,
    }
}

#[tokio::test]
async fn a_watch_that_ends_is_an_error_and_the_controller_ends_in_order() {
    let working = working().await;
    let context = Arc::clone(&working.context);
    let ended = working.until(ready(()), pending(), &log::Limit::new(|| 0)).await;
    assert!(matches!(ended, Err(RunError::WatchEnded)), "{ended:?}");
    assert!(context.leadership.is_resigned());
}

#[tokio::test]
async fn a_signal_is_no_error_and_the_controller_ends_in_order() {
    let working = working().await;
    let context = Arc::clone(&working.context);
    let ended = working
        .until(pending(), ready("SIGTERM"), &log::Limit::new(|| 0))
        .await;
    assert!(ended.is_ok(), "{ended:?}");
    assert!(context.leadership.is_resigned());
}
