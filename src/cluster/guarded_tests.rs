use k8s_openapi::api::core::v1::ConfigMap;
use serde_json::json;

use super::*;

fn broken(resource_version: &str) -> serde_json::Value {
    json!({
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "u", "generation": 3, "resourceVersion": resource_version,
            "creationTimestamp": "2026-03-01T12:00:00Z", "managedFields": "none of our business",
        },
        "data": ["no", "map"],
    })
}

#[test]
fn a_sound_object_is_what_it_is() {
    let sound: Guarded<ConfigMap> = serde_json::from_value(json!({"metadata": {"name": "web"}})).unwrap();
    assert_eq!(sound.0.unwrap().metadata.name.as_deref(), Some("web"));
}

#[test]
fn a_malformed_object_keeps_its_names_and_says_what_is_wrong() {
    let guarded: Guarded<ConfigMap> = serde_json::from_value(broken("5")).unwrap();
    assert_eq!(guarded.meta().resource_version.as_deref(), Some("5"));
    let unreadable = guarded.0.unwrap_err();
    let metadata = &unreadable.metadata;
    assert_eq!(metadata.name.as_deref(), Some("web"));
    assert_eq!(metadata.namespace.as_deref(), Some("shop"));
    assert_eq!(
        (metadata.uid.as_deref(), metadata.generation),
        (Some("u"), Some(3))
    );
    assert!(metadata.creation_timestamp.is_some());
    assert!(unreadable.to_string().contains("expected"), "{unreadable}");
}

#[test]
fn the_same_fault_is_told_in_the_same_words_wherever_it_stands() {
    let error = |version: &str| {
        let text = broken(version).to_string();
        Guarded::<ConfigMap>::read(&text).unwrap().0.unwrap_err().error
    };
    assert_eq!(error("5"), error("123456789"));
    assert!(!error("5").contains("column"), "{}", error("5"));
}

#[test]
fn one_of_a_list_that_is_malformed_leaves_the_others_readable() {
    let list = json!([{"metadata": {"name": "a"}}, broken("5"), {"metadata": {"name": "b"}}]).to_string();
    let objects: Vec<Guarded<ConfigMap>> = serde_json::from_str(&list).unwrap();
    let is_sound: Vec<bool> = objects.iter().map(|object| object.0.is_ok()).collect();
    assert_eq!(is_sound, [true, false, true]);
}

#[test]
fn what_has_no_readable_metadata_is_an_error() {
    assert!(Guarded::<ConfigMap>::read(r#"{"metadata": 5}"#).is_err());
}
