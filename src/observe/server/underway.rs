//! Which queries are under way, so that none is asked twice at a time: a server that does not answer collects no more
//! requests than there are queries. No network.
use std::collections::HashSet;
use std::sync::Mutex;

use crate::cluster::lock;

/// The queries under way, by their hashes.
#[derive(Default)]
pub(super) struct Underway(Mutex<HashSet<u64>>);

/// Ends the query when it is dropped, however that comes.
pub(super) struct Asking<'a> {
    underway: &'a Underway,
    query: u64,
}

impl Underway {
    /// Begins a query, unless the same one is still under way.
    pub(super) fn begin(&self, query: u64) -> Option<Asking<'_>> {
        let is_new = lock(&self.0).insert(query);
        // Not before it is known: what is dropped ends a query.
        is_new.then(|| Asking {
            underway: self,
            query,
        })
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        lock(&self.underway.0).remove(&self.query);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_begins_again_only_after_its_end() {
        let underway = Underway::default();
        let asking = underway.begin(1);
        assert!(asking.is_some() && underway.begin(1).is_none() && underway.begin(2).is_some());
        drop(asking);
        assert!(underway.begin(1).is_some());
    }
}
