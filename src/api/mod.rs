//! The ScalingPolicy API: its types, its schema and the settings a policy asks for. Pure: touches no network.

mod columns;
mod defaults;
mod fit;
pub mod quantity;
mod reference;
mod rules;
mod schema;
mod settings;
mod spec;
mod status;

pub use defaults::{DEFAULT_MAX_AGE_SECONDS, DEFAULT_MIN_REPLICAS, DEFAULT_PROMETHEUS, DEFAULT_SOURCE};
pub use fit::MAX_STATUS_BYTES;
pub use quantity::{ParseQuantityError, Quantity};
pub use reference::reference_markdown;
pub use schema::{SchemaError, crd, crd_yaml};
pub use settings::{Pause, SettingsError, default_quantile};
pub use spec::{
    Behavior, DiskDirection, DiskMetric, FailureRateGuard, FailureRateMetric, FallbackSpec, GuardAction,
    GuardSpec, MatchLabels, MetricSpec, Mode, NetworkDirection, NetworkMetric, OnMissing, PrometheusMetric,
    PrometheusRef, RateLimit, RateUnit, RequestRateMetric, ResourceMetric, ResponseTimeGuard,
    ResponseTimeMetric, ScaleTargetRef, ScalingPolicy, ScalingPolicySpec, ScalingRules, ScheduleSpec,
    SelectPolicy, ToleranceSpec, UtilizationOf, WhenEmpty,
};
pub use status::{
    CHANGED_BY_CONCERTINA, CHANGED_BY_OTHER, ChangeStatus, DecisionStatus, EffectiveSettings, GuardStatus,
    MetricStatus, RulesStatus, ScalingPolicyStatus, StageStatus, StartupStatus,
};

/// The API group of every Concertina object.
pub const GROUP: &str = "concertina.dev";
/// An RFC 3339 time up to which a policy is paused; does the same as `mode: Paused` with `pausedUntil`, and
/// survives tools that put the spec back to what is in git.
pub const PAUSED_UNTIL_ANNOTATION: &str = "concertina.dev/paused-until";
