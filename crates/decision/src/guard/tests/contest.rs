//! Somebody undoes what we do again and again.

use super::*;

/// A memory of these changes: seconds after noon, from, to, and by whom.
pub(super) fn changed(changes: &[(u32, Replicas, Replicas, Writer)]) -> Memory {
    let mut memory = Memory::default();
    for (second, from, to, by) in changes {
        memory.restore_change(Change {
            at: after(*second),
            from: *from,
            to: *to,
            by: *by,
        });
    }
    memory
}

#[test]
fn who_is_undone_three_times_in_ten_minutes_gives_way() {
    use Writer::{Other, Own};
    let thrice = |third: u32| {
        vec![
            (0, 2, 5, Own),
            (100, 5, 2, Other),
            (110, 2, 5, Own),
            (200, 5, 2, Other),
            (210, 2, 5, Own),
            (third, 5, 2, Other),
        ]
    };
    let contested = |left| (2, Reason::ReplicasContested, Some(left));
    let free = |wanted| (wanted, Reason::NothingForbids, None);
    for (changes, now, wanted, expected) in [
        (thrice(300), 310, 9, contested(390)),
        (thrice(300), 310, 1, contested(390)),
        (thrice(300), 699, 9, contested(1)),
        (thrice(300), 700, 9, free(9)),
        // Only two reversals.
        (
            thrice(300)[..5].to_vec(),
            310,
            9,
            (9, Reason::NothingForbids, None),
        ),
        // Somebody who goes further in our direction undoes nothing.
        (
            vec![
                (0, 9, 5, Own),
                (100, 5, 4, Other),
                (110, 4, 3, Own),
                (200, 3, 2, Other),
                (210, 2, 3, Own),
                (300, 3, 2, Other),
            ],
            310,
            9,
            free(9),
        ),
        // Others among themselves, and ourselves, are no contest.
        (
            vec![
                (0, 2, 5, Other),
                (100, 5, 2, Other),
                (110, 2, 5, Own),
                (200, 5, 2, Own),
                (210, 2, 5, Other),
                (300, 5, 2, Other),
            ],
            310,
            9,
            free(9),
        ),
    ] {
        let mut scene = Scene::of(policy(&[]));
        scene.memory = changed(&changes);
        scene.now = after(now);
        let current = scene.memory.replicas.unwrap();
        assert_eq!(
            scene.run(guard, current, wanted),
            expected,
            "{changes:?} at {now} s"
        );
    }
}

#[test]
fn a_fourth_reversal_prolongs_the_contest_and_an_unseen_one_counts() {
    use Writer::{Other, Own};
    let mut scene = Scene::of(policy(&[]));
    scene.now = after(310);
    scene.memory = changed(&[
        (0, 2, 5, Own),
        (100, 5, 2, Other),
        (110, 2, 5, Own),
        (200, 5, 2, Other),
        (210, 2, 5, Own),
    ]);
    assert_eq!(scene.run(guard, 5, 9), (9, Reason::NothingForbids, None));
    let unseen = scene.run(guard, 2, 9);
    assert_eq!(unseen, (2, Reason::ReplicasContested, Some(390)));
    let same_direction = scene.run(guard, 7, 9);
    assert_eq!(same_direction, (9, Reason::NothingForbids, None));
    scene.memory = changed(&[
        (0, 2, 5, Own),
        (100, 5, 2, Other),
        (110, 2, 5, Own),
        (200, 5, 2, Other),
        (210, 2, 5, Own),
        (220, 5, 2, Other),
        (230, 2, 5, Own),
        (300, 5, 2, Other),
    ]);
    assert_eq!(scene.run(guard, 2, 9), (2, Reason::ReplicasContested, Some(490)));
}

#[test]
fn a_contest_does_not_keep_the_target_below_the_floor() {
    use Writer::{Other, Own};
    let mut scene = Scene::of(policy(&[]));
    scene.floor = 4;
    scene.memory = changed(&[
        (0, 2, 5, Own),
        (10, 5, 2, Other),
        (20, 2, 5, Own),
        (30, 5, 2, Other),
        (40, 2, 5, Own),
        (50, 5, 2, Other),
    ]);
    assert_eq!(scene.run(guard, 2, 9), (4, Reason::ReplicasContested, Some(510)));
}
