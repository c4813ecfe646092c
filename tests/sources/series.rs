//! Series as exporters expose them and Prometheus scrapes them, with their past.
use serde_json::{Value, json};

/// Seconds of past that series have, unless they began later.
pub(crate) const PAST_SECONDS: i64 = 600;

/// The samples of one series, the last of them some seconds ago.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) kind: Kind,
    /// Seconds between two scrapes.
    pub(crate) interval: i64,
    /// Seconds since the first scrape and since the last.
    pub(crate) first: i64,
    pub(crate) last: i64,
    /// Whether the last scrape found it gone.
    pub(crate) gone: bool,
}

/// What a series measures.
#[derive(Clone)]
pub(crate) enum Kind {
    /// Grows by so much per second.
    Counter(f64),
    /// Stays as it is.
    Gauge(f64),
    /// The seconds since 1970 at each scrape.
    Time,
    /// Per second so many requests within each of the bounds, and above the last of them.
    Histogram(Vec<f64>, Vec<f64>),
    /// As many requests per second in each of the buckets from this one on, whose bounds double from one fourth to the
    /// next.
    NativeHistogram(i32, Vec<f64>),
}

impl Series {
    /// A series from its text, such as `up{job="a"}`.
    fn of(text: &str, kind: Kind) -> Self {
        let (name, labels) = text.split_once('{').unwrap_or((text, "}"));
        let labels = labels.strip_suffix('}').unwrap();
        let labels = labels.split_terminator("\",").map(|label| {
            let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
            (name.trim().to_owned(), value.trim_end_matches('"').to_owned())
        });
        Self {
            name: name.trim().to_owned(),
            labels: labels.collect(),
            kind,
            interval: 15,
            first: PAST_SECONDS,
            last: 1,
            gone: false,
        }
    }

    pub(crate) fn counter(text: &str, per_second: f64) -> Self {
        Self::of(text, Kind::Counter(per_second))
    }

    pub(crate) fn gauge(text: &str, value: f64) -> Self {
        Self::of(text, Kind::Gauge(value))
    }

    pub(crate) fn time(text: &str) -> Self {
        Self::of(text, Kind::Time)
    }

    pub(crate) fn histogram(text: &str, bounds: &[f64], per_second: &[f64]) -> Self {
        Self::of(text, Kind::Histogram(bounds.to_vec(), per_second.to_vec()))
    }

    pub(crate) fn native(text: &str, first_bucket: i32, per_second: &[f64]) -> Self {
        Self::of(text, Kind::NativeHistogram(first_bucket, per_second.to_vec()))
    }

    /// As an OTLP metric, which Prometheus takes over under its name and labels.
    pub(crate) fn as_otlp(&self) -> Value {
        let now = jiff::Timestamp::now().as_second();
        let attributes: Vec<Value> = self
            .labels
            .iter()
            .map(|(name, value)| json!({"key": name, "value": {"stringValue": value}}))
            .collect();
        let scrapes = (self.first - self.last) / self.interval;
        let mut points: Vec<Value> = (0..=scrapes)
            .map(|scrape| {
                let second = now - self.last - (scrapes - scrape) * self.interval;
                let mut point = self.point(scrape * self.interval, second);
                point["timeUnixNano"] = json!(format!("{second}000000000"));
                point["attributes"] = json!(attributes);
                point
            })
            .collect();
        if self.gone {
            // What OTLP calls no recorded value becomes a stale marker.
            let second = now - self.last + 1;
            points.push(
                json!({"timeUnixNano": format!("{second}000000000"), "attributes": attributes, "flags": 1}),
            );
        }
        let sum = |points: Vec<Value>| json!({"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": points});
        match &self.kind {
            Kind::Counter(_) => json!({"name": self.name, "sum": sum(points)}),
            Kind::Gauge(_) | Kind::Time => json!({"name": self.name, "gauge": {"dataPoints": points}}),
            Kind::Histogram(..) => json!({"name": self.name, "histogram": sum(points)}),
            Kind::NativeHistogram(..) => json!({"name": self.name, "exponentialHistogram": sum(points)}),
        }
    }

    /// `age` is how many seconds it had been counting.
    fn point(&self, age: i64, second: i64) -> Value {
        #[allow(clippy::cast_precision_loss)] // an hour at most
        let seconds = age as f64;
        let counts = |rates: &[f64]| -> (String, Vec<String>) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole numbers of requests
            let counts: Vec<u64> = rates.iter().map(|rate| (rate * seconds).round() as u64).collect();
            let total = counts.iter().sum::<u64>().to_string();
            (total, counts.iter().map(u64::to_string).collect())
        };
        match &self.kind {
            Kind::Counter(rate) => json!({"asDouble": rate * seconds}),
            Kind::Gauge(value) => json!({"asDouble": value}),
            Kind::Time => json!({"asInt": second.to_string()}),
            Kind::Histogram(bounds, rates) => {
                let (count, buckets) = counts(rates);
                json!({"count": count, "sum": 0, "explicitBounds": bounds, "bucketCounts": buckets})
            }
            Kind::NativeHistogram(first, rates) => {
                let (count, buckets) = counts(rates);
                json!({"count": count, "sum": 0, "scale": 2, "zeroCount": "0",
                       "positive": {"offset": first, "bucketCounts": buckets}})
            }
        }
    }
}
