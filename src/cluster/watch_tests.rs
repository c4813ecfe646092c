//! What is asked and told, by a clock that only the test moves.
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::Body as Answer;
use futures::{Stream, StreamExt, stream};
use http::{Request, Response};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::Body;
use serde_json::{Value, json};

use super::*;

/// What the API server does next.
enum Next {
    /// Answers with this status.
    Refuses(u16, &'static str),
    /// Answers a page of a list.
    Lists(Value),
    /// Tells these events and ends the watch.
    Tells(Vec<Value>),
    /// Tells these events and is silent from then on.
    TellsAndWaits(Vec<Value>),
    /// Tells these events and breaks the connection in the middle of the next.
    TellsAndBreaks(Vec<Value>),
}

use Next::{Lists, Refuses, Tells, TellsAndBreaks, TellsAndWaits};

/// What happened in so many seconds: the requests, each with the second in which it came, and the changes.
async fn follows(seconds: u64, script: Vec<Next>) -> (Vec<String>, Vec<String>) {
    let (script, began) = (Arc::new(Mutex::new(VecDeque::from(script))), Instant::now());
    let (requests, mut changes) = (Arc::new(Mutex::new(Vec::new())), Vec::new());
    let asked = Arc::clone(&requests);
    let service = tower::service_fn(move |request: Request<Body>| {
        let query = request.uri().query().unwrap_or_default();
        let value = |name: &str| {
            let mut values = query
                .split('&')
                .filter_map(move |pair| pair.strip_prefix(name)?.strip_prefix('='));
            values.next_back().unwrap_or_default().to_owned()
        };
        let what = match (
            query.contains("watch=true"),
            query.contains("sendInitialEvents=true"),
        ) {
            (true, true) => "stream from now".replace("now", &format!("{}now", value("resourceVersion"))),
            (true, false) => format!("watch from {}", value("resourceVersion")),
            _ => format!("page {}", value("continue")),
        };
        asked
            .lock()
            .unwrap()
            .push(format!("{} s: {what}", began.elapsed().as_secs()));
        let next = script.lock().unwrap().pop_front();
        async move {
            let Some(next) = next else {
                return std::future::pending().await;
            };
            Ok::<_, tower::BoxError>(answer(next))
        }
    });
    let resource = ApiResource::erase::<ConfigMap>(&());
    let follows = follow_sound(
        Client::new(service, "shop"),
        &resource,
        None,
        |change: Change<ConfigMap>| {
            let name = |metadata: &ObjectMeta| metadata.name.clone().unwrap();
            changes.push(match change {
                Change::ListBegins => "begins".into(),
                Change::Apply(object) => name(&object.metadata),
                Change::ListEnds => "ends".into(),
                Change::Delete(metadata) => format!("-{}", name(&metadata)),
                Change::Fail(failure) => failure.message,
            });
        },
    );
    let _ = tokio::time::timeout(Duration::from_secs(seconds), follows).await;
    let requests = requests.lock().unwrap().clone();
    (requests, changes)
}

fn answer(next: Next) -> Response<Answer> {
    let body = |events: Vec<Value>, rest: Rest| {
        let lines = events.into_iter().map(|event| format!("{event}\n"));
        Response::new(Answer::from_stream(
            stream::iter(lines.map(Ok::<_, Infallible>)).chain(rest),
        ))
    };
    match next {
        Refuses(code, message) => {
            let status = json!({"kind": "Status", "status": "Failure", "code": code, "message": message, "reason": ""});
            let response = Response::builder().status(code);
            response.body(Answer::from(status.to_string())).unwrap()
        }
        Lists(list) => Response::new(Answer::from(list.to_string())),
        Tells(events) => body(events, stream::empty().boxed()),
        TellsAndWaits(events) => body(events, stream::pending().boxed()),
        TellsAndBreaks(events) => {
            let half = r#"{"type": "MODIFIED", "object": {"meta"#.to_owned();
            body(events, stream::iter([Ok(half)]).boxed())
        }
    }
}

type Rest = std::pin::Pin<Box<dyn Stream<Item = Result<String, Infallible>> + Send>>;

fn object(name: &str, version: u32) -> Value {
    json!({"metadata": {"name": name, "uid": name, "resourceVersion": version.to_string()}})
}

fn event(kind: &str, name: &str, version: u32) -> Value {
    json!({"type": kind, "object": object(name, version)})
}

fn malformed(kind: &str, name: &str, version: u32) -> Value {
    let mut event = event(kind, name, version);
    event["object"]["data"] = 5.into();
    event
}

fn bookmark(version: u32) -> Value {
    json!({"type": "BOOKMARK", "object": {
        "kind": "ConfigMap", "apiVersion": "v1",
        "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
    }})
}

fn list_ends(version: u32) -> Value {
    let mut event = bookmark(version);
    event["object"]["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    event
}

fn gone() -> Value {
    json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}})
}

fn page(names: &[&str], next: &str, version: &str) -> Next {
    let items: Vec<Value> = names.iter().map(|name| object(name, 1)).collect();
    Lists(
        json!({"kind": "ConfigMapList", "apiVersion": "v1", "items": items,
        "metadata": {"resourceVersion": version, "continue": next}}),
    )
}

#[tokio::test(start_paused = true)]
async fn a_list_comes_as_events_and_the_watch_goes_on_in_the_same_request() {
    let events = vec![
        event("ADDED", "a", 3),
        event("ADDED", "b", 2),
        bookmark(5),
        list_ends(7),
        event("MODIFIED", "a", 8),
        event("DELETED", "b", 9),
    ];
    let (requests, changes) = follows(60, vec![TellsAndWaits(events)]).await;
    assert_eq!(requests, ["0 s: stream from now"]);
    assert_eq!(changes, ["begins", "a", "b", "ends", "a", "-b"]);
}

#[tokio::test(start_paused = true)]
async fn where_a_list_as_events_is_refused_it_comes_in_pages() {
    for code in [400, 403, 422] {
        let script = vec![
            Refuses(code, "sendInitialEvents is forbidden"),
            page(&["a", "b"], "more", ""),
            page(&["c"], "", "7"),
            TellsAndWaits(vec![event("ADDED", "d", 8)]),
        ];
        let (requests, changes) = follows(60, script).await;
        let expected = ["stream from now", "page ", "page more", "watch from 7"];
        assert_eq!(requests, expected.map(|request| format!("0 s: {request}")));
        assert_eq!(changes, ["begins", "a", "b", "c", "ends", "d"], "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_the_wish_for_events_is_asked_for_pages_after_ten_seconds() {
    let script = vec![
        TellsAndWaits(vec![event("ADDED", "a", 3)]),
        page(&["a"], "", "7"),
        TellsAndWaits(vec![]),
    ];
    let (requests, changes) = follows(60, script).await;
    assert_eq!(
        requests,
        ["0 s: stream from now", "10 s: page ", "10 s: watch from 7"]
    );
    assert_eq!(changes, ["begins", "a", "begins", "a", "ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_leads_to_exactly_one_list_at_once() {
    let script = vec![
        TellsAndWaits(vec![event("ADDED", "a", 3), list_ends(7), gone()]),
        TellsAndWaits(vec![list_ends(9)]),
    ];
    let (requests, changes) = follows(60, script).await;
    assert_eq!(requests, ["0 s: stream from now"; 2]);
    assert_eq!(changes, ["begins", "a", "ends", "begins", "ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_gone_when_the_watch_begins_does_the_same() {
    let script = vec![
        Tells(vec![list_ends(7)]),
        Refuses(410, "too old"),
        TellsAndWaits(vec![list_ends(9)]),
    ];
    let (requests, _) = follows(60, script).await;
    let expected = [
        "0 s: stream from now",
        "0 s: watch from 7",
        "0 s: stream from now",
    ];
    assert_eq!(requests, expected);
}

#[tokio::test(start_paused = true)]
async fn versions_that_are_gone_again_and_again_are_listed_with_growing_gaps() {
    let mut script = vec![Refuses(422, "no")];
    for _ in 0..4 {
        script.extend([page(&["a"], "", "7"), Refuses(410, "too old")]);
    }
    let (requests, _) = follows(30, script).await;
    let lists: Vec<u64> = requests
        .iter()
        .filter(|request| request.contains("page"))
        .map(|request| request.split_once(' ').unwrap().0.parse().unwrap())
        .collect();
    assert_eq!((lists.len(), lists[0], lists[1]), (5, 0, 0), "{requests:?}");
    assert!(lists[4] >= 4, "{lists:?}");
}

#[tokio::test(start_paused = true)]
async fn a_watch_goes_on_at_once_from_the_last_bookmark_however_it_ended() {
    let script = vec![
        Tells(vec![list_ends(7), event("ADDED", "a", 8), bookmark(20)]),
        TellsAndBreaks(vec![event("MODIFIED", "a", 21)]),
        TellsAndWaits(vec![bookmark(30)]),
        TellsAndWaits(vec![]),
    ];
    let (requests, changes) = follows(100, script).await;
    let expected = [
        "0 s: stream from now",
        "0 s: watch from 20",
        "0 s: watch from 21",
        "90 s: watch from 30",
    ];
    assert_eq!(
        requests, expected,
        "after 90 s of silence the connection counts as dead"
    );
    assert_eq!(changes, ["begins", "ends", "a", "a"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_stays_silent_leads_to_a_new_list_in_case_the_server_was_restored_from_a_backup() {
    let mut script = vec![Tells(vec![list_ends(700)])];
    script.extend((0..3).map(|_| TellsAndWaits(vec![])));
    script.push(TellsAndWaits(vec![
        event("ADDED", "a", 3),
        list_ends(7),
        bookmark(8),
    ]));
    let (requests, changes) = follows(300, script).await;
    let expected = [
        "0 s: stream from now",
        "0 s: watch from 700",
        "90 s: watch from 700",
        "180 s: watch from 700",
        "270 s: stream from now",
    ];
    assert_eq!(requests, expected);
    assert_eq!(changes, ["begins", "ends", "begins", "a", "ends"]);
}

#[tokio::test(start_paused = true)]
async fn what_was_known_of_an_object_stays_when_it_becomes_malformed_and_goes_with_its_deletion() {
    let events = vec![
        event("ADDED", "a", 2),
        list_ends(7),
        malformed("MODIFIED", "a", 8),
        malformed("MODIFIED", "a", 9),
        malformed("DELETED", "a", 10),
    ];
    let (_, changes) = follows(60, vec![TellsAndWaits(events)]).await;
    assert_eq!(changes, ["begins", "a", "ends", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_each_watch_at_once_is_not_asked_without_pause() {
    let mut script = vec![Tells(vec![list_ends(7)])];
    script.extend((0..1000).map(|_| Tells(vec![])));
    let (requests, _) = follows(60, script).await;
    assert!(requests.len() < 12, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn malformed_objects_are_left_out_and_gone_when_they_are_gone() {
    let events = vec![
        malformed("ADDED", "bad", 1),
        event("ADDED", "a", 2),
        list_ends(7),
        malformed("MODIFIED", "bad", 8),
        malformed("DELETED", "bad", 9),
        json!({"type": "ADDED", "object": {"metadata": 5}}),
        event("ADDED", "b", 10),
    ];
    let script = vec![Tells(events), TellsAndWaits(vec![])];
    let (requests, changes) = follows(60, script).await;
    assert_eq!(changes, ["begins", "a", "ends", "-bad", "b"]);
    assert_eq!(requests[1], "0 s: watch from 10", "nothing is asked anew");
}

#[tokio::test(start_paused = true)]
async fn a_malformed_object_in_a_page_leaves_the_rest_readable() {
    let mut bad = object("bad", 1);
    bad["data"] = 5.into();
    let list = json!({"metadata": {"resourceVersion": "7"}, "items": [bad, object("a", 1)]});
    let script = vec![Refuses(422, "no"), Lists(list), TellsAndWaits(vec![])];
    let (_, changes) = follows(60, script).await;
    assert_eq!(changes, ["begins", "a", "ends"]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_tried_again_with_pauses() {
    let script = vec![
        Refuses(403, "watch is forbidden"),
        Refuses(403, "list is forbidden"),
        Refuses(403, "watch is forbidden"),
        Refuses(403, "list is forbidden"),
        TellsAndWaits(vec![list_ends(7)]),
    ];
    let (requests, changes) = follows(60, script).await;
    assert_eq!(
        changes,
        ["list is forbidden", "list is forbidden", "begins", "ends"]
    );
    assert_eq!(
        requests.len(),
        5,
        "rights that are given later are made use of: {requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_right_that_was_lost_and_is_back_leads_to_a_new_list() {
    let script = vec![
        Tells(vec![event("ADDED", "a", 3), list_ends(7)]),
        Refuses(403, "watch is forbidden"),
        TellsAndWaits(vec![event("ADDED", "b", 9), list_ends(12)]),
    ];
    let (requests, changes) = follows(60, script).await;
    assert_eq!(
        changes,
        ["begins", "a", "ends", "watch is forbidden", "begins", "b", "ends"]
    );
    assert_eq!(requests.len(), 3, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_breaks_off_is_begun_anew_and_what_was_told_counts_for_nothing() {
    let script = vec![
        TellsAndBreaks(vec![event("ADDED", "a", 3)]),
        TellsAndWaits(vec![event("ADDED", "b", 3), list_ends(7)]),
    ];
    let (requests, changes) = follows(60, script).await;
    assert_eq!(requests.len(), 2);
    assert_eq!(
        changes,
        ["begins", "a", "the list broke off", "begins", "b", "ends"]
    );
}
