//! One test's part of the real cluster: a namespace of its own, what is in it, and the waiting for what should come to
//! be. What went wrong is shown before the namespace goes. Everything here talks to the API server.
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process::Command;
use std::time::{Duration, Instant};

use futures::FutureExt;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::sync::RwLock;

/// What must come to be has come to be by then, on a slow and busy machine too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks.
pub(crate) const GLANCE: Duration = Duration::from_millis(200);

/// Most tests share the cluster; those that alter what all depend on have it to themselves.
static CLUSTER: RwLock<()> = RwLock::const_new(());

/// Runs a test beside others in a namespace of its own.
pub(crate) async fn in_a_namespace(test: impl AsyncFnOnce(&World)) {
    let _shared = CLUSTER.read().await;
    World::with(test).await;
}

/// Runs a test that no other may run beside, in a namespace of its own.
pub(crate) async fn undisturbed(test: impl AsyncFnOnce(&World)) {
    let _alone = CLUSTER.write().await;
    World::with(test).await;
}

/// Waits until no test has the cluster to itself.
pub(crate) async fn beside_others() -> tokio::sync::RwLockReadGuard<'static, ()> {
    CLUSTER.read().await
}

/// Runs `test`, and `restore` whatever became of it.
pub(crate) async fn restoring(test: impl Future<Output = ()>, restore: impl AsyncFnOnce(bool)) {
    let outcome = AssertUnwindSafe(test).catch_unwind().await;
    restore(outcome.is_err()).await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Runs kubectl and returns what it prints.
pub(crate) fn kubectl(arguments: &[&str]) -> String {
    let output = Command::new("kubectl").args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "kubectl {}: {error}",
        arguments.join(" ")
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A namespace and what is in it.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) namespace: String,
}

impl World {
    async fn with(test: impl AsyncFnOnce(&Self)) {
        let client = Client::try_default().await.unwrap();
        let namespaces = api(&client, None, &resource("Namespace"));
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"generateName": "concertina-test-"},
        });
        let namespace = serde_json::from_value(namespace).unwrap();
        let created = namespaces
            .create(&PostParams::default(), &namespace)
            .await
            .unwrap();
        let namespace = created.name_any();
        let world = Self { client, namespace };
        restoring(test(&world), async |failed| {
            if failed {
                world.show();
            }
            let _ = namespaces
                .delete(&world.namespace, &DeleteParams::background())
                .await;
        })
        .await;
    }

    /// Prints what there is to see after a failure.
    fn show(&self) {
        let namespace = &self.namespace;
        let show = |title: &str, command: &str| {
            let arguments = command.split(' ');
            let output = Command::new("kubectl").args(arguments).output();
            let text = output.map_or_else(
                |error| error.to_string(),
                |output| String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
            );
            eprintln!("== {title}\n{text}");
        };
        show("policies", &format!("get spol -n {namespace} -o yaml"));
        show(
            "events",
            &format!("get events.v1.events.k8s.io -n {namespace} --sort-by eventTime"),
        );
        show("objects", &format!("get all -n {namespace} -o wide"));
        show(
            "the controller's log",
            "logs -n concertina deployment/concertina --tail 60",
        );
    }

    /// Creates an object of this namespace.
    pub(crate) async fn has(&self, object: impl Into<Value>) -> Value {
        let object: Value = object.into();
        let attempt = self.try_create(&object, &PostParams::default()).await;
        attempt.unwrap_or_else(|error| panic!("refused: {error}\n{object:#}"))
    }

    pub(crate) async fn try_create(&self, object: &Value, params: &PostParams) -> kube::Result<Value> {
        let dynamic: DynamicObject = serde_json::from_value(object.clone()).unwrap();
        let types = dynamic.types.clone().unwrap();
        let kind = GroupVersionKind::try_from(&types).unwrap();
        let created = self
            .api(&ApiResource::from_gvk(&kind))
            .create(params, &dynamic)
            .await?;
        Ok(serde_json::to_value(created).unwrap())
    }

    /// Creates an object as soon as the API server accepts it.
    pub(crate) async fn until_accepted(&self, object: &Value) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.try_create(object, &PostParams::default()).await {
            assert!(
                Instant::now() < deadline,
                "refused for {PATIENCE:?}: {error}\n{object:#}"
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Changes an object as a JSON merge patch does.
    pub(crate) async fn change(&self, kind: &str, name: &str, change: Value) {
        let api = self.api(&self.resource(kind));
        let patched = api
            .patch(name, &PatchParams::default(), &Patch::Merge(&change))
            .await;
        patched.unwrap_or_else(|error| panic!("{kind} {name}: refused: {error}"));
    }

    pub(crate) async fn delete(&self, kind: &str, name: &str) {
        let params = DeleteParams::background().grace_period(0);
        self.api(&self.resource(kind))
            .delete(name, &params)
            .await
            .unwrap();
    }

    pub(crate) async fn object(&self, kind: &str, name: &str) -> Value {
        let object = self.api(&self.resource(kind)).get(name).await.unwrap();
        serde_json::to_value(object).unwrap()
    }

    /// Waits until `holds` of the object, and returns it.
    pub(crate) async fn until(
        &self,
        kind: &str,
        name: &str,
        what: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let object = self.object(kind, name).await;
            if holds(&object) {
                return object;
            }
            assert!(
                Instant::now() < deadline,
                "{kind} {name}: not within {PATIENCE:?}: {what}; it is\n{object:#}"
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until there is no such object.
    pub(crate) async fn until_gone(&self, kind: &str, name: &str) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(object) = self.api(&self.resource(kind)).get_opt(name).await.unwrap() {
            assert!(
                Instant::now() < deadline,
                "{kind} {name}: not gone within {PATIENCE:?}; it is\n{object:#?}"
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until so many pods of `app` are made to wait because they end again and again.
    pub(crate) async fn until_crashing(&self, app: &str, pods: usize) {
        let deadline = Instant::now() + PATIENCE;
        let of_app = ListParams::default().labels(&format!("app={app}"));
        loop {
            let found = self.api(&resource("Pod")).list(&of_app).await.unwrap();
            let waits = |pod: &&DynamicObject| {
                let container = &pod.data["status"]["containerStatuses"][0];
                container["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            };
            if found.items.iter().filter(waits).count() == pods {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{app}: not {pods} crashing pods within {PATIENCE:?}; there are {:#?}",
                found.items
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until `name`, a kind with `spec.replicas`, asks for so many replicas.
    pub(crate) async fn until_replicas(&self, kind: &str, name: &str, replicas: i64) -> Value {
        let what = format!("{replicas} replicas");
        self.until(kind, name, &what, |object| object["spec"]["replicas"] == replicas)
            .await
    }

    /// Waits until the policy's condition has this status and reason; returns its message.
    pub(crate) async fn until_condition(
        &self,
        policy: &str,
        kind: &str,
        status: &str,
        reason: &str,
    ) -> String {
        let what = format!("{kind} is {status} because of {reason}");
        let policy = self
            .until("ScalingPolicy", policy, &what, |policy| {
                let condition = condition(policy, kind);
                condition["status"] == status && condition["reason"] == reason
            })
            .await;
        condition(&policy, kind)["message"].as_str().unwrap().to_owned()
    }

    /// Waits until the policy wants so many replicas.
    pub(crate) async fn until_desired(&self, policy: &str, replicas: i64) -> Value {
        let what = format!("{replicas} desired");
        self.until("ScalingPolicy", policy, &what, |policy| {
            policy["status"]["desiredReplicas"] == replicas
        })
        .await
    }

    /// Waits until there is an event with this reason on the object; returns its text.
    pub(crate) async fn until_event(&self, kind: &str, name: &str, reason: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let events = self.events(kind, name).await;
            if let Some(event) = events.iter().find(|event| event["reason"] == reason) {
                return event["note"].as_str().unwrap().to_owned();
            }
            assert!(
                Instant::now() < deadline,
                "{kind} {name}: no event {reason} within {PATIENCE:?}; there are {events:#?}"
            );
            tokio::time::sleep(GLANCE).await;
        }
    }

    /// Waits until there is a warning with this reason about the policy; returns its text.
    pub(crate) async fn until_warning(&self, policy: &str, reason: &str) -> String {
        let note = self.until_event("ScalingPolicy", policy, reason).await;
        let events = self.events("ScalingPolicy", policy).await;
        let warns = |event: &&Value| event["reason"] == reason && event["type"] == "Warning";
        assert_eq!(
            events.iter().filter(warns).count(),
            1,
            "one warning for one trouble: {events:#?}"
        );
        note
    }

    /// The controller's events on an object.
    pub(crate) async fn events(&self, kind: &str, name: &str) -> Vec<Value> {
        let list = self
            .api(&self.resource("Event"))
            .list(&ListParams::default())
            .await
            .unwrap();
        list.items
            .into_iter()
            .map(|event| serde_json::to_value(event).unwrap())
            .filter(|event| {
                let about = &event["regarding"];
                let is_ours = event["reportingController"] == "concertina.dev/controller";
                is_ours && about["kind"] == kind && about["name"] == name
            })
            .collect()
    }

    /// A group of the test's own, for kinds of its own.
    pub(crate) fn own_group(&self) -> String {
        // Short, for messages that name it are cut somewhere.
        let suffix = self.namespace.rsplit('-').next().unwrap_or_default();
        format!("{suffix}.example.com")
    }

    fn resource(&self, kind: &str) -> ApiResource {
        match kind {
            "Fleet" => ApiResource::from_gvk(&GroupVersionKind::gvk(&self.own_group(), "v1", kind)),
            _ => resource(kind),
        }
    }

    pub(crate) fn api(&self, resource: &ApiResource) -> Api<DynamicObject> {
        api(&self.client, Some(&self.namespace), resource)
    }
}

/// How often the spec of the object was changed since it was created.
pub(crate) fn changes_of(object: &Value) -> i64 {
    object["metadata"]["generation"].as_i64().unwrap() - 1
}

/// One condition of a policy; null when it has none of this kind.
pub(crate) fn condition<'p>(policy: &'p Value, kind: &str) -> &'p Value {
    let conditions = policy["status"]["conditions"].as_array();
    let found = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind);
    found.unwrap_or(&Value::Null)
}

pub(crate) fn api(client: &Client, namespace: Option<&str>, resource: &ApiResource) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// The kinds that tests work with, under their names.
pub(crate) fn resource(kind: &str) -> ApiResource {
    let (group, version) = match kind {
        "ScalingPolicy" => ("concertina.dev", "v1alpha1"),
        "Deployment" | "ReplicaSet" | "StatefulSet" => ("apps", "v1"),
        "Event" => ("events.k8s.io", "v1"),
        "EndpointSlice" => ("discovery.k8s.io", "v1"),
        "ClusterRole" | "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "v1"),
        "CustomResourceDefinition" => ("apiextensions.k8s.io", "v1"),
        "ValidatingAdmissionPolicy" | "ValidatingAdmissionPolicyBinding" => {
            ("admissionregistration.k8s.io", "v1")
        }
        "HorizontalPodAutoscaler" => ("autoscaling", "v2"),
        "ScaledObject" => ("keda.sh", "v1alpha1"),
        "Lease" => ("coordination.k8s.io", "v1"),
        "Namespace" | "Pod" | "ResourceQuota" | "Service" => ("", "v1"),
        _ => panic!("{kind}: name its group and version here"),
    };
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}
