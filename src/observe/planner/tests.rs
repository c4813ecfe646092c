use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::fleet::*;
use super::*;
use crate::observe::query::Template;

fn own(query: &str) -> Arc<QueryKey> {
    let template = Template::Custom {
        query: query.into(),
        age_query: None,
    };
    QueryKey::shared(&"default".into(), template)
}

fn taken(labels: &[(&str, &str)]) -> Option<Vec<(Arc<str>, Box<str>)>> {
    let label = |(name, value): &(&str, &str)| (Arc::from(*name), Box::from(*value));
    Some(labels.iter().map(label).collect())
}

fn in_namespace(namespace: &str, needs: &[Need]) -> Policy {
    Policy {
        namespace: namespace.into(),
        needs: needs.to_vec(),
    }
}

#[test]
fn policies_that_wait_for_the_same_requests_are_one_group() {
    let by = |queue: &str| (own("load"), taken(&[("queue", queue)]));
    let due = [
        in_namespace("a", &[(memory(), None), by("x")]),
        in_namespace("b", &[(memory(), None), by("y")]),
        in_namespace("a", &[by("z"), (memory(), None)]),
        in_namespace("c", &[by("x")]),
    ];
    let plan = Planner::default().plan(policies(&due), START);
    let queries: Vec<_> = plan
        .requests
        .iter()
        .map(|request| Arc::clone(&request.query))
        .collect();
    assert_eq!(queries, [memory(), own("load")]);
    assert_eq!(*plan.requests[0].namespaces, ["a".into(), "b".into()]);
    assert!(plan.requests[0].is_named && !plan.requests[1].is_named);
    assert_eq!(plan.requests[0].wanted, Wanted::Pods);
    assert_eq!(
        plan.requests[1].wanted,
        Wanted::Labels(vec![["queue".into()].into()])
    );
    let groups: Vec<_> = plan
        .groups
        .iter()
        .map(|group| (&*group.requests, &*group.members))
        .collect();
    assert_eq!(
        groups,
        [(&[0, 1][..], &[0, 1][..]), (&[1, 0], &[2]), (&[1], &[3])]
    );
}

#[test]
fn keys_that_are_equal_but_not_the_same_are_one_query() {
    let mut due = one_in_each(0..2);
    let copy = QueryKey::clone(&due[1].needs[0].0);
    due[1].needs[0].0 = Arc::new(copy);
    let plan = Planner::default().plan(policies(&due), START);
    assert_eq!(plan.requests.len(), 1);
    assert_eq!(plan.groups.len(), 1);
}

#[test]
fn few_namespaces_are_named_and_many_are_not() {
    for (count, expected) in [(50, true), (51, false)] {
        let plan = Planner::default().plan(policies(&one_in_each(0..count)), START);
        assert_eq!(plan.requests[0].is_named, expected);
        assert_eq!(plan.requests[0].namespaces.len(), count);
        assert_eq!(plan.requests[0].covers("elsewhere"), !expected);
        assert!(plan.requests[0].covers("n7"));
    }
}

#[test]
fn a_query_whose_users_name_very_many_sets_of_labels_is_asked_in_several_lots() {
    let due: Vec<Policy> = (0..200)
        .map(|index| {
            in_namespace(
                "a",
                &[(own("load"), taken(&[(&format!("label{}", index % 100), "x")]))],
            )
        })
        .collect();
    let plan = Planner::default().plan(policies(&due), START);
    let sets: Vec<usize> = plan
        .requests
        .iter()
        .map(|request| match &request.wanted {
            Wanted::Labels(sets) => sets.len(),
            Wanted::Pods => 0,
        })
        .collect();
    assert_eq!(sets, [64, 36]);
}

/// Metrics that a policy may have.
fn any_need() -> impl Strategy<Value = Need> {
    let labels = prop::collection::btree_map("[ab]", "[xy]", 0..3);
    prop_oneof![
        Just((memory(), None)),
        (0..3_u8, labels).prop_map(|(query, labels)| {
            let labels = labels.iter().map(|(name, value)| (&**name, &**value));
            (own(&format!("q{query}")), taken(&labels.collect::<Vec<_>>()))
        }),
    ]
}

proptest! {
    #[test]
    fn every_policy_waits_for_each_of_its_queries_in_order(
        due in prop::collection::vec((0..60_usize, prop::collection::vec(any_need(), 1..5)), 0..80),
    ) {
        let due: Vec<Policy> = due.into_iter().map(|(namespace, needs)| Policy { namespace: name(namespace), needs }).collect();
        let plan = Planner::default().plan(policies(&due), START);
        let mut waits = BTreeMap::new();
        for group in &plan.groups {
            for member in &group.members {
                prop_assert!(waits.insert(*member as usize, &group.requests).is_none(), "in two groups");
            }
        }
        prop_assert_eq!(waits.len(), due.len());
        for (member, requests) in waits {
            prop_assert_eq!(requests.len(), due[member].needs.len());
            for (request, (query, taken)) in requests.iter().zip(&due[member].needs) {
                let request = &plan.requests[*request as usize];
                prop_assert_eq!(&request.query, query);
                prop_assert!(request.covers(&due[member].namespace));
                match (&request.wanted, taken) {
                    (Wanted::Pods, None) => {}
                    (Wanted::Labels(sets), Some(taken)) => {
                        prop_assert!(sets.iter().any(|set| set.iter().eq(taken.iter().map(|(name, _)| name))));
                    }
                    other => prop_assert!(false, "{other:?}"),
                }
            }
        }
        let groups: BTreeSet<_> = plan.groups.iter().map(|group| group.requests.clone()).collect();
        prop_assert_eq!(groups.len(), plan.groups.len());
        let queries: BTreeSet<_> = plan.requests.iter().map(|request| &request.query).collect();
        prop_assert_eq!(queries.len(), plan.requests.len());
    }
}
