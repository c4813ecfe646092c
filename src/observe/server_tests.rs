use super::*;

/// A server that refuses every request and quotes it.
async fn quoting() -> Server {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refuse = |form: String| async { (axum::http::StatusCode::BAD_REQUEST, form) };
    let router = axum::Router::new().fallback(refuse);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = ServerConfig::at("default", &format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Server::new(config).unwrap()
}

fn quoted(error: Option<FetchError>) -> String {
    match error {
        Some(FetchError::Rejected { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

const STEPS: Steps = Steps {
    start: 0,
    end: 60,
    step: 15,
};

#[tokio::test]
async fn whole_answers_are_asked_for_where_a_part_would_be_taken_for_the_whole() {
    let server = quoting().await;
    let own = Template::Custom {
        query: "sum(queue)".into(),
    };
    for (template, expected) in [(own, true), (Template::Memory, false)] {
        let now = server.fetch(&template, "sum(queue)", None, &Wanted::of(Some(&[]))).await;
        let past = server.fetch_range(&template, "sum(queue)", None, STEPS, &Wanted::of(Some(&[]))).await;
        for form in [quoted(now.err()), quoted(past.err())] {
            assert!(form.contains("query=sum"), "{form}");
            for parameter in ["&partial_response=false", "&deny_partial_response=1"] {
                assert_eq!(form.contains(parameter), expected, "{form}");
            }
        }
    }
}
