//! What was found, and how it is told. Pure, but for what it prints into.
use std::io::{self, Write};

use serde::Serialize;

use super::settings::Edit;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, or is not needed, and is worth knowing.
    Note,
    /// Something does not work until it is changed.
    Problem,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Whom it is about: the cluster or a server.
    pub subject: String,
    /// What was looked at, in a word or two.
    pub check: String,
    /// How grave it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// What to set or do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set: Option<String>,
    /// The same as a change of the configuration, where it is one.
    #[serde(skip)]
    pub(super) edit: Option<Edit>,
}

/// The findings about one subject.
pub(super) struct Findings {
    subject: String,
    pub(super) list: Vec<Finding>,
}

impl Findings {
    pub(super) fn about(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            list: Vec::new(),
        }
    }

    pub(super) fn ok(&mut self, check: &str, what: impl Into<String>) {
        self.add(Level::Ok, check, what.into(), None, None);
    }

    pub(super) fn note(&mut self, check: &str, what: impl Into<String>, set: impl Into<String>) {
        self.add(Level::Note, check, what.into(), Some(set.into()), None);
    }

    pub(super) fn problem(&mut self, check: &str, what: impl Into<String>, set: impl Into<String>) {
        self.add(Level::Problem, check, what.into(), Some(set.into()), None);
    }

    /// One that a change of the configuration mends.
    pub(super) fn change(&mut self, level: Level, check: &str, what: impl Into<String>, edit: Edit) {
        self.add(level, check, what.into(), Some(edit.to_string()), Some(edit));
    }

    fn add(&mut self, level: Level, check: &str, what: String, set: Option<String>, edit: Option<Edit>) {
        self.list.push(Finding {
            subject: self.subject.clone(),
            check: check.to_owned(),
            level,
            what,
            set: set.filter(|set| !set.is_empty()),
            edit,
        });
    }
}

/// How many findings are of this level.
pub(super) fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// Whether a server answered: without one a configuration would be of no use. Only of those the clock is looked at.
pub(super) fn is_any_server_heard(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.check == "clock")
}

/// Writes a text to read: a line for what was found and one for what to do.
pub(super) fn table(findings: &[Finding], out: &mut impl Write) -> io::Result<()> {
    let width = findings.iter().map(|finding| finding.check.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut subject = "";
    for finding in findings {
        if finding.subject != subject {
            subject = &finding.subject;
            writeln!(out, "{subject}")?;
        }
        let (level, check) = (finding.level.word(), &finding.check);
        writeln!(out, "  {level:<7}  {check:<width$}  {}", one_line(&finding.what))?;
        if let Some(set) = &finding.set {
            writeln!(out, "           {:width$}  -> {}", "", one_line(set))?;
        }
    }
    let (problems, notes) = (count(findings, Level::Problem), count(findings, Level::Note));
    writeln!(
        out,
        "\n{}, {}",
        plural(problems, "problem"),
        plural(notes, "note")
    )
}

/// A number and its noun.
pub(super) fn plural(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// Names with commas, and how many more there are beyond the first few.
pub(super) fn some_of(names: &[String], most: usize) -> String {
    let named: Vec<&str> = names.iter().take(most).map(String::as_str).collect();
    let more = names.len().saturating_sub(most);
    if more == 0 {
        named.join(", ")
    } else {
        format!("{} and {more} more", named.join(", "))
    }
}

/// Words of servers may hold line ends, and characters that a terminal takes for commands.
fn one_line(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    visible.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_what_to_do_is_another() {
        let mut found = Findings::about("cluster");
        found.ok("version", "Kubernetes 1.37.1");
        found.problem(
            "definition",
            "not there\u{1b}[2J",
            "concertina crd | kubectl apply -f -",
        );
        let mut text = Vec::new();
        table(&found.list, &mut text).unwrap();
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "cluster\n\
             \x20 ok       version     Kubernetes 1.37.1\n\
             \x20 problem  definition  not there [2J\n\
             \x20                      -> concertina crd | kubectl apply -f -\n\
             \n1 problem, 0 notes\n"
        );
    }

    #[test]
    fn names_beyond_the_first_few_are_counted() {
        let names = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(some_of(&names, 3), "a, b, c");
        assert_eq!(some_of(&names, 2), "a, b and 1 more");
    }
}
