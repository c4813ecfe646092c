//! How old the newest samples are that the servers answer with. No network.
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

use concertina_decision::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::names::NEWEST_SAMPLE_AGE;
use crate::cluster::lock;
use crate::observe::plan::QueryKey;
use crate::observe::query::Template;
use crate::observe::table::FetchError;

/// A query that was not asked for so long is not asked any more: three times the longest period.
const FORGOTTEN_MILLISECONDS: u64 = 180_000;

/// The newest sample of each query, or part of one, that is asked.
#[derive(Debug, Default)]
pub(super) struct NewestSamples(Mutex<HashMap<(Arc<QueryKey>, u32), Sample>>);

#[derive(Debug)]
struct Sample {
    newest: Timestamp,
    asked: Timestamp,
}

impl Sample {
    /// When it was last asked for, in seconds.
    #[allow(clippy::cast_precision_loss)] // ages are far below 2^53 milliseconds
    fn age_seconds(&self) -> f64 {
        self.asked.0.saturating_sub(self.newest.0).max(0) as f64 / 1000.0
    }
}

impl NewestSamples {
    /// This part of a query was asked at `now`, and the newest sample in its answer is of that time; `None` where there is none.
    pub(super) fn note(
        &self,
        query: &Arc<QueryKey>,
        shard: u32,
        newest: Result<Option<Timestamp>, &FetchError>,
        now: Timestamp,
    ) {
        // A user's text for the age may say anything, so it is no fact of the server.
        if matches!(query.template, Template::Custom { .. }) {
            return;
        }
        let mut samples = lock(&self.0);
        samples.retain(|_, sample| now.0.abs_diff(sample.asked.0) <= FORGOTTEN_MILLISECONDS);
        let key = (Arc::clone(query), shard);
        match newest {
            Ok(Some(newest)) => {
                samples.insert(key, Sample { newest, asked: now });
            }
            // There is nothing to be old, as where all targets sleep at zero.
            Ok(None) => {
                samples.remove(&key);
            }
            // While a server is away the last sample grows old.
            Err(_) => {
                if let Some(sample) = samples.get_mut(&key) {
                    sample.asked = now;
                }
            }
        }
    }
}

impl Collector for NewestSamples {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let mut ages = encoder.encode_descriptor(
            NEWEST_SAMPLE_AGE.family(),
            NEWEST_SAMPLE_AGE.help,
            None,
            MetricType::Gauge,
        )?;
        let samples = lock(&self.0);
        let mut oldest: BTreeMap<(&str, &str), f64> = BTreeMap::new();
        for ((query, _), sample) in &*samples {
            let age = oldest.entry((&*query.server, query.template.kind())).or_default();
            *age = age.max(sample.age_seconds());
        }
        for ((server, kind), age) in oldest {
            let labels = [("server", server), ("kind", kind)];
            ages.encode_family(&labels)?.encode_gauge(&age)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::observe::query::Window;
    use crate::report::metrics::Metrics;
    use crate::report::metrics::tests::lines;

    use super::*;

    const AWAY: FetchError = FetchError::TimedOut(5);

    fn query(template: Template) -> Arc<QueryKey> {
        QueryKey::shared(&Arc::from("default"), template)
    }

    fn cpu() -> Arc<QueryKey> {
        query(Template::Cpu { window: Window::Auto })
    }

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_700_000_000 + seconds)
    }

    fn ages(metrics: &Metrics) -> Vec<String> {
        lines(metrics, "concertina_newest_sample_age_seconds")
    }

    fn told(kind: &str, seconds: &str) -> String {
        format!("concertina_newest_sample_age_seconds{{server=\"default\",kind=\"{kind}\"}} {seconds}")
    }

    #[test]
    fn the_newest_sample_grows_old_while_no_answer_brings_another() {
        let metrics = Metrics::default();
        metrics.newest_sample(&cpu(), 0, Err(&AWAY), at(0));
        assert!(ages(&metrics).is_empty(), "nothing came yet");
        metrics.newest_sample(&cpu(), 0, Ok(Some(at(10))), at(15));
        assert_eq!(ages(&metrics), [told("cpu", "5.0")]);
        metrics.newest_sample(&cpu(), 0, Err(&AWAY), at(75));
        assert_eq!(ages(&metrics), [told("cpu", "65.0")], "the server is away");
        metrics.newest_sample(&cpu(), 0, Ok(Some(at(80))), at(78));
        assert_eq!(ages(&metrics), [told("cpu", "0.0")], "its clock is ahead");
        metrics.newest_sample(&cpu(), 0, Ok(None), at(90));
        assert!(ages(&metrics).is_empty(), "its series are gone");
    }

    #[test]
    fn a_part_that_fails_grows_old_whatever_the_others_answer() {
        let metrics = Metrics::default();
        let short = query(Template::Cpu {
            window: Window::Seconds(30),
        });
        for seconds in (0..=3600).step_by(15) {
            let failing = if seconds == 0 { Ok(Some(at(0))) } else { Err(&AWAY) };
            metrics.newest_sample(&cpu(), 1, failing, at(seconds));
            metrics.newest_sample(&cpu(), 0, Ok(Some(at(seconds - 3))), at(seconds));
            metrics.newest_sample(&short, 0, Ok(Some(at(seconds - 4))), at(seconds));
            metrics.newest_sample(
                &query(Template::Memory),
                0,
                Ok(Some(at(seconds - 5))),
                at(seconds),
            );
        }
        assert_eq!(ages(&metrics), [told("cpu", "3600.0"), told("memory", "5.0")]);
    }

    #[test]
    fn what_is_not_asked_any_more_is_forgotten() {
        let metrics = Metrics::default();
        metrics.newest_sample(&cpu(), 1, Ok(Some(at(0))), at(60));
        metrics.newest_sample(&query(Template::Memory), 0, Ok(Some(at(240))), at(241));
        assert_eq!(ages(&metrics), [told("memory", "1.0")]);
    }

    #[test]
    fn what_a_user_asks_for_is_no_fact_of_the_server() {
        let metrics = Metrics::default();
        let custom = Template::Custom {
            query: Arc::from("load"),
            age_query: Some(Arc::from("vector(0)")),
        };
        metrics.newest_sample(&query(custom), 0, Ok(Some(Timestamp::default())), at(0));
        assert!(ages(&metrics).is_empty());
    }
}
