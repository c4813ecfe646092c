//! Which series the queries that users write may read. No network.
use serde::{Deserialize, Serialize};

use super::{Config, ServerConfig};
use crate::promql::Scope;

/// Which series of a server the queries of policies may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tenancy {
    /// All that the server tells.
    #[default]
    Cluster,
    /// Those of the policy's own namespace.
    Namespace,
}

impl Config {
    /// Which series the policies that name this server may read there.
    #[must_use]
    pub fn tenancy(&self, server: &ServerConfig) -> Tenancy {
        server.tenancy.unwrap_or(self.tenancy)
    }

    /// What the queries that policies of this namespace send to this server are narrowed to; `None` where they may read
    /// all. To a server that is not in the configuration nothing is sent.
    #[must_use]
    pub fn scope(&self, server: &str, namespace: &str) -> Option<Scope> {
        let server = self.server(server)?;
        match self.tenancy(server) {
            Tenancy::Cluster => None,
            Tenancy::Namespace => Some(Scope::of(&self.labels.namespace, namespace, server.matchers())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_the_tenancy_of_all_unless_it_says_otherwise() {
        let parse = |text: &str| Config::parse(text, "test.yaml".as_ref());
        let servers = "servers: [{name: default, url: 'http://a', matchers: 'cluster=\"a\"'}, \
                       {name: open, url: 'http://b', tenancy: Cluster}, {name: shut, url: 'http://c', tenancy: Namespace}]";
        let of = |text: &str| {
            let config = parse(&format!("{servers}\n{text}")).unwrap();
            ["default", "open", "shut", "unknown"].map(|server| {
                config
                    .scope(server, "shop")
                    .map(|scope| scope.narrowed("up").unwrap())
            })
        };
        let own = |more: &str| Some(format!("up{{namespace=\"shop\"{more}}}"));
        assert_eq!(of(""), [None, None, own(""), None]);
        assert_eq!(of("tenancy: Cluster"), of(""));
        assert_eq!(
            of("tenancy: Namespace"),
            [own(",cluster=\"a\""), None, own(""), None]
        );
        let [_, _, shut, _] = of("labels: {namespace: exported_namespace}");
        assert_eq!(shut.as_deref(), Some("up{exported_namespace=\"shop\"}"));
        let refused = parse(&format!("{servers}\ntenancy: namespace"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("`Cluster` or `Namespace`"), "{refused}");
    }
}
