//! What the API server refuses beyond types and bounds: CEL rules, each with a sentence that says what to write. Pure.

/// One CEL rule.
pub(super) struct Rule {
    /// Where it sits: property names joined by dots, `[]` for the items of a list.
    pub(super) at: &'static str,
    /// CEL that is true for what is allowed; `self` is the value at `at`.
    pub(super) rule: &'static str,
    /// What to write instead.
    pub(super) message: &'static str,
    /// The field that the message points to, seen from `at`, where it is not `at` itself.
    pub(super) field_path: Option<&'static str>,
}

const fn rule(at: &'static str, rule: &'static str, message: &'static str) -> Rule {
    Rule {
        at,
        rule,
        message,
        field_path: None,
    }
}

const fn rule_for(
    at: &'static str,
    field_path: &'static str,
    rule: &'static str,
    message: &'static str,
) -> Rule {
    Rule {
        at,
        rule,
        message,
        field_path: Some(field_path),
    }
}

/// A quantity is an integer or a string to CEL. Text that is no quantity fails the rule, so that its author reads
/// the sentence and not only the pattern.
const POSITIVE: &str =
    "type(self) == int ? self > 0 : isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))";
const AMOUNT_OR_ZERO: &str =
    "type(self) == int ? self >= 0 : isQuantity(self) && !quantity(self).isLessThan(quantity('0'))";
const AT_LEAST_ONE: &str =
    "type(self) == int ? self >= 1 : isQuantity(self) && !quantity(self).isLessThan(quantity('1'))";
const AT_LEAST_A_KIBIBYTE: &str =
    "type(self) == int ? self >= 1024 : isQuantity(self) && !quantity(self).isLessThan(quantity('1Ki'))";
const SHARE: &str = "type(self) == int ? self >= 0 && self <= 1 : isQuantity(self) \
                     && !quantity(self).isLessThan(quantity('0')) && !quantity(self).isGreaterThan(quantity('1'))";
const POSITIVE_SHARE: &str = "type(self) == int ? self == 1 : isQuantity(self) \
                              && quantity(self).isGreaterThan(quantity('0')) && !quantity(self).isGreaterThan(quantity('1'))";
const QUANTILE: &str = "type(self) == string && isQuantity(self) && !quantity(self).isLessThan(quantity('0.0001')) \
                        && !quantity(self).isGreaterThan(quantity('0.9999'))";
const QUANTILE_MESSAGE: &str = "write a share from 0.0001 to 0.9999 in quotes, for example \"0.95\"";
const SHARE_MESSAGE: &str = "write a share from 0 to 1 in quotes, for example \"0.1\" for 10 per cent";
const LABEL_NAMES: &str = "self.all(name, name.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$'))";
const LABEL_NAMES_MESSAGE: &str =
    "write label names of letters, digits and underscores, at most 63, for example queue: orders";
const OF_WHAT: &str = "!has(self.of) || has(self.averageUtilization)";
const OF_WHAT_MESSAGE: &str =
    "of says what 100 per cent of averageUtilization are: write averageUtilization too, or leave it out";
const ONE_RESOURCE_TARGET: &str = "has(self.averageUtilization) != has(self.averageValue)";

/// Every rule of the ScalingPolicy.
pub(super) const RULES: &[Rule] = &[
    rule_for(
        "spec",
        ".minReplicas",
        "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
        "minReplicas is greater than maxReplicas: lower minReplicas or raise maxReplicas",
    ),
    rule_for(
        "spec",
        ".minReplicas",
        "!has(self.minReplicas) || self.minReplicas > 0 || self.metrics.exists(metric, has(metric.prometheus))",
        "minReplicas 0 needs a metric that is there without pods, or nothing would wake the target: \
         add a prometheus metric, or write 1 or more",
    ),
    rule_for(
        "spec",
        ".fallback.replicas",
        "!has(self.fallback) || self.fallback.replicas <= self.maxReplicas",
        "fallback.replicas is greater than maxReplicas: lower it or raise maxReplicas",
    ),
    rule_for(
        "spec",
        ".schedules",
        "!has(self.schedules) \
         || self.schedules.all(window, !has(window.minReplicas) || window.minReplicas <= self.maxReplicas)",
        "minReplicas of a schedule is greater than the policy's maxReplicas: lower it or raise maxReplicas",
    ),
    rule_for(
        "spec",
        ".pausedUntil",
        "!has(self.pausedUntil) || (has(self.mode) && self.mode == 'Paused')",
        "pausedUntil needs mode: Paused; write both or neither",
    ),
    rule_for(
        "spec.scaleTargetRef",
        ".kind",
        "!((self.apiVersion + '/' + self.kind) in ['apps/v1/DaemonSet', 'batch/v1/CronJob', 'batch/v1/Job', 'v1/Pod'])",
        "this kind has no scale subresource: name a Deployment, a StatefulSet or another kind that has one",
    ),
    rule(
        "spec.metrics[]",
        "[has(self.cpu), has(self.memory), has(self.requestRate), has(self.responseTime), has(self.failureRate), \
         has(self.network), has(self.disk), has(self.prometheus)].exists_one(x, x)",
        "write exactly one of cpu, memory, requestRate, responseTime, failureRate, network, disk and prometheus in each \
         metric, for example cpu: {averageUtilization: 70}",
    ),
    rule_for(
        "spec.metrics[]",
        ".windowSeconds",
        "!has(self.windowSeconds) || !(has(self.memory) || has(self.prometheus))",
        "windowSeconds is not for memory and prometheus: leave it out here, and write a window into a prometheus \
         query itself",
    ),
    rule_for(
        "spec.metrics[]",
        ".maxAgeSeconds",
        "!has(self.maxAgeSeconds) || !has(self.prometheus) || has(self.prometheus.ageQuery)",
        "maxAgeSeconds of prometheus needs ageQuery, as the age of a query's answer is not known: write both or neither",
    ),
    rule_for(
        "spec.metrics[]",
        ".whenEmpty",
        "!has(self.whenEmpty) || !(has(self.cpu) || has(self.memory))",
        "whenEmpty is not for cpu and memory, as a running pod always uses some: leave it out here",
    ),
    rule(
        "spec.metrics[].activation",
        AMOUNT_OR_ZERO,
        "write an amount of 0 or more, for example 5 or 500m",
    ),
    rule("spec.metrics[].tolerance.scaleUp", SHARE, SHARE_MESSAGE),
    rule("spec.metrics[].tolerance.scaleDown", SHARE, SHARE_MESSAGE),
    rule("spec.metrics[].cpu", OF_WHAT, OF_WHAT_MESSAGE),
    rule(
        "spec.metrics[].cpu",
        ONE_RESOURCE_TARGET,
        "write exactly one of averageUtilization (per cent of the requests) and averageValue (cores), \
         for example averageUtilization: 70",
    ),
    rule(
        "spec.metrics[].cpu.averageValue",
        POSITIVE,
        "write cores per replica greater than 0, for example 250m or \"0.5\"",
    ),
    rule("spec.metrics[].memory", OF_WHAT, OF_WHAT_MESSAGE),
    rule(
        "spec.metrics[].memory",
        ONE_RESOURCE_TARGET,
        "write exactly one of averageUtilization (per cent of the requests) and averageValue (bytes), \
         for example averageUtilization: 80",
    ),
    rule(
        "spec.metrics[].memory.averageValue",
        AT_LEAST_A_KIBIBYTE,
        "write bytes per replica, at least 1Ki, for example 512Mi; the suffix m means a thousandth",
    ),
    rule(
        "spec.metrics[].requestRate.averageValue",
        POSITIVE,
        "write requests per second and replica greater than 0, for example 50 or 500m",
    ),
    rule(
        "spec.metrics[].requestRate.match",
        LABEL_NAMES,
        LABEL_NAMES_MESSAGE,
    ),
    rule("spec.metrics[].responseTime.quantile", QUANTILE, QUANTILE_MESSAGE),
    rule(
        "spec.metrics[].responseTime.value",
        POSITIVE,
        "write seconds greater than 0, for example 250m or \"0.25\"",
    ),
    rule(
        "spec.metrics[].responseTime.match",
        LABEL_NAMES,
        LABEL_NAMES_MESSAGE,
    ),
    rule(
        "spec.metrics[].failureRate.value",
        POSITIVE_SHARE,
        "write a share greater than 0 and at most 1 in quotes, for example \"0.02\" for 2 per cent",
    ),
    rule(
        "spec.metrics[].failureRate.match",
        LABEL_NAMES,
        LABEL_NAMES_MESSAGE,
    ),
    rule(
        "spec.metrics[].network.averageValue",
        AT_LEAST_ONE,
        "write bytes per second and replica, at least 1, for example 10M; the suffix m means a thousandth",
    ),
    rule(
        "spec.metrics[].disk.averageValue",
        AT_LEAST_ONE,
        "write bytes per second and replica, at least 1, for example 20M; the suffix m means a thousandth",
    ),
    rule(
        "spec.metrics[].prometheus",
        "has(self.averageValue) != has(self.value)",
        "write exactly one of averageValue (the part of a total that one replica carries) and value \
         (what the answer should be), for example averageValue: 30",
    ),
    rule(
        "spec.metrics[].prometheus.averageValue",
        POSITIVE,
        "write an amount per replica greater than 0, for example 30 or 500m",
    ),
    rule(
        "spec.metrics[].prometheus.value",
        POSITIVE,
        "write an amount greater than 0, for example 30 or 500m",
    ),
    rule(
        "spec.metrics[].prometheus.match",
        LABEL_NAMES,
        LABEL_NAMES_MESSAGE,
    ),
    rule("spec.behavior.scaleUp.tolerance", SHARE, SHARE_MESSAGE),
    rule("spec.behavior.scaleDown.tolerance", SHARE, SHARE_MESSAGE),
    rule(
        "spec.schedules[]",
        "has(self.minReplicas) || has(self.maxReplicas)",
        "write minReplicas, maxReplicas or both in each schedule, for example minReplicas: 6",
    ),
    rule_for(
        "spec.schedules[]",
        ".minReplicas",
        "!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas",
        "minReplicas of the schedule is greater than its maxReplicas: lower minReplicas or raise maxReplicas",
    ),
    rule(
        "spec.schedules[].start",
        "self.matches('^[^ ]+( +[^ ]+){4}$')",
        "write a cron expression of five fields (minute, hour, day of month, month, day of week), \
         for example \"0 8 * * 1-5\" for 8:00 from Monday to Friday",
    ),
    rule_for(
        "spec.schedules[]",
        ".onDates",
        "!has(self.onDates) || size(self.onDates) == 0 || self.start.matches('^[^ ]+ +[^ ]+ +[*] +[*] +[*]$')",
        "with onDates, start gives the time of day alone: write * in its last three fields, for example \"0 8 * * *\"",
    ),
    rule_for(
        "spec.schedules[]",
        ".exceptDates",
        "!has(self.onDates) || size(self.onDates) == 0 || !has(self.exceptDates) || size(self.exceptDates) == 0",
        "onDates names every date already: take dates out of it instead of writing exceptDates",
    ),
    rule(
        "spec.schedules[].timeZone",
        "self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$')",
        "write the IANA name of a time zone, for example Europe/Berlin or UTC",
    ),
    rule(
        "spec.guards[]",
        "[has(self.query), has(self.responseTime), has(self.failureRate)].exists_one(x, x)",
        "write exactly one of query, responseTime and failureRate in each guard, for example failureRate: {source: istio}",
    ),
    rule_for(
        "spec.guards[]",
        ".match",
        "!has(self.match) || has(self.query)",
        "match beside a guard picks from the answer to query: write it into responseTime or failureRate instead",
    ),
    rule("spec.guards[].responseTime.quantile", QUANTILE, QUANTILE_MESSAGE),
    rule(
        "spec.guards[].responseTime.match",
        LABEL_NAMES,
        LABEL_NAMES_MESSAGE,
    ),
    rule(
        "spec.guards[].failureRate.match",
        LABEL_NAMES,
        LABEL_NAMES_MESSAGE,
    ),
    rule(
        "spec.guards[].above",
        "type(self) == int || isQuantity(self)",
        "write an amount, with a fraction in quotes, for example 5 or \"0.01\"",
    ),
    rule("spec.guards[].match", LABEL_NAMES, LABEL_NAMES_MESSAGE),
];
