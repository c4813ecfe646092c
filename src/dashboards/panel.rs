//! One panel: what it asks, how it shows that, and what it says of itself. Pure.
use serde_json::{Value, json};

use super::query::Expression;
use crate::report::metrics::names::MetricName;

/// How numbers are to be read, by Grafana's names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    /// A number of things.
    Count,
    /// A number whose unit is the metric's own.
    Own,
    /// 1 is 100 %.
    Ratio,
    Seconds,
    Bytes,
    BytesPerSecond,
    PerSecond,
    /// Milliseconds since 1970, shown as how long ago.
    Since,
    /// A word.
    Word,
}

impl Unit {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "none",
            Self::Own => "short",
            Self::Ratio => "percentunit",
            Self::Seconds => "s",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "binBps",
            Self::PerSecond => "ops",
            Self::Since => "dateTimeFromNow",
            Self::Word => "string",
        }
    }
}

/// A few colours with a meaning each, by Grafana's names, so that both its themes have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    /// What is.
    Blue,
    /// What is wanted.
    LightBlue,
    /// What is well.
    Green,
    /// What is on its way.
    Yellow,
    /// What somebody should look at.
    Orange,
    /// What harms.
    Red,
    /// What is there for orientation, or is out of force.
    Grey,
    /// What is not to be seen.
    Transparent,
}

impl Colour {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::LightBlue => "super-light-blue",
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Orange => "orange",
            Self::Red => "red",
            Self::Grey => "#8e8e8e",
            Self::Transparent => "transparent",
        }
    }
}

/// How a panel shows its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The newest number, large.
    Number,
    /// The name of the series that is there now, large.
    Name,
    Lines,
    /// Lines that go up and down at once, as replicas do.
    Steps,
    Bars,
    /// Areas upon each other.
    Stack,
    /// A band per series while it is there.
    Presence,
    /// A band per series with what each number means in it.
    States,
    /// A band per series with the number in it, the stronger the greater it is.
    Numbers,
    Table,
}

/// Where the names of series stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Legend {
    /// For a few short names.
    Below,
    /// For many, with their newest and greatest numbers.
    Beside,
}

/// The column by which a table is sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct SortedBy {
    pub(super) name: &'static str,
    pub(super) greatest_first: bool,
}

/// One query.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) expression: Expression,
    /// The name of each series, with labels in double braces.
    pub(super) legend: &'static str,
    /// Only the newest values.
    pub(super) is_instant: bool,
    /// The least time between two points, where it is not left to Grafana.
    pub(super) least_step: Option<&'static str>,
}

/// What is different for some series or columns.
#[derive(Clone, Debug)]
pub(super) struct Override {
    /// `byName` or `byRegexp`.
    pub(super) matcher: &'static str,
    pub(super) of: String,
    pub(super) properties: Vec<(&'static str, Value)>,
}

/// What a number or a word is shown as.
#[derive(Clone, Debug)]
pub(super) struct Meaning {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) colour: Colour,
}

/// A panel in the making.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    pub(super) title: &'static str,
    /// What it shows and what to do with it.
    pub(super) about: &'static str,
    pub(super) form: Form,
    pub(super) unit: Unit,
    /// In columns, of 24.
    pub(super) width: u32,
    /// In lines of the grid, about 30 pixels each.
    pub(super) height: u32,
    pub(super) targets: Vec<Target>,
    /// The colour from a number on; the first is that of all below.
    pub(super) thresholds: Vec<(Option<f64>, Colour)>,
    /// Whether thresholds are drawn as lines.
    pub(super) draws_thresholds: bool,
    pub(super) overrides: Vec<Override>,
    pub(super) meanings: Vec<Meaning>,
    /// Where a click on a series leads.
    pub(super) link: Option<Value>,
    /// What is shown where there is nothing.
    pub(super) when_empty: &'static str,
    pub(super) transformations: Vec<Value>,
    pub(super) sorted_by: Option<SortedBy>,
    pub(super) legend: Legend,
    /// One colour in its shades for all series that have no other; else each has one of its own.
    pub(super) shades: Option<Colour>,
}

impl Panel {
    pub(super) fn new(form: Form, title: &'static str, about: &'static str) -> Self {
        let (width, height) = match form {
            Form::Number | Form::Name => (4, 4),
            Form::Table => (24, 10),
            _ => (12, 8),
        };
        Self {
            title,
            about,
            form,
            unit: Unit::Count,
            width,
            height,
            targets: Vec::new(),
            thresholds: vec![(None, Colour::Blue)],
            draws_thresholds: false,
            overrides: Vec::new(),
            meanings: Vec::new(),
            link: None,
            when_empty: "nothing",
            transformations: Vec::new(),
            sorted_by: None,
            legend: Legend::Below,
            shades: None,
        }
    }

    pub(super) const fn sized(mut self, width: u32, height: u32) -> Self {
        self.width = width;
        self.height = height;
        self
    }

    pub(super) const fn in_unit(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// What to say where there is nothing to show, and that is well.
    pub(super) const fn when_empty(mut self, text: &'static str) -> Self {
        self.when_empty = text;
        self
    }

    /// Shows the result of an expression. Where one number or a table is shown, the newest alone is asked for.
    pub(super) fn shows(mut self, expression: Expression, legend: &'static str) -> Self {
        let is_instant = matches!(self.form, Form::Number | Form::Name | Form::Table);
        self.targets.push(Target {
            expression,
            legend,
            is_instant,
            // Else the windows of bars overlap, and one change shows in several of them.
            least_step: (self.form == Form::Bars).then_some("1m"),
        });
        self
    }

    /// From this number on it has this colour.
    pub(super) fn from(mut self, number: f64, colour: Colour) -> Self {
        self.thresholds.push((Some(number), colour));
        self
    }

    /// The colour of what is below all others.
    pub(super) fn otherwise(mut self, colour: Colour) -> Self {
        if let Some((_, first)) = self.thresholds.first_mut() {
            *first = colour;
        }
        self
    }

    /// With a line at a number.
    pub(super) fn with_line_at(mut self, number: f64, colour: Colour) -> Self {
        self.draws_thresholds = true;
        self.otherwise(Colour::Transparent).from(number, colour)
    }

    /// The series of this name in this colour.
    pub(super) fn coloured(self, name: &str, colour: Colour) -> Self {
        self.different(name, vec![("color", fixed(colour))])
    }

    /// Every series whose name matches in this colour.
    pub(super) fn coloured_where(self, pattern: String, colour: Colour) -> Self {
        self.overridden("byRegexp", pattern, vec![("color", fixed(colour))])
    }

    /// The series or column of this name with other properties.
    pub(super) fn different(self, name: &str, properties: Vec<(&'static str, Value)>) -> Self {
        self.overridden("byName", name.to_owned(), properties)
    }

    fn overridden(
        mut self,
        matcher: &'static str,
        of: String,
        properties: Vec<(&'static str, Value)>,
    ) -> Self {
        self.overrides.push(Override {
            matcher,
            of,
            properties,
        });
        self
    }

    /// What a number, or a word of a table, is shown as.
    pub(super) fn meaning(mut self, value: &str, text: &str, colour: Colour) -> Self {
        self.meanings.push(Meaning {
            value: value.to_owned(),
            text: text.to_owned(),
            colour,
        });
        self
    }

    /// A click on a series leads there.
    pub(super) fn leading_to(mut self, link: Value) -> Self {
        self.link = Some(link);
        self
    }

    /// Puts the rows of all queries together where their labels agree. `columns` are those that stay, in their order, each
    /// with the name that it gets; the value of the first query is `Value #A`.
    pub(super) fn merged(mut self, columns: &[(&str, &str)]) -> Self {
        self.transformations.push(json!({"id": "merge", "options": {}}));
        self.organized(columns)
    }

    /// One row per series, in the order of the queries, with its labels as columns. The number is `Last *`.
    pub(super) fn by_series(mut self, columns: &[(&str, &str)]) -> Self {
        self.transformations.push(json!({
            "id": "reduce",
            "options": {
                "reducers": ["lastNotNull"], "mode": "seriesToRows",
                "labelsToFields": true, "includeTimeField": false,
            },
        }));
        self.organized(columns)
    }

    fn organized(mut self, columns: &[(&str, &str)]) -> Self {
        let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
        self.transformations
            .push(json!({"id": "filterFieldsByName", "options": {"include": {"names": names}}}));
        let places: serde_json::Map<String, Value> = names
            .iter()
            .enumerate()
            .map(|(place, name)| ((*name).to_owned(), place.into()))
            .collect();
        let names: serde_json::Map<String, Value> = columns
            .iter()
            .filter(|(name, new)| name != new)
            .map(|(name, new)| ((*name).to_owned(), (*new).into()))
            .collect();
        self.transformations.push(json!({
            "id": "organize",
            "options": {"excludeByName": {}, "indexByName": places, "renameByName": names},
        }));
        self
    }

    pub(super) const fn greatest_first(mut self, name: &'static str) -> Self {
        self.sorted_by = Some(SortedBy {
            name,
            greatest_first: true,
        });
        self
    }

    /// All series in shades of a colour: of trouble, or of what is well.
    pub(super) const fn in_shades_of(mut self, colour: Colour) -> Self {
        self.shades = Some(colour);
        self
    }

    /// For many series: their names and numbers stand at the right.
    pub(super) const fn with_names_beside(mut self) -> Self {
        self.legend = Legend::Beside;
        self
    }
}

/// One colour, whatever the number.
pub(super) fn fixed(colour: Colour) -> Value {
    json!({"mode": "fixed", "fixedColor": colour.as_str()})
}

/// A number for the value of a label, where exactly one of the values is there at a time: what [`Panel::meaning`] names.
pub(super) fn coded(
    scope: super::query::Scope,
    metric: MetricName,
    label: &'static str,
    values: &[&str],
    labels: &[&'static str],
) -> Option<Expression> {
    values
        .iter()
        .enumerate()
        .map(|(code, value)| {
            scope
                .series(metric)
                .with(label, value)
                .per_policy(labels)
                .times(code)
        })
        .reduce(Expression::or)
}
