//! PromQL of users, narrowed to their own namespace. Pure.
//!
//! The text stays the user's, word by word: only comments go, and each selector gets the matchers of its namespace behind
//! its own. So nothing is computed in another order or with another number than the user wrote. What cannot be read to
//! the end is refused; docs/decisions/0004-tenancy.md says why this is no library's syntax tree.
mod rewrite;
mod selector;
mod token;

/// The series that a policy may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Label that carries the namespace.
    label: String,
    /// The policy's namespace.
    namespace: String,
    /// The matchers of every selector, without braces.
    matchers: String,
}

/// Why a query is not sent to a server on which each policy may read its own namespace alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A matcher asks for another namespace.
    #[error(
        "{matcher} asks for another namespace than the policy's own, {own}, which is all that this server tells: \
         leave the matcher out, {own} is added to every selector"
    )]
    OtherNamespace {
        /// As it is written.
        matcher: String,
        /// The policy's namespace.
        own: String,
    },
    /// A function that reads series of its own accord.
    #[error(
        "{function}() reads series that no matcher narrows to the policy's own namespace: join them with \
         * on (…) group_left (…) instead"
    )]
    Function {
        /// Its name.
        function: String,
    },
    /// A word of the language where a value belongs.
    #[error(
        "{word:?} is a word of PromQL itself where a value belongs: a metric of that name is \
         {{__name__=\"{word}\"}}"
    )]
    Word {
        /// The word.
        word: String,
    },
    /// More brackets in one another than anybody writes.
    #[error(
        "it has more than {} brackets in one another: take it apart by a recording rule",
        rewrite::MOST_DEEP
    )]
    TooDeep,
    /// Something that is no PromQL, or that is not read here.
    #[error(
        "it cannot be read from {near:?}, where {expected} belongs: to policies of single namespaces this server \
         answers plain PromQL alone"
    )]
    Unread {
        /// What is there.
        near: String,
        /// What belongs there.
        expected: &'static str,
    },
}

impl Scope {
    /// The series with this namespace under this label, and with the server's own matchers.
    #[must_use]
    pub fn of(label: &str, namespace: &str, server_matchers: Option<&str>) -> Self {
        // Names of namespaces are letters, digits and dashes, so that nothing in them needs an escape.
        let own = format!("{label}=\"{namespace}\"");
        Self {
            label: label.to_owned(),
            namespace: namespace.to_owned(),
            matchers: match server_matchers {
                Some(more) => format!("{own},{more}"),
                None => own,
            },
        }
    }

    /// The query with the scope's matchers in every selector.
    ///
    /// # Errors
    /// When it names another namespace, reads what cannot be narrowed, or is not understood to the end.
    pub fn narrowed(&self, query: &str) -> Result<String, Refusal> {
        rewrite::narrowed(query, self)
    }
}

/// What follows the string at the beginning of `text`, which is in quotes of one of three sorts; `None` where there is none, it does
/// not end, or it has an escape that Prometheus does not know.
#[must_use]
pub fn after_string(text: &str) -> Option<&str> {
    let quoted = text.starts_with(['"', '\'', '`']).then_some(text)?;
    let (_, length) = token::decoded(quoted)?;
    text.get(length..)
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
#[path = "promql_tests.rs"]
mod tests;
