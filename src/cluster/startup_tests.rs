use super::*;

fn learned(seconds: impl IntoIterator<Item = u32>) -> StartupTable {
    let mut table = StartupTable::default();
    for seconds in seconds {
        table.learn(&"web".into(), seconds);
    }
    table
}

const fn times(p50_seconds: u32, p95_seconds: u32, samples: u32) -> StartupTimes {
    StartupTimes {
        p50_seconds,
        p95_seconds,
        samples,
    }
}

#[test]
fn ranks_are_the_nearest_ones() {
    assert_eq!(learned([]).get(&"web".into()), None);
    assert_eq!(learned([7]).get(&"web".into()), Some(times(7, 7, 1)));
    assert_eq!(learned([9, 1]).get(&"web".into()), Some(times(1, 9, 2)));
    assert_eq!(
        learned((1..=20).rev()).get(&"web".into()),
        Some(times(10, 19, 20))
    );
    assert_eq!(learned(1..=21).get(&"web".into()), Some(times(11, 20, 21)));
    assert_eq!(learned(1..=32).get(&"web".into()), Some(times(16, 31, 32)));
}

#[test]
fn from_three_samples_on_one_slow_start_is_an_exception() {
    assert_eq!(learned([3, 1, 2]).get(&"web".into()), Some(times(2, 2, 3)));
    for ordinary in 2..32 {
        let one_slow = learned(std::iter::once(800).chain((0..ordinary).map(|_| 5)));
        assert_eq!(one_slow.get(&"web".into()), Some(times(5, 5, ordinary + 1)));
    }
    let two_slow = learned([5, 800, 5, 800]);
    assert_eq!(two_slow.get(&"web".into()), Some(times(5, 800, 4)));
}

#[test]
fn the_newest_samples_are_kept_and_no_more() {
    let table = learned((0..10).map(|_| 900).chain((0..32).map(|_| 5)));
    assert_eq!(table.get(&"web".into()), Some(times(5, 5, 32)));
}

#[test]
fn a_start_of_days_counts_as_one_of_eighteen_hours() {
    assert_eq!(
        learned([400_000]).get(&"web".into()),
        Some(times(65_535, 65_535, 1))
    );
}

#[test]
fn what_was_restored_serves_until_there_are_enough_samples() {
    let mut table = learned([5; 3]);
    table.restore(&"web".into(), times(40, 60, 32));
    table.restore(&"other".into(), times(1, 2, 3));
    for _ in 3..7 {
        table.learn(&"web".into(), 5);
        assert_eq!(table.get(&"web".into()), Some(times(40, 60, 32)));
    }
    table.learn(&"web".into(), 5);
    assert_eq!(table.get(&"web".into()), Some(times(5, 5, 8)));
    table.restore(&"web".into(), times(40, 60, 32));
    assert_eq!(
        table.get(&"web".into()),
        Some(times(5, 5, 8)),
        "it comes too late"
    );
    assert_eq!(table.get(&"other".into()), Some(times(1, 2, 3)));
}

#[test]
fn what_was_restored_from_two_pods_is_replaced_by_two_samples() {
    let mut table = learned([5]);
    table.restore(&"web".into(), times(40, 60, 2));
    assert_eq!(table.get(&"web".into()), Some(times(40, 60, 2)));
    table.learn(&"web".into(), 5);
    assert_eq!(table.get(&"web".into()), Some(times(5, 5, 2)));
}

#[test]
fn nothing_restored_is_nothing_known() {
    let mut table = StartupTable::default();
    table.restore(&"web".into(), times(0, 0, 0));
    assert_eq!(table.get(&"web".into()), None);
}

#[test]
fn samples_can_be_handed_over_and_forgotten() {
    let mut table = learned([5, 7]);
    table.hand_over(&"web".into(), &"owner".into());
    table.hand_over(&"nobody".into(), &"owner".into());
    assert_eq!(table.get(&"web".into()), None);
    assert_eq!(table.get(&"owner".into()), Some(times(5, 7, 2)));
    table.retain(|owner| *owner == "web".into());
    assert!(table.owners.is_empty());
}
