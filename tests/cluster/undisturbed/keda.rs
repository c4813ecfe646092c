//! KEDA's ScaledObjects, on a cluster that has their definition and no KEDA: the controller finds it when it starts.
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::restarts::{controller, kill_the_controller, until_another_leads};
use crate::fixtures::{backlog, deployment, policy};
use crate::modes::until_another_policy_has_acted;
use crate::rights::create_for_all;
use crate::world::{api, changes_of, resource, restoring, undisturbed};

const DEFINITION: &str = "scaledobjects.keda.sh";

/// KEDA's kind, with room for anything.
fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION},
        "spec": {
            "group": "keda.sh",
            "scope": "Namespaced",
            "names": {"kind": "ScaledObject", "plural": "scaledobjects", "singular": "scaledobject"},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn what_keda_scales_is_left_to_it_until_its_object_is_deleted() {
    undisturbed(async |world| {
        let definitions = api(&world.client, None, &resource("CustomResourceDefinition"));
        if definitions.get_opt(DEFINITION).await.unwrap().is_some() {
            eprintln!("skipped: this cluster has KEDA, whose own objects these would be");
            return;
        }
        let story = async {
            create_for_all(world, definition()).await;
            let scaled = json!({
                "apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject",
                "metadata": {"name": "theirs"},
                "spec": {"scaleTargetRef": {"name": "web"}, "triggers": []},
            });
            world.until_accepted(&scaled).await;
            let killed: Vec<_> = controller(world).await.into_iter().map(|(pod, _)| pod).collect();
            kill_the_controller(world).await;
            until_another_leads(world, &killed).await;

            world.has(deployment("web")).await;
            world.has(policy("web").by(&[backlog(60, 20)])).await;
            let message = world
                .until_condition("web", "Ready", "False", "TargetOwnedByOther")
                .await;
            assert!(message.contains("ScaledObject theirs"), "{message}");
            until_another_policy_has_acted(world).await;
            assert_eq!(changes_of(&world.object("Deployment", "web").await), 0);

            world.delete("ScaledObject", "theirs").await;
            world.until_replicas("Deployment", "web", 3).await;
        };
        restoring(story, async |_| {
            let _ = definitions.delete(DEFINITION, &DeleteParams::background()).await;
        })
        .await;
    })
    .await;
}
