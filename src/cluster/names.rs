//! Names of objects, small and cheap to clone, since a controller holds some for each of 100,000 policies. No network.
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::intern;

/// Namespace and name.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: Arc<str>,
    /// Name.
    pub name: Arc<str>,
}

impl ObjectKey {
    /// A key of this namespace and name.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: intern::name(namespace),
            name: name.into(),
        }
    }

    /// The key of an object's metadata.
    #[must_use]
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self::new(
            metadata.namespace.as_deref().unwrap_or_default(),
            metadata.name.as_deref().unwrap_or_default(),
        )
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An object's uid. The API server makes UUIDs, which need no memory of their own; any other text is kept as it is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uid(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    /// In the canonical form: lower case, with dashes.
    Uuid([u8; 16]),
    Other(Arc<str>),
}

/// Places of the dashes in a canonical UUID.
const DASHES: [usize; 4] = [8, 13, 18, 23];

impl Uid {
    /// The uid with this text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(uuid(text).map_or_else(|| Repr::Other(text.into()), Repr::Uuid))
    }

    /// The uid in an object's metadata; empty where there is none.
    #[must_use]
    pub fn in_metadata(metadata: &ObjectMeta) -> Self {
        Self::of(metadata.uid.as_deref().unwrap_or_default())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Repr::Other(text) if text.is_empty())
    }
}

/// The bytes of a UUID in canonical form, and of nothing else: the text must come back as it was.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text = text.as_bytes();
    if text.len() != 36 || DASHES.iter().any(|at| text.get(*at) != Some(&b'-')) {
        return None;
    }
    let mut bytes = [0; 16];
    let mut digits = text
        .iter()
        .enumerate()
        .filter(|(at, _)| !DASHES.contains(at))
        .map(|(_, digit)| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        });
    for byte in &mut bytes {
        *byte = (digits.next()?? << 4) | digits.next()??;
    }
    Some(bytes)
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Other(text) => f.write_str(text),
            Repr::Uuid(bytes) => {
                for (place, byte) in bytes.iter().enumerate() {
                    if [4, 6, 8, 10].contains(&place) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As their texts compare: of two policies of the same age the one with the lesser uid owns a target.
impl Ord for Uid {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            // In canonical form dashes are at the same places and digits sort like their bytes.
            (Repr::Uuid(this), Repr::Uuid(other)) => this.cmp(other),
            (Repr::Other(this), Repr::Other(other)) => this.cmp(other),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for Uid {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_comes_back_as_it_was() {
        for text in [
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "00000000-0000-0000-0000-000000000000",
            "0F8FAD5B-d9cb-469f-a165-70867728950e",
            "0f8fad5b-d9cb-469f-a165-70867728950",
            "0f8fad5bxd9cb-469f-a165-70867728950e",
            "uid-of-web",
            "",
        ] {
            assert_eq!(Uid::of(text).to_string(), text);
        }
        assert!(Uid::of("").is_empty() && !Uid::of("a").is_empty());
    }

    #[test]
    fn uids_sort_like_their_texts() {
        let mut texts = [
            "b",
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "a",
            "f0000000-0000-0000-0000-000000000000",
            "0f8fad5b-d9cb-469f-a165-708677289500",
        ];
        let mut uids = texts.map(Uid::of);
        uids.sort();
        texts.sort_unstable();
        assert_eq!(uids.map(|uid| uid.to_string()), texts);
    }

    #[test]
    fn a_uid_takes_no_more_than_its_bytes_and_a_tag() {
        assert!(size_of::<Uid>() <= 24);
    }
}
