//! Basic authentication, compression, and what nginx says when there is nobody behind it.
use crate::world::{Directory, Nginx, Prometheus, ask, client, expect_words, later};

#[tokio::test]
async fn a_password_is_read_from_its_file_and_a_wrong_one_is_told() {
    let directory = Directory::new();
    let users = directory.write("users", "concertina:{PLAIN}right\n");
    let prometheus = Prometheus::start(0).await;
    let guarded = format!("auth_basic prometheus; auth_basic_user_file {};", users.display());
    let nginx = Nginx::start(prometheus.address, "", &guarded).await;
    let url = format!("url: 'http://127.0.0.1:{}'", nginx.port);
    let words = [
        "answered 401",
        "Authorization Required",
        "check the credentials of this server",
    ];
    expect_words(&client(&url), &words).await;
    let password = directory.write("password", "wrong\n");
    let basic = format!(
        "basicAuth: {{username: concertina, passwordFile: {}}}",
        password.display()
    );
    let server = client(&format!("{url}, {basic}"));
    expect_words(&server, &words).await;
    directory.write("password", "right\n");
    later(5).await;
    ask(&server).await.unwrap();
    std::fs::remove_file(password).unwrap();
    later(5).await;
    expect_words(
        &server,
        &["cannot be asked: basicAuth.passwordFile /", "cannot be read"],
    )
    .await;
    assert_eq!(prometheus.headers().len(), 1);
}

#[tokio::test]
async fn a_compressed_answer_is_bounded_by_what_it_becomes() {
    let prometheus = Prometheus::start(1 << 20).await;
    let gzip = "gzip on; gzip_types application/json; gzip_proxied any;";
    let nginx = Nginx::start(prometheus.address, "", gzip).await;
    let place = format!(
        "url: 'http://127.0.0.1:{}', maxResponseBytes: 2000000",
        nginx.port
    );
    ask(&client(&place)).await.unwrap();
    ask(&client(&format!("{place}, compression: true")))
        .await
        .unwrap();
    let requests = prometheus.headers();
    assert!(!requests[0].contains_key("accept-encoding"));
    assert_eq!(requests[1]["accept-encoding"], "gzip");
    // A few kilobytes on the way.
    let narrow = format!(
        "url: 'http://127.0.0.1:{}', maxResponseBytes: 500000, compression: true",
        nginx.port
    );
    expect_words(&client(&narrow), &["greater than 500000 bytes"]).await;
}

#[tokio::test]
async fn a_proxy_with_nobody_behind_it_is_told_in_its_words() {
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let nginx = Nginx::start(nobody, "", "").await;
    let server = client(&format!("url: 'http://127.0.0.1:{}'", nginx.port));
    expect_words(&server, &["answered 502: 502 Bad Gateway"]).await;
}
