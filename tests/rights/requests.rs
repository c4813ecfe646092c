//! The requests in an audit log of the API server: what was asked, and by which role it was allowed. Pure.
use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;
use serde::Deserialize;

use crate::grants::Action;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) action: Action,
    /// Absent: of all namespaces.
    pub(crate) namespace: Option<String>,
    /// Absent: of all names.
    pub(crate) name: Option<String>,
    /// The namespace and the name of the service account that asked.
    pub(crate) account: (String, String),
    pub(crate) verdict: Verdict,
    pub(crate) at: Timestamp,
}

/// What the API server's authorizers said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Allowed, by a binding; one of a namespace is called `NAME/NAMESPACE`.
    AllowedBy(String),
    Forbidden,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    id: String,
    #[serde(rename = "requestURI")]
    uri: String,
    verb: String,
    user: User,
    #[serde(default)]
    object_ref: Object,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    request_received_timestamp: Timestamp,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    api_group: String,
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

/// The requests of service accounts, each once: the beginning and the end of a watch are one. The API server may be writing still:
/// a last line without its end is left out.
pub(crate) fn read(log: &str) -> Result<Vec<Request>, String> {
    let mut known = HashSet::new();
    let mut requests = Vec::new();
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    for (line, number) in whole.lines().zip(1..) {
        let event: Event = serde_json::from_str(line).map_err(|error| format!("line {number}: {error}"))?;
        if known.insert(event.id.clone()) {
            let request = event
                .request()
                .map_err(|error| format!("line {number}: {error}"))?;
            requests.extend(request);
        }
    }
    Ok(requests)
}

impl Event {
    /// Nothing when it is not a service account's.
    fn request(self) -> Result<Option<Request>, String> {
        let verdict = self.verdict()?;
        let account = self.user.username.strip_prefix("system:serviceaccount:");
        let Some((namespace, name)) = account.and_then(|account| account.split_once(':')) else {
            return Ok(None);
        };
        let path = self.uri.split('?').next().unwrap_or_default();
        let Object {
            api_group,
            resource,
            subresource,
            ..
        } = self.object_ref;
        let (group, resource) = match (resource, subresource) {
            (Some(resource), Some(subresource)) => (api_group, format!("{resource}/{subresource}")),
            (Some(resource), None) => (api_group, resource),
            (None, _) => (String::new(), path.to_owned()),
        };
        Ok(Some(Request {
            action: Action {
                verb: self.verb,
                group,
                resource,
            },
            namespace: self.object_ref.namespace,
            name: self.object_ref.name,
            account: (namespace.to_owned(), name.to_owned()),
            verdict,
            at: self.request_received_timestamp,
        }))
    }

    fn verdict(&self) -> Result<Verdict, String> {
        let annotation = |name: &str| {
            let name = format!("authorization.k8s.io/{name}");
            self.annotations.get(&name).map_or("", String::as_str)
        };
        match annotation("decision") {
            // RBAC: allowed by RoleBinding "NAME/NAMESPACE" of Role "NAME" to ServiceAccount "NAME/NAMESPACE"
            "allow" => match annotation("reason").split('"').nth(1) {
                Some(binding) => Ok(Verdict::AllowedBy(binding.to_owned())),
                None => Err(format!("allowed without naming a role: {}", annotation("reason"))),
            },
            "forbid" => Ok(Verdict::Forbidden),
            other => Err(format!("neither allowed nor forbidden, but {other:?}")),
        }
    }
}
