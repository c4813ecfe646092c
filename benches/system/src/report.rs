//! What was measured: figures with their spread, what could not be measured, and both as Markdown and JSON. It reads and
//! writes files, and calls nobody.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::error::BenchError;
use crate::statistics::{greatest, least, median};

/// Arguments of `concertina-bench report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Directory with the parts that `run` wrote; report.md and report.json are written there.
    directory: PathBuf,
}

/// One number and its repetitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// The bar it speaks of, such as B2.
    pub(crate) bar: String,
    /// What it was measured on, such as "1000 policies, period 1 s".
    pub(crate) setting: String,
    /// What it is.
    pub(crate) what: String,
    pub(crate) unit: String,
    /// One per repetition.
    pub(crate) values: Vec<f64>,
}

/// A part of the report: one kind of fleet in one run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Part {
    /// Machine, versions, settings.
    pub(crate) conditions: Vec<String>,
    pub(crate) figures: Vec<Figure>,
    /// What could not be measured, and why.
    pub(crate) not_measured: Vec<String>,
}

impl Part {
    /// Adds a figure and says it.
    pub(crate) fn add(&mut self, bar: &str, setting: &str, what: &str, unit: &str, values: Vec<f64>) {
        if values.is_empty() {
            self.miss(format!("{bar} ({setting}): {what}: there was no value"));
            return;
        }
        let figure = Figure {
            bar: bar.into(),
            setting: setting.into(),
            what: what.into(),
            unit: unit.into(),
            values,
        };
        println!(
            "  {} [{}] {}: {}",
            figure.bar,
            figure.setting,
            figure.what,
            figure.summary()
        );
        self.figures.push(figure);
    }

    /// Adds what could not be measured and says it.
    pub(crate) fn miss(&mut self, why: impl Into<String>) {
        let why = why.into();
        println!("  not measured: {why}");
        if !self.not_measured.contains(&why) {
            self.not_measured.push(why);
        }
    }
}

impl Figure {
    fn summary(&self) -> String {
        let [median, least, greatest] =
            [median(&self.values), least(&self.values), greatest(&self.values)].map(number);
        match self.values.len() {
            1 => format!("{median} {}", self.unit),
            count => format!(
                "{median} {} ({least} to {greatest}, {count} repetitions)",
                self.unit
            ),
        }
    }
}

/// Three digits that count.
fn number(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".into() };
    match value.abs() {
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The report as a page.
pub(crate) fn markdown(parts: &[Part]) -> String {
    let mut page = String::from("# What was measured\n");
    let mut figures: Vec<&Figure> = parts.iter().flat_map(|part| &part.figures).collect();
    figures.sort_by(|a, b| a.bar.cmp(&b.bar));
    // Writing to a String cannot fail.
    let mut bar = "";
    for figure in figures {
        if figure.bar != bar {
            bar = &figure.bar;
            let _ = write!(
                page,
                "\n## {bar}\n\n| setting | what | median | least | greatest | repetitions | unit |\n|---|---|--:|--:|--:|--:|---|\n"
            );
        }
        let [median, least, greatest] = [
            median(&figure.values),
            least(&figure.values),
            greatest(&figure.values),
        ]
        .map(number);
        let Figure {
            setting, what, unit, ..
        } = figure;
        let count = figure.values.len();
        let _ = writeln!(
            page,
            "| {setting} | {what} | {median} | {least} | {greatest} | {count} | {unit} |"
        );
    }
    for (title, list) in [
        (
            "Not measured",
            parts
                .iter()
                .flat_map(|part| &part.not_measured)
                .collect::<Vec<_>>(),
        ),
        (
            "Conditions",
            parts.iter().flat_map(|part| &part.conditions).collect(),
        ),
    ] {
        if !list.is_empty() {
            let _ = write!(page, "\n## {title}\n\n");
            for line in list {
                let _ = writeln!(page, "* {line}");
            }
        }
    }
    page
}

/// Writes a part beside the others.
pub(crate) fn write_part(directory: &Path, name: &str, part: &Part) -> Result<(), BenchError> {
    std::fs::create_dir_all(directory)?;
    let file = directory.join(format!("part-{name}.json"));
    std::fs::write(file, serde_json::to_string_pretty(part)?)?;
    Ok(())
}

/// Joins all parts of a directory.
pub(crate) fn run(arguments: &ReportArguments) -> Result<(), BenchError> {
    let directory = &arguments.directory;
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("part-"))
        })
        .collect();
    files.sort();
    let parts: Vec<Part> = files
        .iter()
        .map(|file| Ok(serde_json::from_slice(&std::fs::read(file)?)?))
        .collect::<Result<_, BenchError>>()?;
    std::fs::write(directory.join("report.md"), markdown(&parts))?;
    std::fs::write(
        directory.join("report.json"),
        serde_json::to_string_pretty(&parts)?,
    )?;
    println!("{}", directory.join("report.md").display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_table_per_bar_and_says_what_is_missing() {
        let mut part = Part::default();
        part.add("B2", "1000 policies", "p50", "s", vec![0.5, 0.4, 0.612]);
        part.add("B1", "1000 policies", "gap", "s", vec![15.2]);
        part.add("B7", "1000 policies", "peak", "MiB", Vec::new());
        let page = markdown(&[part]);
        assert!(
            page.contains("| 1000 policies | p50 | 0.500 | 0.400 | 0.612 | 3 | s |"),
            "{page}"
        );
        assert!(
            page.find("## B1").unwrap() < page.find("## B2").unwrap(),
            "{page}"
        );
        assert!(
            page.contains("* B7 (1000 policies): peak: there was no value"),
            "{page}"
        );
    }

    #[test]
    fn a_part_survives_being_written_and_read() {
        let mut part = Part::default();
        part.add("B2", "x", "p50", "s", vec![0.5]);
        let text = serde_json::to_string(&part).unwrap();
        assert_eq!(serde_json::from_str::<Part>(&text).unwrap().figures, part.figures);
    }
}
