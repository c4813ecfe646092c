use super::*;

fn parse(text: &str) -> Result<ServerConfig, String> {
    let mut server: ServerConfig = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
    server.check()?;
    Ok(server)
}

#[test]
fn one_url_or_several_are_written_as_they_are() {
    let one = parse("{name: a, url: 'http://x:9090/prefix//'}").unwrap();
    assert_eq!(one.urls().collect::<Vec<_>>(), ["http://x:9090/prefix"]);
    let several = parse("{name: a, urls: ['https://x', 'http://y/']}").unwrap();
    assert_eq!(several.urls().collect::<Vec<_>>(), ["https://x", "http://y"]);
    assert_eq!(several.max_concurrent_queries, 8);
    assert!(!several.compression);
}

#[test]
fn everything_that_a_server_may_need_can_be_written() {
    let server = parse(
        r#"
name: mimir
urls: [https://mimir-1.example.com/prometheus, https://mimir-2.example.com/prometheus]
timeoutSeconds: 10
maxResponseBytes: 50000000
maxConcurrentQueries: 4
compression: true
basicAuth: {username: concertina, passwordFile: /secrets/password}
tls: {caFile: /tls/ca.crt, certFile: /tls/tls.crt, keyFile: /tls/tls.key, serverName: mimir.example.com}
headers: {X-Scope-OrgID: tenant}
queryParameters: {lookback_delta: 1m}
matchers: 'cluster="a", env=~"p.*",'
"#,
    )
    .unwrap();
    assert_eq!(server.matchers(), Some(r#"cluster="a", env=~"p.*""#));
    assert_eq!(server.headers.iter().next(), Some(("X-Scope-OrgID", "tenant")));
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let table = [
        ("", "it has no URL: write url, or urls"),
        ("url: 'http://x', urls: ['http://y']", "both given"),
        ("urls: ['http://x', 'http://x/']", "urls has http://x twice"),
        (
            "url: 'http://x/api/v1/'",
            r#"write "http://x", the rest is added"#,
        ),
        ("url: 'http://x?dedup=true'", "into queryParameters"),
        ("url: 'http://x', timeoutSeconds: 601", "at most 600"),
        ("url: 'http://x', maxResponseBytes: 5", "at least 1000"),
        ("url: 'http://x', maxConcurrentQueries: 0", "from 1 to 1000"),
        ("url: 'http://x', bearerTokenFile: ''", "write the path of a file"),
        (
            "url: 'http://x', bearerTokenFile: /t, basicAuth: {username: a, passwordFile: /p}",
            "write one of them",
        ),
        (
            "url: 'http://x', basicAuth: {username: 'a:b', passwordFile: /p}",
            "without a colon",
        ),
        (
            "url: 'http://x', basicAuth: {username: a, password: b}",
            "unknown field",
        ),
        ("url: 'http://x', tls: {caFile: /ca}", "no URL begins with https"),
        ("url: 'https://x', tls: {certFile: /c}", "needs tls.keyFile"),
        ("url: 'https://x', tls: {keyFile: /c}", "needs tls.certFile"),
        ("url: 'https://x', tls: {serverName: 'a b'}", "is no host name"),
        (
            "url: 'https://x', tls: {insecureSkipVerify: true, caFile: /ca}",
            "leave it out",
        ),
        (
            "url: 'http://x', headers: {authorization: Bearer y}",
            "use bearerTokenFile or basicAuth",
        ),
        ("url: 'http://x', headers: {'a b': c}", "no header name"),
        (
            "url: 'http://x', headers: {a: \"b\\nc\"}",
            "characters that no header may have",
        ),
        (
            "url: 'http://x', queryParameters: {query: up}",
            "which the controller sets",
        ),
        (
            "url: 'http://x', matchers: cluster",
            "matchers: after cluster comes none of",
        ),
    ];
    for (text, expected) in table {
        let message = parse(&format!("{{name: a, {text}}}")).unwrap_err();
        assert!(message.contains(expected), "{text}: {message}");
    }
}

#[test]
fn no_credential_is_shown() {
    for text in [
        "url: 'http://user:secret@x'",
        "url: 'http//user:secret@x'",
        "url: 'http://x?token=secret'",
        "url: 'http://x', headers: {a: \"secret\\n\"}",
        "url: 'http://x', headers: {Authorization: secret}",
    ] {
        let message = parse(&format!("{{name: a, {text}}}")).unwrap_err();
        assert!(!message.contains("secret"), "{message}");
    }
    let text = "{name: a, url: 'http://x', headers: {X-Key: secret}, queryParameters: {key: secret}}";
    let shown = format!("{:?}", parse(text).unwrap());
    assert!(shown.contains("X-Key") && !shown.contains("secret"), "{shown}");
}

#[test]
fn every_example_of_the_reference_and_of_the_manifests_is_sound() {
    let reference = include_str!("../../docs/reference/configuration.md");
    let manifest = include_str!("../../deploy/manifests/config.yaml");
    let examples = reference
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let mut count = 0;
    for text in examples.chain([manifest]) {
        let config: crate::config::Config = serde_yaml::from_str(text).unwrap();
        for mut server in config.servers {
            server.check().unwrap();
            count += 1;
        }
    }
    assert!(count >= 6, "only {count} servers were found");
}
