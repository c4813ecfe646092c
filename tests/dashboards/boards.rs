//! What the dashboards ask, read from their JSON as Grafana reads it. Pure.
use serde_json::Value;

/// One query of a dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    /// Where it is, for messages.
    pub(crate) place: String,
    pub(crate) text: String,
    /// Whether the newest value alone is asked for.
    pub(crate) is_instant: bool,
    /// How its series are named.
    pub(crate) legend: String,
}

/// All dashboards.
pub(crate) fn all() -> Vec<Value> {
    let files = concertina::dashboards::all().unwrap();
    files
        .iter()
        .map(|file| serde_json::from_str(&file.text).unwrap())
        .collect()
}

/// The dashboard with this uid.
pub(crate) fn with_uid(uid: &str) -> Value {
    all().into_iter().find(|board| board["uid"] == uid).unwrap()
}

pub(crate) fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("no list {name} in {value}"))
}

pub(crate) fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no text {name} in {value}"))
}

/// The panels that ask something.
pub(crate) fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    list(board, "panels")
        .iter()
        .filter(|panel| panel["type"] != "row")
}

/// The panel with this title.
pub(crate) fn panel<'b>(board: &'b Value, title: &str) -> &'b Value {
    let mut found = panels(board).filter(|panel| panel["title"] == title);
    let panel = found.next().unwrap_or_else(|| panic!("no panel {title}"));
    assert!(found.next().is_none(), "two panels {title}");
    panel
}

/// The queries of a panel.
pub(crate) fn of_panel(panel: &Value) -> Vec<Question> {
    let title = text(panel, "title");
    list(panel, "targets")
        .iter()
        .map(|target| Question {
            place: format!("{title} {}", text(target, "refId")),
            text: text(target, "expr").to_owned(),
            is_instant: target["instant"].as_bool().unwrap(),
            legend: text(target, "legendFormat").to_owned(),
        })
        .collect()
}

/// The queries of all panels and of the annotations.
pub(crate) fn questions(board: &Value) -> Vec<Question> {
    let marks = list(&board["annotations"], "list").iter();
    let marks = marks
        .filter(|mark| mark["builtIn"].is_null())
        .map(|mark| Question {
            place: format!("annotation {}", text(mark, "name")),
            text: text(mark, "expr").to_owned(),
            is_instant: false,
            legend: text(mark, "titleFormat").to_owned(),
        });
    panels(board).flat_map(of_panel).chain(marks).collect()
}

/// The variables that Prometheus is asked for: name, series and label.
pub(crate) fn variables(board: &Value) -> Vec<(String, String, String)> {
    let all = list(&board["templating"], "list").iter();
    all.filter(|variable| variable["type"] == "query")
        .map(|variable| {
            let query = text(&variable["query"], "query");
            assert_eq!(query, text(variable, "definition"));
            let inner = query
                .strip_prefix("label_values(")
                .and_then(|rest| rest.strip_suffix(')'));
            let (series, label) = inner.unwrap().rsplit_once(", ").unwrap();
            (
                text(variable, "name").to_owned(),
                series.to_owned(),
                label.to_owned(),
            )
        })
        .collect()
}

/// What is chosen on a dashboard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice<'c> {
    pub(crate) cluster: &'c str,
    pub(crate) namespace: &'c str,
    pub(crate) policy: &'c str,
}

/// "All" of everything.
pub(crate) const EVERYTHING: Choice<'static> = Choice {
    cluster: ".*",
    namespace: ".*",
    policy: ".*",
};

/// The query as Grafana sends it.
pub(crate) fn sent(query: &str, choice: Choice<'_>, window: &str) -> String {
    let Choice {
        cluster,
        namespace,
        policy,
    } = choice;
    let sent = query
        .replace("$__rate_interval", window)
        .replace("$__range_s", window.trim_end_matches('s'))
        .replace("$__range", window)
        .replace("$cluster", cluster)
        .replace("$namespace", namespace)
        .replace("$policy", policy);
    assert!(!sent.contains('$') || sent.contains("\"$1\""), "{sent}");
    sent
}
