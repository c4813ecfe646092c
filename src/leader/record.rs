//! What is written into the Lease and read from it. Pure.
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

use super::settings::Settings;

/// What a holder that gives the Lease up leaves in `leaseDurationSeconds`; 0 is not allowed there.
const RELEASED_SECONDS: i32 = 1;
/// A record that claims to last longer than this is not believed.
const LONGEST: Duration = Duration::from_secs(3600);

/// Who holds the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder<'a> {
    /// It was given up, or never held.
    Nobody,
    /// This process.
    Me,
    /// Somebody else.
    Other(&'a str),
}

pub(super) fn holder<'a>(lease: &'a Lease, me: &str) -> Holder<'a> {
    let identity = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.holder_identity.as_deref());
    match identity {
        None | Some("") => Holder::Nobody,
        Some(identity) if identity == me => Holder::Me,
        Some(identity) => Holder::Other(identity),
    }
}

/// How long the record lasts without a change: what its holder wrote, or `ours` where that is unusable.
pub(super) fn duration(lease: &Lease, ours: Duration) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map_or(ours, Duration::from_secs)
        .min(LONGEST)
}

pub(super) fn transitions(lease: &Lease) -> i32 {
    lease
        .spec
        .as_ref()
        .and_then(|spec| spec.lease_transitions)
        .unwrap_or(0)
}

/// Whether both are the same version of the same object.
pub(super) fn is_same_version(one: &Lease, other: &Lease) -> bool {
    let version = |lease: &Lease| {
        (
            lease.metadata.uid.clone(),
            lease.metadata.resource_version.clone(),
        )
    };
    version(one) == version(other)
}

/// Whether `lease` is an older version than `known`. Versions that are no numbers are not compared.
pub(super) fn is_older(lease: &Lease, known: &Lease) -> bool {
    let version = |lease: &Lease| lease.metadata.resource_version.as_ref()?.parse::<u64>().ok();
    match (version(lease), version(known)) {
        (Some(version), Some(known)) => version < known,
        _ => false,
    }
}

/// A Lease that nobody had before.
pub(super) fn created(settings: &Settings, me: &str, now: jiff::Timestamp) -> Lease {
    let none = Lease {
        metadata: ObjectMeta {
            name: Some(settings.name().to_owned()),
            namespace: Some(settings.namespace().to_owned()),
            ..ObjectMeta::default()
        },
        ..Lease::default()
    };
    let mut lease = held(&none, settings, me, now);
    if let Some(spec) = &mut lease.spec {
        spec.lease_transitions = Some(0);
    }
    lease
}

/// `lease` taken or renewed by `me`. Everything else in it, and its version, stays.
pub(super) fn held(lease: &Lease, settings: &Settings, me: &str, now: jiff::Timestamp) -> Lease {
    let before = lease.spec.clone().unwrap_or_default();
    let is_renewal = holder(lease, me) == Holder::Me;
    let acquired = before.acquire_time.clone().filter(|_| is_renewal);
    let seconds = i32::try_from(settings.duration().as_secs()).unwrap_or(i32::MAX);
    Lease {
        metadata: lease.metadata.clone(),
        spec: Some(LeaseSpec {
            holder_identity: Some(me.to_owned()),
            lease_duration_seconds: Some(seconds),
            acquire_time: Some(acquired.unwrap_or(MicroTime(now))),
            renew_time: Some(MicroTime(now)),
            lease_transitions: Some(transitions(lease).saturating_add(i32::from(!is_renewal))),
            ..before
        }),
    }
}

/// `lease` given up, so that anybody may take it at once.
pub(super) fn released(lease: &Lease, now: jiff::Timestamp) -> Lease {
    Lease {
        metadata: lease.metadata.clone(),
        spec: Some(LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(RELEASED_SECONDS),
            acquire_time: Some(MicroTime(now)),
            renew_time: Some(MicroTime(now)),
            ..lease.spec.clone().unwrap_or_default()
        }),
    }
}
