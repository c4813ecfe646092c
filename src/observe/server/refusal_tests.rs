use super::*;

fn said(status: u16, body: &str) -> String {
    refused(StatusCode::from_u16(status).unwrap(), None, body.as_bytes()).to_string()
}

/// Answers as these servers give them, with what must reach the user.
#[test]
fn the_words_of_every_kind_of_server_reach_the_user() {
    let table = [
        (
            "Prometheus, a query that is no PromQL",
            400,
            r#"{"status":"error","errorType":"bad_data","error":"invalid parameter \"query\": 1:6: parse error: unclosed left parenthesis"}"#,
            "the server answered 400: invalid parameter \"query\": 1:6: parse error: unclosed left parenthesis",
        ),
        (
            "Prometheus, too many samples",
            422,
            r#"{"status":"error","errorType":"execution","error":"query processing would load too many samples into memory in query execution"}"#,
            "the server answered 422: query processing would load too many samples into memory in query execution",
        ),
        (
            "VictoriaMetrics, whose errorType is the status",
            422,
            r#"{"status":"error","errorType":"422","error":"error when executing query=\"rate(x\" for (time=1700000000000, step=300000): argList: unexpected token \"\"; want \",\", \")\""}"#,
            "the server answered 422: argList: unexpected token",
        ),
        (
            "vmauth without credentials",
            401,
            "missing 'Authorization' request header\n",
            "the server answered 401: missing 'Authorization' request header: check the credentials",
        ),
        (
            "vmselect without the tenant in its path",
            400,
            "unsupported path requested: \"/api/v1/query\"; see https://docs.victoriametrics.com/cluster-victoriametrics/#url-format\n",
            "unsupported path requested: \"/api/v1/query\"",
        ),
        (
            "Mimir, limited",
            429,
            r#"{"status":"error","errorType":"too_many_requests","error":"the request has been rejected because the tenant exceeded the request rate limit"}"#,
            "exceeded the request rate limit: it is busy and limits queries",
        ),
        (
            "Mimir, a query over its limit",
            422,
            r#"{"status":"error","errorType":"execution","error":"the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query). To adjust the related per-tenant limit, configure -querier.max-fetched-chunks-per-query, or contact your service administrator."}"#,
            "the query exceeded the maximum number of chunks (err-mimir-max-chunks-per-query)",
        ),
        (
            "Mimir and Cortex without a tenant",
            401,
            "no org id\n",
            "the server answered 401: no org id: check the credentials",
        ),
        (
            "Cortex, overloaded",
            429,
            r#"{"status":"error","errorType":"server_error","error":"too many outstanding requests"}"#,
            "too many outstanding requests: it is busy",
        ),
        (
            "Thanos, a store that is gone",
            422,
            r#"{"status":"error","errorType":"execution","error":"expanding series: proxy Series(): rpc error: code = Aborted desc = fetch series for {} : rpc error: code = Unavailable desc = connection refused"}"#,
            "rpc error: code = Aborted desc = fetch series",
        ),
        (
            "Google's managed service",
            403,
            r#"{"error":{"code":403,"message":"Permission monitoring.timeSeries.list denied","status":"PERMISSION_DENIED"}}"#,
            "Permission monitoring.timeSeries.list denied: check the credentials",
        ),
        (
            "Amazon's managed service",
            403,
            r#"{"message":"Missing Authentication Token"}"#,
            "the server answered 403: Missing Authentication Token: check the credentials",
        ),
        (
            "nginx before a server that is gone",
            502,
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n",
            "the server answered 502: 502 Bad Gateway",
        ),
        (
            "nginx that asks for a client certificate",
            400,
            "<html>\r\n<head><title>400 No required SSL certificate was sent</title></head>\r\n</html>\r\n",
            "400 No required SSL certificate was sent: check tls.certFile and tls.keyFile",
        ),
        (
            "nginx, plain HTTP to its TLS port",
            400,
            "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>",
            "sent to HTTPS port: write https in the URL",
        ),
        (
            "a page without a title",
            503,
            "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>",
            "503 Service Unavailable No server is available to handle this request.",
        ),
        (
            "a path that is not there",
            404,
            "404 page not found\n",
            "404 page not found: check the URL of this server",
        ),
        (
            "a proxy without words",
            503,
            "",
            "the server answered 503: Service Unavailable",
        ),
        (
            "a limit without words",
            429,
            "",
            "the server answered 429: it is busy and limits queries",
        ),
    ];
    for (server, status, body, expected) in table {
        let message = said(status, body);
        assert!(message.contains(expected), "{server}: {message}");
    }
}

#[test]
fn a_long_text_is_shortened_and_keeps_the_advice() {
    let message = said(401, &"long ".repeat(1000));
    assert!(message.len() < 400, "{message}");
    assert!(
        message.ends_with("in the controller's configuration"),
        "{message}"
    );
}

#[test]
fn a_redirect_names_the_host_and_nothing_secret() {
    for (location, expected) in [
        (
            Some("https://login.example.com/start?token=secret"),
            "redirects to login.example.com: write the final URL",
        ),
        (
            Some("https://user:secret@prom:9090/graph"),
            "redirects to prom:9090:",
        ),
        (Some("/graph?token=secret"), "redirects to its path /graph:"),
        (None, "redirects to somewhere else:"),
    ] {
        let message = refused(StatusCode::FOUND, location, b"<a href=\"/graph\">Found</a>.").to_string();
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("secret"), "{message}");
    }
}
