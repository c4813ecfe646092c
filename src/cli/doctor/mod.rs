//! `concertina doctor`: looks at a cluster and its Prometheus servers before, and while, Concertina runs there, and says what
//! to set. It reads from the network and changes nothing there.
//!
//! What is asked is gathered first, bounded in time and size; every finding is made of what was heard, without the network.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::run::{RunError, client, kube_config};
use super::servers::{ServerArguments, Servers};
use crate::config::{Config, ConfigError};
use crate::control::tick::wall_clock;
use crate::observe::server::innermost;

mod cluster;
mod finding;
mod server;
mod settings;

pub use finding::{Finding, Level};
pub use server::RunningPod;

use cluster::{Account, ClusterFacts, Named};
use finding::Findings;
use settings::Settings;

/// A call of the API server is given up after this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What was heard of a server, or why nothing was, in words.
type Asked<T> = Result<T, String>;

/// Arguments of `concertina doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without a Prometheus server only the cluster is looked at. Nothing is changed in the cluster or in Prometheus. Exit status: 0 when there is no problem, 1 when \
                        there is one, or when it cannot run."
)]
pub struct DoctorArguments {
    #[command(flatten)]
    servers: ServerArguments,
    /// Service account of the controller, whose rights are looked at; absent: in a pod its own, elsewhere
    /// concertina/concertina.
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = account)]
    service_account: Option<Account>,
    /// Name of the Lease that the controllers elect one among them by; absent: as the arguments of their Deployment say.
    #[arg(long, value_name = "NAME", value_parser = lease_name)]
    lease_name: Option<String>,
    /// Context of the kubeconfig; absent: the current one, or the cluster this runs in.
    #[arg(long)]
    context: Option<String>,
    /// How findings are printed: as a text to read, as JSON, or as YAML.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Write the configuration with the values to set into this file, which must not be there yet. It holds the values of
    /// headers, which are not printed.
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
}

/// Why the doctor cannot run, or tell what was found.
#[derive(Debug, thiserror::Error)]
pub enum DoctorError {
    /// The configuration is unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The findings cannot be printed.
    #[error("cannot print the findings")]
    Print(#[from] io::Error),
    /// They cannot be written as YAML.
    #[error("cannot write YAML")]
    Yaml(#[from] serde_saphyr::ser::Error),
    /// There is no configuration to write.
    #[error(
        "there is no configuration to write: name a Prometheus with --prometheus-url, or a file with --config"
    )]
    NothingToWrite,
    /// The configuration cannot be written.
    #[error("cannot write {path}: name a file that is not there yet, in a directory that can be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason from the operating system.
        #[source]
        source: io::Error,
    },
}

fn account(text: &str) -> Result<Account, String> {
    match text.split_once('/') {
        Some((namespace, name)) if is_name(namespace) && is_name(name) => Ok(Account {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }),
        _ => Err("write the namespace and the name of the account, such as concertina/concertina".to_owned()),
    }
}

fn lease_name(text: &str) -> Result<String, String> {
    let name = is_name(text).then(|| text.to_owned());
    name.ok_or_else(|| "write a name as Kubernetes has it, such as concertina".to_owned())
}

/// They become part of a path.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
}

/// Looks at everything and tells what was found.
///
/// # Errors
/// When the configuration is unusable, or what was found cannot be told.
pub async fn run(arguments: DoctorArguments) -> Result<ExitCode, DoctorError> {
    let given = match arguments.servers.chosen() {
        Some(Servers::File(path)) => Some(Settings::read(&path)?),
        Some(Servers::Url(url)) => Some((Settings::of_url(&url), Config::with_server(&url, None)?)),
        None => None,
    };
    if given.is_none() && arguments.write_config.is_some() {
        return Err(DoctorError::NothingToWrite);
    }
    let config = given.as_ref().map(|(_, config)| config);
    let namespaces = config.map_or(&[][..], |config| &config.watch_namespaces);
    let named = Named {
        account: arguments.service_account.clone(),
        lease: arguments.lease_name.clone(),
        is_in_pod: false,
    };
    let cluster = look_at_cluster(arguments.context.clone(), named, namespaces).await;
    let findings = findings(&cluster, config).await;
    let settings = given.map(|(mut settings, _)| {
        let edits = findings.iter().filter_map(|finding| finding.edit.as_ref());
        edits.for_each(|edit| settings.apply(edit));
        settings
    });
    match print(
        &findings,
        settings.as_ref(),
        arguments.output,
        &mut io::stdout().lock(),
    ) {
        // A reader that has seen enough, such as `head`, is no error.
        Err(DoctorError::Print(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        result => result?,
    }
    if let (Some(settings), Some(path)) = (&settings, &arguments.write_config) {
        write(settings, path)?;
    }
    Ok(exit_code(&findings))
}

fn exit_code(findings: &[Finding]) -> ExitCode {
    if finding::count(findings, Level::Problem) == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    }
}

/// What was heard of the cluster, or why there is none to talk to.
async fn look_at_cluster(
    context: Option<String>,
    named: Named,
    namespaces: &[String],
) -> Result<ClusterFacts, String> {
    let client = async {
        let config = kube_config(context).await?;
        let is_in_pod = is_of_pod(&config);
        Ok::<_, RunError>((client(config, Some(TIMEOUT))?, is_in_pod))
    };
    match client.await {
        Ok((client, is_in_pod)) => {
            let named = Named { is_in_pod, ..named };
            Ok(cluster::gather(client, &named, namespaces).await)
        }
        Err(error) => Err(format!("{error} ({})", innermost(&error))),
    }
}

/// Whether these are the credentials that Kubernetes gives a pod.
fn is_of_pod(config: &kube::Config) -> bool {
    let token = config.auth_info.token_file.as_deref();
    token == Some("/var/run/secrets/kubernetes.io/serviceaccount/token")
}

async fn findings(cluster: &Result<ClusterFacts, String>, config: Option<&Config>) -> Vec<Finding> {
    let mut found = match cluster {
        Ok(facts) => cluster::findings(facts),
        Err(error) => {
            let mut found = Findings::about("cluster");
            found.problem("reach", error, cluster::ADVICE_REACH);
            found
        }
    };
    let facts = cluster.as_ref().ok();
    let Some(config) = config else {
        without_server(facts, &mut found);
        return found.list;
    };
    let pods = facts.map_or_else(Vec::new, |facts| facts.running_pods(wall_clock()));
    let clock = facts.and_then(|facts| facts.clock);
    let urls = urls_inside(facts);
    let mut of_servers = Vec::new();
    let mut intervals = BTreeMap::new();
    for server in &config.servers {
        let heard = server::gather(config, server, &pods).await;
        for (family, interval) in server::intervals(&heard) {
            intervals.insert((heard.name.clone(), family), interval);
        }
        of_servers.extend(server::findings(&heard, config, clock, &urls).list);
    }
    if let Some(Ok(policies)) = facts.map(|facts| &facts.policies) {
        cluster::windows(&policies.items, &intervals, &mut found);
        cluster::refused(&policies.items, config, &mut found);
    }
    found.list.extend(of_servers);
    found.list
}

/// URLs of what may be Prometheus, as they hold inside the cluster.
fn urls_inside(facts: Option<&ClusterFacts>) -> Vec<String> {
    let services = facts.and_then(|facts| facts.services.as_ref().ok());
    services.map_or_else(Vec::new, |services| cluster::prometheus_urls(&services.items))
}

/// Nobody has said where Prometheus is.
fn without_server(facts: Option<&ClusterFacts>, found: &mut Findings) {
    let urls = urls_inside(facts);
    let set = match urls.first().and_then(|url| port_forward(url)) {
        Some(command) => format!("{command}, and then --prometheus-url http://localhost:9090"),
        None => {
            "--prometheus-url with the URL of Prometheus as it is reached from here, or --config".to_owned()
        }
    };
    let what = if urls.is_empty() {
        "no Prometheus was named".to_owned()
    } else {
        format!(
            "no Prometheus was named; this cluster may have one at {}",
            urls.join(", ")
        )
    };
    found.problem("prometheus", what, set);
}

/// The command that makes a Service of the cluster reachable from here.
fn port_forward(url: &str) -> Option<String> {
    let (host, port) = url.strip_prefix("http://")?.split_once(':')?;
    let (service, namespace) = host.strip_suffix(".svc")?.split_once('.')?;
    let port = port.split('/').next()?;
    Some(format!(
        "kubectl -n {namespace} port-forward svc/{service} 9090:{port}"
    ))
}

/// What servers of this configuration offer for these pods, without a look at a cluster.
pub async fn look_at_servers(config: &Config, pods: &[RunningPod]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for server in &config.servers {
        let heard = server::gather(config, server, pods).await;
        findings.extend(server::findings(&heard, config, None, &[]).list);
    }
    findings
}

fn print(
    findings: &[Finding],
    settings: Option<&Settings>,
    format: Format,
    out: &mut impl Write,
) -> Result<(), DoctorError> {
    let shown = settings.map(Settings::shown);
    let document = || {
        json!({
            "problems": finding::count(findings, Level::Problem),
            "notes": finding::count(findings, Level::Note),
            "findings": findings,
            "configuration": shown.as_ref().map(|(settings, _)| settings.document()),
        })
    };
    match format {
        Format::Json => writeln!(out, "{:#}", document())?,
        Format::Yaml => write!(out, "{}", serde_saphyr::to_string(&document())?)?,
        Format::Table => {
            finding::table(findings, out)?;
            let is_worth_it =
                |settings: &Settings| settings.is_news() && finding::is_any_server_heard(findings);
            if let Some((settings, has_hidden)) = shown.as_ref().filter(|(settings, _)| is_worth_it(settings))
            {
                writeln!(
                    out,
                    "\n# The controller's configuration with these values: config of the chart's values, or\n\
                     # deploy/manifests/config.yaml (docs/reference/configuration.md)"
                )?;
                if *has_hidden {
                    writeln!(
                        out,
                        "# Values of headers and parameters are left out here; --write-config writes them."
                    )?;
                }
                write!(out, "{}", settings.text()?)?;
            }
        }
    }
    out.flush()?;
    Ok(())
}

/// Only for whoever runs this: there may be secrets in it.
fn write(settings: &Settings, path: &Path) -> Result<(), DoctorError> {
    let failed = |source| DoctorError::Write {
        path: path.to_owned(),
        source,
    };
    let text = settings.text()?;
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(failed)
}

#[cfg(test)]
#[path = "doctor_tests.rs"]
mod tests;
