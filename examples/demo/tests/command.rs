//! The demo's command where there is no cluster to run it on.
#![allow(clippy::expect_used, reason = "a test may fail loudly")]

use std::process::{Command, Output};

fn demo(kubeconfig: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .env("KUBECONFIG", kubeconfig)
        .env_remove("KUBERNETES_SERVICE_HOST")
        .output()
        .expect("the binary starts")
}

#[test]
fn without_a_cluster_it_says_what_to_set() {
    let output = demo("/nonexistent/kubeconfig");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("no cluster to talk to") && text.contains("set KUBECONFIG"),
        "{text}"
    );
}

#[test]
fn a_cluster_that_does_not_answer_is_named_as_the_cause_and_nothing_is_removed() {
    let file = std::env::temp_dir().join(format!("demo-kubeconfig-{}", std::process::id()));
    // Nothing listens on port 1.
    let text = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
                clusters: [{name: c, cluster: {server: \"http://127.0.0.1:1\"}}]\n\
                users: [{name: u, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n";
    std::fs::write(&file, text).expect("a writable temporary directory");
    let output = demo(&file.to_string_lossy());
    std::fs::remove_file(&file).expect("it was written");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("could not list ScalingPolicies") && text.contains("refused"),
        "{text}"
    );
    assert!(!String::from_utf8_lossy(&output.stdout).contains("removing"));
}
