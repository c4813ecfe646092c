//! Why a case cannot be read, with what to write instead. Pure.

use crate::api::SettingsError;
use crate::schedule::ScheduleError;

use super::FORMAT;

/// Why a case makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    /// The text is not YAML or JSON.
    #[error("{0}")]
    Syntax(String),
    /// The document does not say which format it has, or names one that is unknown.
    #[error("apiVersion is {found}: write {FORMAT}")]
    Format {
        /// What is written there.
        found: String,
    },
    /// A field that nothing reads.
    #[error("{field} is not a field of a case: write one of {known}, or take it out")]
    UnknownField {
        /// Its path.
        field: String,
        /// The fields that are known there.
        known: String,
    },
    /// A field of the policy or of the memory that nothing reads.
    #[error("{0} is unknown: correct the name or take it out")]
    Ignored(String),
    /// A field that must be there.
    #[error("{}{field} is missing: write it, such as {field}: {example}", prefix(.path))]
    Missing {
        /// Path of the mapping.
        path: String,
        /// The field.
        field: &'static str,
        /// What could stand there.
        example: &'static str,
    },
    /// A value of the wrong kind.
    #[error("{path} is {found}: write {expected}")]
    Value {
        /// Its path.
        path: String,
        /// What is written there.
        found: String,
        /// What may be written there.
        expected: String,
    },
    /// A name that the policy does not have.
    #[error("{path}: the policy has no {what} of this name; it has {known}")]
    UnknownName {
        /// Path of the entry.
        path: String,
        /// A metric, a guard, a schedule.
        what: &'static str,
        /// The names it has.
        known: String,
    },
    /// A metric or guard of the policy of which the observation says nothing.
    #[error("{path} says nothing of {what} {name}: write what was read, or NotReadYet")]
    Unobserved {
        /// Path of the mapping.
        path: &'static str,
        /// A metric or a guard.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The policy or the memory cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The policy contradicts itself.
    #[error("policy: {0}")]
    Settings(#[from] SettingsError),
    /// A schedule of the policy makes no sense.
    #[error("policy: {0}")]
    Schedule(#[from] ScheduleError),
}

fn prefix(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("{path}.")
    }
}
