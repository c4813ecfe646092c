//! A scripted API server: keeps objects, answers lists, watches, discovery and patches as the real one does, and
//! records every request. It is handed to the client as a service, so no network is involved.
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body as Answer;
use axum::http::{Request as HttpRequest, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

use crate::answers::{answer, failure, not_found, page_not_found, status};
use crate::faults::{Fault, Match};
use crate::kinds::{KINDS, Kind, discovery, scale_of};
use crate::patches::set;
use crate::requests::Request;
use crate::state::{State, key};

/// One namespace is enough for nearly every scenario.
pub(crate) const NAMESPACE: &str = "shop";

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
        self.delete_in(NAMESPACE, plural, name);
    }

    /// Deletes an object of another namespace.
    pub(crate) fn delete_in(&self, namespace: &str, plural: &str, name: &str) {
        let mut state = self.state();
        let key = key(plural, namespace, name);
        let object = state.objects.remove(&key).expect("there is such an object");
        state.announce("DELETED", plural, object);
    }

    /// An object as it is stored.
    pub(crate) fn object(&self, plural: &str, name: &str) -> Value {
        self.object_in(NAMESPACE, plural, name)
    }

    /// An object of another namespace as it is stored.
    pub(crate) fn object_in(&self, namespace: &str, plural: &str, name: &str) -> Value {
        let state = self.state();
        let object = state.objects.get(&key(plural, namespace, name));
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
        self.expires_in(NAMESPACE, plural);
    }

    /// The same for watches that tell of this namespace.
    pub(crate) fn expires_in(&self, namespace: &str, plural: &str) {
        let mut state = self.state();
        state.oldest = state.version;
        let event = json!({"type": "ERROR", "object": status(410, "Expired", "too old resource version")});
        for watch in state
            .watches
            .iter()
            .filter(|watch| watch.lock().unwrap().is_for(plural, namespace))
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
        let is_watch = request.query.contains("watch=true");
        match (request.method.as_str(), rest) {
            ("GET", []) => discovery(&api_version),
            ("GET", [plural]) if is_watch => state.watch(plural, None, &request.query),
            ("GET", [plural]) if served(plural).is_some() => state.list(plural, None),
            ("GET", ["namespaces", namespace, plural]) if is_watch => {
                state.watch(plural, Some(namespace), &request.query)
            }
            ("GET", ["namespaces", namespace, plural]) if served(plural).is_some() => {
                state.list(plural, Some(namespace))
            }
            ("POST", ["namespaces", _, "events"]) => answer(201, &request.body),
            ("GET", ["namespaces", namespace, plural, name]) => {
                match state.objects.get(&key(plural, namespace, name)) {
                    Some(object) => answer(200, object),
                    None => not_found(plural, name),
                }
            }
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
