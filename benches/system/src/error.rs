//! Why a benchmark cannot go on. No network.

/// Why a benchmark cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The API server refused, or could not be asked.
    #[error("the API server: {0}; is the test bed up, and was this started by testbed/enter?")]
    Kube(#[from] Box<kube::Error>),
    /// No kubeconfig.
    #[error("no cluster to talk to: start this by testbed/enter")]
    Kubeconfig(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A request to Prometheus, to the exporter or to the controller failed.
    #[error("a request failed: {0}")]
    Http(#[from] reqwest::Error),
    /// A request to the API server cannot be written.
    #[error("a request cannot be written: {0}")]
    Request(#[from] http::Error),
    /// Reading or writing a file, or starting a process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A fixture or a stored report is malformed.
    #[error("malformed YAML: {0}")]
    Yaml(#[from] serde_yaml::Error),
    /// An answer or a stored report is malformed.
    #[error("malformed JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Something did not come about in time.
    #[error("{what}: not within {seconds} s; the logs are beside the report")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
    },
    /// A signal came.
    #[error("interrupted; what was started has ended")]
    Interrupted,
    /// An answer that cannot be used.
    #[error("{0}")]
    Unusable(String),
}

impl From<kube::Error> for BenchError {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}
