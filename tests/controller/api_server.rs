//! A scripted API server: keeps objects, answers lists, watches, discovery and patches as the real one does, and
//! records every request. It is handed to the client as a service, so no network is involved.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body as Answer;
use axum::http::{Request as HttpRequest, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

use crate::faults::{Fault, Faults, Match};
use crate::requests::Request;
use crate::watch::{Watch, WatchStream};

/// A kind that is served.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) plural: &'static str,
    /// The field behind `spec.replicas` of `/scale`, for kinds that have a `/scale`.
    pub(crate) replicas: Option<&'static str>,
}

const fn kind(
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    replicas: Option<&'static str>,
) -> Kind {
    Kind {
        api_version,
        kind,
        plural,
        replicas,
    }
}

const KINDS: [Kind; 8] = [
    kind("apps/v1", "Deployment", "deployments", Some("/spec/replicas")),
    kind("apps/v1", "StatefulSet", "statefulsets", Some("/spec/replicas")),
    kind("apps/v1", "ReplicaSet", "replicasets", Some("/spec/replicas")),
    kind("apps/v1", "DaemonSet", "daemonsets", None),
    kind("v1", "Pod", "pods", None),
    kind("events.k8s.io/v1", "Event", "events", None),
    kind(
        "concertina.dev/v1alpha1",
        "ScalingPolicy",
        "scalingpolicies",
        None,
    ),
    // Its count is not where its name suggests, and only `/scale` tells.
    kind("example.dev/v1", "Fleet", "fleets", Some("/spec/size")),
];

/// One namespace is enough for nearly every scenario.
pub(crate) const NAMESPACE: &str = "shop";

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    plural: String,
    namespace: String,
    name: String,
}

#[derive(Default)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Value>,
    /// Version, plural and watch event of every change.
    history: Vec<(u64, String, Value)>,
    /// A watch from before this version is told that its version is gone.
    oldest: u64,
    watches: Vec<Arc<Mutex<Watch>>>,
    requests: Vec<Request>,
    taken: usize,
    faults: Faults,
    withheld: Vec<&'static str>,
}

/// The server; clones share everything.
#[derive(Clone, Default)]
pub(crate) struct ApiServer(Arc<Mutex<State>>);

impl ApiServer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A client of this server.
    pub(crate) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request| {
            let server = server.clone();
            async move { server.serve(request).await }
        });
        Client::new(service, NAMESPACE)
    }

    /// Creates or replaces an object, as `kubectl apply` would; returns its uid.
    pub(crate) fn has(&self, object: impl Into<Value>) -> String {
        self.state().put(object.into())
    }

    /// Deletes an object.
    pub(crate) fn delete(&self, plural: &str, name: &str) {
        let mut state = self.state();
        let key = key(plural, NAMESPACE, name);
        let object = state.objects.remove(&key).expect("there is such an object");
        state.announce("DELETED", plural, object);
    }

    /// An object as it is stored.
    pub(crate) fn object(&self, plural: &str, name: &str) -> Value {
        let state = self.state();
        let object = state.objects.get(&key(plural, NAMESPACE, name));
        object
            .unwrap_or_else(|| panic!("there is no {plural} {name}"))
            .clone()
    }

    /// Changes an object's field, as `kubectl patch` would.
    pub(crate) fn set(&self, plural: &str, name: &str, pointer: &str, value: impl Into<Value>) {
        let mut object = self.object(plural, name);
        set(&mut object, pointer, value.into());
        self.has(object);
    }

    /// Somebody else sets the replicas of a Deployment.
    pub(crate) fn scale_by_hand(&self, name: &str, replicas: i32) {
        self.set("deployments", name, "/spec/replicas", replicas);
    }

    /// The replicas that a Deployment asks for.
    pub(crate) fn replicas(&self, name: &str) -> i64 {
        self.object("deployments", name)["spec"]["replicas"]
            .as_i64()
            .unwrap()
    }

    /// Requests that match are answered with the fault, so many times.
    pub(crate) fn fails(&self, requests: Match, fault: Fault, times: usize) {
        self.state().faults.add(requests, fault, times);
    }

    /// Requests that match are answered with the fault from now on.
    pub(crate) fn always_fails(&self, requests: Match, fault: Fault) {
        self.fails(requests, fault, usize::MAX);
    }

    /// From now on watches of a kind deliver nothing until [`ApiServer::delivers`].
    pub(crate) fn withholds(&self, plural: &'static str) {
        self.state().withheld.push(plural);
    }

    /// Delivers what was withheld.
    pub(crate) fn delivers(&self) {
        let mut state = self.state();
        state.withheld.clear();
        for watch in &state.watches {
            watch.lock().unwrap().deliver();
        }
    }

    /// What is withheld of a kind is never delivered, as when a connection dies unseen.
    pub(crate) fn forgets_what_it_withheld(&self, plural: &str) {
        let mut state = self.state();
        state.withheld.retain(|withheld| *withheld != plural);
        for watch in &state.watches {
            let mut watch = watch.lock().unwrap();
            if watch.plural == plural {
                watch.forget();
            }
        }
    }

    /// Sends an event to the watches of a kind as if an older state were arriving only now.
    pub(crate) fn delivers_again(&self, plural: &str, object: &Value) {
        let state = self.state();
        for watch in state
            .watches
            .iter()
            .filter(|watch| watch.lock().unwrap().plural == plural)
        {
            watch
                .lock()
                .unwrap()
                .push(json!({"type": "MODIFIED", "object": object}), false);
        }
    }

    /// Ends all watches of a kind with 410 Gone; old versions are known no more.
    pub(crate) fn expires(&self, plural: &str) {
        let mut state = self.state();
        state.oldest = state.version;
        let event = json!({"type": "ERROR", "object": status(410, "Expired", "too old resource version")});
        for watch in state
            .watches
            .iter()
            .filter(|watch| watch.lock().unwrap().plural == plural)
        {
            watch.lock().unwrap().end(event.clone());
        }
    }

    /// Whether every one of these kinds has an open watch whose events have all been taken in.
    pub(crate) fn is_settled(&self, plurals: &[&str]) -> bool {
        let state = self.state();
        plurals.iter().all(|plural| {
            let mut open = state.watches.iter().map(|watch| watch.lock().unwrap());
            open.any(|watch| watch.plural == *plural && watch.is_settled())
        }) && !state.watches.iter().any(|watch| watch.lock().unwrap().is_busy())
    }

    /// The plural under which a kind is served, if it has a `/scale`.
    pub(crate) fn scalable(api_version: &str, kind: &str) -> Option<&'static str> {
        let kind = KINDS
            .iter()
            .find(|known| known.api_version == api_version && known.kind == kind)?;
        kind.replicas.map(|_| kind.plural)
    }

    /// The writes since the last call.
    pub(crate) fn take_writes(&self) -> Vec<Request> {
        let mut state = self.state();
        let writes = state.requests[state.taken..]
            .iter()
            .filter(|request| request.method != "GET");
        let writes = writes.cloned().collect();
        state.taken = state.requests.len();
        writes
    }

    /// All requests so far that match.
    pub(crate) fn requests(&self, wanted: Match) -> Vec<Request> {
        self.state()
            .requests
            .iter()
            .filter(|request| wanted(request))
            .cloned()
            .collect()
    }

    async fn serve(self, request: HttpRequest<Body>) -> Result<Response<Answer>, BoxError> {
        let request = Request::read(request).await?;
        let fault = {
            let mut state = self.state();
            state.requests.push(request.clone());
            state.faults.take(&request)
        };
        match fault {
            None => {}
            Some(Fault::Answers(code, message)) => return Ok(failure(code, message)),
            Some(Fault::Alters(replicas)) => {
                let mut altered = request;
                altered.body[2]["value"] = replicas.into();
                return Ok(self.handle(&altered));
            }
            Some(Fault::Waits(held)) => held.wait().await,
            Some(Fault::NeverAnswers) => std::future::pending().await,
            Some(Fault::Breaks) => {
                self.handle(&request);
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
            }
            Some(Fault::Disconnects) => {
                return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
            }
        }
        Ok(self.handle(&request))
    }

    fn handle(&self, request: &Request) -> Response<Answer> {
        let mut state = self.state();
        let path: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let (api_version, rest) = match path.as_slice() {
            ["api", version, rest @ ..] => ((*version).to_owned(), rest),
            ["apis", group, version, rest @ ..] => (format!("{group}/{version}"), rest),
            _ => return page_not_found(),
        };
        let served = |plural: &str| {
            KINDS
                .iter()
                .find(|kind| kind.api_version == api_version && kind.plural == plural)
        };
        match (request.method.as_str(), rest) {
            ("GET", []) => discovery(&api_version),
            ("GET", [plural]) if request.query.contains("watch=true") => state.watch(plural, &request.query),
            ("GET", [plural]) if served(plural).is_some() => state.list(plural),
            ("POST", ["namespaces", _, "events"]) => answer(201, &request.body),
            (method, ["namespaces", namespace, plural, name, subresource]) => {
                let key = key(plural, namespace, name);
                let Some(object) = state.objects.get(&key).cloned() else {
                    return not_found(plural, name);
                };
                match (method, *subresource, served(plural)) {
                    (
                        "GET",
                        "scale",
                        Some(Kind {
                            replicas: Some(field),
                            ..
                        }),
                    ) => answer(200, &scale_of(&object, field)),
                    (
                        "PATCH",
                        "scale",
                        Some(Kind {
                            replicas: Some(field),
                            ..
                        }),
                    ) => state.patch_scale(object, field, request),
                    ("PATCH", "status", Some(_)) => state.patch_status(object, request),
                    _ => page_not_found(),
                }
            }
            _ => page_not_found(),
        }
    }
}

impl State {
    fn put(&mut self, mut object: Value) -> String {
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

    fn announce(&mut self, change: &str, plural: &str, mut object: Value) {
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
            .filter(|watch| watch.lock().unwrap().plural == plural)
        {
            watch.lock().unwrap().push(event.clone(), withheld);
        }
        self.history.push((self.version, plural.to_owned(), event));
    }

    fn list(&self, plural: &str) -> Response<Answer> {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(key, _)| key.plural == plural)
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

    fn watch(&mut self, plural: &str, query: &str) -> Response<Answer> {
        let from = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("resourceVersion="));
        let from: u64 = from.and_then(|version| version.parse().ok()).unwrap_or(0);
        if from < self.oldest {
            return failure(410, "too old resource version");
        }
        let mut watch = Watch::new(plural);
        for (version, of, event) in &self.history {
            if of == plural && *version > from {
                watch.push(event.clone(), self.withheld.contains(&plural));
            }
        }
        let watch = Arc::new(Mutex::new(watch));
        self.watches.retain(|watch| watch.lock().unwrap().is_open());
        self.watches.push(Arc::clone(&watch));
        Response::new(Answer::from_stream(WatchStream(watch)))
    }

    fn patch_scale(&mut self, mut object: Value, field: &str, request: &Request) -> Response<Answer> {
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

    fn patch_status(&mut self, mut object: Value, request: &Request) -> Response<Answer> {
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

fn key(plural: &str, namespace: &str, name: &str) -> Key {
    Key {
        plural: plural.into(),
        namespace: namespace.into(),
        name: name.into(),
    }
}

fn kind_of(object: &Value) -> &'static Kind {
    let known = KINDS
        .iter()
        .find(|kind| object["apiVersion"] == kind.api_version && object["kind"] == kind.kind);
    known.unwrap_or_else(|| panic!("no such kind is served: {object}"))
}

/// At zero replicas a Scale has no `spec.replicas`.
fn scale_of(object: &Value, field: &str) -> Value {
    let replicas = object.pointer(field).and_then(Value::as_i64).unwrap_or(1);
    let spec = if replicas == 0 {
        json!({})
    } else {
        json!({"replicas": replicas})
    };
    let metadata = &object["metadata"];
    json!({
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": spec,
        "status": {"replicas": replicas, "selector": "app=web"},
    })
}

/// Applies `test`, `add` and `replace` of JSON Patch with the API server's meaning of absence: an absent field is
/// null. Returns whether all tests passed.
fn apply_json_patch(object: &mut Value, operations: &Value) -> bool {
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

fn discovery(api_version: &str) -> Response<Answer> {
    let kinds = KINDS.iter().filter(|kind| kind.api_version == api_version);
    let resources: Vec<Value> = kinds
        .flat_map(|kind| {
            let resource = |name: String, kind: &str, verbs: &[&str]| {
                json!({"name": name, "singularName": "", "namespaced": true, "kind": kind, "verbs": verbs})
            };
            let whole = resource(kind.plural.into(), kind.kind, &["get", "list", "watch", "patch"]);
            let scale = kind.replicas.map(|_| {
                let mut scale = resource(format!("{}/scale", kind.plural), "Scale", &["get", "patch", "update"]);
                scale["group"] = "autoscaling".into();
                scale["version"] = "v1".into();
                scale
            });
            [Some(whole), scale].into_iter().flatten()
        })
        .collect();
    if resources.is_empty() {
        return page_not_found();
    }
    let list = json!({
        "apiVersion": "v1", "kind": "APIResourceList", "groupVersion": api_version, "resources": resources,
    });
    answer(200, &list)
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    })
}

fn answer(code: u16, body: &Value) -> Response<Answer> {
    let response = Response::builder()
        .status(code)
        .header("content-type", "application/json");
    response.body(Answer::from(body.to_string())).unwrap()
}

fn failure(code: u16, message: &str) -> Response<Answer> {
    let reason = StatusCode::from_u16(code).unwrap();
    answer(
        code,
        &status(
            code,
            &reason.canonical_reason().unwrap_or_default().replace(' ', ""),
            message,
        ),
    )
}

fn not_found(plural: &str, name: &str) -> Response<Answer> {
    failure(404, &format!("{plural} \"{name}\" not found"))
}

/// What the real one answers for a group that it does not know.
fn page_not_found() -> Response<Answer> {
    Response::builder()
        .status(404)
        .body(Answer::from("404 page not found\n"))
        .unwrap()
}
