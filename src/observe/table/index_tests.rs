use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn names_are_found_as_in_a_map(rows in prop::collection::vec(("[ab\u{0}é]{0,3}", "[ab\u{0}é]{0,3}"), 0..200)) {
        let mut index = Index::of_width(2);
        let mut expected: HashMap<(String, String), usize> = HashMap::new();
        for (one, other) in &rows {
            let next = expected.len();
            let known = expected.entry((one.clone(), other.clone())).or_insert(next);
            prop_assert_eq!(index.insert([one.as_str(), other].into_iter()), (*known, *known == next));
        }
        index.shrink();
        prop_assert_eq!(index.len(), expected.len());
        for ((one, other), row) in &expected {
            prop_assert_eq!(index.get([one.as_str(), other].into_iter()), Some(*row));
            prop_assert!(index.names(*row).eq([one.as_str(), other]));
        }
        prop_assert_eq!(index.get(["c", ""].into_iter()), None);
    }
}

#[test]
fn names_that_run_together_are_told_apart() {
    let mut index = Index::of_width(2);
    let rows = [["ab", "c"], ["a", "bc"], ["abc", ""], ["", "abc"]];
    for (expected, names) in rows.iter().enumerate() {
        assert_eq!(index.insert(names.iter().copied()), (expected, true));
    }
}

#[test]
fn without_names_there_is_one_row() {
    let mut index = Index::of_width(0);
    assert_eq!(index.get(std::iter::empty()), None);
    assert_eq!(index.insert(std::iter::empty()), (0, true));
    assert_eq!(index.insert(std::iter::empty()), (0, false));
}
