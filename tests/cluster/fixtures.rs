//! Objects that read as sentences: workloads with pods that cost next to nothing, policies, and load. Pure.
use serde_json::{Value, json};

/// The sample shop; `IMAGE_SHOP` names it on clusters other than the test bed.
fn shop_image() -> String {
    std::env::var("IMAGE_SHOP").unwrap_or_else(|_| "localhost/shop:dev".into())
}

/// Seconds between two scrapes of Prometheus; `SCRAPE_INTERVAL_SECONDS` on clusters other than the test bed.
pub(crate) fn scrape_interval_seconds() -> u32 {
    let stated = std::env::var("SCRAPE_INTERVAL_SECONDS").ok();
    stated.map_or(5, |seconds| seconds.parse().unwrap())
}

/// A Deployment of one shop.
pub(crate) fn deployment(name: &str) -> Workload {
    Workload(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": pod_template(name),
        },
    }))
}

/// A StatefulSet of one shop.
pub(crate) fn stateful_set(name: &str) -> Workload {
    let Workload(mut object) = deployment(name);
    object["kind"] = "StatefulSet".into();
    object["spec"]["serviceName"] = name.into();
    object["spec"]["podManagementPolicy"] = "Parallel".into();
    Workload(object)
}

/// A ReplicaSet of one shop that belongs to nobody.
pub(crate) fn replica_set(name: &str) -> Workload {
    let Workload(mut object) = deployment(name);
    object["kind"] = "ReplicaSet".into();
    Workload(object)
}

fn pod_template(app: &str) -> Value {
    json!({
        "metadata": {
            "labels": {"app": app},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
        },
        "spec": {
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "shop",
                "image": shop_image(),
                "args": ["serve", "--page-cost-ms=1", "--linger-ms=0"],
                "ports": [{"name": "http", "containerPort": 8080}],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 2},
            }],
        },
    })
}

/// A workload in the making.
pub(crate) struct Workload(Value);

impl Workload {
    pub(crate) fn replicas(mut self, replicas: i32) -> Self {
        self.0["spec"]["replicas"] = replicas.into();
        self
    }

    /// Its pods say nothing of what they need.
    pub(crate) fn without_requests(mut self) -> Self {
        self.container()["resources"] = json!({});
        self
    }

    /// Each pod asks for this much CPU, and may use twice as much.
    pub(crate) fn with_cpu(mut self, millicores: i32) -> Self {
        let amount = |millicores: i32| format!("{millicores}m");
        self.container()["resources"] = json!({
            "requests": {"cpu": amount(millicores), "memory": "16Mi"},
            "limits": {"cpu": amount(2 * millicores)},
        });
        self
    }

    /// A page costs so many milliseconds of CPU.
    pub(crate) fn with_pages_of(mut self, milliseconds: i32) -> Self {
        self.container()["args"][1] = format!("--page-cost-ms={milliseconds}").into();
        self
    }

    /// A version goes with room for so many pods beside those that are replicas, which stay until new ones are Ready.
    pub(crate) fn surging(mut self, surge: i32) -> Self {
        let rolling = json!({"maxSurge": surge, "maxUnavailable": 0});
        self.0["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": rolling});
        self
    }

    /// A version goes before the next one comes.
    pub(crate) fn recreated(mut self) -> Self {
        self.0["spec"]["strategy"] = json!({"type": "Recreate"});
        self
    }

    /// Its pods take so long to become Ready.
    pub(crate) fn ready_after(mut self, seconds: i32) -> Self {
        self.container()["args"] = json!(["serve", format!("--warm-up-ms={}", 1000 * seconds)]);
        self
    }

    /// Its pods run and do not become Ready within any test.
    pub(crate) fn never_ready(self) -> Self {
        self.ready_after(3600)
    }

    /// Its pods end at once with an error.
    pub(crate) fn crashing(mut self) -> Self {
        self.container()["args"] = json!(["no-such-command"]);
        self
    }

    /// The change that makes this the version of a Deployment that is there already.
    pub(crate) fn into_version(mut self, version: &str) -> Value {
        let template = &mut self.0["spec"]["template"];
        template["metadata"]["annotations"]["version"] = version.into();
        json!({"spec": {"template": template}})
    }

    fn container(&mut self) -> &mut Value {
        &mut self.0["spec"]["template"]["spec"]["containers"][0]
    }
}

impl From<Workload> for Value {
    fn from(workload: Workload) -> Self {
        workload.0
    }
}

/// The Service that spreads requests over the pods of `app`.
pub(crate) fn service(app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": app},
        "spec": {"selector": {"app": app}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

/// A pod that asks the shop behind the Service for so many pages a second, until it is deleted.
pub(crate) fn visitors(app: &str, pages_per_second: i32) -> Value {
    let address = app.to_uppercase();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "visitors"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "dnsPolicy": "Default",
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "visitors",
                "image": shop_image(),
                "args": [
                    "load",
                    format!("--target=http://$({address}_SERVICE_HOST):$({address}_SERVICE_PORT)"),
                    format!("--profile={pages_per_second}rps:10m"),
                ],
                "resources": {"requests": {"cpu": "50m", "memory": "16Mi"}},
            }],
        },
    })
}

/// A policy on the Deployment of the same name: between 1 and 10 replicas, decided each second, shrinking without
/// waiting.
pub(crate) fn policy(name: &str) -> Policy {
    Policy(json!({
        "apiVersion": "concertina.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "maxReplicas": 10,
            "periodSeconds": 1,
            "metrics": [backlog(20, 20)],
            "behavior": {"scaleDown": {
                "cooldownSeconds": 0,
                "stabilizationWindowSeconds": 0,
                "policies": [{"type": "Percent", "value": 100, "periodSeconds": 1}],
            }},
        },
    }))
}

/// A backlog that is always `total`, of which one replica carries `per_replica`: load that costs nothing.
pub(crate) fn backlog(total: i32, per_replica: i32) -> Value {
    query(&format!("vector({total})"), per_replica)
}

/// A query whose answer is divided among the replicas.
pub(crate) fn query(text: &str, per_replica: i32) -> Value {
    json!({"name": "backlog", "prometheus": {"query": text, "averageValue": per_replica}})
}

/// A query that answers how many pods of the Deployment serve: load, or an alarm, that a test turns up and down by the
/// replicas of a Deployment that nobody asks for anything. Without any the answer is empty.
pub(crate) fn pods_of(namespace: &str, deployment: &str) -> String {
    format!(r#"count(http_requests_total{{namespace="{namespace}",pod=~"{deployment}-.*",page="home"}})"#)
}

/// CPU in per cent of what is requested.
pub(crate) fn cpu(percent: i32) -> Value {
    json!({"name": "cpu", "cpu": {"averageUtilization": percent}})
}

/// Requests per second and replica.
pub(crate) fn rate(per_replica: i32) -> Value {
    json!({"name": "rate", "requestRate": {"averageValue": per_replica}})
}

/// A policy in the making.
pub(crate) struct Policy(Value);

impl Policy {
    pub(crate) fn on(mut self, api_version: &str, kind: &str, name: &str) -> Self {
        self.0["spec"]["scaleTargetRef"] = json!({"apiVersion": api_version, "kind": kind, "name": name});
        self
    }

    pub(crate) fn by(mut self, metrics: &[Value]) -> Self {
        self.0["spec"]["metrics"] = metrics.into();
        self
    }

    pub(crate) fn between(mut self, min: i32, max: i32) -> Self {
        self.0["spec"]["minReplicas"] = min.into();
        self.0["spec"]["maxReplicas"] = max.into();
        self
    }

    pub(crate) fn in_mode(mut self, mode: &str) -> Self {
        self.0["spec"]["mode"] = mode.into();
        self
    }

    pub(crate) fn asking(mut self, server: &str) -> Self {
        self.0["spec"]["prometheusRef"] = json!({"name": server});
        self
    }

    /// Shrinks only to what was enough for so long.
    pub(crate) fn shrinking_after(mut self, seconds: i32) -> Self {
        self.0["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] = seconds.into();
        self
    }

    /// With a field of the spec that is rarely set.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.0["spec"][field] = value;
        self
    }

    /// With a field of its behavior.
    pub(crate) fn behaving(mut self, field: &str, value: Value) -> Self {
        self.0["spec"]["behavior"][field] = value;
        self
    }

    /// Shrinks as calmly as a policy that says nothing about it.
    pub(crate) fn calm(mut self) -> Self {
        self.0["spec"]["behavior"] = json!({});
        self
    }
}

impl From<Policy> for Value {
    fn from(policy: Policy) -> Self {
        policy.0
    }
}

/// The change of a policy that makes it decide by these metrics.
pub(crate) fn by(metrics: &[Value]) -> Value {
    json!({"spec": {"metrics": metrics}})
}
