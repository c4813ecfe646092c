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

/// We write 5 at the first of these seconds and another takes it back to 2 at the next, in turns.
pub(super) fn to_and_fro(seconds: &[u32]) -> Vec<(u32, Replicas, Replicas, Writer)> {
    let turns = [(2, 5, Writer::Own), (5, 2, Writer::Other)].into_iter().cycle();
    let changes = seconds.iter().zip(turns);
    changes
        .map(|(second, (from, to, by))| (*second, from, to, by))
        .collect()
}

#[test]
fn who_is_undone_three_times_in_ten_minutes_gives_way() {
    use Writer::{Other, Own};
    let thrice = |third| to_and_fro(&[0, 100, 110, 200, 210, third]);
    let contested = |left| (2, Reason::ReplicasContested, Some(left));
    let free = |wanted| (wanted, Reason::NothingForbids, None);
    for (changes, now, wanted, expected) in [
        (thrice(300), 310, 9, contested(390)),
        (thrice(300), 310, 1, contested(390)),
        (thrice(300), 699, 9, contested(1)),
        (thrice(300), 700, 9, free(9)),
        // Only two reversals.
        (to_and_fro(&[0, 100, 110, 200, 210]), 310, 9, free(9)),
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
    let mut scene = Scene::of(policy(&[]));
    scene.now = after(310);
    scene.memory = changed(&to_and_fro(&[0, 100, 110, 200, 210]));
    assert_eq!(scene.run(guard, 5, 9), (9, Reason::NothingForbids, None));
    let unseen = scene.run(guard, 2, 9);
    assert_eq!(unseen, (2, Reason::ReplicasContested, Some(390)));
    let same_direction = scene.run(guard, 7, 9);
    assert_eq!(same_direction, (9, Reason::NothingForbids, None));
    scene.memory = changed(&to_and_fro(&[0, 100, 110, 200, 210, 220, 230, 300]));
    assert_eq!(scene.run(guard, 2, 9), (2, Reason::ReplicasContested, Some(490)));
}

#[test]
fn a_contest_does_not_keep_the_target_below_the_floor() {
    let mut scene = Scene::of(policy(&[]));
    scene.floor = 4;
    scene.memory = changed(&to_and_fro(&[0, 10, 20, 30, 40, 50]));
    assert_eq!(scene.run(guard, 2, 9), (4, Reason::ReplicasContested, Some(510)));
}
