//! Which Lease the controllers elect one among them by, from the arguments that they are started with. Pure.
use clap::Parser;
use serde_json::Value;

use super::{Account, Heard, Listed, Named};
use crate::cli::{Arguments, Command};

/// The name of the Lease where nothing else is said.
const USUAL_LEASE: &str = "concertina";

/// How one of several controllers is elected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Election {
    /// By this Lease.
    By { namespace: String, name: String },
    /// Nobody said, and the controllers' arguments are not known: by this Lease, unless they were told otherwise.
    Perhaps { namespace: String, name: String },
    /// None is: the controller is alone.
    None,
}

impl Election {
    /// As whoever asks says, or else as the controllers are told.
    pub(super) fn of(named: &Named, account: &Account, deployments: &Heard<Listed>) -> Self {
        let told = deployments
            .iter()
            .flat_map(|list| &list.items)
            .filter(|workload| account.runs(workload))
            .find_map(|workload| told(workload, account));
        match (named.lease.clone(), told) {
            (Some(name), Some(Self::By { namespace, .. })) => Self::By { namespace, name },
            (Some(name), _) => Self::By {
                namespace: account.namespace.clone(),
                name,
            },
            (None, Some(told)) => told,
            (None, None) => Self::Perhaps {
                namespace: account.namespace.clone(),
                name: USUAL_LEASE.to_owned(),
            },
        }
    }
}

/// What the first container that runs the controller is told; nothing where that cannot be read, as from a command in a shell.
fn told(workload: &Value, account: &Account) -> Option<Election> {
    let containers = workload.pointer("/spec/template/spec/containers")?.as_array()?;
    containers.iter().find_map(|container| {
        let words = |field: &str| {
            let words = container.get(field).and_then(Value::as_array);
            words.into_iter().flatten().filter_map(Value::as_str)
        };
        // The first word of a command is the program, as it is here.
        let line = ["concertina"].into_iter();
        let line = line.chain(words("command").skip(1)).chain(words("args"));
        let Command::Run(run) = Arguments::try_parse_from(line).ok()?.command else {
            return None;
        };
        let election = run.leader.settings(&account.namespace).ok()?;
        Some(election.map_or(Election::None, |settings| Election::By {
            namespace: settings.namespace().to_owned(),
            name: settings.name().to_owned(),
        }))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::recorded::{account, listed};
    use super::*;

    fn by(namespace: &str, name: &str) -> Election {
        Election::By {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    fn elected(container: Value) -> Election {
        let workload = |account: &str, container: Value| {
            json!({"metadata": {"namespace": "concertina", "name": account},
                   "spec": {"template": {"spec": {"serviceAccountName": account, "containers": [{"name": "proxy"}, container]}}}})
        };
        let other = json!({"args": ["run", "--lease-name=other"]});
        let workloads = listed(vec![workload("other", other), workload("concertina", container)]);
        Election::of(&Named::default(), &account(), &workloads)
    }

    #[test]
    fn the_lease_is_that_of_the_controllers_own_arguments() {
        let run = |more: &[&str]| json!({"args": ([&["run", "--config=/etc/concertina/config.yaml"], more].concat())});
        assert_eq!(elected(run(&[])), by("concertina", "concertina"));
        let chart = [
            "--leader-elect=true",
            "--lease-name=autoscaling",
            "--lease-duration-seconds=15",
            "--log-json",
        ];
        assert_eq!(elected(run(&chart)), by("concertina", "autoscaling"));
        assert_eq!(
            elected(run(&["--lease-namespace", "leases"])),
            by("leases", "concertina")
        );
        assert_eq!(elected(run(&["--leader-elect=false"])), Election::None);
        let command = json!({"command": ["/concertina", "run"], "args": ["--lease-name=autoscaling"]});
        assert_eq!(elected(command), by("concertina", "autoscaling"));
    }

    #[test]
    fn arguments_that_cannot_be_read_leave_it_open() {
        let open = Election::Perhaps {
            namespace: "concertina".into(),
            name: "concertina".into(),
        };
        let shell = json!({"command": ["sh", "-c", "/concertina run --leader-elect=false"]});
        let expanded = json!({"args": ["run", "--lease-name=$(LEASE)"]});
        let newer = json!({"args": ["run", "--lease-kind=ConfigMap"]});
        for container in [shell, expanded, newer, json!({"args": ["doctor"]}), json!({})] {
            assert_eq!(elected(container.clone()), open, "{container}");
        }
    }

    #[test]
    fn what_is_named_comes_before_what_the_controllers_are_told() {
        let named = Named {
            lease: Some("mine".into()),
            ..Named::default()
        };
        let nothing = listed(Vec::new());
        assert_eq!(
            Election::of(&named, &account(), &nothing),
            by("concertina", "mine")
        );
    }
}
