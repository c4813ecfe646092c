//! A dashboard: its variables, its rows of panels and where each lies, annotations and links. Pure.
use serde_json::{Value, json};

use super::DashboardError;
use super::panel::{Colour, Panel};
use super::query::{Expression, Scope};
use super::show::{self, Place, datasource};
use crate::report::metrics::names::{self, MetricName};

/// Columns of the page.
pub(super) const COLUMNS: u32 = 24;
/// That of Grafana 11; later ones read it as well.
const SCHEMA_VERSION: u32 = 39;
/// Where the dashboards are, whatever they are titled.
pub(super) const FLEET: &str = "concertina-fleet";
pub(super) const POLICY: &str = "concertina-policy";
/// A panel with nothing but a heading.
const ROW_HEIGHT: u32 = 1;

/// Panels under a heading.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) panels: Vec<Panel>,
}

/// A mark on all panels that show time.
#[derive(Debug)]
pub(super) struct Annotation {
    pub(super) name: &'static str,
    /// There is one wherever it has a value.
    pub(super) expression: Expression,
    /// Whether its values are when it happened, in milliseconds since 1970.
    pub(super) has_times: bool,
    /// What it says, with labels in double braces.
    pub(super) title: &'static str,
    pub(super) colour: Colour,
    /// Whether it is shown before somebody asks for it.
    pub(super) is_shown: bool,
}

/// A dashboard in the making.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) uid: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    pub(super) scope: Scope,
    pub(super) rows: Vec<Row>,
    pub(super) annotations: Vec<Annotation>,
    /// The title and the uid of the other dashboard.
    pub(super) other: (&'static str, &'static str),
}

impl Board {
    /// The text of its file.
    pub(super) fn text(self) -> Result<String, DashboardError> {
        let (title, uid) = self.other;
        let mut marks = vec![json!({
            "builtIn": 1,
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": true,
            "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)",
            "name": "Annotations & Alerts",
            "type": "dashboard",
        })];
        for mark in self.annotations {
            marks.push(annotation(mark)?);
        }
        let board = json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": ["concertina", "kubernetes", "autoscaling"],
            "editable": false,
            "graphTooltip": 1, // one crosshair through all panels
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "timezone": "browser",
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timepicker": {},
            "links": [{
                "type": "link", "title": title, "url": format!("/d/{uid}"), "icon": "dashboard", "tooltip": "",
                "asDropdown": false, "includeVars": true, "keepTime": true, "tags": [], "targetBlank": false,
            }],
            "templating": {"list": variables(self.scope)?},
            "annotations": {"list": marks},
            "panels": laid_out(self.rows)?,
        });
        // An object of the words and numbers above can always be written.
        Ok(format!("{board:#}\n"))
    }
}

/// Rows one below the other; in each, panels from left to right, in as many lines as they need.
fn laid_out(rows: Vec<Row>) -> Result<Vec<Value>, DashboardError> {
    let mut shown = Vec::new();
    let (mut y, mut id) = (0, 0);
    for row in rows {
        id += 1;
        let place = Place {
            x: 0,
            y,
            width: COLUMNS,
            height: ROW_HEIGHT,
        };
        shown.push(json!({
            "id": id, "type": "row", "title": row.title, "collapsed": false, "panels": [], "gridPos": place.json(),
        }));
        y += ROW_HEIGHT;
        let (mut x, mut line_height) = (0, 0);
        for panel in row.panels {
            let (width, height) = (panel.width, panel.height);
            if !(1..=COLUMNS).contains(&width) {
                return Err(DashboardError::TooWide {
                    title: panel.title.to_owned(),
                    width,
                    most: COLUMNS,
                });
            }
            if x + width > COLUMNS {
                y += line_height;
                (x, line_height) = (0, 0);
            }
            id += 1;
            let place = Place { x, y, width, height };
            shown.push(show::panel(panel, id, place)?);
            x += width;
            line_height = line_height.max(height);
        }
        y += line_height;
    }
    Ok(shown)
}

fn annotation(mark: Annotation) -> Result<Value, DashboardError> {
    let text = mark.expression.text(mark.title)?;
    Ok(json!({
        "name": mark.name,
        "datasource": datasource(),
        "enable": mark.is_shown,
        "hide": false,
        "iconColor": mark.colour.as_str(),
        "expr": text,
        "step": "15s",
        "target": {"expr": text, "refId": "Anno", "interval": "15s", "legendFormat": ""},
        "titleFormat": mark.title,
        "textFormat": "",
        "tagKeys": "",
        "useValueForTime": mark.has_times,
    }))
}

/// The values of a label of a metric that the variables before it leave.
fn label_values(
    metric: MetricName,
    earlier: &[&'static str],
    label: &'static str,
) -> Result<String, DashboardError> {
    let known = metric.labels.contains(&label) || label == "cluster";
    if !known {
        return Err(DashboardError::UnknownLabel {
            label: label.to_owned(),
            of: metric.name.to_owned(),
            known: metric.labels.join(", "),
        });
    }
    let matchers: Vec<String> = earlier
        .iter()
        .map(|earlier| format!("{earlier}=~\"${earlier}\""))
        .collect();
    let selector = if matchers.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", matchers.join(", "))
    };
    Ok(format!("label_values({}{selector}, {label})", metric.name))
}

fn variables(scope: Scope) -> Result<Vec<Value>, DashboardError> {
    let mut all = vec![json!({
        "type": "datasource", "name": "datasource", "label": "Data source", "description": "The Prometheus that scrapes the controller",
        "query": "prometheus", "regex": "", "refresh": 1, "hide": 0, "skipUrlSync": false,
        "multi": false, "includeAll": false, "options": [], "current": {},
    })];
    let of_policies = names::POLICY_DECISION;
    let is_fleet = matches!(scope, Scope::Fleet);
    // Without a label of this name there is nothing to choose, and "All" matches what has none.
    all.push(variable(
        ("cluster", "Cluster", "Where Prometheus holds several clusters"),
        label_values(names::POLICIES, &[], "cluster")?,
        Choice::Any { several: is_fleet },
    ));
    let namespace = label_values(of_policies, &["cluster"], "namespace")?;
    let about = ("namespace", "Namespace", "Namespaces that have policies");
    if is_fleet {
        all.push(variable(about, namespace, Choice::Any { several: true }));
    } else {
        all.push(variable(about, namespace, Choice::One));
        all.push(variable(
            ("policy", "Policy", "The ScalingPolicy to explain"),
            label_values(of_policies, &["cluster", "namespace"], "policy")?,
            Choice::One,
        ));
    }
    Ok(all)
}

/// How much can be chosen at once.
enum Choice {
    /// One value.
    One,
    /// All of them, or one, or several.
    Any {
        /// Whether several.
        several: bool,
    },
}

#[expect(clippy::needless_pass_by_value, reason = "made at the place")]
fn variable((name, label, about): (&str, &str, &str), query: String, choice: Choice) -> Value {
    let (all, several) = match choice {
        Choice::One => (false, false),
        Choice::Any { several } => (true, several),
    };
    let mut shown = json!({
        "type": "query", "name": name, "label": label, "description": about,
        "datasource": datasource(),
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "refresh": 2, // whenever the time range changes
        "regex": "", "sort": 1, "hide": 0, "skipUrlSync": false,
        "multi": several, "includeAll": all,
        "options": [],
        "current": {},
    });
    if let (true, Some(fields)) = (all, shown.as_object_mut()) {
        fields.insert("allValue".into(), ".*".into());
        fields.insert(
            "current".into(),
            json!({"text": "All", "value": "$__all", "selected": true}),
        );
    }
    shown
}

/// A click that leads to the policy that a series or row is of, with the same source and time. `labels` is how the place
/// names labels: `__field.labels` for series, `__data.fields` for rows.
pub(super) fn to_policy(labels: &str) -> Value {
    json!({
        "title": format!("Explain ${{{labels}.policy}}"),
        "url": format!("/d/{POLICY}?${{datasource:queryparam}}&var-cluster=${{{labels}.cluster}}\
                        &var-namespace=${{{labels}.namespace}}&var-policy=${{{labels}.policy}}&${{__url_time_range}}"),
        "targetBlank": false,
    })
}

#[cfg(test)]
#[path = "board_tests.rs"]
mod tests;
