//! The two requests behind a watch: a watch whose first events may be a list, and a list in pages. They are read object by object
//! from one buffer that is used again. This reads from the network.
use std::time::Duration;

use futures::{AsyncBufReadExt, AsyncReadExt};
use http::header::{ACCEPT_ENCODING, HeaderValue};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ListMeta, ObjectMeta};
use kube::api::{ListParams, WatchParams};
use kube::core::watch::BookmarkMeta;
use kube::core::{ApiResource, DynamicObject, Request, Status};
use kube::{Client, Resource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::guarded::Guarded;
use super::watch::{Change, Failure};

/// The beginning of an answer is waited for so long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A whole page is waited for so long.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection on which so long nothing was heard is taken for dead. The API server sends a bookmark about once a minute;
/// where one does not, a new request every 90 s is cheap.
const LONGEST_SILENCE: Duration = Duration::from_secs(90);
/// The same while a list comes. A server that knows nothing of such lists begins like one that does, and never ends.
const LONGEST_SILENCE_IN_LIST: Duration = Duration::from_secs(10);
/// Objects per page: half of what kubectl asks for, since a page is what is held at a time.
const PAGE: u32 = 250;
/// A buffer that one large object made larger than this is made smaller again.
const LARGE_BUFFER_BYTES: usize = 256 * 1024;
/// Marks the end of a list in a watch.
const LIST_ENDS: &str = "k8s.io/initial-events-end";

/// How a request ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// A list is complete, and the watch can begin.
    Listed,
    /// The watch is over and can go on where it ended.
    Over,
    /// The version from which to go on is known no more.
    Gone,
    /// The server does not tell lists as events.
    StreamRefused,
    /// Something is wrong.
    Failed(Failure),
}

/// Requests for one kind, in one namespace or in all.
pub(super) struct Requests {
    client: Client,
    request: Request,
}

/// An event of a watch.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: EventKind,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum EventKind {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
    #[serde(other)]
    Other,
}

/// The object of a bookmark.
#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<'a> {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(borrow, default)]
    items: Option<Vec<&'a RawValue>>,
}

impl Requests {
    pub(super) fn new(client: Client, resource: &ApiResource, namespace: Option<&str>) -> Self {
        Self {
            client,
            request: Request::new(DynamicObject::url_path(resource, namespace)),
        }
    }

    /// Watches from `version` on, or from a list, which is told first. `version` goes along with what was told.
    pub(super) async fn watch<K: Resource + DeserializeOwned>(
        &self,
        version: &mut Option<String>,
        hear: impl FnMut(Change<Guarded<K>>),
    ) -> Ended {
        self.try_watch(version, hear).await.unwrap_or_else(|ended| ended)
    }

    /// Lists page by page and sets `version` at the end.
    pub(super) async fn list<K: Resource + DeserializeOwned>(
        &self,
        version: &mut Option<String>,
        hear: impl FnMut(Change<Guarded<K>>),
    ) -> Ended {
        self.try_list(version, hear).await.unwrap_or_else(|ended| ended)
    }

    async fn try_watch<K: Resource + DeserializeOwned>(
        &self,
        version: &mut Option<String>,
        mut hear: impl FnMut(Change<Guarded<K>>),
    ) -> Result<Ended, Ended> {
        let is_list = version.is_none();
        let params = WatchParams {
            send_initial_events: is_list,
            ..WatchParams::default()
        };
        // Without a version the list is as new as the request.
        let from = version.as_deref().unwrap_or_default();
        let mut request = self
            .request
            .watch(&params, from)
            .map_err(|error| Ended::failed(error.to_string()))?;
        // Some API servers compress each event by itself, which the client cannot read.
        let identity = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, identity);
        let body = match tokio::time::timeout(ANSWER_TIMEOUT, self.client.request_stream(request)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) if is_list && refuses_streams(&error) => return Err(Ended::StreamRefused),
            Ok(Err(error)) => return Err(Ended::of(&error)),
            Err(_) => return Err(Ended::failed("the API server does not answer".into())),
        };
        let mut body = std::pin::pin!(body);
        if is_list {
            hear(Change::ListBegins);
        }
        let mut line = Vec::new();
        loop {
            line.clear();
            line.shrink_to(LARGE_BUFFER_BYTES);
            let patience = if version.is_some() {
                LONGEST_SILENCE
            } else {
                LONGEST_SILENCE_IN_LIST
            };
            let read = tokio::time::timeout(patience, body.read_until(b'\n', &mut line)).await;
            if version.is_none() {
                match read {
                    Ok(Ok(_)) if line.ends_with(b"\n") => {}
                    Ok(Ok(_)) => return Err(Ended::failed("the list broke off".into())),
                    Ok(Err(error)) => return Err(Ended::failed(format!("the list broke off: {error}"))),
                    Err(_) => return Err(Ended::StreamRefused),
                }
            } else if !(matches!(read, Ok(Ok(_))) && line.ends_with(b"\n")) {
                return Ok(Ended::Over);
            }
            tell(&line, version, &mut hear)?;
        }
    }

    async fn try_list<K: Resource + DeserializeOwned>(
        &self,
        version: &mut Option<String>,
        mut hear: impl FnMut(Change<Guarded<K>>),
    ) -> Result<Ended, Ended> {
        let mut params = ListParams::default().limit(PAGE);
        let mut text = Vec::new();
        loop {
            let page = tokio::time::timeout(PAGE_TIMEOUT, self.read_page(&params, &mut text)).await;
            page.map_err(|_| Ended::failed("the API server does not answer".into()))??;
            let page: Page<'_> = serde_json::from_slice(&text)
                .map_err(|error| Ended::failed(format!("the list cannot be read: {error}")))?;
            if params.continue_token.is_none() {
                hear(Change::ListBegins);
            }
            for object in page.items.unwrap_or_default() {
                if let Some(object) = read(object.get()) {
                    hear(Change::Apply(object));
                }
            }
            let is_some = |text: &String| !text.is_empty();
            params.continue_token = page.metadata.continue_.filter(is_some);
            if params.continue_token.is_none() {
                *version = page.metadata.resource_version.filter(is_some);
                if version.is_none() {
                    return Err(Ended::failed("the list has no resource version".into()));
                }
                hear(Change::ListEnds);
                return Ok(Ended::Listed);
            }
        }
    }

    async fn read_page(&self, params: &ListParams, text: &mut Vec<u8>) -> Result<(), Ended> {
        text.clear();
        let request = self
            .request
            .list(params)
            .map_err(|error| Ended::failed(error.to_string()))?;
        let body = self
            .client
            .request_stream(request)
            .await
            .map_err(|error| Ended::of(&error))?;
        let mut body = std::pin::pin!(body);
        let read = body.read_to_end(text).await;
        read.map_err(|error| Ended::failed(format!("the list broke off: {error}")))?;
        Ok(())
    }
}

/// Tells of one event.
fn tell<K: Resource + DeserializeOwned>(
    line: &[u8],
    version: &mut Option<String>,
    hear: &mut impl FnMut(Change<Guarded<K>>),
) -> Result<(), Ended> {
    let event: Event<'_> = match serde_json::from_slice(line) {
        Ok(event) => event,
        Err(error) => {
            // An error may come as it is, not as an event.
            let status = serde_json::from_slice::<Status>(line).ok();
            let status = status.filter(|status| status.code != 0);
            let failure = || Ended::failed(format!("an event cannot be read: {error}"));
            return Err(status.as_ref().map_or_else(failure, Ended::of_status));
        }
    };
    let text = event.object.get();
    match event.kind {
        EventKind::Added | EventKind::Modified => {
            if let Some(object) = read(text) {
                go_along(version, object.meta());
                hear(Change::Apply(object));
            }
        }
        EventKind::Deleted => {
            if let Some(mut object) = read::<K>(text) {
                go_along(version, object.meta());
                hear(Change::Delete(Box::new(std::mem::take(object.meta_mut()))));
            }
        }
        EventKind::Bookmark => {
            let Bookmark { metadata } = serde_json::from_str(text)
                .map_err(|error| Ended::failed(format!("a bookmark cannot be read: {error}")))?;
            if version.is_some() {
                *version = Some(metadata.resource_version);
            } else if metadata.annotations.contains_key(LIST_ENDS) {
                *version = Some(metadata.resource_version);
                hear(Change::ListEnds);
            }
        }
        EventKind::Error => {
            let status = serde_json::from_str::<Status>(text).unwrap_or_default();
            return Err(Ended::of_status(&status));
        }
        EventKind::Other => {}
    }
    Ok(())
}

/// `None` for one that cannot even be named.
fn read<K: DeserializeOwned>(text: &str) -> Option<Guarded<K>> {
    Guarded::read(text)
        .inspect_err(|error| {
            tracing::warn!(
                error = crate::log::causes(error),
                "an object without readable metadata is left out"
            );
        })
        .ok()
}

/// Before the end of a list there is no version from which to go on.
fn go_along(version: &mut Option<String>, metadata: &ObjectMeta) {
    if let (Some(version), Some(newer)) = (version, &metadata.resource_version) {
        version.clone_from(newer);
    }
}

/// Whether a list as a stream of events is refused, and pages may not be: older API servers answer 422, some proxies
/// something else, and a right may be lacking for watches alone.
fn refuses_streams(error: &kube::Error) -> bool {
    let kube::Error::Api(status) = error else {
        return false;
    };
    (400..500).contains(&status.code) && !matches!(status.code, 401 | 404 | 429)
}

impl Ended {
    fn failed(message: String) -> Self {
        Self::Failed(Failure {
            is_forbidden: false,
            is_unserved: false,
            message,
        })
    }

    fn of(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::of_status(status),
            error => Self::failed(crate::log::causes(error)),
        }
    }

    fn of_status(status: &Status) -> Self {
        if status.code == 410 || status.reason == "Expired" {
            return Self::Gone;
        }
        Self::Failed(Failure {
            is_forbidden: status.code == 403,
            is_unserved: status.code == 404,
            message: status.message.clone(),
        })
    }
}
