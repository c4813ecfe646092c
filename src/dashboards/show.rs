//! The JSON of a panel, as Grafana's classic schema wants it. Pure.
use serde_json::{Value, json};

use super::DashboardError;
use super::panel::{Form, Legend, Panel, Target, Unit, fixed};

/// Where the numbers come from: what the variable of this name chooses.
pub(super) fn datasource() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// Where a panel lies on the page, in columns and lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Place {
    pub(super) fn json(self) -> Value {
        json!({"x": self.x, "y": self.y, "w": self.width, "h": self.height})
    }
}

/// The panel at its place, with a number of its own.
pub(super) fn panel(panel: Panel, id: u32, place: Place) -> Result<Value, DashboardError> {
    let options = options(&panel);
    let config = field_config(&panel);
    let is_table = panel.form == Form::Table;
    // Rows are made of series where they are told apart by series.
    let by_series = panel.transformations.iter().any(|step| step["id"] == "reduce");
    let title = panel.title;
    let targets: Result<Vec<Value>, DashboardError> = panel
        .targets
        .into_iter()
        .enumerate()
        .map(|(number, asked)| target(asked, letter(number, title)?, is_table && !by_series))
        .collect();
    let mut shown = json!({
        "id": id,
        "type": kind(panel.form),
        "title": title,
        "description": panel.about,
        "datasource": datasource(),
        "gridPos": place.json(),
        "targets": targets?,
        "fieldConfig": config,
        "options": options,
    });
    if let (false, Some(fields)) = (panel.transformations.is_empty(), shown.as_object_mut()) {
        fields.insert("transformations".into(), panel.transformations.into());
    }
    Ok(shown)
}

/// The name of a query within its panel.
fn letter(number: usize, title: &str) -> Result<char, DashboardError> {
    let letter = u8::try_from(number).ok().filter(|number| *number < 26);
    letter
        .map(|number| char::from(b'A' + number))
        .ok_or_else(|| DashboardError::TooManyQueries {
            title: title.to_owned(),
        })
}

fn target(target: Target, name: char, is_table: bool) -> Result<Value, DashboardError> {
    let mut shown = json!({
        "refId": name.to_string(),
        "datasource": datasource(),
        "editorMode": "code",
        "expr": target.expression.text(target.legend)?,
        "format": if is_table { "table" } else { "time_series" },
        "instant": target.is_instant,
        "range": !target.is_instant,
        "legendFormat": target.legend,
    });
    if let (Some(step), Some(fields)) = (target.least_step, shown.as_object_mut()) {
        fields.insert("interval".into(), step.into());
    }
    Ok(shown)
}

const fn kind(form: Form) -> &'static str {
    match form {
        Form::Number | Form::Name => "stat",
        Form::Lines | Form::Steps | Form::Bars | Form::Stack => "timeseries",
        Form::Presence | Form::States | Form::Numbers => "state-timeline",
        Form::Table => "table",
    }
}

fn options(panel: &Panel) -> Value {
    match panel.form {
        Form::Number | Form::Name => json!({
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "textMode": if panel.form == Form::Name { "name" } else { "auto" },
            "wideLayout": true,
        }),
        Form::Lines | Form::Steps | Form::Bars | Form::Stack => json!({
            "legend": legend(panel.legend),
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Form::Presence | Form::States | Form::Numbers => json!({
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": false},
            "mergeValues": true,
            "rowHeight": 0.8,
            "showValue": if panel.form == Form::Presence { "never" } else { "auto" },
            "tooltip": {"mode": "single", "sort": "none"},
        }),
        Form::Table => json!({
            "cellHeight": "sm",
            "showHeader": true,
            "sortBy": panel.sorted_by.iter().map(|column| json!({"displayName": column.name, "desc": column.greatest_first})).collect::<Vec<_>>(),
        }),
    }
}

/// A table below a panel would be cut off after three rows.
fn legend(legend: Legend) -> Value {
    match legend {
        Legend::Below => {
            json!({"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true})
        }
        Legend::Beside => {
            json!({"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "right", "showLegend": true})
        }
    }
}

fn field_config(panel: &Panel) -> Value {
    let steps: Vec<Value> = panel
        .thresholds
        .iter()
        .map(|(from, colour)| json!({"value": from, "color": colour.as_str()}))
        .collect();
    let colour = match panel.form {
        Form::Number | Form::Name | Form::States | Form::Table => json!({"mode": "thresholds"}),
        Form::Numbers => json!({"mode": "continuous-blues"}),
        Form::Presence => panel
            .thresholds
            .first()
            .map_or_else(|| json!({"mode": "thresholds"}), |(_, colour)| fixed(*colour)),
        Form::Lines | Form::Steps | Form::Bars | Form::Stack => match panel.shades {
            Some(colour) => json!({"mode": "shades", "fixedColor": colour.as_str()}),
            None => json!({"mode": "palette-classic"}),
        },
    };
    let mut defaults = json!({
        "unit": panel.unit.as_str(),
        "color": colour,
        "custom": custom(panel),
        "mappings": mappings(panel),
        "noValue": panel.when_empty,
        "thresholds": {"mode": "absolute", "steps": steps},
        "links": panel.link.iter().collect::<Vec<_>>(),
    });
    let starts_at_zero = matches!(
        panel.form,
        Form::Lines | Form::Steps | Form::Bars | Form::Stack | Form::Numbers
    ) && !is_mirrored(panel);
    if let Some(fields) = defaults.as_object_mut() {
        if starts_at_zero {
            fields.insert("min".into(), 0.into());
        }
        if matches!(panel.unit, Unit::Count) {
            fields.insert("decimals".into(), 0.into());
        }
    }
    let overrides: Vec<Value> = panel
        .overrides
        .iter()
        .map(|different| {
            let properties: Vec<Value> = different
                .properties
                .iter()
                .map(|(id, value)| json!({"id": id, "value": value}))
                .collect();
            json!({"matcher": {"id": different.matcher, "options": different.of}, "properties": properties})
        })
        .collect();
    json!({"defaults": defaults, "overrides": overrides})
}

/// Whether some series are drawn below zero.
fn is_mirrored(panel: &Panel) -> bool {
    let mut properties = panel.overrides.iter().flat_map(|different| &different.properties);
    properties.any(|(name, _)| *name == "custom.transform")
}

/// The least height of an axis of what is no count: seconds, bytes and ratios begin far below 1.
const LEAST_HEIGHT: f64 = 0.001;

/// What only this form of panel has.
fn custom(panel: &Panel) -> Value {
    let lines = |drawn: &str, interpolation: &str, width: u32, fill: u32, stacking: &str| {
        // Where all is at zero, the axis must not go up to a hundred.
        let is_count = matches!(panel.unit, Unit::Count);
        json!({
            "axisSoftMin": if is_count && is_mirrored(panel) { -1 } else { 0 },
            "axisSoftMax": if is_count { 1.0 } else { LEAST_HEIGHT },
            "drawStyle": drawn,
            "lineInterpolation": interpolation,
            "lineWidth": width,
            "fillOpacity": fill,
            "showPoints": "never",
            "spanNulls": false,
            "stacking": {"group": "A", "mode": stacking},
            "thresholdsStyle": {"mode": if panel.draws_thresholds { "line" } else { "off" }},
        })
    };
    match panel.form {
        Form::Number | Form::Name => json!({}),
        Form::Lines => lines("line", "linear", 1, 5, "none"),
        Form::Steps => lines("line", "stepAfter", 2, 0, "none"),
        Form::Bars => lines("bars", "linear", 0, 80, "none"),
        Form::Stack => lines("line", "stepAfter", 0, 60, "normal"),
        Form::Presence | Form::States | Form::Numbers => json!({"fillOpacity": 70, "lineWidth": 0}),
        Form::Table => {
            json!({"align": "auto", "cellOptions": {"type": "auto"}, "filterable": true, "inspect": false})
        }
    }
}

fn mappings(panel: &Panel) -> Value {
    if panel.meanings.is_empty() {
        return json!([]);
    }
    let options: serde_json::Map<String, Value> = panel
        .meanings
        .iter()
        .enumerate()
        .map(|(index, meaning)| {
            let shown = json!({"text": meaning.text, "color": meaning.colour.as_str(), "index": index});
            (meaning.value.clone(), shown)
        })
        .collect();
    json!([{"type": "value", "options": options}])
}
