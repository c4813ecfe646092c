//! What the command prints, and how it ends.

use serde_json::json;

use crate::{decide, read};

/// A case that grows from four to eight.
fn case() -> serde_json::Value {
    json!({
        "apiVersion": "concertina.dev/decision-case/v1",
        "name": "a backlog",
        "policy": { "maxReplicas": 40, "metrics": [{ "name": "backlog", "prometheus": { "query": "q", "averageValue": 30 } }] },
        "observation": { "replicas": 4, "metrics": { "backlog": 240 } },
        "memory": { "quietSeconds": 3600 },
        "now": "2026-07-01T10:00:00Z",
    })
}

fn expecting(desired: i32) -> String {
    let mut case = case();
    case["expect"] = json!({ "desired": desired });
    format!("{case}\n")
}

#[test]
fn a_decision_is_shown_as_a_text() {
    let ran = decide(&["-f", "-"], &case().to_string());
    assert_eq!(ran.code, 0);
    assert_eq!(ran.troubles, "", "one case needs no count");
    let expected = "\
a backlog
4 → 8: backlog 240 in total is 2 times its target of 30 per replica (MetricAboveTarget)
  METRIC   MEASURED      TARGET  RATIO  PODS  AGE  REPLICAS  REASON
  backlog  240 in total  30      2      -     -    8         MetricAboveTarget
  STAGE      REPLICAS  REASON
  Observe    4         Observed
  Propose    4 → 8     MetricAboveTarget
  Combine    8         MetricAboveTarget
  Bounds     8         WithinBounds
  Guard      8         NothingForbids
  Stabilise  8         WantedThroughout
  CoolDown   8         CooledDown
  Limit      8         WithinLimit
  Wall       8         NoWall
  bounds 1 (policy) to 40 (policy)

";
    assert_eq!(ran.out, expected);
}

#[test]
fn a_decision_is_shown_as_json_and_as_yaml_alike() {
    let input = format!("{}\n{}\n", case(), case());
    let of_json = decide(&["-o", "json", "-f", "-"], &input);
    assert_eq!(of_json.code, 0);
    let lines = of_json.lines();
    assert_eq!(lines.len(), 2);
    let first = &lines[0];
    assert_eq!(first["name"], "a backlog");
    assert_eq!((&first["current"], &first["desired"]), (&json!(4), &json!(8)));
    assert_eq!(first["verdict"], "Scale");
    assert_eq!(first["winner"], "backlog");
    assert_eq!(first["stages"].as_array().unwrap().len(), 9);
    assert_eq!(first["floor"], json!({ "replicas": 1, "from": "policy" }));
    assert_eq!(first["proposals"][0]["metric"], "backlog");
    assert_eq!(first["memory"]["changes"][0]["to"], 8);
    let of_yaml = decide(&["-o", "yaml", "-f", "-"], &input);
    let documents: Vec<serde_json::Value> = serde_yaml::Deserializer::from_str(&of_yaml.out)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .collect();
    assert_eq!(documents, lines);
}

#[test]
fn the_memory_of_one_decision_is_that_of_the_next() {
    let first = decide(&["-o", "json", "-f", "-"], &case().to_string())
        .lines()
        .remove(0);
    let mut next = case();
    next["memory"] = first["memory"].clone();
    next["observation"] = json!({ "replicas": 8, "metrics": { "backlog": 30 } });
    next["now"] = json!("2026-07-01T10:00:15Z");
    let held = decide(&["-o", "json", "-f", "-"], &next.to_string())
        .lines()
        .remove(0);
    assert_eq!(held["desired"], 8);
    assert_eq!(held["reason"], "ScaleDownStabilized");
}

#[test]
fn the_exit_status_tells_what_came_of_the_cases() {
    let met = decide(&["-f", "-"], &expecting(8));
    assert_eq!(met.code, 0);
    let unmet = decide(&["-f", "-"], &expecting(7));
    assert_eq!(unmet.code, 1);
    assert_eq!(
        unmet.troubles,
        "not as expected: -, document 1 (a backlog): desired is 8, expected 7\n"
    );
    assert!(
        unmet
            .out
            .contains("  not as expected: desired is 8, expected 7\n")
    );
    let senseless = decide(&["-f", "-"], "{\"apiVersion\": 5}");
    assert_eq!(senseless.code, 2);
    assert_eq!(
        senseless.troubles,
        "error: -, document 1: apiVersion is 5: write concertina.dev/decision-case/v1\n"
    );
    // What makes no sense weighs more, and the rest is decided all the same.
    let both = decide(
        &["-f", "-"],
        &format!("{}{{\"apiVersion\": 5}}\n{}", expecting(7), expecting(8)),
    );
    assert_eq!(both.code, 2);
    assert!(
        both.troubles
            .ends_with("2 cases decided: 1 not as expected; 1 made no sense\n"),
        "{}",
        both.troubles
    );
    assert_eq!(both.out.matches("\n  Wall ").count(), 2);
}

#[test]
fn quiet_prints_only_what_is_not_as_expected() {
    let ran = decide(
        &["--quiet", "-f", "-"],
        &format!("{}{}{}", expecting(8), expecting(7), case()),
    );
    assert_eq!(ran.code, 1);
    assert_eq!(ran.out.matches("a backlog\n").count(), 1);
    assert_eq!(decide(&["-q", "-f", "-"], &expecting(8)).out, "");
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_the_others_are_decided() {
    let ran = decide(&["-f", "no-such-file.yaml", "-f", "-"], &expecting(8));
    assert_eq!(ran.code, 2);
    assert!(
        ran.troubles.contains("error: cannot read no-such-file.yaml: "),
        "{}",
        ran.troubles
    );
    assert!(ran.out.contains("4 → 8"));
}

#[test]
fn a_file_without_a_case_makes_no_sense() {
    for empty in ["", "# nothing\n", "---\n---\n"] {
        let ran = decide(&["-f", "-"], empty);
        assert_eq!(ran.code, 2, "{empty:?}");
        assert_eq!(ran.troubles, "error: -: there is no case in it\n");
    }
}

#[test]
fn broken_texts_are_told_with_their_place() {
    let json = decide(&["-f", "-"], &format!("{}{{\"apiVersion\": ", expecting(8)));
    assert_eq!(json.code, 2);
    assert!(
        json.troubles.contains("error: -, document 2: no JSON: EOF"),
        "{}",
        json.troubles
    );
    assert!(json.out.contains("4 → 8"));
    let yaml = decide(&["-f", "-"], "a: [\n---\nb: 1\n");
    assert_eq!(yaml.code, 2);
    assert!(
        yaml.troubles
            .contains("error: -, document 1: no YAML in the document that begins at line 1: "),
        "{}",
        yaml.troubles
    );
    assert!(
        yaml.troubles
            .contains("error: -, document 2: apiVersion is not there"),
        "{}",
        yaml.troubles
    );
}

#[test]
fn the_cases_of_a_table_are_told_apart() {
    let case = case();
    let table = json!({
        "apiVersion": case["apiVersion"],
        "base": case,
        "cases": [{ "name": "first", "expect": { "desired": 1 } }, { "name": "second", "expect": { "error": "never" } }],
    });
    let ran = decide(&["-q", "-f", "-"], &table.to_string());
    assert_eq!(ran.code, 1);
    assert!(
        ran.troubles
            .contains("not as expected: -, document 1, case 1 (first): desired is 8, expected 1\n")
    );
    assert!(ran.troubles.contains(
        "not as expected: -, document 1, case 2 (second): it was decided, expected to be refused with \"never\"\n"
    ));
}

#[test]
fn a_refusal_that_is_expected_is_shown() {
    let mut case = case();
    case["policy"]["maxReplicas"] = json!(0);
    case["expect"] = json!({ "error": "maxReplicas is 0" });
    let text = decide(&["-f", "-"], &case.to_string());
    assert_eq!(text.code, 0);
    assert!(
        text.out
            .starts_with("a backlog: refused, as expected: policy: maxReplicas is 0"),
        "{}",
        text.out
    );
    let line = decide(&["-o", "json", "-f", "-"], &case.to_string())
        .lines()
        .remove(0);
    assert!(line["refused"].as_str().unwrap().contains("maxReplicas is 0"));
}

#[test]
fn without_a_file_it_says_how_it_is_used() {
    let ran = decide(&[], "");
    assert_eq!(ran.code, 2);
    assert!(ran.troubles.contains("--file <FILE>"), "{}", ran.troubles);
    let help = decide(&["--help"], "");
    assert_eq!(help.code, 0);
    assert!(
        help.out
            .contains("Exit status: 0 when every case could be decided"),
        "{}",
        help.out
    );
}

#[test]
fn the_examples_of_the_reference_page_come_out_as_they_say() {
    let page = read("docs/reference/decision-case.md");
    let examples: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        let ran = decide(&["-o", "json", "-f", "-"], example);
        assert_eq!(ran.code, 0, "{}", ran.troubles);
        assert!(!ran.lines().is_empty());
    }
}

#[test]
fn the_reference_page_names_every_field_of_a_memory() {
    let page = read("docs/reference/decision-case.md");
    let memory = serde_json::to_value(concertina_decision::Memory::default()).unwrap();
    for field in memory.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn thousands_of_lines_are_decided() {
    let lines = expecting(8).repeat(2000);
    let ran = decide(&["-q", "-o", "json", "-f", "-"], &lines);
    assert_eq!((ran.code, ran.out.as_str()), (0, ""));
    assert_eq!(
        ran.troubles,
        "2000 cases decided: 0 not as expected; 0 made no sense\n"
    );
}
