//! The live table. On a terminal it is redrawn in place; elsewhere each second is one line. Writes to stdout only.

use crate::rows::{Answered, Change, Row, or_empty};
use crate::summary::Phases;
use std::collections::VecDeque;
use std::io::IsTerminal;

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
    rows: VecDeque<Row>,
    lines_since_head: usize,
}

impl Table {
    /// Redraws when stdout is a terminal.
    pub(crate) fn new() -> Self {
        Table {
            redraw: std::io::stdout().is_terminal(),
            drawn_lines: 0,
            rows: VecDeque::new(),
            lines_since_head: usize::MAX,
        }
    }

    /// Shows one more second, and the changes of the replicas so far.
    pub(crate) fn show(&mut self, row: &Row, changes: &[Change], phases: Phases) {
        let wanted_before = self.rows.back().map(|last| last.cluster.desired);
        if self.rows.len() == SHOWN {
            self.rows.pop_front();
        }
        self.rows.push_back(row.clone());
        if self.redraw {
            let screen = self.screen(changes, phases);
            if self.drawn_lines > 0 {
                // Up to the first line of the table, and clear from there on.
                print!("\x1b[{}A\x1b[J", self.drawn_lines);
            }
            println!("{}", screen.join("\n"));
            self.drawn_lines = screen.len();
            return;
        }
        if self.lines_since_head >= 30 {
            println!("{HEAD}\n{SUBHEAD}");
            self.lines_since_head = 0;
        }
        self.lines_since_head += 1;
        println!("{}", line(row, phases));
        if wanted_before.is_some_and(|wanted| wanted != row.cluster.desired)
            && let Some(message) = &row.cluster.message
        {
            println!("        {message}");
        }
    }

    fn screen(&self, changes: &[Change], phases: Phases) -> Vec<String> {
        let mut screen = vec![HEAD.to_owned(), SUBHEAD.to_owned()];
        screen.extend(
            self.rows
                .iter()
                .map(|row| coloured(&cut(&line(row, phases)), row)),
        );
        let message = self.rows.back().and_then(|row| row.cluster.message.as_deref());
        screen.push(String::new());
        screen.extend(wrap("  Decision:", message.unwrap_or("none yet"), 3));
        let newest = changes.iter().skip(changes.len().saturating_sub(6));
        let newest: Vec<_> = newest
            .map(|change| format!("{} → {}", change.from, change.to))
            .collect();
        screen.push(format!("  Changes:  {}", newest.join(", ")));
        screen
    }
}

/// Green where nearly all were answered, yellow where half were, red below; only the bar has a colour.
fn coloured(line: &str, row: &Row) -> String {
    let colour = match Answered::of([row]).share() {
        Some(share) if share >= 0.99 => 32,
        Some(share) if share >= 0.5 => 33,
        Some(_) => 31,
        None => return line.to_owned(),
    };
    match (line.find(['█', '░']), line.rfind(['█', '░'])) {
        (Some(first), Some(last)) => {
            let (head, rest) = line.split_at(first);
            let (bar, tail) = rest.split_at(last - first + '█'.len_utf8());
            format!("{head}\x1b[{colour}m{bar}\x1b[0m{tail}")
        }
        _ => line.to_owned(),
    }
}

/// The text after its name, in at most `lines` lines of `WIDTH`, broken between words.
fn wrap(name: &str, text: &str, lines: usize) -> Vec<String> {
    let mut wrapped = vec![name.to_owned()];
    for word in text.split_whitespace() {
        match wrapped.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => wrapped.push(format!("{} {word}", " ".repeat(name.chars().count()))),
        }
    }
    wrapped.truncate(lines);
    wrapped
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
    fn only_the_bar_has_a_colour() {
        let text = coloured(&line(&row(3, 80, 80, 1), PHASES), &row(3, 80, 80, 1));
        assert!(text.contains("\x1b[32m██████████\x1b[0m 100 %"), "{text}");
        let idle = row(3, 0, 0, 1);
        assert!(!coloured(&line(&idle, PHASES), &idle).contains('\x1b'));
    }

    #[test]
    fn a_long_sentence_is_broken_between_words_and_bounded() {
        let lines = wrap("  Decision:", &"requests are above their target ".repeat(20), 3);
        assert_eq!(lines.len(), 3);
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= WIDTH && !line.ends_with("targ")),
            "{lines:?}"
        );
        assert_eq!(wrap("  Decision:", "stays at 1", 3), ["  Decision: stays at 1"]);
    }

    #[test]
    fn the_screen_shows_the_newest_seconds_the_decision_and_the_changes() {
        let mut table = Table {
            redraw: false,
            drawn_lines: 0,
            rows: VecDeque::new(),
            lines_since_head: 0,
        };
        let changes = [Change {
            at: 4.0,
            from: 1,
            to: 6,
        }];
        for second in 0..40 {
            table.show(&row(second, 4, 4, 1), &changes, PHASES);
        }
        let screen = table.screen(&changes, PHASES);
        assert_eq!(screen.iter().filter(|line| line.contains("100 %")).count(), SHOWN);
        assert!(screen.iter().any(|line| line.starts_with("  0:39")), "{screen:?}");
        assert_eq!(
            screen[screen.len() - 2..],
            ["  Decision: none yet", "  Changes:  1 → 6"]
        );
    }

    #[test]
    fn a_line_fits_a_terminal() {
        assert!(
            HEAD.chars().count() <= WIDTH && line(&row(599, 80, 80, 20), PHASES).chars().count() <= WIDTH
        );
    }
}
