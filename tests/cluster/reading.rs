//! What people read: `kubectl get`, `describe` and `explain`, and `concertina explain`.
use std::process::Command;
use std::time::Instant;

use crate::fixtures::{backlog, deployment, policy};
use crate::world::{GLANCE, PATIENCE, in_a_namespace, kubectl};

/// The cells of a table that kubectl printed, row by row.
fn cells(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect()
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn kubectl_shows_what_a_policy_does_and_why() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        world
            .has(policy("web").by(&[backlog(60, 20)]).between(2, 9))
            .await;
        world.until_replicas("Deployment", "web", 3).await;
        world
            .until("ScalingPolicy", "web", "its change is told", |policy| {
                policy["status"]["lastChanges"][0]["to"] == 3
            })
            .await;

        let table = kubectl(&["get", "spol", "-n", &world.namespace]);
        let rows = cells(&table);
        let columns = [
            "NAME", "TARGET", "MODE", "MIN", "MAX", "REPLICAS", "DESIRED", "READY", "REASON", "AGE",
        ];
        assert_eq!(rows[0], columns);
        assert_eq!(
            rows[1][..8],
            ["web", "web", "Auto", "2", "9", "3", "3", "True"],
            "{table}"
        );

        let wide = kubectl(&["get", "concertina", "-n", &world.namespace, "-o", "wide"]);
        assert!(wide.contains("backlog 60 in total is "), "{wide}");

        let description = kubectl(&["describe", "spol", "web", "-n", &world.namespace]);
        let (status, events) = description.split_once("Events:").unwrap();
        for text in [
            "Type:                  Ready",
            "Last Changes:",
            "Stabilization Window Seconds:",
        ] {
            assert!(status.contains(text), "{text} is missing in\n{status}");
        }
        let change = "1 → 3: backlog 60 in total is 3 times its target of 20 per replica";
        assert!(events.contains(change), "{events}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn kubectl_explains_the_fields() {
    let _shared = crate::world::beside_others().await;
    let metrics = kubectl(&["explain", "scalingpolicy.spec.metrics"]);
    for text in [
        "metric that is missing never lets the target shrink",
        "cpu\t<Object>",
        "requestRate\t<Object>",
        "name\t<string> -required-",
    ] {
        assert!(metrics.contains(text), "{text:?} is missing in\n{metrics}");
    }
    let mode = kubectl(&["explain", "spol.spec.mode"]);
    for text in ["Auto\n    DryRun\n    Paused", "changes nothing"] {
        assert!(mode.contains(text), "{text:?} is missing in\n{mode}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn concertina_explain_shows_the_newest_decision_of_the_deployed_controller() {
    in_a_namespace(async |world| {
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_condition("web", "Ready", "True", "Ready").await;
        let explain = || {
            let policy = format!("{}/web", world.namespace);
            let mut program = Command::new(env!("CARGO_BIN_EXE_concertina"));
            program.args(["explain", &policy]).output().unwrap()
        };
        let deadline = Instant::now() + PATIENCE;
        let mut told = explain();
        // A standby that is asked may not have decided yet.
        while !told.status.success() && Instant::now() < deadline {
            tokio::time::sleep(GLANCE).await;
            told = explain();
        }
        let error = String::from_utf8_lossy(&told.stderr);
        assert!(told.status.success(), "{error}");
        let text = String::from_utf8(told.stdout).unwrap();
        for part in [&world.namespace, "backlog", "60"] {
            assert!(text.contains(part), "{part:?} is missing in\n{text}");
        }
    })
    .await;
}
