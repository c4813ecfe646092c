//! Whether the controller's rights are minimal: what its roles grant, against what the API server's audit log shows that it used.
//! `tests/run` writes such logs while the tests on a cluster run, and compares at the end. Reads files; no network.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod comparison;
mod comparison_tests;
mod grants;
mod requests;

use std::path::{Path, PathBuf};

use comparison::{Explanations, compare, table};
use grants::granted;
use requests::read;

/// The service account that the chart makes, in whatever namespace it is installed.
const ACCOUNT: &str = "concertina";

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The logs in a directory, and their names.
fn logs(directory: &Path) -> Vec<(String, String)> {
    let mut logs = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "log") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            logs.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    logs.sort();
    logs
}

#[test]
#[ignore = "needs audit logs of the cluster tests: make test"]
fn every_right_is_used_and_no_other_is_asked_for_or_the_reason_is_written_down() {
    let directory = std::env::var("AUDIT").expect("AUDIT names the directory of the audit logs");
    let logs = logs(Path::new(&directory));
    let mut requests = Vec::new();
    for (name, log) in &logs {
        let of_log = read(log).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(!of_log.is_empty(), "{name}: the controller asked for nothing");
        println!("{name}:\n{}", table(&of_log));
        requests.extend(of_log);
    }
    assert!(
        !requests.is_empty(),
        "{directory}: no audit log; was the test bed up before AUDIT was set?"
    );

    let manifests = std::fs::read_to_string(repository("deploy/manifests/rbac.yaml")).unwrap();
    let rights = granted(&manifests, ACCOUNT).unwrap();
    let explained = std::fs::read_to_string(repository("tests/rights/explained.yaml")).unwrap();
    let explanations = Explanations::read(&explained).unwrap();
    let differences = compare(&rights, &requests);
    println!(
        "{} rights are granted. What differs:\n{}",
        rights.len(),
        explanations.told(&differences)
    );
    let complaints = explanations.complaints(&differences);
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
