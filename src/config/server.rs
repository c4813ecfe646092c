//! The part of the configuration that says where a Prometheus-compatible server is and how to ask it. No network.
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::{Tenancy, matchers};

/// Parameters of a query that are the controller's own.
const OWN_PARAMETERS: [&str; 6] = ["query", "time", "timeout", "start", "end", "step"];
/// Headers that other fields set, or that belong to the transport.
const OWN_HEADERS: [(&str, &str); 8] = [
    ("authorization", "use bearerTokenFile or basicAuth"),
    ("accept-encoding", "use compression: true"),
    ("content-encoding", "leave it out"),
    ("content-length", "leave it out"),
    ("content-type", "leave it out"),
    ("transfer-encoding", "leave it out"),
    ("connection", "leave it out"),
    (
        "host",
        "write the host into the URL, and use tls.serverName where the certificate has another name",
    ),
];

/// One Prometheus-compatible server, or several that hold the same data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServerConfig {
    /// The name that policies use.
    pub name: String,
    /// Base URL without `/api/v1`, such as `http://prometheus.monitoring:9090`. Either this or `urls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    /// Base URLs of servers with the same data. The first is asked as long as it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    urls: Vec<String>,
    /// Seconds after which a query is given up, the wait for its turn and all URLs included. Default 5.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// Least seconds between two scrapes of the targets on this server, for the windows of rates: these follow what is
    /// measured, and are no shorter than this asks for. Absent: as measured, and 15 until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrape_interval_seconds: Option<u32>,
    /// Greatest answer in bytes, uncompressed, that is read; a greater one is an error. Default 16 MiB, about 60,000
    /// series.
    #[serde(default = "default_max_response")]
    pub max_response_bytes: usize,
    /// Queries of the built-in metrics in flight at a time, and as many of users' own. Default 8.
    #[serde(default = "default_concurrent")]
    pub max_concurrent_queries: usize,
    /// Whether answers are asked for in gzip: fewer bytes, more CPU time here and there. Default false.
    #[serde(default)]
    pub compression: bool,
    /// File that holds a bearer token. It is read again when it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer_token_file: Option<PathBuf>,
    /// User name and password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<BasicAuth>,
    /// How to talk https.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
    /// Headers sent with every query, such as `X-Scope-OrgID`.
    #[serde(default, skip_serializing_if = "HiddenValues::is_empty")]
    pub headers: HiddenValues,
    /// Parameters sent with every query, such as `dedup`.
    #[serde(default, skip_serializing_if = "HiddenValues::is_empty")]
    pub query_parameters: HiddenValues,
    /// Label matchers added to every built-in query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    matchers: Option<String>,
    /// Which series the policies that name this server may read. Absent: as the configuration says for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenancy: Option<Tenancy>,
}

/// A user name and the file with its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicAuth {
    /// The user's name.
    pub username: String,
    /// File that holds the password. It is read again when it changes.
    pub password_file: PathBuf,
}

/// Certificates, as files in PEM. They are read again when they change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificates of the authorities that may have signed the server's certificate: these and no others. Absent: the
    /// system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The client's certificate, for servers that ask for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_file: Option<PathBuf>,
    /// The client certificate's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The name in the server's certificate where it is not the URL's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
    /// Whether any certificate will do. Whoever sits between can then read and alter everything.
    #[serde(default)]
    pub insecure_skip_verify: bool,
}

/// Names with values that may be secrets: only the names are shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HiddenValues(BTreeMap<String, String>);

impl HiddenValues {
    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether this name has a value.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for HiddenValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn default_timeout() -> u32 {
    5
}
fn default_max_response() -> usize {
    16 << 20
}
fn default_concurrent() -> usize {
    8
}

impl ServerConfig {
    /// A server with this name at this URL, and with the documented defaults.
    #[must_use]
    pub fn at(name: &str, url: &str) -> Self {
        Self {
            name: name.into(),
            url: Some(url.into()),
            urls: Vec::new(),
            timeout_seconds: default_timeout(),
            scrape_interval_seconds: None,
            max_response_bytes: default_max_response(),
            max_concurrent_queries: default_concurrent(),
            compression: false,
            bearer_token_file: None,
            basic_auth: None,
            tls: None,
            headers: HiddenValues::default(),
            query_parameters: HiddenValues::default(),
            matchers: None,
            tenancy: None,
        }
    }

    /// The base URLs in the order in which they are preferred.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        self.url.iter().chain(&self.urls).map(String::as_str)
    }

    /// Label matchers for every built-in query, such as `cluster="a",env=~"p.*"`, without a comma at the end.
    #[must_use]
    pub fn matchers(&self) -> Option<&str> {
        self.matchers.as_deref()
    }

    /// Checks all fields and brings them into the form in which they are used.
    pub(super) fn check(&mut self) -> Result<(), String> {
        if self.url.is_some() && !self.urls.is_empty() {
            return Err("url and urls are both given: write one of them".into());
        }
        let mut schemes = Vec::new();
        for url in self.url.iter_mut().chain(&mut self.urls) {
            schemes.push(base_url(url)?);
        }
        if schemes.is_empty() {
            return Err("it has no URL: write url, or urls for several servers with the same data".into());
        }
        if let Some(twice) = self.urls().enumerate().find_map(|(index, url)| {
            self.urls()
                .take(index)
                .any(|earlier| earlier == url)
                .then_some(url)
        }) {
            return Err(format!("urls has {twice} twice: leave one out"));
        }
        self.check_numbers()?;
        self.check_credentials()?;
        if let Some(tls) = &self.tls {
            tls.check()?;
            if !schemes.iter().any(|scheme| scheme == "https") {
                return Err(
                    "tls is given, but no URL begins with https: write https, or leave tls out".into(),
                );
            }
        }
        for (name, value) in self.headers.iter() {
            check_header(name, value)?;
        }
        if let Some(name) = OWN_PARAMETERS
            .iter()
            .find(|name| self.query_parameters.contains(name))
        {
            return Err(format!(
                "queryParameters has {name}, which the controller sets: leave it out"
            ));
        }
        if let Some(text) = &self.matchers {
            self.matchers = Some(matchers::checked(text).map_err(|reason| format!("matchers: {reason}"))?);
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), String> {
        if self.timeout_seconds == 0 || self.scrape_interval_seconds == Some(0) {
            return Err("timeoutSeconds and scrapeIntervalSeconds must be at least 1".into());
        }
        if self.timeout_seconds > 600 {
            return Err("timeoutSeconds must be at most 600; 5 suits most servers".into());
        }
        if self.max_response_bytes < 1000 {
            return Err("maxResponseBytes must be at least 1000; the default is 16777216".into());
        }
        if !(1..=1000).contains(&self.max_concurrent_queries) {
            return Err("maxConcurrentQueries must be from 1 to 1000; the default is 8".into());
        }
        Ok(())
    }

    fn check_credentials(&self) -> Result<(), String> {
        if self.bearer_token_file.is_some() && self.basic_auth.is_some() {
            return Err("bearerTokenFile and basicAuth are both given: write one of them".into());
        }
        if let Some(path) = &self.bearer_token_file {
            named(path, "bearerTokenFile")?;
        }
        if let Some(basic) = &self.basic_auth {
            if basic.username.is_empty() || basic.username.contains(|c: char| c == ':' || c.is_control()) {
                return Err("basicAuth.username must be there, and without a colon".into());
            }
            named(&basic.password_file, "basicAuth.passwordFile")?;
        }
        Ok(())
    }
}

impl TlsConfig {
    fn check(&self) -> Result<(), String> {
        for (path, field) in [
            (&self.ca_file, "tls.caFile"),
            (&self.cert_file, "tls.certFile"),
            (&self.key_file, "tls.keyFile"),
        ] {
            if let Some(path) = path {
                named(path, field)?;
            }
        }
        match (&self.cert_file, &self.key_file) {
            (Some(_), None) => return Err("tls.certFile needs tls.keyFile beside it".into()),
            (None, Some(_)) => return Err("tls.keyFile needs tls.certFile beside it".into()),
            _ => {}
        }
        if self.insecure_skip_verify && (self.ca_file.is_some() || self.server_name.is_some()) {
            return Err(
                "tls.insecureSkipVerify makes tls.caFile and tls.serverName useless: leave it out".into(),
            );
        }
        if let Some(name) = &self.server_name
            && !is_host(name)
        {
            return Err(format!(
                "tls.serverName {name:?} is no host name: write one such as prometheus.example.com"
            ));
        }
        Ok(())
    }
}

fn named(path: &Path, field: &str) -> Result<(), String> {
    if path.as_os_str().is_empty() {
        return Err(format!("{field} is empty: write the path of a file"));
    }
    Ok(())
}

fn is_host(name: &str) -> bool {
    reqwest::Url::parse(&format!("https://{name}/"))
        .is_ok_and(|url| url.domain() == Some(name.to_ascii_lowercase().as_str()))
}

/// The value is never repeated: it may be a secret.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let parsed = HeaderName::try_from(name).map_err(|_| {
        format!("headers has {name:?}, which is no header name: write one such as X-Scope-OrgID")
    })?;
    if let Some((_, advice)) = OWN_HEADERS.iter().find(|(own, _)| *own == parsed.as_str()) {
        return Err(format!("headers has {name}: {advice}"));
    }
    HeaderValue::from_str(value)
        .map(drop)
        .map_err(|_| format!("the value of the header {name} has characters that no header may have"))
}

/// Checks a URL, takes the slashes off its end, and returns its scheme. What may hold a password is not repeated.
fn base_url(url: &mut String) -> Result<String, String> {
    if url.contains('@') {
        return Err("a URL holds a user name or password: use basicAuth with passwordFile".into());
    }
    if url.contains(['?', '#']) {
        return Err("a URL holds ? or #: write parameters into queryParameters".into());
    }
    let parsed = reqwest::Url::parse(url).map_err(|error| {
        format!("url {url:?} is not a URL ({error}): write one such as http://prometheus.monitoring:9090")
    })?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(format!(
            "url {url:?} has scheme {}: use http or https",
            parsed.scheme()
        ));
    }
    let base = url.trim_end_matches('/');
    if let Some(shorter) = ["/api/v1", "/api/v1/query"]
        .iter()
        .find_map(|end| base.strip_suffix(end))
    {
        return Err(format!(
            "url {url:?} names the API: write {shorter:?}, the rest is added"
        ));
    }
    url.truncate(base.len());
    Ok(parsed.scheme().to_owned())
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
