//! A real Prometheus on loopback, with series that are pushed to it together with their past. It ends with the test.
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::series::Series;

/// The server.
pub(crate) struct Prometheus {
    pub(crate) url: String,
    child: Child,
    directory: PathBuf,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

const CONFIGURATION: &str = "
global: {scrape_interval: 1h}
otlp: {translation_strategy: NoTranslation}
storage: {tsdb: {out_of_order_time_window: 1h}}
";

/// `PROMETHEUS`, the newest that the test bed has built, or what is on the path.
fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("PROMETHEUS") {
        return program.into();
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let tools = cache.or_else(home).unwrap_or_default().join("concertina/tools");
    let built = std::fs::read_dir(tools).into_iter().flatten().flatten();
    let built = built
        .map(|entry| entry.path().join("prometheus"))
        .filter(|path| path.is_file());
    let newest = built.max_by_key(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok());
    newest.unwrap_or_else(|| "prometheus".into())
}

impl Prometheus {
    /// Starts a server without any data.
    pub(crate) fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("concertina-sources-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let configuration = directory.join("prometheus.yml");
        std::fs::write(&configuration, CONFIGURATION).unwrap();
        let program = program();
        let child = Command::new(&program)
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .args(["--web.listen-address=127.0.0.1:0", "--web.enable-otlp-receiver"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot run {} ({error}): run testbed/tools --only prometheus, or name one in PROMETHEUS",
                    program.display()
                )
            });
        // From here on it ends with this, whatever fails.
        let mut started = Self {
            url: String::new(),
            child,
            directory,
        };
        let mut lines = BufReader::new(started.child.stderr.take().unwrap()).lines();
        let mut read = Vec::new();
        // It says in either order where it listens and that it is ready to be asked.
        let (mut url, mut is_ready) = (None, false);
        for line in lines.by_ref().map_while(Result::ok) {
            if let Some((_, address)) = line.split_once("msg=\"Listening on\"")
                && let Some((_, address)) = address.split_once("address=")
            {
                url = Some(format!("http://{}", address.trim()));
            }
            is_ready |= line.contains("Server is ready");
            read.push(line);
            if is_ready && url.is_some() {
                break;
            }
        }
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        started.url = url.unwrap_or_else(|| panic!("Prometheus did not start: {}", read.join("\n")));
        started
    }

    /// Takes over these series.
    pub(crate) async fn push(&self, series: &[Series]) {
        self.take(&Self::body(series)).await;
    }

    /// These series and their samples up to now, for [`Self::take`].
    pub(crate) fn body(series: &[Series]) -> Value {
        let metrics: Vec<Value> = series.iter().map(Series::as_otlp).collect();
        json!({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    }

    /// Takes over what [`Self::body`] made.
    pub(crate) async fn take(&self, body: &Value) {
        let request = reqwest::Client::new()
            .post(format!("{}/api/v1/otlp/v1/metrics", self.url))
            .header("content-type", "application/json")
            .body(body.to_string());
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        assert!(status.is_success(), "{status}: {text}");
    }

    /// What this path of its API answers to a form.
    pub(crate) async fn ask(&self, path: &str, form: &[(&str, String)]) -> Value {
        let request = reqwest::Client::new()
            .post(format!("{}{path}", self.url))
            .form(form);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
