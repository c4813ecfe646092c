//! Every metric of the controller: its name, type, labels and meaning. The exporter registers these, the dashboards are built
//! from them and docs/reference/metrics.md is written from them. Pure.

/// How a metric's number is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number that rises and falls.
    Gauge,
    /// A number that only rises, from 0 at the start of the process. Its name ends in `_total`.
    Counter,
    /// Counts of observations by bounds. Its series end in `_bucket`, `_count` and `_sum`.
    Histogram,
    /// Always 1: what it says is in its labels. Its name ends in `_info`.
    Info,
}

impl Kind {
    /// The word of the exposition format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    /// What the name of a series has and that of its family has not.
    const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricName {
    /// As a query names it; for a histogram without `_bucket`, `_count` and `_sum`.
    pub name: &'static str,
    /// How it is to be read.
    pub kind: Kind,
    /// Its labels, in the order in which they are written.
    pub labels: &'static [&'static str],
    /// What it means, and its unit where the name does not say it; without a full stop.
    pub help: &'static str,
}

impl MetricName {
    /// The name of the family, as the exposition format wants it beside the help text.
    #[must_use]
    pub fn family(&self) -> &'static str {
        self.name.strip_suffix(self.kind.suffix()).unwrap_or(self.name)
    }
}

/// Metrics that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// A heading.
    pub title: &'static str,
    /// What all of them have in common.
    pub about: &'static str,
    /// The metrics, in the order in which they are explained.
    pub metrics: &'static [MetricName],
}

macro_rules! sections {
    ($($section:ident $title:literal: $about:literal {
        $($constant:ident: $kind:ident $name:literal $labels:tt, $help:literal;)*
    })*) => {
        $($(
            #[doc = $help]
            pub const $constant: MetricName = MetricName {
                name: $name,
                kind: Kind::$kind,
                labels: &$labels,
                help: $help,
            };
        )*)*
        $(
            #[doc = $about]
            pub const $section: Section = Section {
                title: $title,
                about: $about,
                metrics: &[$($constant),*],
            };
        )*
        /// Every metric, section by section.
        pub const SECTIONS: &[Section] = &[$($section),*];
    };
}

sections! {
    POLICY "Policies": "What the last decision of each policy was. The controller that leads has these series, a standby has none." {
        POLICY_CURRENT_REPLICAS: Gauge "concertina_policy_current_replicas" ["namespace", "policy"],
            "Replicas that the target asked for at the last decision";
        POLICY_DESIRED_REPLICAS: Gauge "concertina_policy_desired_replicas" ["namespace", "policy"],
            "Replicas that the last decision wants";
        POLICY_MIN_REPLICAS: Gauge "concertina_policy_min_replicas" ["namespace", "policy"],
            "The fewest replicas that the last decision allowed, schedules included";
        POLICY_MAX_REPLICAS: Gauge "concertina_policy_max_replicas" ["namespace", "policy"],
            "The most replicas that the last decision allowed, schedules included";
        POLICY_METRICS_MISSING: Gauge "concertina_policy_metrics_missing" ["namespace", "policy"],
            "Metrics of the policy without a usable value at the last decision";
        POLICY_PODS: Gauge "concertina_policy_pods" ["namespace", "policy", "state"],
            "Living pods of the target: ready, unready (Ready once, and not now), starting (not Ready yet), crashing (their containers end again and again)";
        POLICY_CHANGES: Counter "concertina_policy_changes_total" ["namespace", "policy", "direction"],
            "Replica counts that this controller wrote: up or down";
        POLICY_LAST_CHANGE: Gauge "concertina_policy_last_change_timestamp_seconds" ["namespace", "policy", "direction", "reason", "winner"],
            "When the replicas were changed last, in seconds since 1970: up or down, why, and the metric whose proposal was taken; ReplicasChangedByOther where somebody else did it. Of what another controller of Concertina wrote the metric is empty, and so is the reason where no status tells it";
        POLICY_DECISION: Info "concertina_policy_decision_info" ["namespace", "policy", "mode", "reason", "winner"],
            "The mode in force (Unknown where the policy or its annotation cannot be read), the reason that explains the last decision best, and the metric whose proposal was taken, if one was; also of a policy that cannot be decided";
        POLICY_REASON: Gauge "concertina_policy_reason" ["namespace", "policy", "reason"],
            "1 for each reason that bears on the last decision, from whichever stage, metric or guard; those that only say that all is well are left out";
    }
    POLICY_DETAIL "Policies in detail": "How the last decision of each policy came about, with `policySeries: All`. The controller that leads has these series, a standby has none." {
        POLICY_STAGE_REPLICAS: Gauge "concertina_policy_stage_replicas" ["namespace", "policy", "stage", "reason"],
            "The number after each stage of the last decision, and why it was changed or left; a stage that was passed over has none";
        POLICY_METRIC_VALUE: Gauge "concertina_policy_metric_value" ["namespace", "policy", "metric"],
            "What was measured: the mean of the pods, their utilization as a ratio, or the total of the target";
        POLICY_METRIC_TARGET: Gauge "concertina_policy_metric_target" ["namespace", "policy", "metric"],
            "The target of the metric: for each replica, as a ratio of utilization, or as a value";
        POLICY_METRIC_RATIO: Gauge "concertina_policy_metric_ratio" ["namespace", "policy", "metric"],
            "What was measured over its target, for each replica: above 1 more replicas are needed";
        POLICY_METRIC_PROPOSAL: Gauge "concertina_policy_metric_proposal_replicas" ["namespace", "policy", "metric"],
            "Replicas that the metric asks for";
        POLICY_METRIC_AGE: Gauge "concertina_policy_metric_age_seconds" ["namespace", "policy", "metric"],
            "Age of the oldest sample that counted, where it is known";
        POLICY_METRIC_MISSING: Gauge "concertina_policy_metric_missing" ["namespace", "policy", "metric", "reason"],
            "1 for a metric without a usable value, and why it has none";
        POLICY_GUARD_STATE: Gauge "concertina_policy_guard_state" ["namespace", "policy", "guard", "state"],
            "1 for the state of a guard: Clear, Pending, Tripped, Missing or Expired";
        POLICY_STARTUP: Gauge "concertina_policy_startup_seconds" ["namespace", "policy", "quantile"],
            "Time from the creation of a pod of the target to Ready, learned from those that became so: the median and the 95th percentile";
    }
    LOOP "The loop": "How soon and how often policies are evaluated. A standby evaluates and decides them too, and counts what it did." {
        POLICIES: Gauge "concertina_policies" [], "Policies that are watched";
        DECISIONS: Counter "concertina_decisions_total" ["reason"],
            "Decisions by the reason that explains them best";
        EVALUATIONS: Counter "concertina_evaluations_total" [],
            "Evaluations of policies; what they decided may still have to be written";
        EVALUATION_GAP: Histogram "concertina_evaluation_gap_seconds" [],
            "Time between two evaluations of the same policy; for each period one bound at it, and one a twentieth above";
        EVALUATIONS_LATE: Counter "concertina_evaluations_late_total" [],
            "Evaluations that came later than their period asks for";
        TICK_DURATION: Histogram "concertina_tick_duration_seconds" [],
            "Time from the beginning of a tick until all its policies are evaluated";
    }
    PROMETHEUS "Prometheus": "What each server of the configuration is asked, and how it answers." {
        QUERIES: Counter "concertina_queries_total" ["server", "result"],
            "Queries by how they ended: ok, unreachable, timeout, still_asking (not sent, as the same one is under way), rejected (the query or the credentials), server_error (the server, or what is before it, answered 429 or 5xx) or undecodable";
        QUERY_DURATION: Histogram "concertina_query_duration_seconds" ["server"],
            "Time from sending a query to having decoded its answer";
        SERIES_DECODED: Counter "concertina_series_decoded_total" ["server"], "Series in answers";
        RESPONSE_BYTES: Counter "concertina_response_bytes_total" ["server"], "Bytes of answers, as decoded";
        NEWEST_SAMPLE_AGE: Gauge "concertina_newest_sample_age_seconds" ["server", "kind"],
            "Age of the newest sample that this kind of query was answered with, when it was last asked; of several queries, or parts of one, the oldest of these. Queries of users' own are left out";
        FAILOVERS: Counter "concertina_failovers_total" ["server"],
            "How often another of the server's URLs had to answer";
        SCRAPE_INTERVAL: Gauge "concertina_scrape_interval_seconds" ["server", "of"],
            "Time between two scrapes of the series behind the rates of `cpu`, `network`, `disk` or `source/NAME`, as last measured";
        RATE_WINDOW: Gauge "concertina_rate_window_seconds" ["server", "of"],
            "Window of these rates where windowSeconds is not written";
    }
    API_SERVER "The API server": "What is written to the cluster." {
        SCALE_WRITES: Counter "concertina_scale_writes_total" ["result"],
            "Writes of a new replica count: written, conflict, gone, altered, busy, timeout or refused";
        SCALE_WRITE_DURATION: Histogram "concertina_scale_write_duration_seconds" [],
            "Time from sending a new replica count to its answer";
        STATUS_WRITES: Counter "concertina_status_writes_total" ["result"],
            "Writes of a policy's status: written or failed";
        EVENTS_DROPPED: Counter "concertina_events_dropped_total" [],
            "Events that could not be sent, or were pushed out by newer ones (4096 may wait)";
    }
    PROCESS "The process": "Which controller this is, and what it costs. Those without the prefix have the names that every Prometheus client gives them." {
        BUILD: Info "concertina_build_info" ["version"], "The version of the controller";
        LEADER: Gauge "concertina_leader" [], "1 for the controller that writes, 0 for one that stands by";
        LEASE_TRANSITIONS: Gauge "concertina_lease_transitions" [],
            "How often the Lease has passed from one controller to another, as this one last saw it";
        CPU_SECONDS: Counter "process_cpu_seconds_total" [], "Processor time of the process, in user and system mode";
        RESIDENT_MEMORY: Gauge "process_resident_memory_bytes" [], "Memory of the process that is in RAM";
        START_TIME: Gauge "process_start_time_seconds" [], "When the process started, in seconds since 1970";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> impl Iterator<Item = &'static MetricName> {
        SECTIONS.iter().flat_map(|section| section.metrics)
    }

    #[test]
    fn names_follow_the_conventions_of_prometheus() {
        for MetricName {
            name,
            kind,
            labels,
            help,
        } in all().copied()
        {
            let is_counter = name.ends_with("_total");
            assert_eq!(is_counter, kind == Kind::Counter, "{name}");
            assert_eq!(name.ends_with("_info"), kind == Kind::Info, "{name}");
            assert!(
                !name.ends_with("_count") && !name.ends_with("_sum") && !name.ends_with("_bucket"),
                "{name}"
            );
            assert!(
                name.starts_with("concertina_") || name.starts_with("process_"),
                "{name}"
            );
            let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(plain(name) && labels.iter().all(|label| plain(label)), "{name}");
            // Base units alone, and not another unit of the same quantity.
            for unit in [
                "_ms",
                "milliseconds",
                "minutes",
                "percent",
                "kilobytes",
                "mebibytes",
            ] {
                assert!(!name.contains(unit), "{name}");
            }
            assert!(!help.ends_with('.'), "{name}");
            // Prometheus itself writes these.
            for taken in ["le", "quantile", "job", "instance"] {
                assert!(!labels.contains(&taken) || name == POLICY_STARTUP.name, "{name}");
            }
        }
    }

    #[test]
    fn no_name_is_there_twice() {
        let mut names: Vec<&str> = all().map(MetricName::family).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
