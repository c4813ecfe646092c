//! What the tables of the cluster hold per object, that a new list needs little more, and that questions allocate nothing. No
//! network; a program of its own, since its allocator counts.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may"
)]

#[path = "../../src/counted.rs"]
mod counted;
mod objects;

use std::convert::Infallible;
use std::time::Instant;

use concertina::cluster::autoscalers::AutoscalerTable;
use concertina::cluster::names::Uid;
use concertina::cluster::parts::Part;
use concertina::cluster::pods::PodTable;
use concertina::cluster::targets::{KindState, TargetKey, TargetTable};
use concertina::cluster::watch::{Change, follow_sound};
use concertina_decision::{Rollout, Timestamp};
use counted::{allocations, bytes_since, most_bytes_since, most_bytes_since_now};
use futures::stream;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use kube::core::{ApiResource, GroupVersionKind};
use kube::discovery::Scope;

use objects::{deployment, pod, read, replica_set, uid};

/// With [`PODS_PER_OWNER`], 30,000 pods.
const OWNERS: usize = 10_000;
const PODS_PER_OWNER: usize = 3;
const PODS: usize = OWNERS * PODS_PER_OWNER;

fn deployments() -> GroupVersionKind {
    GroupVersionKind::gvk("apps", "v1", "Deployment")
}

/// A Deployment's ReplicaSets: the one with pods, and two of its past.
fn add_replica_sets(table: &mut PodTable, owners: usize) {
    table.begin_replica_sets(Part::WHOLE);
    for owner in 0..owners {
        for revision in 8..=10 {
            table.apply_replica_set(&read(&replica_set(
                owner,
                revision,
                if revision == 10 { 3 } else { 0 },
            )));
        }
    }
    table.end_replica_sets(Part::WHOLE);
}

fn add_pods(table: &mut PodTable, owners: usize) {
    table.begin_pods(Part::WHOLE);
    for number in 0..owners * PODS_PER_OWNER {
        table.apply_pod(read(&pod(number / PODS_PER_OWNER, number % PODS_PER_OWNER)));
    }
    table.end_pods(Part::WHOLE);
}

#[test]
fn pods_replica_sets_and_targets_are_a_few_hundred_bytes_each() {
    let mut table = PodTable::default();
    let empty = bytes_since(0);
    add_replica_sets(&mut table, OWNERS);
    let with_sets = bytes_since(0);
    add_pods(&mut table, OWNERS);
    let with_pods = bytes_since(0);
    let mut targets = TargetTable::default();
    targets.begin_list(&deployments(), Part::WHOLE);
    for owner in 0..OWNERS {
        targets.apply(&deployments(), &read(&deployment(owner)));
    }
    targets.end_list(&deployments(), Part::WHOLE);
    let per = |held: usize, objects: usize| held / objects;
    let sizes = (
        per(with_sets - empty, OWNERS),
        per(with_pods - with_sets, PODS),
        per(bytes_since(with_pods), OWNERS),
    );
    println!("bytes per ReplicaSet with its past, pod, Deployment: {sizes:?}");
    assert!(sizes.0 <= 200 && sizes.1 <= 400 && sizes.2 <= 250, "{sizes:?}");
    assert_eq!(table.count_of(&Uid::of(&uid("deployment", 7))), PODS_PER_OWNER);
}

#[test]
fn questions_about_a_target_allocate_nothing() {
    let (mut table, mut targets) = (PodTable::default(), TargetTable::default());
    add_replica_sets(&mut table, 10);
    add_pods(&mut table, 10);
    let state = KindState::Watched {
        resource: ApiResource::from_gvk(&deployments()),
        scope: Scope::Namespaced,
    };
    targets.set_kind(&deployments(), state, Instant::now());
    targets.begin_list(&deployments(), Part::WHOLE);
    targets.apply(&deployments(), &read(&deployment(7)));
    targets.end_list(&deployments(), Part::WHOLE);
    let key = TargetKey {
        gvk: deployments().into(),
        namespace: "shop".into(),
        name: "checkout-service-00007".into(),
    };
    let (autoscalers, mut pods) = (AutoscalerTable::default(), Vec::with_capacity(8));
    let nobody = Uid::of(&uid("deployment", OWNERS));
    let before = allocations();
    let record = targets.get(&key).unwrap();
    assert!(targets.is_synced(&key.gvk));
    assert_eq!(table.rollout_of(&key.gvk, record), Rollout::None);
    assert!(table.has_any(&record.uid));
    assert!(!table.has_any(&nobody));
    assert_eq!(autoscalers.of(&key), None);
    table.of_owner(&record.uid, Timestamp(0), &mut pods);
    assert_eq!(table.startup(&record.uid).map(|times| times.samples), Some(3));
    assert_eq!(allocations() - before, 0);
    assert_eq!(pods.len(), PODS_PER_OWNER);
}

/// Lists all pods twice through an API server that tells them as events, or in pages. Returns what the table holds after the
/// first list, and the most that was held until the end of the second.
async fn relist(tells_events: bool) -> (usize, usize) {
    let service = tower::service_fn(move |request: Request<Body>| async move {
        let query = request.uri().query().unwrap_or_default();
        let response = Response::builder();
        let gone = r#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old"}}"#;
        let answer = if query.contains("sendInitialEvents=true") {
            if !tells_events {
                let status = r#"{"kind":"Status","code":422,"reason":"Invalid","message":"no"}"#;
                return Ok(response.status(422).body(axum::body::Body::from(status)).unwrap());
            }
            let pods = (0..PODS).map(|number| {
                let pod = pod(number / PODS_PER_OWNER, number % PODS_PER_OWNER);
                format!("{{\"type\":\"ADDED\",\"object\":{pod}}}\n")
            });
            let end = r#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
            let rest = [format!("{end}\n"), format!("{gone}\n")];
            let lines = stream::iter(pods.chain(rest).map(Ok::<_, Infallible>));
            axum::body::Body::from_stream(lines)
        } else if query.contains("watch=true") {
            axum::body::Body::from(format!("{gone}\n"))
        } else {
            axum::body::Body::from(page(query))
        };
        Ok::<_, tower::BoxError>(response.body(answer).unwrap())
    });
    let client = Client::new(service, "shop");
    let kind = GroupVersionKind::gvk("", "v1", "Pod");
    let resource = ApiResource::from_gvk_with_plural(&kind, "pods");
    let empty = bytes_since(0);
    let (mut table, mut rest, mut most) = (PodTable::default(), 0, 0);
    let (done, is_done) = tokio::sync::oneshot::channel();
    let mut done = Some(done);
    let follows = follow_sound(client, &resource, None, |change| match change {
        Change::ListBegins => table.begin_pods(Part::WHOLE),
        Change::Apply(pod) => table.apply_pod(pod),
        Change::ListEnds => {
            table.end_pods(Part::WHOLE);
            if rest == 0 {
                rest = bytes_since(empty);
                most_bytes_since_now();
            } else if let Some(done) = done.take() {
                most = most_bytes_since(empty);
                done.send(()).unwrap();
            }
        }
        Change::Delete(metadata) => table.delete_pod(&metadata),
        Change::Fail(failure) => panic!("{failure:?}"),
    });
    tokio::select! {
        () = follows => panic!("a watch never ends"),
        finished = is_done => finished.unwrap(),
    }
    (rest, most)
}

/// The page that is asked for.
fn page(query: &str) -> String {
    let number = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name));
        value.map_or(0, |value| value.parse::<usize>().unwrap())
    };
    let (from, limit) = (number("continue="), number("limit="));
    let until = PODS.min(from + limit);
    let mut text = String::from(r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9""#);
    if until < PODS {
        text += &format!(r#","continue":"{until}""#);
    }
    text += r#"},"items":["#;
    for number in from..until {
        let comma = if number == from { "" } else { "," };
        text += comma;
        text += &pod(number / PODS_PER_OWNER, number % PODS_PER_OWNER);
    }
    text + "]}"
}

#[tokio::test]
async fn a_new_list_needs_little_more_than_what_is_there() {
    for tells_events in [true, false] {
        let (rest, most) = relist(tells_events).await;
        println!("as events: {tells_events}; {rest} bytes at rest, {most} at most during a new list");
        assert!(most * 10 <= rest * 13, "{most} during a new list, {rest} at rest");
    }
}
