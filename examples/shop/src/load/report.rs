//! What became of the requests, second by second of the profile. A row counts the requests that *began* in its second
//! and is final once each of them has ended, so offered and answered belong together. No network, no clock.

use std::fmt::Write;
use std::time::Duration;

/// How one request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 200 with its whole body within the client's timeout; the time it took.
    Answered(Duration),
    /// 503: the shop gave it up.
    Rejected,
    /// No answer within the client's timeout.
    TimedOut,
    /// Refused or broken connection, another status, or not sent because too many were under way.
    Failed,
}

/// One second of the profile.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Row {
    /// Seconds from the start of the profile.
    pub second: usize,
    /// Requests that were due.
    pub offered: usize,
    /// Requests answered with 200 in time.
    pub answered: usize,
    /// Requests given up by the shop (503).
    pub rejected: usize,
    /// Requests without an answer in time.
    pub timed_out: usize,
    /// All others.
    pub errors: usize,
    /// Percentiles of the answered requests in milliseconds; none were answered, none is given.
    pub p50_ms: Option<u32>,
    /// As above.
    pub p95_ms: Option<u32>,
    /// As above.
    pub p99_ms: Option<u32>,
}

impl Row {
    /// The head of the CSV.
    pub const CSV_HEAD: &str = "second,offered,answered,rejected,timed_out,errors,p50_ms,p95_ms,p99_ms";

    /// One line of the CSV, without its end.
    pub fn csv(&self) -> String {
        let optional = |value: Option<u32>| value.map_or(String::new(), |value| value.to_string());
        format!(
            "{},{},{},{},{},{},{},{},{}",
            self.second,
            self.offered,
            self.answered,
            self.rejected,
            self.timed_out,
            self.errors,
            optional(self.p50_ms),
            optional(self.p95_ms),
            optional(self.p99_ms),
        )
    }
}

#[derive(Debug, Default)]
struct Second {
    offered: usize,
    rejected: usize,
    timed_out: usize,
    errors: usize,
    latencies_ms: Vec<u32>,
}

impl Second {
    fn settled(&self) -> usize {
        self.latencies_ms.len() + self.rejected + self.timed_out + self.errors
    }

    fn row(&self, second: usize) -> Row {
        let mut sorted = self.latencies_ms.clone();
        sorted.sort_unstable();
        Row {
            second,
            offered: self.offered,
            answered: sorted.len(),
            rejected: self.rejected,
            timed_out: self.timed_out,
            errors: self.errors,
            p50_ms: percentile(&sorted, 50),
            p95_ms: percentile(&sorted, 95),
            p99_ms: percentile(&sorted, 99),
        }
    }
}

/// Nearest rank: the smallest value that at least `percent` of all values do not exceed.
fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

/// Collects outcomes into rows.
#[derive(Debug, Default)]
pub struct Report {
    seconds: Vec<Second>,
    rows: Vec<Row>,
    begun: usize,
}

impl Report {
    /// The profile is in this second now: no request will begin in an earlier one.
    pub fn advance_to(&mut self, second: usize) {
        self.begun = self.begun.max(second);
        if self.seconds.len() < second {
            self.seconds.resize_with(second, Second::default);
        }
        self.settle();
    }

    /// A request begins in this second.
    pub fn offered(&mut self, second: usize) {
        self.advance_to(second);
        if self.seconds.len() == second {
            self.seconds.push(Second::default());
        }
        if let Some(row) = self.seconds.get_mut(second) {
            row.offered += 1;
        }
    }

    /// A request that began in this second has ended.
    pub fn ended(&mut self, second: usize, outcome: Outcome) {
        if let Some(row) = self.seconds.get_mut(second) {
            match outcome {
                Outcome::Answered(latency) => {
                    row.latencies_ms
                        .push(u32::try_from(latency.as_millis()).unwrap_or(u32::MAX));
                }
                Outcome::Rejected => row.rejected += 1,
                Outcome::TimedOut => row.timed_out += 1,
                Outcome::Failed => row.errors += 1,
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        while self.rows.len() < self.begun
            && let Some(second) = self.seconds.get(self.rows.len())
            && second.offered == second.settled()
        {
            self.rows.push(second.row(self.rows.len()));
        }
    }

    /// The final rows from this second on, oldest first.
    pub fn rows_since(&self, second: usize) -> &[Row] {
        self.rows.get(second..).unwrap_or_default()
    }

    /// All final rows as CSV.
    pub fn csv(&self) -> String {
        let mut text = format!("{}\n", Row::CSV_HEAD);
        for row in &self.rows {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}", row.csv());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn answered(ms: u64) -> Outcome {
        Outcome::Answered(Duration::from_millis(ms))
    }

    #[test]
    fn a_row_is_final_when_its_second_is_over_and_its_requests_have_ended() {
        let mut report = Report::default();
        report.offered(0);
        report.ended(0, answered(5));
        assert_eq!(
            report.rows_since(0),
            [],
            "another request may still begin in second 0"
        );
        report.offered(1);
        assert_eq!(report.rows_since(0).len(), 1);
        report.advance_to(2);
        assert_eq!(
            report.rows_since(0).len(),
            1,
            "the request of second 1 is still under way"
        );
        report.ended(1, Outcome::TimedOut);
        assert_eq!(report.rows_since(1)[0].timed_out, 1);
    }

    #[test]
    fn rows_come_in_order_even_when_later_ones_end_first() {
        let mut report = Report::default();
        report.offered(0);
        report.offered(1);
        report.ended(1, answered(1));
        report.advance_to(2);
        assert_eq!(report.rows_since(0), []);
        report.ended(0, Outcome::Rejected);
        let seconds: Vec<_> = report.rows_since(0).iter().map(|row| row.second).collect();
        assert_eq!(seconds, [0, 1]);
    }

    #[test]
    fn a_second_without_requests_has_a_row_too() {
        let mut report = Report::default();
        report.advance_to(3);
        assert_eq!(report.rows_since(0).len(), 3);
        assert_eq!(report.rows_since(2)[0].p95_ms, None);
    }

    #[test]
    fn percentiles_are_nearest_ranks_of_the_answered_requests() {
        let mut report = Report::default();
        for ms in (1..=100).rev() {
            report.offered(0);
            report.ended(0, answered(ms));
        }
        report.offered(0);
        report.ended(0, Outcome::Failed);
        report.advance_to(1);
        let row = report.rows_since(0)[0];
        assert_eq!(
            (row.p50_ms, row.p95_ms, row.p99_ms),
            (Some(50), Some(95), Some(99))
        );
        assert_eq!((row.offered, row.answered, row.errors), (101, 100, 1));
    }

    #[test]
    fn the_csv_leaves_unknown_latencies_empty() {
        let mut report = Report::default();
        report.offered(0);
        report.ended(0, Outcome::TimedOut);
        report.advance_to(1);
        assert_eq!(report.csv(), format!("{}\n0,1,0,0,1,0,,,\n", Row::CSV_HEAD));
    }
}
