//! The rules that the dashboards keep: those of grafana/dashboard-linter, under its names, and of layout. Pure.
//!
//! Four of its rules (template-job, template-instance, target-job, target-instance) are left out, as kubernetes-mixin
//! leaves them out: a policy is found by cluster, namespace and name, whichever controller leads. That every query is valid
//! PromQL (target-promql, template-label-promql) is asked of a real Prometheus in `live`.
use std::collections::BTreeSet;

use concertina::report::metrics::names::{Kind, SECTIONS};
use serde_json::{Value, json};

use crate::boards::{all, list, panels, questions, text, variables};

/// Units that the panels may have, of Grafana's categories.
const UNITS: [&str; 10] = [
    "none",
    "short",
    "percentunit",
    "s",
    "bytes",
    "binBps",
    "ops",
    "string",
    "dateTimeFromNow",
    "bool_yes_no",
];

/// Calls `visit` with every object below `value`.
fn walk(value: &Value, visit: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|inner| walk(inner, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| walk(inner, visit)),
        _ => {}
    }
}

#[test]
fn template_datasource_there_is_one_by_the_usual_name() {
    for board in all() {
        let variables = list(&board["templating"], "list").iter();
        let sources: Vec<_> = variables
            .filter(|variable| variable["type"] == "datasource")
            .collect();
        assert_eq!(sources.len(), 1);
        let source = sources[0];
        assert_eq!(
            (&source["name"], &source["label"], &source["query"]),
            (&json!("datasource"), &json!("Data source"), &json!("prometheus"))
        );
    }
}

#[test]
fn panel_datasource_everything_asks_the_one_that_is_chosen() {
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    for board in all() {
        let mut count = 0;
        walk(&board, &mut |fields| {
            let is_builtin = fields.get("builtIn").is_some();
            if let Some(source) = fields.get("datasource").filter(|_| !is_builtin) {
                assert_eq!(*source, chosen, "{fields:?}");
                count += 1;
            }
        });
        let targets = panels(&board)
            .map(|panel| list(panel, "targets").len())
            .sum::<usize>();
        assert!(count > targets + panels(&board).count(), "only {count} name one");
    }
}

#[test]
fn template_on_time_change_reload_variables_follow_the_time_range() {
    for board in all() {
        for variable in list(&board["templating"], "list") {
            if variable["type"] == "query" {
                assert_eq!(variable["refresh"], 2, "{variable}");
            }
        }
    }
}

#[test]
fn variables_come_in_their_order_and_clusters_need_no_label() {
    let names = |board: &Value| -> Vec<String> {
        let variables = list(&board["templating"], "list").iter();
        variables
            .map(|variable| text(variable, "name").to_owned())
            .collect()
    };
    let boards = all();
    assert_eq!(names(&boards[0]), ["datasource", "cluster", "namespace"]);
    assert_eq!(
        names(&boards[1]),
        ["datasource", "cluster", "namespace", "policy"]
    );
    for board in &boards {
        let cluster = &board["templating"]["list"][1];
        assert_eq!(
            (
                &cluster["allValue"],
                &cluster["includeAll"],
                &cluster["current"]["value"]
            ),
            (&json!(".*"), &json!(true), &json!("$__all"))
        );
        for question in questions(board) {
            // What matches everything matches where there is no such label too; an equality would not.
            assert!(question.text.contains(r#"cluster=~"$cluster""#), "{question:?}");
        }
    }
    // A single policy is chosen.
    for place in [2, 3] {
        let variable = &boards[1]["templating"]["list"][place];
        assert_eq!(
            (&variable["multi"], &variable["includeAll"]),
            (&json!(false), &json!(false))
        );
    }
}

#[test]
fn panel_title_description_every_panel_says_what_it_shows_and_what_to_do() {
    for board in all() {
        let mut titles = BTreeSet::new();
        for panel in panels(&board) {
            let (title, about) = (text(panel, "title"), text(panel, "description"));
            assert!(titles.insert(title.to_owned()), "two panels {title}");
            assert!(
                title.starts_with(char::is_uppercase) && !title.ends_with('.'),
                "{title}"
            );
            // A sentence of what is seen, and one of what follows.
            assert!(about.len() > 60 && about.ends_with('.'), "{title}: {about}");
            assert!(
                about.matches(['.', '?', ':', ';']).count() >= 2,
                "{title}: {about}"
            );
        }
    }
}

#[test]
fn panel_units_every_panel_has_one() {
    for board in all() {
        for panel in panels(&board) {
            let unit = text(&panel["fieldConfig"]["defaults"], "unit");
            assert!(UNITS.contains(&unit), "{}: {unit}", panel["title"]);
        }
        walk(&board, &mut |fields| {
            if fields.get("id").is_some_and(|id| id == "unit") {
                let unit = fields["value"].as_str().unwrap();
                assert!(UNITS.contains(&unit), "{fields:?}");
            }
        });
    }
}

#[test]
fn panel_no_targets_every_panel_asks_something() {
    for board in all() {
        for panel in panels(&board) {
            let targets = list(panel, "targets");
            assert!(!targets.is_empty(), "{}", panel["title"]);
            let letters: BTreeSet<_> = targets.iter().map(|target| text(target, "refId")).collect();
            assert_eq!(letters.len(), targets.len(), "{}", panel["title"]);
        }
    }
}

/// The windows in brackets, each with the function that it is given to.
fn windows(query: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (place, _) in query.match_indices('[') {
        let window = query[place + 1..].split(']').next().unwrap();
        // Braces and brackets of one selector lie between the function and its window.
        let function = query[..place]
            .rsplit_once('{')
            .and_then(|(before, _)| before.rsplit_once('('))
            .map(|(before, _)| before.rsplit(['(', ' ']).next().unwrap());
        found.push((function.unwrap().to_owned(), window.to_owned()));
    }
    found
}

#[test]
fn target_rate_interval_windows_follow_the_scrape_interval() {
    let mut count = 0;
    for board in all() {
        for question in questions(&board) {
            for (function, window) in windows(&question.text) {
                let is_over_all = function == "increase" && window == "$__range" && question.is_instant;
                assert!(window == "$__rate_interval" || is_over_all, "{question:?}");
                assert!(
                    ["rate", "increase", "changes"].contains(&function.as_str()),
                    "{question:?}"
                );
                count += 1;
            }
        }
    }
    assert!(count > 20, "only {count} windows were found");
}

#[test]
fn target_counter_agg_counters_are_only_rates_and_increases() {
    let counters: Vec<_> = SECTIONS
        .iter()
        .flat_map(|section| section.metrics)
        .filter(|metric| metric.kind == Kind::Counter)
        .collect();
    let mut count = 0;
    for board in all() {
        for question in questions(&board) {
            for counter in &counters {
                for (place, _) in question.text.match_indices(counter.name) {
                    let before = &question.text[..place];
                    assert!(
                        before.ends_with("rate(") || before.ends_with("increase("),
                        "{question:?}"
                    );
                    count += 1;
                }
            }
        }
    }
    assert!(count > 10, "only {count} counters were found");
}

#[test]
fn uneditable_dashboards_come_from_the_chart_alone() {
    for board in all() {
        assert_eq!(board["editable"], false);
    }
}

#[test]
fn dashboards_keep_their_address_and_schema_and_can_be_found() {
    let boards = all();
    let uids: Vec<_> = boards.iter().map(|board| text(board, "uid")).collect();
    assert_eq!(uids, ["concertina-fleet", "concertina-policy"]);
    for board in &boards {
        assert_eq!(board["schemaVersion"], 39);
        assert_eq!(board["tags"][0], "concertina");
        assert!(board["id"].is_null(), "an id is of one Grafana");
    }
}

#[test]
fn panels_do_not_overlap_and_fill_no_more_than_the_page() {
    for board in all() {
        let mut taken = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for panel in list(&board, "panels") {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}", panel["id"]);
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            let (x, y, width, height) = (side("x"), side("y"), side("w"), side("h"));
            assert!(width > 0 && height > 0 && x + width <= 24, "{}", panel["title"]);
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                assert!(taken.insert(cell), "{} lies upon another", panel["title"]);
            }
        }
    }
}

#[test]
fn lines_of_panels_leave_no_hole_at_the_right() {
    for board in all() {
        let mut lines = std::collections::BTreeMap::<u64, u64>::new();
        for panel in list(&board, "panels") {
            let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
            *lines.entry(side("y")).or_default() += side("w");
        }
        let ragged: Vec<_> = lines.iter().filter(|(_, width)| **width != 24).collect();
        assert!(ragged.is_empty(), "{}: {ragged:?}", board["uid"]);
    }
}

#[test]
fn what_is_of_policies_does_not_depend_on_who_leads() {
    for board in all() {
        for question in questions(&board) {
            for (place, name) in question.text.match_indices("concertina_policy_") {
                let before = &question.text[..place];
                let selector = question.text[place..].split('{').next().unwrap();
                let inside = before.rsplit_once(['(', ' ']).map_or(before, |(_, rest)| rest);
                assert_eq!(inside, "", "{name}: {question:?}");
                // The nearest aggregation around it, over policies; a join only looks whether there is one.
                let by = before
                    .rsplit_once(" by (")
                    .map(|(_, rest)| rest.split(')').next().unwrap());
                let is_joined = before.contains("and on (");
                let keeps_policies = by.is_some_and(|by| by.starts_with("cluster, namespace, policy"));
                let is_summed = ["rate(", "increase("]
                    .iter()
                    .any(|counted| before.ends_with(counted));
                assert!(
                    keeps_policies || is_joined || is_summed,
                    "{selector}: {question:?}"
                );
            }
        }
    }
}

#[test]
fn every_metric_that_is_asked_for_is_exported_and_every_one_that_is_exported_is_shown() {
    let known: BTreeSet<&str> = SECTIONS
        .iter()
        .flat_map(|section| section.metrics)
        .map(|metric| metric.name)
        .collect();
    let mut shown = BTreeSet::new();
    for board in all() {
        let mut queries: Vec<String> = questions(&board).into_iter().map(|asked| asked.text).collect();
        queries.extend(variables(&board).into_iter().map(|(_, series, _)| series));
        for query in queries {
            let words = query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for word in words.filter(|word| word.starts_with("concertina_") || word.starts_with("process_")) {
                let name = word.strip_suffix("_bucket").unwrap_or(word);
                assert!(known.contains(name), "{word} in {query}");
                shown.insert(name.to_owned());
            }
        }
    }
    let hidden: Vec<_> = known.iter().filter(|name| !shown.contains(**name)).collect();
    assert!(hidden.is_empty(), "no panel shows {hidden:?}");
}

#[test]
fn the_dashboards_lead_to_each_other_with_what_was_chosen() {
    let boards = all();
    for (board, other) in [
        (&boards[0], "concertina-policy"),
        (&boards[1], "concertina-fleet"),
    ] {
        let link = &board["links"][0];
        assert_eq!(link["url"], format!("/d/{other}"));
        assert_eq!(
            (&link["includeVars"], &link["keepTime"]),
            (&json!(true), &json!(true))
        );
    }
    let mut links = Vec::new();
    walk(&boards[0], &mut |fields| {
        if let Some(url) = fields.get("url").and_then(Value::as_str)
            && url.starts_with("/d/concertina-policy?")
        {
            links.push(url.to_owned());
        }
    });
    assert_eq!(links.len(), 2, "of rows and of series: {links:?}");
    for url in links {
        for part in [
            "${datasource:queryparam}",
            "var-cluster=",
            "var-namespace=",
            "var-policy=",
            "${__url_time_range}",
        ] {
            assert!(url.contains(part), "{url}");
        }
    }
}
