//! Whether the clocks agree: ages of samples are the controller's time less Prometheus'. Pure.
use concertina_decision::Timestamp;

use super::super::finding::Findings;

/// Below this nothing is said: it is far below the age at which samples are refused.
const UNNOTICED_SECONDS: f64 = 5.0;
/// From here on samples seem a quarter of their greatest age older than they are.
const GRAVE_SECONDS: f64 = 30.0;

/// How far a clock is before that of this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::cli::doctor) struct Clock {
    pub(super) ahead_seconds: f64,
    /// It may be so much more or less.
    pub(super) uncertain_seconds: f64,
}

impl Clock {
    /// Of the time that came in an answer, in seconds since 1970, exact to `exact_seconds`.
    #[allow(clippy::cast_precision_loss)] // milliseconds of our time
    pub(in crate::cli::doctor) fn read(
        seconds: f64,
        before: Timestamp,
        after: Timestamp,
        exact_seconds: f64,
    ) -> Self {
        let (before, after) = (before.0 as f64 / 1000.0, after.0 as f64 / 1000.0);
        Self {
            ahead_seconds: seconds - f64::midpoint(before, after),
            uncertain_seconds: (after - before) / 2.0 + exact_seconds,
        }
    }

    fn before(self, other: Self) -> Self {
        Self {
            ahead_seconds: self.ahead_seconds - other.ahead_seconds,
            uncertain_seconds: self.uncertain_seconds + other.uncertain_seconds,
        }
    }

    /// Seconds by which it is surely off.
    fn surely(self) -> f64 {
        (self.ahead_seconds.abs() - self.uncertain_seconds).max(0.0)
    }

    fn words(self) -> String {
        let direction = if self.ahead_seconds > 0.0 {
            "before"
        } else {
            "behind"
        };
        format!("{} {direction}", super::seconds(self.ahead_seconds.abs()))
    }
}

/// Compares the server's clock with the API server's, and with this machine's.
pub(super) fn check(server: Clock, cluster: Option<Clock>, found: &mut Findings) {
    const ADVICE: &str = "let a time service (NTP) set the clocks of Prometheus' node and of the cluster's: ages of samples \
                          are measured between them";
    if let Some(cluster) = cluster {
        let difference = server.before(cluster);
        let what = format!("its clock is {} the API server's", difference.words());
        if difference.surely() >= GRAVE_SECONDS {
            return found.problem("clock", what, ADVICE);
        }
        if difference.surely() >= UNNOTICED_SECONDS {
            return found.note("clock", what, ADVICE);
        }
    }
    if server.surely() >= UNNOTICED_SECONDS {
        let what = format!("its clock is {} this machine's", server.words());
        return found.note(
            "clock",
            what,
            "of no matter for a controller that runs elsewhere; where it runs here, let a time service (NTP) set the clock",
        );
    }
    found.ok("clock", "its clock agrees");
}
