//! Lists of several namespaces, which come at the same time and end as they like, in every table.
#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads best as an argument"
)]

use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use super::*;
use crate::cluster::autoscalers::{AutoscalerTable, Source};
use crate::cluster::names::{ObjectKey, Uid};
use crate::cluster::pods::PodTable;
use crate::cluster::policies::PolicyTable;
use crate::cluster::targets::{TargetKey, TargetTable};
use crate::fixtures::{config, guarded, policy, with};

fn parts() -> Parts {
    Parts::of(&["team", "shop"])
}

fn part(namespace: &str) -> Part {
    parts().of_namespace(namespace).unwrap()
}

fn read<T: serde::de::DeserializeOwned>(object: Value) -> T {
    serde_json::from_value(object).unwrap()
}

fn metadata(namespace: &str, name: &str, owner: &str) -> Value {
    let owner = json!([{"apiVersion": "v1", "kind": "X", "name": owner, "uid": owner, "controller": true}]);
    json!({"name": name, "namespace": namespace, "uid": name, "resourceVersion": "1", "ownerReferences": owner})
}

fn failure(is_forbidden: bool) -> Failure {
    Failure {
        is_forbidden,
        is_unserved: false,
        message: "no".into(),
    }
}

#[test]
fn without_names_the_whole_cluster_is_one_part() {
    let whole = Parts::default();
    assert_eq!(whole.iter().collect::<Vec<_>>(), [(Part::WHOLE, None)]);
    for namespace in ["shop", "", "any"] {
        assert_eq!(whole.of_namespace(namespace), Some(Part::WHOLE));
    }
}

#[test]
fn each_namespace_is_a_part_and_others_are_none() {
    let parts = parts();
    let names: Vec<_> = parts
        .iter()
        .map(|(part, name)| (part, name.map(|name| &**name)))
        .collect();
    assert_eq!(
        names,
        [(part("shop"), Some("shop")), (part("team"), Some("team"))]
    );
    assert_ne!(part("shop"), part("team"));
    assert_eq!(parts.of_namespace("others"), None);
}

#[test]
fn what_a_list_left_out_is_swept_from_its_part_alone() {
    let mut lists = Lists::default();
    let (shop, team) = (part("shop"), part("team"));
    lists.begin(shop);
    lists.begin(team);
    let seen = [lists.epoch(shop), lists.epoch(team)];
    let swept = |ended: Epoch| seen.map(|epoch| epoch.is_swept_by(ended));
    assert_eq!(swept(lists.end(team)), [false, false]);
    assert_eq!(swept(lists.end(shop)), [false, false]);
    lists.begin(team);
    lists.begin(team);
    lists.begin(shop);
    assert_eq!(swept(lists.end(team)), [false, true]);
}

#[test]
fn a_part_is_awaited_until_it_is_listed_or_refused() {
    let mut lists = Lists::default();
    let now = Instant::now();
    let (shop, team) = (part("shop"), part("team"));
    assert!(
        !lists.note_refusal(team, failure(false), now),
        "it is tried again"
    );
    assert_eq!(lists.progress(team), Progress::Awaited);
    assert!(lists.note_refusal(team, failure(true), now));
    assert!(!lists.note_refusal(team, failure(true), now), "it was said");
    assert_eq!(lists.progress(team), Progress::Refused);
    assert_eq!(lists.failure(team), Some(&failure(true)));
    assert_eq!(
        (lists.progress(shop), lists.is_any_listed()),
        (Progress::Awaited, false)
    );
    lists.begin(team);
    lists.end(team);
    assert_eq!((lists.is_listed(team), lists.failure(team)), (true, None));
    assert!(
        !lists.note_refusal(team, failure(true), now),
        "what was listed is still good"
    );
    assert!(lists.is_listed(team));
}

#[test]
fn a_right_that_is_lost_ends_what_was_listed_after_five_minutes() {
    let mut lists = Lists::default();
    let (team, began) = (part("team"), Instant::now());
    let after = |seconds| began + Duration::from_secs(seconds);
    lists.begin(team);
    lists.end(team);
    assert!(!lists.note_refusal(team, failure(true), began));
    assert!(!lists.note_refusal(team, failure(true), after(299)));
    assert!(
        !lists.note_refusal(team, failure(false), after(301)),
        "an outage is no refusal"
    );
    assert_eq!((lists.is_listed(team), lists.failure(team)), (true, None));
    assert!(lists.note_refusal(team, failure(true), after(301)));
    assert!(
        !lists.note_refusal(team, failure(true), after(330)),
        "it was said"
    );
    assert_eq!(lists.progress(team), Progress::Refused);
    assert_eq!(lists.failure(team), Some(&failure(true)));
    lists.begin(team);
    lists.end(team);
    assert_eq!((lists.is_listed(team), lists.failure(team)), (true, None));
    assert!(
        !lists.note_refusal(team, failure(true), after(400)),
        "the time begins anew"
    );
    assert!(lists.is_listed(team));
}

#[test]
fn an_outage_alone_never_ends_what_was_listed() {
    let mut lists = Lists::default();
    let (team, began) = (part("team"), Instant::now());
    lists.begin(team);
    lists.end(team);
    for seconds in [0, 301, 3600] {
        assert!(!lists.note_refusal(team, failure(false), began + Duration::from_secs(seconds)));
    }
    assert!(!lists.note_refusal(team, failure(true), began + Duration::from_secs(3600)));
    assert!(lists.is_listed(team));
}

#[test]
fn refusals_alone_are_awaited_again() {
    let mut lists = Lists::default();
    let (shop, team, now) = (part("shop"), part("team"), Instant::now());
    assert!(lists.note_refusal(team, failure(true), now));
    assert!(!lists.note_refusal(team, failure(false), now));
    assert_eq!(
        lists.progress(team),
        Progress::Refused,
        "an outage takes back no refusal"
    );
    lists.await_again(team);
    assert_eq!(lists.progress(team), Progress::Awaited);
    assert!(lists.go_without(team));
    lists.await_again(team);
    assert_eq!(
        lists.progress(team),
        Progress::GoneWithout,
        "it may never be listed"
    );
    lists.begin(shop);
    lists.end(shop);
    lists.await_again(shop);
    assert!(lists.is_listed(shop), "it is well");
    assert!(!lists.note_refusal(shop, failure(true), now));
    lists.await_again(shop);
    assert_eq!(
        lists.progress(shop),
        Progress::Awaited,
        "its watch has been refused since"
    );
}

#[test]
fn pods_and_replica_sets_of_one_namespace_stay_when_another_is_listed() {
    let mut table = PodTable::of(parts());
    for namespace in ["shop", "team"] {
        table.begin_pods(part(namespace));
        table.begin_replica_sets(part(namespace));
    }
    for namespace in ["shop", "team"] {
        let (web, set) = (format!("{namespace}-web"), format!("{namespace}-rs"));
        table.apply_replica_set(&read(json!({"metadata": metadata(namespace, &set, &web)})));
        table.apply_pod(read(
            json!({"metadata": metadata(namespace, &format!("{namespace}-a"), &set)}),
        ));
    }
    table.end_pods(part("shop"));
    table.end_replica_sets(part("shop"));
    let counts = |table: &PodTable| ["shop-web", "team-web"].map(|web| table.count_of(&Uid::of(web)));
    assert_eq!(counts(&table), [1, 1], "the list of the other still comes");
    table.end_pods(part("team"));
    table.end_replica_sets(part("team"));
    assert_eq!(counts(&table), [1, 1]);
    table.begin_pods(part("team"));
    table.end_pods(part("team"));
    assert_eq!(counts(&table), [1, 0]);
    table.begin_replica_sets(part("shop"));
    table.end_replica_sets(part("shop"));
    assert_eq!(counts(&table), [0, 0], "its set is gone");
    assert_eq!(table.count_of(&Uid::of("shop-rs")), 1);
}

#[test]
fn start_up_times_of_a_list_that_breaks_off_hold_up_no_other_namespace() {
    let mut table = PodTable::of(parts());
    let pod = |namespace: &str, name: &str, ready: u32| {
        let mut pod = json!({"metadata": metadata(namespace, name, &format!("{namespace}-web"))});
        pod["metadata"]["creationTimestamp"] = "2024-01-01T00:00:00Z".into();
        let ready = format!("2024-01-01T00:00:{ready:02}Z");
        pod["status"] =
            json!({"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ready}]});
        read(pod)
    };
    table.begin_pods(part("shop"));
    table.begin_pods(part("team"));
    table.apply_pod(pod("team", "a", 9));
    table.apply_pod(pod("shop", "b", 7));
    table.end_pods(part("shop"));
    let startup = |table: &PodTable, web: &str| table.startup(&Uid::of(web)).map(|times| times.p50_seconds);
    assert_eq!(startup(&table, "shop-web"), Some(7));
    assert_eq!(
        startup(&table, "team-web"),
        None,
        "it is learned at the end of its list"
    );
    table.end_pods(part("team"));
    assert_eq!(startup(&table, "team-web"), Some(9));
}

#[test]
fn targets_and_their_scales_are_told_by_namespace() {
    let gvk = GroupVersionKind::gvk("apps", "v1", "Deployment");
    let key = |namespace: &str| TargetKey {
        gvk: gvk.clone().into(),
        namespace: namespace.into(),
        name: "web".into(),
    };
    let object = |namespace: &str, version: &str, replicas: i32| {
        let mut metadata = metadata(namespace, "web", "x");
        metadata["resourceVersion"] = version.into();
        read(json!({"metadata": metadata, "spec": {"replicas": replicas}}))
    };
    let mut table = TargetTable::of(parts());
    for namespace in ["shop", "team"] {
        table.begin_list(&gvk, part(namespace));
        table.apply(&gvk, &object(namespace, "5", 2));
        table.end_list(&gvk, part(namespace));
    }
    table.apply(&gvk, &object("others", "5", 2));
    assert_eq!(table.get(&key("others")), None, "it is not watched");
    // While the list of one namespace comes, old news from the other stays old news.
    table.begin_list(&gvk, part("team"));
    table.apply(&gvk, &object("shop", "4", 9));
    assert_eq!(table.get(&key("shop")).unwrap().replicas, Some(2));
    table.end_list(&gvk, part("team"));
    assert_eq!(table.get(&key("team")), None);
    assert!(table.get(&key("shop")).is_some());
    table.note_failure(&gvk, part("shop"), failure(true), Instant::now());
    assert_eq!(table.failure(&gvk, "shop"), None);
    assert_eq!(table.failure(&gvk, "others"), None);
}

#[test]
fn other_autoscalers_and_policies_of_one_namespace_stay_when_another_is_listed() {
    let source = Source::HorizontalPodAutoscaler;
    let mut table = AutoscalerTable::in_parts(parts());
    let autoscaler = |namespace: &str| {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        read(json!({"metadata": metadata(namespace, "cpu", "x"), "spec": {"scaleTargetRef": target}}))
    };
    for namespace in ["shop", "team"] {
        table.begin_list(source, part(namespace));
        table.apply(source, &autoscaler(namespace));
        table.end_list(source, part(namespace));
    }
    assert!(!table.is_synced(part("shop")), "of KEDA nothing is known yet");
    assert!(table.note_failure(Source::Keda, part("shop"), failure(true), Instant::now()));
    assert!(table.is_synced(part("shop")) && !table.is_synced(part("team")));
    assert!(table.go_without(Source::Keda), "in team that is news");
    assert!(table.is_synced(part("team")));
    table.begin_list(source, part("team"));
    table.end_list(source, part("team"));
    let owned = |namespace: &str| {
        let gvk = GroupVersionKind::gvk("apps", "v1", "Deployment").into();
        table
            .of(&TargetKey {
                gvk,
                namespace: namespace.into(),
                name: "web".into(),
            })
            .is_some()
    };
    assert_eq!([owned("shop"), owned("team")], [true, false]);

    let mut config = config();
    config.watch_namespaces = vec!["shop".into(), "team".into()];
    let mut table = PolicyTable::new(config.into());
    let policies = ["shop", "team", "others"]
        .map(|namespace| with(policy("web"), "/metadata/namespace", json!(namespace)));
    for namespace in ["shop", "team"] {
        table.begin_list(part(namespace));
    }
    for policy in policies {
        table.apply(guarded(policy));
    }
    table.end_list(part("shop"));
    assert_eq!(table.len(), 2, "those of others are not taken in");
    table.end_list(part("team"));
    table.begin_list(part("team"));
    table.end_list(part("team"));
    assert!(table.get(&ObjectKey::new("shop", "web")).is_some());
    assert!(table.get(&ObjectKey::new("team", "web")).is_none());
}
