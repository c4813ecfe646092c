//! Proves that generated files are current and that what users read and apply fits the code. Needs nothing but the
//! checkout. `make generate` (UPDATE=1) writes the files anew.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod alerts;
mod examples;
mod links;
mod logs;
mod schema;

use std::path::{Path, PathBuf};

use concertina::api;

/// A path in the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    let path = repository(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()))
}

/// Compares a committed file with what it should hold, or writes it when UPDATE is set.
fn assert_current(path: &str, expected: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(repository(path).parent().unwrap()).unwrap();
        std::fs::write(repository(path), expected).unwrap();
        return;
    }
    let stored = std::fs::read_to_string(repository(path)).unwrap_or_default();
    let line = stored
        .lines()
        .zip(expected.lines())
        .position(|(stored, expected)| stored != expected);
    let line = line.unwrap_or_else(|| stored.lines().count().min(expected.lines().count()));
    assert!(
        stored == expected,
        "{path} is not current from line {} on: run `make generate` and commit it\n  stored:   {:?}\n  expected: {:?}",
        line + 1,
        stored.lines().nth(line),
        expected.lines().nth(line),
    );
}

#[test]
fn the_committed_definition_is_current() {
    assert_current(
        "crds/scalingpolicies.concertina.dev.yaml",
        &api::crd_yaml().unwrap(),
    );
}

#[test]
fn the_definition_in_the_chart_is_current() {
    assert_current(
        "deploy/helm/concertina/files/crds/scalingpolicies.concertina.dev.yaml",
        &api::crd_yaml().unwrap(),
    );
}

#[test]
fn the_definition_among_the_manifests_is_current() {
    assert_current("deploy/manifests/crd.yaml", &api::crd_yaml().unwrap());
}

#[test]
fn the_reference_page_is_current() {
    assert_current(
        "docs/reference/scalingpolicy.md",
        &api::reference_markdown().unwrap(),
    );
}

#[test]
fn the_page_of_reasons_is_current() {
    assert_current(
        "docs/reference/reasons.md",
        &concertina::report::reference::reasons_markdown(),
    );
}

#[test]
fn the_page_of_metrics_is_current() {
    assert_current(
        "docs/reference/metrics.md",
        &concertina::report::reference::metrics_markdown(),
    );
}

#[test]
fn the_dashboards_are_current() {
    for file in concertina::dashboards::all().unwrap() {
        assert_current(
            &format!("deploy/helm/concertina/files/dashboards/{}", file.name),
            &file.text,
        );
    }
}

/// Both YAML readers in use here make the same of a text; kubectl reads like the second.
fn parse_yaml(path: &str, text: &str) -> serde_json::Value {
    let one: serde_json::Value = serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let other: serde_json::Value =
        serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(
        one, other,
        "{path} means different things to different readers: put quotes around its words"
    );
    one
}
