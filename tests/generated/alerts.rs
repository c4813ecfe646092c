//! The alerts that the chart brings fit the controller: what they ask for is exported, what they name exists, each has a runbook, a
//! place in the how-to, and tests of when it fires and when not. That these hold is what `make test-alerts` runs.
use std::collections::{BTreeMap, BTreeSet};

use concertina::report::metrics::names::{Kind, MetricName, SECTIONS};
use concertina_decision::Reason;
use serde_json::Value;

use crate::{parse_yaml, read, repository};

const FOLDER: &str = "deploy/helm/concertina/files/alerts";
/// Labels that Prometheus gives to what it scrapes, and `le`, which histograms have.
const OF_PROMETHEUS: [&str; 5] = ["cluster", "namespace", "job", "instance", "le"];

/// The files of a folder that end in `.yaml`, with what is in them.
fn yaml_files(folder: &str) -> Vec<(String, Value)> {
    let mut files: Vec<_> = std::fs::read_dir(repository(folder))
        .unwrap()
        .map(|entry| format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|path| path.ends_with(".yaml"))
        .map(|path| {
            let text = read(&path);
            let content = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            (path, content)
        })
        .collect();
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// All alerts by name.
fn alerts() -> BTreeMap<String, Value> {
    let mut alerts = BTreeMap::new();
    for (path, _) in yaml_files(FOLDER) {
        for group in list(&parse_yaml(&path, &read(&path))["groups"]) {
            for rule in list(&group["rules"]) {
                let name = text(&rule["alert"]).to_owned();
                assert!(
                    alerts.insert(name.clone(), rule.clone()).is_none(),
                    "{name} is there twice"
                );
            }
        }
    }
    assert!(alerts.len() > 20, "only {} alerts were found", alerts.len());
    alerts
}

/// One selector of an expression: the series, and its matchers as label and value.
#[derive(Debug, Default, PartialEq)]
struct Selector {
    series: String,
    matchers: Vec<(String, String)>,
}

/// The selectors of our own metrics in an expression, and the labels in its lists of `by` and `on`.
fn read_expression(expression: &str) -> (Vec<Selector>, BTreeSet<String>) {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let (mut selectors, mut labels) = (Vec::new(), BTreeSet::new());
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        rest = &rest[start..];
        let (word, after) = rest.split_at(rest.find(|c| !is_name(c)).unwrap_or(rest.len()));
        rest = after;
        if matches!(word, "by" | "on") {
            let (names, after) = rest.trim_start().trim_start_matches('(').split_once(')').unwrap();
            labels.extend(names.split(',').map(|name| name.trim().to_owned()));
            rest = after;
        } else if word.starts_with("concertina_") || word.starts_with("process_") {
            let mut selector = Selector {
                series: word.to_owned(),
                matchers: Vec::new(),
            };
            if let Some(inside) = rest.strip_prefix('{') {
                let (inside, after) = inside.split_once('}').unwrap();
                rest = after;
                // No value in our rules has a comma.
                for matcher in inside
                    .split(',')
                    .map(str::trim)
                    .filter(|matcher| !matcher.is_empty())
                {
                    let (label, value) = matcher.split_once(['=', '!']).unwrap();
                    let value = value.trim_start_matches(['=', '~']).trim_matches('"');
                    selector.matchers.push((label.to_owned(), value.to_owned()));
                }
            }
            selectors.push(selector);
        }
    }
    (selectors, labels)
}

/// The metric that a series is of.
fn metric_of(series: &str) -> Option<&'static MetricName> {
    let mut all = SECTIONS.iter().flat_map(|section| section.metrics);
    all.find(|metric| match metric.kind {
        Kind::Histogram => ["_bucket", "_count", "_sum"]
            .iter()
            .any(|suffix| series.strip_suffix(suffix) == Some(metric.name)),
        _ => metric.name == series,
    })
}

fn is_a_word_of(help: &str, word: &str) -> bool {
    help.split(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .any(|one| one == word)
}

/// Asserts that what an expression selects is exported, and names nothing that does not exist.
fn assert_exported(name: &str, expression: &str) {
    let (selectors, grouped_by) = read_expression(expression);
    assert!(
        !selectors.is_empty(),
        "{name} asks for none of the controller's metrics"
    );
    let mut labels: BTreeSet<&str> = OF_PROMETHEUS.into();
    for Selector { series, matchers } in &selectors {
        let metric = metric_of(series).unwrap_or_else(|| panic!("{name}: there is no metric {series}"));
        labels.extend(metric.labels);
        for (label, value) in matchers {
            assert!(
                metric.labels.contains(&label.as_str()) || label == "cluster",
                "{name}: {series} has no label {label}"
            );
            // Templates fill in the rest.
            for word in value.split('|').filter(|word| !word.starts_with('%')) {
                let exists = match label.as_str() {
                    "reason" => Reason::ALL.iter().any(|reason| reason.as_str() == word),
                    "mode" => ["Auto", "DryRun", "Paused"].contains(&word),
                    _ => is_a_word_of(metric.help, word),
                };
                assert!(exists, "{name}: {series} has no {label} {word}");
            }
        }
    }
    for label in &grouped_by {
        assert!(
            labels.contains(label.as_str()),
            "{name}: none of its series has the label {label}"
        );
    }
    // Another leader's series come from another instance.
    let is_of_policies = selectors
        .iter()
        .any(|selector| selector.series.starts_with("concertina_policy_"));
    assert!(
        !(is_of_policies && grouped_by.contains("instance")),
        "{name} begins anew with each leader"
    );
}

#[test]
fn an_expression_is_read_as_it_is_written() {
    let (selectors, labels) =
        read_expression(r#"max by (a, b) (concertina_x{c="d|e",f!~"g"}[2m]) and on (h) process_y"#);
    assert_eq!(
        labels.into_iter().collect::<Vec<_>>(),
        ["a", "b", "h"].map(str::to_owned)
    );
    let matchers = vec![
        ("c".to_owned(), "d|e".to_owned()),
        ("f".to_owned(), "g".to_owned()),
    ];
    assert_eq!(
        selectors[0],
        Selector {
            series: "concertina_x".into(),
            matchers
        }
    );
    assert_eq!(selectors[1].series, "process_y");
}

#[test]
fn alerts_ask_for_what_the_controller_exports() {
    let mut queries = 0;
    for (name, rule) in alerts() {
        assert_exported(&name, text(&rule["expr"]));
        // Descriptions ask for the names of metrics and guards.
        let description = text(&rule["annotations"]["description"]);
        let asked = description.split("printf \"").skip(1);
        for (query, _) in asked.filter_map(|rest| rest.split_once("\" $labels")) {
            assert_exported(&name, &query.replace("\\\"", "\""));
            queries += 1;
        }
    }
    assert!(queries >= 5, "only {queries} queries were found in descriptions");
}

#[test]
fn alerts_tell_whom_they_are_about_and_what_to_do_first() {
    for (name, rule) in alerts() {
        assert!(name.starts_with("Concertina"), "{name}");
        let severity = text(&rule["labels"]["severity"]);
        assert!(["critical", "warning", "info"].contains(&severity), "{name}");
        assert!(!text(&rule["for"]).is_empty(), "{name} does not wait");
        let [summary, description, runbook] =
            ["summary", "description", "runbook_url"].map(|part| text(&rule["annotations"][part]));
        assert!(description.contains("First "), "{name}: {description}");
        assert!(
            !summary.is_empty() && !summary.ends_with('.') && description.ends_with('.'),
            "{name}"
        );
        assert!(description.contains("$labels.namespace"), "{name}");
        assert_eq!(runbook, format!("docs/runbooks.md#{}", name.to_lowercase()));
        if text(&rule["expr"]).contains("concertina_policy_") {
            assert!(
                summary.contains("{{ $labels.namespace }}/{{ $labels.policy }}"),
                "{name}"
            );
        }
    }
}

#[test]
fn each_alert_has_a_runbook_and_each_runbook_an_alert() {
    let page = read("docs/runbooks.md");
    let entries: BTreeMap<&str, &str> = page
        .split("\n### ")
        .skip(1)
        .map(|entry| entry.split_once('\n').unwrap())
        .collect();
    let alerts = alerts();
    assert_eq!(
        entries.keys().copied().collect::<BTreeSet<_>>(),
        alerts.keys().map(String::as_str).collect()
    );
    for (name, entry) in entries {
        for part in ["Meaning", "Impact", "Diagnosis", "Mitigation"] {
            assert!(
                entry.contains(&format!("**{part}.**")),
                "the runbook of {name} has no {part}"
            );
        }
    }
    let shown = page.split("```").skip(1).step_by(2).flat_map(str::lines);
    for line in shown.filter(|line| line.contains("concertina_") && !line.contains("kubectl")) {
        for selector in read_expression(line).0 {
            assert!(
                metric_of(&selector.series).is_some(),
                "the runbooks name {}, which is no metric",
                selector.series
            );
        }
    }
}

#[test]
fn the_how_to_lists_each_alert_as_it_is() {
    let page = read("docs/how-to/alerts.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| [Concertina"))
        .collect();
    let alerts = alerts();
    assert_eq!(rows.len(), alerts.len());
    for (name, rule) in alerts {
        let [severity, wait] = [&rule["labels"]["severity"], &rule["for"]].map(text);
        let begin = format!(
            "| [{name}](../runbooks.md#{}) | {severity} | {wait} |",
            name.to_lowercase()
        );
        assert!(rows.iter().any(|row| row.starts_with(&begin)), "{begin}");
    }
}

#[test]
fn what_the_how_to_leaves_unsaid_is_what_is_tried_with_alertmanager() {
    let page = read("docs/how-to/alerts.md");
    let (_, rules) = page.split_once("```yaml\ninhibit_rules:\n").unwrap();
    let (rules, _) = rules.split_once("```").unwrap();
    let config = read("testbed/config/alertmanager.yaml");
    assert!(
        config.ends_with(&format!("inhibit_rules:\n{rules}")),
        "testbed/config/alertmanager.yaml has other inhibit_rules than docs/how-to/alerts.md"
    );
    let names = rules
        .split(['"', '|'])
        .filter(|word| word.starts_with("Concertina"));
    let alerts = alerts();
    for name in names {
        assert!(alerts.contains_key(name), "there is no alert {name}");
    }
}

/// The alert's own metrics that a test gives, so that it is silent for a reason.
fn gives_a_metric_of(group: &Value, rule: &Value) -> bool {
    let (selectors, _) = read_expression(text(&rule["expr"]));
    let series: Vec<&str> = list(&group["input_series"])
        .map(|series| text(&series["series"]).split('{').next().unwrap())
        .collect();
    selectors
        .iter()
        .any(|selector| series.contains(&selector.series.as_str()))
}

#[test]
fn each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_does_not() {
    let (mut fires, mut is_silent) = (BTreeSet::new(), BTreeSet::new());
    let alerts = alerts();
    for (path, file) in yaml_files("tests/alerts") {
        for group in list(&file["tests"]) {
            for test in list(&group["alert_rule_test"]) {
                let name = text(&test["alertname"]);
                let rule = alerts
                    .get(name)
                    .unwrap_or_else(|| panic!("{path} tests {name}, which is no alert"));
                if list(&test["exp_alerts"]).count() > 0 {
                    fires.insert(name.to_owned());
                } else if gives_a_metric_of(group, rule) {
                    is_silent.insert(name.to_owned());
                }
            }
        }
    }
    let all: BTreeSet<String> = alerts.into_keys().collect();
    assert_eq!(all, fires, "alerts, and those that a test sees firing");
    assert_eq!(all, is_silent, "alerts, and those that a test sees silent");
}
