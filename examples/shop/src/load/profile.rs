//! A bounded load profile, `8rps:30s,8..80rps:10s,80rps:2m`, and the instants at which its requests are due. Pure.

use std::str::FromStr;
use std::time::Duration;

/// Longest profile, in seconds.
const MAX_SECONDS: f64 = 3600.0;
/// Highest rate, in requests per second.
const MAX_RPS: f64 = 5000.0;
/// Most requests of one profile.
const MAX_REQUESTS: f64 = 1_000_000.0;

/// A stretch of load that is constant or goes in a straight line from one rate to another.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Segment {
    /// Requests per second at its start.
    pub from_rps: f64,
    /// Requests per second at its end.
    pub to_rps: f64,
    /// Its length in seconds.
    pub seconds: f64,
}

impl Segment {
    fn requests(&self) -> f64 {
        (self.from_rps + self.to_rps) / 2.0 * self.seconds
    }

    /// Seconds from the start of the segment until `requests` of it are due: the root of
    /// `from·t + (to − from)/(2·seconds)·t² = requests`, in the form that also holds for a constant rate.
    fn seconds_until(&self, requests: f64) -> f64 {
        let slope = (self.to_rps - self.from_rps) / (2.0 * self.seconds);
        let root = (self.from_rps * self.from_rps + 4.0 * slope * requests)
            .max(0.0)
            .sqrt();
        (2.0 * requests / (self.from_rps + root)).min(self.seconds)
    }
}

/// One or more segments, within the bounds of this module.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    segments: Vec<Segment>,
}

/// What is wrong with a profile's text, and what to write.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// Not `RATE:DURATION`.
    #[error("`{0}` is not a segment; write RATE:DURATION, such as 8rps:30s or 8..80rps:1m")]
    Shape(String),
    /// The part before the colon.
    #[error("`{0}` is not a rate; write requests per second, such as 8rps or 8..80rps, up to {MAX_RPS}")]
    Rate(String),
    /// The part after the colon.
    #[error("`{0}` is not a duration; write seconds or minutes above zero, such as 30s or 2m")]
    Duration(String),
    /// All segments together.
    #[error("the profile lasts {0} s; {MAX_SECONDS} s is the most")]
    TooLong(f64),
    /// All segments together.
    #[error("the profile asks for {0} requests; {MAX_REQUESTS} is the most")]
    TooMany(f64),
}

impl FromStr for Profile {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let segments = text
            .split(',')
            .map(|part| segment(part.trim()))
            .collect::<Result<Vec<_>, _>>()?;
        let profile = Profile { segments };
        let seconds = profile.seconds();
        if seconds > MAX_SECONDS {
            return Err(ProfileError::TooLong(seconds));
        }
        let requests: f64 = profile.segments.iter().map(Segment::requests).sum();
        if requests > MAX_REQUESTS {
            return Err(ProfileError::TooMany(requests));
        }
        Ok(profile)
    }
}

fn segment(text: &str) -> Result<Segment, ProfileError> {
    let (rates, duration) = text
        .split_once(':')
        .ok_or_else(|| ProfileError::Shape(text.to_owned()))?;
    let wrong_rate = || ProfileError::Rate(rates.to_owned());
    let numbers = rates.strip_suffix("rps").ok_or_else(wrong_rate)?;
    let (from, to) = numbers.split_once("..").unwrap_or((numbers, numbers));
    let rate = |text: &str| match text.parse::<f64>() {
        Ok(rps) if (0.0..=MAX_RPS).contains(&rps) => Ok(rps),
        _ => Err(wrong_rate()),
    };
    Ok(Segment {
        from_rps: rate(from)?,
        to_rps: rate(to)?,
        seconds: seconds(duration)?,
    })
}

fn seconds(text: &str) -> Result<f64, ProfileError> {
    let (number, unit) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 60.0),
        (None, None) => ("", 1.0),
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value * unit),
        _ => Err(ProfileError::Duration(text.to_owned())),
    }
}

/// How requests are spread within the profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Spacing {
    /// Evenly.
    Even,
    /// As independent visitors come: exponential gaps from a fixed seed.
    Poisson,
}

impl Profile {
    /// The segments in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The whole length in seconds.
    pub fn seconds(&self) -> f64 {
        self.segments.iter().map(|segment| segment.seconds).sum()
    }

    /// The instants, from the start of the profile, at which requests are due; in order.
    pub fn arrivals(&self, spacing: Spacing, seed: u64) -> impl Iterator<Item = Duration> + use<> {
        let mut random = SplitMix64(seed);
        // An even request stands in the middle of its share of the time.
        let mut due = match spacing {
            Spacing::Even => -0.5,
            Spacing::Poisson => 0.0,
        };
        let mut remaining = self.segments.clone().into_iter();
        let mut current = remaining.next();
        let (mut requests_before, mut seconds_before) = (0.0, 0.0);
        std::iter::from_fn(move || {
            due += match spacing {
                Spacing::Even => 1.0,
                Spacing::Poisson => -random.fraction().ln(),
            };
            loop {
                let segment = current?;
                let within = due - requests_before;
                if within < segment.requests() {
                    let at = seconds_before + segment.seconds_until(within);
                    return Some(Duration::from_secs_f64(at));
                }
                requests_before += segment.requests();
                seconds_before += segment.seconds;
                current = remaining.next();
            }
        })
    }
}

/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014): small, and the same everywhere.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// In (0, 1]; never 0, whose logarithm is infinite.
    fn fraction(&mut self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
        let fraction = ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        fraction
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn per_second(profile: &str, spacing: Spacing) -> Vec<usize> {
        let profile: Profile = profile.parse().expect("a good profile");
        let arrivals: Vec<_> = profile.arrivals(spacing, 1).map(|at| at.as_secs()).collect();
        let seconds = Duration::from_secs_f64(profile.seconds().ceil()).as_secs();
        (0..seconds)
            .map(|second| arrivals.iter().filter(|at| **at == second).count())
            .collect()
    }

    #[test]
    fn steps_give_their_rate_in_every_second() {
        assert_eq!(per_second("2rps:2s,5rps:3s", Spacing::Even), [2, 2, 5, 5, 5]);
    }

    #[test]
    fn a_ramp_rises_in_a_straight_line() {
        assert_eq!(per_second("0..40rps:4s", Spacing::Even), [5, 15, 25, 35]);
        assert_eq!(per_second("40..0rps:4s", Spacing::Even), [35, 25, 15, 5]);
    }

    #[test]
    fn a_pause_has_no_requests() {
        assert_eq!(per_second("3rps:1s,0rps:2s,3rps:1s", Spacing::Even), [3, 0, 0, 3]);
    }

    #[test]
    fn minutes_are_understood() {
        assert_eq!(per_second("1rps:0.05m", Spacing::Even), [1, 1, 1]);
    }

    #[test]
    fn random_visitors_come_at_the_rate_on_average_and_repeat_with_the_seed() {
        let counts = per_second("100rps:50s", Spacing::Poisson);
        let total: usize = counts.iter().sum();
        assert!(
            (4700..5300).contains(&total),
            "4 standard deviations around 5000: {total}"
        );
        assert!(counts.iter().any(|count| *count != 100));
        assert_eq!(counts, per_second("100rps:50s", Spacing::Poisson));
    }

    #[test]
    fn arrivals_are_in_order() {
        let profile: Profile = "5..50rps:3s,50rps:2s,50..0rps:3s"
            .parse()
            .expect("a good profile");
        for spacing in [Spacing::Even, Spacing::Poisson] {
            let all: Vec<_> = profile.arrivals(spacing, 7).collect();
            assert!(all.is_sorted() && all.len() > 200);
        }
    }

    #[test]
    fn bad_text_is_refused_with_what_to_write() {
        let refused = |text: &str| text.parse::<Profile>().expect_err(text).to_string();
        assert!(refused("").contains("write RATE:DURATION"));
        assert!(refused("80rps").contains("write RATE:DURATION"));
        assert!(refused("80:30s").contains("is not a rate"));
        assert!(refused("-1rps:30s").contains("is not a rate"));
        assert!(refused("NaNrps:30s").contains("is not a rate"));
        assert!(refused("1..rps:30s").contains("is not a rate"));
        assert!(refused("9999999rps:1s").contains("is not a rate"));
        assert!(refused("8rps:30").contains("is not a duration"));
        assert!(refused("8rps:0s").contains("is not a duration"));
        assert!(refused("8rps:infs").contains("is not a duration"));
        assert!(refused("8rps:30s,,8rps:1s").contains("write RATE:DURATION"));
    }

    #[test]
    fn a_profile_has_an_end() {
        assert!(matches!(
            "1rps:2h".parse::<Profile>(),
            Err(ProfileError::Duration(_))
        ));
        assert!(matches!(
            "1rps:61m".parse::<Profile>(),
            Err(ProfileError::TooLong(_))
        ));
        assert!(matches!(
            "5000rps:10m".parse::<Profile>(),
            Err(ProfileError::TooMany(_))
        ));
    }
}
