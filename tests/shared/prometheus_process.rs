//! A real Prometheus on loopback as a process of a test, which it ends with. Several tiers of tests begin one.
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// The process.
pub(crate) struct PrometheusProcess {
    /// Where it answers.
    pub(crate) url: String,
    child: Child,
    directory: PathBuf,
}

impl Drop for PrometheusProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

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

impl PrometheusProcess {
    /// Starts a server with this configuration and these arguments, and waits until it can be asked.
    pub(crate) fn start(configuration: &str, arguments: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("concertina-prometheus-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let file = directory.join("prometheus.yml");
        std::fs::write(&file, configuration).unwrap();
        let program = program();
        let child = Command::new(&program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                directory.join("data").display()
            ))
            .arg("--web.listen-address=127.0.0.1:0")
            .args(arguments)
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
}
