//! Decisions by their reason: one number each, counted without looking anything up. No network.
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use concertina_decision::Reason;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::names::DECISIONS;

/// A counter per reason, in the order of [`Reason::ALL`].
#[derive(Debug)]
pub(super) struct Decisions([AtomicU64; Reason::ALL.len()]);

impl Default for Decisions {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Reason::ALL.len()])
    }
}

impl Decisions {
    pub(super) fn count(&self, reason: Reason) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Collector for Decisions {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut counters =
            encoder.encode_descriptor(DECISIONS.family(), DECISIONS.help, None, MetricType::Counter)?;
        for (reason, counter) in Reason::ALL.iter().zip(&self.0) {
            let count = counter.load(Ordering::Relaxed);
            if count > 0 {
                let labels = [("reason", reason.as_str())];
                counters
                    .encode_family(&labels)?
                    .encode_counter::<NoLabelSet, u64, u64>(&count, None)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let decisions = Decisions::default();
        for (place, reason) in Reason::ALL.iter().enumerate() {
            decisions.count(*reason);
            assert_eq!(*reason as usize, place, "{reason}");
        }
        assert!(
            decisions
                .0
                .iter()
                .all(|counter| counter.load(Ordering::Relaxed) == 1)
        );
    }
}
