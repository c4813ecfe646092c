//! Certificates of the server and of the client.
use std::path::Path;

use crate::certificates::Authority;
use crate::world::{Directory, Nginx, Prometheus, ask, client, expect_words, later};

/// The directives of a server with this certificate.
fn with((certificate, key): &(impl AsRef<Path>, impl AsRef<Path>)) -> String {
    let (certificate, key) = (certificate.as_ref().display(), key.as_ref().display());
    format!("ssl_certificate {certificate}; ssl_certificate_key {key};")
}

#[tokio::test]
async fn the_authority_of_the_configuration_is_trusted_and_no_other() {
    let directory = Directory::new();
    let (ours, theirs) = (
        Authority::new(&directory.0, "ours"),
        Authority::new(&directory.0, "theirs"),
    );
    let prometheus = Prometheus::start(0).await;
    let nginx = Nginx::start(
        prometheus.address,
        "ssl",
        &with(&ours.sign("server", "IP:127.0.0.1")),
    )
    .await;
    let url = format!("url: 'https://127.0.0.1:{}'", nginx.port);
    let trusting = |authority: &Authority| {
        client(&format!(
            "{url}, tls: {{caFile: {}}}",
            authority.certificate().display()
        ))
    };
    ask(&trusting(&ours)).await.unwrap();
    expect_words(
        &trusting(&theirs),
        &["cannot be reached", "UnknownIssuer", "into tls.caFile"],
    )
    .await;
    ask(&client(&format!("{url}, tls: {{insecureSkipVerify: true}}")))
        .await
        .unwrap();
    let plain = client(&format!("url: 'http://127.0.0.1:{}'", nginx.port));
    expect_words(&plain, &["answered 400", "HTTPS port", "write https in the URL"]).await;
    let to_plain = format!(
        "url: 'https://{}', tls: {{insecureSkipVerify: true}}",
        prometheus.address
    );
    expect_words(
        &client(&to_plain),
        &["cannot be reached", "check port and scheme of the URL"],
    )
    .await;
    assert_eq!(prometheus.headers().len(), 2);
}

#[tokio::test]
async fn a_certificate_of_another_name_needs_the_server_name() {
    let directory = Directory::new();
    let authority = Authority::new(&directory.0, "authority");
    let prometheus = Prometheus::start(0).await;
    let certificate = authority.sign("server", "DNS:prometheus.example.com");
    let nginx = Nginx::start(prometheus.address, "ssl", &with(&certificate)).await;
    let authority = authority.certificate();
    for host in ["127.0.0.1", "localhost"] {
        let (place, authority) = (format!("{host}:{}", nginx.port), authority.display());
        let unnamed = client(&format!("url: 'https://{place}', tls: {{caFile: {authority}}}"));
        expect_words(&unnamed, &["into tls.serverName"]).await;
        let tls = format!("tls: {{caFile: {authority}, serverName: prometheus.example.com}}");
        ask(&client(&format!("url: 'https://{place}', {tls}")))
            .await
            .unwrap();
        let headers = prometheus.headers();
        assert_eq!(
            headers.last().unwrap()["host"],
            place.as_str(),
            "the request is for the URL's host"
        );
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_changes_with_its_files() {
    let directory = Directory::new();
    let (ours, theirs) = (
        Authority::new(&directory.0, "ours"),
        Authority::new(&directory.0, "theirs"),
    );
    let prometheus = Prometheus::start(0).await;
    let demanding = format!(
        "{} ssl_client_certificate {}; ssl_verify_client on;",
        with(&ours.sign("server", "IP:127.0.0.1")),
        ours.certificate().display()
    );
    let nginx = Nginx::start(prometheus.address, "ssl", &demanding).await;
    let place = format!("url: 'https://127.0.0.1:{}'", nginx.port);
    let authority = ours.certificate();
    let without = client(&format!("{place}, tls: {{caFile: {}}}", authority.display()));
    let advice = "check tls.certFile and tls.keyFile";
    expect_words(
        &without,
        &["answered 400", "No required SSL certificate was sent", advice],
    )
    .await;

    let (certificate, key) = (directory.0.join("tls.crt"), directory.0.join("tls.key"));
    let put = |(new_certificate, new_key): &(std::path::PathBuf, std::path::PathBuf)| {
        std::fs::copy(new_certificate, &certificate).unwrap();
        std::fs::copy(new_key, &key).unwrap();
    };
    let server = client(&format!(
        "{place}, tls: {{caFile: {}, certFile: {}, keyFile: {}}}",
        authority.display(),
        certificate.display(),
        key.display()
    ));
    expect_words(&server, &["cannot be asked", "tls.certFile", "cannot be read"]).await;
    put(&theirs.sign("client", "DNS:concertina"));
    later(5).await;
    expect_words(&server, &["answered 400", "SSL certificate error", advice]).await;
    let right = ours.sign("client", "DNS:concertina");
    put(&right);
    later(5).await;
    ask(&server).await.unwrap();

    // In the midst of a rotation certificate and key do not fit together: what was read before goes on.
    let next = ours.sign("next", "DNS:concertina");
    std::fs::copy(&next.0, &certificate).unwrap();
    later(5).await;
    ask(&server).await.unwrap();
    // Who begins then has nothing that was read before.
    let late = client(&format!(
        "{place}, tls: {{caFile: {}, certFile: {}, keyFile: {}}}",
        authority.display(),
        certificate.display(),
        key.display()
    ));
    expect_words(
        &late,
        &["cannot be asked", "cannot be used", "which fit together"],
    )
    .await;
    put(&next);
    later(5).await;
    ask(&server).await.unwrap();
    ask(&late).await.unwrap();
    assert_eq!(prometheus.headers().len(), 4);
}
