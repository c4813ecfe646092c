//! The namespaces that a configuration may ask to watch. No network.
use std::collections::BTreeSet;

/// Each kind is watched in each namespace by itself, so that beyond this the whole cluster costs less.
const MOST: usize = 100;
/// The longest name of a namespace (RFC 1123).
const LONGEST: usize = 63;

/// Whether these can be watched.
///
/// # Errors
/// What to write instead, in words.
pub(super) fn check(namespaces: &[String]) -> Result<(), String> {
    if namespaces.len() > MOST {
        return Err(format!(
            "watchNamespaces has {} namespaces, and at most {MOST} are watched one by one: leave it out to watch the whole \
             cluster, or run several controllers, each for some of them",
            namespaces.len()
        ));
    }
    let mut known = BTreeSet::new();
    for namespace in namespaces {
        if !is_namespace(namespace) {
            return Err(format!(
                "watchNamespaces has {namespace:?}, which is no name of a namespace: write one of at most {LONGEST} lower-case \
                 letters, digits and dashes, such as shop; there are no patterns"
            ));
        }
        if !known.insert(namespace) {
            return Err(format!(
                "watchNamespaces has {namespace} twice: write each namespace once"
            ));
        }
    }
    Ok(())
}

fn is_namespace(name: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=LONGEST).contains(&name.len())
        && name.chars().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(namespaces: &[&str]) -> Result<(), String> {
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        check(&namespaces)
    }

    #[test]
    fn names_of_namespaces_are_taken() {
        assert_eq!(checked(&[]), Ok(()));
        assert_eq!(checked(&["shop", "team-7", "0", &"a".repeat(63)]), Ok(()));
    }

    #[test]
    fn what_cannot_be_a_namespace_is_refused_with_what_to_write() {
        for name in ["", "Shop", "shop-*", "shop_1", "a.b", "-a", "a-", &"a".repeat(64)] {
            let message = checked(&["shop", name]).unwrap_err();
            assert!(
                message.contains(&format!("has {name:?}, which is no name")),
                "{message}"
            );
        }
        let message = checked(&["shop", "web", "shop"]).unwrap_err();
        assert_eq!(
            message,
            "watchNamespaces has shop twice: write each namespace once"
        );
    }

    #[test]
    fn a_hundred_namespaces_are_watched_one_by_one_and_no_more() {
        let many: Vec<String> = (0..101).map(|number| format!("team-{number}")).collect();
        assert_eq!(check(&many[1..]), Ok(()));
        let message = check(&many).unwrap_err();
        assert!(
            message.contains("leave it out to watch the whole cluster"),
            "{message}"
        );
    }
}
