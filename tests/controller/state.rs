//! What the scripted API server holds, and how lists, watches and patches work on it.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Body as Answer;
use axum::http::Response;
use serde_json::{Value, json};

use crate::answers::{answer, failure};
use crate::api_server::NAMESPACE;
use crate::faults::Faults;
use crate::kinds::{KINDS, kind_of, scale_of};
use crate::patches::{apply_json_patch, set};
use crate::requests::Request;
use crate::watch::{Watch, WatchStream, is_in};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    plural: String,
    namespace: String,
    name: String,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) objects: BTreeMap<Key, Value>,
    /// Version, plural and watch event of every change.
    pub(crate) history: Vec<(u64, String, Value)>,
    /// A watch from before this version is told that its version is gone.
    pub(crate) oldest: u64,
    pub(crate) watches: Vec<Arc<Mutex<Watch>>>,
    pub(crate) requests: Vec<Request>,
    pub(crate) taken: usize,
    pub(crate) faults: Faults,
    pub(crate) withheld: Vec<&'static str>,
}

impl State {
    pub(crate) fn put(&mut self, mut object: Value) -> String {
        let kind = kind_of(&object);
        let name = object["metadata"]["name"]
            .as_str()
            .expect("every object has a name")
            .to_owned();
        let metadata = object["metadata"].as_object_mut().unwrap();
        metadata.entry("namespace").or_insert_with(|| NAMESPACE.into());
        metadata
            .entry("creationTimestamp")
            .or_insert_with(|| "2023-11-14T00:00:00Z".into());
        let key = key(kind.plural, metadata["namespace"].as_str().unwrap(), &name);
        self.version += 1;
        let before = self.objects.get(&key);
        let uid = before.map_or_else(
            || {
                metadata
                    .get("uid")
                    .cloned()
                    .unwrap_or_else(|| format!("{name}-{}", self.version).into())
            },
            |before| before["metadata"]["uid"].clone(),
        );
        let generation = before.map_or(1, |before| {
            let known = before["metadata"]["generation"].as_i64().unwrap();
            known + i64::from(before["spec"] != object["spec"])
        });
        let change = if before.is_some() { "MODIFIED" } else { "ADDED" };
        object["metadata"]["uid"] = uid.clone();
        object["metadata"]["generation"] = generation.into();
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.objects.insert(key, object.clone());
        self.tell(change, kind.plural, &object);
        uid.as_str().unwrap().to_owned()
    }

    pub(crate) fn announce(&mut self, change: &str, plural: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.tell(change, plural, &object);
    }

    fn tell(&mut self, change: &str, plural: &str, object: &Value) {
        let event = json!({"type": change, "object": object});
        let withheld = self.withheld.contains(&plural);
        for watch in self
            .watches
            .iter()
            .filter(|watch| watch.lock().unwrap().is_of(plural, object))
        {
            watch.lock().unwrap().push(event.clone(), withheld);
        }
        self.history.push((self.version, plural.to_owned(), event));
    }

    pub(crate) fn list(&self, plural: &str, namespace: Option<&str>) -> Response<Answer> {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(key, object)| key.plural == plural && is_in(namespace, object))
            .map(|(_, object)| object)
            .collect();
        let kind = KINDS.iter().find(|kind| kind.plural == plural).unwrap();
        let list = json!({
            "apiVersion": kind.api_version,
            "kind": format!("{}List", kind.kind),
            "metadata": {"resourceVersion": self.version.to_string()},
            "items": items,
        });
        answer(200, &list)
    }

    pub(crate) fn watch(&mut self, plural: &str, namespace: Option<&str>, query: &str) -> Response<Answer> {
        if query.contains("sendInitialEvents=true") {
            return self.list_as_events(plural, namespace);
        }
        let from = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("resourceVersion="));
        let from: u64 = from.and_then(|version| version.parse().ok()).unwrap_or(0);
        if from < self.oldest {
            return failure(410, "too old resource version");
        }
        let mut watch = Watch::new(plural, namespace);
        for (version, of, event) in &self.history {
            if watch.is_of(of, &event["object"]) && *version > from {
                watch.push(event.clone(), self.withheld.contains(&plural));
            }
        }
        self.open(watch)
    }

    /// A watch that begins with all there is, and a bookmark that says where that ends.
    fn list_as_events(&mut self, plural: &str, namespace: Option<&str>) -> Response<Answer> {
        let mut watch = Watch::new(plural, namespace);
        for (_, object) in self.objects.iter().filter(|(key, _)| key.plural == plural) {
            if !is_in(namespace, object) {
                continue;
            }
            watch.push(json!({"type": "ADDED", "object": object}), false);
        }
        let metadata = json!({
            "resourceVersion": self.version.to_string(), "annotations": {"k8s.io/initial-events-end": "true"},
        });
        let end = json!({"kind": "Any", "apiVersion": "v1", "metadata": metadata});
        watch.push(json!({"type": "BOOKMARK", "object": end}), false);
        self.open(watch)
    }

    fn open(&mut self, watch: Watch) -> Response<Answer> {
        let watch = Arc::new(Mutex::new(watch));
        self.watches.retain(|watch| watch.lock().unwrap().is_open());
        self.watches.push(Arc::clone(&watch));
        Response::new(Answer::from_stream(WatchStream(watch)))
    }

    pub(crate) fn patch_scale(
        &mut self,
        mut object: Value,
        field: &str,
        request: &Request,
    ) -> Response<Answer> {
        let mut scale = scale_of(&object, field);
        if request.content_type != "application/json-patch+json"
            || !apply_json_patch(&mut scale, &request.body)
        {
            return failure(
                422,
                "the server rejected our request due to an error in our request",
            );
        }
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
        if !(0..=i64::from(i32::MAX)).contains(&replicas) {
            return failure(
                422,
                "spec.replicas: Invalid value: must be greater than or equal to 0",
            );
        }
        if object.pointer(field).and_then(Value::as_i64) != Some(replicas) {
            set(&mut object, field, replicas.into());
            self.put(object.clone());
            let metadata = &object["metadata"];
            let place = key(
                kind_of(&object).plural,
                metadata["namespace"].as_str().unwrap(),
                metadata["name"].as_str().unwrap(),
            );
            object = self.objects[&place].clone();
        }
        answer(200, &scale_of(&object, field))
    }

    pub(crate) fn patch_status(&mut self, mut object: Value, request: &Request) -> Response<Answer> {
        let before = object["status"].clone();
        match request.content_type.as_str() {
            "application/json-patch+json" => {
                let mut patched = object.clone();
                if !apply_json_patch(&mut patched, &request.body) {
                    return failure(
                        422,
                        "the server rejected our request due to an error in our request",
                    );
                }
                // Only the status can be changed here.
                object["status"] = patched["status"].clone();
            }
            // Of metadata nothing is looked at, not even the uid: checked against Kubernetes 1.37.
            "application/apply-patch+yaml" => object["status"] = request.body["status"].clone(),
            other => return failure(415, other),
        }
        if object["status"] != before {
            self.put(object.clone());
        }
        answer(200, &object)
    }
}

pub(crate) fn key(plural: &str, namespace: &str, name: &str) -> Key {
    Key {
        plural: plural.into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}
