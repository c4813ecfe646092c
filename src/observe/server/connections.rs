//! The HTTP clients of a server, one per URL, made anew when certificates change. Reads files; sends nothing itself.
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderValue;
use http::header::{HOST, HeaderMap, HeaderName};
use prometheus_http_query::Client;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Identity, Url};
use tokio::time::Instant;

use super::ServerError;
use super::files::WatchedFile;
use crate::cluster::lock;
use crate::config::ServerConfig;
use crate::observe::table::FetchError;

/// A connection that is not there by then is given up.
const CONNECT_SECONDS: u32 = 2;

type Contents = Option<Arc<[u8]>>;

/// What a server is talked to with.
pub(super) struct Connections {
    /// Those of `tls`: authorities, certificate, key.
    files: [Option<WatchedFile>; 3],
    made: Mutex<Made>,
}

struct Made {
    /// What the clients were made from.
    contents: [Contents; 3],
    /// In the order of the URLs; none before the files could be read.
    clients: Option<Arc<[Client]>>,
    /// The trouble with the files that was logged.
    told: Option<String>,
}

impl Connections {
    /// Makes the clients, unless that needs files: these are read with the first query.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub(super) fn new(config: &ServerConfig) -> Result<Self, ServerError> {
        let tls = config.tls.clone().unwrap_or_default();
        let file = |field, path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| WatchedFile::new(field, path))
        };
        let files = [
            file("tls.caFile", &tls.ca_file),
            file("tls.certFile", &tls.cert_file),
            file("tls.keyFile", &tls.key_file),
        ];
        let clients = if files.iter().all(Option::is_none) {
            let made = clients(config, &Default::default());
            Some(made.map_err(|source| ServerError::Http {
                name: config.name.clone(),
                source,
            })?)
        } else {
            None
        };
        let made = Mutex::new(Made {
            contents: Default::default(),
            clients,
            told: None,
        });
        Ok(Self { files, made })
    }

    /// The clients by the places of their URLs. Those that are there stay in use while files are missing or do not fit
    /// together, as in the midst of a rotation.
    ///
    /// # Errors
    /// When there are none yet, and the files do not allow to make them.
    pub(super) fn clients(&self, config: &ServerConfig, now: Instant) -> Result<Arc<[Client]>, FetchError> {
        let mut made = lock(&self.made);
        let trouble = match self.contents(now) {
            Ok(contents) => {
                if let Some(clients) = made.clients.as_ref().filter(|_| contents == made.contents) {
                    return Ok(Arc::clone(clients));
                }
                match clients(config, &contents) {
                    Ok(clients) => {
                        *made = Made {
                            contents,
                            clients: Some(Arc::clone(&clients)),
                            told: None,
                        };
                        return Ok(clients);
                    }
                    Err(error) => self.unusable(&error),
                }
            }
            Err(reason) => reason,
        };
        let Some(clients) = made.clients.clone() else {
            return Err(FetchError::Unprepared(trouble));
        };
        if made.told.as_ref() != Some(&trouble) {
            tracing::warn!(
                server = config.name,
                error = trouble,
                "the certificates read before stay in use"
            );
            made.told = Some(trouble);
        }
        Ok(clients)
    }

    fn contents(&self, now: Instant) -> Result<[Contents; 3], String> {
        let read = |file: &Option<WatchedFile>| file.as_ref().map(|file| file.contents(now)).transpose();
        let [authorities, certificate, key] = &self.files;
        Ok([read(authorities)?, read(certificate)?, read(key)?])
    }

    fn unusable(&self, error: &MakeError) -> String {
        let names: Vec<String> = self.files.iter().flatten().map(WatchedFile::name).collect();
        format!(
            "{} cannot be used ({error}): write certificates and key as PEM, which fit together",
            names.join(", ")
        )
    }
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The HTTP client is not to be had.
    #[error("{}", innermost(.0))]
    Http(#[from] reqwest::Error),
    /// There is no certificate in the file of the authorities.
    #[error("tls.caFile holds no certificate")]
    NoAuthority,
    /// The URL, or a header, is not what it was when the configuration was checked.
    #[error("{0}")]
    Unusable(String),
}

/// The innermost cause says what happened; the outer ones repeat that something did.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn clients(config: &ServerConfig, contents: &[Contents; 3]) -> Result<Arc<[Client]>, MakeError> {
    config.urls().map(|url| client(config, url, contents)).collect()
}

fn client(config: &ServerConfig, url: &str, contents: &[Contents; 3]) -> Result<Client, MakeError> {
    let mut url = Url::parse(url).map_err(|error| MakeError::Unusable(error.to_string()))?;
    let mut headers = HeaderMap::new();
    for (name, value) in config.headers.iter() {
        let name = HeaderName::try_from(name).map_err(|error| MakeError::Unusable(error.to_string()))?;
        let mut value =
            HeaderValue::from_str(value).map_err(|error| MakeError::Unusable(error.to_string()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let tries = u32::try_from(config.urls().count()).unwrap_or(u32::MAX);
    let limit = Duration::from_secs(config.timeout_seconds.into());
    let mut builder = reqwest::Client::builder()
        // One connection per query under way: on a shared one a slow answer holds up the others.
        .http1_only()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS.into()).min(limit / tries.max(1)))
        .timeout(limit)
        .redirect(reqwest::redirect::Policy::none())
        .gzip(config.compression)
        .user_agent(concat!("concertina/", env!("CARGO_PKG_VERSION")));
    let tls = config.tls.clone().unwrap_or_default();
    let [authorities, certificate, key] = contents;
    if let Some(pem) = authorities {
        let authorities = Certificate::from_pem_bundle(pem)?;
        if authorities.is_empty() {
            return Err(MakeError::NoAuthority);
        }
        builder = builder.tls_certs_only(authorities);
    } else if url.scheme() != "https" || tls.insecure_skip_verify {
        // An image FROM scratch has no CA certificates; they are only asked for where they are needed.
        builder = builder.tls_certs_only(std::iter::empty());
    }
    if let (Some(certificate), Some(key)) = (certificate, key) {
        builder = builder.identity(Identity::from_pem(&[certificate, &b"\n"[..], key].concat())?);
    }
    if tls.insecure_skip_verify {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let (Some(name), "https", Some(host)) = (&tls.server_name, url.scheme(), url.host_str()) {
        let host = host.trim_matches(['[', ']']).to_owned();
        let original = url.authority().to_owned();
        let unusable = |_| MakeError::Unusable(format!("tls.serverName {name:?} is no host name"));
        url.set_host(Some(name)).map_err(unusable)?;
        // The name is in the TLS handshake only; the request is for the host of the URL, and goes there.
        headers.insert(
            HOST,
            HeaderValue::from_str(&original).map_err(|error| MakeError::Unusable(error.to_string()))?,
        );
        builder = builder.no_proxy().dns_resolver(Arc::new(AddressOf(host)));
    }
    let http = builder.default_headers(headers).build()?;
    Client::from(http, url.as_str().trim_end_matches('/'))
        .map_err(|error| MakeError::Unusable(error.to_string()))
}

/// Finds this host's addresses, whichever name is asked for.
struct AddressOf(String);

impl Resolve for AddressOf {
    fn resolve(&self, _name: Name) -> Resolving {
        let host = self.0.clone();
        Box::pin(async move {
            // With port 0 the URL's own is taken.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
