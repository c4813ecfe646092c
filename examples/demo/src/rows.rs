//! One second of the demo: what the load generator reported, beside what the cluster looked like. Pure.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// One second as the load generator reports it: requests that began in it, and how they ended.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct LoadRow {
    pub(crate) second: usize,
    pub(crate) offered: u32,
    pub(crate) answered: u32,
    pub(crate) rejected: u32,
    pub(crate) timed_out: u32,
    pub(crate) errors: u32,
    pub(crate) p50_ms: Option<u32>,
    pub(crate) p95_ms: Option<u32>,
}

/// A segment of the load generator's profile.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub(crate) struct Segment {
    pub(crate) to_rps: f64,
    pub(crate) seconds: f64,
}

/// What the cluster says at one instant; each part is unknown until it was seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Sample {
    /// Replicas that the Deployment asks for.
    pub(crate) spec: Option<i32>,
    /// Replicas that are ready.
    pub(crate) ready: Option<i32>,
    /// Replicas that the policy's last decision wants.
    pub(crate) desired: Option<i32>,
    /// Reason of the last decision, in one word.
    pub(crate) reason: Option<String>,
    /// The last decision in one sentence.
    pub(crate) message: Option<String>,
}

/// A change of the Deployment's replicas, as the watch delivered it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Change {
    /// Seconds since the load began.
    pub(crate) at: f64,
    pub(crate) from: i32,
    pub(crate) to: i32,
}

/// One second of load and cluster together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) load: LoadRow,
    pub(crate) cluster: Sample,
}

/// Requests offered and answered over some seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Answered {
    pub(crate) offered: u32,
    pub(crate) answered: u32,
}

impl Answered {
    pub(crate) fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        rows.into_iter().fold(Answered::default(), |sum, row| Answered {
            offered: sum.offered + row.load.offered,
            answered: sum.answered + row.load.answered,
        })
    }

    /// From 0 to 1; without requests there is no share.
    pub(crate) fn share(self) -> Option<f64> {
        (self.offered > 0).then(|| f64::from(self.answered) / f64::from(self.offered))
    }

    pub(crate) fn lost(self) -> u32 {
        self.offered.saturating_sub(self.answered)
    }
}

/// All rows as CSV; what is unknown is left empty.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut text = String::from(
        "t,offered,answered,rejected,timed_out,errors,p50_ms,p95_ms,replicas_spec,replicas_ready,desired,reason\n",
    );
    for Row { load, cluster } in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{},{},{},{}",
            load.second,
            load.offered,
            load.answered,
            load.rejected,
            load.timed_out,
            load.errors,
            or_empty(load.p50_ms),
            or_empty(load.p95_ms),
            or_empty(cluster.spec),
            or_empty(cluster.ready),
            or_empty(cluster.desired),
            cluster.reason.as_deref().unwrap_or_default(),
        );
    }
    text
}

pub(crate) fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

#[cfg(test)]
pub(crate) mod fixtures {
    use super::*;

    /// A second in which `answered` of `offered` requests were answered, with `replicas` ready.
    pub(crate) fn row(second: usize, offered: u32, answered: u32, replicas: i32) -> Row {
        Row {
            load: LoadRow {
                second,
                offered,
                answered,
                rejected: 0,
                timed_out: offered - answered,
                errors: 0,
                p50_ms: (answered > 0).then_some(120),
                p95_ms: (answered > 0).then_some(400),
            },
            cluster: Sample {
                spec: Some(replicas),
                ready: Some(replicas),
                desired: Some(replicas),
                reason: Some("WithinTolerance".to_owned()),
                message: None,
            },
        }
    }

    /// 10 quiet seconds, 60 of overload (1 of 10 answered for 30 s, then all), 30 quiet ones.
    pub(crate) fn good_run() -> Vec<Row> {
        (0..100)
            .map(|second| match second {
                0..10 => row(second, 4, 4, 1),
                10..40 => row(second, 80, 8, 1),
                40..70 => row(second, 80, 80, 16),
                70..90 => row(second, 4, 4, 16),
                _ => row(second, 4, 4, 1),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::fixtures::row;
    use super::*;

    #[test]
    fn the_csv_has_one_line_per_second_and_leaves_the_unknown_empty() {
        let mut unknown = row(1, 80, 0, 1);
        unknown.cluster = Sample::default();
        let text = csv(&[row(0, 4, 4, 2), unknown]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "0,4,4,0,0,0,120,400,2,2,2,WithinTolerance");
        assert_eq!(lines[2], "1,80,0,0,80,0,,,,,,");
        assert_eq!(lines[0].split(',').count(), lines[2].split(',').count());
    }

    #[test]
    fn without_requests_there_is_no_share() {
        assert_eq!(Answered::of(&[row(0, 0, 0, 1)]).share(), None);
        assert_eq!(
            Answered::of(&[row(0, 4, 1, 1), row(1, 4, 3, 1)]).share(),
            Some(0.5)
        );
    }
}
