//! nginx before a scripted Prometheus, and a client of the two.
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use concertina::config::Config;
use concertina::observe::query::{Question, Template};
use concertina::observe::server::Server;
use concertina::observe::table::{Naming, Wanted};
use tokio::net::TcpListener;

/// A directory that goes with the test.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("concertina-nginx-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A Prometheus that knows one answer.
pub(crate) struct Prometheus {
    pub(crate) address: SocketAddr,
    headers: Arc<Mutex<Vec<HeaderMap>>>,
}

impl Prometheus {
    /// One that answers with this many bytes, or few more.
    pub(crate) async fn start(bytes: usize) -> Self {
        let headers = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&headers);
        let padding = " ".repeat(bytes);
        let text = format!(r#"{{"status":"success",{padding}"data":{{"resultType":"vector","result":[]}}}}"#);
        let router = axum::Router::new().fallback(move |headers: HeaderMap| {
            asked.lock().unwrap().push(headers);
            async move { ([("content-type", "application/json")], text) }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, headers }
    }

    /// The headers of all requests so far.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.headers.lock().unwrap().clone()
    }
}

/// A running nginx; it ends with the test.
pub(crate) struct Nginx {
    child: Child,
    pub(crate) port: u16,
}

impl Nginx {
    /// Starts one on a free port that hands requests on to `upstream`. `listen` follows the port in nginx' `listen`, as
    /// `ssl` does; `directives` are further ones of the server.
    pub(crate) async fn start(upstream: SocketAddr, listen: &str, directives: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .await
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        Self::start_at(port, upstream, listen, directives).await
    }

    pub(crate) async fn start_at(port: u16, upstream: SocketAddr, listen: &str, directives: &str) -> Self {
        let directory = Directory::new();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {name};"))
            .concat();
        // One process, which ends when it is killed.
        let text = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr warn;
            events {{ worker_connections 64; }}
            http {{
                access_log off; {temporary}
                server {{
                    listen 127.0.0.1:{port} {listen};
                    {directives}
                    location / {{
                        proxy_pass http://{upstream};
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Connection '';
                    }}
                }}
            }}"
        );
        let config = directory.write("nginx.conf", &text);
        let log = directory.0.join("log");
        let mut child = Command::new(program())
            .arg("-p")
            .arg(&directory.0)
            .arg("-c")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap())
            .spawn()
            .expect("nginx cannot be started: run testbed/nginx to see why");
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            let ended = child.try_wait().unwrap();
            let said = || std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none(), "nginx ended: {}", said());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { child, port }
    }

    pub(crate) fn kill(mut self) -> u16 {
        self.end();
        self.port
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        self.end();
    }
}

/// The path of nginx, fetched if it must be.
fn program() -> PathBuf {
    static PROGRAM: std::sync::LazyLock<PathBuf> = std::sync::LazyLock::new(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/nginx");
        let output = Command::new(script)
            .output()
            .expect("testbed/nginx cannot be run: bash is needed");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "these tests need nginx: {said}");
        String::from_utf8(output.stdout).unwrap().trim().into()
    });
    PROGRAM.clone()
}

/// A client with these fields of the configuration.
pub(crate) fn client(fields: &str) -> Server {
    // Another test may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = Directory::new();
    let path = directory.write(
        "config.yaml",
        &format!("{{servers: [{{name: default, {fields}}}]}}"),
    );
    let config = Config::read(&path).unwrap();
    Server::new(config.server("default").unwrap().clone()).unwrap()
}

/// What comes of a query: nothing, or the sentence that a user reads.
pub(crate) async fn ask(server: &Server) -> Result<(), String> {
    let template = Template::Custom {
        query: "sum(up)".into(),
        age_query: None,
    };
    let question = Question {
        template: &template,
        text: "sum(up)".into(),
        naming: Naming::OWN,
        is_total: true,
        measures_interval: false,
        window_seconds: None,
        interval_seconds: None,
        identity: 0,
    };
    let answer = server.fetch(&question, &Wanted::of(Some(&[]))).await;
    answer.map(drop).map_err(|error| error.to_string())
}

/// Asserts that the query fails with a sentence that has these words in it.
pub(crate) async fn expect_words(server: &Server, words: &[&str]) {
    let sentence = ask(server).await.unwrap_err();
    for word in words {
        assert!(sentence.contains(word), "{word:?} is not in: {sentence}");
    }
}

/// Lets time pass without waiting for it.
pub(crate) async fn later(seconds: u64) {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(seconds)).await;
    tokio::time::resume();
}
