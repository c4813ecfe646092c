//! The shop's manifests, those of `examples/shop`, with what the options change in them. Pure.

use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

const SHOP: &str = include_str!("../../shop/shop.yaml");
const POLICY: &str = include_str!("../../shop/policy.yaml");
const LOAD: &str = include_str!("../../shop/load.yaml");

/// What differs from the files.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    pub(crate) namespace: String,
    pub(crate) image: String,
    pub(crate) profile: String,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("a manifest in examples/shop is not valid YAML: {0}")]
    Yaml(#[from] serde_yaml::Error),
    #[error("a manifest in examples/shop is not a Kubernetes object: {0}")]
    Object(#[from] serde_json::Error),
}

impl Changes {
    /// Namespace, Deployment and Service of the shop, in this order.
    pub(crate) fn shop(&self) -> Result<Vec<DynamicObject>, ManifestError> {
        self.read(SHOP)
    }

    pub(crate) fn policy(&self) -> Result<Vec<DynamicObject>, ManifestError> {
        self.read(POLICY)
    }

    pub(crate) fn load(&self) -> Result<Vec<DynamicObject>, ManifestError> {
        self.read(LOAD)
    }

    fn read(&self, text: &str) -> Result<Vec<DynamicObject>, ManifestError> {
        serde_yaml::Deserializer::from_str(text)
            .map(|document| {
                let mut object = Value::deserialize(document)?;
                self.apply_to(&mut object);
                Ok(serde_json::from_value(object)?)
            })
            .collect()
    }

    fn apply_to(&self, object: &mut Value) {
        let name = if object.get("kind").is_some_and(|kind| kind == "Namespace") {
            "/metadata/name"
        } else {
            "/metadata/namespace"
        };
        set(object, name, &self.namespace);
        for containers in ["/spec/template/spec/containers", "/spec/containers"] {
            let Some(containers) = object.pointer_mut(containers).and_then(Value::as_array_mut) else {
                continue;
            };
            for container in containers {
                set(container, "/image", &self.image);
                let arguments = container.get_mut("args").and_then(Value::as_array_mut);
                for argument in arguments.into_iter().flatten() {
                    if argument
                        .as_str()
                        .is_some_and(|text| text.starts_with("--profile="))
                    {
                        *argument = Value::from(format!("--profile={}", self.profile));
                    }
                }
            }
        }
    }
}

fn set(object: &mut Value, pointer: &str, text: &str) {
    if let Some(value) = object.pointer_mut(pointer) {
        *value = Value::from(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes() -> Changes {
        Changes {
            namespace: "elsewhere".to_owned(),
            image: "registry.example/shop:1".to_owned(),
            profile: "1rps:2s,3rps:4s,1rps:5s".to_owned(),
        }
    }

    #[test]
    fn every_object_lands_in_the_namespace_that_was_asked_for() {
        let changes = changes();
        let shop = changes.shop().expect("the files are good");
        let kinds: Vec<_> = shop
            .iter()
            .filter_map(|object| object.types.as_ref())
            .map(|types| &types.kind)
            .collect();
        assert_eq!(kinds, ["Namespace", "Deployment", "Service"]);
        assert_eq!(shop[0].metadata.name.as_deref(), Some("elsewhere"));
        let rest = [changes.policy(), changes.load()].map(|objects| objects.expect("the files are good"));
        for object in shop[1..].iter().chain(rest.iter().flatten()) {
            assert_eq!(
                object.metadata.namespace.as_deref(),
                Some("elsewhere"),
                "{:?}",
                object.types
            );
        }
    }

    #[test]
    fn image_and_profile_are_put_in() {
        let shop = changes().shop().expect("the files are good");
        let image = shop[1].data.pointer("/spec/template/spec/containers/0/image");
        assert_eq!(image, Some(&Value::from("registry.example/shop:1")));
        let load = changes().load().expect("the files are good");
        let container = load[0].data.pointer("/spec/containers/0").expect("one container");
        assert_eq!(container["image"], "registry.example/shop:1");
        let arguments = container["args"].as_array().expect("arguments");
        assert!(
            arguments.contains(&Value::from("--profile=1rps:2s,3rps:4s,1rps:5s")),
            "{arguments:?}"
        );
    }
}
