//! The demo in figures, and whether the case went as it should. Pure.

use crate::rows::{Answered, Change, Row, Segment};
use serde::Serialize;
use std::fmt::Write;

/// Seconds over which "nearly all are answered" must hold.
const STEADY_SECONDS: usize = 10;
/// What counts as nearly all, from 0 to 1.
const NEARLY_ALL: f64 = 0.99;

/// When the load rises and when it falls, in seconds since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Phases {
    pub(crate) overload: usize,
    pub(crate) fall: usize,
    pub(crate) end: usize,
}

impl Phases {
    /// The three segments of the demo's profile: quiet, overload, quiet.
    pub(crate) fn of(profile: &[Segment]) -> Option<Self> {
        let [quiet, overload, fall] = profile else {
            return None;
        };
        let whole =
            |seconds: f64| usize::try_from(std::time::Duration::from_secs_f64(seconds).as_secs()).ok();
        let begins = whole(quiet.seconds)?;
        let falls = begins + whole(overload.seconds)?;
        Some(Phases {
            overload: begins,
            fall: falls,
            end: falls + whole(fall.seconds)?,
        })
    }

    pub(crate) fn name(self, second: usize) -> &'static str {
        if second < self.overload {
            "quiet"
        } else if second < self.fall {
            "overload"
        } else {
            "fall"
        }
    }
}

/// The figures of one run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Summary {
    pub(crate) phases: Phases,
    /// The overload until a further replica was ready.
    pub(crate) alone: Answered,
    /// The first 20 s of the overload.
    pub(crate) at_first: Answered,
    /// The last 30 s of the overload.
    pub(crate) after_scaling: Answered,
    /// From the fall of the load to the end.
    pub(crate) while_shrinking: Answered,
    /// Seconds from the step of the load to the first change of the Deployment's replicas upwards.
    pub(crate) first_change_seconds: Option<f64>,
    /// Seconds from the step of the load to the first second that begins 10 s in which 99 % were answered.
    pub(crate) nearly_all_seconds: Option<usize>,
    pub(crate) replicas_before: Option<i32>,
    pub(crate) replicas_peak: Option<i32>,
    pub(crate) replicas_end: Option<i32>,
    pub(crate) changes: Vec<Change>,
}

fn within(rows: &[Row], from: usize, to: usize) -> impl Iterator<Item = &Row> {
    rows.iter()
        .filter(move |row| (from..to).contains(&row.load.second))
}

impl Summary {
    /// `replicas_end` is what the Deployment asked for when the demo stopped looking.
    pub(crate) fn new(rows: &[Row], changes: &[Change], phases: Phases, replicas_end: Option<i32>) -> Self {
        let Phases { overload, fall, end } = phases;
        #[allow(clippy::cast_precision_loss, reason = "minutes, in seconds")]
        let (step, falls) = (overload as f64, fall as f64);
        let nearly = |answered: Answered| answered.share().is_some_and(|share| share >= NEARLY_ALL);
        // The second itself counts too, so that a window cannot begin in seconds that were still bad.
        let nearly_all = (overload..fall.saturating_sub(STEADY_SECONDS - 1)).find(|second| {
            nearly(Answered::of(within(rows, *second, second + 1)))
                && nearly(Answered::of(within(rows, *second, second + STEADY_SECONDS)))
        });
        let replicas_before = within(rows, 0, overload)
            .filter_map(|row| row.cluster.spec)
            .last();
        let helped = |row: &&Row| row.cluster.ready > replicas_before;
        let alone = within(rows, overload, fall)
            .find(helped)
            .map_or(fall, |row| row.load.second);
        Summary {
            phases,
            alone: Answered::of(within(rows, overload, alone)),
            at_first: Answered::of(within(rows, overload, (overload + 20).min(fall))),
            after_scaling: Answered::of(within(rows, fall.saturating_sub(30).max(overload), fall)),
            while_shrinking: Answered::of(within(rows, fall, end)),
            first_change_seconds: changes
                .iter()
                .find(|change| change.to > change.from && (step..falls).contains(&change.at))
                .map(|change| change.at - step),
            nearly_all_seconds: nearly_all.map(|second| second - overload),
            replicas_before,
            replicas_peak: rows.iter().filter_map(|row| row.cluster.spec).max(),
            replicas_end,
            changes: changes.to_vec(),
        }
    }

    /// What did not go as it should, one sentence each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if self.first_change_seconds.is_none() {
            complaints.push("the Deployment was never scaled up during the overload".to_owned());
        }
        match self.after_scaling.share() {
            Some(share) if share >= NEARLY_ALL => {}
            Some(share) => complaints.push(format!(
                "after scaling {} of the requests were answered, not 99 %",
                percent(share)
            )),
            None => complaints.push("no request was offered in the last 30 s of the overload".to_owned()),
        }
        if let (Some(before), Some(end)) = (self.replicas_before, self.replicas_end)
            && end > before
        {
            complaints.push(format!("at the end {end} replicas were left, not {before}"));
        }
        complaints
    }

    /// What was measured, as name and value, in the order to be shown.
    pub(crate) fn figures(&self) -> Vec<(&'static str, String)> {
        let share = |answered: Answered| match answered.share() {
            Some(share) => format!("{} of {} requests", percent(share), answered.offered),
            None => "no requests".to_owned(),
        };
        let number =
            |value: Option<i32>| value.map_or_else(|| "unknown".to_owned(), |value| value.to_string());
        vec![
            ("answered until a further replica was ready", share(self.alone)),
            ("answered in the first 20 s of overload", share(self.at_first)),
            ("answered in the last 30 s of overload", share(self.after_scaling)),
            (
                "step of the load to the first scaling",
                self.first_change_seconds
                    .map_or("never".to_owned(), |seconds| format!("{seconds:.1} s")),
            ),
            (
                "step of the load until 99 % are answered",
                self.nearly_all_seconds
                    .map_or("never".to_owned(), |seconds| format!("{seconds} s")),
            ),
            (
                "replicas before, at most, at the end",
                format!(
                    "{}, {}, {}",
                    number(self.replicas_before),
                    number(self.replicas_peak),
                    number(self.replicas_end)
                ),
            ),
            (
                "requests lost after the load fell",
                format!(
                    "{} of {}",
                    self.while_shrinking.lost(),
                    self.while_shrinking.offered
                ),
            ),
        ]
    }

    /// The figures as text for a terminal.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.figures() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {name:<46}{value}");
        }
        text
    }
}

/// Rounded down, so that 98.96 % is never shown as 99.0 %.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::fixtures::{good_run, row};

    const PHASES: Phases = Phases {
        overload: 10,
        fall: 70,
        end: 100,
    };

    fn change(at: f64, from: i32, to: i32) -> Change {
        Change { at, from, to }
    }

    #[test]
    fn a_good_run_has_its_figures_and_no_complaint() {
        let changes = [change(14.2, 1, 2), change(20.0, 2, 16), change(88.0, 16, 1)];
        let summary = Summary::new(&good_run(), &changes, PHASES, Some(1));
        assert_eq!(
            summary.alone,
            Answered {
                offered: 30 * 80,
                answered: 30 * 8
            }
        );
        assert_eq!(summary.at_first.share(), Some(0.1));
        assert_eq!(summary.after_scaling.share(), Some(1.0));
        assert_eq!(
            summary
                .first_change_seconds
                .map(|seconds| (seconds * 10.0).round()),
            Some(42.0)
        );
        assert_eq!(summary.nearly_all_seconds, Some(30));
        assert_eq!(
            (
                summary.replicas_before,
                summary.replicas_peak,
                summary.replicas_end
            ),
            (Some(1), Some(16), Some(1))
        );
        assert_eq!(summary.while_shrinking.lost(), 0);
        assert_eq!(summary.complaints(), Vec::<String>::new());
    }

    #[test]
    fn a_target_that_was_never_scaled_is_a_complaint() {
        let rows: Vec<_> = (0..100).map(|second| row(second, 80, 8, 1)).collect();
        let complaints = Summary::new(&rows, &[], PHASES, Some(1)).complaints();
        assert_eq!(
            complaints,
            [
                "the Deployment was never scaled up during the overload",
                "after scaling 10.0 % of the requests were answered, not 99 %"
            ]
        );
    }

    #[test]
    fn scaling_before_the_overload_does_not_count_as_the_answer_to_it() {
        let summary = Summary::new(&good_run(), &[change(3.0, 1, 2)], PHASES, Some(1));
        assert_eq!(summary.first_change_seconds, None);
    }

    #[test]
    fn replicas_that_stay_are_a_complaint() {
        let changes = [change(14.0, 1, 16)];
        let complaints = Summary::new(&good_run(), &changes, PHASES, Some(16)).complaints();
        assert_eq!(complaints, ["at the end 16 replicas were left, not 1"]);
    }

    #[test]
    fn nearly_all_must_last() {
        let mut rows = good_run();
        rows[20] = row(20, 80, 80, 1);
        let summary = Summary::new(&rows, &[], PHASES, Some(1));
        assert_eq!(
            summary.nearly_all_seconds,
            Some(30),
            "one good second at 20 is not enough"
        );
    }

    #[test]
    fn a_run_without_rows_says_so() {
        let summary = Summary::new(&[], &[], PHASES, None);
        assert_eq!(summary.complaints().len(), 2);
        assert!(summary.text().contains("no requests") && summary.text().contains("never"));
    }

    #[test]
    fn shares_are_never_rounded_up() {
        assert_eq!(percent(0.98999), "98.9 %");
        assert_eq!(percent(1.0), "100.0 %");
    }

    #[test]
    fn the_phases_come_from_the_profile() {
        let segment = |to_rps, seconds| Segment { to_rps, seconds };
        let profile = [segment(4.0, 10.0), segment(80.0, 60.0), segment(4.0, 30.0)];
        assert_eq!(Phases::of(&profile), Some(PHASES));
        assert_eq!(Phases::of(&profile[..2]), None);
        assert_eq!(
            [0, 10, 69, 70].map(|second| PHASES.name(second)),
            ["quiet", "overload", "overload", "fall"]
        );
    }
}
