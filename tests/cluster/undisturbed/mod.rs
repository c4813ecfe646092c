//! What no other test may run beside: the controller killed, Prometheus gone, the definition loosened. These wait until the
//! others are done and hold up those that are not; tests run in the order of their names, so that these come last.
mod failover;
mod keda;
mod restarts;

use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use serde_json::{Value, json};

use crate::fixtures::{backlog, by, deployment, policy};
use crate::world::{GLANCE, World, api, changes_of, condition, resource, restoring, undisturbed};
use restarts::{controller, kill_the_controller};

/// Runs `test` while the Service `prometheus` leads nowhere. On a cluster that has it elsewhere this says so and does
/// nothing.
async fn without_prometheus(world: &World, test: impl Future<Output = ()>) {
    let slices =
        Api::<DynamicObject>::namespaced_with(world.client.clone(), "monitoring", &resource("EndpointSlice"));
    let Some(mut slice) = slices.get_opt("prometheus").await.unwrap() else {
        eprintln!("skipped: this cluster's Prometheus cannot be cut off, it is not the test bed's");
        return;
    };
    slices
        .delete("prometheus", &DeleteParams::default())
        .await
        .unwrap();
    restoring(test, async |_| {
        slice.meta_mut().resource_version = None;
        slices.create(&PostParams::default(), &slice).await.unwrap();
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn without_prometheus_nothing_shrinks_and_all_goes_on_when_it_is_back() {
    undisturbed(async |world| {
        world.has(deployment("web")).await;
        world.has(policy("web").by(&[backlog(60, 20)])).await;
        world.until_replicas("Deployment", "web", 3).await;

        without_prometheus(world, async {
            // Established connections outlive the Service; a new controller has none.
            kill_the_controller(world).await;
            let message = world
                .until_condition("web", "Ready", "False", "PrometheusUnreachable")
                .await;
            assert!(message.contains("the server cannot be reached"), "{message}");
            world
                .until_condition("web", "ScalingActive", "False", "MetricsMissing")
                .await;
            world.until_warning("web", "PrometheusUnreachable").await;
            // Less would do, if anybody knew.
            world.change("ScalingPolicy", "web", by(&[backlog(20, 20)])).await;
            world
                .until("ScalingPolicy", "web", "it is decided anew", |policy| {
                    policy["status"]["observedGeneration"] == 2
                })
                .await;
            world
                .until_condition("web", "Ready", "False", "PrometheusUnreachable")
                .await;
            assert_eq!(changes_of(&world.object("Deployment", "web").await), 1);
        })
        .await;

        world.until_condition("web", "Ready", "True", "Ready").await;
        world.change("ScalingPolicy", "web", by(&[backlog(20, 20)])).await;
        world.until_replicas("Deployment", "web", 1).await;
    })
    .await;
}

/// A policy that the definition refuses, as another version of it might have let it in.
struct Malformed {
    policy: Value,
    /// Where the trouble is, or what the controller says of it.
    says: &'static str,
    /// Whether the API server lets a status be written beside it. It does not where a rule of the definition cannot
    /// even be computed; what is left is the event.
    takes_a_status: bool,
}

fn malformed() -> Vec<Malformed> {
    let row = |name: &str, says, takes_a_status, spoil: &dyn Fn(&mut Value)| {
        let mut policy: Value = policy(name).on("apps/v1", "Deployment", "bad").into();
        spoil(&mut policy["spec"]);
        Malformed {
            policy,
            says,
            takes_a_status,
        }
    };
    vec![
        row("word", "spec.maxReplicas: ", true, &|spec| {
            spec["maxReplicas"] = "ten".into();
        }),
        row(
            "list",
            "spec.metrics[0].cpu.averageUtilization: ",
            false,
            &|spec| {
                spec["metrics"] = json!([{"name": "cpu", "cpu": {"averageUtilization": [70]}}]);
            },
        ),
        row(
            "upside-down",
            "minReplicas 20 is greater than maxReplicas 10",
            true,
            &|spec| {
                spec["minReplicas"] = 20.into();
            },
        ),
        row("unmeasured", "metrics has no entry", true, &|spec| {
            spec["metrics"] = json!([]);
        }),
        row("hollow", "missing field `scaleTargetRef`", true, &|spec| {
            *spec = json!({});
        }),
    ]
}

/// Replaces the schema of the definition, and returns the one that was there.
async fn exchange_schema(world: &World, schema: Value) -> Value {
    let name = "scalingpolicies.concertina.dev";
    let definitions = api(&world.client, None, &resource("CustomResourceDefinition"));
    let before = definitions.get(name).await.unwrap().data["spec"]["versions"][0]["schema"].clone();
    let operations = json!([{"op": "replace", "path": "/spec/versions/0/schema", "value": schema}]);
    let patch: json_patch::Patch = serde_json::from_value(operations).unwrap();
    let patch = Patch::Json::<()>(patch);
    definitions
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
    before
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn malformed_policies_from_another_time_are_told_and_harm_nobody() {
    undisturbed(async |world| {
        let before = controller(world).await;
        world.has(deployment("bad").replicas(2)).await;
        world.has(deployment("good")).await;
        world.has(policy("good").by(&[backlog(40, 20)])).await;
        world.until_replicas("Deployment", "good", 2).await;

        let loose =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        let strict = exchange_schema(world, loose).await;
        let stored = async {
            for row in malformed() {
                // The API server takes a moment to work by the new schema.
                world.until_accepted(&row.policy).await;
            }
        };
        restoring(stored, async |_| {
            exchange_schema(world, strict).await;
        })
        .await;
        let rehearsal = PostParams {
            dry_run: true,
            field_manager: None,
        };
        let another: Value = policy("another").between(20, 10).into();
        while world.try_create(&another, &rehearsal).await.is_ok() {
            tokio::time::sleep(GLANCE).await;
        }

        for Malformed {
            policy,
            says,
            takes_a_status,
        } in malformed()
        {
            let name = policy["metadata"]["name"].as_str().unwrap();
            let warning = world.until_warning(name, "InvalidPolicy").await;
            assert!(warning.contains(says), "{name}: {warning}");
            if takes_a_status {
                let message = world
                    .until_condition(name, "Ready", "False", "InvalidPolicy")
                    .await;
                assert!(message.contains(says), "{name}: {message}");
            }
        }
        // A status is written beside what the API server would refuse today.
        world
            .change("ScalingPolicy", "word", json!({"spec": {"periodSeconds": 2}}))
            .await;
        let again = world
            .until("ScalingPolicy", "word", "it was looked at again", |policy| {
                policy["status"]["observedGeneration"] == 2
            })
            .await;
        assert_eq!(condition(&again, "Ready")["reason"], "InvalidPolicy");

        world
            .change("ScalingPolicy", "good", by(&[backlog(60, 20)]))
            .await;
        world.until_replicas("Deployment", "good", 3).await;
        assert_eq!(changes_of(&world.object("Deployment", "bad").await), 0);
        assert_eq!(controller(world).await, before, "the controller was started anew");

        // What is mended works.
        world
            .change(
                "ScalingPolicy",
                "word",
                json!({"spec": {"maxReplicas": 10, "metrics": [backlog(60, 20)]}}),
            )
            .await;
    })
    .await;
}
