//! Lists of what is in the cluster, or in the namespaces that the controller watches. This touches the network.
use super::caller::{Caller, Heard, Listed, Trouble};

impl Listed {
    /// Takes in the objects of another list.
    pub(super) fn extend(&mut self, more: Self) {
        self.items.extend(more.items);
        self.has_more |= more.has_more;
        for (namespace, trouble) in more.unheard {
            if self.unheard.iter().all(|(known, _)| *known != namespace) {
                self.unheard.push((namespace, trouble));
            }
        }
    }

    /// Whether all of it was heard of.
    pub(super) fn is_whole(&self) -> bool {
        self.unheard.is_empty() && !self.has_more
    }
}

/// Lists the objects of the whole cluster, or of some namespaces.
pub(super) struct Lists<'a> {
    caller: &'a mut Caller,
    pub(super) namespaces: &'a [String],
}

impl<'a> Lists<'a> {
    pub(super) fn new(caller: &'a mut Caller, namespaces: &'a [String]) -> Self {
        Self { caller, namespaces }
    }

    /// Objects of this kind; of each namespace at most `limit`.
    pub(super) async fn get(&mut self, api: &str, plural: &str, limit: u32) -> Heard<Listed> {
        if self.namespaces.is_empty() {
            return self.caller.list(&format!("{api}/{plural}"), limit).await;
        }
        self.of(api, plural, limit, self.namespaces).await
    }

    /// Objects of these namespaces, with those that could not be listed; the first trouble where none could.
    pub(super) async fn of(
        &mut self,
        api: &str,
        plural: &str,
        limit: u32,
        namespaces: &[String],
    ) -> Heard<Listed> {
        let mut all = Listed::default();
        for namespace in namespaces {
            let path = format!("{api}/namespaces/{namespace}/{plural}");
            match self.caller.list(&path, limit).await {
                Ok(more) => all.extend(more),
                Err(trouble) => all.unheard.push((namespace.clone(), trouble)),
            }
        }
        match all.unheard.first() {
            Some((_, trouble)) if all.unheard.len() == namespaces.len() => Err(trouble.clone()),
            _ => Ok(all),
        }
    }
}

/// The namespaces that are not there; who may not look at one is not told so of it.
pub(super) async fn missing(caller: &mut Caller, namespaces: &[String]) -> Vec<String> {
    let mut missing = Vec::new();
    for namespace in namespaces {
        if caller.get(&format!("/api/v1/namespaces/{namespace}")).await == Err(Trouble::Absent) {
            missing.push(namespace.clone());
        }
    }
    missing
}
