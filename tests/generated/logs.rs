//! Every field of a log line is in the vocabulary of docs/reference/logs.md, and every word of that vocabulary is used.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::{read, repository};

const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Keys that every line of JSON has; a field of that name would be there twice.
const KEYS: [&str; 4] = ["timestamp", "level", "target", "message"];

/// The files of the controller that are not tests.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            // Tests stand at the end of a file.
            found.push(text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned());
        }
    }
}

/// What stands between the brackets of each macro that logs.
fn macros(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (place, _) in text.match_indices("tracing::") {
        let rest = &text[place + "tracing::".len()..];
        let Some(inner) = LEVELS
            .iter()
            .find_map(|level| rest.strip_prefix(level)?.strip_prefix("!("))
        else {
            continue;
        };
        found.push(until_closed(inner));
    }
    found
}

fn until_closed(text: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (place, one) in text.char_indices() {
        match one {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => return text[..place].to_owned(),
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    panic!("a macro has no end: {text:.80}");
}

/// The parts between commas, without those inside brackets and quotes.
fn parts(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for one in text.chars() {
        match one {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(one);
    }
    let trimmed = parts.iter().map(|part| part.trim().to_owned());
    trimmed.filter(|part| !part.is_empty()).collect()
}

/// The names of the fields of one macro.
fn fields(inner: &str) -> Vec<String> {
    parts(inner)
        .iter()
        .filter(|part| !part.starts_with('"') && !part.starts_with("target:"))
        .map(|part| {
            part.split('=')
                .next()
                .unwrap()
                .trim()
                .trim_start_matches(['%', '?'])
                .to_owned()
        })
        .collect()
}

/// The words of the table under `## Fields`.
fn vocabulary() -> BTreeSet<String> {
    let page = read("docs/reference/logs.md");
    let (_, table) = page.split_once("## Fields").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned())
        .collect()
}

fn used() -> BTreeMap<String, String> {
    let mut texts = Vec::new();
    sources(&repository("src"), &mut texts);
    let mut used = BTreeMap::new();
    for inner in texts.iter().flat_map(|text| macros(text)) {
        for field in fields(&inner) {
            used.insert(field, inner.clone());
        }
    }
    used
}

#[test]
fn every_field_of_a_log_line_is_in_the_vocabulary() {
    let vocabulary = vocabulary();
    let used = used();
    assert!(used.len() >= 15, "only {} fields were found", used.len());
    for (field, line) in used {
        assert!(
            vocabulary.contains(&field),
            "docs/reference/logs.md does not know the field {field} of: {line}"
        );
    }
}

#[test]
fn every_word_of_the_vocabulary_is_used() {
    let used = used();
    for word in vocabulary() {
        assert!(
            used.contains_key(&word),
            "no line has the field {word} of docs/reference/logs.md"
        );
    }
}

#[test]
fn words_of_the_vocabulary_are_snake_case_and_no_keys_of_every_line() {
    for word in vocabulary() {
        let is_snake_case = word.chars().all(|one| one.is_ascii_lowercase() || one == '_');
        assert!(is_snake_case && !KEYS.contains(&word.as_str()), "{word}");
    }
}

#[test]
fn fields_are_found_in_every_way_of_writing_them() {
    let text = r#"tracing::warn!(target: X, namespace, %error, of = ?key.template(1, "a, b"), from = decided.from, "a, {b} (c) \" d");"#;
    let found = macros(text);
    assert_eq!(found.len(), 1);
    assert_eq!(fields(&found[0]), ["namespace", "error", "of", "from"]);
}
