//! Bytes of a whole fleet: what one policy and its target cost in the tables of the process.
use std::sync::Arc;

use serde_json::{Value, json};

use super::state::PolicyStates;
use crate::cluster::guarded::Guarded;
use crate::cluster::policies::PolicyTable;
use crate::cluster::targets::{SlimTarget, TargetTable};
use crate::counted::bytes_since;
use crate::fixtures::config;
use kube::core::GroupVersionKind;

const POLICIES: usize = 10_000;

fn uid(number: usize, kind: u32) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

fn policy(number: usize) -> Value {
    json!({
        "apiVersion": "concertina.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {
            "name": format!("workload-{number:06}"), "namespace": format!("team-{:03}", number % 100), "uid": uid(number, 1),
            "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": number.to_string(),
            "labels": {"app": format!("workload-{number:06}")},
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": format!("workload-{number:06}")},
            "minReplicas": 1, "maxReplicas": 100,
            "metrics": [{"name": "load", "prometheus": {
                "query": "sum by (namespace, workload) (load)", "averageValue": "10",
                "match": {"namespace": format!("team-{:03}", number % 100), "workload": format!("workload-{number:06}")},
            }}],
        },
    })
}

fn target(number: usize) -> Value {
    json!({
        "metadata": {
            "name": format!("workload-{number:06}"), "namespace": format!("team-{:03}", number % 100), "uid": uid(number, 2),
            "resourceVersion": number.to_string(),
        },
        "spec": {"replicas": 3},
    })
}

#[test]
fn a_policy_and_its_target_take_few_bytes_in_the_tables() {
    let config = Arc::new(config());
    let before = bytes_since(0);
    let mut table = PolicyTable::new(Arc::clone(&config));
    for number in 0..POLICIES {
        table.apply(Guarded::read(&policy(number).to_string()).unwrap());
    }
    let of_table = bytes_since(before);
    let before = bytes_since(0);
    let mut states = PolicyStates::default();
    states.sync(table.take_changes(), 15);
    let of_states = bytes_since(before);
    let before = bytes_since(0);
    let mut targets = TargetTable::default();
    let deployments = GroupVersionKind::gvk("apps", "v1", "Deployment");
    for number in 0..POLICIES {
        let object: SlimTarget = serde_json::from_value(target(number)).unwrap();
        targets.apply(&deployments, &object);
    }
    let of_targets = bytes_since(before);
    let [table_bytes, states_bytes, targets_bytes] =
        [of_table, of_states, of_targets].map(|bytes| bytes / POLICIES);
    println!("policies {table_bytes}, states {states_bytes}, targets {targets_bytes} bytes each");
    let all = table_bytes + states_bytes + targets_bytes;
    // With what the reporter keeps (215) and the numbers of a policy's series (76, without detail) a policy is to stay below 1.5 KiB.
    assert!(all <= 1536 - 215 - 76, "{all} bytes");
}
