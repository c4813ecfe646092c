//! Lists of what is in the cluster, or in the namespaces that the controller watches. This touches the network.
use super::caller::{Caller, Heard, Listed, Trouble};

/// Lists the objects of the whole cluster, or of some namespaces.
pub(super) struct Lists<'a> {
    caller: &'a mut Caller,
    pub(super) namespaces: &'a [String],
}

impl<'a> Lists<'a> {
    pub(super) fn new(caller: &'a mut Caller, namespaces: &'a [String]) -> Self {
        Self { caller, namespaces }
    }

    /// Objects of this kind; of each namespace at most `limit`. What is told of several namespaces holds for those that could be
    /// listed, if any could.
    pub(super) async fn get(&mut self, api: &str, plural: &str, limit: u32) -> Heard<Listed> {
        if self.namespaces.is_empty() {
            return self.caller.list(&format!("{api}/{plural}"), limit).await;
        }
        self.of(api, plural, limit, self.namespaces).await
    }

    /// Objects of these namespaces.
    pub(super) async fn of(
        &mut self,
        api: &str,
        plural: &str,
        limit: u32,
        namespaces: &[String],
    ) -> Heard<Listed> {
        let mut all: Heard<Listed> = Err(Trouble::Absent);
        for namespace in namespaces {
            let path = format!("{api}/namespaces/{namespace}/{plural}");
            match (self.caller.list(&path, limit).await, &mut all) {
                (Ok(more), Ok(all)) => {
                    all.items.extend(more.items);
                    all.has_more |= more.has_more;
                }
                (Ok(first), Err(_)) => all = Ok(first),
                (Err(error), Err(_)) => all = Err(error),
                (Err(_), Ok(_)) => {}
            }
        }
        all
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
