//! A scripted API server that keeps one Lease, and the links to it, each with its own weather. Time is tokio's, so that it can be paused.
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body as Answer;
use axum::http::Response;
use futures::stream;
use kube::Client;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tower::BoxError;

use crate::answers::{answer, failure, not_found};
use crate::requests::Request;

/// The namespace of the Lease.
pub(crate) const NAMESPACE: &str = "concertina";
/// Its name.
pub(crate) const NAME: &str = "concertina";

/// What happens to requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Weather {
    /// They are answered after this time.
    Fine(Duration),
    /// They are refused.
    Refuses(u16),
    /// They are neither handled nor answered.
    Hangs,
    /// They are handled, and the answer never comes.
    LosesAnswers,
    /// They are handled, and the connection breaks before the answer.
    Breaks,
    /// They are handled after this time, and the answer never comes.
    Late(Duration),
}

/// The server; clones share everything.
#[derive(Clone, Default)]
pub(crate) struct LeaseServer(Arc<Mutex<Store>>);

#[derive(Default)]
struct Store {
    lease: Option<Value>,
    version: u64,
    history: Vec<(u64, Value)>,
    watches: Vec<(Link, mpsc::UnboundedSender<Value>)>,
    /// Watches that hear nothing any more and do not know it.
    dead: Vec<mpsc::UnboundedSender<Value>>,
    requests: Vec<Request>,
}

/// One process's way to the server; clones are the same one.
#[derive(Clone)]
pub(crate) struct Link {
    server: LeaseServer,
    weather: Arc<Mutex<Weather>>,
    refuses_watches: Arc<AtomicBool>,
}

impl LeaseServer {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap()
    }

    /// Another way to this server.
    pub(crate) fn link(&self) -> Link {
        Link {
            server: self.clone(),
            weather: Arc::new(Mutex::new(Weather::Fine(Duration::from_millis(5)))),
            refuses_watches: Arc::default(),
        }
    }

    /// The Lease as it is stored.
    pub(crate) fn lease(&self) -> Option<Value> {
        self.store().lease.clone()
    }

    /// Who holds it; empty where nobody does.
    pub(crate) fn holder(&self) -> String {
        let lease = self.lease().unwrap_or_default();
        lease["spec"]["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Somebody changes a label of the Lease, so that it has another version.
    pub(crate) fn is_labelled(&self) {
        let mut store = self.store();
        if let Some(mut lease) = store.lease.clone() {
            lease["metadata"]["labels"] = json!({"touched": (store.version + 1).to_string()});
            store.put(lease);
        }
    }

    /// Somebody deletes the Lease.
    pub(crate) fn is_deleted(&self) {
        let mut store = self.store();
        if let Some(mut lease) = store.lease.take() {
            store.version += 1;
            lease["metadata"]["resourceVersion"] = store.version.to_string().into();
            store.tell(json!({"type": "DELETED", "object": lease}));
        }
    }

    /// All requests so far, watches among them.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.store().requests.clone()
    }
}

impl Link {
    /// A client that goes this way.
    pub(crate) fn client(&self) -> Client {
        let link = self.clone();
        let service = tower::service_fn(move |request| {
            let link = link.clone();
            async move { link.serve(Request::read(request).await?).await }
        });
        Client::new(service, NAMESPACE)
    }

    /// From now on.
    pub(crate) fn has(&self, weather: Weather) {
        *self.weather.lock().unwrap() = weather;
    }

    /// From now on it may neither list nor watch.
    pub(crate) fn refuses_watches(&self) {
        self.refuses_watches.store(true, Ordering::Relaxed);
    }

    /// Its watches end, and may begin again.
    pub(crate) fn ends_watches(&self) {
        self.take_watches();
    }

    /// Its watches hear nothing any more, and do not know it.
    pub(crate) fn silences_watches(&self) {
        let silenced = self.take_watches();
        self.server.store().dead.extend(silenced);
    }

    fn take_watches(&self) -> Vec<mpsc::UnboundedSender<Value>> {
        let mut store = self.server.store();
        let (mine, others) = std::mem::take(&mut store.watches)
            .into_iter()
            .partition(|(link, _)| Arc::ptr_eq(&link.weather, &self.weather));
        store.watches = others;
        let mine: Vec<(Self, _)> = mine;
        mine.into_iter().map(|(_, watch)| watch).collect()
    }

    async fn serve(self, request: Request) -> Result<Response<Answer>, BoxError> {
        self.server.store().requests.push(request.clone());
        if self.refuses_watches.load(Ordering::Relaxed) && request.path.ends_with("/leases") {
            return Ok(failure(403, "leases is forbidden"));
        }
        let weather = *self.weather.lock().unwrap();
        match weather {
            Weather::Fine(latency) => {
                tokio::time::sleep(latency / 2).await;
                let answer = self.handle(&request);
                tokio::time::sleep(latency / 2).await;
                Ok(answer)
            }
            Weather::Refuses(code) => Ok(failure(code, "not now")),
            Weather::Hangs => std::future::pending().await,
            Weather::LosesAnswers => {
                self.handle(&request);
                std::future::pending().await
            }
            Weather::Breaks => {
                self.handle(&request);
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into())
            }
            Weather::Late(delay) => {
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    self.handle(&request);
                });
                std::future::pending().await
            }
        }
    }

    fn handle(&self, request: &Request) -> Response<Answer> {
        let mut store = self.server.store();
        let leases = format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases");
        let one = format!("{leases}/{NAME}");
        let is_watch = request.query.contains("watch=true");
        match request.method.as_str() {
            "GET" if request.path == leases && is_watch => {
                assert!(
                    request.query.contains("fieldSelector=metadata.name%3Dconcertina"),
                    "{request:?}"
                );
                let (sender, receiver) = mpsc::unbounded_channel();
                let from = request
                    .query
                    .split('&')
                    .find_map(|pair| pair.strip_prefix("resourceVersion="));
                let from: u64 = from.unwrap().parse().unwrap();
                for (_, event) in store.history.iter().filter(|(version, _)| *version > from) {
                    sender.send(event.clone()).unwrap();
                }
                store.watches.push((self.clone(), sender));
                let lines = stream::unfold(receiver, async |mut receiver| {
                    let event = receiver.recv().await?;
                    Some((Ok::<_, Infallible>(format!("{event}\n")), receiver))
                });
                Response::new(Answer::from_stream(Box::pin(lines)))
            }
            "GET" if request.path == leases => answer(
                200,
                &json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList",
                    "metadata": {"resourceVersion": store.version.to_string()},
                    "items": store.lease.iter().collect::<Vec<_>>(),
                }),
            ),
            "GET" if request.path == one => store
                .lease
                .as_ref()
                .map_or_else(|| not_found("leases", NAME), |lease| answer(200, lease)),
            "POST" if request.path == leases => {
                if store.lease.is_some() {
                    return failure(409, "there is one already");
                }
                let mut lease = request.body.clone();
                lease["metadata"]["uid"] = format!("uid-{}", store.version).into();
                answer(201, &store.put(lease))
            }
            "PUT" if request.path == one => {
                let Some(stored) = &store.lease else {
                    return not_found("leases", NAME);
                };
                let is_current =
                    stored["metadata"]["resourceVersion"] == request.body["metadata"]["resourceVersion"];
                if !is_current || request.body["metadata"]["resourceVersion"].is_null() {
                    return failure(409, "the object has been modified");
                }
                answer(200, &store.put(request.body.clone()))
            }
            _ => panic!("an election sends no such request: {request:?}"),
        }
    }
}

impl Store {
    fn put(&mut self, mut lease: Value) -> Value {
        let change = if self.lease.is_some() { "MODIFIED" } else { "ADDED" };
        self.version += 1;
        lease["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.lease = Some(lease.clone());
        self.tell(json!({"type": change, "object": lease}));
        lease
    }

    fn tell(&mut self, event: Value) {
        self.watches
            .retain(|(_, watch)| watch.send(event.clone()).is_ok());
        self.history.push((self.version, event));
    }
}
