//! The controller's rights: those of its role and no more, and kinds of which it is told only later.
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::fixtures::{backlog, policy};
use crate::world::{World, api, in_a_namespace, kubectl, resource, restoring};

const ACCOUNT: &str = "system:serviceaccount:concertina:concertina";

/// Whether the controller may do this in the namespace `default`.
async fn may(client: &Client, verb: &str, group: &str, resource: &str) -> bool {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let question = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": ACCOUNT, "resourceAttributes": {
            "namespace": "default", "verb": verb,
            "group": group, "resource": resource, "subresource": subresource,
        }},
    });
    let question: SubjectAccessReview = serde_json::from_value(question).unwrap();
    let reviews = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &question).await;
    answer.unwrap().status.unwrap().allowed
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn the_controller_may_do_its_work_and_nothing_else() {
    let client = Client::try_default().await.unwrap();
    let accounts = kubectl(&[
        "get",
        "pods",
        "-n",
        "concertina",
        "-l",
        "app=concertina",
        "-o",
        "jsonpath={.items[*].spec.serviceAccountName}",
    ]);
    assert!(!accounts.is_empty());
    assert!(
        accounts.split(' ').all(|account| account == "concertina"),
        "{accounts}"
    );

    let its_work = [
        ("watch", "concertina.dev", "scalingpolicies"),
        ("get", "concertina.dev", "scalingpolicies"),
        ("patch", "concertina.dev", "scalingpolicies/status"),
        ("watch", "", "pods"),
        ("watch", "autoscaling", "horizontalpodautoscalers"),
        ("watch", "keda.sh", "scaledobjects"),
        ("get", "", "resourcequotas"),
        ("watch", "apps", "deployments"),
        ("patch", "apps", "deployments/scale"),
        ("patch", "apps", "statefulsets/scale"),
        ("create", "events.k8s.io", "events"),
    ];
    for (verb, group, resource) in its_work {
        assert!(
            may(&client, verb, group, resource).await,
            "may not {verb} {resource} of {group:?}"
        );
    }
    let others = [
        ("get", "", "secrets"),
        ("list", "", "secrets"),
        ("list", "", "configmaps"),
        ("delete", "", "pods"),
        ("create", "", "pods"),
        ("create", "", "pods/exec"),
        ("patch", "", "pods"),
        ("list", "", "nodes"),
        ("patch", "autoscaling", "horizontalpodautoscalers"),
        ("list", "", "resourcequotas"),
        ("patch", "apps", "deployments"),
        ("update", "apps", "deployments/scale"),
        ("delete", "apps", "deployments"),
        ("create", "apps", "deployments"),
        ("patch", "concertina.dev", "scalingpolicies"),
        ("delete", "concertina.dev", "scalingpolicies"),
        ("create", "concertina.dev", "scalingpolicies"),
        ("patch", "apiextensions.k8s.io", "customresourcedefinitions"),
        ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
        ("impersonate", "", "users"),
        ("create", "", "serviceaccounts/token"),
    ];
    for (verb, group, resource) in others {
        assert!(
            !may(&client, verb, group, resource).await,
            "may {verb} {resource} of {group:?}"
        );
    }
}

/// A kind that counts its replicas under another name than `spec.replicas`.
fn fleet_definition(group: &str) -> Value {
    let count = json!({"type": "object", "properties": {"ships": {"type": "integer"}}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("fleets.{group}")},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Fleet", "plural": "fleets", "singular": "fleet"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {"spec": count, "status": count},
                }},
                "subresources": {"status": {}, "scale": {
                    "specReplicasPath": ".spec.ships", "statusReplicasPath": ".status.ships",
                }},
            }],
        },
    })
}

/// What makes a role of this name the controller's.
fn binding(name: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": "concertina", "namespace": "concertina"}],
    })
}

pub(crate) async fn create_for_all(world: &World, object: Value) {
    let kind = object["kind"].as_str().unwrap();
    let all = api(&world.client, None, &resource(kind));
    let object = serde_json::from_value(object.clone()).unwrap();
    all.create(&PostParams::default(), &object).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn a_kind_of_ones_own_is_scaled_once_it_is_there_and_the_controller_may() {
    in_a_namespace(async |world| {
        let name = &world.namespace;
        let group = &world.own_group();
        let may = async |rules: Value| {
            let role = api(&world.client, None, &resource("ClusterRole"));
            let change = kube::api::Patch::Merge(json!({"rules": rules}));
            role.patch(name, &Default::default(), &change).await.unwrap();
        };
        let listing = json!({"apiGroups": [group], "resources": ["fleets"], "verbs": ["list", "watch"]});
        let scaling =
            |verbs: &[&str]| json!({"apiGroups": [group], "resources": ["fleets/scale"], "verbs": verbs});

        let story = async {
            let fleet = policy("fleet").on(&format!("{group}/v1"), "Fleet", "armada");
            world.has(fleet.by(&[backlog(60, 20)])).await;
            world
                .until_condition("fleet", "Ready", "False", "TargetNotFound")
                .await;

            create_for_all(world, fleet_definition(group)).await;
            let role = json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": {"name": name}, "rules": [],
            });
            create_for_all(world, role).await;
            create_for_all(world, binding(name)).await;
            let message = world
                .until_condition("fleet", "Ready", "False", "TargetForbidden")
                .await;
            assert!(message.contains("cannot list resource \"fleets\""), "{message}");

            may(json!([listing])).await;
            world
                .until_condition("fleet", "Ready", "False", "TargetNotFound")
                .await;
            let armada = json!({
                "apiVersion": format!("{group}/v1"), "kind": "Fleet",
                "metadata": {"name": "armada"}, "spec": {"ships": 1},
            });
            world.has(armada).await;
            let message = world
                .until_condition("fleet", "Ready", "False", "TargetForbidden")
                .await;
            assert!(
                message.contains("cannot get resource \"fleets/scale\""),
                "{message}"
            );

            may(json!([listing, scaling(&["get"])])).await;
            let message = world
                .until_condition("fleet", "Ready", "False", "PatchFailed")
                .await;
            assert!(
                message.contains("cannot patch resource \"fleets/scale\""),
                "{message}"
            );
            assert_eq!(world.object("Fleet", "armada").await["spec"], json!({"ships": 1}));

            may(json!([listing, scaling(&["get", "patch"])])).await;
            world
                .until("Fleet", "armada", "three ships", |fleet| {
                    fleet["spec"]["ships"] == 3
                })
                .await;
            world.until_condition("fleet", "Ready", "True", "Ready").await;
            world.until_event("Fleet", "armada", "MetricAboveTarget").await;
        };
        restoring(story, async |_| {
            let definition = format!("fleets.{group}");
            for (kind, name) in [
                ("CustomResourceDefinition", &definition),
                ("ClusterRoleBinding", name),
                ("ClusterRole", name),
            ] {
                let all = api(&world.client, None, &resource(kind));
                let _ = all.delete(name, &DeleteParams::background()).await;
            }
        })
        .await;
    })
    .await;
}
