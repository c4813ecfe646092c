//! Fields of objects, set by tests and by JSON patches.
use serde_json::{Value, json};

/// Applies `test`, `add` and `replace` of JSON Patch with the API server's meaning of absence: an absent field is
/// null. Returns whether all tests passed.
pub(crate) fn apply_json_patch(object: &mut Value, operations: &Value) -> bool {
    operations.as_array().unwrap().iter().all(|operation| {
        let pointer = operation["path"].as_str().unwrap();
        let found = object.pointer(pointer).cloned().unwrap_or(Value::Null);
        match operation["op"].as_str().unwrap() {
            "test" => found == operation["value"],
            "replace" if found.is_null() => false,
            "add" | "replace" => {
                set(object, pointer, operation["value"].clone());
                true
            }
            other => panic!("the operation {other} is not understood here"),
        }
    })
}

/// Sets a field, making the objects on the way to it.
pub(crate) fn set(object: &mut Value, pointer: &str, value: Value) {
    let mut place = object;
    for part in pointer.trim_start_matches('/').split('/') {
        let part = part.replace("~1", "/");
        place = match place {
            Value::Array(items) => &mut items[part.parse::<usize>().unwrap()],
            other => {
                if !other.is_object() {
                    *other = json!({});
                }
                other.as_object_mut().unwrap().entry(part).or_insert(Value::Null)
            }
        };
    }
    *place = value;
}
