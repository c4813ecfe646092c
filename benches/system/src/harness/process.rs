//! Processes that this benchmark starts, and what processes use: processor time from a cgroup of their own or from /proc,
//! memory from /proc. No network.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::error::BenchError;

/// Linux shows processor time to programs in these, whatever the kernel's own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process that ends with this value.
pub(crate) struct Process {
    child: Child,
    cgroup: Option<Cgroup>,
}

impl Process {
    /// Starts a program in a cgroup of its own where one can be made; what it says goes to a file.
    pub(crate) fn start(
        program: &Path,
        arguments: &[OsString],
        environment: &[(&str, OsString)],
        log: &Path,
    ) -> Result<Self, BenchError> {
        let cgroup = Cgroup::make();
        let said = File::options().create(true).append(true).open(log)?;
        // The shell enters the cgroup first, so that nothing of the program is counted elsewhere.
        let mut command = match &cgroup {
            Some(cgroup) => {
                let mut shell = Command::new("/bin/sh");
                shell
                    .args(["-c", "echo $$ >\"$0\" && exec \"$@\""])
                    .arg(cgroup.directory.join("cgroup.procs"))
                    .arg(program);
                shell
            }
            None => Command::new(program),
        };
        // What enter sets for its user would count as the controller's configuration.
        command.args(arguments).env_remove("PROMETHEUS_URL");
        for (name, value) in environment {
            command.env(name, value);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()?;
        Ok(Self { child, cgroup })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Has it ended by itself?
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Processor time so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Option<f64> {
        match &self.cgroup {
            Some(cgroup) => cgroup.cpu_seconds(),
            None => cpu_seconds(self.id()),
        }
    }

    /// How its processor time is counted.
    pub(crate) fn counted_by(&self) -> &'static str {
        if self.cgroup.is_some() {
            "a cgroup of its own"
        } else {
            "/proc/PID/stat, to 10 ms"
        }
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and waits for it.
    pub(crate) fn terminate(&mut self, patience: Duration) {
        signal(self.id(), "TERM");
        let began = Instant::now();
        while !self.has_ended() && began.elapsed() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let Some(cgroup) = &self.cgroup else { return };
        // An emptied cgroup may be busy for a moment longer.
        for _ in 0..50 {
            if std::fs::remove_dir(&cgroup.directory).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Sends a signal to one process.
pub(crate) fn signal(process: u32, name: &str) {
    let _ = Command::new("/bin/kill")
        .args([&format!("-{name}"), &process.to_string()])
        .stderr(Stdio::null())
        .status();
}

struct Cgroup {
    directory: PathBuf,
    is_unified: bool,
}

impl Cgroup {
    fn make() -> Option<Self> {
        let name = format!("concertina-bench-{}-{}", std::process::id(), next_number());
        let root = Path::new("/sys/fs/cgroup");
        let is_unified = root.join("cgroup.controllers").exists();
        let directory = if is_unified {
            root.join(name)
        } else {
            root.join("cpuacct").join(name)
        };
        std::fs::create_dir(&directory).ok()?;
        let cgroup = Self {
            directory,
            is_unified,
        };
        let is_usable = cgroup.cpu_seconds().is_some();
        if !is_usable {
            let _ = std::fs::remove_dir(&cgroup.directory);
        }
        is_usable.then_some(cgroup)
    }

    fn cpu_seconds(&self) -> Option<f64> {
        let read = |file| std::fs::read_to_string(self.directory.join(file)).ok();
        if self.is_unified {
            let text = read("cpu.stat")?;
            let usage: f64 = text
                .lines()
                .find_map(|line| line.strip_prefix("usage_usec "))?
                .parse()
                .ok()?;
            Some(usage / 1e6)
        } else {
            let usage: f64 = read("cpuacct.usage")?.trim().parse().ok()?;
            Some(usage / 1e9)
        }
    }
}

fn next_number() -> u64 {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// Processor time of any process so far, in seconds.
pub(crate) fn cpu_seconds(process: u32) -> Option<f64> {
    cpu_of_stat(&std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

fn cpu_of_stat(text: &str) -> Option<f64> {
    // The name in brackets may hold anything, so the fields are counted from its end: utime and stime are 14 and 15.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// Memory of a process in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Memory {
    pub(crate) resident: f64,
    pub(crate) peak: f64,
    /// Shared pages count in part.
    pub(crate) proportional: Option<f64>,
}

/// What a process holds now.
pub(crate) fn memory(process: u32) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok();
    Some(Memory {
        resident: kibibytes(&status, "VmRSS:")?,
        peak: kibibytes(&status, "VmHWM:")?,
        proportional: rollup.and_then(|text| kibibytes(&text, "Pss:")),
    })
}

fn kibibytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// From now on the peak is that of what follows.
pub(crate) fn reset_peak(process: u32) -> bool {
    std::fs::write(format!("/proc/{process}/clear_refs"), "5").is_ok()
}

/// The processes of the test bed that this program is in, by name: those that share its network.
pub(crate) fn neighbours() -> HashMap<String, u32> {
    let network = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/net")).ok();
    let own = network("self");
    let mut found = HashMap::new();
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    for entry in processes {
        let process = entry.file_name().to_string_lossy().into_owned();
        let Ok(id) = process.parse() else { continue };
        if network(&process) != own {
            continue;
        }
        let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        if let Some(name) = name_of(&command) {
            found.insert(name, id);
        }
    }
    found
}

/// `kube` is all programs of Kubernetes, and its first argument says which.
fn name_of(command: &[u8]) -> Option<String> {
    let mut words = command.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let program = words.next()?.rsplit('/').next()?.to_owned();
    if program == "kube" {
        return words.next().map(|word| word.into_owned());
    }
    (!program.is_empty()).then_some(program)
}

/// Seconds that the machine's cores were busy, and that they had.
pub(crate) fn machine() -> Option<(f64, f64)> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> = text
        .lines()
        .next()?
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|field| field.parse().ok())
        .collect();
    let all: f64 = ticks.iter().sum();
    // The fourth and the fifth are idle and waiting for disks.
    let idle: f64 = ticks.iter().skip(3).take(2).sum();
    Some(((all - idle) / TICKS_PER_SECOND, all / TICKS_PER_SECOND))
}

/// Bytes that a process has received from a port, by connection. `None` where `ss` is missing.
pub(crate) fn received(process: u32, port: u16) -> Option<HashMap<String, f64>> {
    let output = Command::new("ss").args(["-tinpHO"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| received_of(&text, process, port))
}

fn received_of(text: &str, process: u32, port: u16) -> HashMap<String, f64> {
    let (owner, peer) = (format!("pid={process},"), format!(":{port}"));
    text.lines()
        .filter(|line| line.contains(&owner))
        .filter_map(|line| {
            let mut fields = line.split_whitespace().skip(3);
            let local = fields.next()?;
            let is_peer = fields.next()?.ends_with(&peer);
            let bytes = line
                .split_whitespace()
                .find_map(|field| field.strip_prefix("bytes_received:"))
                .map_or(Some(0.0), |bytes| bytes.parse().ok())?;
            is_peer.then(|| (local.to_owned(), bytes))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_whatever_the_process_is_called() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20";
        assert_eq!(cpu_of_stat(stat), Some(3.0));
        assert!(cpu_seconds(std::process::id()).is_some());
    }

    #[test]
    fn memory_of_this_process_is_known() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.peak >= memory.resident && memory.resident > 0.0);
    }

    #[test]
    fn programs_of_kubernetes_go_by_their_own_names() {
        assert_eq!(
            name_of(b"/run/bin/kube\0apiserver\0--x\0").as_deref(),
            Some("apiserver")
        );
        assert_eq!(name_of(b"prometheus\0--config\0").as_deref(), Some("prometheus"));
        assert_eq!(name_of(b""), None);
    }

    #[test]
    fn bytes_of_a_processs_own_connections_to_the_port_count() {
        let text = "ESTAB 0 0 127.0.0.1:40000 127.0.0.1:6443 users:((\"c\",pid=7,fd=9)) cubic bytes_received:500 x\n\
                    ESTAB 0 0 127.0.0.1:40001 127.0.0.1:9090 users:((\"c\",pid=7,fd=8)) cubic bytes_received:900 x\n\
                    ESTAB 0 0 127.0.0.1:40002 127.0.0.1:6443 users:((\"d\",pid=77,fd=9)) cubic bytes_received:70 x\n";
        let received = received_of(text, 7, 6443);
        assert_eq!(received, HashMap::from([("127.0.0.1:40000".to_owned(), 500.0)]));
    }
}
