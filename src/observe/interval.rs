//! How often the series behind each query are scraped, as measured, and the window of rates that follows from it. No
//! network: who asks the servers reports what they say.
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use concertina_decision::Timestamp;

use super::plan::QueryKey;
use super::query::Template;
use crate::config::Config;

/// A rate is taken over this many scrapes: one may be late and one lost, and a rate is still there.
const SCRAPES_PER_WINDOW: f64 = 4.0;
/// Seconds between two scrapes where none are configured, until they are measured.
const USUAL_INTERVAL_SECONDS: u32 = 15;
/// The shortest window of its own accord, in seconds, and the longest.
const WINDOWS: std::ops::RangeInclusive<u32> = 4..=600;
/// A window stays as long as the measured interval asks for one that differs by no more than this share: scrapes fall
/// on either side of what they are counted over.
const HYSTERESIS: f64 = 0.25;
/// Seconds between two measurements.
const MEASURE_EVERY_SECONDS: u32 = 300;
/// Seconds after a measurement that brought nothing. It doubles up to the greatest while none does.
const MEASURE_AGAIN_SECONDS: std::ops::RangeInclusive<u32> = 30..=120;

/// What is scraped together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Family {
    Cpu,
    Network,
    Disk,
    Source(Arc<str>),
}

impl Family {
    fn of(template: &Template) -> Option<Self> {
        match template {
            Template::Cpu { .. } => Some(Self::Cpu),
            Template::Network { .. } => Some(Self::Network),
            Template::Disk { .. } => Some(Self::Disk),
            Template::Source { source, .. } => Some(Self::Source(Arc::clone(source))),
            Template::Memory | Template::Custom { .. } => None,
        }
    }
}

/// What is scraped together with the series behind a query, in words for labels of metrics: `cpu`, `network`, `disk` or
/// `source/NAME`; `None` where no window follows the scrapes.
#[must_use]
pub fn scraped_together(template: &Template) -> Option<String> {
    Some(match Family::of(template)? {
        Family::Cpu => "cpu".to_owned(),
        Family::Network => "network".to_owned(),
        Family::Disk => "disk".to_owned(),
        Family::Source(name) => format!("source/{name}"),
    })
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// When it is to be measured again.
    due: Option<Timestamp>,
    /// So long after the last measurement, if that brought nothing.
    again_seconds: Option<u32>,
    /// Seconds between two scrapes, as last measured.
    interval: Option<f64>,
    /// The window that holds.
    window_seconds: Option<u32>,
}

/// The measured scrape intervals by server and by what is scraped together, of what the configuration knows.
#[derive(Debug, Default)]
pub struct Intervals(Mutex<HashMap<(Arc<str>, Family), Known>>);

impl Intervals {
    /// Seconds between two scrapes of the series behind a query; `None` until they are measured.
    #[must_use]
    pub fn scrape_interval(&self, key: &QueryKey) -> Option<f64> {
        self.known(key)?.interval
    }

    /// The window in seconds for rates whose policy names none: of four scrapes, as measured. It is no shorter than the
    /// configured interval asks for.
    #[must_use]
    pub fn window_seconds(&self, key: &QueryKey, configured_interval_seconds: Option<u32>) -> u32 {
        let known = self.known(key).and_then(|known| known.window_seconds);
        let least = configured_interval_seconds.map(|interval| window_of(f64::from(interval)));
        // What is configured is smaller than what is measured where nothing is.
        known
            .max(least)
            .unwrap_or_else(|| window_of(f64::from(USUAL_INTERVAL_SECONDS)))
    }

    /// Whether the interval behind this query is to be measured at `now`. Who hears that it is does so; nobody else hears
    /// it before the time for the next measurement has come. Servers and sources that are not configured are never
    /// measured: their names are whatever users write, and would be kept here.
    #[must_use]
    pub fn take_due(&self, key: &QueryKey, config: &Config, now: Timestamp) -> bool {
        let Some(family) = Family::of(&key.template) else {
            return false;
        };
        if config.server(&key.server).is_none() || key.template.source_in(config).is_err() {
            return false;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry((Arc::clone(&key.server), family)).or_default();
        // A clock that was set back does not stop the measuring.
        let latest = now.plus_seconds(MEASURE_EVERY_SECONDS);
        let is_due = known.due.is_none_or(|due| now >= due || due > latest);
        if is_due {
            let (first, longest) = (*MEASURE_AGAIN_SECONDS.start(), *MEASURE_AGAIN_SECONDS.end());
            let again = known
                .again_seconds
                .map_or(first, |seconds| (2 * seconds).min(longest));
            known.due = Some(now.plus_seconds(again));
            known.again_seconds = Some(again);
        }
        is_due
    }

    /// Takes over the seconds between two scrapes that were measured at `now`. Returns the window in seconds where it is
    /// another from now on.
    // What is learned was due before, and so is known to the configuration.
    pub fn learn(&self, key: &QueryKey, interval_seconds: f64, now: Timestamp) -> Option<u32> {
        let is_sound = interval_seconds > 0.0 && interval_seconds.is_finite();
        let family = Family::of(&key.template).filter(|_| is_sound)?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.entry((Arc::clone(&key.server), family)).or_default();
        known.due = Some(now.plus_seconds(MEASURE_EVERY_SECONDS));
        known.again_seconds = None;
        known.interval = Some(interval_seconds);
        let wanted = window_of(interval_seconds);
        let stays = known.window_seconds.is_some_and(|window| {
            let window = f64::from(window);
            (f64::from(wanted) - window).abs() <= HYSTERESIS * window
        });
        if stays {
            return None;
        }
        known.window_seconds = Some(wanted);
        Some(wanted)
    }

    fn known(&self, key: &QueryKey) -> Option<Known> {
        let family = Family::of(&key.template)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(Arc::clone(&key.server), family)).copied()
    }
}

fn window_of(interval_seconds: f64) -> u32 {
    let seconds = (interval_seconds * SCRAPES_PER_WINDOW).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // saturates, and is brought into bounds
    let seconds = seconds as u32;
    seconds.clamp(*WINDOWS.start(), *WINDOWS.end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::query::Window;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    fn cpu() -> Arc<QueryKey> {
        QueryKey::shared(&"default".into(), Template::Cpu { window: Window::Auto })
    }

    fn config() -> Config {
        let text = "servers: [{name: default, url: 'http://a'}, {name: b, url: 'http://b'}]";
        Config::parse(text, "test.yaml".as_ref()).unwrap()
    }

    fn windows(measured: &[f64]) -> Vec<u32> {
        let intervals = Intervals::default();
        let window = |interval: &f64| {
            intervals.learn(&cpu(), *interval, NOW);
            intervals.window_seconds(&cpu(), None)
        };
        measured.iter().map(window).collect()
    }

    #[test]
    fn a_window_is_four_scrapes_as_configured_until_they_are_measured() {
        let intervals = Intervals::default();
        let window = |configured| intervals.window_seconds(&cpu(), configured);
        assert_eq!(
            (window(None), window(Some(5)), window(Some(u32::MAX))),
            (60, 20, 600)
        );
        assert_eq!(intervals.scrape_interval(&cpu()), None);
        intervals.learn(&cpu(), 5.0, NOW);
        assert_eq!(window(None), 20);
        assert_eq!(intervals.scrape_interval(&cpu()), Some(5.0));
    }

    #[test]
    fn a_window_is_no_shorter_than_the_configured_interval_asks_for() {
        let intervals = Intervals::default();
        intervals.learn(&cpu(), 5.0, NOW);
        assert_eq!(intervals.window_seconds(&cpu(), Some(30)), 120);
        intervals.learn(&cpu(), 60.0, NOW);
        assert_eq!(intervals.window_seconds(&cpu(), Some(30)), 240);
    }

    #[test]
    fn a_window_follows_the_interval_within_bounds_and_does_not_flap() {
        assert_eq!(windows(&[0.2, 1.0, 2.3, 30.0, 300.0]), [4, 4, 10, 120, 600]);
        assert_eq!(windows(&[15.0, 14.3, 15.8, 12.0, 18.75]), [60; 5]);
        assert_eq!(windows(&[15.0, 30.0, 20.0, 15.0]), [60, 120, 80, 80]);
    }

    #[test]
    fn what_is_no_interval_changes_nothing() {
        assert_eq!(windows(&[15.0, 0.0, -1.0, f64::NAN, f64::INFINITY]), [60; 5]);
    }

    #[test]
    fn an_interval_is_measured_once_every_few_minutes_and_sooner_after_a_failure() {
        let intervals = Intervals::default();
        let due = |seconds| intervals.take_due(&cpu(), &config(), NOW.plus_seconds(seconds));
        assert!(due(0));
        assert!(!due(0), "it is being measured");
        assert!(!due(29));
        assert!(due(30), "nothing came of it");
        intervals.learn(&cpu(), 5.0, NOW.plus_seconds(31));
        assert!(!due(330));
        assert!(due(331));
        intervals.learn(&cpu(), 5.0, NOW.plus_seconds(100_000));
        assert!(due(332), "the clock was set back");
        assert!(!due(333));
    }

    #[test]
    fn what_cannot_be_measured_is_asked_ever_less_often() {
        let intervals = Intervals::default();
        let is_due = |second: &u32| intervals.take_due(&cpu(), &config(), NOW.plus_seconds(*second));
        let asked: Vec<u32> = (0..600).filter(is_due).collect();
        assert_eq!(asked, [0, 30, 90, 210, 330, 450, 570]);
    }

    #[test]
    fn what_is_scraped_together_is_measured_together() {
        let intervals = Intervals::default();
        let of = |server: &str, template| QueryKey::shared(&server.into(), template);
        let source = |name: &str, window| Template::Source {
            source: name.into(),
            measure: crate::observe::query::SourceMeasure::RequestRate,
            by: Box::default(),
            window,
        };
        let due = |server: &str, template| intervals.take_due(&of(server, template), &config(), NOW);
        assert!(due("default", source("http", Window::Auto)));
        assert!(!due("default", source("http", Window::Seconds(60))));
        assert!(due("b", source("http", Window::Auto)));
        assert!(due("default", source("istio", Window::Auto)));
        assert!(!due("default", Template::Memory), "memory is no rate");
        assert_eq!(intervals.0.lock().unwrap().len(), 3);
        for number in 0..100 {
            let name = format!("unknown{number}");
            assert!(!due(&name, Template::Cpu { window: Window::Auto }));
            assert!(!due("default", source(&name, Window::Auto)));
        }
        assert_eq!(
            intervals.0.lock().unwrap().len(),
            3,
            "nothing is kept of names that users write"
        );
    }
}
