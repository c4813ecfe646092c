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
const AT_LEAST_A_KIBIBYTE: &str =
    "type(self) == int ? self >= 1024 : isQuantity(self) && !quantity(self).isLessThan(quantity('1Ki'))";
const SHARE: &str = "type(self) == int ? self >= 0 && self <= 1 : isQuantity(self) \
                     && !quantity(self).isLessThan(quantity('0')) && !quantity(self).isGreaterThan(quantity('1'))";
const SHARE_MESSAGE: &str = "write a share from 0 to 1 in quotes, for example \"0.1\" for 10 per cent";
const ONE_RESOURCE_TARGET: &str = "has(self.averageUtilization) != has(self.averageValue)";

/// Every rule of the ScalingPolicy.
pub(super) const RULES: &[Rule] = &[
    rule(
        "spec.minReplicas",
        "self >= 1",
        "scaling to zero is not offered yet: write 1 or more",
    ),
    rule_for(
        "spec",
        ".minReplicas",
        "!has(self.minReplicas) || self.minReplicas <= self.maxReplicas",
        "minReplicas is greater than maxReplicas: lower minReplicas or raise maxReplicas",
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
        "[has(self.cpu), has(self.memory), has(self.requestRate), has(self.prometheus)].exists_one(x, x)",
        "write exactly one of cpu, memory, requestRate and prometheus in each metric, \
         for example cpu: {averageUtilization: 70}",
    ),
    rule_for(
        "spec.metrics[]",
        ".windowSeconds",
        "!has(self.windowSeconds) || has(self.cpu) || has(self.requestRate)",
        "windowSeconds is for cpu and requestRate: leave it out here, and write a window into a prometheus query itself",
    ),
    rule_for(
        "spec.metrics[]",
        ".maxAgeSeconds",
        "!has(self.maxAgeSeconds) || !has(self.prometheus)",
        "maxAgeSeconds is for cpu, memory and requestRate: the age of a query's answer is not known, leave it out here",
    ),
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
        "self.all(name, name.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$'))",
        "write label names of letters, digits and underscores, at most 63, for example queue: orders",
    ),
    rule("spec.behavior.scaleUp.tolerance", SHARE, SHARE_MESSAGE),
    rule("spec.behavior.scaleDown.tolerance", SHARE, SHARE_MESSAGE),
];
