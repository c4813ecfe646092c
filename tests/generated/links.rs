//! Every path that a document of the repository links to is there.
use std::path::Path;

use crate::{read, repository};

const DOCUMENTS: [&str; 15] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "testbed/README.md",
    "examples/shop/README.md",
    "docs/decisions/0001-crates.md",
    "docs/how-to/alerts.md",
    "docs/how-to/dashboards.md",
    "docs/how-to/install.md",
    "docs/reference/command-line.md",
    "docs/reference/http.md",
    "docs/reference/logs.md",
    "docs/runbooks.md",
    "deploy/helm/concertina/README.md",
];

/// The relative targets of a document's links and pictures, without their anchors.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter_map(|link| link.split('#').next())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .collect()
}

#[test]
fn every_path_that_a_document_links_to_is_there() {
    let mut count = 0;
    for document in DOCUMENTS {
        let folder = Path::new(document).parent().unwrap().to_owned();
        for link in links(&read(document)) {
            let path = repository(folder.join(link).to_str().unwrap());
            assert!(path.exists(), "{document} links to {link}, which is not there");
            count += 1;
        }
    }
    assert!(count >= 8, "only {count} links were found");
}

#[test]
fn the_commands_of_the_readme_name_files_that_are_there() {
    for word in read("README.md").split_whitespace() {
        let word = word.trim_matches(|c: char| "`()[],.:;".contains(c));
        let names_a_file = ["deploy/", "examples/", "docs/", "testbed/", "crds/"]
            .iter()
            .any(|folder| word.starts_with(folder));
        if names_a_file && !word.contains('#') && !word.contains("](") {
            assert!(
                repository(word).exists(),
                "README.md names {word}, which is not there"
            );
        }
    }
}
