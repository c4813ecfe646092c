//! What the API server makes of the definition: every example is accepted, every bad manifest is refused with what to
//! write. Everything is a dry run, so nothing is stored but the definition itself.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams, Request};
use kube::core::ApiResource;
use kube::runtime::{conditions, wait::await_condition};
use kube::{Client, ResourceExt};
use serde::Deserialize;
use serde_json::{Value, json};

use concertina::api;

use crate::world::beside_others;

const NAMESPACE: &str = "default";

/// Installs the definition, or brings it up to date, and waits until the API server serves it.
pub(crate) async fn install_definition(client: &Client) {
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let definition = api::crd().unwrap();
    let name = definition.name_any();
    let params = PatchParams::apply("concertina-tests").force();
    definitions
        .patch(&name, &params, &Patch::Apply(&definition))
        .await
        .expect("the definition is accepted");
    let established = await_condition(definitions, &name, conditions::is_crd_established());
    tokio::time::timeout(Duration::from_secs(30), established)
        .await
        .expect("the definition is established within 30 s")
        .unwrap();
}

/// Creates `object` as `kubectl create --dry-run=server --validate=strict` does.
async fn dry_run_create(client: &Client, object: &Value) -> Result<DynamicObject, kube::Error> {
    let resource = ApiResource::erase::<api::ScalingPolicy>(&());
    let url = <DynamicObject as kube::Resource>::url_path(&resource, Some(NAMESPACE));
    let params = PostParams {
        dry_run: true,
        field_manager: None,
    };
    let mut request = Request::new(url)
        .create(&params, serde_json::to_vec(object).unwrap())
        .unwrap();
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri())
        .parse()
        .unwrap();
    client.request(request).await
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn every_example_is_accepted() {
    let _shared = beside_others().await;
    let client = Client::try_default().await.unwrap();
    install_definition(&client).await;
    let mut count = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let example: Value = serde_yaml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let stored = dry_run_create(&client, &example)
            .await
            .unwrap_or_else(|error| panic!("{} is refused: {error}", path.display()));
        assert_eq!(
            stored.data["spec"],
            example["spec"],
            "{}: the API server drops or adds fields",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 5, "only {count} examples were found");
}

/// One row of bad_manifests.yaml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BadManifest {
    why: String,
    spec: Value,
    says: String,
}

fn sound_policy() -> Value {
    json!({
        "apiVersion": "concertina.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": "bad-manifest"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 10,
            "metrics": [{"name": "cpu", "cpu": {"averageUtilization": 70}}],
        },
    })
}

/// Merges `change` into `value` as a JSON merge patch: null removes a field.
fn merge(value: &mut Value, change: &Value) {
    let (Some(fields), Some(changes)) = (value.as_object_mut(), change.as_object()) else {
        *value = change.clone();
        return;
    };
    for (name, change) in changes {
        match change {
            Value::Null => {
                fields.remove(name);
            }
            _ => merge(fields.entry(name.clone()).or_insert(Value::Null), change),
        }
    }
}

#[tokio::test]
#[ignore = "needs a cluster: make test-cluster"]
async fn every_bad_manifest_is_refused_with_what_to_write() {
    let _shared = beside_others().await;
    let client = Client::try_default().await.unwrap();
    install_definition(&client).await;
    dry_run_create(&client, &sound_policy())
        .await
        .expect("without a change the policy is sound");
    let rows: Vec<BadManifest> = serde_yaml::from_str(include_str!("bad_manifests.yaml")).unwrap();
    let mut wrong = Vec::new();
    for row in rows {
        let mut policy = sound_policy();
        merge(&mut policy["spec"], &row.spec);
        match dry_run_create(&client, &policy).await {
            Ok(_) => wrong.push(format!("{}: accepted", row.why)),
            Err(kube::Error::Api(refusal)) if refusal.message.contains(&row.says) => {}
            Err(error) => wrong.push(format!("{}: expected {:?}, got {error}", row.why, row.says)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
