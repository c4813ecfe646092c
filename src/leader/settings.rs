//! Where the Lease is and how long it lasts, and what follows from that. No network.
use std::time::Duration;

/// A standby that hears nothing of the Lease looks at it so often.
const LOOK_GAP: Duration = Duration::from_secs(2);

/// Which Lease, and how long it lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    namespace: String,
    name: String,
    duration: Duration,
    renew: Duration,
}

/// Settings that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// One lost renewal would lose the Lease.
    #[error(
        "--renew-seconds {renew} is too long for --lease-duration-seconds {duration}: renew at least three times as often, so that one lost \
         renewal loses nothing"
    )]
    RenewedTooSeldom {
        /// Seconds between two renewals.
        renew: u32,
        /// Seconds that the Lease lasts.
        duration: u32,
    },
    /// The API server could not name an object so.
    #[error("--lease-name \"{0}\" is no name of a Lease: use lower-case letters, digits, '-' and '.'")]
    Name(String),
    /// There is no namespace.
    #[error("--lease-namespace is empty: name the namespace of the Lease, such as concertina")]
    NoNamespace,
}

impl Settings {
    /// A Lease that lasts `duration_seconds` and is renewed every `renew_seconds`.
    ///
    /// # Errors
    /// When these do not go together.
    pub fn new(
        namespace: &str,
        name: &str,
        duration_seconds: u32,
        renew_seconds: u32,
    ) -> Result<Self, SettingsError> {
        if namespace.is_empty() {
            return Err(SettingsError::NoNamespace);
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        if name.is_empty() || name.len() > 253 || !name.chars().all(is_plain) {
            return Err(SettingsError::Name(name.to_owned()));
        }
        if renew_seconds == 0 || renew_seconds > duration_seconds / 3 {
            return Err(SettingsError::RenewedTooSeldom {
                renew: renew_seconds,
                duration: duration_seconds,
            });
        }
        Ok(Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            duration: Duration::from_secs(duration_seconds.into()),
            renew: Duration::from_secs(renew_seconds.into()),
        })
    }

    /// The namespace of the Lease.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name of the Lease.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Namespace and name of the Lease, as the log has them.
    pub(crate) fn names(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    /// How long a standby waits after the last renewal that it saw.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// From one renewal to the next, before jitter.
    #[must_use]
    pub const fn renew(&self) -> Duration {
        self.renew
    }

    /// So long after sending its last successful renewal the holder may write. The third that is left until anybody else may is for
    /// writes on their way and for clocks that do not run equally fast.
    #[must_use]
    pub fn write_deadline(&self) -> Duration {
        self.duration * 2 / 3
    }

    /// So long after [`Self::write_deadline`] the answer to a change is still waited for: half of the time until anybody else may
    /// write. The other half is for a request that was given up and is still on its way.
    #[must_use]
    pub fn answer_grace(&self) -> Duration {
        self.duration / 6
    }

    /// One call is given up after this: two of them fit between a renewal and the end of the right to write.
    #[must_use]
    pub fn call_timeout(&self) -> Duration {
        self.duration / 6
    }

    /// From a failed call to the next.
    #[must_use]
    pub fn retry_gap(&self) -> Duration {
        self.duration / 30
    }

    /// Between two looks of a standby that hears nothing.
    #[must_use]
    pub fn look_gap(&self) -> Duration {
        LOOK_GAP.min(self.call_timeout())
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
