//! The series of each policy: as few bytes as their numbers need, and written out in pieces. No network.
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard};

use concertina_decision::{Decision, Outcome as MetricOutcome};

use crate::cluster::lock;
use crate::cluster::places::{Place, resize};
use crate::cluster::policies::PolicyRecord;

/// A piece of text has the rows of so many policies, some tens of KiB.
const POLICIES_PER_PIECE: usize = 512;

/// The numbers of the last decision of each policy.
#[derive(Debug, Default)]
pub(super) struct PolicySeries(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    rows: Vec<Option<Row>>,
}

/// What is shown of one policy.
#[derive(Debug)]
struct Row {
    record: Arc<PolicyRecord>,
    current: i32,
    desired: i32,
    missing: u8,
}

/// One family of series.
pub(super) struct Family {
    name: &'static str,
    help: &'static str,
    value: fn(&Row) -> i32,
}

/// All families, in the order in which they are written.
pub(super) const FAMILIES: [Family; 3] = [
    Family {
        name: "concertina_policy_current_replicas",
        help: "Replicas that the target asked for at the last decision",
        value: |row| row.current,
    },
    Family {
        name: "concertina_policy_desired_replicas",
        help: "Replicas that the last decision wants",
        value: |row| row.desired,
    },
    Family {
        name: "concertina_policy_metrics_missing",
        help: "Metrics of the policy without a usable value at the last decision",
        value: |row| i32::from(row.missing),
    },
];

/// To take in several decisions under one lock.
pub(super) struct Rows<'a>(MutexGuard<'a, Table>);

impl Rows<'_> {
    /// Takes in a decision. Without one there is nothing to show of the policy: a target that is gone must not keep its
    /// last count for ever.
    pub(super) fn set(&mut self, record: &Arc<PolicyRecord>, decision: Option<&Decision>) {
        let table = &mut *self.0;
        let Some(decision) = decision else {
            table.clear(record);
            return;
        };
        let place = record.id.0;
        resize(&mut table.rows, place);
        let Some(row) = table.rows.get_mut(place as usize) else {
            return;
        };
        let missing = decision
            .proposals
            .iter()
            .filter(|proposal| matches!(proposal.outcome, MetricOutcome::Missing(_)))
            .count();
        let missing = u8::try_from(missing).unwrap_or(u8::MAX);
        match row {
            Some(row) if Arc::ptr_eq(&row.record, record) => {
                row.current = decision.current;
                row.desired = decision.desired;
                row.missing = missing;
            }
            _ => {
                *row = Some(Row {
                    record: Arc::clone(record),
                    current: decision.current,
                    desired: decision.desired,
                    missing,
                });
            }
        }
    }
}

impl Table {
    fn clear(&mut self, record: &PolicyRecord) {
        // The place may have been given to another policy meanwhile.
        if let Some(row) = self.rows.get_mut(record.id.index()) {
            let _ = row.take_if(|row| row.record.uid == record.uid);
        }
    }
}

impl PolicySeries {
    /// To take in several decisions.
    pub(super) fn rows(&self) -> Rows<'_> {
        Rows(lock(&self.0))
    }

    /// A policy is gone, and its series with it.
    pub(super) fn forget(&self, record: &PolicyRecord) {
        lock(&self.0).clear(record);
    }

    /// The rows of some policies in one family, and where the following ones begin. The lock is held for one piece, so that
    /// no evaluation waits for a scrape.
    pub(super) fn piece(&self, family: usize, from: Place) -> (String, Option<Place>) {
        let mut text = String::new();
        let Some(Family { name, help, value }) = FAMILIES.get(family) else {
            return (text, None);
        };
        if from == 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {name} {help}.\n# TYPE {name} gauge\n");
        }
        let table = lock(&self.0);
        let rows = table.rows.get(from as usize..).unwrap_or_default();
        let (rows, following) = match rows.split_at_checked(POLICIES_PER_PIECE) {
            Some((rows, [_, ..])) => (rows, Place::try_from(from as usize + POLICIES_PER_PIECE).ok()),
            _ => (rows, None),
        };
        text.reserve(rows.len() * 100);
        for row in rows.iter().flatten() {
            let (namespace, policy) = (&row.record.key.namespace, &row.record.key.name);
            let value = value(row);
            // Names of objects have no character that would have to be escaped.
            let _ = writeln!(
                text,
                "{name}{{namespace=\"{namespace}\",policy=\"{policy}\"}} {value}"
            );
        }
        (text, following)
    }

    /// Bytes that are kept.
    pub(super) fn bytes(&self) -> usize {
        lock(&self.0).rows.capacity() * size_of::<Option<Row>>()
    }
}
