//! What an administrator's admission policy refuses: replicas beyond what it allows, of targets of every built-in kind.
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use crate::fixtures::{backlog, deployment, policy, replica_set, stateful_set};
use crate::rights::create_for_all;
use crate::world::{GLANCE, World, api, changes_of, in_a_namespace, resource, restoring};

/// Refuses a scale of more than two replicas, in one namespace.
fn at_most_two(namespace: &str) -> [Value; 2] {
    let rule = json!({"apiGroups": ["apps"], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["*/scale"]});
    let limit = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": namespace},
        "spec": {
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [rule],
            },
            "validations": [{"expression": "object.spec.replicas <= 2", "message": "two are enough here"}],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": namespace},
        "spec": {"policyName": namespace, "validationActions": ["Deny"]},
    });
    [limit, binding]
}

/// Waits until the API server goes by the limit.
async fn until_limited(world: &World, name: &str) {
    let targets: Api<DynamicObject> = world.api(&resource("Deployment"));
    let three = Patch::Merge(json!({"spec": {"replicas": 3}}));
    let rehearsal = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    while targets.patch_scale(name, &rehearsal, &three).await.is_ok() {
        tokio::time::sleep(GLANCE).await;
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_change_that_the_cluster_refuses_is_told_and_made_when_it_is_allowed() {
    in_a_namespace(async |world| {
        let targets = [
            ("Deployment", deployment("deployment")),
            ("StatefulSet", stateful_set("statefulset")),
            ("ReplicaSet", replica_set("replicaset")),
        ];
        let name = |kind: &str| kind.to_lowercase();
        let story = async {
            for object in at_most_two(&world.namespace) {
                create_for_all(world, object).await;
            }
            let kinds = targets.each_ref().map(|(kind, _)| *kind);
            for (_, target) in targets {
                world.has(target).await;
            }
            until_limited(world, "deployment").await;
            for kind in kinds {
                let policy = policy(&name(kind)).on("apps/v1", kind, &name(kind));
                world.has(policy.by(&[backlog(60, 20)])).await;
            }
            for kind in kinds {
                let message = world
                    .until_condition(&name(kind), "Ready", "False", "PatchFailed")
                    .await;
                assert!(message.contains("two are enough here"), "{kind}: {message}");
                let object = world.object(kind, &name(kind)).await;
                assert_eq!((&object["spec"]["replicas"], changes_of(&object)), (&json!(1), 0));
            }

            let bindings = api(&world.client, None, &resource("ValidatingAdmissionPolicyBinding"));
            bindings
                .delete(&world.namespace, &DeleteParams::background())
                .await
                .unwrap();
            for kind in kinds {
                world.until_replicas(kind, &name(kind), 3).await;
                world.until_event(kind, &name(kind), "MetricAboveTarget").await;
                world.until_condition(&name(kind), "Ready", "True", "Ready").await;
            }
        };
        restoring(story, async |_| {
            for kind in ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"] {
                let all = api(&world.client, None, &resource(kind));
                let _ = all.delete(&world.namespace, &DeleteParams::background()).await;
            }
        })
        .await;
    })
    .await;
}
