//! What a case may expect, and what is said where it is otherwise.

use super::*;

fn differences(expect: Value) -> Vec<String> {
    // 120 in the queue for 30 each are the four that there are; the schedule asks for three.
    let case = case(
        json!({ "observation": { "metrics": { "cpu": { "perPod": 0.9, "request": 1 } } }, "expect": expect }),
    );
    case.decide().unwrap().differences
}

#[test]
fn what_is_as_expected_makes_no_difference() {
    // 90 % of a target of 70 % over four pods are 5.14 of them.
    let expect = json!({
        "desired": 6,
        "reason": "MetricAboveTarget",
        "message": "cpu 90 %",
        "alteredBy": "Propose",
        "floor": 3,
        "ceiling": 40,
        "stages": { "Observe": 4, "Propose": { "replicas": 6, "reason": "MetricAboveTarget" }, "Bounds": "WithinBounds" },
        "proposals": { "cpu": 6, "backlog": { "replicas": 4, "reason": "WithinTolerance" } },
        "guards": { "errors": "Clear" },
    });
    assert_eq!(differences(expect), [""; 0]);
}

#[test]
fn every_difference_is_told() {
    for (expect, expected) in [
        (json!({ "desired": 5 }), "desired is 6, expected 5"),
        (
            json!({ "reason": "AtMaximum" }),
            "reason is MetricAboveTarget, expected AtMaximum",
        ),
        (
            json!({ "alteredBy": "None" }),
            "alteredBy is Propose, expected None",
        ),
        (json!({ "floor": 1 }), "floor is 3, expected 1"),
        (json!({ "ceiling": 9 }), "ceiling is 40, expected 9"),
        (
            json!({ "retryAfterSeconds": 9 }),
            "retryAfterSeconds is none, expected 9",
        ),
        (
            json!({ "stages": { "Limit": 5 } }),
            "stage Limit is 6, expected 5",
        ),
        (
            json!({ "stages": { "Wall": "QuotaExceeded" } }),
            "stage Wall reason is NoWall, expected QuotaExceeded",
        ),
        (
            json!({ "proposals": { "cpu": 9 } }),
            "proposal cpu is 6, expected 9",
        ),
        (
            json!({ "proposals": { "cpu": "Observed" } }),
            "proposal cpu reason is MetricAboveTarget, expected Observed",
        ),
        (
            json!({ "guards": { "errors": "Tripped" } }),
            "guard errors is Clear, expected Tripped",
        ),
    ] {
        assert_eq!(differences(expect.clone()), [expected], "{expect}");
    }
    let message = differences(json!({ "message": "memory" }));
    assert!(message[0].ends_with("expected \"memory\" in it"), "{message:?}");
    assert_eq!(differences(json!({ "desired": 1, "floor": 1 })).len(), 2);
}

#[test]
fn a_proposal_that_is_missing_and_a_stage_that_was_passed_over_are_told() {
    let missing = case(json!({ "expect": { "proposals": { "cpu": 4 } } }))
        .decide()
        .unwrap();
    assert_eq!(missing.differences, ["proposal cpu is none (NoSamples)"]);
    let above = case(json!({ "observation": { "replicas": 41 }, "expect": { "stages": { "Limit": 4 } } }));
    assert_eq!(
        above.decide().unwrap().differences,
        ["stage Limit was passed over"]
    );
}

#[test]
fn a_refusal_may_be_expected() {
    let judged = |changes: Value| judge(value(changes));
    let expect = json!({ "error": "write a whole number" });
    let refused =
        judged(json!({ "name": "odd", "observation": { "replicas": "x" }, "expect": expect })).unwrap();
    assert!(matches!(refused, Judged::RefusedAsExpected { name: Some(name), .. } if name == "odd"));
    let not = judged(json!({ "expect": expect })).unwrap();
    assert!(matches!(not, Judged::NotRefused { expected, .. } if expected == "write a whole number"));
    let other = judged(json!({ "now": null, "expect": expect })).unwrap_err();
    assert!(other.to_string().starts_with("now is missing"), "{other}");
    let contradiction =
        judged(json!({ "policy": { "minReplicas": 50 }, "expect": { "error": "minReplicas 50" } }));
    assert!(matches!(contradiction, Ok(Judged::RefusedAsExpected { .. })));
}
