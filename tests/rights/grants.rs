//! The rights that roles and bindings give to a service account, one by one. Pure.
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

/// One verb on one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Right {
    pub(crate) action: Action,
    /// The one object that it is for; absent: all.
    pub(crate) name: Option<String>,
    /// Whether it holds in all namespaces, or in the account's own alone.
    pub(crate) is_everywhere: bool,
}

/// A verb, and what it is done to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Action {
    pub(crate) verb: String,
    /// Empty for the core group.
    pub(crate) group: String,
    /// With a subresource after a slash. What begins with a slash is a path that is no resource's.
    pub(crate) resource: String,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        match self.group.as_str() {
            "" => Ok(()),
            group => write!(f, " of {group}"),
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)?;
        match &self.name {
            Some(name) => write!(f, " named {name}"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    verbs: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
}

impl Rule {
    fn rights(self, is_everywhere: bool) -> Result<Vec<Right>, String> {
        let Self {
            api_groups,
            resources,
            verbs,
            resource_names,
        } = self;
        let mut words = api_groups.iter().chain(&resources).chain(&verbs);
        if words.any(|word| word.contains('*')) {
            return Err(format!("a rule grants more than it names: {resources:?}"));
        }
        let names = if resource_names.is_empty() {
            vec![None]
        } else {
            resource_names.into_iter().map(Some).collect()
        };
        let mut rights = Vec::new();
        for group in &api_groups {
            for resource in &resources {
                for verb in &verbs {
                    for name in &names {
                        let (verb, group, resource) = (verb.clone(), group.clone(), resource.clone());
                        rights.push(Right {
                            action: Action {
                                verb,
                                group,
                                resource,
                            },
                            name: name.clone(),
                            is_everywhere,
                        });
                    }
                }
            }
        }
        Ok(rights)
    }
}

/// What the service account of this name may do by the roles in `manifests` that are bound to it.
pub(crate) fn granted(manifests: &str, account: &str) -> Result<Vec<Right>, String> {
    let mut objects = Vec::new();
    for document in serde_yaml::Deserializer::from_str(manifests) {
        let object = Value::deserialize(document).map_err(|error| error.to_string())?;
        objects.push(object);
    }
    let mut rights = Vec::new();
    for binding in &objects {
        let is_everywhere = match binding["kind"].as_str() {
            Some("ClusterRoleBinding") => true,
            Some("RoleBinding") => false,
            _ => continue,
        };
        let is_meant = |subject: &Value| subject["kind"] == "ServiceAccount" && subject["name"] == account;
        if !binding["subjects"].as_array().into_iter().flatten().any(is_meant) {
            continue;
        }
        let wanted = &binding["roleRef"];
        let is_wanted =
            |role: &&Value| role["kind"] == wanted["kind"] && role["metadata"]["name"] == wanted["name"];
        let role = objects.iter().find(is_wanted);
        let role = role.ok_or_else(|| format!("a binding names a role that is not there: {wanted}"))?;
        let rules: Vec<Rule> =
            serde_json::from_value(role["rules"].clone()).map_err(|error| error.to_string())?;
        for rule in rules {
            rights.extend(rule.rights(is_everywhere)?);
        }
    }
    rights.sort();
    rights.dedup();
    Ok(rights)
}
