//! `concertina decide`: decides the cases of files, shows how, and holds them against what they expect. No network.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::decide_table;
use crate::case::{self, CaseError, Documents, Judged, Receipt};

/// Arguments of `concertina decide`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 when every case could be decided and came out as expected, 1 when one did not come out as \
                        expected, 2 when a file or a case makes no sense."
)]
pub struct DecideArguments {
    /// Files of cases, YAML documents or JSON lines; - is the standard input. The format is described in
    /// docs/reference/decision-case.md.
    #[arg(short, long = "file", value_name = "FILE", required = true, num_args = 1..)]
    files: Vec<PathBuf>,
    /// How decisions are printed: as a text to read, as one JSON object per line, or as YAML documents.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Print only what is not as expected.
    #[arg(short, long)]
    quiet: bool,
}

/// How decisions are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Json,
    Yaml,
    Table,
}

/// What came of all cases.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    cases: usize,
    /// Cases that did not come out as expected.
    unexpected: usize,
    /// Files and cases that make no sense.
    refused: usize,
}

impl Count {
    fn exit_code(&self) -> ExitCode {
        match (self.refused, self.unexpected) {
            (0, 0) => ExitCode::SUCCESS,
            (0, _) => ExitCode::from(1),
            _ => ExitCode::from(2),
        }
    }
}

/// Decides the cases of the files in turn. Troubles are told on the standard error.
#[must_use]
pub fn run(arguments: &DecideArguments) -> ExitCode {
    let out = io::stdout().lock();
    let mut session = Session {
        out: BufWriter::new(out),
        troubles: io::stderr(),
        output: arguments.output,
        quiet: arguments.quiet,
        count: Count::default(),
    };
    match session.files(&arguments.files) {
        Ok(()) => session.count.exit_code(),
        // A reader that has seen enough, such as `head`, is no error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => session.count.exit_code(),
        Err(error) => {
            eprintln!("error: cannot write the decisions: {error}");
            ExitCode::from(2)
        }
    }
}

/// Decides one case and prints it.
///
/// # Errors
/// When it cannot be printed.
pub(super) fn show(case: Value, output: Format) -> io::Result<ExitCode> {
    let mut session = Session {
        out: BufWriter::new(io::stdout().lock()),
        troubles: io::stderr(),
        output,
        quiet: false,
        count: Count::default(),
    };
    session.document("the answer of the controller", vec![case])?;
    session.out.flush()?;
    Ok(session.count.exit_code())
}

struct Session<Out, Troubles> {
    out: Out,
    troubles: Troubles,
    output: Format,
    quiet: bool,
    count: Count,
}

impl<Out: Write, Troubles: Write> Session<Out, Troubles> {
    fn files(&mut self, files: &[PathBuf]) -> io::Result<()> {
        for path in files {
            match open(path) {
                Ok(reader) => self.stream(&path.display().to_string(), reader)?,
                Err(error) => {
                    self.count.refused += 1;
                    writeln!(self.troubles, "error: cannot read {}: {error}", path.display())?;
                }
            }
        }
        self.out.flush()?;
        let Count {
            cases,
            unexpected,
            refused,
        } = self.count;
        if cases + refused != 1 {
            writeln!(
                self.troubles,
                "{cases} cases decided: {unexpected} not as expected; {refused} made no sense"
            )?;
        }
        Ok(())
    }

    fn stream(&mut self, file: &str, reader: Box<dyn BufRead + '_>) -> io::Result<()> {
        let documents = match Documents::new(reader) {
            Ok(documents) => documents,
            Err(error) => return self.refuse(file, &error),
        };
        let mut any = false;
        for (number, document) in (1..).zip(documents) {
            any = true;
            let place = format!("{file}, document {number}");
            match document.and_then(case::cases_of) {
                Ok(cases) => self.document(&place, cases)?,
                Err(error) => self.refuse(&place, &error)?,
            }
        }
        if any {
            return Ok(());
        }
        self.refuse(file, &CaseError::Syntax("there is no case in it".into()))
    }

    fn document(&mut self, place: &str, cases: Vec<Value>) -> io::Result<()> {
        let is_table = cases.len() > 1;
        for (number, case) in (1..).zip(cases) {
            let mut place = place.to_owned();
            if is_table {
                place.push_str(&format!(", case {number}"));
            }
            if let Some(name) = case.get("name").and_then(Value::as_str) {
                place.push_str(&format!(" ({name})"));
            }
            match case::judge(case) {
                Ok(judged) => self.show(&place, judged)?,
                Err(error) => self.refuse(&place, &error)?,
            }
        }
        Ok(())
    }

    fn refuse(&mut self, place: &str, error: &CaseError) -> io::Result<()> {
        self.count.refused += 1;
        writeln!(self.troubles, "error: {place}: {error}")
    }

    fn show(&mut self, place: &str, judged: Judged) -> io::Result<()> {
        self.count.cases += 1;
        let differences = match &judged {
            Judged::Decided(_, decided) => decided.differences.clone(),
            Judged::RefusedAsExpected { .. } => Vec::new(),
            Judged::NotRefused { expected, .. } => {
                vec![format!(
                    "it was decided, expected to be refused with {expected:?}"
                )]
            }
        };
        if !differences.is_empty() {
            self.count.unexpected += 1;
            for difference in &differences {
                writeln!(self.troubles, "not as expected: {place}: {difference}")?;
            }
        } else if self.quiet {
            return Ok(());
        }
        match judged {
            Judged::Decided(case, decided) => self.print(&Receipt::of(&case, &decided)),
            Judged::RefusedAsExpected { name, error } => self.print_refusal(name, &error),
            Judged::NotRefused { .. } => Ok(()),
        }
    }

    fn print(&mut self, receipt: &Receipt) -> io::Result<()> {
        match self.output {
            Format::Table => decide_table::write(&mut self.out, receipt),
            Format::Json => {
                serde_json::to_writer(&mut self.out, receipt)?;
                writeln!(self.out)
            }
            Format::Yaml => write_yaml(&mut self.out, receipt),
        }
    }

    fn print_refusal(&mut self, name: Option<String>, error: &CaseError) -> io::Result<()> {
        let refusal = serde_json::json!({ "name": name, "refused": error.to_string() });
        match self.output {
            Format::Table => {
                let name = name.map_or_else(String::new, |name| format!("{name}: "));
                writeln!(self.out, "{name}refused, as expected: {error}\n")
            }
            Format::Json => writeln!(self.out, "{refusal}"),
            Format::Yaml => write_yaml(&mut self.out, &refusal),
        }
    }
}

fn write_yaml(out: &mut impl Write, value: &impl serde::Serialize) -> io::Result<()> {
    let text = serde_saphyr::to_string(value).map_err(io::Error::other)?;
    writeln!(out, "---\n{}", text.trim_end())
}

fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(path)?)))
}
