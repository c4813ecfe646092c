use super::*;

fn kind(name: &str) -> GroupVersionKind {
    GroupVersionKind::gvk("apps", "v1", name)
}

fn versions(pods: &[(u64, u32)], newest: Option<u64>) -> Versions {
    let mut versions = Versions {
        newest: newest.map(|version| Newest {
            version,
            rollout: version + 100,
        }),
        ..Versions::default()
    };
    for (version, count) in pods {
        versions.add(*version, *count);
    }
    versions
}

const MOVING: RolloutProgress = RolloutProgress {
    is_stopped: false,
    update_revision: None,
    partition: 0,
};

const STOPPED: RolloutProgress = RolloutProgress {
    is_stopped: true,
    ..MOVING
};

const fn under_way(revision: u64) -> Rollout {
    Rollout::UnderWay { revision }
}

#[test]
fn a_deployment_rolls_out_until_all_pods_are_of_the_newest_set() {
    let deployment =
        |pods: &[(u64, u32)], newest| rollout(&kind("Deployment"), MOVING, &versions(pods, newest));
    assert_eq!(deployment(&[], None), Rollout::None);
    assert_eq!(deployment(&[], Some(1)), Rollout::None);
    assert_eq!(deployment(&[(1, 3)], Some(1)), Rollout::None);
    assert_eq!(
        deployment(&[(1, 3)], Some(2)),
        under_way(102),
        "the new set has no pods yet"
    );
    assert_eq!(deployment(&[(1, 2), (2, 2)], Some(2)), under_way(102));
    assert_eq!(
        deployment(&[(1, 2), (2, 2)], Some(1)),
        under_way(101),
        "rolled back"
    );
    assert_eq!(deployment(&[(2, 3)], Some(2)), Rollout::None);
}

#[test]
fn one_that_is_paused_or_was_given_up_is_none() {
    for kind in [kind("Deployment"), kind("StatefulSet"), kind("Other")] {
        let mixed = versions(&[(1, 2), (2, 2)], Some(2));
        let stopped = RolloutProgress {
            update_revision: Some(2),
            ..STOPPED
        };
        assert_eq!(rollout(&kind, stopped, &mixed), Rollout::None, "{kind:?}");
    }
}

#[test]
fn a_stateful_set_rolls_out_until_only_the_pods_below_the_partition_are_old() {
    let rolling = |partition, pods: &[(u64, u32)]| {
        let progress = RolloutProgress {
            update_revision: Some(7),
            partition,
            ..MOVING
        };
        rollout(&kind("StatefulSet"), progress, &versions(pods, None))
    };
    assert_eq!(rolling(0, &[(7, 3)]), Rollout::None);
    assert_eq!(rolling(0, &[(6, 3)]), under_way(7));
    assert_eq!(rolling(0, &[(6, 1), (7, 2)]), under_way(7));
    assert_eq!(rolling(2, &[(6, 2), (7, 1)]), Rollout::None);
    assert_eq!(rolling(2, &[(6, 3)]), under_way(7));
    assert_eq!(rolling(0, &[]), Rollout::None);
}

#[test]
fn other_kinds_roll_out_while_they_have_pods_of_two_versions() {
    let fleet = GroupVersionKind::gvk("example.dev", "v1", "Fleet");
    let of = |pods: &[(u64, u32)], newest| rollout(&fleet, MOVING, &versions(pods, newest));
    assert_eq!(of(&[(1, 3)], None), Rollout::None);
    assert_eq!(
        of(&[(1, 3)], Some(2)),
        Rollout::None,
        "an aborted one may rest on the set before the newest"
    );
    assert_eq!(of(&[(1, 2), (2, 1)], Some(2)), under_way(102));
    let direct = of(&[(1, 2), (2, 1)], None);
    assert!(matches!(direct, Rollout::UnderWay { .. }));
    assert_eq!(of(&[(2, 2), (1, 5)], None), direct, "the order tells nothing");
    assert_ne!(
        of(&[(1, 2), (3, 1)], None),
        direct,
        "another version is another rollout"
    );
}

#[test]
fn the_words_of_one_group_mean_nothing_in_another() {
    let other = GroupVersionKind::gvk("example.dev", "v1", "Deployment");
    assert_eq!(
        rollout(&other, MOVING, &versions(&[(1, 3)], Some(2))),
        Rollout::None
    );
}
