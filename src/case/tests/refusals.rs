//! Cases that make no sense, and what is said of them.

use super::*;

#[test]
fn what_makes_no_sense_is_refused_with_what_to_write() {
    for (changes, expected) in [
        (
            json!({ "apiVersion": null }),
            "apiVersion is not there: write concertina.dev/decision-case/v1",
        ),
        (
            json!({ "apiVersion": "concertina.dev/decision-case/v9" }),
            "apiVersion is \"concertina.dev/decision-case/v9\": write concertina.dev/decision-case/v1",
        ),
        (
            json!({ "polcy": 1 }),
            "polcy is not a field of a case: write one of apiVersion, name, now, policy, observation, memory, expect, or \
             take it out",
        ),
        (
            json!({ "now": null }),
            "now is missing: write it, such as now: 2026-07-01T10:00:00Z",
        ),
        (
            json!({ "now": "noon" }),
            "now is \"noon\": write a time, such as 2026-07-01T10:00:00Z",
        ),
        (
            json!({ "now": "-5s" }),
            "now is \"-5s\": write a time, such as 2026-07-01T10:00:00Z",
        ),
        (json!({ "name": 7 }), "name is 7: write a text"),
        (
            json!({ "policy": { "maxReplicas": null } }),
            "policy: spec: missing field `maxReplicas`",
        ),
        (
            json!({ "policy": { "maxReplicas": "ten" } }),
            "policy: spec.maxReplicas: invalid type: string \"ten\", expected i32",
        ),
        (
            json!({ "policy": { "maxReplicsa": 5 } }),
            "policy.maxReplicsa is unknown: correct the name or take it out",
        ),
        (
            json!({ "policy": { "behavior": { "scaleUp": { "cooldown": 5 } } } }),
            "policy.behavior.scaleUp.cooldown is unknown: correct the name or take it out",
        ),
        (
            json!({ "policy": { "schedules": [{ "name": "day", "start": "0 25 * * *", "durationMinutes": 5, "minReplicas": 3 }] } }),
            "policy: schedule day start \"0 25 * * *\": hour cannot be \"25\": write 0 to 23, such as 8 or 8-18",
        ),
        (
            json!({ "observation": 4 }),
            "observation is 4: write a mapping, such as {replicas: 4, metrics: {cpu: …}}",
        ),
        (
            json!({ "observation": { "replicas": null } }),
            "observation.replicas is missing: write it, such as replicas: 4",
        ),
        (
            json!({ "observation": { "replicas": 4.5 } }),
            "observation.replicas is 4.5: write a whole number in range",
        ),
        (
            json!({ "observation": { "replicas": 3_000_000_000u64 } }),
            "observation.replicas is 3000000000: write a whole number in range",
        ),
        (
            json!({ "observation": { "pods": 100_001 } }),
            "observation.pods is more than that: write at most 100000 pods",
        ),
        (
            json!({ "observation": { "pods": { "ready": 60_000, "starting": 60_000 } } }),
            "observation.pods is more than that: write at most 100000 pods",
        ),
        (
            json!({ "observation": { "pods": { "reddy": 1 } } }),
            "observation.pods.reddy is not a field of a case: write one of ready, unready, crashing, starting, \
             crashingAtStart, or take it out",
        ),
        (
            json!({ "observation": { "pods": ["Redy"] } }),
            "observation.pods[0] is \"Redy\": write Ready, Unready, Crashing, Starting, CrashingAtStart",
        ),
        (
            json!({ "observation": { "metrics": { "memory": 5 } } }),
            "observation.metrics.memory: the policy has no metric of this name; it has backlog, cpu",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": null } } }),
            "observation.metrics says nothing of metric cpu: write what was read, or NotReadYet",
        ),
        (
            json!({ "observation": { "guards": null } }),
            "observation.guards says nothing of guard errors: write what was read, or NotReadYet",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": "much" } } }),
            "observation.metrics.cpu is \"much\": write a number, {total: 240, age: 15}, {perPod: [0.5, 0.6], request: 1}, or \
             the reason why it is missing, such as NoSamples",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": { "total": 1, "perPod": 2 } } } }),
            "observation.metrics.cpu is {perPod: …}: write a number, {total: 240, age: 15}, {perPod: [0.5, 0.6], request: \
             1}, or the reason why it is missing, such as NoSamples",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": { "total": 1, "request": 2 } } } }),
            "observation.metrics.cpu.request is not a field of a case: write one of total, perPod, missing, age, time, or \
             take it out",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": { "total": 1, "age": 2, "time": "-2s" } } } }),
            "observation.metrics.cpu.age is 2: write only one of age and time",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": { "total": 1, "age": -2 } } } }),
            "observation.metrics.cpu.age is -2: write seconds of 0 or more",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": { "perPod": [1, 2, 3, 4, 5] } } } }),
            "observation.metrics.cpu.perPod is a list of 5: write at most one entry for each of the 4 pods",
        ),
        (
            json!({ "observation": { "metrics": { "cpu": { "missing": "Lost" } } } }),
            "observation.metrics.cpu.missing is \"Lost\": write NotReadYet, UnknownServer,",
        ),
        (
            json!({ "observation": { "windows": [{ "schedule": "night", "start": "now", "end": "now" }] } }),
            "observation.windows[0].schedule: the policy has no schedule of this name; it has day",
        ),
        (
            json!({ "observation": { "rollout": "yes" } }),
            "observation.rollout is \"yes\": write the number of a revision, such as {revision: 7}",
        ),
        (
            json!({ "memory": { "firstSeeen": "-5s" } }),
            "memory.firstSeeen is unknown: correct the name or take it out",
        ),
        (
            json!({ "memory": { "changes": [{ "at": "-5s", "from": 1, "too": 2, "by": "Own" }] } }),
            "memory.changes[0]: missing field `to`",
        ),
        (
            json!({ "memory": { "firstSeen": "soon" } }),
            "memory.firstSeen is \"soon\": write a time, such as 2026-07-01T10:00:00Z, or \"-300s\" for so long before now",
        ),
        (
            json!({ "memory": { "wanted": 5 } }),
            "memory.wanted is 5: write it together with quietSeconds, the time for which it was wanted",
        ),
        (
            json!({ "memory": { "guards": { "latency": {} } } }),
            "memory.guards.latency: the policy has no guard of this name; it has errors",
        ),
        (
            json!({ "expect": { "desire": 5 } }),
            "expect.desire is not a field of a case: write one of desired, reason,",
        ),
        (
            json!({ "expect": { "reason": "Because" } }),
            "expect.reason is \"Because\": write a reason, as docs/reference lists them, such as MetricAboveTarget",
        ),
        (
            json!({ "expect": { "alteredBy": "Proposing" } }),
            "expect.alteredBy is \"Proposing\": write None, Observe, Propose, Combine, Bounds, Guard, Stabilise, CoolDown, \
             Limit, Wall",
        ),
        (
            json!({ "expect": { "proposals": { "memory": 5 } } }),
            "expect.proposals.memory: the policy has no metric of this name; it has backlog, cpu",
        ),
        (
            json!({ "expect": { "guards": { "errors": "Trapped" } } }),
            "expect.guards.errors is \"Trapped\": write Clear, Pending, Tripped, Missing, Expired",
        ),
    ] {
        let found = refusal(changes.clone());
        assert!(
            found.starts_with(expected),
            "{changes}\n   found: {found}\nexpected: {expected}"
        );
    }
}

#[test]
fn a_policy_that_contradicts_itself_is_refused_before_anything_else() {
    assert_eq!(
        refusal(json!({ "policy": { "minReplicas": 50 }, "observation": null })),
        "policy: minReplicas 50 is greater than maxReplicas 40: lower minReplicas or raise maxReplicas"
    );
    let twice = json!({ "name": "cpu", "cpu": { "averageUtilization": 70 } });
    let metrics = json!({ "metrics": [twice, twice] });
    let error = refusal(json!({ "policy": metrics }));
    assert!(error.starts_with("policy: two metrics are named cpu"), "{error}");
}

#[test]
fn what_is_no_mapping_is_no_case() {
    let error = Case::read(json!([1, 2])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("is a list of 2: write a mapping with apiVersion"),
        "{error}"
    );
}
