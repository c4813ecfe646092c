//! Where a subcommand hears of the Prometheus servers: what is written on the command line comes before the environment. No
//! network, no file is read.
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

/// Names a configuration file.
const CONFIG: &str = "CONCERTINA_CONFIG";
/// Is a URL of a Prometheus server. Other programs read it too.
const PROMETHEUS_URL: &str = "PROMETHEUS_URL";

/// Arguments that name the Prometheus servers.
#[derive(Debug, Args)]
pub(super) struct ServerArguments {
    /// Configuration file: Prometheus servers, sources, defaults. Either this or --prometheus-url. Without both the
    /// environment variable CONCERTINA_CONFIG counts, then PROMETHEUS_URL.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// URL of the one Prometheus server, with the default configuration.
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    prometheus_url: Option<String>,
}

/// Who says what servers there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Servers {
    /// A configuration file.
    File(PathBuf),
    /// The URL of the one server there is.
    Url(String),
}

impl ServerArguments {
    /// What the command line says, or else the environment; `None` where neither says anything.
    #[must_use]
    pub(super) fn chosen(&self) -> Option<Servers> {
        self.chosen_with(|name| std::env::var_os(name))
    }

    fn chosen_with(&self, variable: impl Fn(&str) -> Option<OsString>) -> Option<Servers> {
        // What is set to nothing is not set, as a shell or a pod template does that means to leave it out.
        let variable = |name| variable(name).filter(|value| !value.is_empty());
        let file = |path: &Path| Servers::File(path.to_owned());
        let given = self
            .config
            .as_deref()
            .map(file)
            .or_else(|| self.prometheus_url.clone().map(Servers::Url));
        given
            .or_else(|| variable(CONFIG).map(|path| file(path.as_ref())))
            // What is no text is no URL either, and is refused as such.
            .or_else(|| variable(PROMETHEUS_URL).map(|url| Servers::Url(url.to_string_lossy().into_owned())))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        servers: ServerArguments,
    }

    fn chosen(arguments: &[&str], environment: &[(&str, &str)]) -> Option<Servers> {
        let program = Program::try_parse_from([&["program"], arguments].concat()).unwrap();
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        };
        program.servers.chosen_with(variable)
    }

    fn file(path: &str) -> Option<Servers> {
        Some(Servers::File(path.into()))
    }

    fn url(url: &str) -> Option<Servers> {
        Some(Servers::Url(url.into()))
    }

    #[test]
    fn an_argument_comes_before_the_environment_and_a_file_before_a_url() {
        let both = [(CONFIG, "e.yaml"), (PROMETHEUS_URL, "http://e")];
        assert_eq!(chosen(&["--config", "a.yaml"], &both), file("a.yaml"));
        assert_eq!(chosen(&["--prometheus-url", "http://a"], &both), url("http://a"));
        assert_eq!(chosen(&[], &both), file("e.yaml"));
        assert_eq!(chosen(&[], &both[1..]), url("http://e"));
        assert_eq!(chosen(&[], &[]), None);
    }

    #[test]
    fn a_variable_that_is_set_to_nothing_is_not_set() {
        let nothing = [(CONFIG, ""), (PROMETHEUS_URL, "http://e")];
        assert_eq!(chosen(&[], &nothing), url("http://e"));
        assert_eq!(chosen(&[], &[(PROMETHEUS_URL, "")]), None);
    }

    #[test]
    fn both_as_arguments_are_refused() {
        let both = ["program", "--config", "a.yaml", "--prometheus-url", "http://a"];
        let error = Program::try_parse_from(both).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ArgumentConflict);
    }
}
