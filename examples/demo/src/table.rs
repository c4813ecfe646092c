//! The live table. On a terminal it is redrawn in place; elsewhere each second is one line. Writes to stdout only.

use crate::rows::{Answered, Row, or_empty};
use crate::summary::Phases;
use std::io::{IsTerminal, Write};

/// Seconds that the redrawn table shows.
const SHOWN: usize = 14;
const BAR: usize = 10;
/// Lines are cut to this, so that a redraw never meets a wrapped line.
const WIDTH: usize = 96;
const HEAD: &str =
    "  time  phase     offered  answered                  p95 ms  replicas       last decision";
const SUBHEAD: &str = "                  1/s      1/s                               ready/asked";

/// Draws rows as they come.
pub(crate) struct Table {
    redraw: bool,
    drawn_lines: usize,
    rows: Vec<String>,
    lines_since_head: usize,
}

impl Table {
    /// Redraws when stdout is a terminal.
    pub(crate) fn new() -> Self {
        Table {
            redraw: std::io::stdout().is_terminal(),
            drawn_lines: 0,
            rows: Vec::new(),
            lines_since_head: usize::MAX,
        }
    }

    /// Shows one more second.
    pub(crate) fn show(&mut self, row: &Row, phases: Phases) {
        let line = line(row, phases);
        if !self.redraw {
            if self.lines_since_head >= 30 {
                println!("{HEAD}\n{SUBHEAD}");
                self.lines_since_head = 0;
            }
            self.lines_since_head += 1;
            println!("{line}");
            return;
        }
        if self.rows.len() == SHOWN {
            self.rows.remove(0);
        }
        self.rows.push(cut(&line));
        let message = row.cluster.message.as_deref().unwrap_or("no decision yet");
        let mut screen = vec![HEAD.to_owned(), SUBHEAD.to_owned()];
        screen.extend(self.rows.iter().cloned());
        screen.extend([String::new(), cut(&format!("  {message}"))]);
        let mut text = String::new();
        if self.drawn_lines > 0 {
            // Up to the first line of the table, and clear from there on.
            text += &format!("\x1b[{}A\x1b[J", self.drawn_lines);
        }
        text += &screen.join("\n");
        println!("{text}");
        let _ = std::io::stdout().flush();
        self.drawn_lines = screen.len();
    }
}

fn cut(text: &str) -> String {
    text.chars().take(WIDTH).collect()
}

fn line(row: &Row, phases: Phases) -> String {
    let second = row.load.second;
    let share = Answered::of([row]).share();
    let (bar, percent) = match share {
        Some(share) => (bar(share), format!("{:.0} %", (share * 100.0).floor())),
        None => (" ".repeat(BAR), String::new()),
    };
    let replicas = format!(
        "{}/{}",
        or_unknown(row.cluster.ready),
        or_unknown(row.cluster.spec)
    );
    let wanted = match row.cluster.desired {
        Some(desired) if row.cluster.spec != Some(desired) => format!(" → {desired}"),
        _ => String::new(),
    };
    format!(
        "{:>3}:{:02}  {:<9} {:>6}  {:>7}   {bar} {percent:>5}  {:>6}  {:<13}  {}",
        second / 60,
        second % 60,
        phases.name(second),
        row.load.offered,
        row.load.answered,
        or_empty(row.load.p95_ms),
        replicas + &wanted,
        row.cluster.reason.as_deref().unwrap_or("-"),
    )
}

fn or_unknown(value: Option<i32>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

fn bar(share: f64) -> String {
    let full = (1..=BAR)
        .filter(|tenth| share * 10.0 >= f64::from(u32::try_from(*tenth).unwrap_or(0)) - 0.001)
        .count();
    format!("{}{}", "█".repeat(full), "░".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::Sample;
    use crate::rows::fixtures::row;

    const PHASES: Phases = Phases {
        overload: 10,
        fall: 70,
        end: 100,
    };

    #[test]
    fn a_line_shows_the_second_as_a_person_reads_it() {
        let mut overloaded = row(65, 80, 8, 1);
        overloaded.cluster.spec = Some(2);
        overloaded.cluster.desired = Some(16);
        overloaded.cluster.reason = Some("MetricAboveTarget".to_owned());
        let line = line(&overloaded, PHASES);
        assert_eq!(
            line,
            "  1:05  overload      80        8   █░░░░░░░░░  10 %     400  1/2 → 16       MetricAboveTarget"
        );
    }

    #[test]
    fn what_is_not_known_yet_is_not_shown_as_zero() {
        let mut unknown = row(3, 0, 0, 1);
        unknown.cluster = Sample::default();
        let line = line(&unknown, PHASES);
        assert!(
            line.contains("?/?") && line.ends_with('-') && !line.contains('%'),
            "{line}"
        );
    }

    #[test]
    fn a_bar_is_full_only_when_all_were_answered() {
        assert_eq!(bar(1.0), "██████████");
        assert_eq!(bar(0.999), "█████████░");
        assert_eq!(bar(0.0), "░░░░░░░░░░");
    }

    #[test]
    fn a_line_fits_a_terminal() {
        assert!(
            HEAD.chars().count() <= WIDTH && line(&row(599, 80, 80, 20), PHASES).chars().count() <= WIDTH
        );
    }
}
